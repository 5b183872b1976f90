//! A client that sends exactly these bytes, and reads what comes back.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};

use super::{dechunk, end_of_head, fields, latin1};

/// The pause between two pieces of a request.
const PAUSE: Duration = Duration::from_millis(200);

/// What came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    /// Whether the other side ended the connection.
    pub(crate) is_closed: bool,
}

impl Reply {
    /// The status of the first response, and 0 if there is none.
    pub(crate) fn status(&self) -> u16 {
        let line = latin1(&self.bytes);
        line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<u8>,
    /// Whether the body came to its end.
    pub(crate) is_complete: bool,
}

impl Response {
    /// The first value of a field.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The first final response in these bytes, to a request with this method.
    pub(crate) fn parse(mut bytes: &[u8], method: &str, is_closed: bool) -> Option<Self> {
        loop {
            let end = end_of_head(bytes)?;
            let (head, rest) = bytes.split_at(end);
            let line = latin1(head.split(|&byte| byte == b'\r').next()?);
            let mut words = line.splitn(3, ' ').skip(1);
            let status: u16 = words.next()?.parse().ok()?;
            let reason = words.next().unwrap_or_default().to_owned();
            if (100..200).contains(&status) && status != 101 {
                bytes = rest;
                continue;
            }
            let fields = fields(head);
            let mut response = Self {
                status,
                reason,
                fields,
                body: Vec::new(),
                trailers: Vec::new(),
                is_complete: true,
            };
            if method == "HEAD" || matches!(status, 101 | 204 | 304) {
                return Some(response);
            }
            if response.value("transfer-encoding").is_some() {
                match dechunk(rest) {
                    Some((body, trailers, _)) => {
                        (response.body, response.trailers) = (body, trailers);
                    }
                    None => response.is_complete = false,
                }
            } else if let Some(length) = response.value("content-length") {
                let length = length.parse().ok()?;
                response.body = rest.get(..length).unwrap_or(rest).to_vec();
                response.is_complete = rest.len() >= length;
            } else {
                response.body = rest.to_vec();
                response.is_complete = is_closed;
            }
            return Some(response);
        }
    }
}

/// Sends these bytes, and reads until the other side closes, `is_enough` is true, or this time has passed.
pub(crate) async fn send(
    address: SocketAddr,
    bytes: &[u8],
    limit: Duration,
    is_enough: impl Fn(&[u8]) -> bool,
) -> Reply {
    send_pieces(address, &[bytes], limit, is_enough).await
}

/// As [`send`], with a pause between the pieces, so that each is read by itself.
async fn send_pieces(
    address: SocketAddr,
    pieces: &[&[u8]],
    limit: Duration,
    is_enough: impl Fn(&[u8]) -> bool,
) -> Reply {
    let deadline = Instant::now() + limit;
    let mut reply = Reply::default();
    let stream = TcpStream::connect(address).await.expect("the proxy listens");
    stream.set_nodelay(true).expect("an option of TCP");
    let (mut reader, mut writer) = stream.into_split();
    // Written beside the reading: a proxy may answer before it has read all.
    let pieces: Vec<_> = pieces.iter().map(|piece| piece.to_vec()).collect();
    let writing = tokio::spawn(async move {
        for (number, piece) in pieces.iter().enumerate() {
            if number > 0 {
                sleep(PAUSE).await;
            }
            // An early answer closes the connection, and then this fails.
            let _ = writer.write_all(piece).await;
        }
        writer
    });
    loop {
        if is_enough(&reply.bytes) {
            break;
        }
        match timeout_at(deadline, reader.read_buf(&mut reply.bytes)).await {
            Err(_) => break,
            Ok(Ok(read)) if read > 0 => {}
            Ok(_) => {
                reply.is_closed = true;
                break;
            }
        }
    }
    writing.abort();
    reply
}

/// As [`send`], until the other side closes.
pub(crate) async fn send_to_end(address: SocketAddr, bytes: &[u8], limit: Duration) -> Reply {
    send(address, bytes, limit, |_| false).await
}

/// Sends one request in pieces, with a pause between them, and reads one response.
pub(crate) async fn ask(
    address: SocketAddr,
    pieces: &[&[u8]],
    method: &str,
    limit: Duration,
) -> Option<Response> {
    let is_whole = |bytes: &[u8]| {
        Response::parse(bytes, method, false).is_some_and(|response| response.is_complete)
    };
    let reply = send_pieces(address, pieces, limit, is_whole).await;
    Response::parse(&reply.bytes, method, reply.is_closed)
}
