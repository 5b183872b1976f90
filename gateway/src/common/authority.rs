//! The authority that a request asks for (RFC 9110 §7.2, RFC 9112 §3.2, RFC 9113 §8.3.1).
//!
//! 1. If the core fixed the request, its authority is the effective one.
//! 2. Otherwise the target's authority, in HTTP/2 and in absolute form. `Host` counts only without one.
//! 3. An authority with userinfo, or that is no host, is an error of the client.

#[cfg(feature = "mount")]
use std::net::Ipv6Addr;

#[cfg(feature = "mount")]
use http::uri::Authority;
use http::{header::HOST, request};
use proxyfix::{Error, Hop, Peer, Resolved};

#[cfg(feature = "mount")]
use super::error::ConfigError;

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

/// A host, and the port if one is stated: what a request asks for, and what a table has.
#[cfg(feature = "mount")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HostPort {
    host: String,
    port: Option<u16>,
}

#[cfg(feature = "mount")]
impl HostPort {
    /// Reads one of a configuration.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::invalid_host(text);
        check(text.as_bytes()).map_err(|_| invalid())?;
        Self::read(text.as_bytes()).ok_or_else(invalid)
    }

    /// Reads one of a request. `None` if it is no host.
    pub(crate) fn read(authority: &[u8]) -> Option<Self> {
        check(authority).ok()?;
        let authority = Authority::try_from(authority).ok()?;
        let host = authority.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match address.and_then(|address| address.parse::<Ipv6Addr>().ok()) {
            // One spelling for each (RFC 5952).
            Some(address) => address.to_string(),
            None => host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(),
        };
        Some(Self { host, port: authority.port_u16() })
    }

    pub(crate) fn without_port(&self) -> Self {
        Self { host: self.host.clone(), port: None }
    }
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
