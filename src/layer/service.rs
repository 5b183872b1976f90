//! The service that the layer makes: it finds the peer, calls `fix_request`, corrects addresses.

use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{
    DefaultRejection, ProxyFixLayer, RejectionResponse, ResponseFuture, Shadow, rejection,
};
use crate::{config::Config, error::Error, resolved::Resolved, rewrite};

/// A service behind a [`ProxyFixLayer`].
#[derive(Clone)]
pub struct ProxyFix<S, R = DefaultRejection> {
    pub(super) inner: S,
    pub(super) layer: ProxyFixLayer<R>,
}

impl<S> ProxyFix<S> {
    /// Wraps a service. The same as the layer around it.
    pub fn new(inner: S, config: Config) -> Self {
        Self { inner, layer: ProxyFixLayer::new(config) }
    }
}

impl<S, R> ProxyFix<S, R> {
    /// The wrapped service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The wrapped service, unwrapped.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R, Q, B> Service<Request<Q>> for ProxyFix<S, R>
where
    S: Service<Request<Q>, Response = Response<B>>,
    R: RejectionResponse<B>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        match self.layer.fix(&mut request) {
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(error) => {
                ResponseFuture::rejected(rejection::respond(&self.layer.rejection, error))
            }
        }
    }
}

impl<R> ProxyFixLayer<R> {
    /// All that happens to a request before the inner service sees it.
    fn fix<Q>(&self, request: &mut Request<Q>) -> Result<(), Error> {
        let fixed_before =
            request.extensions().get::<Resolved>().is_some_and(|r| r.config == self.config);
        if !fixed_before {
            let found = super::find_peer(self.peer_from.as_ref(), request.extensions());
            if let Some(peer) = found {
                request.extensions_mut().insert(peer);
            }
            let candidate = self.rehearse(request);
            let outcome = rewrite::fix_request(request, &self.config);
            if let Some((shadow, candidate)) = candidate {
                let in_force = outcome.as_ref().map(|()| request.extensions().get());
                shadow.compare(in_force, &candidate);
            }
            #[cfg(feature = "tracing")]
            super::tracing::event(&outcome, request.extensions());
            outcome?;
        } else if let Some(shadow) = &self.shadow {
            shadow.already_fixed();
        }
        self.correct(request);
        Ok(())
    }

    /// What the candidate would make of a request that is as it came in.
    fn rehearse<Q>(&self, request: &Request<Q>) -> Option<(&Shadow, Result<Resolved, Error>)> {
        let shadow = self.shadow.as_ref()?;
        let peer = request.extensions().get().copied();
        Some((shadow, shadow.rehearse(peer, request)?))
    }

    /// Makes what else names the peer name the client.
    fn correct<Q>(&self, request: &mut Request<Q>) {
        #[cfg(feature = "axum")]
        super::axum::correct(request.extensions_mut());
        let Some(correct) = &self.on_resolved else { return };
        let extensions = request.extensions_mut();
        let Some(resolved) = extensions.get::<Resolved>().cloned() else { return };
        correct(&resolved, extensions);
    }
}

impl<S: fmt::Debug, R> fmt::Debug for ProxyFix<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyFix").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}
