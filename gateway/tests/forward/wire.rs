//! A client of the proxy that sends exactly what it is told to, in a tunnel or not, with TLS or not.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Long enough for the slowest machine. No test waits this long if all is right.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A stream of any kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection of a client.
pub(crate) struct Wire<T = TcpStream> {
    pub(crate) stream: T,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// 0 if the connection ended without one.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as its framing says.
    pub(crate) is_whole: bool,
}

impl Answer {
    /// The values of a field, joined by ` | `.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let lines = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        let values: Vec<_> = lines
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect();
        (!values.is_empty()).then(|| values.join(" | "))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// One request on a connection of its own.
    pub(crate) async fn once(address: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
        let mut wire = Self::connect(address).await;
        wire.send(request).await;
        wire.answer().await
    }

    /// A tunnel, without anything in it yet.
    pub(crate) async fn tunnel(address: SocketAddr, authority: &str) -> Self {
        let mut wire = Self::connect(address).await;
        let answer = wire.ask_for_tunnel(authority, "").await;
        assert_eq!(answer.status, 200, "{}", answer.head);
        wire
    }

    /// Sends a CONNECT with more fields.
    pub(crate) async fn ask_for_tunnel(&mut self, authority: &str, fields: &str) -> Answer {
        self.send(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n"))
            .await;
        self.head().await
    }

    /// TLS within the tunnel, for a host with this name.
    pub(crate) async fn tls(
        self,
        config: Arc<ClientConfig>,
        name: &str,
    ) -> io::Result<Wire<TlsStream<TcpStream>>> {
        assert!(self.buffer.is_empty(), "nothing comes before the handshake");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let stream = TlsConnector::from(config).connect(name, self.stream);
        let stream = timeout(PATIENCE, stream).await.expect("a handshake in time")?;
        Ok(Wire { stream, buffer: Vec::new() })
    }
}

impl<T: Stream> Wire<T> {
    pub(crate) fn on(stream: T) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // That the other side closed is seen when reading.
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// A request and its answer.
    pub(crate) async fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    async fn more(&mut self) -> bool {
        let mut buffer = vec![0; 64 << 10];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("bytes in time");
        let read = read.unwrap_or(0);
        self.buffer.extend_from_slice(&buffer[..read]);
        read > 0
    }

    /// What comes until the connection ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.buffer)
    }

    /// What comes until the connection ends, or for so long.
    pub(crate) async fn rest_within(&mut self, time: Duration) -> Vec<u8> {
        let _ = timeout(time, async { while self.more().await {} }).await;
        std::mem::take(&mut self.buffer)
    }

    /// Whether the other side takes this within so long.
    pub(crate) async fn send_within(&mut self, bytes: impl AsRef<[u8]>, time: Duration) -> bool {
        timeout(time, self.send(bytes)).await.is_ok()
    }

    /// Exactly so many bytes. Fewer if the connection ends.
    pub(crate) async fn bytes(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length && self.more().await {}
        let length = length.min(self.buffer.len());
        self.buffer.drain(..length).collect()
    }

    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return Some(self.buffer.drain(..at + end.len()).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The head of an answer.
    pub(crate) async fn head(&mut self) -> Answer {
        let mut answer = Answer::default();
        while let Some(head) = self.until(b"\r\n\r\n").await {
            answer.head = String::from_utf8_lossy(&head[..head.len() - 4]).into_owned();
            let code = answer.head.split(' ').nth(1).and_then(|code| code.parse().ok());
            answer.status = code.unwrap_or_else(|| panic!("no status: {}", answer.head));
            if answer.status >= 200 || answer.status == 101 {
                return answer;
            }
        }
        answer.status = 0;
        answer
    }

    /// An answer to a request that is no HEAD.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        if answer.status < 200 || answer.status == 204 || answer.status == 304 {
            answer.is_whole = answer.status > 0;
            return answer;
        }
        if answer.field("transfer-encoding").is_some() {
            answer.is_whole = self.chunks(&mut answer).await;
        } else if let Some(length) = answer.field("content-length") {
            let length = length.parse().unwrap();
            answer.body = self.bytes(length).await;
            answer.is_whole = answer.body.len() == length;
        } else {
            answer.body = self.rest().await;
            answer.is_whole = true;
        }
        answer
    }

    async fn chunks(&mut self, answer: &mut Answer) -> bool {
        loop {
            let Some(line) = self.until(b"\r\n").await else { return false };
            let digits = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
            let Ok(length) = usize::from_str_radix(digits.trim(), 16) else { return false };
            let data = self.bytes(length).await;
            answer.body.extend(data);
            if self.until(b"\r\n").await.is_none() {
                return false;
            }
            if length == 0 {
                return true;
            }
        }
    }
}
