//! Hosts and ports (RFC 3986 §3.2.2, RFC 9110 §7.2), checked before any container sees them.
//!
//! 1. A host is labels of letters, digits, `-` and `_`, separated by single dots; one trailing
//!    dot is dropped. Or an IPv6 address in brackets. An IPv4 address is a host of four labels.
//! 2. At most 255 bytes, which is the limit of the DNS (RFC 1035 §2.3.4).
//! 3. Then optionally `:` and a port from 1 to 65535; a colon without digits means no port.
//! 4. Lower case in the result.
//! 5. Nothing else: no user information, path, space, comma, percent sign, byte above 0x7f, no
//!    zone identifier, no `IPvFuture`.

use std::fmt;

use crate::{
    address,
    error::{ErrorKind, Fault},
    text::Text,
};

/// The longest host, in bytes: the limit of the DNS (RFC 1035 §2.3.4).
const MAX_HOST: usize = 255;

/// The bytes kept in place. Longer names are rare and cost one allocation.
pub(crate) type Name = Text<62>;

/// What a byte is in a host name.
#[derive(Clone, Copy)]
enum Class {
    Lower,
    Upper,
    Dot,
    Other,
}

/// The class of each byte: a table, since every request has a host.
const CLASSES: [Class; 256] = {
    let mut table = [Class::Other; 256];
    let mut slots: &mut [Class] = &mut table;
    let mut byte = 0_u8;
    while let [slot, rest @ ..] = slots {
        *slot = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => Class::Lower,
            b'A'..=b'Z' => Class::Upper,
            b'.' => Class::Dot,
            _ => Class::Other,
        };
        byte = byte.wrapping_add(1);
        slots = rest;
    }
    table
};

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
            (check_ipv6(literal)?, rest)
        } else {
            check_name(text)?
        };
        let port = match rest.split_first() {
            None | Some((b':', [])) => None,
            Some((b':', digits)) => {
                let at = text.len().saturating_sub(digits.len());
                Some(port(digits).map_err(|fault| Fault { kind: KIND, ..fault.shift(at) })?)
            }
            Some(_) => return Err(Fault::at(KIND, text, text.len().saturating_sub(rest.len()))),
        };
        Ok(Self { host: host.name(), port })
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

/// A checked host, as it was written, without a trailing dot.
struct Checked<'a> {
    text: &'a [u8],
    has_upper: bool,
}

impl Checked<'_> {
    fn name(&self) -> Name {
        if self.has_upper { Name::lower_case(self.text) } else { Name::new(self.text) }
    }
}

/// Reads a host name.
pub(crate) fn host_name(text: &[u8]) -> Result<Name, Fault> {
    match check_name(text)? {
        (host, []) => Ok(host.name()),
        (_, rest) => {
            let end = text.len().saturating_sub(rest.len());
            Err(Fault::at(ErrorKind::InvalidHost, text, end))
        }
    }
}

/// Checks the host name at the start of a text, and returns what follows it.
fn check_name(text: &[u8]) -> Result<(Checked<'_>, &[u8]), Fault> {
    const KIND: ErrorKind = ErrorKind::InvalidHost;
    let mut has_upper = false;
    let mut label = 0;
    let end =
        text.iter().enumerate().position(|(at, &byte)| match CLASSES.get(usize::from(byte)) {
            Some(Class::Lower) => false,
            Some(Class::Upper) => {
                has_upper = true;
                false
            }
            Some(Class::Dot) if at != label => {
                label = at.saturating_add(1);
                false
            }
            // No other byte, and no empty label.
            Some(Class::Dot | Class::Other) | None => true,
        });
    let (name, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, b""));
    let name = name.strip_suffix(b".").unwrap_or(name);
    match name.len() {
        0 => Err(Fault::at(KIND, text, 0)),
        1..=MAX_HOST => Ok((Checked { text: name, has_upper }, rest)),
        _ => Err(Fault::new(KIND, MAX_HOST)),
    }
}

/// Checks an IPv6 address in brackets, which stay.
fn check_ipv6(text: &[u8]) -> Result<Checked<'_>, Fault> {
    let literal = text.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    if literal.and_then(address::ipv6).is_some() {
        return Ok(Checked { text, has_upper: true });
    }
    let allowed = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'[' | b']');
    Err(Fault::at_first(ErrorKind::InvalidHost, text, allowed))
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
