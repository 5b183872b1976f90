//! axum 0.8: where it keeps the peer's address and the target.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, OriginalUri, connect_info::MockConnectInfo},
    response::IntoResponse,
};
use http::{Extensions, Response};

use super::rejection::{self, DefaultRejection};
use crate::{config::UriPolicy, error::Error, peer::Peer, resolved::Resolved, rewrite};

type Connect = ConnectInfo<SocketAddr>;
type MockConnect = MockConnectInfo<SocketAddr>;

/// The peer as axum knows it, where the extensions hold no [`Peer`].
pub(super) fn peer(extensions: &Extensions) -> Option<Peer> {
    if extensions.get::<Peer>().is_some() {
        return None;
    }
    let connected = extensions.get::<Connect>().map(|ConnectInfo(address)| *address);
    let mocked = || extensions.get::<MockConnect>().map(|MockConnectInfo(address)| *address);
    connected.or_else(mocked).map(Peer::from)
}

/// Makes the addresses and the target that axum keeps the client's.
pub(super) fn correct(extensions: &mut Extensions) {
    let Some(resolved) = extensions.get::<Resolved>() else { return };
    let client = resolved
        .client_ip()
        .map(|ip| SocketAddr::new(ip, resolved.client_port().unwrap_or_default()));
    let rewrites = resolved.config.settings().uri == UriPolicy::Rewrite;
    let original = extensions.get::<OriginalUri>().filter(|_| rewrites);
    let original = original.and_then(|OriginalUri(uri)| {
        rewrite::with_origin(uri, resolved.scheme(), resolved.authority()?).ok()?
    });
    if let Some(uri) = original {
        extensions.insert(OriginalUri(uri));
    }
    let mocked = extensions.remove::<MockConnect>().is_some();
    let same = |ConnectInfo(old): &Connect| {
        client.is_some_and(|new| (old.ip(), old.port()) == (new.ip(), new.port()))
    };
    match client {
        // It has the scope of an IPv6 address too.
        Some(_) if extensions.get::<Connect>().is_some_and(same) && !mocked => {}
        Some(address) => {
            extensions.insert(ConnectInfo(address));
            if mocked {
                extensions.insert(MockConnectInfo(address));
            }
        }
        None => {
            extensions.remove::<Connect>();
        }
    }
}

/// The answer that the layer gives by default.
impl IntoResponse for Error {
    fn into_response(self) -> axum::response::Response {
        let response: Response<axum::body::Body> = rejection::respond(&DefaultRejection, self);
        response
    }
}
