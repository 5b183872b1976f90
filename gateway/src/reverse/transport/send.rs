//! One request over a connection, and when it is sent again (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
//!
//! 1. A request that a *reused* connection did not take is sent over another one.
//! 2. A request on a *reused* connection that ended before a byte of the answer came, or over HTTP/2 before the answer, is
//!    sent once more, if the method is idempotent and the body was not touched.
//! 3. A request that HTTP/2 refused (`REFUSED_STREAM`, GOAWAY) on a *reused* connection had no effect. It is sent once more,
//!    whatever the method, if the body was not touched. If the connection for that is one that others use already, and
//!    refuses it too, it is sent a last time over a connection of its own. A new connection that refuses its first request
//!    would refuse the next one.
//! 4. Nothing else is sent twice.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, TE, TRANSFER_ENCODING},
    request,
};
use http_body::Body as _;

use super::{
    SendFuture, Transport,
    connection::Http1,
    errors::{failed, http2_error, is_closed},
    http2::Http2,
    line::{Line, Needs, deadline, http2_line, line, new_line},
    pool::Pool,
    returning::Returning,
    sent::Sent,
    upstream::Upstream,
};
use crate::{
    common::{body::Body, failure::Failure},
    reverse::progress::Progress,
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
            // What is called the user's may be a connection that ended while the request waited.
            let is_closed = is_closed(error.error())
                || error.error().is_user()
                || cause.is_some_and(h2::Error::is_io);
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
