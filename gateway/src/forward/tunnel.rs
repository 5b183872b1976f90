//! One tunnel, from CONNECT to its end (RFC 9110 §9.3.6).
//!
//! 1. Every request in it is for its host and port, and has its scheme. Another host or scheme is 421, in whatever form it is
//!    asked for; another CONNECT is 400. Where CONNECT names an address and the TLS handshake a host, `Host` may be either:
//!    some clients write the one that they connected to. The application is told of the host.
//! 2. Requests get the extensions of the CONNECT, such as who the peer is, and none of its fields.
//! 3. Nothing that is left of a tunnel is read by the server outside.

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, Request, Response, header::HOST};
use http_body::Body as HttpBody;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tower_service::Service;

use super::{
    asked::is_connect,
    connection,
    exchange::{Admitted, Way, answer},
    front::Front,
    handshake::{Asked, Opened, open},
    host::Origin,
    stream::{Held, Seat},
    tunnels::{Place, Told},
};
use crate::common::{
    body::{Body, BoxError},
    failure::{Failure, FailureKind},
};

/// What is known of a tunnel when it begins.
pub(super) struct Tunnel {
    pub(super) asked: Asked,
    pub(super) client: Option<proxyfix::Peer>,
    pub(super) admitted: Admitted,
    /// Whether the core is around the proxy.
    pub(super) has_core: bool,
    /// Those of the CONNECT.
    pub(super) extensions: Extensions,
}

/// Runs a tunnel until its end.
pub(super) async fn run<S, R>(
    front: Arc<Front>,
    inner: S,
    tunnel: Tunnel,
    upgrade: OnUpgrade,
    place: Place,
) where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let seat = Arc::new(Seat::default());
    let told = front.tunnels.told();
    let limits = front.limits;
    seat.fill(place);
    // What is large and ends early has a place of its own, or every tunnel would keep room for it.
    let begun = Box::pin(open(&front, &tunnel.asked, upgrade, |io| {
        Held::new(io, &limits, told.clone(), Arc::clone(&seat))
    }));
    let begun = tokio::select! {
        begun = timeout(limits.handshake, begun) => begun,
        // What has not begun has nothing to finish.
        () = connection::until(told.clone(), Told::Finish) => return,
    };
    let opened = match begun {
        Ok(Ok(opened)) => opened,
        Ok(Err(failure)) => return tell(&failure),
        Err(_) => {
            let late = "nothing within the limit handshake";
            return tell(&Failure::new(FailureKind::ClientTimeout, late));
        }
    };
    match opened {
        Opened::Plain(stream, origin) => {
            Box::pin(serve(front, inner, tunnel, stream, origin, told)).await;
        }
        Opened::Tls(stream, origin) => {
            Box::pin(serve(front, inner, tunnel, stream, origin, told)).await;
        }
    }
    // If the bytes are still there, they are the application's.
    seat.upgraded();
}

fn tell(failure: &Failure) {
    #[cfg(feature = "tracing")]
    tracing::debug!(cause = %failure, "a tunnel did not begin");
    #[cfg(not(feature = "tracing"))]
    let _ = failure;
}

/// Serves the requests of a tunnel.
async fn serve<S, R, T>(
    front: Arc<Front>,
    inner: S,
    tunnel: Tunnel,
    stream: T,
    origin: Origin,
    told: tokio::sync::watch::Receiver<Told>,
) where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (limits, websockets) = (front.limits, front.websockets);
    let Tunnel { asked, client, admitted, has_core, extensions } = tunnel;
    let connected = Origin { host: asked.host.clone(), ..origin.clone() };
    let way = Way { origin, tunnel: Some((asked.host, asked.port)), client, admitted, has_core };
    let handle = move |request: Request<Incoming>| {
        let (front, inner, way) = (Arc::clone(&front), inner.clone(), way.clone());
        let checked = check(&request, &[&way.origin, &connected]);
        let (mut parts, body) = request.into_parts();
        let mut all = extensions.clone();
        all.extend(std::mem::take(&mut parts.extensions));
        parts.extensions = all;
        async move {
            if let Err(failure) = checked {
                return Ok(front.failed(failure, parts.version));
            }
            let request = Request::from_parts(parts, Body::new(body));
            answer(front, inner, request, way).await.map_err(failed)
        }
    };
    connection::serve(stream, &limits, websockets, told, handle).await;
}

/// The application failed. hyper ends the connection.
pub(super) fn failed(error: impl Into<BoxError>) -> Failure {
    Failure::new(FailureKind::Internal, "the application failed").with_source(error)
}

/// Rule 1. The origins have the same scheme and port.
fn check<B>(request: &Request<B>, origins: &[&Origin; 2]) -> Result<(), Failure> {
    if is_connect(request.method(), request.extensions()) {
        return Err(Failure::invalid("CONNECT within a tunnel").and_close());
    }
    let [origin, _] = origins;
    let misdirected = || Failure::new(FailureKind::Misdirected, "another host than the tunnel's");
    if request.uri().scheme_str().is_some_and(|scheme| scheme != origin.scheme.as_str()) {
        return Err(misdirected());
    }
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let hosts = request.headers().get_all(HOST).iter().map(http::HeaderValue::as_bytes);
    let is_right = |named: &[u8]| {
        let named = std::str::from_utf8(named).unwrap_or_default();
        origins.iter().any(|origin| origin.is_named_by(named))
    };
    if authority.into_iter().chain(hosts).all(is_right) { Ok(()) } else { Err(misdirected()) }
}
