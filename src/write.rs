//! Writing, the mirror of reading: what a proxy records of a request for the servers behind it.
//!
//! 1. `Append` puts our element after the inherited ones, in one line: some readers see only the
//!    first line, others only the last.
//! 2. If a part of an inherited `Forwarded` does not parse, it is first discarded, with everything to the
//!    left of it: a reader who lexes from the left would take our element for a part of it. The elements to
//!    the right of it were written by the proxies before us, and stay.
//! 3. A value that is not set adds nothing. But if its header was inherited, it adds an empty element,
//!    which keeps the client's value out of the position of ours. Every proxy of a chain must set the same
//!    values, or counts do not hold.
//! 4. `Replace` drops inherited headers, even those of values that are not set. `IfAbsent` believes
//!    anyone who wrote first.
//! 5. Only the headers of the chosen family are touched. The other family passes through, and
//!    readers must not trust it.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use crate::{
    config::Names,
    error::{Error, ErrorKind},
    forwarded::{PrintedElement, forwarded_elements},
    host::HostPort,
    node::{Node, XNode},
    peer::Peer,
    prefix::{self, Prefix},
    scheme::Scheme,
};

/// Which headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `-Prefix`.
    XForwarded,
    /// `Forwarded` (RFC 7239). It has no place for a prefix.
    Forwarded,
}

/// What happens to inherited headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteMode {
    /// Our element comes after them. For a proxy within a chain.
    Append,
    /// Our element replaces them. For the edge, which trusts nobody before it.
    Replace,
    /// Our element is written only if there are none. **Forgeable**: right only behind a proxy that
    /// always writes.
    IfAbsent,
}

/// What a proxy records of a request: who sent it, and what was asked for.
///
/// ```
/// use http::HeaderMap;
/// use proxyfix::{write, Family, Hop, Peer, Scheme, WriteMode};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("forwarded", "for=198.51.100.7".parse()?);
///
/// let peer = Peer::from("2001:db8::7".parse::<std::net::IpAddr>()?);
/// let hop = Hop::new(peer).scheme(Scheme::Https).host("app.example:8443")?;
/// write(&mut headers, &hop, Family::Forwarded, WriteMode::Append)?;
/// assert_eq!(
///     headers["forwarded"],
///     r#"for=198.51.100.7, for="[2001:db8::7]";proto=https;host="app.example:8443""#,
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Hop {
    /// `None` is unknown.
    peer: Option<Peer>,
    scheme: Option<Scheme>,
    host: Option<HostPort>,
    port: Option<u16>,
    prefix: Option<Prefix>,
}

impl Hop {
    /// A request from this peer. A Unix socket is written as `unix:`, as nginx does, and as
    /// `unknown` in `Forwarded`. Its port is not written.
    pub fn new(peer: impl Into<Peer>) -> Self {
        Self { peer: Some(peer.into()), ..Self::unknown() }
    }

    /// A request from a peer that is not known. It is written as `unknown`, which every reader of ours takes
    /// for an unknown client.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use proxyfix::{write, Family, Hop, WriteMode};
    ///
    /// let mut headers = HeaderMap::new();
    /// write(&mut headers, &Hop::unknown(), Family::XForwarded, WriteMode::Replace)?;
    /// assert_eq!(headers["x-forwarded-for"], "unknown");
    /// # Ok::<(), proxyfix::Error>(())
    /// ```
    pub const fn unknown() -> Self {
        Self { peer: None, scheme: None, host: None, port: None, prefix: None }
    }

    /// The scheme of the connection that the request came over.
    pub fn scheme(self, scheme: Scheme) -> Self {
        Self { scheme: Some(scheme), ..self }
    }

    /// The host that the request asked for, with its port if it named one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidHost`] for `""`, `a b`, `user@app.example`, `app.example:0`.
    pub fn host(self, host: impl AsRef<[u8]>) -> Result<Self, Error> {
        let host = HostPort::parse(host.as_ref()).map_err(|fault| Error::new(fault.kind))?;
        Ok(Self { host: Some(host), ..self })
    }

    /// The port that the request came in at. It replaces the host's port for readers that trust it. In
    /// `Forwarded` it becomes the port of the host. 0 is not written.
    pub fn port(self, port: u16) -> Self {
        Self { port: (port > 0).then_some(port), ..self }
    }

    /// The prefix that this proxy strips from the path.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPrefix`] for `app`, `//app`, `/../app`, `/a%2fb`, `/a,b`;
    /// [`ErrorKind::TooLong`] for a prefix over 4096 bytes, which no reader of ours believes.
    pub fn prefix(self, prefix: &str) -> Result<Self, Error> {
        Ok(Self { prefix: Some(prefix::of_ours(prefix)?), ..self })
    }
}

/// Records a hop in the headers of a request that a proxy passes on.
///
/// # Errors
/// [`ErrorKind::TooManyHeaders`] if the header map has no room for five more names, the most that
/// are written. Nothing is written then, with one exception: if the map holds thousands of names that were
/// made to collide, it may refuse a name that it had room for.
pub fn write(
    headers: &mut HeaderMap,
    hop: &Hop,
    family: Family,
    mode: WriteMode,
) -> Result<(), Error> {
    // The room is made for all names first. Only a map with such colliding names can then fail halfway.
    let full = |_| Error::new(ErrorKind::TooManyHeaders);
    headers.try_reserve(5).map_err(full)?;
    let node = hop.peer.and_then(|peer| peer.ip()).map_or(Node::UNKNOWN, |ip| Node::new(ip, None));
    if family == Family::Forwarded {
        let host = hop.host.as_ref().map(|host| {
            let port = hop.port.or(host.port);
            host.clone().with_port(port).to_string()
        });
        let element = PrintedElement { r#for: &node, proto: hop.scheme, host: host.as_deref() };
        return record(headers, &FORWARDED, printed(element), mode);
    }
    let names = Names::X_FORWARDED;
    let client = if hop.peer.is_some_and(|peer| peer.is_unix()) {
        Some(HeaderValue::from_static("unix:"))
    } else {
        printed(XNode(&node))
    };
    let host = hop.host.as_ref().and_then(|host| match host.port {
        None => HeaderValue::from_str(host.host()).ok(),
        Some(_) => printed(host),
    });
    let prefix = hop.prefix.as_ref().and_then(|prefix| HeaderValue::from_str(prefix.as_str()).ok());
    record(headers, &names.r#for, client, mode)?;
    let scheme = hop.scheme.map(|scheme| HeaderValue::from_static(scheme.as_str()));
    record(headers, &names.proto, scheme, mode)?;
    record(headers, &names.host, host, mode)?;
    record(headers, &names.port, hop.port.map(HeaderValue::from), mode)?;
    record(headers, &names.prefix, prefix, mode)
}

/// A text of ours. All of them are valid in a field line: their parsers admit nothing else.
fn printed(text: impl fmt::Display) -> Option<HeaderValue> {
    HeaderValue::try_from(text.to_string()).ok()
}

/// Records one value in one header.
fn record(
    headers: &mut HeaderMap,
    name: &HeaderName,
    value: Option<HeaderValue>,
    mode: WriteMode,
) -> Result<(), Error> {
    let inherited = match mode {
        WriteMode::IfAbsent if headers.contains_key(name) => return Ok(()),
        WriteMode::Append => inherited(headers, name),
        WriteMode::Replace | WriteMode::IfAbsent => Vec::new(),
    };
    let full = || Error::in_header(ErrorKind::TooManyHeaders, name);
    let line = match value {
        None if inherited.is_empty() => {
            headers.remove(name);
            return Ok(());
        }
        // At the edge of a network nothing is inherited, and our own text is the line.
        Some(own) if inherited.is_empty() => own,
        own => {
            let own = own.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
            // The bytes of valid lines and our own text make a valid line.
            HeaderValue::try_from([&inherited[..], &[own]].concat().join(&b", "[..]))
                .map_err(|_| full())?
        }
    };
    headers.try_insert(name, line).map(|_| ()).map_err(|_| full())
}

/// The inherited parts of a list, from the left: lines, or elements of `Forwarded`.
fn inherited<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a [u8]> {
    if *name != FORWARDED {
        return headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    }
    let parsed = forwarded_elements(headers).map_while(Result::ok);
    let mut elements: Vec<_> = parsed.map(|element| element.as_bytes()).collect();
    elements.reverse();
    elements
}
