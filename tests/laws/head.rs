//! What an attacker sends: any field lines, with names and values that often produce hard cases.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Version, header::UPGRADE, uri::PathAndQuery,
};

/// Every known forwarding header, from the table of `docs/HEADERS.md`, and names of headers that concern
/// other lines.
static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let table = include_str!("../../docs/HEADERS.md").lines();
    let known = table.filter_map(|row| row.strip_prefix("| `")?.split('`').next());
    known.chain([STRIPPED, "via", "accept"]).collect()
});

/// A header that some configurations remove, `strip-also`.
pub(crate) const STRIPPED: &str = "x-more";

/// Pieces of values: some move a boundary in some parsers, and some look like an answer.
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
    /// Valid only for CONNECT.
    Authority,
    Asterisk,
    /// `*` as in HTTP/2, with scheme and authority.
    AsteriskWithAuthority,
}

/// Paths with a query or without one. `?q` is what an absolute form without a path becomes.
const PATHS: [&str; 8] = [
    "/item",
    "/",
    "/?q=1",
    "?q",
    "//evil.example/x",
    "/a/../b",
    "/%2e%2e/%41;x=y?u=//z&%zz",
    "/https://evil.example/",
];

/// An authority: in full, the host, the port.
pub(crate) type Authority = (&'static str, &'static str, Option<u16>);

pub(crate) const UPSTREAM: Authority = ("upstream.internal:3000", "upstream.internal", Some(3000));
/// What attackers ask for.
pub(crate) const EVIL: [Authority; 4] = [
    ("evil.example:6666", "evil.example", Some(6666)),
    ("Evil.Example.:80", "evil.example", Some(80)),
    ("[2001:DB8:0:0::66]:443", "[2001:db8::66]", Some(443)),
    ("upstream.internal:22", "upstream.internal", Some(22)),
];

/// The attacker's own request, as the first proxy receives it.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) target: Target,
    /// The path of the target, if its form has one.
    pub(crate) path: PathAndQuery,
    /// The requested authority, in the target or in `Host`.
    pub(crate) authority: Authority,
    /// There is no `Host`, as in HTTP/1.0.
    pub(crate) hostless: bool,
    /// `Host` is the first field line instead of the last.
    pub(crate) host_first: bool,
    /// More `Host` lines.
    pub(crate) hosts: Vec<HeaderValue>,
    pub(crate) lines: HeaderMap,
    /// How many of the lines name nothing.
    pub(crate) others: usize,
    /// Headers that `Connection` names, and the lines that name them.
    pub(crate) nominated: Vec<HeaderName>,
    pub(crate) connection: Vec<HeaderValue>,
    /// The extensions contain a [`Resolved`](proxyfix::Resolved) although the request was not fixed, as after
    /// a middleware that calls `resolve`.
    pub(crate) resolved: Option<Earlier>,
}

/// The configuration with which a request was resolved before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    Equal,
    Other,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            method: Method::GET,
            version: Version::HTTP_11,
            target: Target::Origin,
            path: PathAndQuery::from_static("/item"),
            authority: UPSTREAM,
            hostless: false,
            host_first: false,
            hosts: Vec::new(),
            lines: HeaderMap::new(),
            others: 0,
            nominated: Vec::new(),
            connection: Vec::new(),
            resolved: None,
        }
    }
}

impl Head {
    /// `more` are the names that this configuration contains.
    pub(crate) fn generate(u: &mut Unstructured<'_>, more: &[HeaderName]) -> Result<Self> {
        let mut head = Self::default();
        (head.lines, head.others) = lines(u, more)?;
        if u.ratio(1, 4)? {
            for _ in 0..u.int_in_range(1..=3)? {
                head.nominated.push(name(u, more)?);
            }
            head.connection = connection(u, &head.nominated)?;
        }
        if u.ratio(1, 8)? {
            head.lines.append(UPGRADE, HeaderValue::from_static("websocket"));
        }
        (head.target, head.method) = target(u)?;
        head.path = path(u)?;
        if u.ratio(1, 3)? {
            head.authority = *u.choose(&EVIL)?;
        }
        if u.ratio(1, 10)? {
            for _ in 0..u.int_in_range(1..=2)? {
                let hosts = ["app.example", "", "a b", "app.example:99999"];
                let hosts = [UPSTREAM].iter().chain(&EVIL).map(|known| known.0).chain(hosts);
                let hosts: Vec<_> = hosts.collect();
                head.hosts.push(HeaderValue::from_static(u.choose(&hosts)?));
            }
        }
        head.host_first = u.arbitrary()?;
        head.version = *u.choose(&[
            Version::HTTP_11,
            Version::HTTP_11,
            Version::HTTP_11,
            Version::HTTP_11,
            Version::HTTP_10,
            Version::HTTP_10,
            Version::HTTP_2,
            Version::HTTP_3,
        ])?;
        let may_lack_host = head.version == Version::HTTP_10
            && matches!(head.target, Target::Origin | Target::Asterisk)
            && head.hosts.is_empty();
        head.hostless = may_lack_host && u.ratio(1, 2)?;
        if u.int_in_range(0..=7)? == 7 {
            head.resolved = Some(*u.choose(&[Earlier::Equal, Earlier::Other])?);
        }
        Ok(head)
    }

    /// Whether `Host` has to equal the target's authority.
    pub(crate) fn is_multiplexed(&self) -> bool {
        matches!(self.version, Version::HTTP_2 | Version::HTTP_3)
    }

    /// The requested host.
    pub(crate) fn host(&self) -> Option<&'static str> {
        (!self.hostless).then_some(self.authority.1)
    }

    /// The requested port.
    pub(crate) fn port(&self) -> Option<u16> {
        self.authority.2.filter(|_| !self.hostless)
    }

    /// Whether the target has a path.
    pub(crate) fn has_path(&self) -> bool {
        matches!(self.target, Target::Origin | Target::Absolute(_))
    }
}

/// A form of the target, and a method that usually fits it.
fn target(u: &mut Unstructured<'_>) -> Result<(Target, Method)> {
    let target = match u.int_in_range(0..=15)? {
        0..=5 => Target::Origin,
        6..=8 => Target::Absolute("http"),
        9..=10 => Target::Absolute("https"),
        11 => Target::Absolute("ftp"),
        12 => Target::Asterisk,
        13 => Target::AsteriskWithAuthority,
        _ => Target::Authority,
    };
    let usual = match target {
        Target::Authority => Method::CONNECT,
        Target::Asterisk | Target::AsteriskWithAuthority => Method::OPTIONS,
        Target::Origin | Target::Absolute(_) => Method::GET,
    };
    let any = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        // With a path, as for WebSockets over HTTP/2 (RFC 8441 §4).
        Method::CONNECT,
        Method::from_bytes(b"PROPFIND").expect("a method"),
    ];
    let is_usual = target == Target::Authority && u.ratio(15, 16)? || u.ratio(1, 4)?;
    Ok((target, if is_usual { usual } else { u.choose(&any)?.clone() }))
}

fn path(u: &mut Unstructured<'_>) -> Result<PathAndQuery> {
    if u.int_in_range(0..=31)? == 31 {
        let long = format!("/{}?{}", "a/".repeat(1500), "q".repeat(1500));
        return Ok(long.parse().expect("a path"));
    }
    Ok(PathAndQuery::from_static(u.choose(&PATHS)?))
}

/// The beginning of the names of lines that name nothing.
pub(crate) const OTHER: &str = "x-filler-";

static OTHERS: LazyLock<Vec<HeaderName>> =
    LazyLock::new(|| (0..300).map(|n| format!("{OTHER}{n}").parse().expect("a name")).collect());

/// A few lines that some parsers believe, with up to hundreds of other lines before and between them. Also
/// returns the number of other lines.
fn lines(u: &mut Unstructured<'_>, more: &[HeaderName]) -> Result<(HeaderMap, usize)> {
    let others = match u.int_in_range(0..=31)? {
        31 => OTHERS.len(),
        29..=30 => 70,
        24..=28 => 5,
        _ => 0,
    };
    // How many other lines come before the first line that is believed, and before each later one.
    let before = if others > 0 && u.ratio(1, 4)? { others / 2 } else { others };
    let mut rest = OTHERS.iter().take(others);
    let mut lines = HeaderMap::new();
    let mut add = |lines: &mut HeaderMap, count| {
        for name in rest.by_ref().take(count) {
            lines.append(name, HeaderValue::from_static("1"));
        }
    };
    add(&mut lines, before);
    for _ in 0..u.int_in_range(0..=6)? {
        let name = name(u, more)?;
        lines.append(name, value(u)?);
        add(&mut lines, 40);
    }
    add(&mut lines, others);
    Ok((lines, others))
}

/// Field lines of `Connection` that name these: a line for each or one list, in any letter case, with `close`.
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

/// A name that some parsers believe, in some spelling.
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

/// Any value: pieces, any bytes between them, and sometimes more than an element may contain.
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
