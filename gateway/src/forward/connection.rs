//! One connection: a tunnel's inside, or one of [`serve`](crate::serve). HTTP/1.1, or HTTP/2 by its preface.
//!
//! 1. A connection without a request for the limit `idle` is told to end, also if it never had one. hyper waits for the head
//!    of a request for the limit `head`. In HTTP/2, a client that is not there any more is found by pings.
//! 2. When the server stops, a connection ends with the requests that it has.
//! 3. Heads are within the limits. Over HTTP/2 they have a quarter of the bytes: a client names a long field many times by a
//!    byte each (RFC 7541 §7.3), and every head holds it.

use std::{
    future::pending,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::timeout,
};

use super::{limits::ForwardLimits, tunnels::Told};
use crate::common::{
    body::{Body, BoxError},
    failure::Failure,
};

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
    let (requests, seen) = watch::channel(0);
    let service = service_fn(move |request: Request<Incoming>| {
        let open = Open::new(&requests);
        let answer = handle(request);
        async move {
            let response = answer.await?;
            Ok::<_, Failure>(response.map(|body| Sent { body, _open: open }))
        }
    });
    let builder = builder(limits, websockets);
    let mut connection =
        pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let mut idle = pin!(idle(seen, limits.idle));
    let mut finish = pin!(until(told.clone(), Told::Finish));
    let mut end = pin!(until(told, Told::End));
    let mut is_finishing = false;
    loop {
        tokio::select! {
            // A client that goes away is no error of ours.
            _ = connection.as_mut() => return,
            () = end.as_mut() => return,
            () = finish.as_mut(), if !is_finishing => {}
            () = idle.as_mut(), if !is_finishing => {}
        }
        is_finishing = true;
        connection.as_mut().graceful_shutdown();
    }
}

/// Rule 3.
fn builder(limits: &ForwardLimits, websockets: bool) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
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

/// Ends when there has been no request for too long (rule 1).
async fn idle(mut requests: watch::Receiver<usize>, limit: Duration) {
    loop {
        let open = *requests.borrow_and_update();
        let changed = requests.changed();
        let is_over = if open > 0 {
            changed.await.is_err()
        } else {
            match timeout(limit, changed).await {
                Ok(changed) => changed.is_err(),
                Err(_) => return,
            }
        };
        if is_over {
            // The connection is at its end.
            return pending().await;
        }
    }
}

/// A request that is not over.
struct Open(watch::Sender<usize>);

impl Open {
    fn new(requests: &watch::Sender<usize>) -> Self {
        requests.send_modify(|open| *open = open.saturating_add(1));
        Self(requests.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}

/// A body on its way to the client. The request is over when it is dropped.
struct Sent {
    body: Body,
    _open: Open,
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
