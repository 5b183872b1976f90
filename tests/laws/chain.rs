//! The honest proxies between an attacker and us. Each writes what it saw on every request, in its own
//! style, and passes everything else through.

use std::net::IpAddr;

use arbitrary::{Result, Unstructured};
use http::{HeaderMap, HeaderName, HeaderValue};
use proxyfix::WriteMode;

use super::proxy::{Connection, FIELDS, FOR, How, Kind, Origin, Proxy, Seen};

/// The proxies of a chain. The first is nearest to the attacker.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) proxies: Vec<Proxy>,
    /// The address that the last one connects from.
    pub(crate) peer: Origin,
    pub(crate) names: [HeaderName; 5],
    pub(crate) kind: Kind,
    /// Some of them write IPv6 addresses in `Forwarded` without brackets.
    pub(crate) bare: bool,
    /// The header that a CDN in front of the first proxy wrote.
    pub(crate) cdn: Option<(HeaderName, HeaderValue)>,
    /// Lines that one proxy, given by its number, also writes. They replace earlier ones.
    pub(crate) marks: Vec<(usize, HeaderName, HeaderValue)>,
}

/// The address that the proxy with this number, from 1, connects from.
fn address(number: usize) -> IpAddr {
    match number % 3 {
        0 => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::try_from(number).expect("a few")]),
        _ => IpAddr::from([10, 0, 0, u8::try_from(number).expect("a few")]),
    }
}

impl Chain {
    pub(crate) fn generate(
        u: &mut Unstructured<'_>,
        client: Origin,
        names: [HeaderName; 5],
        kind: Kind,
    ) -> Result<Self> {
        let renamed = names.iter().zip(FIELDS).any(|(name, default)| name != default);
        let count = u.int_in_range(1..=4)?;
        let edge = u.int_in_range(0..=count - 1)?;
        let origin = |u: &mut Unstructured<'_>, number: usize| {
            let unix = kind == Kind::XForwarded && u.ratio(1, 8)?;
            Ok(if unix { Origin::Unix } else { Origin::Ip(address(number)) })
        };
        let all_relay = u.ratio(1, 4)?;
        let mut proxies = Vec::new();
        for number in 0..count {
            let from = if number == 0 { client } else { origin(u, number)? };
            // `write` always names the peer that it sees.
            let names = matches!(from, Origin::Ip(_) | Origin::Unix);
            let how = if names && !renamed && u.ratio(1, 4)? {
                Err(if u.ratio(1, 4)? { WriteMode::Replace } else { WriteMode::Append })
            } else {
                let styles =
                    [How::Join(", "), How::Join(","), How::LastLine, How::NewLine, How::Overwrite];
                let mut how = [How::NewLine; 5];
                for how in &mut how {
                    *how = *u.choose(&styles)?;
                }
                if kind == Kind::ClientIp {
                    how[FOR] = if number == edge { How::Overwrite } else { How::Pass };
                }
                Ok(how)
            };
            let styles = [
                Connection::Ignored,
                Connection::Relayed,
                Connection::Obeyed,
                Connection::ObeyedLate,
            ];
            let connection = if all_relay { Connection::Relayed } else { *u.choose(&styles)? };
            let rendering = u.arbitrary()?;
            let seen = Seen::generate(u, from, how.is_err())?;
            proxies.push(Proxy { seen, how, connection, rendering });
        }
        let peer = if u.ratio(1, 8)? { Origin::Unix } else { Origin::Ip(address(count)) };
        let bare = kind == Kind::Forwarded && u.ratio(1, 4)?;
        Ok(Self { proxies, peer, names, kind, bare, cdn: None, marks: Vec::new() })
    }

    /// How many elements at the right end of a header's list the proxies wrote.
    pub(crate) fn own_elements(&self, field: usize) -> usize {
        let overwrites = |proxy: &Proxy| match proxy.how {
            Ok(how) => how[field] == How::Overwrite,
            Err(mode) => mode == WriteMode::Replace,
        };
        let last = self.proxies.iter().rposition(overwrites).unwrap_or(0);
        self.proxies.len() - last
    }

    /// The proxy that wrote the `n`th element from the right.
    pub(crate) fn proxy(&self, n: usize) -> &Proxy {
        &self.proxies[self.proxies.len() - n]
    }

    /// What it saw.
    pub(crate) fn seen(&self, n: usize) -> &Seen {
        &self.proxy(n).seen
    }

    /// The position, from the right, of the only proxy that writes the client's address.
    pub(crate) fn edge(&self) -> usize {
        let writes = |proxy: &Proxy| proxy.how.is_ok_and(|how| how[FOR] == How::Overwrite);
        self.proxies.len() - self.proxies.iter().position(writes).expect("an edge")
    }

    /// Whether `Connection` arrives unchanged.
    pub(crate) fn relays(&self) -> bool {
        self.proxies.iter().all(|proxy| proxy.connection == Connection::Relayed)
    }

    /// Sends a request through the chain.
    pub(crate) fn pass(&self, headers: &mut HeaderMap, nominated: &[HeaderName]) {
        if let Some((name, value)) = &self.cdn {
            headers.insert(name, value.clone());
        }
        let mut relayed = true;
        for (number, proxy) in self.proxies.iter().enumerate() {
            let obey = |headers: &mut HeaderMap| {
                for name in nominated.iter().filter(|_| relayed) {
                    headers.remove(name);
                }
            };
            if matches!(proxy.connection, Connection::Obeyed | Connection::ObeyedLate) {
                obey(headers);
            }
            proxy.write(headers, &self.names, self.kind, self.bare);
            for (_, name, value) in self.marks.iter().filter(|(at, ..)| *at == number) {
                headers.insert(name, value.clone());
            }
            if proxy.connection == Connection::ObeyedLate {
                obey(headers);
            }
            relayed &= proxy.connection == Connection::Relayed;
        }
    }
}
