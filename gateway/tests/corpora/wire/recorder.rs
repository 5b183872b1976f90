//! An upstream that records every request and answers as it is told to.
//!
//! It is strict: a head ends with an empty line, a body has the one framing that the head says. What it cannot
//! read as a request is recorded too, so that nothing that a proxy sends is overlooked.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::{dechunk, end_of_head, fields, latin1};

/// How long a body may pause before the request counts as incomplete.
const PAUSE: Duration = Duration::from_millis(1500);

/// How a request says where its body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Nothing,
    Length(usize),
    Chunked,
    /// Two framings, or one that nobody may send.
    Unclear,
}

/// A request as it arrived.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<u8>,
    pub(crate) framing: Framing,
    /// Whether head and body came to their end.
    pub(crate) is_complete: bool,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, body) = (latin1(&self.head), latin1(&self.body));
        write!(f, "{head:?} {:?} {body:?}", self.framing)
    }
}

impl Seen {
    /// The words of the request line.
    fn word(&self, at: usize) -> String {
        let line = self.head.split(|&byte| byte == b'\r').next().unwrap_or_default();
        latin1(line).split(' ').nth(at).unwrap_or_default().to_owned()
    }

    pub(crate) fn method(&self) -> String {
        self.word(0)
    }

    pub(crate) fn target(&self) -> String {
        self.word(1)
    }

    pub(crate) fn version(&self) -> String {
        self.word(2)
    }

    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        fields(&self.head)
    }

    /// The first value of a field.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        self.fields().into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    fn framing_of(head: &[u8]) -> Framing {
        let fields = fields(head);
        let values = |name: &str| -> Vec<String> {
            let found = fields.iter().filter(|(found, _)| found == name);
            found.map(|(_, value)| value.clone()).collect()
        };
        let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => Framing::Nothing,
            ([length], []) => length.parse().map_or(Framing::Unclear, Framing::Length),
            ([], [coding]) if coding == "chunked" => Framing::Chunked,
            _ => Framing::Unclear,
        }
    }
}

/// What to answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// Whether the connection ends with it.
    pub(crate) closes: bool,
}

impl Answer {
    /// An answer with this body.
    pub(crate) fn ok(body: &str) -> Self {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        Self { bytes: text.into_bytes(), closes: false }
    }
}

type Script = dyn Fn(&Seen) -> Answer + Send + Sync;

/// A running upstream.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Requests that have begun and not ended.
    open: Arc<AtomicUsize>,
}

impl Recorder {
    /// Starts an upstream that answers so.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let open = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&open);
        let (script, record): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = Connection {
                    stream,
                    buffer: Vec::new(),
                    script: Arc::clone(&script),
                    seen: Arc::clone(&record),
                    open: Arc::clone(&count),
                };
                tokio::spawn(connection.run());
            }
        });
        Self { address, seen, open }
    }

    /// What came since the start, when no connection has an unfinished request.
    pub(crate) async fn settled(&self) -> Vec<Seen> {
        // What was sent is on its way through the kernel.
        sleep(Duration::from_millis(20)).await;
        while self.open.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(5)).await;
        }
        self.take()
    }

    /// What came since the last call.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().expect("not poisoned"))
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<Seen>>>,
    open: Arc<AtomicUsize>,
}

impl Connection {
    /// Reads more. Nothing more comes if this is false.
    async fn more(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.buffer).await;
        matches!(read, Ok(read) if read > 0)
    }

    async fn run(mut self) {
        while !self.buffer.is_empty() || self.more().await {
            self.open.fetch_add(1, Ordering::SeqCst);
            let seen = self.request().await;
            let answer = (self.script)(&seen);
            let goes_on = seen.is_complete && !answer.closes;
            self.seen.lock().expect("not poisoned").push(seen);
            self.open.fetch_sub(1, Ordering::SeqCst);
            if self.stream.write_all(&answer.bytes).await.is_err() || !goes_on {
                return;
            }
        }
    }

    async fn request(&mut self) -> Seen {
        let end = loop {
            if let Some(end) = end_of_head(&self.buffer) {
                break end;
            }
            if !self.more().await {
                return Seen {
                    head: std::mem::take(&mut self.buffer),
                    body: Vec::new(),
                    trailers: Vec::new(),
                    framing: Framing::Unclear,
                    is_complete: false,
                };
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let framing = Seen::framing_of(&head);
        loop {
            let whole = match framing {
                Framing::Nothing => Some((Vec::new(), Vec::new(), 0)),
                Framing::Length(length) => {
                    self.buffer.get(..length).map(|body| (body.to_vec(), Vec::new(), length))
                }
                Framing::Chunked => dechunk(&self.buffer),
                Framing::Unclear => None,
            };
            if let Some((body, trailers, length)) = whole {
                self.buffer.drain(..length);
                return Seen { head, body, trailers, framing, is_complete: true };
            }
            if !timeout(PAUSE, self.more()).await.unwrap_or(false) {
                let body = std::mem::take(&mut self.buffer);
                let trailers = Vec::new();
                return Seen { head, body, trailers, framing, is_complete: false };
            }
        }
    }
}
