//! One element of `Forwarded`, from the right.

use std::net::IpAddr;

use super::address;

pub(super) struct Element<'a> {
    pub(super) client: IpAddr,
    pub(super) proto: Option<&'a [u8]>,
    pub(super) host: Option<&'a [u8]>,
}

/// The `count`th element from the right. `None` if there are fewer, or if it meets an escape.
pub(super) fn nth(line: &[u8], count: usize) -> Option<&[u8]> {
    let (mut rest, mut left) = (line, count);
    loop {
        let mut quoted = false;
        let mut start = 0;
        for (at, byte) in rest.iter().enumerate().rev() {
            match byte {
                b'"' => quoted = !quoted,
                b'\\' => return None,
                b',' if !quoted => {
                    start = at + 1;
                    break;
                }
                _ => {}
            }
        }
        let (before, element) = rest.split_at(start);
        left = left.checked_sub(1)?;
        if left == 0 {
            return Some(element.trim_ascii());
        }
        rest = before.split_last()?.1;
    }
}

/// Reads an element without escapes.
pub(super) fn parse(element: &[u8]) -> Option<Element<'_>> {
    let (mut client, mut proto, mut host) = (None, None, None);
    let mut rest = element;
    loop {
        let equals = rest.iter().position(|&byte| byte == b'=')?;
        let (name, value) = rest.split_at(equals);
        let value = value.get(1..)?;
        let (value, after) = match value.strip_prefix(b"\"") {
            Some(value) => {
                let end = value.iter().position(|&byte| byte == b'"')?;
                (value.get(..end)?, value.get(end + 1..)?)
            }
            None => {
                let end = value.iter().position(|&byte| byte == b';');
                value.split_at(end.unwrap_or(value.len()))
            }
        };
        let slot = match name {
            name if name.eq_ignore_ascii_case(b"for") => &mut client,
            name if name.eq_ignore_ascii_case(b"proto") => &mut proto,
            name if name.eq_ignore_ascii_case(b"host") => &mut host,
            _ => return None,
        };
        if slot.replace(value).is_some() {
            return None;
        }
        match after {
            [] => break,
            [b';', more @ ..] => rest = more,
            _ => return None,
        }
    }
    Some(Element { client: node(client?)?, proto, host })
}

/// An address with an optional port. IPv6 is in brackets.
fn node(text: &[u8]) -> Option<IpAddr> {
    match text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")) {
        Some(inner) => address(inner),
        None => address(text),
    }
}
