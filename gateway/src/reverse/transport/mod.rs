//! Connections to an upstream, and one request over them.
//!
//! 1. Connections belong to an [`Upstream`]. Nothing that a client writes chooses one.
//! 2. [`HttpTransport`] is hyper's client on tokio. A [`Transport`] of one's own takes its place, such as in tests. It
//!    runs on tokio too: the limits and the tunnels around it need a runtime of tokio with time.

mod address;
mod connection;
mod dial;
mod errors;
mod http2;
mod line;
mod pool;
mod returning;
mod send;
mod sent;
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod upstream;

use std::{future::Future, pin::Pin};

use http::{Request, Response};

#[cfg(feature = "tls")]
pub(crate) use self::tls::TlsOptions;
pub(crate) use self::{address::AddressPolicy, send::send};
pub use self::{
    dial::{Resolve, ResolveFuture},
    send::HttpTransport,
    upstream::Upstream,
};
use crate::common::{body::Body, failure::Failure};

/// The future of [`Transport::send`].
pub type SendFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Body>, Failure>> + Send + 'a>>;

/// Sends requests to upstreams.
///
/// The request is ready to be sent: its URI is in origin form (or `*`), its headers are those for
/// upstream, with `Host`. If it has `Upgrade`, it must go over HTTP/1.1, and the extensions of a 101 hold
/// [`hyper::upgrade::OnUpgrade`]. If it has `TE`, over HTTP/1.1 `Connection` must name it (RFC 9110 §10.1.4), which
/// [`HttpTransport`] does.
///
/// The proxy awaits it on a runtime of tokio with time, whatever it uses itself: without one, the limits panic.
///
/// ```
/// use http::{Request, Response};
/// use proxyfix_gateway::{Body, ProxyOptions, SendFuture, Transport, Upstream};
///
/// /// Answers each request with what upstream would have been asked for.
/// struct Echo;
///
/// impl Transport for Echo {
///     fn send<'a>(&'a self, _: &'a Upstream, request: Request<Body>) -> SendFuture<'a> {
///         let text = format!("{} {}", request.method(), request.uri());
///         Box::pin(async move { Ok(Response::new(Body::from(text))) })
///     }
/// }
///
/// let options = ProxyOptions::new().transport(Echo);
/// ```
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and returns the head of the response. The body follows as it is read.
    fn send<'a>(&'a self, upstream: &'a Upstream, request: Request<Body>) -> SendFuture<'a>;
}
