//! Header names: the known forwarding headers, and sets of names in which `_` is `-`.
//!
//! 1. Names compare with `_` as `-`, in any mixture: many frameworks fold both into one variable.
//! 2. Headers that frame, route or authorize a request are reserved: no field may be read from
//!    one, and none is removed.

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
    a.len() == b.len() && folded(a).eq(folded(b))
}

fn folded(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes().map(|byte| if byte == b'_' { b'-' } else { byte })
}

/// A set of header names in which `_` is `-`.
#[derive(Clone, Debug)]
pub(crate) struct NameSet {
    /// Bit *n* is set where a name of *n* bytes, or of 63 and more, is in the set: most names of
    /// a request are told apart by this alone.
    lengths: u64,
    /// Sorted by length, then by folded name.
    names: Vec<String>,
}

impl NameSet {
    /// The known forwarding headers and some more.
    pub(super) fn known_and<'a>(more: impl Iterator<Item = &'a HeaderName>) -> Self {
        let known = KNOWN.iter().copied();
        let mut names: Vec<String> =
            known.chain(more.map(HeaderName::as_str)).map(String::from).collect();
        names.sort_by(|a, b| order(a, b));
        names.dedup_by(|a, b| same(a, b));
        let lengths = names.iter().fold(0, |bits, name| bits | length_bit(name));
        Self { lengths, names }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.lengths & length_bit(name) != 0
            && self.names.binary_search_by(|candidate| order(candidate, name)).is_ok()
    }
}

fn order(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| folded(a).cmp(folded(b)))
}

fn length_bit(name: &str) -> u64 {
    1 << name.len().min(63)
}
