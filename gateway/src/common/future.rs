//! The future of a service around another one.
//!
//! 1. It is the inner service's, one of our own, or there already. Only one of our own is boxed.
//! 2. Every response gets the body of this crate.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::Body as HttpBody;

use super::body::{Body, BoxError};

/// A future of our own.
pub(crate) type Own<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

pin_project_lite::pin_project! {
    /// The response of a service behind a layer of this crate. `F` is the future of the inner service.
    pub struct ResponseFuture<F, E> {
        #[pin]
        kind: Kind<F, E>,
    }
}

pin_project_lite::pin_project! {
    #[project = KindProjection]
    pub(crate) enum Kind<F, E> {
        Inner { #[pin] future: F },
        Own { future: Own<E> },
        Answered { response: Option<Response<Body>> },
    }
}

impl<F, E> ResponseFuture<F, E> {
    /// The inner service has the request.
    pub(crate) fn inner(future: F) -> Self {
        Self { kind: Kind::Inner { future } }
    }

    /// We have it.
    pub(crate) fn own<O>(future: O) -> Self
    where
        O: Future<Output = Result<Response<Body>, E>> + Send + 'static,
    {
        Self { kind: Kind::Own { future: Box::pin(future) } }
    }

    /// It is answered.
    pub(crate) fn answered(response: Response<Body>) -> Self {
        Self { kind: Kind::Answered { response: Some(response) } }
    }
}

impl<F, E> fmt::Debug for ResponseFuture<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}

impl<F, R, E> Future for ResponseFuture<F, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProjection::Inner { future } => {
                Poll::Ready(ready!(future.poll(context)).map(|response| response.map(Body::new)))
            }
            KindProjection::Own { future } => future.as_mut().poll(context),
            KindProjection::Answered { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
        }
    }
}
