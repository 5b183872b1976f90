//! A client that sends exactly what it is told to.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};

use super::{PATIENCE, Step, field};

/// A connection of a client.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    is_ended: bool,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// 0 if the connection ended without one.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: String,
    /// Whether the body ended as its framing says.
    pub(crate) is_whole: bool,
    /// Status codes of the informational responses before it.
    pub(crate) informational: Vec<u16>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        field(&self.head, name)
    }

    /// The error of `Proxy-Status`.
    pub(crate) fn error(&self) -> Option<String> {
        let value = self.field("proxy-status")?;
        value.split_once("error=").map(|(_, error)| error.to_owned())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new(), is_ended: false }
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn once(address: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
        let mut client = Self::connect(address).await;
        client.send(request).await;
        client.answer(false).await
    }

    /// Sends bytes. That the other side closed is seen when reading.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Does what a script says, without reading.
    pub(crate) async fn run(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Wait(time) => sleep(time).await,
                Step::Send(bytes) => self.send(bytes).await,
                Step::Finish => drop(self.stream.shutdown().await),
                Step::Hold | Step::Close | Step::Reset => unreachable!("drop the client"),
            }
        }
    }

    /// Closes with RST.
    pub(crate) fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }

    /// Reads more bytes. Says whether there were any.
    async fn more(&mut self) -> bool {
        let mut buffer = vec![0; 64 << 10];
        let deadline = Instant::now() + PATIENCE;
        let read =
            timeout_at(deadline, self.stream.read(&mut buffer)).await.expect("an answer in time");
        let read = read.unwrap_or(0);
        self.buffer.extend_from_slice(&buffer[..read]);
        self.is_ended = read == 0;
        read > 0
    }

    /// Whether the server closed the connection, with nothing left to read.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.more().await
    }

    /// Exactly so many bytes, as they are. Fewer if the connection ends.
    pub(crate) async fn bytes(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length && self.more().await {}
        let length = length.min(self.buffer.len());
        self.buffer.drain(..length).collect()
    }

    /// Reads until these bytes, which belong to the result.
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

    /// Reads the head of an answer, after informational ones.
    pub(crate) async fn head(&mut self) -> Answer {
        let mut answer = Answer::default();
        while let Some(head) = self.until(b"\r\n\r\n").await {
            answer.head = String::from_utf8_lossy(&head[..head.len() - 4]).into_owned();
            let code = answer.head.split(' ').nth(1).and_then(|code| code.parse().ok());
            answer.status = code.unwrap_or_else(|| panic!("no status: {}", answer.head));
            if answer.status >= 200 || answer.status == 101 {
                return answer;
            }
            answer.informational.push(answer.status);
        }
        answer.status = 0;
        answer
    }

    /// Reads an answer. That of HEAD has no body.
    pub(crate) async fn answer(&mut self, is_head: bool) -> Answer {
        let mut answer = self.head().await;
        let has_body =
            !is_head && answer.status >= 200 && answer.status != 204 && answer.status != 304;
        if !has_body {
            answer.is_whole = answer.status > 0;
            return answer;
        }
        let length = answer.field("content-length").and_then(|length| length.parse().ok());
        if answer.field("transfer-encoding").is_some() {
            answer.is_whole = self.chunks(&mut answer).await;
        } else if let Some(length) = length {
            answer.body = self.bytes(length).await;
            answer.is_whole = answer.body.len() == length;
        } else {
            while self.more().await {}
            answer.body = std::mem::take(&mut self.buffer);
            answer.is_whole = true;
        }
        answer
    }

    async fn chunks(&mut self, answer: &mut Answer) -> bool {
        loop {
            let Some(line) = self.until(b"\r\n").await else { return false };
            let digits = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
            let Ok(length) = usize::from_str_radix(digits.trim(), 16) else { return false };
            if length == 0 {
                loop {
                    let Some(line) = self.until(b"\r\n").await else { return false };
                    if line.len() == 2 {
                        return true;
                    }
                    answer.trailers.push_str(&String::from_utf8_lossy(&line));
                }
            }
            // What came of a chunk that is cut counts as received.
            let data = self.bytes(length).await;
            let is_whole = data.len() == length;
            answer.body.extend(data);
            if !is_whole || self.bytes(2).await != b"\r\n" {
                return false;
            }
        }
    }
}
