//! One line for each request.
//!
//! 1. It is written when the request is over: method, path, target, status, time, bytes, and why it failed. A client
//!    that goes away gets its line too.
//! 2. What a stranger wrote is escaped, and cut where it is long. Queries are left out: they may have secrets.
//! 3. Lines are written by a thread of their own. If nobody reads them, requests do not wait: lines are lost, and
//!    how many is said.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use http::{Method, Response};
use proxyfix::Peer;
use proxyfix_gateway::{Body, Exchange, Failure};
use serde::Serialize;

use super::settings::AccessLog;
use crate::escape;

/// The most columns of a path or a URL.
const COLUMNS: usize = 200;

/// How many lines may wait for whoever reads them.
const LINES: usize = 4096;

/// How long the last lines may take when the program ends.
const END: Duration = Duration::from_secs(1);

/// Where lines go.
#[derive(Clone)]
pub(super) struct Log {
    form: AccessLog,
    lines: SyncSender<String>,
    lost: Arc<AtomicU64>,
    /// Whether the server cuts what is still open.
    is_cut: Arc<AtomicBool>,
}

/// Waits for the last lines.
pub(super) struct End(Receiver<()>);

impl Log {
    /// A log to standard output.
    pub(super) fn to_stdout(form: AccessLog) -> (Self, End) {
        Self::to(form, std::io::stdout())
    }

    fn to(form: AccessLog, mut output: impl Write + Send + 'static) -> (Self, End) {
        let (sender, lines) = sync_channel(LINES);
        let (end, ended) = sync_channel(1);
        let lost = Arc::new(AtomicU64::new(0));
        let is_cut = Arc::new(AtomicBool::new(false));
        let log = Self { form, lines: sender, lost: Arc::clone(&lost), is_cut };
        thread::spawn(move || {
            for line in lines {
                write(&mut output, &line, &lost);
            }
            let _ = end.send(());
        });
        (log, End(ended))
    }

    /// From here on, requests that are not over are cut by the server, not by their clients.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    fn line(&self, line: String) {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(line) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Nobody may read the output, or nobody any more: that is no reason to stop serving.
fn write(output: &mut impl Write, line: &str, lost: &AtomicU64) {
    let _ = output.write_all(line.as_bytes()).and_then(|()| output.flush());
    match lost.swap(0, Ordering::Relaxed) {
        0 => {}
        lines => super::say(&format!("the log is read too slowly: {lines} lines are lost")),
    }
}

impl End {
    /// Waits, once all requests are over. Nobody may read the lines, so it does not wait for ever.
    pub(super) fn wait(self) {
        let _ = self.0.recv_timeout(END);
    }
}

/// A request, until it is over. Then its line is written.
pub(super) struct Line {
    log: Log,
    start: Instant,
    method: String,
    path: String,
    peer: Peer,
    is_head: bool,
    answer: Option<Answer>,
    bytes: u64,
    is_whole: bool,
}

/// What is known of an answer.
struct Answer {
    upstream: Option<String>,
    status: u16,
    error: Option<&'static str>,
    cause: Option<String>,
}

#[derive(Serialize)]
struct Json<'a> {
    /// Seconds since 1970, when the request was over.
    time: f64,
    peer: String,
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    /// Absent if the client went away before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    milliseconds: u128,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
}

impl Line {
    /// Begins a line.
    pub(super) fn begin(method: &Method, path: &str, peer: Peer, log: &Log) -> Option<Self> {
        (log.form != AccessLog::Off).then(|| Self {
            log: log.clone(),
            start: Instant::now(),
            method: escape::shortened(method.as_str().as_bytes(), 20),
            path: escape::shortened(path.as_bytes(), COLUMNS),
            peer,
            is_head: *method == Method::HEAD,
            answer: None,
            bytes: 0,
            is_whole: false,
        })
    }

    /// The head of the answer is there.
    pub(super) fn answered(&mut self, response: &Response<Body>) {
        let extensions = response.extensions();
        let exchange = extensions.get::<Exchange>();
        let failure = extensions.get::<Failure>();
        let rejected = extensions.get::<proxyfix::Error>();
        self.is_whole = self.is_head;
        self.answer = Some(Answer {
            upstream: exchange.map(|exchange| {
                let url = exchange.url();
                let url = url.split('?').next().unwrap_or_default();
                escape::shortened(url.as_bytes(), COLUMNS)
            }),
            status: response.status().as_u16(),
            error: failure.map(|failure| failure.kind().proxy_status()),
            cause: failure
                .map(ToString::to_string)
                .or_else(|| rejected.map(ToString::to_string))
                .map(|cause| escape::lines(&cause)),
        });
    }

    /// So many bytes of the body go to the client.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// The body is at its end.
    pub(super) fn whole(&mut self) {
        self.is_whole = true;
    }

    /// The body breaks off.
    pub(super) fn broke(&mut self, error: &(dyn std::error::Error + 'static)) {
        self.is_whole = true;
        let Some(answer) = &mut self.answer else { return };
        let failure = error.downcast_ref::<Failure>();
        // The error types of RFC 9209.
        answer.error = Some(
            failure.map_or("http_response_incomplete", |failure| failure.kind().proxy_status()),
        );
        let text = match failure {
            Some(failure) => failure.to_string(),
            None => format!("http_response_incomplete: {}", chain(error)),
        };
        answer.cause = Some(escape::lines(&text));
    }
}

/// An error and what caused it.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Why there is no answer, or only a part of it.
const GONE: &str = "the client went away";
const CUT: &str = "the server stopped";

impl Drop for Line {
    fn drop(&mut self) {
        let time = self.start.elapsed();
        let answer = self.answer.as_ref();
        let upstream = answer.and_then(|answer| answer.upstream.as_deref());
        let is_cut = self.log.is_cut.load(Ordering::Relaxed);
        let gone = (!self.is_whole).then_some(if is_cut { CUT } else { GONE });
        let cause = answer.and_then(|answer| answer.cause.as_deref()).or(gone);
        let line = match self.log.form {
            AccessLog::Json => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                let line = Json {
                    time: now.unwrap_or_default().as_secs_f64(),
                    peer: self.peer.to_string(),
                    method: &self.method,
                    path: &self.path,
                    upstream,
                    status: answer.map(|answer| answer.status),
                    milliseconds: time.as_millis(),
                    bytes: self.bytes,
                    error: answer.and_then(|answer| answer.error),
                    cause,
                };
                serde_json::to_string(&line).unwrap_or_default()
            }
            AccessLog::Text | AccessLog::Off => {
                let words = [
                    Some(format!("{} {}", self.method, self.path)),
                    upstream.map(|url| format!("→ {url}")),
                    answer.map(|answer| answer.status.to_string()),
                    Some(shown(time)),
                    (self.bytes > 0).then(|| format!("{} B", self.bytes)),
                    cause.map(str::to_owned),
                ];
                words.into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
        };
        self.log.line(line + "\n");
    }
}

/// A time to read.
fn shown(time: Duration) -> String {
    match time.as_millis() {
        milliseconds @ 0..10_000 => format!("{milliseconds} ms"),
        milliseconds => format!("{} s", milliseconds / 1000),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{
            atomic::Ordering,
            mpsc::{Receiver, Sender, channel},
        },
    };

    use super::{AccessLog, LINES, Log};

    /// A reader who waits for something else first.
    struct Slow(Receiver<()>, Sender<String>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Rule 3.
    #[test]
    fn nobody_reads() {
        let (go, gate) = channel();
        let (sender, written) = channel();
        let (log, end) = Log::to(AccessLog::Text, Slow(gate, sender));
        for number in 0..LINES + 10 {
            log.line(format!("{number}\n"));
        }
        let lost = log.lost.load(Ordering::Relaxed);
        // One is with the reader, or is not yet.
        assert!((9..=10).contains(&lost), "{lost}");
        drop((go, log));
        end.wait();
        let written: Vec<String> = written.iter().collect();
        assert_eq!(
            u64::try_from(written.len()).unwrap() + lost,
            10 + u64::try_from(LINES).unwrap()
        );
        assert_eq!((&*written[0], &*written[1]), ("0\n", "1\n"));
    }
}
