//! The peer of a request: rule 1 of [the layer](super).

use std::sync::Arc;

use http::Extensions;

use crate::peer::Peer;

/// Says who the peer is, before the layer looks anywhere else.
pub(super) type PeerFrom = Arc<dyn Fn(&Extensions) -> Option<Peer> + Send + Sync>;

/// Finds the peer.
pub(super) fn find(peer_from: Option<&PeerFrom>, extensions: &Extensions) -> Option<Peer> {
    find_new(peer_from, extensions).or_else(|| extensions.get().copied())
}

/// Finds the peer, and leaves it in the extensions.
pub(super) fn put(peer_from: Option<&PeerFrom>, extensions: &mut Extensions) -> Option<Peer> {
    match find_new(peer_from, extensions) {
        Some(peer) => {
            extensions.insert(peer);
            Some(peer)
        }
        None => extensions.get().copied(),
    }
}

/// The peer, if the extensions hold none or the function names another.
fn find_new(peer_from: Option<&PeerFrom>, extensions: &Extensions) -> Option<Peer> {
    let found = peer_from.and_then(|find| find(extensions));
    #[cfg(feature = "axum")]
    let found = found.or_else(|| super::axum::peer(extensions));
    found
}

impl Peer {
    /// The peer of a request that [`ProxyFixLayer`](crate::ProxyFixLayer) has not seen: a [`Peer`] in its
    /// extensions or, with the feature `axum`, `ConnectInfo`. After the layer, ask
    /// [`Resolved::peer`](crate::Resolved::peer): `ConnectInfo` then has the client.
    ///
    /// ```
    /// use http::Extensions;
    /// use proxyfix::Peer;
    ///
    /// let mut extensions = Extensions::new();
    /// assert_eq!(Peer::from_extensions(&extensions), None);
    /// extensions.insert(Peer::UNIX);
    /// assert_eq!(Peer::from_extensions(&extensions), Some(Peer::UNIX));
    /// ```
    pub fn from_extensions(extensions: &Extensions) -> Option<Self> {
        find(None, extensions)
    }
}
