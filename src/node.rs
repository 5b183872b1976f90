//! Node identifiers: from whom a proxy received a request (RFC 7239 §6).
//!
//! ```text
//! node      = nodename [ ":" node-port ]
//! nodename  = IPv4address / "[" IPv6address "]" / "unknown" / obfnode
//! node-port = 1*5DIGIT / obfport              ; at most 65535
//! obfnode   = "_" 1*( ALPHA / DIGIT / "." / "_" / "-" )
//! ```
//!
//! 1. `X-Forwarded-For` and related headers also write IPv6 without brackets (then without a port), and
//!    nginx writes `unix:` for a Unix socket. Some gateways leave out the brackets in `Forwarded` too.
//!    There, IPv6 without brackets is read only if the configuration says so, because others write a port
//!    after it. `CloudFront-Viewer-Address` always has a port, even after IPv6 without brackets.
//! 2. An IPv4-mapped IPv6 address is the IPv4 address, everywhere.
//! 3. A zone identifier (`fe80::1%eth0`, RFC 4007 §11) is dropped. It is the proxy's own name for one of
//!    its interfaces, and programs in Go append it as it is.
//! 4. Octets have no leading zeros. Names are not allowed: nothing is ever looked up.
//! 5. `unknown` is recognised in any case, as ABNF strings are (RFC 5234 §2.3).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str,
};

use crate::{
    address,
    error::{ErrorKind, Fault},
    host,
    text::Text,
};

/// A client as a proxy names it: an address, an obfuscated identifier or unknown, with a port
/// if one was written.
///
/// [`Display`](fmt::Display) prints the form of RFC 7239, with IPv6 in brackets.
///
/// ```
/// use proxyfix::{Node, NodeName};
///
/// let node: Node = "[2001:db8::7]:4711".parse()?;
/// assert_eq!(node.ip(), "2001:db8::7".parse().ok());
/// assert_eq!(node.to_string(), "[2001:db8::7]:4711");
///
/// assert_eq!("unknown".parse::<Node>()?.name(), &NodeName::Unknown);
/// # Ok::<(), proxyfix::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    name: NodeName,
    port: Option<NodePort>,
}

/// The name of a [`Node`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodeName {
    /// An address; never an IPv4-mapped one.
    Ip(IpAddr),
    /// An identifier that hides the address, such as `_gazonk` (RFC 7239 §6.3).
    Obfuscated(Obfuscated),
    /// Not known to the proxy, or to anybody (RFC 7239 §6.2).
    Unknown,
}

/// The port of a [`Node`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodePort {
    /// A TCP port, or 0.
    Number(u16),
    /// An identifier that hides the port.
    Obfuscated(Obfuscated),
}

/// An obfuscated identifier, with its leading `_` (RFC 7239 §6.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Obfuscated(Text<22>);

impl Obfuscated {
    /// The identifier, with its leading `_`.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"._-".contains(b);
        let rest = text.strip_prefix(b"_")?;
        (!rest.is_empty() && rest.iter().all(allowed)).then(|| Self(Text::new(text)))
    }
}

/// What an element of `X-Forwarded-For` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ForwardedFor {
    Node(Node),
    /// nginx's `unix:`, the address of a Unix socket.
    Unix,
}

impl Node {
    pub(crate) const UNKNOWN: Self = Self { name: NodeName::Unknown, port: None };

    #[inline]
    pub(crate) fn new(ip: IpAddr, port: Option<u16>) -> Self {
        Self { name: NodeName::Ip(ip.to_canonical()), port: port.map(NodePort::Number) }
    }

    /// The name: an address, an obfuscated identifier or unknown.
    pub fn name(&self) -> &NodeName {
        &self.name
    }

    /// The port, if one was written.
    pub fn port(&self) -> Option<&NodePort> {
        self.port.as_ref()
    }

    /// The address, unless it is obfuscated or unknown.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.name {
            NodeName::Ip(ip) => Some(ip),
            NodeName::Obfuscated(_) | NodeName::Unknown => None,
        }
    }

    /// Whether it is printed as a token (RFC 9110 §5.6.2), which has neither colons nor brackets.
    pub(crate) fn is_token(&self) -> bool {
        !matches!(self, Self { name: NodeName::Ip(IpAddr::V6(_)), .. } | Self { port: Some(_), .. })
    }

    /// The port as a number.
    pub(crate) fn port_number(&self) -> Option<u16> {
        match self.port {
            Some(NodePort::Number(port)) => Some(port),
            Some(NodePort::Obfuscated(_)) | None => None,
        }
    }

    /// The address and port, if both are known.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.ip()?, self.port_number()?))
    }

    /// Reads the form of RFC 7239.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Fault> {
        Self::read(text).ok_or_else(|| Self::bare_fault(text))
    }

    /// The fault of a node that must be in the form of RFC 7239.
    #[cold]
    fn bare_fault(text: &[u8]) -> Fault {
        match Self::bare(text) {
            Some(_) => Fault::new(ErrorKind::BareIpv6, 0),
            None => Self::fault(text),
        }
    }

    /// Reads the same form, and also IPv6 without brackets.
    pub(crate) fn parse_bare(text: &[u8]) -> Result<Self, Fault> {
        Self::bare(text).map_or_else(|| Self::parse(text), Ok)
    }

    /// Reads IPv6 without brackets.
    fn bare(text: &[u8]) -> Option<Self> {
        Some(Self::new(address::zoned_ipv6(text)?.into(), None))
    }

    /// Reads the form of `X-Forwarded-For` and related headers. See 1 above.
    pub(crate) fn parse_x(text: &[u8]) -> Result<ForwardedFor, Fault> {
        if text == b"unix:" {
            return Ok(ForwardedFor::Unix);
        }
        let node = Self::read(text).or_else(|| Self::bare(text));
        node.map(ForwardedFor::Node).ok_or_else(|| Self::fault(text))
    }

    /// Reads an address and the port after its last colon. IPv6 may lack its brackets.
    pub(crate) fn parse_with_port(text: &[u8]) -> Result<ForwardedFor, Fault> {
        let read = || {
            let colon = text.iter().rposition(|&b| b == b':')?;
            let (name, port) = text.split_at_checked(colon)?;
            let port = host::number(port.strip_prefix(b":")?)?;
            let v6 = address::ipv6(name).map(IpAddr::V6);
            let ip = v6.or_else(|| match NodeName::split(name)? {
                (NodeName::Ip(ip), []) => Some(ip),
                _ => None,
            })?;
            Some(Self::new(ip, Some(port)))
        };
        read().map(ForwardedFor::Node).ok_or_else(|| Self::fault(text))
    }

    fn read(text: &[u8]) -> Option<Self> {
        let (name, rest) = NodeName::split(text)?;
        let port = match rest {
            [] => None,
            [b':', port @ ..] => Some(NodePort::parse(port)?),
            _ => return None,
        };
        Some(Self { name, port })
    }

    fn fault(text: &[u8]) -> Fault {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b".:_-[]%".contains(&b);
        Fault::at_first(ErrorKind::InvalidNode, text, allowed)
    }
}

impl NodeName {
    /// Reads the name at the start of a text, and returns the rest of the text.
    fn split(text: &[u8]) -> Option<(Self, &[u8])> {
        match text {
            [b'0'..=b'9', ..] => {
                let (ip, rest) = address::split_ipv4(text)?;
                Some((Self::Ip(ip.into()), rest))
            }
            [b'[', literal @ ..] => {
                let end = literal.iter().position(|&b| b == b']')?;
                let (literal, rest) = literal.split_at_checked(end)?;
                let ip = IpAddr::V6(address::zoned_ipv6(literal)?).to_canonical();
                Some((Self::Ip(ip), rest.strip_prefix(b"]")?))
            }
            _ => {
                let end = text.iter().position(|&b| b == b':').unwrap_or(text.len());
                let (name, rest) = text.split_at_checked(end)?;
                let name = match name {
                    [b'_', ..] => Self::Obfuscated(Obfuscated::parse(name)?),
                    _ if name.eq_ignore_ascii_case(b"unknown") => Self::Unknown,
                    _ => return None,
                };
                Some((name, rest))
            }
        }
    }
}

impl NodePort {
    fn parse(text: &[u8]) -> Option<Self> {
        host::number(text)
            .map(Self::Number)
            .or_else(|| Obfuscated::parse(text).map(Self::Obfuscated))
    }
}

impl str::FromStr for Node {
    type Err = crate::Error;

    /// Reads the form of RFC 7239 §6.
    ///
    /// # Errors
    /// [`ErrorKind::BareIpv6`] for `2001:db8::7` without brackets, [`ErrorKind::InvalidNode`] for
    /// `192.0.2.1:99999`, `192.0.2.01`, `[fe80::1%]`, `_`, `localhost`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes()).map_err(|fault| crate::Error::new(fault.kind))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            NodeName::Ip(IpAddr::V4(ip)) => ip.fmt(f)?,
            NodeName::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
            NodeName::Obfuscated(identifier) => f.write_str(identifier.as_str())?,
            NodeName::Unknown => f.write_str("unknown")?,
        }
        match &self.port {
            None => Ok(()),
            Some(NodePort::Number(port)) => write!(f, ":{port}"),
            Some(NodePort::Obfuscated(port)) => write!(f, ":{}", port.as_str()),
        }
    }
}

/// Prints a node in the form of `X-Forwarded-For`: IPv6 without brackets if there is no port.
pub(crate) struct XNode<'a>(pub(crate) &'a Node);

impl fmt::Display for XNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.name, &self.0.port) {
            (NodeName::Ip(ip), None) => ip.fmt(f),
            _ => self.0.fmt(f),
        }
    }
}
