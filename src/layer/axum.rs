//! axum 0.8: where it keeps the peer's address and the request target.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, OriginalUri, connect_info::MockConnectInfo},
    response::IntoResponse,
};
use http::{Extensions, Request, Response, Uri};

use super::rejection::{self, DefaultRejection};
use crate::{config::UriPolicy, error::Error, peer::Peer, resolved::Resolved, rewrite};

type Connect = ConnectInfo<SocketAddr>;
type MockConnect = MockConnectInfo<SocketAddr>;

/// The peer as axum knows it, if the extensions hold no [`Peer`].
pub(super) fn peer(extensions: &Extensions) -> Option<Peer> {
    if extensions.get::<Peer>().is_some() {
        return None;
    }
    let connected = extensions.get::<Connect>().map(|ConnectInfo(address)| *address);
    let mocked = || extensions.get::<MockConnect>().map(|MockConnectInfo(address)| *address);
    connected.or_else(mocked).map(Peer::from)
}

/// Replaces the addresses and the target that axum keeps with the client's. Changes the values in place,
/// because an insertion allocates. `is_new` means that the URI was just rewritten.
pub(super) fn correct<B>(request: &mut Request<B>, is_new: bool) {
    let Some(resolved) = request.extensions().get::<Resolved>() else { return };
    let client = resolved
        .client_ip()
        .map(|ip| SocketAddr::new(ip, resolved.client_port().unwrap_or_default()));
    let original = original_uri(request, resolved, is_new);
    let extensions = request.extensions_mut();
    if let (Some(OriginalUri(kept)), Some(uri)) = (extensions.get_mut(), original) {
        *kept = uri;
    }
    let mocked = extensions.remove::<MockConnect>().is_some();
    match (client, extensions.get_mut::<Connect>()) {
        (Some(client), Some(ConnectInfo(kept))) => {
            // If the address is the same, keep it, because it also has the scope of an IPv6 address.
            if (kept.ip(), kept.port()) != (client.ip(), client.port()) || mocked {
                *kept = client;
            }
        }
        (Some(client), None) => {
            extensions.insert(ConnectInfo(client));
        }
        (None, Some(_)) => {
            extensions.remove::<Connect>();
        }
        (None, None) => {}
    }
    if let Some(client) = client.filter(|_| mocked) {
        extensions.insert(MockConnectInfo(client));
    }
}

/// The new target for axum to keep, if it changes.
fn original_uri<B>(request: &Request<B>, resolved: &Resolved, is_new: bool) -> Option<Uri> {
    let OriginalUri(kept) = request.extensions().get()?;
    if resolved.way().settings.uri == UriPolicy::Keep {
        return None;
    }
    if is_new && kept == resolved.original().uri() {
        return Some(request.uri().clone());
    }
    rewrite::with_origin(kept, resolved.scheme(), resolved.authority()?.clone()).ok()?
}

/// The answer that the layer gives by default.
impl IntoResponse for Error {
    fn into_response(self) -> axum::response::Response {
        let response: Response<axum::body::Body> = rejection::respond(&DefaultRejection, self);
        response
    }
}
