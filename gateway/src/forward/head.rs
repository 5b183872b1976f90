//! The head that the application sees.
//!
//! 1. What ends here goes: `Proxy-Authorization`, `Connection` and what it names, and the others of RFC 9110 §7.6.1. The
//!    handshake of a WebSocket keeps `Upgrade` and its token, unless that is turned off; no other protocol is upgraded to.
//! 2. Forwarding headers go, in each spelling: the client wrote them. They stay only outside of tunnels, if the core
//!    trusts the peer. Nobody but the client can write within TLS.
//! 3. `Host` is the authority of the URL.
//! 4. The target is in origin form, over HTTP/2 too: the scheme and the authority are those of the URL, which is in the path.
//! 5. The peer is the client, with the scheme of the URL, so that a core within is right. If the core is around, its
//!    [`Resolved`] is made again, for the URL and without trust.
//! 6. Cookie lines of HTTP/2 are joined. The method, the version and all other fields stay.

use http::{
    HeaderValue, Method, Uri, Version,
    header::{CONNECTION, HOST, UPGRADE},
    request,
    uri::PathAndQuery,
};
use hyper::{ext::Protocol, upgrade::OnUpgrade};
use proxyfix::{Config, Peer, Resolved, fix_parts};

use super::{front::Front, host::Origin};
use crate::common::{
    failure::{Failure, FailureKind},
    forwarding,
    framing::{has_body, join_cookies},
    hop_by_hop::{Barred, has_token, strip_request},
};

const WEBSOCKET: &str = "websocket";

/// Changes the fields (rules 1 to 3 and 6). `is_trusted` says that a trusted proxy wrote the forwarding headers.
pub(super) fn clean(
    front: &Front,
    parts: &mut request::Parts,
    origin: &Origin,
    is_trusted: bool,
) -> Result<Barred, Failure> {
    let is_handshake = is_handshake(parts) && front.websockets;
    if parts.method == Method::CONNECT && !is_handshake {
        return Err(Failure::new(FailureKind::NotImplemented, "an extended CONNECT"));
    }
    let barred = strip_request(&mut parts.headers, front.underscores, &[])
        .map_err(|nomination| Failure::invalid(nomination.detail()).and_close())?;
    let headers = &mut parts.headers;
    if !is_handshake {
        parts.extensions.remove::<OnUpgrade>();
    } else if parts.version <= Version::HTTP_11 {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
    }
    if parts.version >= Version::HTTP_2 {
        join_cookies(headers);
    }
    if !is_trusted {
        forwarding::remove_all(headers);
    }
    let host = HeaderValue::try_from(origin.authority())
        .map_err(|error| Failure::invalid("invalid Host").with_source(error))?;
    headers.insert(HOST, host);
    Ok(barred)
}

/// Whether a request opens a WebSocket (RFC 6455 §4.1, RFC 8441 §5).
fn is_handshake(parts: &request::Parts) -> bool {
    if parts.method == Method::CONNECT {
        let protocol = parts.extensions.get::<Protocol>();
        return protocol.is_some_and(|name| name.as_str().eq_ignore_ascii_case(WEBSOCKET));
    }
    parts.version == Version::HTTP_11
        && parts.method == Method::GET
        && has_token(&parts.headers, &CONNECTION, "upgrade")
        && has_token(&parts.headers, &UPGRADE, WEBSOCKET)
        && !has_body(&parts.headers)
}

/// Sets the target (rule 4).
pub(super) fn set_target(parts: &mut request::Parts, path: String) -> Result<(), Failure> {
    let failed = |detail| Failure::new(FailureKind::Internal, detail);
    if !path.starts_with('/') {
        return Err(failed("the resolver's target has no slash"));
    }
    let path = PathAndQuery::try_from(path)
        .map_err(|error| failed("the resolver's target is no path").with_source(error))?;
    parts.uri = Uri::from(path);
    Ok(())
}

/// Tells who the client is (rule 5). `core` is there if the core is around.
pub(super) fn set_peer(
    parts: &mut request::Parts,
    origin: &Origin,
    client: Option<Peer>,
    core: Option<&Config>,
) -> Result<(), Failure> {
    match client {
        Some(client) => _ = parts.extensions.insert(client.with_scheme(origin.scheme)),
        // The core needs a peer. This one has no address, and is trusted nowhere.
        None if core.is_some() => {
            parts.extensions.insert(Peer::UNIX.with_scheme(origin.scheme));
        }
        None => _ = parts.extensions.remove::<Peer>(),
    }
    parts.extensions.remove::<Resolved>();
    if let Some(core) = core {
        fix_parts(parts, core)
            .map_err(|error| Failure::invalid("the core refuses it").with_source(error))?;
    }
    Ok(())
}
