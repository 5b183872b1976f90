//! Connections: one for each probe, from an address that can be told from the proxies'.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::TlsConnector;

/// The prober's address on its own machine. Proxies have the first addresses of 127.0.0.0/8.
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 7, 7));

/// What is read from and written to.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// A connection, and its ends.
pub(super) struct Connection {
    pub(super) stream: Pin<Box<dyn Stream>>,
    pub(super) from: Option<SocketAddr>,
    /// Whether the server agreed to HTTP/2.
    pub(super) http2: bool,
}

/// How to connect.
#[derive(Clone)]
pub(super) struct Connect {
    pub(super) to: SocketAddr,
    pub(super) host: String,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The address to connect from, if it is not the system's choice.
    pub(super) from: Option<IpAddr>,
}

impl Connect {
    /// Chooses the address to connect from: [`OWN`], if the other end is on the same machine. Returns whether anybody
    /// accepts connections.
    pub(super) async fn choose(&mut self) -> bool {
        let Ok(stream) = TcpStream::connect(self.to).await else { return false };
        let here = stream.local_addr().is_ok_and(|from| from.ip() == self.to.ip());
        let loopback = self.to.ip().is_loopback();
        if self.to.is_ipv4() && (here || loopback) {
            self.from = Some(OWN);
            if self.tcp().await.is_err() {
                self.from = None;
            }
        }
        true
    }

    async fn tcp(&self) -> io::Result<TcpStream> {
        match self.from {
            None => TcpStream::connect(self.to).await,
            Some(from) => {
                let socket = TcpSocket::new_v4()?;
                socket.bind((from, 0).into())?;
                socket.connect(self.to).await
            }
        }
    }

    /// Connects, and writes this before everything else.
    pub(super) async fn connect(&self, before: Option<&str>) -> io::Result<Connection> {
        let mut stream = self.tcp().await?;
        stream.set_nodelay(true)?;
        if let Some(before) = before {
            stream.write_all(before.as_bytes()).await?;
        }
        let from = stream.local_addr().ok();
        let Some(config) = &self.tls else {
            return Ok(Connection { stream: Box::pin(stream), from, http2: false });
        };
        let host = self.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Connection { stream: Box::pin(stream), from, http2 })
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use tokio::{io::AsyncReadExt as _, net::TcpListener};

    use super::Connect;
    use crate::prober::{Trust, tls};

    /// What is written before everything else comes before the handshake (0x16, RFC 8446 §5.1) too.
    #[tokio::test]
    async fn before_everything_else() {
        for is_tls in [true, false] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let to = listener.local_addr().unwrap();
            let config = tls::config(&Trust::Insecure, b"http/1.1").unwrap();
            let tls = is_tls.then(|| Arc::new(config));
            let connect = Connect { to, host: "app.example".to_owned(), tls, from: None };
            let seen = async {
                let mut stream = listener.accept().await.unwrap().0;
                let mut bytes = [0; 9];
                let length = if is_tls { 9 } else { 8 };
                stream.read_exact(&mut bytes[..length]).await.unwrap();
                bytes
            };
            let (_, bytes) = tokio::join!(connect.connect(Some("PROXY 1\n")), seen);
            assert_eq!(&bytes[..8], b"PROXY 1\n");
            assert_eq!(bytes[8], if is_tls { 0x16 } else { 0 });
        }
    }
}
