//! What the options of a target may be.
//!
//! 1. Times, sizes and numbers are more than zero, and within what hyper takes.
//! 2. Headers that frame a message, end at a hop or name a client cannot be set or removed. `Host` has an option of
//!    its own.
//! 3. Configured values are sensitive: they may be credentials.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header::HOST};
use proxyfix::is_forwarding_header;

use super::target::{Host, HostHeader, Methods};
use crate::common::{
    authority,
    error::ConfigError,
    hop_by_hop::{ends_here, frames},
    limits::Limits,
};

pub(super) fn check_limits(limits: &Limits, chunk_size: Option<usize>) -> Result<(), ConfigError> {
    let invalid = |limit, expected| Err(ConfigError::InvalidLimit { limit, expected });
    let times = [
        ("connect", limits.connect),
        ("head", limits.head),
        ("gap", limits.gap),
        ("send", limits.send),
        ("upgraded_idle", limits.upgraded_idle),
        ("expect", limits.expect),
    ];
    for (limit, time) in times {
        if time.is_zero() {
            return invalid(limit, "more than zero");
        }
    }
    if limits.head_bytes < 8192 {
        return invalid("head_bytes", "at least 8192");
    }
    if !(1..=1 << 15).contains(&limits.head_fields) {
        return invalid("head_fields", "from 1 to 32768");
    }
    if !(1..=1 << 20).contains(&limits.connections) {
        return invalid("connections", "from 1 to 1048576");
    }
    if chunk_size == Some(0) {
        return invalid("chunk_size", "more than zero");
    }
    Ok(())
}

pub(super) fn header_map(fields: &[(String, String)]) -> Result<HeaderMap, ConfigError> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| ConfigError::InvalidHeaderValue { name: name.clone() })?;
        // It may be a credential.
        value.set_sensitive(true);
        map.append(header_name(name)?, value);
    }
    Ok(map)
}

/// Rule 2.
pub(super) fn header_name(text: &str) -> Result<HeaderName, ConfigError> {
    let invalid = || ConfigError::invalid_header_name(text);
    let name = HeaderName::try_from(text).map_err(|_| invalid())?;
    if text.contains('_') {
        return Err(invalid());
    }
    let reserved = |instead| Err(ConfigError::ReservedHeader { name: name.to_string(), instead });
    if name == HOST {
        return reserved("use the option host");
    }
    if ends_here(&name) || frames(&name) {
        return reserved("the proxy writes it for each connection");
    }
    if is_forwarding_header(&name) {
        return reserved("the proxy writes what is true; use the option family");
    }
    if name == http::header::VIA {
        return reserved("use the option pseudonym");
    }
    Ok(name)
}

pub(super) fn checked_host(host: HostHeader) -> Result<Host, ConfigError> {
    match host {
        HostHeader::Target => Ok(Host::Target),
        HostHeader::Client => Ok(Host::Client),
        HostHeader::Fixed(host) => {
            let is_host = authority::check(host.as_bytes()).is_ok();
            match HeaderValue::from_str(&host) {
                Ok(value) if is_host => Ok(Host::Fixed(value)),
                _ => Err(ConfigError::invalid_host(&host)),
            }
        }
    }
}

/// The methods of RFC 9110 §9 and RFC 5789.
const STANDARD: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

pub(super) fn checked_methods(methods: &[String]) -> Result<Methods, ConfigError> {
    if methods.is_empty() {
        return Err(ConfigError::InvalidMethod { method: String::new() });
    }
    let mut list = Vec::new();
    for method in methods {
        let invalid = || ConfigError::InvalidMethod { method: method.clone() };
        let read = Method::from_bytes(method.as_bytes()).map_err(|_| invalid())?;
        // Methods are case-sensitive, so `get` would admit nobody.
        if STANDARD.iter().any(|name| *name != method && name.eq_ignore_ascii_case(method)) {
            return Err(invalid());
        }
        // No target is asked to be a tunnel.
        if read == Method::CONNECT {
            return Err(invalid());
        }
        list.push(read);
    }
    let allow = HeaderValue::try_from(methods.join(", "))
        .map_err(|_| ConfigError::InvalidMethod { method: methods.join(", ") })?;
    Ok(Methods { list, allow })
}
