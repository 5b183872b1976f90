//! [`FilesLayer`], around an application or by itself.
//!
//! 1. What is no file of an export goes to the inner service with its body untouched.
//! 2. The inner service is called when it is ready, and so is this one: a static file waits for an application that
//!    is not.
//! 3. A request that waits for a disk holds one thread for blocking work. At most so many do at once.

use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request};
use http_body::Body as HttpBody;
use tower_layer::Layer;
use tower_service::Service;

use super::{builder::FilesBuilder, root::WouldWait, serve::Files};
use crate::common::{
    body::{Body, BoxError},
    failure::plain,
    future::ResponseFuture,
};

/// Serves files before an application, or by itself.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use proxyfix_gateway::{Dir, File, FilesLayer};
///
/// let files = FilesLayer::builder()
///     .export("/static", Dir::open("dist")?)
///     .export("/robots.txt", File::open("robots.txt")?)
///     .disallow(["*.map"])
///     .build()?;
/// // The files first, and then the routes:
/// let app: Router = Router::new().route("/", get(async || "home")).layer(files.clone());
/// // The routes first, and then the files:
/// let app: Router = Router::new().route("/", get(async || "home")).fallback_service(files.service());
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
///
/// In axum, [`Router::layer`](https://docs.rs/axum/latest/axum/struct.Router.html#method.layer) runs the layer only for
/// paths that have a route or the fallback. Every path has the default fallback, so the first form works for all.
#[derive(Clone)]
#[must_use]
pub struct FilesLayer {
    pub(super) files: Arc<Files>,
}

impl FilesLayer {
    /// Exports and options.
    pub fn builder() -> FilesBuilder {
        FilesBuilder::new()
    }

    /// The files by themselves. Everything else is 404.
    pub fn service(&self) -> FilesService<NotFound> {
        self.layer(NotFound)
    }
}

impl fmt::Debug for FilesLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exports = self.files.exports.iter();
        f.debug_map()
            .entries(exports.map(|export| (export.prefix.as_str(), &export.source)))
            .finish()
    }
}

impl<S> Layer<S> for FilesLayer {
    type Service = FilesService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        FilesService { inner, files: Arc::clone(&self.files) }
    }
}

/// Answers 404.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NotFound;

impl<B> Service<Request<B>> for NotFound {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(plain(StatusCode::NOT_FOUND)))
    }
}

/// A service behind a [`FilesLayer`].
#[derive(Clone)]
pub struct FilesService<S> {
    inner: S,
    files: Arc<Files>,
}

impl<S> fmt::Debug for FilesService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FilesService")
    }
}

impl<S, B, R> Service<Request<B>> for FilesService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Send + 'static,
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
        let answer =
            if self.files.off_thread { Err(WouldWait) } else { self.files.answer(&parts, false) };
        match answer {
            Ok(None) => ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body))),
            Ok(Some(response)) => ResponseFuture::answered(response),
            Err(WouldWait) => {
                // The clone takes the place of the service that is ready.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                let files = Arc::clone(&self.files);
                ResponseFuture::own(waiting(files, inner, parts, body))
            }
        }
    }
}

/// Rule 3.
async fn waiting<S, B, R>(
    files: Arc<Files>,
    mut inner: S,
    parts: request::Parts,
    body: B,
) -> Result<Response<Body>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let permit = Arc::clone(&files.permits).acquire_owned().await;
    let looked = tokio::task::spawn_blocking(move || {
        let _held = permit;
        let answer = files.answer(&parts, true);
        (answer.unwrap_or_default(), parts)
    });
    match looked.await {
        Ok((Some(response), _)) => Ok(response),
        Ok((None, parts)) => {
            let response = inner.call(Request::from_parts(parts, body)).await?;
            Ok(response.map(Body::new))
        }
        // Only a panic of a filter or a hook of the application, or the end of the runtime.
        Err(_) => Ok(plain(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}
