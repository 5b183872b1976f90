//! One connection of a client: HTTP/1.1, or HTTP/2 by prior knowledge.
//!
//! 1. A client must send the head of its first request within [`HEAD`], and hyper wants each later one within the same.
//! 2. A connection without a request for that long is told to end, also if it never had one: hyper-util waits without
//!    a limit for the bytes that tell HTTP/1.1 from HTTP/2. In HTTP/2, a client that is not there any more is found by
//!    pings.
//!    A stream of HTTP/2 that was upgraded, such as a tunnel, is a request as long as it is there.
//! 3. When the server stops, a connection ends with the requests that it has.

use std::{
    borrow::Cow,
    convert::Infallible,
    future::pending,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Version, uri::Authority};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::{Bytes, Incoming};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use proxyfix::Peer;
use proxyfix_gateway::{Body, BoxError};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, watch},
    time::timeout,
};
use tower::{ServiceExt, service_fn};

use super::{
    log::{Line, Log},
    patience::Patience,
    table::Service,
};

/// How long a client may take for the head of a request: `client_header_timeout` of nginx.
pub(super) const HEAD: Duration = Duration::from_secs(60);

/// How long a client may take for the answer to a ping: hyper's default.
const PONG: Duration = Duration::from_secs(20);

/// The most fields of a request, and the most bytes of its head: the gateway's own limits.
const HEAD_FIELDS: usize = 256;
const HEAD_BYTES: u32 = 64 << 10;

/// Serves a connection until it ends.
pub(super) async fn serve<S>(
    stream: S,
    permit: OwnedSemaphorePermit,
    peer: Peer,
    service: Service,
    log: Log,
    mut stop: watch::Receiver<()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (requests, seen) = watch::channel(0);
    let streams = Streams(requests.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let open = Open::new(&requests);
        let mut line = Line::begin(request.method(), &path(&request), peer, &log);
        let answer = service.clone().oneshot(request.map(Body::new));
        async move {
            let Ok(response) = answer.await;
            if let Some(line) = &mut line {
                line.answered(&response);
            }
            Ok::<_, Infallible>(response.map(|body| Sent::new(body, line, Some(open))))
        }
    });
    let mut builder = auto::Builder::new(streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(HEAD_FIELDS)
        .max_buf_size(HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD)
        .keep_alive_timeout(PONG)
        // A client names a long field many times by a byte each (RFC 7541 §7.3), and every head holds it.
        .max_header_list_size(HEAD_BYTES / 4)
        .enable_connect_protocol();
    let stream = TokioIo::new(Patience::new(stream, permit));
    let service = TowerToHyperService::new(service);
    let mut connection = pin!(builder.serve_connection_with_upgrades(stream, service));
    let mut idle = pin!(idle(seen));
    let (mut is_idle, mut is_stopping) = (false, false);
    loop {
        tokio::select! {
            // A client that goes away is no error of ours.
            _ = connection.as_mut() => return,
            _ = stop.changed(), if !is_stopping => is_stopping = true,
            () = idle.as_mut(), if !is_idle => is_idle = true,
        }
        connection.as_mut().graceful_shutdown();
    }
}

/// Ends when there has been no request for too long.
async fn idle(mut requests: watch::Receiver<usize>) {
    loop {
        let open = *requests.borrow_and_update();
        let changed = requests.changed();
        let is_over = if open > 0 {
            changed.await.is_err()
        } else {
            match timeout(HEAD, changed).await {
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
pub(super) struct Open(watch::Sender<usize>);

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

/// Runs the tasks of HTTP/2. Each keeps its connection, as a request does: one carries the bytes of a stream that was
/// upgraded, such as a tunnel, and is there as long as that.
#[derive(Clone)]
struct Streams(watch::Sender<usize>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, task: F) {
        let open = Open::new(&self.0);
        tokio::spawn(async move {
            task.await;
            drop(open);
        });
    }
}

/// What the log says of a target: its path. Of a request through the proxy, the URL, or what a CONNECT is for.
fn path<B>(request: &Request<B>) -> Cow<'_, str> {
    let uri = request.uri();
    // Over HTTP/2, every target has both.
    let is_absolute = request.version() <= Version::HTTP_11;
    match (uri.scheme_str().filter(|_| is_absolute), uri.authority()) {
        (Some(scheme), Some(authority)) => {
            Cow::Owned(format!("{scheme}://{}{}", bare(authority), uri.path()))
        }
        (None, Some(authority)) if uri.scheme().is_none() => Cow::Borrowed(bare(authority)),
        _ => Cow::Borrowed(uri.path()),
    }
}

/// Without what may be a password.
fn bare(authority: &Authority) -> &str {
    let text = authority.as_str();
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

/// A body on its way to the client. The request is over when it is dropped.
pub(super) struct Sent {
    body: Body,
    line: Option<Line>,
    _open: Option<Open>,
}

impl Sent {
    pub(super) fn new(body: Body, line: Option<Line>, open: Option<Open>) -> Self {
        Self { body, line, _open: open }
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let (Poll::Ready(frame), Some(line)) = (&frame, &mut self.line) {
            match frame {
                None => line.whole(),
                Some(Ok(frame)) => line.sent(frame.data_ref().map_or(0, Bytes::len)),
                Some(Err(error)) => line.broke(&**error),
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        // The server does not ask for what comes after the last piece.
        if let Some(line) = self.line.as_mut().filter(|_| self.body.is_end_stream()) {
            line.whole();
        }
    }
}

#[cfg(test)]
mod tests;
