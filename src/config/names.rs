//! Header names: those that are removed, those that are read, and those that are neither.
//!
//! 1. Where names are removed or compared with each other, `_` is `-`, in any mixture: many
//!    frameworks fold both into one variable. A header is read under its own name alone.
//! 2. Headers that frame, route or authorize a request are reserved: no field may be read from
//!    one, and none is removed.
//! 3. Every header of every request is looked up, so a look-up is one index into a table.

use std::array;

use http::HeaderName;

/// The known forwarding headers, which are removed where they are not trusted.
const KNOWN: [&str; 46] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-visitor",
    "client-ip",
    "cloudfront-forwarded-proto",
    "cloudfront-viewer-address",
    "fastly-client-ip",
    "fastly-ssl",
    "fly-client-ip",
    "fly-forwarded-port",
    "fly-forwarded-proto",
    "fly-forwarded-ssl",
    "forwarded",
    "front-end-https",
    "true-client-ip",
    "wl-proxy-client-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-forwarded-by",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-path",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-host",
    "x-http-host-override",
    "x-original-forwarded-for",
    "x-original-forwarded-host",
    "x-original-host",
    "x-original-prefix",
    "x-original-proto",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
    "x-scheme",
    "x-script-name",
    "x-url-scheme",
];

/// Headers that frame, route or authorize a request (RFC 9110 §7.2, §7.6.1, §11; RFC 9112 §6).
const RESERVED: [&str; 16] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a header has a meaning that is not about forwarding.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    RESERVED.iter().any(|reserved| same(reserved, name.as_str()))
}

/// Whether two names are equal with `_` as `-`.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a == b || folded(a).eq(folded(b)))
}

fn folded(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes().map(fold)
}

fn fold(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte }
}

/// A number of a name's length and last byte: most names have none in common with those looked
/// for.
#[inline]
fn key(name: &str) -> usize {
    let last = name.bytes().next_back().unwrap_or_default();
    name.len().wrapping_mul(8).wrapping_add(usize::from(last)) % KEYS
}

/// The same name with the other of `-` and `_` at its end.
fn twin(name: &str) -> Option<String> {
    let hyphen = name.strip_suffix('_').map(|start| format!("{start}-"));
    hyphen.or_else(|| name.strip_suffix('-').map(|start| format!("{start}_")))
}

const KEYS: usize = 256;

/// A set of header names in which `_` is `-`.
#[derive(Clone, Debug)]
pub(crate) struct NameSet {
    /// Sorted by [`key`]. One that is there twice does no harm.
    names: Vec<String>,
    /// Where the names of each key begin.
    starts: [usize; KEYS + 1],
}

impl NameSet {
    /// The known forwarding headers and some more.
    pub(super) fn known_and<'a>(more: impl Iterator<Item = &'a HeaderName>) -> Self {
        let known = KNOWN.iter().copied();
        let mut names: Vec<String> =
            known.chain(more.map(HeaderName::as_str)).map(String::from).collect();
        // `key` looks at the last byte: what ends with `-` is there with `_` too.
        let twins: Vec<String> = names.iter().filter_map(|name| twin(name)).collect();
        names.extend(twins);
        names.sort_by_key(|name| key(name));
        let starts = array::from_fn(|start| names.partition_point(|name| key(name) < start));
        Self { names, starts }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        let key = key(name);
        let start = self.starts.get(key).copied().unwrap_or_default();
        let end = self.starts.get(key.saturating_add(1)).copied().unwrap_or_default();
        let names = self.names.get(start..end).unwrap_or_default();
        names.iter().any(|candidate| same(candidate, name))
    }
}

/// The most headers that a decision reads: `Host`, `Connection`, and one for each value.
pub(crate) const MOST_READ: usize = 7;

/// The headers that a decision reads, each with its place.
#[derive(Clone, Debug)]
pub(super) struct ReadNames {
    names: Vec<String>,
    /// By the [`key`] of a name: the place of the first that has it, else [`MOST_READ`].
    first: [usize; KEYS],
}

impl ReadNames {
    /// Adds a name and returns its place.
    pub(super) fn add(&mut self, name: &HeaderName) -> usize {
        let place = self.names.len();
        debug_assert!(place < MOST_READ, "what is beyond would never be found");
        self.names.push(name.to_string());
        if let Some(first) = self.first.get_mut(key(name.as_str())) {
            *first = place.min(*first);
        }
        place
    }

    #[inline]
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        let first = *self.first.get(key(name))?;
        let at = self.names.get(first..)?.iter().position(|read| read == name)?;
        Some(first.saturating_add(at))
    }
}

impl Default for ReadNames {
    fn default() -> Self {
        Self { names: Vec::new(), first: [MOST_READ; KEYS] }
    }
}
