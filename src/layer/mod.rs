//! The tower layer: [`fix_request`](crate::fix_request) around a service.
//!
//! 1. **Peer.** The layer looks for it in this order: the function given to
//!    [`peer_from`](ProxyFixLayer::peer_from), a [`Peer`] in the request's
//!    extensions, and with the feature `axum` its `ConnectInfo<SocketAddr>`, then its
//!    `MockConnectInfo<SocketAddr>`.
//! 2. **Order.** Put the layer around the whole application: code that runs before it sees what a
//!    stranger wrote. You may add it twice with equal configurations, or with one
//!    `ConfigHandle`; the inner one then only corrects addresses.
//! 3. **Addresses downstream.** With the feature `axum`, the layer sets `ConnectInfo<SocketAddr>`,
//!    `MockConnectInfo` and `OriginalUri` to the client's values, or removes them if the client has
//!    no address. Use the function given to [`on_resolved`](ProxyFixLayer::on_resolved) for the
//!    rest, such as tonic's `TcpConnectInfo`, and `TlsConnectInfo` under TLS.
//! 4. **Shadow.** A candidate configuration may run beside the one in force; see [`shadow`].
//! 5. **Mistakes.** With the feature `tracing`, the layer warns of likely mistakes in the
//!    configuration, each at most once a minute.
//! 6. **Rejection.** A rejected request does not reach the service. Its response has the error's
//!    status, `Cache-Control: no-store`, and the [`Error`] in its extensions.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tracing")]
mod diagnosis;
#[cfg(feature = "axum")]
pub mod extract;
mod future;
mod peer;
mod prefix;
mod rejection;
#[cfg(feature = "reload")]
mod reload;
mod service;
pub mod shadow;
#[cfg(feature = "tracing")]
mod tracing;
#[cfg(feature = "trailers")]
mod trailers;

use std::{fmt, sync::Arc};

use http::{Extensions, Response};
use tower_layer::Layer;

#[cfg(feature = "reload")]
pub use self::reload::ConfigHandle;
#[cfg(feature = "trailers")]
pub use self::trailers::{CleanTrailers, TrailersLayer, TrailersService};
pub use self::{
    future::ResponseFuture,
    prefix::{PrefixFuture, PrefixLayer, PrefixService, is_own_path},
    rejection::{DefaultRejection, RejectionResponse},
    service::ProxyFix,
};
use self::{peer::PeerFrom, shadow::Shadow};
use crate::{config::Config, error::Error, peer::Peer, resolved::Resolved};

/// The configuration of a layer, or the handle that holds it.
#[derive(Clone)]
enum InForce {
    Always(Config),
    #[cfg(feature = "reload")]
    Held(ConfigHandle),
}

type OnResolved = Arc<dyn Fn(&Resolved, &mut Extensions) + Send + Sync>;

/// Wraps a service so that it sees requests as [`fix_request`](crate::fix_request) leaves them.
///
/// **Put it around the whole application**, outermost: logging, rate limits and access rules that
/// run before it read what a stranger wrote. In axum, call `Router::layer` with it last.
///
/// Rejected requests are answered with an empty body. If the response body has no default, as
/// inside some layers that wrap bodies, give a response of your own with
/// [`with_rejection_response`](Self::with_rejection_response).
///
/// ```
/// use http::{Request, Response};
/// use proxyfix::{Config, Peer, ProxyFixLayer, Resolved};
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: Config = "proxies=loopback for=1".parse()?;
/// let mut app = ServiceBuilder::new().layer(ProxyFixLayer::new(config)).service_fn(
///     |request: Request<String>| async move {
///         let resolved: &Resolved = request.extensions().get().unwrap();
///         Ok::<_, std::convert::Infallible>(Response::new(resolved.client().to_string()))
///     },
/// );
///
/// let request = Request::get("/")
///     .header("X-Forwarded-For", "6.6.6.6, 203.0.113.9")
///     .extension(Peer::from(std::net::IpAddr::from([127, 0, 0, 1])))
///     .body(String::new())?;
/// let response = app.ready().await?.call(request).await?;
/// assert_eq!(response.body(), "203.0.113.9");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ProxyFixLayer<R = DefaultRejection> {
    in_force: InForce,
    peer_from: Option<PeerFrom>,
    on_resolved: Option<OnResolved>,
    shadow: Option<Shadow>,
    #[cfg(feature = "tracing")]
    diagnosis: diagnosis::Diagnosis,
    rejection: R,
}

impl ProxyFixLayer {
    /// A layer that decides by this configuration and answers rejections with an empty body.
    pub fn new(config: Config) -> Self {
        Self::of(InForce::Always(config))
    }

    /// A layer that decides each request by the configuration that the handle holds at that moment, and
    /// answers rejections with an empty body.
    ///
    /// ```
    /// use proxyfix::{Config, ConfigHandle, ProxyFixLayer};
    ///
    /// # fn main() -> Result<(), proxyfix::ConfigError> {
    /// let handle = ConfigHandle::new("proxies=192.0.2.0/24 for=1".parse()?);
    /// let layer = ProxyFixLayer::with_handle(handle.clone());
    ///
    /// // Later, when the CDN has published another list:
    /// handle.replace("proxies=192.0.2.0/24,198.51.100.0/24 for=1".parse()?);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "reload")]
    pub fn with_handle(handle: ConfigHandle) -> Self {
        Self::of(InForce::Held(handle))
    }

    fn of(in_force: InForce) -> Self {
        Self {
            in_force,
            peer_from: None,
            on_resolved: None,
            shadow: None,
            #[cfg(feature = "tracing")]
            diagnosis: diagnosis::Diagnosis::new(),
            rejection: DefaultRejection,
        }
    }
}

impl<R> ProxyFixLayer<R> {
    /// Says how to find the peer in the request's extensions, for servers that leave it in a type
    /// of their own. If the function finds none, the layer looks in the usual places.
    ///
    /// ```
    /// use proxyfix::{Config, Peer, ProxyFixLayer};
    ///
    /// # fn main() -> Result<(), proxyfix::ConfigError> {
    /// # let config: Config = "proxies=unix for=1".parse()?;
    /// // Everything comes in over one Unix socket:
    /// let layer = ProxyFixLayer::new(config).peer_from(|_| Some(Peer::UNIX));
    /// # Ok(())
    /// # }
    /// ```
    pub fn peer_from<F>(self, find: F) -> Self
    where
        F: Fn(&Extensions) -> Option<Peer> + Send + Sync + 'static,
    {
        Self { peer_from: Some(Arc::new(find)), ..self }
    }

    /// Runs for every request that passes this layer, to correct other values that name the peer.
    ///
    /// ```
    /// use proxyfix::{Config, ProxyFixLayer};
    ///
    /// #[derive(Clone)]
    /// struct RateLimitKey(Option<std::net::IpAddr>);
    ///
    /// # fn main() -> Result<(), proxyfix::ConfigError> {
    /// # let config: Config = "proxies=loopback for=1".parse()?;
    /// let layer = ProxyFixLayer::new(config).on_resolved(|resolved, extensions| {
    ///     extensions.insert(RateLimitKey(resolved.client_ip()));
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_resolved<F>(self, correct: F) -> Self
    where
        F: Fn(&Resolved, &mut Extensions) + Send + Sync + 'static,
    {
        Self { on_resolved: Some(Arc::new(correct)), ..self }
    }

    /// Runs a candidate configuration beside the one in force, which alone decides: see
    /// [`shadow`]. A second call replaces the candidate.
    ///
    /// ```
    /// use proxyfix::{Config, ProxyFixLayer, shadow::Shadow};
    ///
    /// # fn main() -> Result<(), proxyfix::ConfigError> {
    /// # let config: Config = "proxies=loopback for=1".parse()?;
    /// let candidate: Config = "proxies=loopback for=2".parse()?;
    /// let shadow = Shadow::new(candidate).on_difference(|difference| eprintln!("{difference}"));
    /// let layer = ProxyFixLayer::new(config).shadow(shadow);
    /// # Ok(())
    /// # }
    /// ```
    pub fn shadow(self, shadow: Shadow) -> Self {
        Self { shadow: Some(shadow), ..self }
    }

    /// Says how to answer a rejected request. The layer adds `Cache-Control: no-store`, unless the
    /// response already has that header. It adds the [`Error`] to the response's extensions.
    ///
    /// ```
    /// use http::Response;
    /// use proxyfix::{Config, Error, ProxyFixLayer};
    ///
    /// # fn main() -> Result<(), proxyfix::ConfigError> {
    /// # let config: Config = "proxies=loopback for=1".parse()?;
    /// let layer = ProxyFixLayer::new(config).with_rejection_response(|error: &Error| {
    ///     let mut response = Response::new(format!("{error}\n"));
    ///     *response.status_mut() = error.status();
    ///     response
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_rejection_response<F, B>(self, respond: F) -> ProxyFixLayer<F>
    where
        F: Fn(&Error) -> Response<B> + Clone,
    {
        ProxyFixLayer {
            in_force: self.in_force,
            peer_from: self.peer_from,
            on_resolved: self.on_resolved,
            shadow: self.shadow,
            #[cfg(feature = "tracing")]
            diagnosis: self.diagnosis,
            rejection: respond,
        }
    }
}

impl<S, R: Clone> Layer<S> for ProxyFixLayer<R> {
    type Service = ProxyFix<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        ProxyFix { inner, layer: self.clone() }
    }
}

impl<R> fmt::Debug for ProxyFixLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ProxyFixLayer");
        match &self.in_force {
            InForce::Always(config) => shown.field("config", config),
            #[cfg(feature = "reload")]
            InForce::Held(handle) => shown.field("config", &handle.current()),
        };
        shown.finish_non_exhaustive()
    }
}
