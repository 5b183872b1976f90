//! [`ForwardProxyLayer`], around an application.
//!
//! 1. A direct request goes to the application, untouched.
//! 2. A request in absolute form is answered here. CONNECT begins a tunnel, if it is well-formed, its port is admitted, its
//!    sender is, and there is room: 400, 403, 407, 503. Where the server has no connection to give away, it is 405.
//!    After a CONNECT that is refused, an HTTP/1 connection ends: what follows is meant for the tunnel.
//! 3. A tunnel to the download host begins without credentials, and has nothing but the downloads then. There are few of
//!    those at once (`tunnels.rs`, rule 2).

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body as HttpBody;
use hyper::{ext::ReasonPhrase, upgrade::OnUpgrade};
use proxyfix::Resolved;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    asked::{Asked, asked},
    builder::ForwardProxyBuilder,
    ca::authority::CertificateAuthority,
    exchange::{Admitted, Way, answer, client, no_credentials},
    front::Front,
    handshake,
    host::Host,
    tunnel::{self, Tunnel},
    tunnels::Tunnels,
};
use crate::common::{
    body::{Body, BoxError},
    failure::{Failure, FailureKind},
    framing,
    future::ResponseFuture,
};

/// The methods that are answered where CONNECT is not.
const OTHERS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");

/// Answers what clients send through a proxy with the application inside: wsgiprox's `WSGIProxMiddleware`. Nothing is
/// dialled.
///
/// A client that uses the server as its proxy gets every host from the application, by `http`, `https` and WebSocket:
/// `https://example.com/path?query` is `/prefix/https://example.com/path?query`. What is for the server itself
/// goes to the application as ever.
///
/// Put it around the whole application, not within a router: a router looks for a route before its layers see the
/// request. It needs hyper's connections, as axum and hyper serve them. [`serve`](crate::serve) serves it best.
///
/// # Deployment caveat
/// Whoever reaches the port can use the proxy, and so reach whatever the application has under the prefix. Listen on a
/// loopback address, or ask for [`credentials`](ForwardProxyBuilder::credentials).
///
/// ```no_run
/// use axum::{Router, extract::Request, routing::any};
/// use proxyfix_gateway::{CertificateAuthority, ForwardProxyLayer, serve};
/// use tower::Layer;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let authority = CertificateAuthority::open("ca/proxyfix-ca.pem")?;
/// let proxy = ForwardProxyLayer::builder(authority).prefix("/prefix/").build()?;
///
/// let app = Router::new()
///     .route("/prefix/{*url}", any(async |request: Request| request.uri().to_string()));
///
/// // curl -x http://127.0.0.1:8080 --cacert ca/proxyfix-ca.pem https://example.com/path
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// serve(listener, proxy.layer(app)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ForwardProxyLayer {
    pub(super) front: Arc<Front>,
}

impl ForwardProxyLayer {
    /// A forward proxy with options.
    pub fn builder(authority: CertificateAuthority) -> ForwardProxyBuilder {
        ForwardProxyBuilder::new(authority)
    }

    /// The tunnels of all services behind this layer.
    pub fn tunnels(&self) -> Tunnels {
        self.front.tunnels.clone()
    }

    /// The authority, whose certificate clients must trust.
    pub fn authority(&self) -> &CertificateAuthority {
        self.front.leaves.authority()
    }

    /// How many leaf certificates are kept.
    pub fn leaves(&self) -> usize {
        self.front.leaves.len()
    }
}

impl fmt::Debug for ForwardProxyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardProxyLayer")
            .field("authority", self.authority())
            .field("hosts", &self.front.hosts)
            .field("tunnels", &self.front.tunnels)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for ForwardProxyLayer {
    type Service = ForwardProxyService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ForwardProxyService { inner, front: Arc::clone(&self.front) }
    }
}

/// A service behind a [`ForwardProxyLayer`].
#[derive(Clone)]
pub struct ForwardProxyService<S> {
    inner: S,
    pub(super) front: Arc<Front>,
}

impl<S> fmt::Debug for ForwardProxyService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForwardProxyService")
    }
}

impl<S, R> ForwardProxyService<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    /// Rules 2 and 3.
    fn connect(
        &self,
        host: Host,
        port: u16,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, Failure> {
        let front = &self.front;
        let has_upgrade = request.extensions().get::<OnUpgrade>().is_some();
        let upgrade = has_upgrade.then(|| hyper::upgrade::on(&mut request));
        let (mut parts, _) = request.into_parts();
        framing::check_request(&parts)?;
        if !front.admits_port(port) {
            let detail = "tunnels to this port are not admitted";
            return Err(Failure::new(FailureKind::Denied, detail));
        }
        let admitted = Admitted::of(front, &parts);
        if matches!(admitted, Admitted::Nobody) && !front.is_download_host(&host) {
            return Err(no_credentials());
        }
        let Some(upgrade) = upgrade else {
            let mut response = front.failed(Failure::method(OTHERS).and_close(), parts.version);
            *response.body_mut() = Body::empty();
            return Ok(response);
        };
        let full = || Failure::new(FailureKind::ConnectionLimit, "no room for a tunnel");
        let place = match admitted {
            Admitted::Nobody => front.tunnels.begin_guest(),
            Admitted::Anybody | Admitted::User(_) => front.tunnels.begin(),
        };
        let place = place.ok_or_else(full)?;
        let client = client(&parts);
        let mut extensions = std::mem::take(&mut parts.extensions);
        // They are of the CONNECT alone: a request within would be taken for it.
        extensions.remove::<OnUpgrade>();
        let has_core = extensions.remove::<Resolved>().is_some();
        let asked = handshake::Asked { host, port };
        let tunnel = Tunnel { asked, client, admitted, has_core, extensions };
        let inner = self.inner.clone();
        tokio::spawn(tunnel::run(Arc::clone(front), inner, tunnel, upgrade, place));
        let mut response = Response::new(Body::empty());
        let reason = ReasonPhrase::from_static(b"Connection Established");
        response.extensions_mut().insert(reason);
        Ok(response)
    }
}

impl<S, B, R> Service<Request<B>> for ForwardProxyService<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let front = &self.front;
        let version = parts.version;
        match asked(&parts) {
            Err(failure) => ResponseFuture::answered(front.failed(failure, version)),
            Ok(Asked::Direct) => {
                let request = Request::from_parts(parts, Body::new(body));
                ResponseFuture::inner(self.inner.call(request))
            }
            Ok(Asked::Resource(origin)) => {
                let admitted = Admitted::of(front, &parts);
                let has_core = parts.extensions.get::<Resolved>().is_some();
                let client = client(&parts);
                let way = Way { origin, tunnel: None, client, admitted, has_core };
                // The clone takes the place of the service that is ready.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                let request = Request::from_parts(parts, Body::new(body));
                ResponseFuture::own(answer(Arc::clone(&self.front), inner, request, way))
            }
            Ok(Asked::Tunnel(host, port)) => {
                let request = Request::from_parts(parts, Body::new(body));
                let response = self.connect(host, port, request);
                ResponseFuture::answered(
                    response
                        .unwrap_or_else(|failure| self.front.failed(failure.and_close(), version)),
                )
            }
        }
    }
}
