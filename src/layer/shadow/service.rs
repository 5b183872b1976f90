//! The layer for the time before any configuration is in force.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Extensions, Request};
use tower_layer::Layer;
use tower_service::Service;

use super::Shadow;
use crate::{
    config::Config,
    layer::peer::{self, PeerFrom},
    peer::Peer,
    resolve::{self, Head},
    scheme::Scheme,
    trace::Off,
};

/// Observes what a candidate would make of each request while no configuration is in force: the
/// service sees requests as they came in.
///
/// If a configuration is in force, use [`ProxyFixLayer::shadow`](crate::ProxyFixLayer::shadow). The
/// layer looks for the peer in the same places. See the [module documentation](super).
#[derive(Clone)]
#[must_use]
pub struct ShadowLayer {
    shadow: Shadow,
    /// Trusts nobody and gives our own values, for a listener of each scheme.
    nothing: [Config; 2],
    peer_from: Option<PeerFrom>,
}

impl ShadowLayer {
    /// A layer that observes what the candidate of `shadow` would make of requests.
    pub fn new(shadow: Shadow) -> Self {
        let nothing = [Scheme::Http, Scheme::Https].map(Config::nothing);
        Self { shadow, nothing, peer_from: None }
    }

    /// Says how to find the peer in the request's extensions, as
    /// [`ProxyFixLayer::peer_from`](crate::ProxyFixLayer::peer_from) does.
    ///
    /// ```
    /// use proxyfix::{Peer, shadow::{Shadow, ShadowLayer}};
    ///
    /// # fn main() -> Result<(), proxyfix::ConfigError> {
    /// let shadow = Shadow::new("proxies=unix for=1".parse()?);
    /// // Everything comes in over one Unix socket:
    /// let layer = ShadowLayer::new(shadow).peer_from(|_| Some(Peer::UNIX));
    /// # Ok(())
    /// # }
    /// ```
    pub fn peer_from<F>(self, find: F) -> Self
    where
        F: Fn(&Extensions) -> Option<Peer> + Send + Sync + 'static,
    {
        Self { peer_from: Some(Arc::new(find)), ..self }
    }

    fn observe<B>(&self, request: &Request<B>) {
        let peer = peer::find(self.peer_from.as_ref(), request.extensions());
        let Some(candidate) = self.shadow.rehearse(peer, request) else { return };
        let [http, https] = &self.nothing;
        let way = self.shadow.candidate().way_of(peer.as_ref());
        let nothing = if way.settings.listener == Scheme::Https { https } else { http };
        let own = resolve::decide(&mut Head::of(peer, request), nothing, &mut Off);
        self.shadow.compare(Ok(own.as_ref().ok()), &candidate);
    }
}

impl<S> Layer<S> for ShadowLayer {
    type Service = ShadowService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ShadowService { inner, layer: self.clone() }
    }
}

impl fmt::Debug for ShadowLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShadowLayer").field("shadow", &self.shadow).finish_non_exhaustive()
    }
}

/// A service behind a [`ShadowLayer`].
#[derive(Clone, Debug)]
pub struct ShadowService<S> {
    inner: S,
    layer: ShadowLayer,
}

impl<S, Q> Service<Request<Q>> for ShadowService<S>
where
    S: Service<Request<Q>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        self.layer.observe(&request);
        self.inner.call(request)
    }
}
