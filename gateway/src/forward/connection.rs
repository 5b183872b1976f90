//! One connection: a tunnel's inside, or one of [`serve`](crate::serve). HTTP/1.1, or HTTP/2 by its preface.
//!
//! 1. A connection without a request for the limit `idle` is told to end, also if it never had one. hyper waits for the head
//!    of a request for the limit `head`. In HTTP/2, a client that is not there any more is found by pings.
//! 2. Over HTTP/2, a stream that was upgraded keeps its connection as a request does (`streams.rs`). If there is nothing but
//!    those, and nothing goes either way for the limit `upgraded_idle`, the connection is cut. So it is if it was told to end,
//!    all its requests are over, and the client does not take the rest for the limit `gap`.
//! 3. When the server stops, a connection ends with the requests that it has.
//! 4. Heads are within the limits. Over HTTP/2 they have a quarter of the bytes, because many are there at once. What a client
//!    names again by a byte (RFC 7541 §7.3) is not copied: h2's heads share it with its table of 4 KiB. No setting would make
//!    that table smaller for a client who does not want to.
//! 5. Over HTTP/2, an answer goes on in pieces of [`PIECE`], so that what waits for a client is seen, and is not much.

use std::{
    future::pending,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::timeout,
};

use super::{
    limits::ForwardLimits,
    streams::{Load, Open, Streams, Used, handed_over},
    tunnels::Told,
};
use crate::common::{
    body::{Body, BoxError},
    clock::Clock,
    failure::Failure,
};

/// How much of a body hyper takes before the application asks for it: of one request, and of all of a connection. The first is
/// four times what every client has at its start (RFC 9113 §6.9.2), so that a body streams; the second lets two of them do so.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 512 << 10;
/// How much of an answer waits for a client, of each request.
const SEND_BUFFER: usize = 64 << 10;

/// How long a client may take for the answer to a ping: hyper's default.
const PONG: Duration = Duration::from_secs(20);

/// Serves a connection until it ends, or is upgraded.
pub(super) async fn serve<T, H, F>(
    stream: T,
    limits: &ForwardLimits,
    websockets: bool,
    told: watch::Receiver<Told>,
    handle: H,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Result<Response<Body>, Failure>> + Send + 'static,
{
    let load = watch::Sender::new(Load::default());
    let streams = Streams::new(load.clone(), limits.gap);
    let (clock, seen) = (Clock::new(), load.subscribe());
    let service = service_fn(move |request: Request<Incoming>| {
        let is_http2 = request.version() >= Version::HTTP_2;
        // A stream of HTTP/2 is open as long as its task.
        let open = (!is_http2).then(|| Open::request(&load));
        // hyper keeps room for it as long as the connection.
        let answer = Box::pin(handle(request));
        async move {
            let response = answer.await?;
            Ok::<_, Failure>(response.map(|body| Sent::new(body, is_http2, open)))
        }
    });
    let builder = builder(limits, websockets, streams);
    let stream = TokioIo::new(Used::new(stream, clock.clone()));
    let mut connection = pin!(builder.serve_connection_with_upgrades(stream, service));
    let (idle, upgraded_idle) = (limits.idle, limits.upgraded_idle);
    let mut over = pin!(over(seen.clone(), clock.clone(), idle, upgraded_idle, |_| true));
    let mut told_now = pin!(until(told.clone(), Told::Finish));
    let mut is_finishing = false;
    loop {
        tokio::select! {
            // A client that goes away is no error of ours.
            _ = connection.as_mut() => return,
            () = told_now.as_mut() => if is_finishing {
                return;
            },
            over = over.as_mut() => if is_finishing || over == Over::Quiet {
                return;
            },
        }
        is_finishing = true;
        connection.as_mut().graceful_shutdown();
        told_now.set(until(told.clone(), Told::End));
        let (seen, clock) = (seen.clone(), clock.clone());
        over.set(self::over(seen, clock, limits.gap, upgraded_idle, |load| load.is_http2));
    }
}

/// Rules 4 and 5.
fn builder(limits: &ForwardLimits, websockets: bool, streams: Streams) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(limits.head_fields)
        .max_buf_size(limits.head_bytes);
    let mut http2 = builder.http2();
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.idle)
        .keep_alive_timeout(PONG)
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits.head_bytes / 4).unwrap_or(u32::MAX));
    if websockets {
        http2.enable_connect_protocol();
    }
    builder
}

/// Ends when this was told. If nobody can tell any more, never.
pub(super) async fn until(mut told: watch::Receiver<Told>, what: Told) {
    if told.wait_for(|now| *now >= what).await.is_err() {
        pending::<()>().await;
    }
}

/// Why a connection is over (rules 1 and 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// Nothing is open.
    Idle,
    /// There is nothing but streams that were upgraded, and nothing goes through them.
    Quiet,
}

/// Ends when a connection is over: nothing has been open for the limit `idle`, if it is one that is meant, or the rest is quiet.
async fn over(
    mut seen: watch::Receiver<Load>,
    clock: Clock,
    idle: Duration,
    upgraded_idle: Duration,
    is_meant: fn(&Load) -> bool,
) -> Over {
    loop {
        let load = *seen.borrow_and_update();
        let changed = seen.changed();
        let changed = if load.requests > 0 {
            changed.await
        } else if load.upgraded > 0 {
            tokio::select! {
                () = clock.idle(upgraded_idle) => return Over::Quiet,
                changed = changed => changed,
            }
        } else if is_meant(&load) {
            match timeout(idle, changed).await {
                Ok(changed) => changed,
                Err(_) => return Over::Idle,
            }
        } else {
            changed.await
        };
        if changed.is_err() {
            // The connection is at its end.
            return pending().await;
        }
    }
}

/// The longest piece of an answer over HTTP/2, in bytes: the least frame that clients must take (RFC 9113 §4.2).
const PIECE: usize = 16 << 10;

/// A body on its way to the client. Over HTTP/1, the request is over when it is dropped.
struct Sent {
    body: Body,
    is_http2: bool,
    /// What is left of a piece (rule 5).
    rest: Bytes,
    _open: Option<Open>,
}

impl Sent {
    fn new(body: Body, is_http2: bool, open: Option<Open>) -> Self {
        Self { body, is_http2, rest: Bytes::new(), _open: open }
    }

    /// The next frame, of [`PIECE`] bytes at most over HTTP/2.
    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) if self.is_http2 => frame,
                frame => return Poll::Ready(frame),
            };
            match frame.into_data() {
                Ok(data) if data.len() > PIECE => self.rest = data,
                Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(frame) => return Poll::Ready(Some(Ok(frame))),
            }
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = self.next(context);
        handed_over(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // It is asked for before the first piece.
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
