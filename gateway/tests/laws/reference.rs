//! The rules, read slowly.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName};
use proxyfix::is_forwarding_header;

/// Decodes every triplet once.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let triplet = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let triplet =
            triplet.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match triplet.filter(|_| byte == b'%') {
            Some(digits) => {
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    bytes
}

/// Whether a server of any kind would resolve a dot segment in this path: after decoding, with slashes and
/// backslashes as separators, and what follows a semicolon left out.
pub(crate) fn has_dot_segment(path: &str) -> bool {
    let decoded = decoded(path);
    decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| {
        let name = segment.split(|&byte| byte == b';').next().unwrap();
        matches!(name, b"." | b"..")
    })
}

/// A path without dot segments, by the buffers of RFC 3986 §5.2.4. A dot may be encoded.
pub(crate) fn normal(path: &str) -> String {
    let plain = path.split('/').map(|segment| {
        let dots = segment.replace("%2e", ".").replace("%2E", ".");
        if dots == "." || dots == ".." { dots } else { segment.to_owned() }
    });
    let (mut input, mut output) = (plain.collect::<Vec<_>>().join("/"), String::new());
    while !input.is_empty() {
        if input.starts_with("/./") || input == "/." {
            input = format!("/{}", input.get(3..).unwrap_or_default());
        } else if input.starts_with("/../") || input == "/.." {
            input = format!("/{}", input.get(4..).unwrap_or_default());
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
            output.push_str(&input[..end]);
            input.drain(..end);
        }
    }
    output
}

/// The form in which two paths are compared: unreserved triplets decoded, others in upper case.
pub(crate) fn canonical(text: &str) -> String {
    let mut canonical = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = rest
            .get(1..3)
            .filter(|digits| first == '%' && digits.bytes().all(|d| d.is_ascii_hexdigit()));
        match digits {
            Some(digits) => {
                let byte = u8::from_str_radix(digits, 16).unwrap();
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    canonical.push(char::from(byte));
                } else {
                    canonical.extend(format!("%{byte:02X}").chars());
                }
                rest = &rest[3..];
            }
            None => {
                canonical.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    canonical
}

/// What follows a prefix in a path, if the path is under it: tried at every length of the path.
pub(crate) fn rest<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    let prefix = canonical(prefix.trim_end_matches('/'));
    (0..=path.len()).filter(|&at| path.is_char_boundary(at)).find_map(|at| {
        let (start, rest) = path.split_at(at);
        let is_whole = rest.is_empty() || rest.starts_with('/');
        (is_whole && canonical(start) == prefix).then_some(rest)
    })
}

/// The entry of the longest prefix.
pub(crate) fn longest<'a>(prefixes: &[String], path: &'a str) -> Option<(usize, &'a str)> {
    let matching =
        prefixes.iter().enumerate().filter_map(|(at, prefix)| Some((at, rest(prefix, path)?)));
    matching.min_by_key(|(_, rest)| rest.len())
}

/// What `Connection` nominates.
pub(crate) fn nominated(headers: &HeaderMap) -> BTreeSet<String> {
    let lines = headers.get_all("connection").iter().map(|line| line.to_str().unwrap());
    let names = lines.flat_map(|line| line.split(',')).map(|name| name.trim().to_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}

/// RFC 9110 §7.6.1, and what hop-by-hop fields are besides.
pub(crate) fn ends_here(name: &str) -> bool {
    let names = "connection keep-alive proxy-connection proxy-authenticate proxy-authorization \
        proxy-authentication-info te transfer-encoding upgrade http2-settings";
    names.split(' ').any(|ends| ends == name)
}

/// Whether a nomination is refused.
pub(crate) fn is_relied_on(name: &str) -> bool {
    let name = name.replace('_', "-");
    let is_forwarding =
        HeaderName::try_from(name.as_str()).is_ok_and(|name| is_forwarding_header(&name));
    is_forwarding
        || name.starts_with("content-")
        || ["host", "cookie", "authorization", "via", "expect", "max-forwards", "trailer"]
            .contains(&name.as_str())
}

/// Whether a field of an answer stays although it is nominated.
pub(crate) fn is_kept(name: &str) -> bool {
    let others = "cache-control etag location set-cookie strict-transport-security vary www-authenticate x-frame-options";
    is_relied_on(name) || others.split(' ').any(|other| other == name)
}

/// RFC 9110 §6.5.1: what has no place after a body, and what frames a message.
pub(crate) fn is_no_trailer(name: &str) -> bool {
    let names = "accept-ranges age authorization cache-control cookie date expect expires host if-match \
        if-modified-since if-none-match if-range if-unmodified-since location max-forwards origin pragma \
        proxy-status range refresh retry-after set-cookie trailer vary via warning www-authenticate";
    name.starts_with("content-") || names.split(' ').any(|other| other == name)
}
