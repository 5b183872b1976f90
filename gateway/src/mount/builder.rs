//! [`Mount`]: which service is where.
//!
//! 1. Prefixes are those of the whole crate: `/p`, `/p/` and `p` are one, and two entries on one are an error.
//! 2. A host without a port stands for all its ports.

use std::{collections::HashMap, fmt, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;

use super::service::{Entry, MountService, Mounts};
use crate::common::{
    authority::HostPort,
    body::BoxError,
    boxed::{Cloned, Mounted},
    error::ConfigError,
    path::DotSegments,
    prefix::PrefixTable,
};

type Any<B, E> = Arc<dyn Mounted<B, E>>;

/// Mounts services at paths. What follows the path is all that a service sees of it.
///
/// A service at `/app` gets `/app`, `/app/` and everything below, and not `/application`. It sees `/x` of `/app/x`,
/// byte for byte, and `/` of `/app` and of `/app/` ([`WithoutSlash`](crate::WithoutSlash) tells which). The longest
/// path wins, whatever the order. Where a service is, the core's [`MountPath`](proxyfix::MountPath) knows. So
/// [`Resolved::external_path`](proxyfix::Resolved::external_path) is right within it, and a
/// [`PrefixLayer`](proxyfix::PrefixLayer) around the service puts the path back into its redirects and cookies.
///
/// The services may have different types. They share the type of the request's body, and the type of the error.
///
/// ```
/// use axum::{Router, routing::get};
/// use proxyfix::PrefixLayer;
/// use proxyfix_gateway::Mount;
/// use tower::Layer;
///
/// let blog: Router = Router::new().route("/item", get(async || "an item of the blog"));
/// let files: Router = Router::new().route("/item", get(async || "a file"));
/// let home: Router = Router::new().route("/", get(async || "the application"));
///
/// let site = Mount::new()
///     .at("/blog", PrefixLayer::new().layer(blog))
///     .at_host("files.example", "/", files)
///     .fallback(home)
///     .build()?;
///
/// let app: Router = Router::new().fallback_service(site);
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
#[must_use]
pub struct Mount<B, E> {
    entries: Vec<(Option<String>, String, Any<B, E>)>,
    fallback: Option<Any<B, E>>,
    dot_segments: DotSegments,
    redirect: bool,
}

impl<B, E> Default for Mount<B, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B, E> Mount<B, E> {
    /// No service yet. Every request gets 404.
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            fallback: None,
            dot_segments: DotSegments::Reject,
            redirect: false,
        }
    }

    /// Mounts a service at a path of every host, such as `/app`.
    pub fn at<S, R>(mut self, path: impl Into<String>, service: S) -> Self
    where
        S: Service<Request<B>, Response = Response<R>, Error = E> + Clone + Send + Sync + 'static,
        S::Future: Send,
        B: Send + 'static,
        E: Send,
        R: HttpBody<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        self.entries.push((None, path.into(), Arc::new(Cloned(service))));
        self
    }

    /// Mounts a service at a path of one host: `a.example` with any port, or `a.example:8080`. It comes before
    /// all paths that are not of this host.
    pub fn at_host<S, R>(
        mut self,
        host: impl Into<String>,
        path: impl Into<String>,
        service: S,
    ) -> Self
    where
        S: Service<Request<B>, Response = Response<R>, Error = E> + Clone + Send + Sync + 'static,
        S::Future: Send,
        B: Send + 'static,
        E: Send,
        R: HttpBody<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        self.entries.push((Some(host.into()), path.into(), Arc::new(Cloned(service))));
        self
    }

    /// Serves what is under no path, untouched. Without it, such a request gets 404.
    pub fn fallback<S, R>(self, service: S) -> Self
    where
        S: Service<Request<B>, Response = Response<R>, Error = E> + Clone + Send + Sync + 'static,
        S::Future: Send,
        B: Send + 'static,
        E: Send,
        R: HttpBody<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        Self { fallback: Some(Arc::new(Cloned(service))), ..self }
    }

    /// What happens to a path with a dot segment. Default: the request gets 400.
    pub fn dot_segments(self, dot_segments: DotSegments) -> Self {
        Self { dot_segments, ..self }
    }

    /// Sends GET and HEAD of `/app` to `/app/` (307), as nginx does. An application that writes relative links needs it,
    /// because those of a page at `/app` lead beside the mount. Default: the service gets `/` in both cases.
    pub fn redirect(self, redirect: bool) -> Self {
        Self { redirect, ..self }
    }

    /// Checks the paths and hosts.
    ///
    /// # Errors
    /// [`ConfigError::InvalidPrefix`] for `/a/../b`, `/a//b`, `/a?b`; [`ConfigError::RepeatedPrefix`] for
    /// `/a` beside `/a/`; [`ConfigError::InvalidHost`] for `http://a.example`, `a b`.
    pub fn build(self) -> Result<MountService<B, E>, ConfigError> {
        let mut everywhere = PrefixTable::new();
        let mut by_host: HashMap<HostPort, PrefixTable<Entry<B, E>>> = HashMap::new();
        for (host, path, service) in self.entries {
            let table = match host {
                None => &mut everywhere,
                Some(host) => {
                    by_host.entry(HostPort::parse(&host)?).or_insert_with(PrefixTable::new)
                }
            };
            table.insert_with(&path, |prefix| Entry { path: prefix.clone(), service })?;
        }
        let Self { fallback, dot_segments, redirect, .. } = self;
        let mounts = Mounts { everywhere, by_host, fallback, dot_segments, redirect };
        Ok(MountService { mounts: Arc::new(mounts) })
    }
}

impl<B, E> fmt::Debug for Mount<B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|(host, path, _)| (host, path))).finish()
    }
}
