//! Trailers of requests (RFC 9110 §6.5): [`TrailersLayer`] and the body that it makes.

use std::{
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, HeaderName, Request, header::HOST};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    config::{Config, Way},
    peer::Peer,
    resolved::Resolved,
    scheme::Scheme,
};

/// Removes forwarding headers and `Host` from the trailers of requests. Needs the feature `trailers`.
///
/// A client may send fields after its body: in HTTP/1.1 after the last chunk, in HTTP/2 and HTTP/3
/// in a second block. A proxy may pass them on, and servers hand them to the application with the body. No
/// proxy writes forwarding headers there, so any that arrive are a stranger's.
///
/// [`ProxyFixLayer`](crate::ProxyFixLayer) does not look at them. Trailers arrive after the application has
/// begun with the request, and removing them changes the type of the body, which not every stack allows.
/// You need this layer if something in your application reads trailers, or merges them into the
/// headers. Most applications do neither.
///
/// 1. **Removed** are the [forwarding headers](crate#forwarding-headers), those that the configuration
///    names, and `Host`, in every spelling with `_` for `-`, trusted or not, regardless of `headers=`.
///    An `exempt` header stays.
/// 2. **The configuration** is that of the [`Resolved`] in the request's extensions, so put this layer
///    inside [`ProxyFixLayer`](crate::ProxyFixLayer). Without a `Resolved`, the known headers and `Host`
///    are removed.
/// 3. **Nothing else** changes. If no field of the trailers is left, they are an empty block.
///
/// axum's router takes its own type of body, so convert the body for it:
///
/// ```
/// # #[cfg(not(feature = "axum"))] fn main() {}
/// # #[cfg(feature = "axum")] fn main() -> Result<(), proxyfix::ConfigError> {
/// use axum::{Router, body::Body, http::Request, routing::post};
/// use proxyfix::{CleanTrailers, ProxyFixLayer, TrailersLayer};
/// use tower::ServiceBuilder;
///
/// let config = "proxies=loopback for=1".parse()?;
/// let app: Router = Router::new().route("/", post(|| async { "hello" })).layer(
///     ServiceBuilder::new()
///         .layer(ProxyFixLayer::new(config))
///         .layer(TrailersLayer::new())
///         .map_request(|request: Request<CleanTrailers<Body>>| request.map(Body::new)),
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct TrailersLayer;

impl TrailersLayer {
    /// A layer that removes forwarding headers and `Host` from trailers.
    pub fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for TrailersLayer {
    type Service = TrailersService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TrailersService { inner }
    }
}

/// A service behind a [`TrailersLayer`].
#[derive(Clone, Debug)]
pub struct TrailersService<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for TrailersService<S>
where
    S: Service<Request<CleanTrailers<B>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let body = match parts.extensions.get::<Resolved>() {
            Some(resolved) => CleanTrailers::new(body, resolved),
            None => CleanTrailers { body, config: NOTHING.clone(), peer: None },
        };
        self.inner.call(Request::from_parts(parts, body))
    }
}

/// A configuration that names no forwarding header besides the known ones.
static NOTHING: LazyLock<Config> = LazyLock::new(|| Config::nothing(Scheme::Http));

pin_project! {
    /// The body of a request, without forwarding headers and `Host` in its trailers. See
    /// [`TrailersLayer`].
    ///
    /// ```
    /// use http::Request;
    /// use http_body_util::{BodyExt, Empty};
    /// use proxyfix::{CleanTrailers, Config, Peer, Resolved, fix_request};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config: Config = "proxies=loopback for=1".parse()?;
    /// let trailers = async {
    ///     Some(Ok(http::HeaderMap::from_iter([("x-forwarded-for".parse().ok()?, "6.6.6.6".parse().ok()?)])))
    /// };
    /// let mut request = Request::post("/")
    ///     .header("X-Forwarded-For", "203.0.113.9")
    ///     .extension(Peer::from(std::net::IpAddr::from([127, 0, 0, 1])))
    ///     .body(Empty::<&[u8]>::new().with_trailers(trailers))?;
    ///
    /// fix_request(&mut request, &config)?;
    /// let (parts, body) = request.into_parts();
    /// let resolved: &Resolved = parts.extensions.get().unwrap();
    /// let body = CleanTrailers::new(body, resolved);
    /// assert!(body.collect().await?.trailers().unwrap().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Clone, Debug)]
    pub struct CleanTrailers<B> {
        #[pin]
        body: B,
        config: Config,
        peer: Option<Peer>,
    }
}

impl<B> CleanTrailers<B> {
    /// Wraps the body of a request, given what was resolved about the request.
    pub fn new(body: B, resolved: &Resolved) -> Self {
        Self { body, config: resolved.config.clone(), peer: resolved.peer }
    }

    /// The wrapped body, with its trailers unchanged.
    pub fn into_inner(self) -> B {
        self.body
    }
}

impl<B: Body> Body for CleanTrailers<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let mut frame = ready!(this.body.poll_frame(context));
        if let Some(Ok(frame)) = &mut frame {
            if let Some(trailers) = frame.trailers_mut() {
                clean(trailers, this.config.way_of(this.peer.as_ref()));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Rule 1.
fn clean(trailers: &mut HeaderMap, way: &Way) {
    let goes = |name: &&HeaderName| {
        let is_forwarding = || way.plan.forwarding.contains(name.as_str());
        **name == HOST || is_forwarding() && !way.settings.exempt.contains(name)
    };
    let gone: Vec<_> = trailers.keys().filter(goes).cloned().collect();
    for name in gone {
        trailers.remove(name);
    }
}
