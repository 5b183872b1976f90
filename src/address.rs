//! IP addresses as text: IPv4 (RFC 3986 §3.2.2) and IPv6 (RFC 4291 §2.2).
//!
//! 1. IPv4: four numbers of at most 255, without leading zeros.
//! 2. IPv6: eight groups of one to four hexadecimal digits in any case; one `::` for one or more
//!    groups of zeros; an IPv4 address may replace the last two groups. A zone identifier after the
//!    address is dropped where one is allowed.
//! 3. The result is exactly what the standard library reads (`tests/addresses.rs`). The code here is
//!    faster, because it runs at each hop.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Reads an IPv4 address.
#[inline]
pub(crate) fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    match split_ipv4(text)? {
        (address, []) => Some(address),
        _ => None,
    }
}

/// Reads the IPv4 address at the start of a text, and returns the rest of the text. The rest may begin
/// with a fourth digit where a colon or the end is expected.
pub(crate) fn split_ipv4(text: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    let (a, rest) = split_octet(text)?;
    let (b, rest) = split_octet(rest.strip_prefix(b".")?)?;
    let (c, rest) = split_octet(rest.strip_prefix(b".")?)?;
    let (d, rest) = split_octet(rest.strip_prefix(b".")?)?;
    Some(((a << 24 | b << 16 | c << 8 | d).into(), rest))
}

/// Reads a number of at most 255 without leading zeros, in at most three digits.
#[inline]
fn split_octet(text: &[u8]) -> Option<(u32, &[u8])> {
    let (first, rest) = split_digit(text)?;
    let Some((second, rest)) = split_digit(rest) else { return Some((first, rest)) };
    let two = first.wrapping_mul(10).wrapping_add(second);
    let Some((third, rest)) = split_digit(rest) else {
        return (first > 0).then_some((two, rest));
    };
    let three = two.wrapping_mul(10).wrapping_add(third);
    (first > 0 && three <= 255).then_some((three, rest))
}

#[inline]
fn split_digit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (byte, rest) = text.split_first()?;
    let digit = byte.wrapping_sub(b'0');
    (digit <= 9).then_some((digit.into(), rest))
}

/// Reads an IPv6 address without brackets.
pub(crate) fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let head = Groups::before_gap(text)?;
    let Some(tail) = head.rest.strip_prefix(b"::") else {
        return (head.count == 8).then(|| head.bits.into());
    };
    let tail = if tail.is_empty() { Groups::default() } else { Groups::read(tail)? };
    let after_head = 8_u32.checked_sub(head.count)?;
    if tail.count >= after_head || !tail.rest.is_empty() {
        return None;
    }
    // Without groups before `::`, there is nothing to shift.
    let head = head.bits.checked_shl(after_head.wrapping_mul(16)).unwrap_or_default();
    Some((head | tail.bits).into())
}

/// The longest zone identifier, in bytes: that of interface names on Windows, `IF_MAX_STRING_SIZE`. On Linux
/// they have at most 15.
const MAX_ZONE: usize = 256;

/// Reads an IPv6 address without brackets. A zone identifier may follow it.
#[inline]
pub(crate) fn zoned_ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    ipv6(text).or_else(|| without_zone(text).and_then(ipv6))
}

/// Reads the address before a zone identifier (RFC 6874 §2: unreserved characters).
#[cold]
fn without_zone(text: &[u8]) -> Option<&[u8]> {
    let percent = text.iter().position(|&byte| byte == b'%')?;
    let (address, zone) = text.split_at_checked(percent)?;
    let zone = zone.strip_prefix(b"%")?;
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"._~-".contains(b);
    let valid = (1..=MAX_ZONE).contains(&zone.len()) && zone.iter().all(allowed);
    valid.then_some(address)
}

/// Groups of an IPv6 address, with single colons between them.
#[derive(Default)]
struct Groups<'a> {
    bits: u128,
    count: u32,
    /// The text after them: empty, or it begins with `::`.
    rest: &'a [u8],
}

impl<'a> Groups<'a> {
    /// Reads the groups before `::`, or no group.
    fn before_gap(text: &'a [u8]) -> Option<Self> {
        if text.starts_with(b"::") {
            Some(Self { rest: text, ..Self::default() })
        } else {
            Self::read(text)
        }
    }

    /// Reads one to eight groups, or nine with an IPv4 address, which are too many.
    fn read(mut text: &'a [u8]) -> Option<Self> {
        let mut groups = Self::default();
        for _ in 0..8 {
            let (group, rest) = split_group(text)?;
            if let [b'.', ..] = rest {
                // An IPv4 address as the last two groups.
                let bits = groups.bits << 32 | u128::from(u32::from(ipv4(text)?));
                return Some(Self { bits, count: groups.count.saturating_add(2), rest: b"" });
            }
            groups.bits = groups.bits << 16 | u128::from(group);
            groups.count = groups.count.saturating_add(1);
            match rest {
                [] | [b':', b':', ..] => return Some(Self { rest, ..groups }),
                [b':', next @ ..] => text = next,
                _ => return None,
            }
        }
        None
    }
}

/// Reads one to four hexadecimal digits.
fn split_group(text: &[u8]) -> Option<(u16, &[u8])> {
    let mut rest = text;
    let mut group = 0_u16;
    // A fifth digit stays in the rest, where a colon or the end is expected.
    for _ in 0..4 {
        let Some((&byte, after)) = rest.split_first() else { break };
        let digit = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
            b'A'..=b'F' => byte.wrapping_sub(b'A').wrapping_add(10),
            _ => break,
        };
        group = group << 4 | u16::from(digit);
        rest = after;
    }
    (rest.len() < text.len()).then_some((group, rest))
}
