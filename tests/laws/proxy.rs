//! One honest proxy: what it saw, and how it writes that.

use std::net::{IpAddr, Ipv6Addr};

use arbitrary::{Result, Unstructured};
use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};
use proxyfix::{Family, Hop, Peer, Scheme, WriteMode, write};

/// The headers of the X-Forwarded family, in the order of [`Seen::values`].
pub(crate) const FIELDS: [&str; 5] = [
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
];
pub(crate) const FOR: usize = 0;

/// The peer that a proxy saw at the other end of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Ip(IpAddr),
    /// A Unix socket, which nginx writes as `unix:`.
    Unix,
    /// The proxy does not name it, or hides its name.
    Unknown,
    Hidden,
}

/// What one proxy saw of a request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) from: Origin,
    pub(crate) scheme: Scheme,
    /// An empty text stands for an unset variable, as does port 0.
    pub(crate) host: &'static str,
    pub(crate) port: u16,
    pub(crate) prefix: &'static str,
}

impl Seen {
    /// With `whole`, nothing is unset.
    pub(crate) fn generate(u: &mut Unstructured<'_>, from: Origin, whole: bool) -> Result<Self> {
        let mut seen = Self {
            from,
            scheme: *u.choose(&[Scheme::Http, Scheme::Https])?,
            host: u.choose(&HOSTS)?,
            port: *u.choose(&[80, 443, 8080])?,
            prefix: u.choose(&["/app", "/", "/a/b", "/~x;y=1/%20"])?,
        };
        if !whole && u.ratio(1, 4)? {
            match u.int_in_range(0..=2)? {
                0 => seen.host = "",
                1 => seen.port = 0,
                _ => seen.prefix = "",
            }
        }
        Ok(seen)
    }
}

/// What honest proxies see in `Host`.
pub(crate) const HOSTS: [&str; 4] =
    ["app.example", "shop.example:8080", "inner.example", "[2001:db8::1]"];

/// How a proxy adds its element to a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Joins all lines and appends, as nginx and Apache httpd do.
    Join(&'static str),
    /// Appends to the last line and keeps the others, as Traffic Server does.
    LastLine,
    /// Adds a line, as HAProxy does.
    NewLine,
    /// Drops the earlier lines.
    Overwrite,
    /// Leaves the header unchanged.
    Pass,
}

/// What a proxy does with `Connection` (RFC 9110 §7.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Drops it and nothing else, as nginx does.
    Ignored,
    /// Passes it on, as HAProxy does.
    Relayed,
    /// Drops the headers that it names, before it writes its own.
    Obeyed,
    /// Drops the headers that it names, including those that it wrote itself, as Apache httpd does.
    ObeyedLate,
}

/// A proxy, and what it saw of the request.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) seen: Seen,
    /// `None` writes with [`write()`], in this mode.
    pub(crate) how: std::result::Result<[How; 5], WriteMode>,
    pub(crate) connection: Connection,
    /// How it prints a node and a pair.
    pub(crate) rendering: u8,
}

/// Which headers the proxies write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Forwarded,
    /// `X-Forwarded-*`, by these names or by others.
    XForwarded,
    /// The same, but only one proxy writes the client's address, into a separate header.
    ClientIp,
}

impl Proxy {
    /// Writes what it saw; with `bare`, it may leave out brackets in `Forwarded`.
    pub(crate) fn write(
        &self,
        headers: &mut HeaderMap,
        names: &[HeaderName; 5],
        kind: Kind,
        bare: bool,
    ) {
        let seen = &self.seen;
        let forwarded = kind == Kind::Forwarded;
        match self.how {
            Err(mode) => {
                let hop = Hop::new(seen.from.peer()).scheme(seen.scheme);
                let hop = hop.host(seen.host).expect("a host");
                // `Forwarded` has only the port of the host.
                let hop = if forwarded { hop } else { hop.port(seen.port) };
                let hop = hop.prefix(seen.prefix).expect("a prefix");
                let family = if forwarded { Family::Forwarded } else { Family::XForwarded };
                write(headers, &hop, family, mode).expect("room");
            }
            Ok(how) if forwarded => add(headers, &FORWARDED, &self.element(bare), how[FOR]),
            Ok(how) => {
                let scheme = scheme_text(&names[1], seen.scheme);
                let port = if seen.port == 0 { String::new() } else { seen.port.to_string() };
                let values = [
                    self.node(),
                    self.in_some_case(scheme),
                    self.host(),
                    port,
                    seen.prefix.to_owned(),
                ];
                for ((name, value), how) in names.iter().zip(values).zip(how) {
                    add(headers, name, &value, how);
                }
            }
        }
    }

    fn in_some_case(&self, text: &str) -> String {
        if self.rendering & 8 == 0 { text.to_owned() } else { text.to_uppercase() }
    }

    /// The host in one of its spellings.
    fn host(&self) -> String {
        match self.seen.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(ip) if self.is_long() => format!("[{}]", long(ip.parse().expect("an address"))),
            _ => self.in_some_case(self.seen.host),
        }
    }

    /// Whether it writes IPv6 addresses in full.
    pub(crate) fn is_long(&self) -> bool {
        self.rendering & 4 != 0
    }

    /// An IPv6 address in one of its spellings, with a zone or without one.
    fn ipv6(&self, ip: Ipv6Addr) -> String {
        if self.is_long() { format!("{}%eth0", long(ip)) } else { ip.to_string() }
    }

    /// An address as in `X-Forwarded-For`: with or without port, brackets, mapping.
    fn node(&self) -> String {
        let ip = match self.seen.from {
            Origin::Ip(ip) => ip,
            Origin::Unix => return "unix:".to_owned(),
            Origin::Unknown => return self.in_some_case("unknown"),
            Origin::Hidden => return "_hidden".to_owned(),
        };
        match (ip, self.rendering & 3) {
            (IpAddr::V4(ip), 1) => format!("{ip}:4711"),
            (IpAddr::V4(ip), 2) => ip.to_ipv6_mapped().to_string(),
            (IpAddr::V4(ip), _) => ip.to_string(),
            (IpAddr::V6(ip), 1) => format!("[{}]:4711", self.ipv6(ip)),
            (IpAddr::V6(ip), 2) => format!("[{}]", self.ipv6(ip)),
            (IpAddr::V6(ip), _) => self.ipv6(ip),
        }
    }

    /// The same as in `Forwarded`, quoted if necessary.
    fn forwarded_node(&self, bare: bool) -> String {
        let node = match (self.seen.from, self.rendering & 3) {
            (Origin::Ip(IpAddr::V6(ip)), 1) => format!("[{}]:4711", self.ipv6(ip)),
            (Origin::Ip(IpAddr::V6(ip)), 2) if bare => self.ipv6(ip),
            (Origin::Ip(IpAddr::V6(ip)), _) => format!("[{}]", self.ipv6(ip)),
            _ => self.client(),
        };
        if node.contains(':') { format!("\"{node}\"") } else { node }
    }

    /// The node that it wrote, in the form of RFC 7239 §6.
    pub(crate) fn client(&self) -> String {
        let ip = match self.seen.from {
            Origin::Ip(IpAddr::V4(ip)) => ip.to_string(),
            Origin::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
            Origin::Unix | Origin::Unknown => return "unknown".to_owned(),
            Origin::Hidden => return "_hidden".to_owned(),
        };
        if self.how.is_ok() && self.rendering & 3 == 1 { ip + ":4711" } else { ip }
    }

    /// A forwarded-element in one of the forms that proxies write.
    fn element(&self, bare: bool) -> String {
        let (scheme, host) = (self.seen.scheme, self.host());
        let node = self.forwarded_node(bare);
        let extension = match self.rendering >> 4 & 3 {
            0 => "",
            1 => ";by=_proxy",
            2 => r#";ext="a,b;for=198.51.100.7\"=\",\\""#,
            _ => r#";x="";y="=\"""#,
        };
        match self.rendering >> 6 {
            0 => format!("for={node};proto={scheme};host=\"{host}\"{extension}"),
            1 => format!("For={node}{extension};Host=\"{host}\";Proto={scheme}"),
            2 => format!("host=\"{host}\" ; proto=\"{scheme}\"{extension} ;for={node};"),
            _ => format!("proto={scheme}{extension};;HOST=\"{host}\";for={node}"),
        }
    }
}

/// An IPv6 address in capitals, with every group.
fn long(ip: Ipv6Addr) -> String {
    ip.segments().map(|group| format!("{group:X}")).join(":")
}

impl Origin {
    pub(crate) fn peer(self) -> Peer {
        match self {
            Self::Ip(ip) => Peer::from(ip),
            _ => Peer::UNIX,
        }
    }
}

/// A scheme as written in a header of this name.
pub(crate) fn scheme_text(name: &HeaderName, scheme: Scheme) -> &'static str {
    let is_switch = name.as_str().ends_with("-https") || name == "x-forwarded-ssl";
    match (is_switch, scheme) {
        (true, Scheme::Http) => "off",
        (true, Scheme::Https) => "on",
        (false, scheme) => scheme.as_str(),
    }
}

fn add(headers: &mut HeaderMap, name: &HeaderName, value: &str, how: How) {
    let value = HeaderValue::from_str(value).expect("a value");
    let lines: Vec<_> = headers.get_all(name).iter().cloned().collect();
    let join = |parts: &[HeaderValue], separator: &str| {
        let parts: Vec<_> = parts.iter().map(HeaderValue::as_bytes).collect();
        HeaderValue::from_bytes(&parts.join(separator.as_bytes())).expect("a value")
    };
    match (how, lines.split_last()) {
        (How::Pass, _) => {}
        (How::Overwrite, _) | (How::Join(_) | How::LastLine, None) => {
            headers.insert(name, value);
        }
        (How::NewLine, _) => {
            headers.append(name, value);
        }
        (How::Join(separator), Some(_)) => {
            headers.insert(name, join(&[lines, vec![value]].concat(), separator));
        }
        (How::LastLine, Some((last, earlier))) => {
            headers.remove(name);
            for line in earlier {
                headers.append(name, line.clone());
            }
            headers.append(name, join(&[last.clone(), value], ", "));
        }
    }
}
