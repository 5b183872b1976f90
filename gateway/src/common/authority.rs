//! The authority that a request asks for (RFC 9110 §7.2, RFC 9112 §3.2, RFC 9113 §8.3.1).
//!
//! 1. If the core fixed the request, its authority is the effective one.
//! 2. Otherwise the target's authority, in HTTP/2 and in absolute form. `Host` counts only without one.
//! 3. An authority with userinfo, or that is no host, is an error of the client.

use http::{header::HOST, request};
use proxyfix::{Error, Hop, Peer, Resolved};

/// The authority that a request asks for, as it was written. `None` only in HTTP/1.0.
pub(crate) fn asked(request: &request::Parts) -> Option<&[u8]> {
    if let Some(resolved) = request.extensions.get::<Resolved>() {
        if let Some(authority) = resolved.authority() {
            return Some(authority.as_str().as_bytes());
        }
    }
    let target = request.uri.authority().map(|authority| authority.as_str().as_bytes());
    target.or_else(|| request.headers.get(HOST).map(http::HeaderValue::as_bytes))
}

/// Whether an authority is a host, with or without a port, by the core's rules (rule 3).
pub(crate) fn check(authority: &[u8]) -> Result<(), Error> {
    Hop::new(Peer::UNIX).host(authority).map(|_| ())
}

/// The port that an authority states.
pub(crate) fn port(authority: &[u8]) -> Option<u16> {
    let colon = authority.iter().rposition(|&byte| byte == b':')?;
    let (host, port) = authority.split_at_checked(colon)?;
    // A colon within brackets belongs to an IPv6 address.
    if host.first() == Some(&b'[') && host.last() != Some(&b']') {
        return None;
    }
    std::str::from_utf8(port.get(1..)?).ok()?.parse().ok().filter(|port| *port > 0)
}
