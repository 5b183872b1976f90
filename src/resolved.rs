//! The decision about a request: [`Resolved`].
//!
//! 1. Its values are the effective ones. They are valid and in canonical form.
//! 2. For each value it says who vouches for it: we ourselves, or a header at a hop.
//! 3. The authority omits the scheme's default port (RFC 9110 §4.2.3).
//! 4. Only [`Resolved::original`] has text that a stranger wrote.

use std::{
    fmt,
    net::IpAddr,
    num::NonZeroUsize,
    sync::{LazyLock, OnceLock},
};

use http::{
    HeaderName, HeaderValue, Uri,
    uri::{Authority, PathAndQuery},
};

use crate::{
    config::{Config, Trusted, Way},
    error::{Error, ErrorKind},
    host::HostPort,
    node::Node,
    peer::Peer,
    prefix::Prefix,
    scheme::Scheme,
};

/// Dropped before a path. A slash would make it another host, and browsers ignore the white space.
const DROPPED: [char; 5] = ['/', '\\', '\t', '\n', '\r'];

/// Who vouches for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source<'a> {
    /// We ourselves: the connection, the configuration, or the request's own target and `Host`.
    Own,
    /// A trusted header.
    Header {
        /// Its name.
        name: &'a HeaderName,
        /// The number of its element from the right, from 1. Our peer wrote element 1.
        hop: usize,
    },
}

/// Prints `own`, or the header and the hop: `x-forwarded-for, hop 1`.
impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("own"),
            Self::Header { name, hop } => write!(f, "{name}, hop {hop}"),
        }
    }
}

/// Who vouches for each value of a [`Resolved`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources<'a> {
    client: Source<'a>,
    scheme: Source<'a>,
    host: Source<'a>,
    port: Source<'a>,
    prefix: Source<'a>,
}

/// A value, and the hop that vouches for it.
#[derive(Clone, Debug)]
pub(crate) struct Vouched<T> {
    pub(crate) value: T,
    /// The hop at which its header was read. `None` is our own value. [`Resolved::source`] says which
    /// header it is.
    pub(crate) hop: Option<NonZeroUsize>,
}

impl<T> Vouched<T> {
    pub(crate) fn own(value: T) -> Self {
        Self { value, hop: None }
    }

    pub(crate) fn at(value: T, hop: usize) -> Self {
        Self { value, hop: NonZeroUsize::new(hop) }
    }

    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Vouched<U> {
        Vouched { value: map(self.value), hop: self.hop }
    }
}

impl<'a> Sources<'a> {
    /// Who vouches for the client.
    pub fn client(&self) -> Source<'a> {
        self.client
    }

    /// Who vouches for the scheme.
    pub fn scheme(&self) -> Source<'a> {
        self.scheme
    }

    /// Who vouches for the host.
    pub fn host(&self) -> Source<'a> {
        self.host
    }

    /// Who vouches for the port: the port's own header, otherwise the source of the host.
    pub fn port(&self) -> Source<'a> {
        self.port
    }

    /// Who vouches for the prefix. This says nothing of what mounts add to it, which is our own.
    pub fn prefix(&self) -> Source<'a> {
        self.prefix
    }
}

/// Who speaks for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// Nobody: the peer is not one of the proxies.
    Nobody,
    /// Nobody: the peer is one of the proxies, but does not prove that the request went through it.
    Unproved,
    /// The peer.
    Peer,
    /// The peer, and the edge whose header it relays.
    Edge,
}

/// The rewritten values as they were before: a stranger's data, for logs that treat it as such.
///
/// It is empty in a [`Resolved`] made by [`resolve`](fn@crate::resolve), which rewrites nothing.
#[derive(Clone, Debug, Default)]
pub struct Original {
    pub(crate) uri: Uri,
    pub(crate) host: Option<HeaderValue>,
}

impl Original {
    /// The request's original URI.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The request's original `Host`.
    pub fn host(&self) -> Option<&HeaderValue> {
        self.host.as_ref()
    }
}

/// The values of a request that may be believed. [`fix_request`](crate::fix_request) and the layer leave
/// it in the request's extensions.
///
/// ```
/// use http::{HeaderMap, Uri};
/// use proxyfix::{resolve, Config, Peer};
///
/// let config: Config = "proxies=10.0.0.0/8 for=1 proto=1 host=1 prefix=1".parse()?;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "6.6.6.6, 203.0.113.9".parse()?);
/// headers.insert("x-forwarded-proto", "https".parse()?);
/// headers.insert("x-forwarded-host", "Shop.Example".parse()?);
/// headers.insert("x-forwarded-prefix", "/app/".parse()?);
///
/// let peer = Peer::from(std::net::IpAddr::from([10, 0, 0, 1]));
/// let resolved = resolve(peer, &headers, &Uri::from_static("/item?q=1"), &config)?;
/// assert_eq!(resolved.client_ip(), Some([203, 0, 113, 9].into()));
/// assert!(resolved.is_secure());
/// assert_eq!(resolved.host(), Some("shop.example"));
/// assert_eq!(resolved.port(), 443);
/// assert_eq!(resolved.prefix(), "/app");
/// assert_eq!(resolved.external_url("/item?q=1")?, "https://shop.example/app/item?q=1");
/// assert_eq!(resolved.source().client().to_string(), "x-forwarded-for, hop 1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Resolved {
    pub(crate) config: Config,
    pub(crate) peer: Option<Peer>,
    pub(crate) speaker: Speaker,
    pub(crate) client: Vouched<Node>,
    pub(crate) scheme: Vouched<Scheme>,
    pub(crate) host: Vouched<Option<HostPort>>,
    /// The effective port, if one was stated, by a header of its own or with the host.
    pub(crate) port: Vouched<Option<u16>>,
    /// The believed prefix, followed by the paths of the mounts.
    pub(crate) prefix: Vouched<Prefix>,
    /// How many bytes of the prefix are those of mounts.
    pub(crate) mounted: usize,
    /// The request's original values, if it was rewritten.
    pub(crate) original: Option<Original>,
    /// Made when it is first asked for, so that a decision allocates nothing.
    pub(crate) authority: OnceLock<Option<Authority>>,
}

impl Resolved {
    /// Makes the peer the client. Without a peer, the client is unknown.
    #[inline]
    pub(crate) fn own_client(&mut self) {
        self.client.hop = None;
        match &self.peer {
            Some(peer) => peer.put_node(&mut self.client.value),
            None => self.client.value = Node::UNKNOWN,
        }
    }

    /// The client: an address with an optional port, an obfuscated identifier, or unknown.
    ///
    /// It prints the port if one is known, and a client has another port on each connection. For
    /// rate limits, allow lists and anything else that needs the same key for the same client, use
    /// [`client_ip`](Self::client_ip).
    pub fn client(&self) -> &Node {
        &self.client.value
    }

    /// The client's address, if it is known. Use it as the key for rate limits and allow lists, because
    /// unlike [`client`](Self::client) it never has a port. Treat `None` as a client of its own kind.
    /// The proxy's address does not replace a missing one.
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.client.value.ip()
    }

    /// The client's port, if it is known.
    pub fn client_port(&self) -> Option<u16> {
        self.client.value.port_number()
    }

    /// The scheme the client used.
    pub fn scheme(&self) -> Scheme {
        self.scheme.value
    }

    /// Whether the client used `https`.
    pub fn is_secure(&self) -> bool {
        self.scheme() == Scheme::Https
    }

    /// The host the client asked for, in lower case, without port.
    pub fn host(&self) -> Option<&str> {
        self.host.value.as_ref().map(HostPort::host)
    }

    /// The port the client asked for: the stated one, or the scheme's default.
    pub fn port(&self) -> u16 {
        self.port.value.unwrap_or_else(|| self.scheme().default_port())
    }

    /// Host and port the client asked for, without the scheme's default port.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.get_or_init(|| self.make_authority().ok().flatten()).as_ref()
    }

    /// Makes the authority. A host that makes no valid authority is an error. The host's parser lets no such
    /// host through.
    pub(crate) fn make_authority(&self) -> Result<Option<Authority>, Error> {
        let invalid = |_| Error::new(ErrorKind::InvalidHost);
        match (&self.host.value, self.stated_port()) {
            (None, _) => Ok(None),
            (Some(host), None) => host.host().parse().map(Some).map_err(invalid),
            (Some(host), port) => Authority::try_from(host.clone().with_port(port).to_string())
                .map(Some)
                .map_err(invalid),
        }
    }

    /// The effective port, unless it is the scheme's default.
    fn stated_port(&self) -> Option<u16> {
        self.port.value.filter(|port| *port != self.scheme().default_port())
    }

    /// Host and port, without the scheme's default port.
    pub(crate) fn host_port(&self) -> Option<HostPort> {
        self.host.value.clone().map(|host| host.with_port(self.stated_port()))
    }

    /// The path prefix of the application: what the outermost proxy strips, followed by the path of each
    /// [mount](crate::MountPath) of this server. It is empty, or has a leading and no trailing slash.
    pub fn prefix(&self) -> &str {
        self.prefix.value.as_str()
    }

    /// The part of [`prefix`](Self::prefix) that a proxy strips.
    #[cfg(feature = "axum")]
    pub(crate) fn believed_prefix(&self) -> &str {
        let whole = self.prefix();
        whole.get(..whole.len().saturating_sub(self.mounted)).unwrap_or_default()
    }

    /// Adds the path of a mount to the prefix.
    pub(crate) fn mount(&mut self, path: &Prefix) {
        self.prefix.value = self.prefix.value.followed_by(path);
        self.mounted = self.mounted.saturating_add(path.as_str().len());
    }

    /// The URL with which the client reaches a path of the application.
    ///
    /// # Errors
    /// [`ErrorKind::MissingHost`] if the request had no host; [`ErrorKind::InvalidPath`] for
    /// `""`, `item` (no slash), `//evil.example`, `/a b`, `/a#b`.
    pub fn external_url(&self, path_and_query: &str) -> Result<Uri, Error> {
        self.url_under(self.prefix(), path_and_query)
    }

    /// The URL of a path under a prefix.
    pub(crate) fn url_under(&self, prefix: &str, path_and_query: &str) -> Result<Uri, Error> {
        let authority = self.authority().ok_or_else(|| Error::new(ErrorKind::MissingHost))?.clone();
        let invalid = || Error::new(ErrorKind::InvalidPath);
        let rest = path_and_query.strip_prefix('/').ok_or_else(invalid)?;
        if rest.starts_with(DROPPED) || rest.contains('#') {
            return Err(invalid());
        }
        let path = PathAndQuery::try_from(path_under(prefix, path_and_query));
        Uri::builder()
            .scheme(self.scheme().as_str())
            .authority(authority)
            .path_and_query(path.map_err(|_| invalid())?)
            .build()
            .map_err(|_| invalid())
    }

    /// A path of the application as the client sees it: after the prefix, with one slash before
    /// it, because two slashes, or a slash and a backslash, would name another host. Tabs and line breaks
    /// before the path are dropped too, because browsers ignore them (WHATWG URL, basic URL parser).
    ///
    /// ```
    /// # use http::{HeaderMap, Uri};
    /// # use proxyfix::{resolve, Config, Peer};
    /// # let config: Config = "proxies=none for=1".parse()?;
    /// # let resolved = resolve(Peer::UNIX, &HeaderMap::new(), &Uri::default(), &config)?;
    /// assert_eq!(resolved.external_path("/item"), "/item");
    /// assert_eq!(resolved.external_path("//evil.example"), "/evil.example");
    /// assert_eq!(resolved.external_path("/\t/evil.example"), "/evil.example");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn external_path(&self, path: &str) -> String {
        path_under(self.prefix(), path)
    }

    /// The other end of our connection.
    pub fn peer(&self) -> Option<Peer> {
        self.peer
    }

    /// Whether the headers of the peer are read: the peer is one of `proxies`, and sent the secret if one is
    /// needed.
    pub fn is_peer_trusted(&self) -> bool {
        matches!(self.speaker, Speaker::Peer | Speaker::Edge)
    }

    /// The settings and the plan of the way in that decided.
    pub(crate) fn way(&self) -> &Way {
        self.config.way_of(self.peer.as_ref())
    }

    /// Whether the edge's own header names the client, instead of the list.
    pub(crate) fn is_by_edge(&self) -> bool {
        self.speaker == Speaker::Edge
    }

    /// Who vouches for each value.
    pub fn source(&self) -> Sources<'_> {
        let plan = &self.way().plan;
        // `Forwarded` names the scheme and the host together with the client.
        let list = plan.client.as_ref().map(Trusted::name);
        let scheme = plan.proto.as_ref().map(Trusted::name).or(list);
        let host = source(plan.host.as_ref().map(Trusted::name).or(list), self.host.hop);
        let port = plan.port.as_ref().map(Trusted::name);
        let edge = plan.edge.as_ref().filter(|_| self.is_by_edge()).map(|edge| &edge.name);
        Sources {
            client: source(edge.or(list), self.client.hop),
            scheme: source(scheme, self.scheme.hop),
            host,
            port: if self.port.hop.is_some() { source(port, self.port.hop) } else { host },
            prefix: source(plan.prefix.as_ref().map(Trusted::name), self.prefix.hop),
        }
    }

    /// The rewritten values as they were before.
    pub fn original(&self) -> &Original {
        static NOTHING: LazyLock<Original> = LazyLock::new(Original::default);
        self.original.as_ref().unwrap_or(&NOTHING)
    }
}

fn path_under(prefix: &str, path: &str) -> String {
    format!("{prefix}/{}", path.trim_start_matches(DROPPED))
}

fn source(name: Option<&HeaderName>, hop: Option<NonZeroUsize>) -> Source<'_> {
    match (name, hop) {
        (Some(name), Some(hop)) => Source::Header { name, hop: hop.get() },
        _ => Source::Own,
    }
}

/// Shows the effective values, which are valid, and nothing else of what a stranger wrote.
impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolved")
            .field("client", &format_args!("{}", self.client()))
            .field("scheme", &self.scheme())
            .field("host", &self.host())
            .field("port", &self.port())
            .field("prefix", &self.prefix())
            .field("peer", &self.peer)
            .field("sources", &self.source())
            .finish_non_exhaustive()
    }
}
