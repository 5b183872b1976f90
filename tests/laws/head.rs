//! What an attacker sends: any field lines, with names and values that hit the hard cases often.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Every known forwarding header, from the table of `docs/HEADERS.md`, and names that say something
/// about other lines.
static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let table = include_str!("../../docs/HEADERS.md").lines();
    let known = table.filter_map(|row| row.strip_prefix("| `")?.split('`').next());
    known.chain([STRIPPED, "via", "accept"]).collect()
});

/// A header that some configurations remove, `strip-also`.
pub(crate) const STRIPPED: &str = "x-more";

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

/// The form of the request's target (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Target {
    #[default]
    Origin,
    Absolute(&'static str),
    /// Of CONNECT, or of a GET, which is malformed.
    Authority {
        connect: bool,
    },
    Asterisk,
    /// As HTTP/2 has `*`, with scheme and authority.
    AsteriskWithAuthority,
}

/// The attacker's own request, as the first proxy receives it.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) lines: HeaderMap,
    /// Headers that `Connection` names, and the lines that do.
    pub(crate) nominated: Vec<HeaderName>,
    pub(crate) connection: Vec<HeaderValue>,
    pub(crate) target: Target,
    /// The authority that is asked for, in the target or in `Host`: in full, the name, the port.
    pub(crate) authority: (&'static str, &'static str, Option<u16>),
    /// `Host` lines beside that.
    pub(crate) hosts: Vec<HeaderValue>,
    pub(crate) http_2: bool,
}

pub(crate) const UPSTREAM: (&str, &str, Option<u16>) =
    ("upstream.internal:3000", "upstream.internal", Some(3000));
pub(crate) const EVIL: (&str, &str, Option<u16>) =
    ("evil.example:6666", "evil.example", Some(6666));

impl Default for Head {
    fn default() -> Self {
        Self {
            lines: HeaderMap::new(),
            nominated: Vec::new(),
            connection: Vec::new(),
            target: Target::Origin,
            authority: UPSTREAM,
            hosts: Vec::new(),
            http_2: false,
        }
    }
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
            head.connection = connection(u, &head.nominated)?;
        }
        head.target = match u.int_in_range(0..=15)? {
            0..=5 => Target::Origin,
            6..=8 => Target::Absolute("http"),
            9..=10 => Target::Absolute("https"),
            11 => Target::Absolute("ftp"),
            12 => Target::Asterisk,
            13 => Target::AsteriskWithAuthority,
            14 => Target::Authority { connect: true },
            _ => Target::Authority { connect: u.ratio(7, 8)? },
        };
        if u.ratio(1, 3)? {
            head.authority = EVIL;
        }
        if u.ratio(1, 10)? {
            for _ in 0..u.int_in_range(1..=2)? {
                let hosts = [UPSTREAM.0, EVIL.0, "app.example", "", "a b", "app.example:99999"];
                head.hosts.push(HeaderValue::from_static(u.choose(&hosts)?));
            }
        }
        head.http_2 = u.ratio(1, 8)?;
        Ok(head)
    }
}

/// Field lines of `Connection` that name these: a line each or one list, in some case, with `close`.
fn connection(u: &mut Unstructured<'_>, names: &[HeaderName]) -> Result<Vec<HeaderValue>> {
    let mut options: Vec<String> = Vec::new();
    for name in names {
        let name = name.as_str();
        options.push(if u.ratio(1, 2)? { name.to_owned() } else { name.to_uppercase() });
        if u.ratio(1, 4)? {
            options.insert(0, u.choose(&["close", "keep-alive", ""])?.to_string());
        }
    }
    let lines =
        if u.ratio(1, 2)? { options } else { vec![options.join(u.choose(&[", ", ",", "\t ,"])?)] };
    Ok(lines.iter().map(|line| HeaderValue::from_str(line).expect("a list")).collect())
}

/// A name that some reader believes, in some spelling.
fn name(u: &mut Unstructured<'_>, more: &[HeaderName]) -> Result<HeaderName> {
    let name = if u.ratio(1, 2)? && !more.is_empty() {
        u.choose(more)?.as_str()
    } else {
        u.choose(&NAMES)?
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
