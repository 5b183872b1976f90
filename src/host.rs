//! Hosts and ports (RFC 3986 §3.2.2, RFC 9110 §7.2), checked before any container sees them.
//!
//! 1. A host is labels of letters, digits, `-` and `_`, separated by single dots; one trailing
//!    dot is dropped. Or it is an IPv6 address in brackets, which has one spelling in the result (RFC
//!    5952). Deliberately, if the last label is a number, in decimal or hexadecimal, the host must be an
//!    IPv4 address of four decimal numbers. Browsers read `127.1`, `0x7f.1` and `256.1.1.1` as an address
//!    or as an error (WHATWG URL, host parser), and other readers take them for names.
//! 2. A host has at most 255 bytes, the limit of the DNS (RFC 1035 §2.3.4).
//! 3. Then optionally `:` and a port from 1 to 65535; a colon without digits means no port.
//! 4. The result is in lower case.
//! 5. Nothing else is a host: no user information, path, space, comma, percent sign, byte above 0x7f,
//!    zone identifier or `IPvFuture`. Labels in Punycode are not decoded.

use std::{fmt, io::Write, net::Ipv6Addr};

use crate::{
    address,
    error::{ErrorKind, Fault},
    text::Text,
};

/// The longest host, in bytes: the limit of the DNS (RFC 1035 §2.3.4).
const MAX_HOST: usize = 255;

/// The longest name that needs no allocation. Longer names are rare and cost one.
pub(crate) type Name = Text<62>;

/// What a byte is in a host name, as bits. None of the first three is set for a letter in lower case, a
/// digit, `-` or `_`.
const PLAIN: u8 = 0;
/// A letter in upper case.
const UPPER: u8 = 1;
const DOT: u8 = 2;
/// A byte that ends the name.
const OTHER: u8 = 4;
/// An additional bit for a decimal digit.
const DIGIT: u8 = 8;

/// The class of each byte. A table, because every request has a host.
const CLASSES: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut slots: &mut [u8] = &mut table;
    let mut byte = 0_u8;
    while let [slot, rest @ ..] = slots {
        *slot = match byte {
            b'0'..=b'9' => PLAIN | DIGIT,
            b'a'..=b'z' | b'-' | b'_' => PLAIN,
            b'A'..=b'Z' => UPPER,
            b'.' => DOT,
            _ => OTHER,
        };
        byte = byte.wrapping_add(1);
        slots = rest;
    }
    table
};

#[inline]
fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(OTHER)
}

/// Unites the classes of four bytes, unless one of these ends the name, or a label that is empty.
#[inline]
fn four(before: u8, [a, b, c, d]: [u8; 4]) -> Option<u8> {
    let all = a | b | c | d;
    let pairs = (before & a) | (a & b) | (b & c) | (c & d);
    (all & OTHER == 0 && pairs & DOT == 0).then_some(all)
}

/// A valid host as it was written, with the port after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host<'a> {
    /// As written, without a trailing dot.
    text: &'a [u8],
    /// Whether it may have upper-case letters, or be an IPv6 address in another spelling.
    is_raw: bool,
    pub(crate) port: Option<u16>,
}

impl<'a> Host<'a> {
    /// Reads `host` or `host:port`.
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, Fault> {
        const KIND: ErrorKind = ErrorKind::InvalidHost;
        // The longest host, its trailing dot, a colon and five digits.
        const LONGEST: usize = MAX_HOST + 7;
        if text.len() > LONGEST {
            return Err(Fault::new(KIND, LONGEST));
        }
        let (host, rest) = match text {
            [b'[', ..] => Self::ipv6(text)?,
            _ => Self::name(text)?,
        };
        let port = match rest {
            [] | [b':'] => return Ok(host),
            [b':', digits @ ..] => {
                let at = text.len().saturating_sub(digits.len());
                port(digits).map_err(|fault| Fault { kind: KIND, ..fault.shift(at) })?
            }
            _ => return Err(Fault::at(KIND, text, text.len().saturating_sub(rest.len()))),
        };
        Ok(Self { port: Some(port), ..host })
    }

    /// Reads the host name at the start of a text, and returns the rest of the text.
    fn name(text: &'a [u8]) -> Result<(Self, &'a [u8]), Fault> {
        const KIND: ErrorKind = ErrorKind::InvalidHost;
        let (mut classes, mut before) = (PLAIN, DOT);
        let mut rest = text;
        // This loop takes four bytes at a time. The next loop takes the rest one at a time.
        while let [a, b, c, d, after @ ..] = rest {
            let last = class(*d);
            let Some(all) = four(before, [class(*a), class(*b), class(*c), last]) else { break };
            (classes, before, rest) = (classes | all, last, after);
        }
        while let [byte, after @ ..] = rest {
            let class = class(*byte);
            // No byte that ends the name, and no empty label.
            if class & OTHER != 0 || before & class & DOT != 0 {
                break;
            }
            (classes, before, rest) = (classes | class, class, after);
        }
        let is_raw = classes & UPPER == UPPER;
        let name = text.get(..text.len().saturating_sub(rest.len())).unwrap_or(text);
        let name = if let [name @ .., b'.'] = name { name } else { name };
        match name.len() {
            0 => Err(Fault::at(KIND, text, 0)),
            // Every number has a decimal digit, and most names have none.
            _ if classes & DIGIT != 0 && is_false_address(name) => Err(Fault::new(KIND, 0)),
            1..=MAX_HOST => Ok((Self { text: name, is_raw, port: None }, rest)),
            _ => Err(Fault::new(KIND, MAX_HOST)),
        }
    }

    /// Reads an IPv6 address in brackets, and keeps the brackets.
    fn ipv6(text: &'a [u8]) -> Result<(Self, &'a [u8]), Fault> {
        let end = text.iter().position(|&b| b == b']');
        let end = end.map_or(text.len(), |at| at.saturating_add(1));
        let (text, rest) = text.split_at_checked(end).unwrap_or((text, b""));
        let literal = text.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
        if literal.and_then(address::ipv6).is_some() {
            return Ok((Self { text, is_raw: true, port: None }, rest));
        }
        let allowed = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'[' | b']');
        Err(Fault::at_first(ErrorKind::InvalidHost, text, allowed))
    }

    /// Whether both are the same host, regardless of the ports.
    pub(crate) fn is_host_of(&self, other: &Host<'_>) -> bool {
        self.text.eq_ignore_ascii_case(other.text)
            || self.ipv6_address().is_some() && self.ipv6_address() == other.ipv6_address()
    }

    /// The address, if it is an IPv6 address.
    fn ipv6_address(&self) -> Option<Ipv6Addr> {
        let literal = self.text.strip_prefix(b"[")?.strip_suffix(b"]")?;
        address::ipv6(literal)
    }
}

/// Whether the last label of a name is a number, in decimal or hexadecimal (the "ends in a number"
/// checker of WHATWG URL), but the name is not an IPv4 address.
#[inline(never)]
fn is_false_address(name: &[u8]) -> bool {
    let ends_in_number = match name.rsplit(|&byte| byte == b'.').next() {
        None | Some([]) => false,
        Some([b'0', b'x' | b'X', digits @ ..]) => digits.iter().all(u8::is_ascii_hexdigit),
        Some(label) => label.iter().all(u8::is_ascii_digit),
    };
    ends_in_number && address::ipv4(name).is_none()
}

/// A valid host to keep: in lower case, with the port that followed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    host: Name,
    pub(crate) port: Option<u16>,
}

impl HostPort {
    /// Reads `host` or `host:port`.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Fault> {
        Host::parse(text).map(Self::from)
    }

    /// No host. [`set`](Self::set) replaces it.
    pub(crate) const EMPTY: Self = Self { host: Name::EMPTY, port: None };

    /// Takes over a host. Fills in `self`, because a returned value would be moved.
    #[inline]
    pub(crate) fn set(&mut self, host: Host<'_>) {
        self.host.set(host.text);
        if host.is_raw {
            self.set_spelling(host);
        }
        self.port = host.port;
    }

    /// Puts a host into lower case, or into the one spelling of an IPv6 address.
    fn set_spelling(&mut self, host: Host<'_>) {
        let Some(address) = host.ipv6_address() else { return self.host.make_lower_case() };
        // The longest has `[`, eight groups (or six groups and an IPv4 address) and `]`.
        let mut spelling = [0_u8; 48];
        let mut rest = spelling.as_mut_slice();
        let written = write!(rest, "[{address}]").is_ok();
        let left = rest.len();
        let length = spelling.len().saturating_sub(left);
        if let Some(text) = spelling.get(..length).filter(|_| written) {
            self.host.set(text);
        }
    }

    pub(crate) fn host(&self) -> &str {
        self.host.as_str()
    }

    pub(crate) fn with_port(self, port: Option<u16>) -> Self {
        Self { port, ..self }
    }
}

impl From<Host<'_>> for HostPort {
    fn from(host: Host<'_>) -> Self {
        let mut kept = Self::EMPTY;
        kept.set(host);
        kept
    }
}

/// Prints `host` or `host:port`.
impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.host())?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Reads a port: one to five digits, 1 to 65535.
pub(crate) fn port(text: &[u8]) -> Result<u16, Fault> {
    match number(text) {
        Some(port @ 1..) => Ok(port),
        _ => Err(Fault::at_first(ErrorKind::InvalidPort, text, |b| b.is_ascii_digit())),
    }
}

/// Reads one to five digits. The number must be at most 65535.
pub(crate) fn number(text: &[u8]) -> Option<u16> {
    if text.is_empty() || text.len() > 5 {
        return None;
    }
    text.iter().try_fold(0_u16, |number, &byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(u16::from(digit))
    })
}
