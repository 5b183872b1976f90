//! [`ReverseProxy`], an application of its own.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;

use super::{
    layer::{answer, whole},
    options::{Options, ProxyOptions},
    target::Target,
};
use crate::common::{
    body::{Body, BoxError},
    error::ConfigError,
};

/// Sends every request to one target: Paste's `Proxy`.
///
/// ```
/// use proxyfix_gateway::{ProxyOptions, ReverseProxy, Target};
///
/// let simple = ReverseProxy::new("http://127.0.0.1:5001/base/")?;
/// let target = Target::builder("http://127.0.0.1:5001/").methods(["GET", "HEAD"]).build()?;
/// let limited = ReverseProxy::with_options(target, ProxyOptions::new())?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ReverseProxy {
    options: Arc<Options>,
    target: Target,
}

impl ReverseProxy {
    /// A proxy to this URL, with the default options.
    ///
    /// # Errors
    /// [`ConfigError::InvalidTarget`], as [`Target::parse`].
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Self::with_options(Target::parse(url)?, ProxyOptions::new())
    }

    /// A proxy to this target, with these options.
    ///
    /// # Errors
    /// [`ConfigError`] for a pseudonym that is no token, or an upgrade that cannot be allowed (`h2c`).
    pub fn with_options(target: Target, options: ProxyOptions) -> Result<Self, ConfigError> {
        Ok(Self { options: Arc::new(options.build()?), target })
    }
}

impl fmt::Debug for ReverseProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReverseProxy({})", self.target)
    }
}

/// The response of a proxy that is a service of its own.
pub type ProxyFuture = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<B> Service<Request<B>> for ReverseProxy
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ProxyFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let options = Arc::clone(&self.options);
        match whole(&options, &self.target, request.uri().path()) {
            Ok(mapping) => Box::pin(answer(options, mapping, request)),
            Err(failure) => {
                let response = options.failed(failure, request.version());
                Box::pin(async { Ok(response) })
            }
        }
    }
}
