//! The error of a rejected request: [`Error`]. It says what is wrong, where, and what was expected.
//!
//! 1. An error says which header, which hop (counted from us) and which byte of the field line.
//! 2. It never repeats what a stranger wrote, except for one escaped character.
//! 3. It maps to a status: 500 for faults of our own wiring, 400 for the client's request.

use std::fmt;

use http::{HeaderName, StatusCode};

/// Why a request was rejected, in a form to match on. See [`Error::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A walk found only trusted proxies, and `all-trusted=reject` is set.
    AllTrusted,
    /// IPv6 without brackets in `Forwarded` (RFC 7239 §6).
    BareIpv6,
    /// A parameter occurs twice in one forwarded-element (RFC 7239 §4).
    DuplicateParameter,
    /// The selected element is empty: the proxy wrote nothing.
    Empty,
    /// The effective host is not one of `hosts=`.
    HostNotAllowed,
    /// `Host` differs from the target's authority in HTTP/2 or HTTP/3 (RFC 9113 §8.3.1).
    HostMismatch,
    /// Another trusted header is present, but this one is required and absent.
    Incomplete,
    /// A forwarded-element breaks the grammar of RFC 7239 §4.
    InvalidElement,
    /// A host or authority is malformed.
    InvalidHost,
    /// A node identifier is malformed (RFC 7239 §6).
    InvalidNode,
    /// A path for [`Resolved::external_url`](crate::Resolved::external_url) is malformed.
    InvalidPath,
    /// A port is not a number from 1 to 65535.
    InvalidPort,
    /// A path prefix is malformed.
    InvalidPrefix,
    /// A scheme is not `http`, `https`, `ws` or `wss`.
    InvalidScheme,
    /// The target is in authority form, which is for CONNECT only (RFC 9112 §3.2.3), or has no path.
    InvalidTarget,
    /// None of the trusted headers is present, and `missing=reject` is set.
    Missing,
    /// A host is needed and none is known: `hosts=` is set, or a URL is to be built.
    MissingHost,
    /// No peer is known: the server did not say who connected. Status 500.
    MissingPeer,
    /// The peer is one of the proxies, but sends no secret, and `missing=reject` is set.
    MissingSecret,
    /// `Connection` names a trusted header, so a proxy may have dropped it.
    Nominated,
    /// The request was already fixed under another configuration. Status 500.
    OtherConfig,
    /// A field that must have one value has several.
    Repeated,
    /// The list has fewer elements than the trusted count.
    Short,
    /// An element is longer than 4 KiB.
    TooLong,
    /// The request has so many header fields that `Host` cannot be added.
    TooManyHeaders,
    /// A walk met more trusted proxies than `max-hops`.
    TooManyHops,
    /// With `verify=hops`, an element right of the client's is not a trusted proxy.
    UntrustedHop,
}

impl ErrorKind {
    /// The stable code of the kind, such as `short` or `invalid-node`.
    pub fn code(self) -> &'static str {
        match self {
            Self::AllTrusted => "all-trusted",
            Self::BareIpv6 => "bare-ipv6",
            Self::DuplicateParameter => "duplicate-parameter",
            Self::Empty => "empty",
            Self::HostNotAllowed => "host-not-allowed",
            Self::HostMismatch => "host-mismatch",
            Self::Incomplete => "incomplete",
            Self::InvalidElement => "invalid-element",
            Self::InvalidHost => "invalid-host",
            Self::InvalidNode => "invalid-node",
            Self::InvalidPath => "invalid-path",
            Self::InvalidPort => "invalid-port",
            Self::InvalidPrefix => "invalid-prefix",
            Self::InvalidScheme => "invalid-scheme",
            Self::InvalidTarget => "invalid-target",
            Self::Missing => "missing",
            Self::MissingHost => "missing-host",
            Self::MissingPeer => "missing-peer",
            Self::MissingSecret => "missing-secret",
            Self::Nominated => "nominated",
            Self::OtherConfig => "other-config",
            Self::Repeated => "repeated",
            Self::Short => "short",
            Self::TooLong => "too-long",
            Self::TooManyHeaders => "too-many-headers",
            Self::TooManyHops => "too-many-hops",
            Self::UntrustedHop => "untrusted-hop",
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::AllTrusted => "every address is a trusted proxy, none is a client",
            Self::BareIpv6 => {
                "IPv6 without brackets, which RFC 7239 does not allow; if this is how the proxy writes \
                 addresses, forwarded-ipv6=bare reads it"
            }
            Self::DuplicateParameter => "a parameter occurs twice in one element",
            Self::Empty => "the trusted element is empty; the proxy must write a value",
            Self::HostNotAllowed => {
                "the host is not one of the allowed hosts; if it is ours, add it to hosts="
            }
            Self::HostMismatch => "differs from the authority of the request target",
            Self::Incomplete => {
                "missing beside another trusted header; the proxy must write it on every request, \
                 over plain http too"
            }
            Self::InvalidElement => "malformed forwarded-element, expected name=value pairs",
            Self::InvalidHost => "malformed host, expected a name or address with an optional port",
            Self::InvalidNode => {
                "malformed node, expected an address with an optional port, unknown, or _identifier \
                 (IPv6 in brackets if a port follows, and in Forwarded)"
            }
            Self::InvalidPath => "malformed path, expected one that starts with a single slash",
            Self::InvalidPort => "malformed port, expected a number from 1 to 65535",
            Self::InvalidPrefix => "malformed path prefix, expected plain segments after a slash",
            Self::InvalidScheme => "malformed scheme, expected http or https",
            Self::InvalidTarget => "malformed request target, authority form is for CONNECT only",
            Self::Missing => {
                "none of the trusted headers is present, and missing=reject requires one"
            }
            Self::MissingHost => {
                "no host is known: neither the request nor a trusted header names one"
            }
            Self::MissingPeer => {
                "no peer is known; insert proxyfix::Peer into the request's extensions, or name the \
                 peer with ProxyFixLayer::peer_from (on a Unix socket: |_| Some(Peer::UNIX)), or, \
                 with proxyfix's feature axum, serve with \
                 into_make_service_with_connect_info::<SocketAddr>"
            }
            Self::MissingSecret => {
                "the peer is one of the proxies, but does not send the secret in this header exactly once"
            }
            Self::Nominated => {
                "named in the connection header, so a proxy on the way may have dropped it"
            }
            Self::OtherConfig => {
                "the request was already fixed under another configuration; apply only one"
            }
            Self::Repeated => "expected one value, found several",
            Self::Short => {
                "no such element, the list is shorter than the trusted count; lower the count if \
                 fewer proxies append"
            }
            Self::TooLong => "an element is longer than 4096 bytes",
            Self::TooManyHeaders => "too many header fields",
            Self::TooManyHops => "more trusted proxies than max-hops allows",
            Self::UntrustedHop => {
                "not a trusted proxy, although it is nearer than the trusted count; lower the count, or \
                 add the address to the proxies"
            }
        }
    }
}

/// A rejected request: what is wrong, in which header, at which hop and byte.
///
/// The text is safe to log and to send. It repeats at most one character of what a stranger wrote, escaped.
///
/// ```
/// use http::{HeaderMap, Uri};
/// use proxyfix::{resolve, Config, ErrorKind, Peer};
///
/// let config: Config = "proxies=loopback for=1".parse()?;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "192.0.2.256".parse()?);
/// let peer = Peer::from(std::net::IpAddr::from([127, 0, 0, 1]));
///
/// let error = resolve(peer, &headers, &Uri::default(), &config).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidNode);
/// assert_eq!((error.hop(), error.offset()), (Some(1), Some(0)));
/// assert_eq!(error.status(), 400);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    header: Option<HeaderName>,
    hop: Option<usize>,
    offset: Option<usize>,
    found: Option<u8>,
}

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self { kind, header: None, hop: None, offset: None, found: None }
    }

    #[cold]
    pub(crate) fn in_header(kind: ErrorKind, header: &HeaderName) -> Self {
        Self { header: Some(header.clone()), ..Self::new(kind) }
    }

    pub(crate) fn at_hop(self, hop: usize) -> Self {
        Self { hop: Some(hop), ..self }
    }

    /// What is wrong, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The header with the fault.
    pub fn header(&self) -> Option<&HeaderName> {
        self.header.as_ref()
    }

    /// The number of the element, counted from the right: our peer wrote element 1.
    pub fn hop(&self) -> Option<usize> {
        self.hop
    }

    /// The byte of the field line, from 0. Without a header, the byte of the target's authority.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// The status to answer with: 500 if our own wiring is at fault, otherwise 400.
    pub fn status(&self) -> StatusCode {
        if matches!(self.kind, ErrorKind::MissingPeer | ErrorKind::OtherConfig) {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        StatusCode::BAD_REQUEST
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.header, self.offset) {
            (Some(header), _) => f.write_str(header.as_str())?,
            (None, Some(_)) => f.write_str("request target")?,
            (None, None) => return f.write_str(self.kind.text()),
        }
        if let Some(hop) = self.hop {
            write!(f, ", hop {hop}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, ", byte {offset}")?;
        }
        f.write_str(": ")?;
        f.write_str(self.kind.text())?;
        match self.found {
            None => Ok(()),
            // In single quotes, a double quote needs no escape.
            Some(b'"') => f.write_str(r#", found '"'"#),
            Some(found) => write!(f, ", found '{}'", found.escape_ascii()),
        }
    }
}

impl std::error::Error for Error {}

/// What a value's parser objects to, with the place inside the value. It becomes an [`Error`]
/// once the header, the hop and the value's own place are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) offset: usize,
    pub(crate) found: Option<u8>,
}

impl Fault {
    #[cold]
    pub(crate) fn new(kind: ErrorKind, offset: usize) -> Self {
        Self { kind, offset, found: None }
    }

    /// A fault at the byte at `offset` of `text`, or at its end.
    #[cold]
    pub(crate) fn at(kind: ErrorKind, text: &[u8], offset: usize) -> Self {
        Self { kind, offset, found: text.get(offset).copied() }
    }

    /// A fault at the first byte of `text` that is not `allowed`, or in `text` as a whole.
    pub(crate) fn at_first(kind: ErrorKind, text: &[u8], allowed: impl Fn(u8) -> bool) -> Self {
        match text.iter().position(|&byte| !allowed(byte)) {
            Some(offset) => Self::at(kind, text, offset),
            None => Self::new(kind, 0),
        }
    }

    /// Moves the place by `by` bytes. For a value that begins there in a longer one.
    pub(crate) fn shift(self, by: usize) -> Self {
        Self { offset: self.offset.saturating_add(by), ..self }
    }

    #[cold]
    pub(crate) fn in_header(self, header: &HeaderName) -> Error {
        Error { header: Some(header.clone()), ..self.in_target() }
    }

    #[cold]
    pub(crate) fn in_target(self) -> Error {
        Error { offset: Some(self.offset), found: self.found, ..Error::new(self.kind) }
    }
}
