//! The forwarding headers of the request that goes upstream, written by the core's [`write`](fn@write).
//!
//! 1. One family is written, as configured. Every other forwarding header is removed, under each spelling.
//! 2. Where the core says that the peer is a trusted proxy, our element is appended. Everybody else's
//!    headers are replaced.
//! 3. The element has our peer, the effective scheme, host and port, and what was stripped from the path: by the
//!    mounts of this server, and then by the proxy.
//! 4. Without a known peer, the client is written as `unknown`.
//! 5. A host that the core refuses is an error of the client, so no host can add a parameter.

use http::{Extensions, HeaderMap, HeaderName};
use proxyfix::{
    Family, Hop, MountPath, Peer, Resolved, Scheme, WriteMode, is_forwarding_header, write,
};

use super::{
    authority,
    failure::{Failure, FailureKind},
};

/// Removes every forwarding header, in each spelling.
#[cfg(feature = "forward")]
pub(crate) fn remove_all(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> =
        headers.keys().filter(|name| is_forwarding_header(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// What is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forwarding {
    pub(crate) family: Family,
    /// The scheme of our own connections, where nothing else says it.
    pub(crate) listener: Scheme,
}

impl Forwarding {
    /// Writes the headers. `asked` is the authority that the client asked for, `prefix` what was stripped.
    pub(crate) fn write(
        self,
        headers: &mut HeaderMap,
        extensions: &Extensions,
        asked: Option<&[u8]>,
        prefix: &str,
    ) -> Result<(), Failure> {
        let resolved = extensions.get::<Resolved>();
        let mode = match resolved {
            Some(resolved) if resolved.is_peer_trusted() => WriteMode::Append,
            _ => WriteMode::Replace,
        };
        self.remove_others(headers, mode);
        let hop = self.hop(extensions, asked, prefix)?;
        write(headers, &hop, self.family, mode)
            .map_err(|error| Failure::new(FailureKind::HeadTooLarge, "no room").with_source(error))
    }

    /// Rule 1.
    fn remove_others(self, headers: &mut HeaderMap, mode: WriteMode) {
        let mut others: Vec<HeaderName> = Vec::new();
        for name in headers.keys() {
            let is_kept = mode == WriteMode::Append && self.is_of_family(name);
            if is_forwarding_header(name) && !is_kept {
                others.push(name.clone());
            }
        }
        for name in others {
            headers.remove(name);
        }
    }

    fn is_of_family(self, name: &HeaderName) -> bool {
        if self.family == Family::Forwarded {
            return name == http::header::FORWARDED;
        }
        matches!(
            name.as_str(),
            "x-forwarded-for"
                | "x-forwarded-proto"
                | "x-forwarded-host"
                | "x-forwarded-port"
                | "x-forwarded-prefix"
        )
    }

    /// The effective scheme.
    pub(crate) fn scheme(self, extensions: &Extensions) -> Scheme {
        if let Some(resolved) = extensions.get::<Resolved>() {
            return resolved.scheme();
        }
        let peer = Peer::from_extensions(extensions);
        peer.and_then(|peer| peer.scheme()).unwrap_or(self.listener)
    }

    /// Rules 3 to 5.
    fn hop(
        self,
        extensions: &Extensions,
        asked: Option<&[u8]>,
        prefix: &str,
    ) -> Result<Hop, Failure> {
        let resolved = extensions.get::<Resolved>();
        let peer = match resolved {
            Some(resolved) => resolved.peer(),
            None => Peer::from_extensions(extensions),
        };
        let scheme = self.scheme(extensions);
        let mut hop = peer.map_or_else(Hop::unknown, Hop::new).scheme(scheme);
        if let Some(asked) = asked {
            let invalid = |error| Failure::invalid("invalid Host").with_source(error);
            hop = hop.host(asked).map_err(invalid)?;
            if self.family == Family::XForwarded {
                hop = hop.port(authority::port(asked).unwrap_or_else(|| scheme.default_port()));
            }
        }
        let invalid =
            |error| Failure::new(FailureKind::Internal, "the prefix is invalid").with_source(error);
        match (MountPath::entered(extensions), prefix) {
            ("", "") => Ok(hop),
            ("", one) | (one, "") => hop.prefix(one).map_err(invalid),
            (mounts, prefix) => hop.prefix(&[mounts, prefix].concat()).map_err(invalid),
        }
    }
}
