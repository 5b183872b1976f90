//! Services of different types as one: those of mounts, and those of proxy hosts.
//!
//! 1. A service is cloned for each request, and awaited until it is ready. So one that is not ready delays only its
//!    own requests.
//! 2. Every response gets the body of this crate.

use std::{future::poll_fn, pin::Pin};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;

use super::body::{Body, BoxError};

/// The response of such a service.
pub(crate) type BoxFuture<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

/// A service of any type.
pub(crate) trait Mounted<B, E>: Send + Sync {
    fn call(&self, request: Request<B>) -> BoxFuture<E>;
}

/// A service that is cloned for each request.
pub(crate) struct Cloned<S>(pub(crate) S);

impl<S, B, R> Mounted<B, S::Error> for Cloned<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Send + 'static,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    fn call(&self, request: Request<B>) -> BoxFuture<S::Error> {
        let mut service = self.0.clone();
        Box::pin(async move {
            poll_fn(|context| service.poll_ready(context)).await?;
            service.call(request).await.map(|response| response.map(Body::new))
        })
    }
}
