//! What an attacker sends: any field lines, with names and values that hit the hard cases often.

use arbitrary::{Result, Unstructured};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Names that some reader believes, and names that say something about other lines.
const NAMES: &[&str] = &[
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "forwarded",
    "x-real-ip",
    "cf-connecting-ip",
    "x-forwarded-ssl",
    "front-end-https",
    "x-script-name",
    "true-client-ip",
    "x-original-url",
    "via",
    "accept",
];

/// Pieces of values: what moves a boundary in some reader, and what looks like an answer.
const PIECES: &[&str] = &[
    "\"",
    "\\",
    ",",
    "=",
    ";",
    " ",
    "\t",
    ":",
    "[",
    "]",
    "_",
    "\\\"",
    "=\"",
    "\",",
    ", ",
    ";;",
    "for=",
    "for=\"",
    "proto=https",
    "host=evil.example",
    "by=",
    "x=\"",
    "198.51.100.7",
    "198.51.100.8:80",
    "10.0.0.1",
    "10.0.0.2",
    "[2001:db8::7]",
    "2001:db8::7",
    "unknown",
    "_hidden",
    "unix:",
    "https",
    "http",
    "on",
    "evil.example",
    "/evil",
    "//evil.example",
    "8443",
    "99999",
    "\u{e9}",
    "x",
];

/// The attacker's own request, as the first proxy receives it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) lines: HeaderMap,
    /// Headers that `Connection` names.
    pub(crate) nominated: Vec<HeaderName>,
    /// An absolute-form target's scheme, and `Host` lines beside it, for proxies that relay both.
    pub(crate) target_scheme: Option<&'static str>,
    pub(crate) hosts: Vec<HeaderValue>,
    pub(crate) http_2: bool,
}

impl Head {
    /// `more` are the names that the configuration trusts.
    pub(crate) fn generate(u: &mut Unstructured<'_>, more: &[HeaderName]) -> Result<Self> {
        let mut head = Self::default();
        for _ in 0..u.int_in_range(0..=6)? {
            let name = name(u, more)?;
            head.lines.append(name, value(u)?);
        }
        if u.ratio(1, 4)? {
            for _ in 0..u.int_in_range(1..=3)? {
                head.nominated.push(name(u, more)?);
            }
        }
        head.target_scheme =
            u.choose(&[None, Some("http"), Some("https"), Some("ftp")]).copied()?;
        if head.target_scheme.is_some() {
            for _ in 0..u.int_in_range(0..=2)? {
                let hosts = ["app.example", "evil.example", "", "a b", "app.example:99999"];
                head.hosts.push(HeaderValue::from_static(u.choose(&hosts)?));
            }
        }
        head.http_2 = u.ratio(1, 8)?;
        Ok(head)
    }
}

/// A name that some reader believes, in some spelling.
fn name(u: &mut Unstructured<'_>, more: &[HeaderName]) -> Result<HeaderName> {
    let name = if u.ratio(1, 2)? && !more.is_empty() {
        u.choose(more)?.as_str()
    } else {
        u.choose(NAMES)?
    };
    let mut bytes = name.as_bytes().to_vec();
    if u.ratio(1, 5)? {
        for byte in &mut bytes {
            if *byte == b'-' && u.ratio(1, 2)? {
                *byte = b'_';
            }
        }
    }
    Ok(HeaderName::from_bytes(&bytes).expect("a known name"))
}

/// Any value: pieces, any bytes between them, and now and then more than an element may hold.
fn value(u: &mut Unstructured<'_>) -> Result<HeaderValue> {
    let mut value = Vec::new();
    for _ in 0..u.int_in_range(0..=12)? {
        if u.ratio(1, 8)? {
            let byte = u.arbitrary::<u8>()?;
            value.push(if byte == b'\t' || byte >= b' ' && byte != 0x7f { byte } else { b'"' });
        } else {
            value.extend_from_slice(u.choose(PIECES)?.as_bytes());
        }
    }
    if u.ratio(1, 32)? {
        let unit = value.clone();
        while !unit.is_empty() && value.len() < 5000 {
            value.extend_from_slice(&unit);
        }
    }
    Ok(HeaderValue::from_bytes(&value).expect("bytes of a value"))
}
