//! Hosts and ports (RFC 3986 §3.2.2, RFC 9110 §7.2), checked before any container sees them.
//!
//! 1. A host is labels of letters, digits, `-` and `_`, separated by single dots; one trailing
//!    dot is dropped. Or an IPv6 address in brackets. An IPv4 address is a host of four labels.
//! 2. At most 255 bytes, which is the limit of the DNS (RFC 1035 §2.3.4).
//! 3. Then optionally `:` and a port from 1 to 65535; a colon without digits means no port.
//! 4. Lower case in the result.
//! 5. Nothing else: no user information, path, space, comma, percent sign, byte above 0x7f, no
//!    zone identifier, no `IPvFuture`.

use std::{fmt, net::Ipv6Addr, str};

use crate::{
    error::{ErrorKind, Fault},
    text::Text,
};

/// The longest host, in bytes: the limit of the DNS (RFC 1035 §2.3.4).
const MAX_HOST: usize = 255;

/// The bytes kept in place. Longer names are rare and cost one allocation.
pub(crate) type Name = Text<62>;

/// What each byte is in a host name, in lower case; 0 where it cannot stand in one.
const LOWER: [u8; 256] = {
    let mut table = [0; 256];
    let mut slots: &mut [u8] = &mut table;
    let mut byte = 0_u8;
    while let [slot, rest @ ..] = slots {
        *slot = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => byte,
            b'A'..=b'Z' => byte.to_ascii_lowercase(),
            _ => 0,
        };
        byte = byte.wrapping_add(1);
        slots = rest;
    }
    table
};

fn lower(byte: u8) -> u8 {
    LOWER.get(usize::from(byte)).copied().unwrap_or_default()
}

/// A valid host, lower-cased, with the port that stood behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    host: Name,
    pub(crate) port: Option<u16>,
}

impl HostPort {
    /// Reads `host` or `host:port`.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Fault> {
        const KIND: ErrorKind = ErrorKind::InvalidHost;
        // A longest host, its trailing dot, a colon and five digits.
        const LONGEST: usize = MAX_HOST + 7;
        if text.len() > LONGEST {
            return Err(Fault::new(KIND, LONGEST));
        }
        let (host, rest) = if text.first() == Some(&b'[') {
            let end = text.iter().position(|&b| b == b']');
            let end = end.map_or(text.len(), |at| at.saturating_add(1));
            let (literal, rest) = text.split_at_checked(end).unwrap_or((text, b""));
            (ipv6_literal(literal)?, rest)
        } else {
            split_name(text)?
        };
        let port = match rest.split_first() {
            None | Some((b':', [])) => None,
            Some((b':', digits)) => {
                let at = text.len().saturating_sub(digits.len());
                Some(port(digits).map_err(|fault| Fault { kind: KIND, ..fault.shift(at) })?)
            }
            Some(_) => return Err(Fault::at(KIND, text, text.len().saturating_sub(rest.len()))),
        };
        Ok(Self { host, port })
    }

    pub(crate) fn host(&self) -> &str {
        self.host.as_str()
    }

    pub(crate) fn with_port(self, port: Option<u16>) -> Self {
        Self { port, ..self }
    }
}

/// Prints `host` or `host:port`.
impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.host())?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Reads a host name.
pub(crate) fn host_name(text: &[u8]) -> Result<Name, Fault> {
    match split_name(text)? {
        (name, []) => Ok(name),
        (_, rest) => {
            let end = text.len().saturating_sub(rest.len());
            Err(Fault::at(ErrorKind::InvalidHost, text, end))
        }
    }
}

/// Reads the host name at the start of a text, and returns what follows it.
fn split_name(text: &[u8]) -> Result<(Name, &[u8]), Fault> {
    const KIND: ErrorKind = ErrorKind::InvalidHost;
    // With a trailing dot.
    let mut name = [0; MAX_HOST + 1];
    let mut end = text.len().min(name.len());
    let mut label = 0;
    for (at, (to, &byte)) in name.iter_mut().zip(text).enumerate() {
        *to = lower(byte);
        match *to {
            0 => end = at,
            // An empty label.
            b'.' if at == label => end = at,
            b'.' => label = at.saturating_add(1),
            _ => {}
        }
        if end == at {
            break;
        }
    }
    let (name, rest) = (name.get(..end).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let name = name.strip_suffix(b".").unwrap_or(name);
    match name.len() {
        0 => Err(Fault::at(KIND, text, 0)),
        1..=MAX_HOST => Ok((Name::new(name), rest)),
        _ => Err(Fault::new(KIND, MAX_HOST)),
    }
}

/// Reads an IPv6 address in brackets, which stay.
fn ipv6_literal(text: &[u8]) -> Result<Name, Fault> {
    text.strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"))
        .and_then(ipv6)
        .map(|_| Name::map(text, |byte| byte.to_ascii_lowercase()))
        .ok_or_else(|| {
            let allowed = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'[' | b']');
            Fault::at_first(ErrorKind::InvalidHost, text, allowed)
        })
}

/// Reads an IPv6 address without brackets.
pub(crate) fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// Reads a port: one to five digits, 1 to 65535.
pub(crate) fn port(text: &[u8]) -> Result<u16, Fault> {
    match number(text) {
        Some(port @ 1..) => Ok(port),
        _ => Err(Fault::at_first(ErrorKind::InvalidPort, text, |b| b.is_ascii_digit())),
    }
}

/// Reads one to five digits that make a number of at most 65535.
pub(crate) fn number(text: &[u8]) -> Option<u16> {
    if text.is_empty() || text.len() > 5 {
        return None;
    }
    text.iter().try_fold(0_u16, |number, &byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(u16::from(digit))
    })
}
