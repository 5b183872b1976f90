//! Patterns of `hosts=`.
//!
//! 1. A host without port, or `*.` and a host: one or more labels under it, not itself.
//! 2. They compare with a valid, lower-case host; ports are ignored.

use std::fmt;

use super::ConfigError;
use crate::host::{self, HostPort};

/// One entry of `hosts=`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HostPattern {
    Exact(String),
    /// The part behind the `*`, with its dot.
    Under(String),
}

impl HostPattern {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::InvalidHostPattern { text: text.to_owned() };
        if let Some(parent) = text.strip_prefix("*.") {
            let name = host::host_name(parent.as_bytes()).map_err(|_| invalid())?;
            return Ok(Self::Under(format!(".{}", name.as_str())));
        }
        let host = HostPort::parse(text.as_bytes()).map_err(|_| invalid())?;
        // `example.com:` has no port in a URI, but here it is a mistake.
        if host.port.is_some() || text.ends_with(':') {
            return Err(invalid());
        }
        Ok(Self::Exact(host.host().to_owned()))
    }

    /// Whether a valid, lower-case host matches.
    pub(crate) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => host == name,
            // It begins with a dot, which no valid host does.
            Self::Under(suffix) => host.ends_with(suffix.as_str()),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Under(suffix) => write!(f, "*{suffix}"),
        }
    }
}
