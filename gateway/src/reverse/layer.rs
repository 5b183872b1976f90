//! [`ReverseProxyLayer`], around an application.
//!
//! 1. A request under a prefix of the table goes to that target, and never to the inner service. The longest prefix wins.
//! 2. If none matches, a [`Picker`] may choose. Everything else goes to the inner service, untouched.
//! 3. A path with a dot segment is refused before it is looked up, also if the inner service would get it:
//!    who is meant depends on who resolves it.
//! 4. CONNECT for a tunnel to somewhere else never reaches the inner service.

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, request};
use http_body::Body as HttpBody;
use hyper::ext::Protocol;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    exchange::exchange,
    options::{Options, ProxyOptions},
    picker::Picker,
    request::Mapping,
    target::Target,
};
use crate::common::{
    body::{Body, BoxError},
    error::ConfigError,
    failure::{Failure, FailureKind},
    future::ResponseFuture,
    prefix::PrefixTable,
};

/// A table of targets, and what holds for all of them.
struct Front {
    options: Arc<Options>,
    table: PrefixTable<Target>,
    picker: Option<Arc<dyn Picker>>,
}

impl Front {
    /// Where a request goes. `None` is not decided by the table.
    fn route(&self, request: &request::Parts) -> Result<Option<Mapping>, Failure> {
        if request.method == Method::CONNECT && request.extensions.get::<Protocol>().is_none() {
            return Err(Failure::new(FailureKind::NotImplemented, "CONNECT").and_close());
        }
        let path = request.uri.path();
        let normal = normal_path(&self.options, path)?;
        let Some(found) = self.table.find(&normal) else { return Ok(None) };
        let rest_at = normal.len().saturating_sub(found.rest.len());
        Ok(Some(Mapping {
            target: found.value.clone(),
            prefix: Some(found.prefix.path().clone()),
            rest_at,
            normal: match normal {
                Cow::Owned(normal) => Some(normal),
                Cow::Borrowed(_) => None,
            },
        }))
    }
}

/// The path to compare (rule 3).
pub(super) fn normal_path<'a>(options: &Options, path: &'a str) -> Result<Cow<'a, str>, Failure> {
    options.dot_segments.apply(path).map_err(|_| Failure::invalid("the path has a dot segment"))
}

/// The whole path of a request goes to this target.
pub(super) fn whole(options: &Options, target: &Target, path: &str) -> Result<Mapping, Failure> {
    let normal = match normal_path(options, path)? {
        Cow::Owned(normal) => Some(normal),
        Cow::Borrowed(_) => None,
    };
    Ok(Mapping { target: target.clone(), prefix: None, normal, rest_at: 0 })
}

/// Sends what is under a prefix to a target, and everything else to the inner service: Werkzeug's
/// `ProxyMiddleware`.
///
/// ```
/// use http::Request;
/// use proxyfix_gateway::{Body, ReverseProxyLayer};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let front = ReverseProxyLayer::new([("/api", "http://127.0.0.1:5001/")])?;
/// let app = ServiceBuilder::new().layer(front).service_fn(|_: Request<Body>| async {
///     Ok::<_, std::convert::Infallible>(http::Response::new(Body::from("the application")))
/// });
///
/// let request = Request::get("/other").header("Host", "app.example").body(Body::empty())?;
/// assert_eq!(app.oneshot(request).await?.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ReverseProxyLayer {
    front: Arc<Front>,
}

impl ReverseProxyLayer {
    /// A table of prefixes and URLs, with the default options.
    ///
    /// # Errors
    /// [`ConfigError`] for a target or a prefix that is none, such as `("/api", "127.0.0.1:5001")`,
    /// `("/a/../b", …)`, or a prefix that comes twice: `/api` and `/api/`.
    pub fn new<I, P, U>(targets: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item = (P, U)>,
        P: Into<String>,
        U: Into<String>,
    {
        let mut builder = Self::builder();
        for (prefix, url) in targets {
            builder = builder.target(prefix, Target::builder(url).build()?);
        }
        builder.build()
    }

    /// A table with options.
    pub fn builder() -> ReverseProxyBuilder {
        ReverseProxyBuilder { targets: Vec::new(), picker: None, options: ProxyOptions::new() }
    }
}

impl fmt::Debug for ReverseProxyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.front.table.iter()).finish()
    }
}

/// The options of a [`ReverseProxyLayer`]. They are checked by [`build`](Self::build).
#[derive(Clone)]
#[must_use]
pub struct ReverseProxyBuilder {
    targets: Vec<(String, Target)>,
    picker: Option<Arc<dyn Picker>>,
    options: ProxyOptions,
}

impl ReverseProxyBuilder {
    /// Sends requests under a prefix to a target. `/api`, `/api/` and `api` are one prefix; `/` is under every path.
    pub fn target(mut self, prefix: impl Into<String>, target: Target) -> Self {
        self.targets.push((prefix.into(), target));
        self
    }

    /// Chooses the target of requests under no prefix.
    pub fn picker(self, picker: impl Picker) -> Self {
        Self { picker: Some(Arc::new(picker)), ..self }
    }

    /// What holds for all targets.
    pub fn options(self, options: ProxyOptions) -> Self {
        Self { options, ..self }
    }

    /// Checks the options.
    ///
    /// # Errors
    /// [`ConfigError`], which says what is wrong and what to write instead.
    pub fn build(self) -> Result<ReverseProxyLayer, ConfigError> {
        let mut table = PrefixTable::new();
        for (prefix, target) in self.targets {
            table.insert(&prefix, target)?;
        }
        if table.is_empty() && self.picker.is_none() {
            return Err(ConfigError::NoTarget);
        }
        let options = Arc::new(self.options.build()?);
        Ok(ReverseProxyLayer { front: Arc::new(Front { options, table, picker: self.picker }) })
    }
}

impl fmt::Debug for ReverseProxyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReverseProxyBuilder")
            .field("targets", &self.targets)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for ReverseProxyLayer {
    type Service = ReverseProxyService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ReverseProxyService { inner, front: Arc::clone(&self.front) }
    }
}

/// A service behind a [`ReverseProxyLayer`].
#[derive(Clone)]
pub struct ReverseProxyService<S> {
    inner: S,
    front: Arc<Front>,
}

impl<S> fmt::Debug for ReverseProxyService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReverseProxyService")
    }
}

impl<S, B, R> Service<Request<B>> for ReverseProxyService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
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
        let options = &self.front.options;
        let route = self.front.route(&parts);
        match route {
            Err(failure) => ResponseFuture::answered(options.failed(failure, parts.version)),
            Ok(Some(mapping)) => {
                let request = Request::from_parts(parts, body);
                ResponseFuture::own(answer(Arc::clone(options), mapping, request))
            }
            Ok(None) if self.front.picker.is_some() => {
                // The clone takes the place of the service that is ready.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                let front = Arc::clone(&self.front);
                let request = Request::from_parts(parts, body);
                ResponseFuture::own(pick(front, inner, request))
            }
            Ok(None) => ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body))),
        }
    }
}

pub(super) async fn answer<B, E>(
    options: Arc<Options>,
    mapping: Mapping,
    request: Request<B>,
) -> Result<Response<Body>, E>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    Ok(exchange(options, mapping, request).await)
}

/// Asks the picker (rule 2).
async fn pick<S, B, R>(
    front: Arc<Front>,
    mut inner: S,
    request: Request<B>,
) -> Result<Response<Body>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>> + Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let picked = match &front.picker {
        Some(picker) => picker.pick(&parts).await,
        None => Ok(None),
    };
    let options = &front.options;
    match picked {
        Ok(None) => {
            let response = inner.call(Request::from_parts(parts, body)).await?;
            Ok(response.map(Body::new))
        }
        Ok(Some(target)) => match whole(options, &target, parts.uri.path()) {
            Ok(mapping) => {
                let request = Request::from_parts(parts, body);
                Ok(exchange(Arc::clone(options), mapping, request).await)
            }
            Err(failure) => Ok(options.failed(failure, parts.version)),
        },
        Err(error) => {
            let failure = Failure::new(FailureKind::Internal, "the picker failed");
            let failure = failure.with_source(error);
            Ok(options.failed(failure, parts.version))
        }
    }
}
