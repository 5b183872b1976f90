//! One request over a connection, and when it is sent again (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
//!
//! 1. A request that never left is sent over another connection.
//! 2. A request on a *reused* connection that ended before a byte of the answer came is sent once more, if the method is
//!    idempotent and the body was not touched.
//! 3. A request that HTTP/2 refused (`REFUSED_STREAM`, GOAWAY) had no effect. It is sent once more, whatever the
//!    method, if the body was not touched.
//! 4. Nothing else is sent twice.
//!
//! What opens a connection is boxed. It is rare and large, and every request would otherwise carry room for it.

use std::{error::Error as StdError, sync::Arc};

use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{TRANSFER_ENCODING, UPGRADE},
    request,
};
use http_body::Body as _;
use tokio::time::{Instant, timeout_at};

use super::{
    SendFuture, Transport,
    connection::{Http1, Opened, open},
    http2::Http2,
    pool::Pool,
    returning::Returning,
    sent::Sent,
    upstream::Upstream,
};
use crate::{
    common::{
        body::Body,
        failure::{Failure, FailureKind},
    },
    reverse::{progress::Progress, target::Protocol},
};

/// hyper's client on tokio, with connections that each upstream owns. It needs a tokio runtime with I/O and
/// time.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HttpTransport;

impl HttpTransport {
    /// The default transport.
    pub const fn new() -> Self {
        Self
    }
}

impl Transport for HttpTransport {
    fn send<'a>(&'a self, upstream: &'a Upstream, request: Request<Body>) -> SendFuture<'a> {
        Box::pin(send(upstream, request, None))
    }
}

/// What a request needs of its connection.
struct Needs {
    only_http1: bool,
    is_idempotent: bool,
}

impl Needs {
    fn of(request: &request::Parts, protocol: Protocol) -> Self {
        let method = &request.method;
        Self {
            only_http1: protocol == Protocol::Http1 || request.headers.contains_key(UPGRADE),
            is_idempotent: method.is_idempotent(),
        }
    }
}

/// A connection to send over.
enum Line {
    Http1(Http1),
    Http2(Arc<Http2>),
}

/// A request that was not answered.
struct Unanswered {
    failure: Failure,
    may_repeat: Repeat,
}

/// Whether a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    /// It never left, or upstream says that it had no effect.
    Any,
    /// Nothing came back.
    Idempotent,
    No,
}

/// Sends a request, and tells how far it is.
pub(crate) async fn send(
    upstream: &Upstream,
    request: Request<Body>,
    progress: Option<&Progress>,
) -> Result<Response<Body>, Failure> {
    let (parts, body) = request.into_parts();
    let needs = Needs::of(&parts, upstream.protocol());
    let connecting = |is_connecting| {
        if let Some(progress) = progress {
            progress.connecting(is_connecting);
        }
    };
    let sent = Sent::new(body);
    let deadline = Instant::now().checked_add(upstream.limits().connect);
    let deadline = deadline.unwrap_or_else(Instant::now);
    let can_send_twice = needs.is_idempotent && sent.is_untouched();
    connecting(true);
    let (line, is_reused) = line(upstream, &needs, can_send_twice, deadline).await?;
    connecting(false);
    if !is_reused {
        let result = line.send(upstream, Request::from_parts(parts, sent.attempt()), &sent).await;
        return result.map_err(|unanswered| unanswered.failure);
    }
    let again = parts.clone();
    let first = line.send(upstream, Request::from_parts(parts, sent.attempt()), &sent).await;
    let unanswered = match first {
        Ok(response) => return Ok(response),
        Err(unanswered) => unanswered,
    };
    let repeats = match unanswered.may_repeat {
        Repeat::Any => sent.is_untouched(),
        Repeat::Idempotent => needs.is_idempotent && sent.is_untouched(),
        Repeat::No => false,
    };
    if !repeats {
        return Err(unanswered.failure);
    }
    connecting(true);
    let deadline = Instant::now().checked_add(upstream.limits().connect).unwrap_or(deadline);
    let line = Box::pin(new_line(upstream, &needs, deadline)).await?;
    connecting(false);
    let second = line.send(upstream, Request::from_parts(again, sent.attempt()), &sent).await;
    second.map_err(|unanswered| unanswered.failure)
}

/// A connection, and whether it was used before.
async fn line(
    upstream: &Upstream,
    needs: &Needs,
    can_send_twice: bool,
    deadline: Instant,
) -> Result<(Line, bool), Failure> {
    let pool = upstream.pool();
    if let Some(line) = idle_line(pool, needs, can_send_twice, deadline).await {
        return Ok((line, true));
    }
    if upstream.protocol() == Protocol::Http2 && !needs.only_http1 {
        // Whoever comes second finds the connection of the first.
        let _connecting = pool.connecting().await;
        if let Some(connection) = pool.http2() {
            return Ok((Line::Http2(connection), true));
        }
        let line = Box::pin(new_line(upstream, needs, deadline)).await?;
        return Ok((line, false));
    }
    loop {
        if let Some(permit) = pool.permit() {
            let line = Box::pin(opened(upstream, needs, permit, deadline)).await?;
            return Ok((line, false));
        }
        wait(pool, deadline).await?;
        if let Some(line) = idle_line(pool, needs, true, deadline).await {
            return Ok((line, true));
        }
    }
}

/// A connection that is open.
async fn idle_line(
    pool: &Pool,
    needs: &Needs,
    can_send_twice: bool,
    deadline: Instant,
) -> Option<Line> {
    if !needs.only_http1 {
        if let Some(connection) = pool.http2() {
            return Some(Line::Http2(connection));
        }
    }
    while let Some(mut connection) = pool.take(can_send_twice) {
        // hyper takes the next request when it has read the response, which may be about to happen.
        if let Ok(Ok(())) = timeout_at(deadline, connection.sender.ready()).await {
            return Some(Line::Http1(connection));
        }
    }
    None
}

/// A new connection.
async fn new_line(upstream: &Upstream, needs: &Needs, deadline: Instant) -> Result<Line, Failure> {
    let pool = upstream.pool();
    loop {
        if let Some(permit) = pool.permit() {
            return opened(upstream, needs, permit, deadline).await;
        }
        wait(pool, deadline).await?;
        // An idle connection ends, so that there is room.
        drop(pool.take(true));
    }
}

async fn wait(pool: &Pool, deadline: Instant) -> Result<(), Failure> {
    let full = |_| Failure::new(FailureKind::ConnectionLimit, "all connections are in use");
    timeout_at(deadline, pool.freed()).await.map_err(full)
}

async fn opened(
    upstream: &Upstream,
    needs: &Needs,
    permit: super::pool::Permit,
    deadline: Instant,
) -> Result<Line, Failure> {
    match open(upstream, needs.only_http1, permit, deadline).await? {
        Opened::Http1(connection) => Ok(Line::Http1(connection)),
        Opened::Http2(connection) => {
            upstream.pool().put_http2(Arc::clone(&connection));
            Ok(Line::Http2(connection))
        }
    }
}

impl Line {
    async fn send(
        self,
        upstream: &Upstream,
        request: Request<Body>,
        sent: &Sent,
    ) -> Result<Response<Body>, Unanswered> {
        match self {
            Self::Http1(connection) => send_http1(connection, upstream.pool(), request, sent).await,
            Self::Http2(connection) => send_http2(connection, upstream, request).await,
        }
    }
}

async fn send_http1(
    mut connection: Http1,
    pool: &Arc<Pool>,
    mut request: Request<Body>,
    sent: &Sent,
) -> Result<Response<Body>, Unanswered> {
    // hyper sends no body with GET, HEAD and CONNECT whose length is unknown, unless a coding is stated.
    if request.body().size_hint().exact().is_none() {
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(TRANSFER_ENCODING, chunked);
    }
    let before = connection.read.get();
    match connection.sender.try_send_request(request).await {
        Ok(response) => {
            let (parts, incoming) = response.into_parts();
            if parts.status == StatusCode::SWITCHING_PROTOCOLS {
                connection.release();
                return Ok(Response::from_parts(parts, Body::empty()));
            }
            let returning = Returning::new(incoming, connection, pool, sent);
            Ok(Response::from_parts(parts, Body::new(returning)))
        }
        Err(mut error) => {
            let may_repeat = if error.take_message().is_some() {
                Repeat::Any
            } else if connection.read.get() == before && is_closed(error.error()) {
                Repeat::Idempotent
            } else {
                Repeat::No
            };
            Err(Unanswered { failure: failed(error.into_error()), may_repeat })
        }
    }
}

async fn send_http2(
    connection: Arc<Http2>,
    upstream: &Upstream,
    mut request: Request<Body>,
) -> Result<Response<Body>, Unanswered> {
    into_http2(&mut request, upstream);
    let (pool, gap) = (upstream.pool(), upstream.limits().gap);
    match Arc::clone(&connection).send(request, pool, gap).await {
        Ok(response) => Ok(response),
        Err(mut error) => {
            let cause = http2_error(error.error());
            let is_refused = cause.is_some_and(|cause| {
                cause.reason() == Some(h2::Reason::REFUSED_STREAM)
                    || cause.is_go_away() && cause.is_remote()
            });
            let is_closed = is_closed(error.error()) || cause.is_some_and(h2::Error::is_io);
            let may_repeat = if error.take_message().is_some() || is_refused {
                Repeat::Any
            } else if is_closed {
                Repeat::Idempotent
            } else {
                Repeat::No
            };
            if may_repeat != Repeat::No {
                pool.forget_http2(&connection);
            }
            Err(Unanswered { failure: failed(error.into_error()), may_repeat })
        }
    }
}

/// HTTP/2 has the host in `:authority`, and no `Host` beside it (RFC 9113 §8.3.1).
fn into_http2(request: &mut Request<Body>, upstream: &Upstream) {
    *request.version_mut() = http::Version::HTTP_2;
    let Some(host) = request.headers_mut().remove(http::header::HOST) else { return };
    let path = request.uri().path_and_query().cloned();
    let uri = http::Uri::builder().scheme(upstream.scheme().as_str()).authority(host.as_bytes());
    let uri = match path {
        // `OPTIONS *` is `:path: *`.
        Some(path) => uri.path_and_query(path),
        None => uri.path_and_query("/"),
    };
    if let Ok(uri) = uri.build() {
        *request.uri_mut() = uri;
    }
}

/// Whether the connection ended.
fn is_closed(error: &hyper::Error) -> bool {
    let io = find::<std::io::Error>(error);
    error.is_incomplete_message() || error.is_closed() || error.is_canceled() || io.is_some()
}

fn http2_error(error: &hyper::Error) -> Option<&h2::Error> {
    find::<h2::Error>(error)
}

/// An error of this type among the causes.
fn find<E: StdError + 'static>(error: &hyper::Error) -> Option<&E> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// What an error of hyper means.
fn failed(error: hyper::Error) -> Failure {
    let (kind, detail) = if error.is_parse_too_large() {
        (FailureKind::ResponseHeadTooLarge, "the answer's head is over the limits")
    } else if error.is_parse() {
        (FailureKind::Protocol, "the answer is no HTTP")
    } else if error.is_user() {
        (FailureKind::ClientBody, "the request's body broke off")
    } else if is_closed(&error) || error.is_body_write_aborted() {
        (FailureKind::ConnectionTerminated, "upstream closed the connection without an answer")
    } else {
        (FailureKind::Protocol, "upstream broke the protocol")
    };
    Failure::new(kind, detail).with_source(error)
}
