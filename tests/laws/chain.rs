//! The honest proxies between an attacker and us: each writes what it saw on every request, in a
//! style of its own, and passes the rest through.

use std::net::IpAddr;

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
const FOR: usize = 0;

/// What one proxy saw of a request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) from: IpAddr,
    pub(crate) scheme: Scheme,
    pub(crate) host: &'static str,
    pub(crate) port: u16,
    pub(crate) prefix: &'static str,
}

impl Seen {
    fn generate(u: &mut Unstructured<'_>, from: IpAddr) -> Result<Self> {
        Ok(Self {
            from,
            scheme: *u.choose(&[Scheme::Http, Scheme::Https])?,
            host: u.choose(&[
                "app.example",
                "shop.example:8080",
                "inner.example",
                "[2001:db8::1]",
            ])?,
            port: *u.choose(&[80, 443, 8080])?,
            prefix: u.choose(&["/app", "/", "/a/b"])?,
        })
    }
}

/// How a proxy adds its element to a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Joins all lines and appends, as nginx and Apache httpd do.
    Join(&'static str),
    /// Appends to the last line and keeps the others, as Traffic Server does.
    LastLine,
    /// Adds a line, as HAProxy does.
    NewLine,
    /// Drops what was there.
    Overwrite,
}

/// What a proxy does with `Connection` (RFC 9110 §7.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Drops it and nothing else, as nginx does.
    Ignored,
    /// Passes it on, as HAProxy does.
    Relayed,
    /// Drops what it names, before it writes its own.
    Obeyed,
    /// Drops what it names, and what it has written itself too, as Apache httpd does.
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
    rendering: u8,
}

/// The proxies of a chain, the first at the attacker's side.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) proxies: Vec<Proxy>,
    /// Where the last one connects from.
    pub(crate) peer: IpAddr,
    pub(crate) names: [HeaderName; 5],
    pub(crate) forwarded: bool,
}

/// Where the proxy with this number, from 1, connects from.
fn address(number: usize) -> IpAddr {
    match number % 3 {
        0 => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::try_from(number).expect("a few")]),
        _ => IpAddr::from([10, 0, 0, u8::try_from(number).expect("a few")]),
    }
}

impl Chain {
    pub(crate) fn generate(
        u: &mut Unstructured<'_>,
        client: IpAddr,
        names: [HeaderName; 5],
        forwarded: bool,
    ) -> Result<Self> {
        let renamed = names.iter().zip(FIELDS).any(|(name, default)| name != default);
        let count = u.int_in_range(1..=4)?;
        let mut proxies = Vec::new();
        for number in 0..count {
            let from = if number == 0 { client } else { address(number) };
            let how = if !renamed && u.ratio(1, 4)? {
                Err(if u.ratio(1, 4)? { WriteMode::Replace } else { WriteMode::Append })
            } else {
                let styles =
                    [How::Join(", "), How::Join(","), How::LastLine, How::NewLine, How::Overwrite];
                let mut how = [How::NewLine; 5];
                for how in &mut how {
                    *how = *u.choose(&styles)?;
                }
                Ok(how)
            };
            let connection = *u.choose(&[
                Connection::Ignored,
                Connection::Relayed,
                Connection::Obeyed,
                Connection::ObeyedLate,
            ])?;
            let rendering = u.arbitrary()?;
            proxies.push(Proxy { seen: Seen::generate(u, from)?, how, connection, rendering });
        }
        Ok(Self { proxies, peer: address(count), names, forwarded })
    }

    /// How many elements at the right end of a header's list are the proxies' own.
    pub(crate) fn own_elements(&self, field: usize) -> usize {
        let overwrites = |proxy: &Proxy| match proxy.how {
            Ok(how) => how[field] == How::Overwrite,
            Err(mode) => mode == WriteMode::Replace,
        };
        let last = self.proxies.iter().rposition(overwrites).unwrap_or(0);
        self.proxies.len() - last
    }

    /// What the proxy saw that wrote the `n`th element from the right.
    pub(crate) fn seen(&self, n: usize) -> &Seen {
        &self.proxies[self.proxies.len() - n].seen
    }

    /// Sends a request through, and returns whether `Connection` still stands in it.
    pub(crate) fn pass(&self, headers: &mut HeaderMap, nominated: &[HeaderName]) -> bool {
        let mut relayed = true;
        for proxy in &self.proxies {
            let obey = |headers: &mut HeaderMap| {
                for name in nominated.iter().filter(|_| relayed) {
                    headers.remove(name);
                }
            };
            if matches!(proxy.connection, Connection::Obeyed | Connection::ObeyedLate) {
                obey(headers);
            }
            proxy.write(headers, &self.names, self.forwarded);
            if proxy.connection == Connection::ObeyedLate {
                obey(headers);
            }
            relayed &= proxy.connection == Connection::Relayed;
        }
        relayed
    }
}

impl Proxy {
    fn write(&self, headers: &mut HeaderMap, names: &[HeaderName; 5], forwarded: bool) {
        let seen = &self.seen;
        match self.how {
            Err(mode) => {
                let hop = Hop::new(Peer::from(seen.from)).scheme(seen.scheme);
                let hop = hop.host(seen.host).expect("a host");
                // `Forwarded` has one port, the host's.
                let hop = if forwarded { hop } else { hop.port(seen.port) };
                let hop = hop.prefix(seen.prefix).expect("a prefix");
                let family = if forwarded { Family::Forwarded } else { Family::XForwarded };
                write(headers, &hop, family, mode).expect("room");
            }
            Ok(how) if forwarded => add(headers, &FORWARDED, &self.element(), how[FOR]),
            Ok(how) => {
                let values = [
                    self.node(),
                    self.in_some_case(seen.scheme.as_str()),
                    self.in_some_case(seen.host),
                    seen.port.to_string(),
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

    /// An address as `X-Forwarded-For` has it: with or without port, brackets, mapping.
    fn node(&self) -> String {
        match (self.seen.from, self.rendering & 3) {
            (IpAddr::V4(ip), 1) => format!("{ip}:4711"),
            (IpAddr::V4(ip), 2) => ip.to_ipv6_mapped().to_string(),
            (IpAddr::V4(ip), _) => ip.to_string(),
            (IpAddr::V6(ip), 1) => format!("[{ip}]:4711"),
            (IpAddr::V6(ip), 2) => format!("[{ip}]"),
            (IpAddr::V6(ip), _) => ip.to_string(),
        }
    }

    /// A forwarded-element as one proxy or another writes it.
    fn element(&self) -> String {
        let Seen { from, scheme, host, .. } = &self.seen;
        let node = match (from, self.rendering & 3) {
            (IpAddr::V4(ip), 1) => format!("\"{ip}:4711\""),
            (IpAddr::V4(ip), _) => ip.to_string(),
            (IpAddr::V6(ip), 1) => format!("\"[{ip}]:4711\""),
            (IpAddr::V6(ip), _) => format!("\"[{ip}]\""),
        };
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

fn add(headers: &mut HeaderMap, name: &HeaderName, value: &str, how: How) {
    let value = HeaderValue::from_str(value).expect("a value");
    let lines: Vec<_> = headers.get_all(name).iter().cloned().collect();
    let join = |parts: &[HeaderValue], separator: &str| {
        let parts: Vec<_> = parts.iter().map(HeaderValue::as_bytes).collect();
        HeaderValue::from_bytes(&parts.join(separator.as_bytes())).expect("a value")
    };
    match (how, lines.split_last()) {
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
