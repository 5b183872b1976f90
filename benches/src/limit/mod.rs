//! The limit: the cheapest safe code that finds client, scheme and host of a request. It is written for
//! the trusted headers of one workload, and has nothing to configure.
//!
//! It makes one pass over the field names, and then reads only the bytes from the right that count. Every
//! value is checked before it is believed, but no error says what was wrong. It leaves out some work of
//! proxyfix: the names in `Connection`, separate ports and prefixes, and where a value came from.

mod forwarded;
mod rewrite;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::from_utf8,
};

use http::{HeaderMap, HeaderValue};
use proxyfix::ipnet::IpNet;

pub use self::rewrite::{Rewritten, rewrite};
use crate::{Answer, Gives, Subject, Visitor, Workload};

/// Shows both subjects to the visitor.
pub fn visit(visitor: &mut impl Visitor) {
    visitor.visit::<Limit>();
    visitor.visit::<Rewritten>();
}

/// What is trusted.
#[derive(Debug)]
pub struct Policy {
    proxies: Vec<IpNet>,
    /// `X-Forwarded-For` or `Forwarded`, in lower case.
    list: &'static str,
    /// The count from the right. 0 is a walk.
    count: usize,
    /// Whether `X-Forwarded-Proto` and `-Host` are trusted.
    scalars: bool,
}

/// What is believed.
#[derive(Debug)]
pub struct Decided<'a> {
    client: IpAddr,
    https: bool,
    host: &'a [u8],
}

/// Longer walks are rejected, as they are by proxyfix's default.
const MAX_HOPS: usize = 16;

impl Policy {
    /// What a workload trusts.
    ///
    /// # Panics
    /// If one of the workload's networks is not a CIDR.
    pub fn of(workload: &Workload) -> Self {
        let proxies = workload.proxies.split(',').map(|network| network.parse().expect("one"));
        Self {
            proxies: proxies.collect(),
            list: if workload.trust.starts_with("forwarded=") {
                "forwarded"
            } else {
                "x-forwarded-for"
            },
            count: workload.count().unwrap_or(0),
            scalars: workload.trust.contains("proto="),
        }
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(&ip))
    }

    /// Decides. `None` means: reject the request.
    fn decide<'a>(&self, peer: IpAddr, headers: &'a HeaderMap) -> Option<Decided<'a>> {
        if !self.trusts(peer) {
            return None;
        }
        let (mut own, mut proto, mut x_host) = (None, None, None);
        // The number of lines of the list, and the last two of them.
        let (mut lines, mut last, mut before) = (0_usize, None, None);
        for (name, value) in headers {
            let value = value.as_bytes();
            match name.as_str() {
                "host" if own.is_some() => return None,
                "host" => own = Some(value),
                "x-forwarded-proto" if self.scalars => proto = Some(value),
                "x-forwarded-host" if self.scalars => x_host = Some(value),
                name if name == self.list => (lines, before, last) = (lines + 1, last, Some(value)),
                _ => {}
            }
        }
        let own = || checked_host(own?);
        let Some(last) = last else {
            let host = own()?;
            let absent = proto.is_none() && x_host.is_none();
            return absent.then_some(Decided { client: peer, https: false, host });
        };
        if self.list == "forwarded" {
            let element = match lines {
                1 => forwarded::nth(last, self.count)?,
                _ => return None,
            };
            let found = forwarded::parse(element)?;
            let host = found.host.map_or_else(own, checked_host)?;
            let https = found.proto.map_or(Some(false), checked_scheme)?;
            return Some(Decided { client: found.client, https, host });
        }
        let client = match lines {
            1 => self.client(rightmost(last)),
            2 => self.client(rightmost(last).chain(before.into_iter().flat_map(rightmost))),
            _ => self.client(
                headers
                    .get_all(self.list)
                    .iter()
                    .rev()
                    .map(HeaderValue::as_bytes)
                    .flat_map(rightmost),
            ),
        }?;
        let https = match (self.scalars, proto) {
            (true, value) => checked_scheme(rightmost(value?).next()?)?,
            (false, _) => false,
        };
        let host = x_host.map_or_else(own, |value| checked_host(rightmost(value).next()?))?;
        Some(Decided { client, https, host })
    }

    fn client<'a>(&self, mut entries: impl Iterator<Item = &'a [u8]>) -> Option<IpAddr> {
        if let Some(before) = self.count.checked_sub(1) {
            return address(entries.nth(before)?);
        }
        let mut entries = entries.take(MAX_HOPS + 1).map(address);
        entries.find(|ip| ip.is_none_or(|ip| !self.trusts(ip)))?
    }
}

/// The entries of a line, from the right.
fn rightmost(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.rsplit(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// An address with an optional port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = from_utf8(text).ok()?;
    text.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

fn checked_scheme(text: &[u8]) -> Option<bool> {
    let https = text.eq_ignore_ascii_case(b"https");
    (https || text.eq_ignore_ascii_case(b"http")).then_some(https)
}

const OF_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        byte += 1;
    }
    table
};

/// A name of letters, digits, hyphens and dots, with an optional port.
fn checked_host(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|&byte| !OF_NAME[usize::from(byte)]).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let port = match rest {
        [] => true,
        [b':', digits @ ..] => from_utf8(digits).is_ok_and(|text| text.parse::<u16>().is_ok()),
        _ => false,
    };
    let length = !name.is_empty() && name.len() < 256;
    (port && length && !is_false_address(name)).then_some(text)
}

/// Whether the last label is a number, but the name is no IPv4 address.
fn is_false_address(name: &[u8]) -> bool {
    let before = name.iter().rposition(|byte| !byte.is_ascii_hexdigit()).map(|at| name[at]);
    matches!(before, None | Some(b'.' | b'x' | b'X'))
        && is_number(name.rsplit(|&byte| byte == b'.').next().unwrap_or(name))
        && !from_utf8(name).is_ok_and(|name| name.parse::<Ipv4Addr>().is_ok())
}

/// A number in decimal or hexadecimal.
fn is_number(label: &[u8]) -> bool {
    match label {
        [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        _ => label.iter().all(u8::is_ascii_digit),
    }
}

/// The decision alone.
#[derive(Debug)]
pub struct Limit;

impl Subject for Limit {
    const NAME: &'static str = "limit";
    const GIVES: Gives = Gives::All;
    type State = (Policy, HeaderMap);
    type Input = ();
    type Output<'a> = Option<Decided<'a>>;

    /// This code cannot handle long lists of networks.
    fn state(workload: &Workload) -> Option<Self::State> {
        let policy = Policy::of(workload);
        (policy.proxies.len() < 10).then(|| (policy, workload.headers()))
    }

    fn input(_: &Self::State) -> Self::Input {}

    fn run<'a>((policy, headers): &'a Self::State, (): &'a mut Self::Input) -> Self::Output<'a> {
        policy.decide(Workload::peer(), headers)
    }

    fn answer(output: Self::Output<'_>) -> Answer {
        output.as_ref().map_or_else(Answer::default, Decided::answer)
    }
}

impl Decided<'_> {
    fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    fn answer(&self) -> Answer {
        Answer {
            client: Some(self.client.to_string()),
            scheme: Some(self.scheme().to_owned()),
            host: Some(String::from_utf8_lossy(self.host).into_owned()),
        }
    }
}
