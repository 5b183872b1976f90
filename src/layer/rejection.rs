//! The response to a rejected request: rule 6 of [the layer](super).

use http::{HeaderValue, Response, header::CACHE_CONTROL};

use crate::error::Error;

/// Answers a rejected request. Implemented by functions from `&Error` to a response.
pub trait RejectionResponse<B> {
    /// The response to a request that was rejected with this error.
    fn response(&self, error: &Error) -> Response<B>;
}

/// Answers with the error's status and an empty body.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DefaultRejection;

impl<B: Default> RejectionResponse<B> for DefaultRejection {
    fn response(&self, error: &Error) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = error.status();
        response
    }
}

impl<F, B> RejectionResponse<B> for F
where
    F: Fn(&Error) -> Response<B>,
{
    fn response(&self, error: &Error) -> Response<B> {
        self(error)
    }
}

/// Makes the whole response: never to be cached, and with the error for outer layers.
pub(super) fn respond<B>(rejection: &impl RejectionResponse<B>, error: Error) -> Response<B> {
    let mut response = rejection.response(&error);
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(error);
    response
}
