//! The streams of an HTTP/2 connection, and what is open on a connection of either version.
//!
//! 1. A stream is open from its request to the end of its answer. One that was upgraded (a tunnel, or a `WebSocket` of
//!    RFC 8441) is open until it is closed: hyper sends its bytes in a task that is made within the task of its request.
//! 2. A client that takes nothing of an answer for the limit `gap` (its window is full, and stays so) loses the stream. Time
//!    counts from the piece that waits, and not while the application makes the next one.
//! 3. A ping is no use of a connection: it says that the client is there, not that it wants something.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::{Sleep, sleep},
};

use crate::common::clock::Clock;

/// What is open on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) requests: usize,
    /// Streams that were upgraded.
    pub(super) upgraded: usize,
    pub(super) is_http2: bool,
}

/// A request, or a stream that was upgraded, until it is over.
pub(super) struct Open {
    load: watch::Sender<Load>,
    is_upgraded: bool,
}

impl Open {
    pub(super) fn request(load: &watch::Sender<Load>) -> Self {
        load.send_modify(|load| load.requests = load.requests.saturating_add(1));
        Self { load: load.clone(), is_upgraded: false }
    }

    fn upgraded(load: &watch::Sender<Load>) -> Self {
        load.send_modify(|load| load.upgraded = load.upgraded.saturating_add(1));
        Self { load: load.clone(), is_upgraded: true }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.load.send_modify(|load| {
            let count = if self.is_upgraded { &mut load.upgraded } else { &mut load.requests };
            *count = count.saturating_sub(1);
        });
    }
}

tokio::task_local! {
    /// The stream whose task this is.
    static STREAM: Arc<Pieces>;
}

/// The pieces of an answer: how many were handed over, and zero while the application makes the next one.
#[derive(Debug, Default)]
struct Pieces(AtomicUsize);

/// Tells the stream of this task whether its answer has handed over a piece, or makes the next one (rule 2).
pub(super) fn handed_over(is_piece: bool) {
    // HTTP/1 has no streams.
    let _ = STREAM.try_with(|pieces| {
        if is_piece {
            pieces.0.fetch_add(1, Ordering::Relaxed);
        } else {
            pieces.0.store(0, Ordering::Relaxed);
        }
    });
}

/// Runs the streams of one connection.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    load: watch::Sender<Load>,
    gap: Duration,
}

impl Streams {
    pub(super) fn new(load: watch::Sender<Load>, gap: Duration) -> Self {
        Self { load, gap }
    }
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        if STREAM.try_with(|_| ()).is_ok() {
            // Rule 1.
            let open = Open::upgraded(&self.load);
            tokio::spawn(async move {
                task.await;
                drop(open);
            });
            return;
        }
        self.load.send_modify(|load| load.is_http2 = true);
        let open = Open::request(&self.load);
        let pieces = Arc::new(Pieces::default());
        let timed = Timed {
            task: Some(Box::pin(task)),
            pieces: Arc::clone(&pieces),
            seen: 0,
            gap: self.gap,
            timer: None,
        };
        tokio::spawn(STREAM.scope(pieces, async move {
            timed.await;
            drop(open);
        }));
    }
}

/// The task of a stream (rule 2). hyper resets a stream whose task is dropped.
struct Timed<F> {
    task: Option<Pin<Box<F>>>,
    pieces: Arc<Pieces>,
    /// The pieces that were handed over when the timer was set.
    seen: usize,
    gap: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F: Future<Output = ()>> Future for Timed<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(task) = &mut this.task else { return Poll::Ready(()) };
        if task.as_mut().poll(context).is_ready() {
            this.task = None;
            return Poll::Ready(());
        }
        let pieces = this.pieces.0.load(Ordering::Relaxed);
        if pieces == 0 {
            // The application has to go on.
            (this.timer, this.seen) = (None, 0);
            return Poll::Pending;
        }
        let gap = this.gap;
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(gap)));
        if this.seen != pieces {
            this.seen = pieces;
            timer.as_mut().set(sleep(gap));
        }
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        this.task = None;
        Poll::Ready(())
    }
}

/// The length of a frame with a ping (RFC 9113 §6.7).
const PING: usize = 17;

/// Whether these bytes are nothing but a ping or its answer.
fn is_ping(bytes: &[u8]) -> bool {
    bytes.len() == PING && bytes.starts_with(&[0, 0, 8, 6])
}

/// A connection whose use is seen (rule 3).
pub(super) struct Used<T> {
    io: T,
    clock: Clock,
}

impl<T> Used<T> {
    pub(super) fn new(io: T, clock: Clock) -> Self {
        Self { io, clock }
    }

    fn tick(&self, bytes: &[u8]) {
        if !is_ping(bytes) {
            self.clock.tick();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Used<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, buffer);
        if polled.is_ready() {
            self.tick(buffer.filled().get(before..).unwrap_or_default());
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Used<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(context, bytes);
        if polled.is_ready() {
            self.tick(bytes);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        if polled.is_ready() {
            match slices {
                [only] => self.tick(only),
                _ => self.clock.tick(),
            }
        }
        polled
    }
}
