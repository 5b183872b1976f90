//! Patterns of `hosts=`.
//!
//! 1. A pattern is a host; or `*.` and a host, for names with one or more labels before that host, but not
//!    for the host itself.
//! 2. If a port follows, it is the only one allowed, whether the client writes it or the scheme implies
//!    it. `:*` allows any port, and so does a pattern without a port.
//! 3. Patterns are compared with a valid, lower-case host.

use std::fmt;

use super::{ConfigError, meant};
use crate::host::HostPort;

/// One entry of `hosts=`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostPattern {
    name: Name,
    port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Exact(String),
    /// The part after the `*`, with its dot.
    Under(String),
}

/// Which ports are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Port {
    /// Any, because none is written.
    Unsaid,
    /// Any, because `:*` is written.
    Any,
    Only(u16),
}

impl HostPattern {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::InvalidHostPattern { text: meant::shown(text) };
        let (host, any_port) = match text.strip_suffix(":*") {
            Some(host) => (host, true),
            None => (text, false),
        };
        let (name, under) = match host.strip_prefix("*.") {
            Some(parent) => (parent, true),
            None => (host, false),
        };
        let host = HostPort::parse(name.as_bytes()).map_err(|_| invalid())?;
        // A URI may have `example.com:` without a port, but here it is a mistake. An address in brackets has
        // no subdomains.
        if name.ends_with(':') || under && name.starts_with('[') {
            return Err(invalid());
        }
        let port = match (host.port, any_port) {
            (None, false) => Port::Unsaid,
            (None, true) => Port::Any,
            (Some(port), false) => Port::Only(port),
            (Some(_), true) => return Err(invalid()),
        };
        let name = if under {
            Name::Under(format!(".{}", host.host()))
        } else {
            Name::Exact(host.host().to_owned())
        };
        Ok(Self { name, port })
    }

    /// Whether a valid, lower-case host matches, with the port in effect.
    pub(crate) fn matches(&self, host: &str, port: u16) -> bool {
        let name = match &self.name {
            Name::Exact(name) => host == name,
            // The suffix begins with a dot, and no valid host does.
            Name::Under(suffix) => host.ends_with(suffix.as_str()),
        };
        name && match self.port {
            Port::Unsaid | Port::Any => true,
            Port::Only(only) => only == port,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Name::Exact(name) => f.write_str(name)?,
            Name::Under(suffix) => write!(f, "*{suffix}")?,
        }
        match self.port {
            Port::Unsaid => Ok(()),
            Port::Any => f.write_str(":*"),
            Port::Only(port) => write!(f, ":{port}"),
        }
    }
}
