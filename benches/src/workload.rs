//! The requests, the addresses that are trusted, and the right answers.
//!
//! A workload has a name, and some have a size after a colon: `xff-junk:65536`. Every request comes from
//! the proxy at 10.0.0.1, which wrote the rightmost entry.

use std::{fmt::Write, net::IpAddr};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use proxyfix::Peer;

use crate::Answer;

/// The workloads of every table, with a description of each.
pub const WORKLOADS: [(&str, &str); 12] = [
    ("none", "no forwarding header"),
    ("one", "one entry, scheme, host; count 1"),
    ("lines-count", "three entries on two lines, scheme, host; count 2"),
    ("lines-walk", "the same; walk over six CIDRs"),
    ("forwarded", "`Forwarded`, three elements, quoted IPv6 and port; count 2"),
    ("xff-junk:0", "one entry alone; count 1"),
    ("xff-junk:65536", "the same behind 64 KiB of spoofed entries"),
    ("forwarded-junk:0", "`Forwarded`, one element; count 1"),
    ("forwarded-junk:65536", "the same behind 64 KiB of spoofed elements"),
    ("trusted-junk:65536", "64 KiB of trusted addresses; walk"),
    ("cidrs:1000", "three entries on two lines; walk over 1,000 CIDRs"),
    ("cidrs:100000", "the same; walk over 100,000 CIDRs"),
];

/// The ordinary headers beside the forwarding ones. One of them is `Host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Ten headers. For some of their names `http` has no constant.
    Ten,
    /// The twelve that a browser sends.
    Browser,
}

impl Beside {
    pub const ALL: [Self; 2] = [Self::Ten, Self::Browser];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ten => "ten",
            Self::Browser => "browser",
        }
    }

    fn lines(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Ten => &[
                ("host", "backend.internal"),
                ("user-agent", "curl/8.14.1"),
                ("accept", "*/*"),
                ("accept-encoding", "gzip, br"),
                ("content-type", "application/json"),
                ("content-length", "2"),
                ("authorization", "Bearer 0123456789abcdef0123456789abcdef"),
                ("cache-control", "no-cache"),
                ("x-request-id", "b9a8f3a0-6a5e-4f0e-9c1e-0d5a4b0f5a11"),
                ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ],
            Self::Browser => &[
                ("host", "backend.internal"),
                (
                    "user-agent",
                    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                ),
                ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
                ("accept-language", "en-GB,en;q=0.5"),
                ("accept-encoding", "gzip, deflate, br, zstd"),
                ("connection", "keep-alive"),
                ("cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"),
                ("upgrade-insecure-requests", "1"),
                ("sec-fetch-dest", "document"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-site", "same-origin"),
                ("priority", "u=0, i"),
            ],
        }
    }
}

/// A header's name and value.
pub type Line = (String, String);

fn line(name: &str, value: impl Into<String>) -> Line {
    (name.to_owned(), value.into())
}

/// A request as it arrives, the addresses that are trusted, and the right answer.
#[derive(Clone, Debug)]
pub struct Workload {
    pub name: String,
    pub beside: Beside,
    /// The networks whose addresses may speak for the client.
    pub proxies: String,
    /// Which headers are trusted: proxyfix's configuration without its `proxies`.
    pub trust: String,
    /// The forwarding headers.
    pub lines: Vec<Line>,
    pub truth: Answer,
}

/// Six networks of a private cloud.
const SIX: &str =
    "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7,2001:db8:ffff::/48";
const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";

impl Workload {
    /// # Panics
    /// If there is no such workload.
    pub fn new(name: &str, beside: Beside) -> Self {
        let (kind, size) = name.split_once(':').unwrap_or((name, "0"));
        let size: usize = size.parse().expect("a size is a number");
        let junk = |unit: &str| unit.repeat(size.div_ceil(unit.len()));
        let scalars = || [line(PROTO, "https"), line(HOST, "app.example")];
        let two_lines = |middle: &str| {
            let left = format!("6.6.6.6, 203.0.113.9{middle}");
            [line(FOR, left), line(FOR, "10.0.0.2")].into_iter().chain(scalars()).collect()
        };
        let told = Answer::new("203.0.113.9", "https", "app.example");
        let own = Answer::new("203.0.113.9", "http", "backend.internal");
        let counted = "for=1 proto=1 host=1";
        let walked = "for=walk proto=1 host=1 max-hops=200";
        let (proxies, trust, lines, truth): (_, _, Vec<_>, _) = match kind {
            "none" => {
                let client = Some(Self::peer().to_string());
                let trust = "for=1 proto=1 host=1 missing=peer";
                ("10.0.0.0/8".into(), trust, Vec::new(), Answer { client, ..own })
            }
            "one" => {
                let lines = [line(FOR, "203.0.113.9")].into_iter().chain(scalars()).collect();
                ("10.0.0.0/8".into(), counted, lines, told)
            }
            "lines-count" => ("10.0.0.0/8".into(), "for=2 proto=1 host=1", two_lines(""), told),
            "lines-walk" => (SIX.into(), walked, two_lines(""), told),
            "cidrs" => (cidrs(size), walked, two_lines(""), told),
            "hops" => (SIX.into(), walked, two_lines(&", 10.0.0.3".repeat(size)), told),
            "forwarded" => {
                let value = "for=6.6.6.6, for=\"[2001:db8::9]:4711\";proto=https;host=app.example, \
                             for=10.0.0.2";
                let truth = Answer::new("2001:db8::9", "https", "app.example");
                ("10.0.0.0/8".into(), "forwarded=2", vec![line("forwarded", value)], truth)
            }
            "xff-junk" => {
                let value = junk("6.6.6.6, ") + "203.0.113.9";
                ("10.0.0.0/8".into(), "for=1", vec![line(FOR, value)], own)
            }
            "forwarded-junk" => {
                let value = junk("for=6.6.6.6, ") + "for=203.0.113.9;proto=https;host=app.example";
                ("10.0.0.0/8".into(), "forwarded=1", vec![line("forwarded", value)], told)
            }
            "trusted-junk" => {
                let value = junk("10.0.0.3, ") + "10.0.0.2";
                // There are more proxies than a walk passes, so no client is named.
                (SIX.into(), "for=walk", vec![line(FOR, value)], Answer::default())
            }
            "ipv6" => {
                let truth = Answer::new("2001:db8::9", "http", "backend.internal");
                ("10.0.0.0/8".into(), "for=1", vec![line(FOR, "2001:db8::9")], truth)
            }
            "extra-lines" => {
                let lines = [line(FOR, "203.0.113.9")].into_iter().chain(scalars());
                let extra = (0..size).map(|at| line(&format!("x-extra-{at}"), "some value"));
                ("10.0.0.0/8".into(), counted, extra.chain(lines).collect(), told)
            }
            _ => panic!("no workload {name}"),
        };
        Self { name: name.to_owned(), beside, proxies, trust: trust.to_owned(), lines, truth }
    }

    /// The same request, with something else trusted.
    #[must_use]
    pub fn trusting(self, trust: &str) -> Self {
        Self { trust: trust.to_owned(), ..self }
    }

    /// The configuration of proxyfix, with some words added to it.
    ///
    /// # Panics
    /// If the added words do not make a valid configuration.
    pub fn config(&self, added: &str) -> proxyfix::Config {
        let text = format!("proxies={} {} {added}", self.proxies, self.trust);
        text.parse().unwrap_or_else(|error| panic!("{added}: {error}"))
    }

    /// # Panics
    /// If a value cannot be sent.
    pub fn headers(&self) -> HeaderMap {
        let beside = self.beside.lines().iter().map(|(name, value)| line(name, *value));
        let lines = beside.chain(self.lines.iter().cloned());
        lines
            .map(|(name, value)| {
                let name = HeaderName::try_from(name).expect("a name");
                (name, HeaderValue::try_from(value).expect("a value"))
            })
            .collect()
    }

    pub fn uri() -> Uri {
        Uri::from_static("/item?q=1")
    }

    /// A request with these headers, and with the peer in its extensions as proxyfix reads it. The
    /// values share their bytes with others, like those that a server has read.
    pub fn request(headers: &HeaderMap) -> Request<()> {
        let mut request = Request::new(());
        *request.uri_mut() = Self::uri();
        *request.headers_mut() = headers.clone();
        request.extensions_mut().insert(Peer::from(Self::peer()));
        request
    }

    pub fn peer() -> IpAddr {
        IpAddr::from([10, 0, 0, 1])
    }

    /// The count of trusted proxies, or `None` for a walk.
    ///
    /// # Panics
    /// If nothing is trusted.
    pub fn count(&self) -> Option<usize> {
        let (_, word) = self.trust.split_once('=').expect("a word");
        word.split(' ').next().and_then(|count| count.parse().ok())
    }
}

/// Networks that do not touch each other, as many as cloud providers publish. Half of them are IPv6,
/// and one is 10.0.0.0/8.
fn cidrs(count: usize) -> String {
    let mut text = String::from("10.0.0.0/8");
    for at in 0..count.saturating_sub(1) {
        // Every other /24 from 16.0.0.0, every other /48 from 2a00::.
        let (half, at) = (at % 2, at / 2 * 2);
        let added = match half {
            0 => write!(text, ",{}.{}.{}.0/24", 16 + (at >> 16), at >> 8 & 255, at & 255),
            _ => write!(text, ",2a00:{:x}:{:x}::/48", at >> 16, at & 0xffff),
        };
        added.expect("a string takes all text");
    }
    text
}
