//! Patterns of `hosts=`.
//!
//! 1. A host without port, or `*.` and a host: one or more labels under it, not itself.
//! 2. They compare with a valid, lower-case host; ports are ignored.

use std::fmt;

use super::{ConfigError, meant};
use crate::host::HostPort;

/// One entry of `hosts=`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HostPattern {
    Exact(String),
    /// The part behind the `*`, with its dot.
    Under(String),
}

impl HostPattern {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let (name, under) = match text.strip_prefix("*.") {
            Some(parent) => (parent, true),
            None => (text, false),
        };
        let host = HostPort::parse(name.as_bytes()).ok().filter(|host| {
            // `example.com:` has no port in a URI, but here it is a mistake. Nothing is under an
            // address in brackets.
            host.port.is_none() && !name.ends_with(':') && !(under && name.starts_with('['))
        });
        let host =
            host.ok_or_else(|| ConfigError::InvalidHostPattern { text: meant::shown(text) })?;
        Ok(if under {
            Self::Under(format!(".{}", host.host()))
        } else {
            Self::Exact(host.host().to_owned())
        })
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
