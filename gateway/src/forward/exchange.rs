//! One request that came through the proxy, from its arrival to its response.
//!
//! 1. A request must have one framing. A path with a dot segment is 400: who is meant depends on who resolves it.
//! 2. Downloads come first, and need no credentials. Everything else needs them, if the proxy asks for some.
//! 3. A proxy host answers without a prefix. Every other URL is where the resolver says.
//! 4. The application is told by a [`ProxyRequest`] in the extensions.

use std::{future::poll_fn, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, Uri, request};
use http_body::Body as HttpBody;
use proxyfix::{Peer, Resolved};
use tower_service::Service;

use super::{
    asked::target,
    downloads::Download,
    front::Front,
    head,
    host::{Host, Origin},
    hosts::{App, NotMine},
    received::Received,
    request::{Inner, ProxyRequest},
    resolver::Kind,
};
use crate::common::{
    body::{Body, BoxError},
    failure::{Failure, FailureKind, plain},
    framing,
};

/// Whom the proxy admits.
#[derive(Clone, Debug)]
pub(super) enum Admitted {
    /// It asks for no credentials.
    Anybody,
    /// This user.
    User(Arc<str>),
    /// Nobody: only downloads are answered.
    Nobody,
}

impl Admitted {
    /// Who sent this request to the proxy.
    pub(super) fn of(front: &Front, parts: &request::Parts) -> Self {
        match &front.credentials {
            None => Self::Anybody,
            Some(credentials) => match credentials.user(&parts.headers) {
                Some(user) => Self::User(user),
                None => Self::Nobody,
            },
        }
    }
}

/// The client of a request: as the core knows it, otherwise the peer.
pub(super) fn client(parts: &request::Parts) -> Option<Peer> {
    let Some(resolved) = parts.extensions.get::<Resolved>() else {
        return Peer::from_extensions(&parts.extensions);
    };
    match (resolved.client_ip(), resolved.client_port()) {
        (Some(ip), Some(port)) => Some(Peer::from(std::net::SocketAddr::new(ip, port))),
        (Some(ip), None) => Some(Peer::from(ip)),
        (None, _) => resolved.peer().filter(Peer::is_unix),
    }
}

/// What is known of a request before it is read.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) origin: Origin,
    /// Host and port of the CONNECT.
    pub(super) tunnel: Option<(Host, u16)>,
    pub(super) client: Option<Peer>,
    pub(super) admitted: Admitted,
    /// Whether the core is around the proxy.
    pub(super) has_core: bool,
}

/// Where a request goes.
enum Route {
    Answered(Response<Body>),
    App(App, Request<Body>),
    Main(Request<Body>),
}

/// Answers a request.
pub(super) async fn answer<S, R>(
    front: Arc<Front>,
    inner: S,
    request: Request<Body>,
    way: Way,
) -> Result<Response<Body>, S::Error>
where
    S: Service<Request<Body>, Response = Response<R>>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let version = request.version();
    match route(&front, request, &way) {
        Err(failure) => Ok(front.failed(failure, version)),
        Ok(Route::Answered(response)) => Ok(response),
        Ok(Route::Main(request)) => call(inner, request).await,
        Ok(Route::App(app, request)) => {
            let Ok(mut response) = app.call(request).await;
            match NotMine::of(&mut response) {
                None => Ok(response),
                Some(request) => call(inner, request).await,
            }
        }
    }
}

/// Calls the main application.
async fn call<S, R>(mut inner: S, request: Request<Body>) -> Result<Response<Body>, S::Error>
where
    S: Service<Request<Body>, Response = Response<R>>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    poll_fn(|context| inner.poll_ready(context)).await?;
    inner.call(request).await.map(|response| response.map(Body::new))
}

fn route(front: &Front, request: Request<Body>, way: &Way) -> Result<Route, Failure> {
    let Way { origin, tunnel, client, admitted, has_core } = way;
    let (mut parts, body) = request.into_parts();
    framing::check_request(&parts)?;
    // Over HTTP/2, hyper counts bytes alone.
    if parts.headers.len() > front.limits.head_fields {
        let detail = "the head has too many fields";
        return Err(Failure::new(FailureKind::HeadTooLarge, detail).and_close());
    }
    let asked = target(&parts).clone();
    let path = path(front, &asked)?;
    if front.is_download_host(&origin.host) {
        if let Some(download) = Download::at(path.split('?').next().unwrap_or_default()) {
            let host = origin.host.to_string();
            let answer = download.answer(&parts.method, front.leaves.authority(), &host);
            return answer.map(Route::Answered);
        }
    }
    let user = match admitted {
        Admitted::Anybody => None,
        Admitted::User(user) => Some(Arc::clone(user)),
        // In a tunnel, no client expects to be asked.
        Admitted::Nobody if tunnel.is_some() => {
            return Err(Failure::new(FailureKind::Denied, "no credentials at the CONNECT"));
        }
        Admitted::Nobody => return Err(no_credentials()),
    };
    let is_trusted = tunnel.is_none()
        && parts.extensions.get::<Resolved>().is_some_and(Resolved::is_peer_trusted);
    let barred = head::clean(front, &mut parts, origin, is_trusted)?;
    let matched = front.hosts.get(&origin.host);
    let proxied = ProxyRequest {
        inner: Arc::new(Inner {
            origin: origin.clone(),
            path: path.clone(),
            proxy_host: match matched {
                Some(_) => origin.host.to_string().into(),
                None => Arc::clone(&front.proxy_host),
            },
            is_matched: matched.is_some(),
            tunnel: tunnel.clone(),
            original_uri: asked,
            client: *client,
            user,
        }),
    };
    let path = match matched {
        Some(_) => path,
        None => {
            let resolved = front.resolver.resolve(&proxied);
            parts.extensions.extend(resolved.extensions);
            match resolved.kind {
                Kind::Path(path) => path,
                Kind::Refused(status) => return Ok(Route::Answered(plain(status))),
            }
        }
    };
    head::set_target(&mut parts, path)?;
    head::set_peer(&mut parts, origin, *client, front.nobody.as_ref().filter(|_| *has_core))?;
    parts.extensions.insert(proxied);
    let body = Body::new(Received::new(body, barred, front.limits.gap, parts.version));
    let request = Request::from_parts(parts, body);
    Ok(match matched {
        Some(Some(app)) => Route::App(Arc::clone(app), request),
        Some(None) | None => Route::Main(request),
    })
}

/// Without credentials, or with wrong ones.
pub(super) fn no_credentials() -> Failure {
    Failure::new(FailureKind::ProxyAuthentication, "no valid credentials")
}

/// The path and the query of a URL (rule 1).
fn path(front: &Front, uri: &Uri) -> Result<String, Failure> {
    let path = uri.path();
    if path == "*" {
        return Err(Failure::invalid("* names no resource").and_close());
    }
    let normal = front
        .dot_segments
        .apply(path)
        .map_err(|_| Failure::invalid("the path has a dot segment"))?;
    // A URL may be without a path, and `http` keeps it so beside a query.
    let slash = if normal.starts_with('/') { "" } else { "/" };
    Ok(match uri.query() {
        Some(query) => [slash, &normal, "?", query].concat(),
        None => [slash, &normal].concat(),
    })
}
