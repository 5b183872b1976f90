//! An upstream that parses strictly, keeps what it sees, and answers by a script.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

use super::{Step, field};

/// A request as upstream saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The request line and the field lines, without the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The field lines after a chunked body.
    pub(crate) trailers: String,
    /// The number of its connection, from 0.
    pub(crate) connection: usize,
    /// What is wrong with its framing.
    pub(crate) fault: Option<&'static str>,
    /// Whether all of it came.
    pub(crate) is_whole: bool,
}

impl Seen {
    pub(crate) fn line(&self) -> &str {
        self.head.split("\r\n").next().unwrap_or_default()
    }

    pub(crate) fn field(&self, name: &str) -> Option<String> {
        field(&self.head, name)
    }
}

/// What to do for a request. It is called with the number of the request, from 0, and its head.
type Script = Arc<dyn Fn(usize, &Seen) -> Vec<Step> + Send + Sync>;

/// When the script begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    AfterBody,
    AfterHead,
}

/// A running upstream.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    raw: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Upstream {
    /// Answers every request in the same way, after its body.
    pub(crate) async fn answering(answer: impl AsRef<[u8]>) -> Self {
        let answer = answer.as_ref().to_vec();
        Self::start(Begin::AfterBody, move |_, _| vec![Step::Send(answer.clone())]).await
    }

    /// Answers by a script.
    pub(crate) async fn start<F>(begin: Begin, script: F) -> Self
    where
        F: Fn(usize, &Seen) -> Vec<Step> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(super::front::own_address()).await.unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            raw: Arc::default(),
        };
        let (this, script): (_, Script) = (upstream.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut raw = this.raw.lock().unwrap();
                    raw.push(Vec::new());
                    raw.len() - 1
                };
                let connection =
                    Connection { stream, number, buffer: Vec::new(), upstream: this.clone() };
                tokio::spawn(connection.serve(begin, Arc::clone(&script)));
            }
        });
        upstream
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The bytes of each connection so far.
    pub(crate) fn raw(&self) -> Vec<Vec<u8>> {
        self.raw.lock().unwrap().clone()
    }

    /// Waits until the last request came whole, or breaks off.
    pub(crate) async fn last(&self) -> Option<Seen> {
        for _ in 0..100 {
            if self.seen().last().is_some_and(|seen| seen.is_whole) {
                break;
            }
            sleep(std::time::Duration::from_millis(10)).await;
        }
        self.seen().pop()
    }
}

struct Connection {
    stream: TcpStream,
    number: usize,
    buffer: Vec<u8>,
    upstream: Upstream,
}

impl Connection {
    async fn serve(mut self, begin: Begin, script: Script) {
        while let Ok(Some(head)) = self.until(b"\r\n\r\n").await {
            let head = String::from_utf8_lossy(&head[..head.len() - 4]).into_owned();
            let mut seen = Seen { head, connection: self.number, ..Seen::default() };
            let number = {
                let mut all = self.upstream.seen.lock().unwrap();
                all.push(seen.clone());
                all.len() - 1
            };
            let upstream = self.upstream.clone();
            let keep = |seen: &Seen| {
                if let Some(place) = upstream.seen.lock().unwrap().get_mut(number) {
                    place.clone_from(seen);
                }
            };
            if begin == Begin::AfterHead {
                if !self.run(script(number, &seen)).await {
                    return;
                }
                let read = self.body(&mut seen).await;
                keep(&seen);
                if read.is_err() {
                    return;
                }
            } else {
                let read = self.body(&mut seen).await;
                keep(&seen);
                if read.is_err() || seen.fault.is_some() || !self.run(script(number, &seen)).await {
                    return;
                }
            }
        }
    }

    /// Does what the script says. Says whether the connection goes on.
    async fn run(&mut self, steps: Vec<Step>) -> bool {
        for step in steps {
            match step {
                Step::Wait(time) => sleep(time).await,
                Step::Send(bytes) => {
                    if self.stream.write_all(&bytes).await.is_err() {
                        return false;
                    }
                }
                Step::Hold => {
                    while matches!(self.more().await, Ok(true)) {}
                    return false;
                }
                Step::Finish => {
                    let _ = self.stream.shutdown().await;
                    let _ = self.more().await;
                    return false;
                }
                Step::Close => return false,
                Step::Reset => {
                    let _ = self.stream.set_zero_linger();
                    return false;
                }
            }
        }
        true
    }

    /// Reads the body by its framing (RFC 9112 §6.3).
    async fn body(&mut self, seen: &mut Seen) -> io::Result<()> {
        let (codings, length) = (seen.field("transfer-encoding"), seen.field("content-length"));
        match (codings.as_deref(), length.as_deref()) {
            (Some(_), Some(_)) => seen.fault = Some("both framings"),
            (Some("chunked"), None) => self.chunks(seen).await?,
            (Some(_), None) => seen.fault = Some("a coding"),
            (None, Some(length)) => match length.parse::<usize>() {
                Ok(length) => {
                    while self.buffer.len() < length {
                        if !self.more().await? {
                            seen.body = std::mem::take(&mut self.buffer);
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                    }
                    seen.body = self.buffer.drain(..length).collect();
                }
                Err(_) => seen.fault = Some("a length"),
            },
            (None, None) => {}
        }
        seen.is_whole = seen.fault.is_none();
        Ok(())
    }

    async fn chunks(&mut self, seen: &mut Seen) -> io::Result<()> {
        loop {
            let line = self.until(b"\r\n").await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let digits = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
            let Ok(length) = usize::from_str_radix(&digits, 16) else {
                seen.fault = Some("a chunk");
                return Ok(());
            };
            if length == 0 {
                loop {
                    let line = self.until(b"\r\n").await?.ok_or(io::ErrorKind::UnexpectedEof)?;
                    if line.len() == 2 {
                        return Ok(());
                    }
                    seen.trailers.push_str(&String::from_utf8_lossy(&line));
                }
            }
            while self.buffer.len() < length + 2 {
                if !self.more().await? {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            seen.body.extend(self.buffer.drain(..length));
            let end: Vec<u8> = self.buffer.drain(..2).collect();
            if end != b"\r\n" {
                seen.fault = Some("a chunk");
                return Ok(());
            }
        }
    }

    /// Reads until these bytes. `None` if the connection ended before any byte.
    async fn until(&mut self, end: &[u8]) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return Ok(Some(self.buffer.drain(..at + end.len()).collect()));
            }
            if !self.more().await? {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    async fn more(&mut self) -> io::Result<bool> {
        let mut buffer = vec![0; 16 << 10];
        let read = self.stream.read(&mut buffer).await?;
        self.buffer.extend_from_slice(&buffer[..read]);
        self.upstream.raw.lock().unwrap()[self.number].extend_from_slice(&buffer[..read]);
        Ok(read > 0)
    }
}
