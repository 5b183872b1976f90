//! One request over a connection, and when it is sent again (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
//!
//! 1. A request that never left is sent over another connection.
//! 2. A request on a *reused* connection that ended before a byte of the answer came is sent once more, if the method is
//!    idempotent and the body was not touched.
//! 3. A request that HTTP/2 refused (`REFUSED_STREAM`, GOAWAY) on a *reused* connection had no effect. It is sent once more,
//!    whatever the method, if the body was not touched. If the connection for that is one that others use already, and
//!    refuses it too, it is sent a last time over a connection of its own. A new connection that refuses its first request
//!    would refuse the next one.
//! 4. Nothing else is sent twice.
//!
//! What opens a connection is boxed. It is rare and large, and every request would otherwise carry room for it.

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, TE, TRANSFER_ENCODING, UPGRADE},
    request,
};
use http_body::Body as _;
use tokio::time::{Instant, timeout_at};

use super::{
    SendFuture, Transport,
    connection::{Http1, Opened, open},
    errors::{failed, http2_error, is_closed},
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
    only_http2: bool,
    is_idempotent: bool,
}

impl Needs {
    fn of(request: &request::Parts, protocol: Protocol) -> Self {
        let is_upgrade = request.headers.contains_key(UPGRADE);
        Self {
            only_http1: protocol == Protocol::Http1 || is_upgrade,
            only_http2: protocol == Protocol::Http2 && !is_upgrade,
            is_idempotent: request.method.is_idempotent(),
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
    let sent = Sent::new(body);
    let can_send_twice = needs.is_idempotent && sent.is_untouched();
    connecting(progress);
    let (line, is_reused) = line(upstream, &needs, can_send_twice, deadline(upstream)).await?;
    connected(progress, &line);
    if !is_reused {
        let result = line.send(upstream, Request::from_parts(parts, sent.attempt()), &sent).await;
        return result.map_err(|unanswered| unanswered.failure);
    }
    let (again, was_http2) = (parts.clone(), matches!(line, Line::Http2(_)));
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
    Box::pin(send_again(upstream, &needs, again, &sent, was_http2, progress)).await
}

/// Sends it once more, over a new connection or, of HTTP/2, one that others use already. If it is refused there too, it gets a
/// connection of its own.
async fn send_again(
    upstream: &Upstream,
    needs: &Needs,
    parts: request::Parts,
    sent: &Sent,
    was_http2: bool,
    progress: Option<&Progress>,
) -> Result<Response<Body>, Failure> {
    if was_http2 {
        connecting(progress);
        let (line, is_reused) = http2_line(upstream, needs, deadline(upstream)).await?;
        connected(progress, &line);
        let request = Request::from_parts(parts.clone(), sent.attempt());
        match line.send(upstream, request, sent).await {
            Ok(response) => return Ok(response),
            Err(unanswered) => {
                let had_effect = unanswered.may_repeat != Repeat::Any || !sent.is_untouched();
                if !is_reused || had_effect {
                    return Err(unanswered.failure);
                }
            }
        }
    }
    connecting(progress);
    let line = new_line(upstream, needs, deadline(upstream)).await?;
    connected(progress, &line);
    let last = line.send(upstream, Request::from_parts(parts, sent.attempt()), sent).await;
    last.map_err(|unanswered| unanswered.failure)
}

fn connecting(progress: Option<&Progress>) {
    if let Some(progress) = progress {
        progress.connecting(true);
    }
}

fn connected(progress: Option<&Progress>, line: &Line) {
    if let Some(progress) = progress {
        progress.goes_over(match line {
            Line::Http1(_) => None,
            Line::Http2(connection) => Some(connection.number()),
        });
        progress.connecting(false);
    }
}

/// Until when there must be a connection. What no clock can tell is no limit.
fn deadline(upstream: &Upstream) -> Instant {
    // 30 years, as far as tokio looks ahead.
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    let now = Instant::now();
    let deadline = now.checked_add(upstream.limits().connect);
    deadline.or_else(|| now.checked_add(FAR)).unwrap_or(now)
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
    if needs.only_http2 {
        return Box::pin(http2_line(upstream, needs, deadline)).await;
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

/// The HTTP/2 connection that all requests share, or a new one. Whoever comes second finds the connection of the first.
async fn http2_line(
    upstream: &Upstream,
    needs: &Needs,
    deadline: Instant,
) -> Result<(Line, bool), Failure> {
    let late = |_| Failure::new(FailureKind::ConnectionTimeout, "no connection within the limit");
    let pool = upstream.pool();
    let _connecting = timeout_at(deadline, pool.connecting()).await.map_err(late)?;
    if let Some(connection) = pool.http2() {
        return Ok((Line::Http2(connection), true));
    }
    Ok((new_line(upstream, needs, deadline).await?, false))
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
    if needs.only_http2 {
        return None;
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
        // An idle connection ends, so that there is room. It is awaited, as one in use is.
        drop(pool.take(true));
        wait(pool, deadline).await?;
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
    name_te(request.headers_mut());
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

/// `Connection` names `TE`, beside an upgrade (RFC 9110 §10.1.4). HTTP/2 has no `Connection`.
fn name_te(headers: &mut HeaderMap) {
    if !headers.contains_key(TE) {
        return;
    }
    let named = match headers.get(CONNECTION) {
        None => Ok(HeaderValue::from_static("TE")),
        Some(others) => HeaderValue::try_from([others.as_bytes(), b", TE"].concat()),
    };
    // A value put together from valid values is valid.
    if let Ok(named) = named {
        headers.insert(CONNECTION, named);
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
                pool.forget_http2(connection.number());
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
