//! The other end of our connection.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::{node::Node, scheme::Scheme};

/// The other end of our connection: an address, or a Unix socket.
///
/// [`fix_request`](crate::fix_request) and the layer look for it in the request's extensions.
/// An IPv4-mapped IPv6 address, as a dual-stack listener reports it, is the IPv4 address.
///
/// ```
/// use std::net::{IpAddr, SocketAddr};
/// use proxyfix::{Peer, Scheme};
///
/// let peer = Peer::from(SocketAddr::from(([192, 0, 2, 1], 4711)));
/// assert_eq!(peer.ip(), Some(IpAddr::from([192, 0, 2, 1])));
///
/// // A connection on which we terminate TLS ourselves:
/// let peer = peer.with_scheme(Scheme::Https);
/// assert!(Peer::UNIX.is_unix());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// `None` is a Unix socket.
    ip: Option<IpAddr>,
    port: Option<u16>,
    scheme: Option<Scheme>,
}

impl Peer {
    /// The other end of a Unix socket.
    pub const UNIX: Self = Self { ip: None, port: None, scheme: None };

    /// The address, unless this is a Unix socket.
    pub const fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// The port, if it is known.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether it is a Unix socket.
    pub const fn is_unix(&self) -> bool {
        self.ip.is_none()
    }

    /// Sets the scheme of this connection, instead of the configuration's `listener`.
    #[must_use]
    pub const fn with_scheme(self, scheme: Scheme) -> Self {
        Self { scheme: Some(scheme), ..self }
    }

    /// The scheme of this connection, if it was set.
    pub const fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// Stores the peer as the client. Each kind of address has its own branch and is copied as a
    /// whole: that takes 40 instructions, a common branch 75.
    #[inline]
    pub(crate) fn put_node(&self, place: &mut Node) {
        match &self.ip {
            Some(IpAddr::V4(ip)) => *place = Node::new(IpAddr::V4(*ip), self.port),
            Some(IpAddr::V6(ip)) => *place = Node::new(IpAddr::V6(*ip), self.port),
            None => *place = Node::UNKNOWN,
        }
    }
}

impl From<SocketAddr> for Peer {
    #[inline]
    fn from(address: SocketAddr) -> Self {
        Self { port: Some(address.port()), ..Self::from(address.ip()) }
    }
}

impl From<IpAddr> for Peer {
    #[inline]
    fn from(ip: IpAddr) -> Self {
        Self { ip: Some(ip.to_canonical()), port: None, scheme: None }
    }
}

/// Prints the address, with the port if it is known, or `unix socket`.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip, self.port) {
            (None, _) => f.write_str("unix socket"),
            (Some(ip), None) => ip.fmt(f),
            (Some(ip), Some(port)) => SocketAddr::new(ip, port).fmt(f),
        }
    }
}
