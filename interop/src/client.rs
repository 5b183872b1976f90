//! The client. It writes HTTP/1 by hand, so that no library corrects a request, and uses hyper for
//! HTTP/2.

use std::{
    io::Cursor,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http_body_util::{BodyExt, Empty};
use hyper::{body::Bytes, client::conn::http2, header::HOST, http::response::Parts};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::ClientConfig, rustls::pki_types::ServerName};

use crate::{
    Context, Result,
    app::{ANSWERED, Answer, REJECTED},
    arrived::Arrives,
    certificate,
    request::{Mode, OTHER_HOST, Request, SECOND, Target},
    response::{self, Response},
    tunnel, upgrade,
};

/// No exchange on one machine takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Clone, Debug)]
pub enum Reply {
    /// The application's answer.
    Answer(Box<Answer>),
    /// The layer rejected the request, with this error.
    Rejected(String),
    /// The proxy answered with 200 and its own page.
    Foreign,
    /// The proxy did not let the request through: its status, or `None` if it hung up.
    Refused(Option<u16>),
    /// CONNECT got a 2xx, and the second request got no answer.
    Tunnel,
}

/// Where the client and the outermost proxy are.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client's own address.
    pub from: IpAddr,
    /// The proxy's socket.
    pub to: SocketAddr,
    /// The configuration that trusts the proxy's certificate.
    pub tls: Arc<ClientConfig>,
    /// The sockets of the proxies and of the application.
    pub own: Vec<SocketAddr>,
    /// What the documents say about the headers that arrive at the application.
    pub arrives: Arrives,
}

impl Client {
    /// Sends one request on a new connection.
    ///
    /// # Errors
    ///
    /// If the connection fails, or nothing answers within 10 s.
    pub async fn send(&self, request: &Request, mode: Mode) -> Result<Reply> {
        let exchange = async {
            let stream = self.connect().await?;
            match mode {
                Mode::Http2 => self.http2(self.tls(stream, b"h2").await?, request).await,
                Mode::Tls | Mode::Ipv6Tls => {
                    self.http1(self.tls(stream, b"http/1.1").await?, request, mode).await
                }
                _ => self.http1(stream, request, mode).await,
            }
        };
        timeout(PATIENCE, exchange).await.context("no answer within 10 s")?
    }

    pub(crate) async fn connect(&self) -> Result<TcpStream> {
        let socket = if self.from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket
            .bind(SocketAddr::new(self.from, 0))
            .context(format_args!("cannot bind to {}", self.from))?;
        socket.connect(self.to).await.context(format_args!("cannot connect to {}", self.to))
    }

    async fn tls(
        &self,
        stream: TcpStream,
        protocol: &[u8],
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut config = ClientConfig::clone(&self.tls);
        config.alpn_protocols = vec![protocol.to_vec()];
        let name = ServerName::try_from(certificate::NAME)?;
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.context("TLS fails")?;
        // HTTP/1.1 needs no agreement by ALPN.
        if protocol == b"h2" && stream.get_ref().1.alpn_protocol() != Some(protocol) {
            return Err("the proxy did not agree to HTTP/2".into());
        }
        Ok(stream)
    }

    fn authority(&self) -> String {
        format!("{}:{}", certificate::NAME, self.to.port())
    }

    /// The head of an HTTP/1 request, exactly as it is sent.
    pub fn head(&self, request: &Request, mode: Mode) -> String {
        let (scheme, lie) = mode.schemes();
        let authority = self.authority();
        let method = if request.target == Target::Tunnel { "CONNECT" } else { "GET" };
        let target = match request.target {
            Target::Tunnel => authority.clone(),
            Target::Origin => "/".to_owned(),
            Target::Path(path) => path.to_owned(),
            Target::OtherScheme => format!("{lie}://{authority}/"),
            Target::OtherHost => format!("{scheme}://{OTHER_HOST}:{}/", self.to.port()),
            Target::OtherUri => format!("{lie}://{OTHER_HOST}:{}/", self.to.port()),
        };
        let mut head = if mode == Mode::Http10 {
            format!("{method} {target} HTTP/1.0\r\n")
        } else {
            let host = request.host.as_ref().unwrap_or(&authority);
            format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n")
        };
        // The lies come in the second request.
        let lines = if request.target == Target::Tunnel { &[][..] } else { &request.lines };
        for (name, value) in lines {
            head.extend([*name, ": ", value, "\r\n"]);
        }
        head += "\r\n";
        head
    }

    async fn http1<S>(&self, mut stream: S, request: &Request, mode: Mode) -> Result<Reply>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // A proxy may answer and hang up before it has read everything.
        let _ = stream.write_all(self.head(request, mode).as_bytes()).await;
        if request.target == Target::Tunnel {
            return tunnel::ask(stream, &self.second(request)).await;
        }
        let mut received = Vec::new();
        loop {
            match response::parse(&received)? {
                Some(Response { reply: Reply::Refused(Some(101)), .. }) if request.upgrades() => {
                    return self.upgraded(stream, &received, request, mode).await;
                }
                Some(response) => return Ok(response.reply),
                None => {}
            }
            match stream.read_buf(&mut received).await {
                Ok(0) | Err(_) => return Ok(Reply::Refused(None)),
                Ok(_) => {}
            }
        }
    }

    /// The request after CONNECT.
    fn second(&self, request: &Request) -> String {
        let request = Request { target: Target::Path(SECOND), ..request.clone() };
        self.head(&request, Mode::Plain)
    }

    /// Sends the same lies by HTTP/2 on a connection that was upgraded to it. `received` came in so far.
    /// If nothing answers, the result is the 101.
    async fn upgraded<S>(
        &self,
        stream: S,
        received: &[u8],
        request: &Request,
        mode: Mode,
    ) -> Result<Reply>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("no end")?;
        let rest = Cursor::new(received.get(end + 4..).unwrap_or_default().to_vec());
        let (reading, writing) = tokio::io::split(stream);
        let stream = tokio::io::join(rest.chain(reading), writing);
        let (scheme, _) = mode.schemes();
        let authority = self.authority();
        let mut fields = vec![
            (":method", "GET"),
            (":scheme", scheme),
            (":path", "/"),
            (":authority", authority.as_str()),
        ];
        let lowered: Vec<_> =
            request.lines.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let lies = lowered.iter().filter(|(name, _)| name.contains("forwarded"));
        fields.extend(lies.map(|(name, value)| (name.as_str(), value.as_str())));
        Ok(match upgrade::ask(stream, &fields).await? {
            Some(answer) => Reply::Answer(Box::new(answer)),
            None => Reply::Refused(Some(101)),
        })
    }

    async fn http2<S>(&self, stream: S, request: &Request) -> Result<Reply>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let authority = request.host.clone().unwrap_or_else(|| self.authority());
        let (scheme, path, host) = match request.target {
            Target::Origin => ("https", "/", None),
            Target::Path(path) => ("https", path, None),
            Target::OtherScheme => ("http", "/", None),
            Target::OtherHost => ("https", "/", Some(OTHER_HOST)),
            Target::OtherUri => ("http", "/", Some(OTHER_HOST)),
            Target::Tunnel => return self.http2_tunnel(stream, request).await,
        };
        let mut built = hyper::Request::get(format!("{scheme}://{authority}{path}"));
        if let Some(host) = host {
            built = built.header(HOST, host);
        }
        for (name, value) in &request.lines {
            built = built.header(*name, value);
        }
        let Ok(response) =
            http2_sender(stream).await?.send_request(built.body(Empty::<Bytes>::new())?).await
        else {
            return Ok(Reply::Refused(None));
        };
        let (head, body) = response.into_parts();
        http2_reply(&head, &body.collect().await?.to_bytes())
    }

    async fn http2_tunnel<S>(&self, stream: S, request: &Request) -> Result<Reply>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connect = hyper::Request::connect(self.authority()).body(Empty::<Bytes>::new())?;
        let mut sender = http2_sender(stream).await?;
        let Ok(mut response) = sender.send_request(connect).await else {
            return Ok(Reply::Refused(None));
        };
        if !response.status().is_success() {
            let (head, _) = response.into_parts();
            return http2_reply(&head, &[]);
        }
        let Ok(stream) = hyper::upgrade::on(&mut response).await else {
            return Ok(Reply::Tunnel);
        };
        tunnel::second(TokioIo::new(stream), Vec::new(), &self.second(request)).await
    }
}

/// The client's end of an HTTP/2 connection.
async fn http2_sender<S>(stream: S) -> Result<http2::SendRequest<Empty<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn http2_reply(head: &Parts, body: &[u8]) -> Result<Reply> {
    let status = head.status.as_u16();
    if let Some(reason) = head.headers.get(REJECTED) {
        return Ok(Reply::Rejected(String::from_utf8_lossy(reason.as_bytes()).into_owned()));
    }
    if status != 200 {
        return Ok(Reply::Refused(Some(status)));
    }
    if !head.headers.contains_key(ANSWERED) {
        return Ok(Reply::Foreign);
    }
    Ok(Reply::Answer(Box::new(serde_json::from_slice(body).context("odd answer")?)))
}
