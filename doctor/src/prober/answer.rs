//! The exchange of one probe, over HTTP/1 and over HTTP/2.
//!
//! 1. At most [`MOST`] bytes of an answer are read.
//! 2. An answer of the receiver is JSON that names this package. The path in it says which probe it is about; if it
//!    is another one, something on the way keeps answers.
//! 3. Every other answer is a refusal. Interim answers (1xx) are passed over.

use std::{io, time::Duration};

use http::{HeaderMap, Request, Version};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{body::Bytes, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use super::connect::Connection;
use crate::{
    arrived::Field,
    probe::{Kind, Probe, Shape, TUNNEL, connect_head, head},
    record::{Outcome, Way},
    wire::Answer,
};

/// The most bytes of an answer: a head of 64 KiB, in which each byte may take four in JSON.
const MOST: usize = 512 * 1024;
/// The most bytes of the answer to a CONNECT.
const HEAD: usize = 16 * 1024;
/// How long an answer behind a CONNECT may take.
pub(super) const BEHIND: Duration = Duration::from_secs(2);
/// The most lines of an answer's head.
const LINES: usize = 128;
/// The most interim answers. Servers send one or two.
const INTERIM: usize = 16;

/// What came back.
pub(super) struct Back {
    pub(super) outcome: Outcome,
    pub(super) servers: Vec<String>,
    /// The receiver asks to wait.
    pub(super) wait: bool,
}

impl Back {
    pub(super) fn of(outcome: Outcome) -> Self {
        Self { outcome, servers: Vec::new(), wait: false }
    }
}

/// What is sent, and where.
pub(super) struct Sent<'a> {
    pub(super) probe: &'a Probe,
    pub(super) way: &'a Way,
    pub(super) path: &'a str,
    pub(super) more: &'a [Field],
    pub(super) token: &'a str,
}

impl Sent<'_> {
    /// Sends a probe over HTTP/1.
    pub(super) async fn http1(&self, mut connection: Connection) -> io::Result<Back> {
        if self.probe.kind == Kind::Tunnel {
            let connect = connect_head(self.way, self.token, self.more);
            connection.stream.write_all(&connect).await?;
            let status = status(&mut connection.stream).await?;
            if !(200..300).contains(&status) {
                return Ok(Back::of(Outcome::Refused { status, location: None }));
            }
            return Ok(self.behind_connect(connection.stream, status).await);
        }
        if self.probe.kind == Kind::Headers(Shape::Second) {
            return self.second(connection.stream).await;
        }
        self.exchange(connection.stream).await
    }

    /// An honest request, and the probe on the same connection.
    async fn second<S>(&self, mut stream: S) -> io::Result<Back>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (id, lines, markers) = ("first".to_owned(), Vec::new(), Vec::new());
        let honest = Probe { id, kind: Kind::Honest, lines, markers };
        let path = format!("{}-first", self.path);
        let first = Sent { probe: &honest, path: &path, ..*self };
        let first_head = head(&honest, self.way, &path, self.more);
        let Some((status, headers, body)) = ask(&mut stream, &first_head).await? else {
            return Ok(Back::of(Outcome::Failed(NO_FIRST.to_owned())));
        };
        let back = first.back(status, &headers, &body);
        match back.outcome {
            Outcome::Arrived(_) if ends(&headers) => Ok(Back::of(Outcome::Ended)),
            Outcome::Arrived(_) => self.exchange(stream).await,
            // A limit, for which the whole probe waits.
            Outcome::Refused { status: 429 | 503, .. } => Ok(back),
            _ => Ok(Back::of(Outcome::Failed(NO_FIRST.to_owned()))),
        }
    }

    /// The request behind a CONNECT that was answered with this status. A proxy that opened no tunnel may never
    /// answer it.
    async fn behind_connect<S>(&self, stream: S, status: u16) -> Back
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let answer = timeout(BEHIND, self.exchange(stream)).await;
        match answer {
            Ok(Ok(back)) if back.outcome != Outcome::Closed => back,
            _ => Back::of(Outcome::Refused { status, location: None }),
        }
    }

    async fn exchange<S>(&self, mut stream: S) -> io::Result<Back>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let head = head(self.probe, self.way, self.path, self.more);
        Ok(match ask(&mut stream, &head).await? {
            Some((status, headers, body)) => self.back(status, &headers, &body),
            None => Back::of(Outcome::Closed),
        })
    }

    /// Sends a probe over HTTP/2.
    pub(super) async fn http2(&self, connection: Connection) -> io::Result<Back> {
        let io = TokioIo::new(connection.stream);
        let (mut sender, driver) =
            http2::handshake(TokioExecutor::new(), io).await.map_err(io::Error::other)?;
        let driver = tokio::spawn(driver);
        let Way { host, port, .. } = self.way;
        let uri = match self.probe.kind {
            Kind::OtherScheme => format!("{}://{host}:{port}{}", self.way.lie(), self.path),
            _ => format!("{}://{}{}", self.way.scheme, self.way.authority(), self.path),
        };
        let mut request = Request::get(uri).version(Version::HTTP_2);
        if self.probe.kind == Kind::OtherAuthority {
            request = request.header(http::header::HOST, "other.example");
        }
        for field in self.more.iter().chain(&self.probe.lines) {
            request = request.header(&field.name, field.value.as_bytes());
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
        if self.probe.kind == Kind::Tunnel {
            let back = self.http2_tunnel(&mut sender).await;
            driver.abort();
            return back;
        }
        let back = match sender.send_request(request).await {
            Err(_) => Back::of(Outcome::Closed),
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let body = Limited::new(body, MOST).collect().await;
                let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                self.back(parts.status.as_u16(), &parts.headers, &body)
            }
        };
        driver.abort();
        Ok(back)
    }

    async fn http2_tunnel(&self, sender: &mut Sender) -> io::Result<Back> {
        let Way { host, port, .. } = self.way;
        let mut request = Request::connect(format!("{host}:{port}"));
        for field in self.more {
            request = request.header(&field.name, field.value.as_bytes());
        }
        let request = request.header(TUNNEL, self.token).body(Empty::new());
        let request = request.map_err(io::Error::other)?;
        let Ok(mut response) = sender.send_request(request).await else {
            return Ok(Back::of(Outcome::Closed));
        };
        let status = response.status().as_u16();
        if !response.status().is_success() {
            return Ok(Back::of(Outcome::Refused { status, location: None }));
        }
        match hyper::upgrade::on(&mut response).await {
            Ok(stream) => Ok(self.behind_connect(TokioIo::new(stream), status).await),
            Err(_) => Ok(Back::of(Outcome::Refused { status, location: None })),
        }
    }

    fn back(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Back {
        let text = |name: &str| {
            let values = headers.get_all(name).iter();
            values.map(|value| crate::escape::shortened(value.as_bytes(), 80)).collect::<Vec<_>>()
        };
        let servers = [text("server"), text("via")].concat();
        let answer = serde_json::from_slice::<Answer>(body).ok().filter(|_| status == 200);
        let outcome = match answer {
            Some(Answer { arrived, .. }) => {
                let id = self.path.rsplit('/').next().unwrap_or_default();
                if arrived.path().rsplit('/').next() == Some(id) {
                    Outcome::Arrived(arrived)
                } else {
                    Outcome::Kept
                }
            }
            None => {
                let location = text("location").into_iter().next();
                Outcome::Refused { status, location }
            }
        };
        Back { outcome, servers, wait: status == 429 && headers.contains_key("retry-after") }
    }
}

type Sender = http2::SendRequest<Empty<Bytes>>;

/// The status of the answer to a CONNECT.
async fn status(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<u16> {
    let mut received = Vec::new();
    loop {
        let mut lines = [httparse::EMPTY_HEADER; LINES];
        let mut response = httparse::Response::new(&mut lines);
        let parsed = response.parse(&received).map_err(io::Error::other)?;
        if parsed.is_complete() {
            return Ok(response.code.unwrap_or_default());
        }
        // Not a byte more, because what follows belongs to the tunnel.
        let mut byte = [0; 1];
        stream.read_exact(&mut byte).await?;
        received.extend_from_slice(&byte);
        if received.len() > HEAD {
            return Err(io::Error::other("the head of the answer is too long"));
        }
    }
}

type Parsed = (u16, HeaderMap, Vec<u8>);

/// Why a second request was not sent.
const NO_FIRST: &str = "the honest request before it did not arrive";

/// Whether the connection ends with this answer (RFC 9112 §9.6), or with its body.
fn ends(headers: &HeaderMap) -> bool {
    let says = |name: &str, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case(word))
    };
    let has_end = says("transfer-encoding", "chunked") || headers.contains_key("content-length");
    says("connection", "close") || !has_end
}

/// Writes a head, and reads the answer to it; `None` if the connection ends without one.
async fn ask<S>(stream: &mut S, head: &[u8]) -> io::Result<Option<Parsed>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // A server may answer and hang up before it has read everything.
    let written = stream.write_all(head).await;
    if written.is_ok() {
        stream.flush().await.ok();
    }
    let mut received = Vec::new();
    loop {
        if let Some(parsed) = parse(&received, false)? {
            return Ok(Some(parsed));
        }
        let mut chunk = [0; 8192];
        let read = stream.read(&mut chunk).await.unwrap_or_default();
        received.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if read == 0 || received.len() > MOST {
            return parse(&received, true);
        }
    }
}

/// The answer in these bytes, if it is whole. `ended`: nothing more comes.
fn parse(received: &[u8], ended: bool) -> io::Result<Option<Parsed>> {
    let mut rest = received;
    for _ in 0..INTERIM {
        match one(rest, ended)? {
            One::Interim(behind) => rest = behind,
            One::Whole(parsed) => return Ok(Some(parsed)),
            One::Part => return Ok(None),
        }
    }
    Err(io::Error::other("too many interim answers"))
}

/// What these bytes begin with.
enum One<'a> {
    /// An interim answer, and what is behind it.
    Interim(&'a [u8]),
    Whole(Parsed),
    Part,
}

fn one(received: &[u8], ended: bool) -> io::Result<One<'_>> {
    let mut lines = [httparse::EMPTY_HEADER; LINES];
    let mut response = httparse::Response::new(&mut lines);
    let parsed = response.parse(received).map_err(io::Error::other)?;
    let httparse::Status::Complete(length) = parsed else { return Ok(One::Part) };
    let rest = received.get(length..).unwrap_or_default();
    let status = response.code.unwrap_or_default();
    if (100..200).contains(&status) && status != 101 {
        return Ok(One::Interim(rest));
    }
    let mut headers = HeaderMap::new();
    for line in response.headers.iter() {
        let name = http::HeaderName::from_bytes(line.name.as_bytes());
        let value = http::HeaderValue::from_bytes(line.value);
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let is_chunked = headers.get("transfer-encoding").is_some();
    let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    let body = match (is_chunked, length) {
        (true, _) => match (chunks(rest), ended) {
            (Some(body), _) => body,
            (None, true) => Vec::new(),
            (None, false) => return Ok(One::Part),
        },
        (false, Some(length)) => match rest.get(..length) {
            Some(body) => body.to_vec(),
            None if ended => rest.to_vec(),
            None => return Ok(One::Part),
        },
        // Without a length, the end of the connection is the end of the body (RFC 9112 §6.3).
        (false, None) if ended || matches!(status, 204 | 304) => rest.to_vec(),
        (false, None) => return Ok(One::Part),
    };
    Ok(One::Whole((status, headers, body)))
}

/// The content of chunks, if they are whole.
fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(rest) else {
            return None;
        };
        let size = usize::try_from(size).ok()?;
        if size == 0 {
            return Some(body);
        }
        let end = start.checked_add(size)?;
        body.extend_from_slice(rest.get(start..end)?);
        rest = rest.get(end.checked_add(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn answers() {
        let whole = |text: &str| parse(text.as_bytes(), false).unwrap();
        assert!(whole("HTTP/1.1 200 OK\r\ncontent-le").is_none());
        assert!(whole("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na").is_none());
        let (status, headers, body) = whole(
            "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nserver: a\r\ncontent-length: 2\r\n\r\nab",
        )
        .unwrap();
        assert_eq!(
            (status, &body[..], &headers["server"]),
            (200, &b"ab"[..], &"a".parse().unwrap())
        );
        let chunked = "HTTP/1.1 403 F\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n";
        assert!(whole(chunked).is_none());
        assert_eq!(whole(&format!("{chunked}0\r\n\r\n")).unwrap().2, b"ab");
        assert_eq!(parse(b"HTTP/1.0 500 X\r\n\r\nx", true).unwrap().unwrap().2, b"x");
        assert!(parse(b"junk\r\n\r\n", true).is_err());
        let endless = "HTTP/1.1 100 C\r\n\r\n".repeat(20_000);
        assert!(parse(endless.as_bytes(), true).is_err());
    }
}
