//! The service of the layer: it finds the peer, calls `fix_request`, and corrects addresses.

use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Extensions, Request, Response};
use tower_service::Service;

use super::{
    DefaultRejection, InForce, ProxyFixLayer, RejectionResponse, ResponseFuture, Shadow, peer,
    rejection,
};
use crate::{config::Config, error::Error, resolve::Head, resolved::Resolved, rewrite};

/// A service behind a [`ProxyFixLayer`].
#[derive(Clone)]
pub struct ProxyFix<S, R = DefaultRejection> {
    pub(super) inner: S,
    pub(super) layer: ProxyFixLayer<R>,
}

impl<S> ProxyFix<S> {
    /// Wraps a service in the same way as [`ProxyFixLayer::new`].
    ///
    /// Make it once and clone it. With the feature `tracing`, each one that is made counts the mistakes that
    /// it warns of anew.
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
    /// Everything that happens to a request before the inner service sees it.
    fn fix<Q>(&self, request: &mut Request<Q>) -> Result<(), Error> {
        match &self.in_force {
            InForce::Always(config) => self.fix_by(config, request),
            #[cfg(feature = "reload")]
            InForce::Held(handle) => self.fix_by(&handle.load(), request),
        }
    }

    fn fix_by<Q>(&self, config: &Config, request: &mut Request<Q>) -> Result<(), Error> {
        let is_fixed = rewrite::is_fixed(request.extensions(), config);
        let is_new = is_fixed == Ok(false);
        let outcome = if is_new {
            self.fix_first(config, request)
        } else {
            self.shadow.iter().for_each(Shadow::already_fixed);
            is_fixed.map(|_| ())
        };
        #[cfg(feature = "tracing")]
        match &outcome {
            Err(error) => super::tracing::rejected(error, config, request),
            Ok(()) if is_new => super::tracing::resolved(request.extensions()),
            Ok(()) => {}
        }
        outcome?;
        #[cfg(feature = "axum")]
        super::axum::correct(request, is_new);
        self.correct(request.extensions_mut());
        Ok(())
    }

    /// Fixes a request, and compares the result with what the candidate makes of the original request.
    fn fix_first<Q>(&self, config: &Config, request: &mut Request<Q>) -> Result<(), Error> {
        let peer = peer::put(self.peer_from.as_ref(), request.extensions_mut());
        #[cfg(feature = "tracing")]
        let observe = |resolved: &Resolved, head: &Head<'_>| self.diagnosis.observe(resolved, head);
        #[cfg(not(feature = "tracing"))]
        let observe = |_: &Resolved, _: &Head<'_>| {};
        let Some(shadow) = &self.shadow else {
            return rewrite::fix_from(request, peer, config, observe);
        };
        let candidate = shadow.rehearse(peer, request);
        let outcome = rewrite::fix_from(request, peer, config, observe);
        if let Some(candidate) = candidate {
            let in_force = outcome.as_ref().map(|()| request.extensions().get());
            shadow.compare(in_force, &candidate);
        }
        outcome
    }

    /// Corrects other values that name the peer.
    fn correct(&self, extensions: &mut Extensions) {
        let Some(correct) = &self.on_resolved else { return };
        let Some(resolved) = extensions.get::<Resolved>().cloned() else { return };
        correct(&resolved, extensions);
    }
}

impl<S: fmt::Debug, R> fmt::Debug for ProxyFix<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyFix").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}
