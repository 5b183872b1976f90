//! Path prefixes: where a proxy mounts the application (RFC 3986 §3.3).
//!
//! 1. One leading `/`, not two: `//evil.example` would be another host in a redirect.
//! 2. Segments of `pchar`, with well-formed percent triplets. No comma, because it would separate two
//!    elements in the header.
//! 3. No `.` or `..` segment, with or without parameters (`..;a`): a router may resolve it.
//! 4. No triplet that decodes to a control character, `/`, `\` or `.`.
//! 5. Trailing slashes are dropped, so `/` is the empty prefix.

use crate::{
    error::{Error, ErrorKind, Fault},
    lines::MAX_ELEMENT,
    text::Text,
};

/// A valid prefix: empty, or `/` and segments without a trailing slash.
pub(crate) type Prefix = Text<30>;

/// Reads a prefix.
pub(crate) fn parse(text: &[u8]) -> Result<Prefix, Fault> {
    check(text).map(Prefix::new)
}

/// Reads a prefix that we ourselves strip. One over 4096 bytes is an error, because no reader of ours believes it.
pub(crate) fn of_ours(text: &str) -> Result<Prefix, Error> {
    if text.len() > MAX_ELEMENT {
        return Err(Error::new(ErrorKind::TooLong));
    }
    parse(text.as_bytes()).map_err(|fault| Error::new(fault.kind))
}

/// Checks a prefix and returns it without trailing slashes.
pub(crate) fn check(text: &[u8]) -> Result<&[u8], Fault> {
    const KIND: ErrorKind = ErrorKind::InvalidPrefix;
    let Some(segments) = text.strip_prefix(b"/") else {
        return Err(Fault::at(KIND, text, 0));
    };
    if segments.first() == Some(&b'/') {
        return Err(Fault::at(KIND, text, 1));
    }
    let mut offset = 1_usize;
    for segment in segments.split(|&b| b == b'/') {
        segment_fault(segment)
            .map_or(Ok(()), |at| Err(Fault::at(KIND, segment, at).shift(offset)))?;
        offset = offset.saturating_add(segment.len()).saturating_add(1);
    }
    let mut prefix = text;
    while let Some(shorter) = prefix.strip_suffix(b"/") {
        prefix = shorter;
    }
    Ok(prefix)
}

/// The offset at which a segment breaks the rules, if it does.
fn segment_fault(segment: &[u8]) -> Option<usize> {
    let name = segment.split(|&b| b == b';').next().unwrap_or_default();
    if matches!(name, b"." | b"..") {
        return Some(0);
    }
    let mut rest = segment;
    while let Some((&byte, after)) = rest.split_first() {
        let valid = match byte {
            b'%' => match after.split_at_checked(2) {
                Some((triplet, after)) if safe_triplet(triplet) => {
                    rest = after;
                    continue;
                }
                _ => false,
            },
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=:@".contains(&byte),
        };
        if !valid {
            return Some(segment.len().saturating_sub(rest.len()));
        }
        rest = after;
    }
    None
}

/// Whether two characters are the hexadecimal digits of a byte that is safe after decoding.
fn safe_triplet(digits: &[u8]) -> bool {
    let hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    let byte = std::str::from_utf8(digits).ok().and_then(|d| u8::from_str_radix(d, 16).ok());
    hexadecimal && byte.is_some_and(|b| !b.is_ascii_control() && !matches!(b, b'/' | b'\\' | b'.'))
}
