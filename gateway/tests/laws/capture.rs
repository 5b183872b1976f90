//! A transport that keeps what would go upstream, and answers at once.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response, request};
use proxyfix_gateway::{Body, ProxyOptions, SendFuture, Transport, Upstream};
use tower::Service;

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
}

/// What went upstream, and what comes back.
#[derive(Clone, Default)]
pub(crate) struct Capture {
    seen: Arc<Mutex<Vec<request::Parts>>>,
    answer: HeaderMap,
}

impl Capture {
    /// Answers with these fields.
    pub(crate) fn answering(answer: HeaderMap) -> Self {
        Self { answer, ..Self::default() }
    }

    /// Options with this transport.
    pub(crate) fn options(&self) -> ProxyOptions {
        ProxyOptions::new().pseudonym("front").transport(self.clone())
    }

    /// Sends a request through a service. Returns the answer, and what went upstream, if it did.
    pub(crate) fn send<S>(
        &self,
        mut service: S,
        request: Request<Body>,
    ) -> (Response<Body>, Option<request::Parts>)
    where
        S: Service<Request<Body>, Response = Response<Body>>,
        S::Error: std::fmt::Debug,
    {
        let response = RUNTIME.with(|runtime| runtime.block_on(service.call(request))).unwrap();
        let mut seen = self.seen.lock().unwrap();
        assert!(seen.len() < 2, "one request became {}", seen.len());
        (response, seen.pop())
    }
}

impl Transport for Capture {
    fn send<'a>(&'a self, _: &'a Upstream, request: Request<Body>) -> SendFuture<'a> {
        self.seen.lock().unwrap().push(request.into_parts().0);
        let mut response = Response::new(Body::from("ok"));
        *response.headers_mut() = self.answer.clone();
        Box::pin(async { Ok(response) })
    }
}
