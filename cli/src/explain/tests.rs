//! The account says what the library decides, and all of it is printable text.

use http::{HeaderMap, Uri};
use proptest::prelude::*;
use proxyfix::{Config, Peer, Source, resolve};
use serde_json::Value;

use super::{Account, json::Answer, request::Received, ruler, text};
use crate::{json, settings::with_secret};

const CONFIGS: [&str; 10] = [
    "proxies=10.0.0.0/8 for=1",
    "proxies=10.0.0.0/8 for=2 proto=1 host=1 port=1 prefix=1",
    "proxies=10.0.0.0/8 for=2 proto=aligned verify=hops",
    "proxies=10.0.0.0/8 for=walk proto=1 prefix=join:2",
    "proxies=10.0.0.0/8 for=1 proto=1 invalid=unknown missing=peer headers=keep",
    "proxies=10.0.0.0/8 forwarded=1",
    "proxies=10.0.0.0/8 forwarded=walk invalid=peer uri=keep",
    "proxies=any client-ip=X-Real-IP proto=1 hosts=a.example headers=strip exempt=Forwarded",
    "proxies=none for=1",
    "proxies=unix,192.0.2.0/24 for=1 proto=1 proto-name=Front-End-Https listener=https",
];

const PEERS: [&str; 4] = ["10.0.0.1", "192.0.2.7:80", "unix", "203.0.113.9"];

const LINES: [&[u8]; 22] = [
    b"Host: a.example",
    b"Host: b.example:81",
    b"Host: x y",
    b"X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2",
    b"X-Forwarded-For: 203.0.113.9",
    b"X-Forwarded-For: ,, \x80\xff",
    b"X-Forwarded-For: 10.0.0.2,10.0.0.3",
    b"X-Forwarded-For:",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Proto: http, javascript",
    b"X-Forwarded-Host: shop.example",
    b"X-Forwarded-Host: a, b/\\c\t",
    b"X-Forwarded-Port: 8443",
    b"X-Forwarded-Prefix: /app, /v1",
    b"Forwarded: for=6.6.6.6, for=203.0.113.9;proto=https;host=a.example",
    b"Forwarded: for=\"_x, for=\"[2001:db8::9]\"",
    b"Forwarded: for=10.0.0.3;ext=\"\\\"\xe9\"",
    b"X-Real-IP: 203.0.113.9",
    b"X_Real_IP: 6.6.6.6",
    b"Front-End-Https: on",
    b"Connection: close, X-Forwarded-For",
    b"Accept: */*",
];

const NAMES: [&str; 6] = [
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Prefix",
    "Host",
];

fn request() -> impl Strategy<Value = Received> {
    prop::collection::vec(prop::sample::select(&LINES[..]), 0..7).prop_map(|lines| {
        let mut received = Received::default();
        for line in lines {
            let (name, value) = line.split_at(line.iter().position(|&b| b == b':').unwrap());
            received.add(std::str::from_utf8(name).unwrap(), value[1..].trim_ascii()).unwrap();
        }
        received
    })
}

fn source(value: &Value, source: Source<'_>) -> bool {
    match source {
        Source::Header { name, hop } => value["header"] == name.as_str() && value["hop"] == hop,
        _ => value.is_null(),
    }
}

proptest! {
    #[test]
    fn as_the_library_decides(
        text in prop::sample::select(&CONFIGS[..]),
        from in prop::sample::select(&PEERS[..]),
        received in request(),
    ) {
        let config: Config = text.parse().unwrap();
        let peer: Peer = crate::args::peer(from).unwrap();
        let account = Account::new(&config, Some(peer), &received);
        let mut out = Vec::new();
        json::line(&mut out, &Answer::new(&account, None)).unwrap();
        let answer: Value = serde_json::from_slice(&out).unwrap();
        match resolve(peer, &received.headers, &received.uri, &config) {
            Err(error) => {
                prop_assert_eq!(&answer["outcome"], "rejected");
                prop_assert_eq!(&answer["error"]["code"], error.kind().code());
                prop_assert_eq!(&answer["error"]["text"], &error.to_string());
                prop_assert_eq!(&answer["resolved"], &Value::Null);
            }
            Ok(resolved) => {
                let said = &answer["resolved"];
                prop_assert_eq!(&answer["outcome"], "resolved");
                prop_assert_eq!(&said["client"], &resolved.client().to_string());
                prop_assert_eq!(&said["scheme"], resolved.scheme().as_str());
                prop_assert_eq!(said["host"].as_str(), resolved.host());
                prop_assert_eq!(said["port"].as_u64(), Some(u64::from(resolved.port())));
                prop_assert_eq!(said["prefix"].as_str(), Some(resolved.prefix()));
                let (said, sources) = (&said["sources"], resolved.source());
                prop_assert!(source(&said["client"], sources.client()));
                prop_assert!(source(&said["scheme"], sources.scheme()));
                prop_assert!(source(&said["host"], sources.host()));
                prop_assert!(source(&said["port"], sources.port()));
                prop_assert!(source(&said["prefix"], sources.prefix()));
            }
        }
        let printable = |b: &u8| matches!(b, b' '..=b'~' | b'\n');
        prop_assert!(out.iter().all(printable));
    }

    /// Except for our own arrows and marks of cuts, the report without its colours is ASCII.
    #[test]
    fn printable(
        name in "[A-Za-z-]{1,20}",
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..4),
        text in prop::sample::select(&CONFIGS[..]),
    ) {
        let mut received = Received::default();
        for value in values {
            let value: Vec<u8> = value.into_iter().filter(|b| *b == 9 || !b.is_ascii_control()).collect();
            for name in [name.as_str(), "X-Forwarded-For", "Forwarded", "X-Forwarded-Proto"] {
                received.add(name, &value).unwrap();
            }
        }
        let config: Config = text.parse().unwrap();
        let peer = crate::args::peer("10.0.0.1").unwrap();
        let account = Account::new(&config, Some(peer), &received);
        let report = text::report(&account);
        let plain = anstream::adapter::strip_str(&report).to_string();
        let ours = |c: char| matches!(c, ' '..='~' | '\n' | '→' | '…');
        prop_assert!(plain.chars().all(ours), "{plain:?}");
    }
}

const VALUES: [&str; 12] = [
    "for=192.0.2.1;proto=ftp",
    "for=192.0.2.1;proto=https;host=\"a b\"",
    "for=6.6.6.6, for=192.0.2.1;host=a@b",
    "for=192.0.2.1;for=192.0.2.2",
    "for=192.0.2.1;",
    "for=\"192.0.2.1",
    "for=_\u{e9}\\",
    "192.0.2.256, 10.0.0.2",
    "/a, /b c, /d",
    "shop.example, a b",
    "https, ftp",
    "",
];

proptest! {
    /// A line is printed unchanged: all of it, or both its ends if it is cut.
    #[test]
    fn lines_as_they_came(
        lines in prop::collection::vec(
            (prop::sample::select(&NAMES[..]), prop::sample::select(&VALUES[..])), 1..5),
        long in 0_usize..200,
        text in prop::sample::select(&CONFIGS[..]),
    ) {
        let mut received = Received::default();
        for (name, value) in lines {
            received.add(name, format!("{}{value}", "x,".repeat(long / 2)).as_bytes()).unwrap();
        }
        let config: Config = text.parse().unwrap();
        let account = Account::new(&config, Some(crate::args::peer("10.0.0.1").unwrap()), &received);
        let report = text::report(&account);
        let plain = anstream::adapter::strip_str(&report).to_string();
        let of_lines = plain.lines().skip_while(|line| !line.starts_with("read,")).skip(1);
        let mut came = received.lines.iter();
        for line in of_lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   ")) {
            let (name, value) = line.trim_start().split_once(": ").unwrap();
            let whole = |line: &&crate::explain::request::Line| {
                let whole = crate::escape::text(line.value.as_bytes());
                let (first, last) = (value.split('…').next(), value.rsplit('…').next());
                line.spelling == name
                    && if value.contains('…') {
                        whole.starts_with(first.unwrap()) && whole.ends_with(last.unwrap())
                    } else {
                        whole == value
                    }
            };
            prop_assert!(came.find(whole).is_some(), "{}", plain);
        }
    }
}

/// Every ruler is below what it marks.
#[test]
fn rulers_are_in_place() {
    let mut received = Received::default();
    let long = format!("{}, 203.0.113.9, 10.0.0.2", "6.6.6.6, \u{e9}".repeat(50));
    received.add("X-Forwarded-For", b"1.1.1.1").unwrap();
    received.add("X-Forwarded-For", long.as_bytes()).unwrap();
    let config: Config = "proxies=10.0.0.0/8 for=2".parse().unwrap();
    let peer = crate::args::peer("10.0.0.1").unwrap();
    let account = Account::new(&config, Some(peer), &received);
    let report = text::report(&account);
    let plain = anstream::adapter::strip_str(&report).to_string();
    let lines: Vec<Vec<char>> = plain.lines().map(|line| line.chars().collect()).collect();
    let line = lines.iter().position(|line| line.contains(&'…')).expect("a line that is cut");
    let below = |at: usize, sign: char| -> String {
        let marked = lines[at].iter().zip(&lines[line]).filter(|(mark, _)| **mark == sign);
        marked.map(|(_, text)| *text).take_while(|c| *c != ' ').collect()
    };
    assert_eq!(below(line + 1, '-'), "10.0.0.2");
    assert_eq!(below(line + 2, '^'), "203.0.113.9");
}

/// A fault that no step reports, in a part that a step has marked.
#[test]
fn a_fault_inside_of_a_mark() {
    let received = |value: &str| {
        let mut received = Received::default();
        received.add("Forwarded", value.as_bytes()).unwrap();
        received
    };
    let config: Config = "proxies=10.0.0.0/8 forwarded=1".parse().unwrap();
    let peer = crate::args::peer("10.0.0.1").ok();
    let [good, bad] = ["for=192.0.2.1;proto=ws ", "for=192.0.2.1;proto=ftp"].map(received);
    let [good, bad] = [&good, &bad].map(|received| Account::new(&config, peer, received));
    let (line, steps) = (&bad.received.lines[0], good.explanation.steps());
    let marks = ruler::marks(line, steps, bad.outcome().err(), true);
    let mut out = String::new();
    ruler::print(&mut out, line, &marks);
    let plain = anstream::adapter::strip_str(&out).to_string();
    let lines: Vec<_> = plain.lines().collect();
    assert_eq!(lines[0], "  Forwarded: for=192.0.2.1;proto=ftp", "{plain}");
    assert!(lines[1].starts_with(&format!("{:13}{:~>20}^", "", "")), "{plain}");
}

/// An element that is passed over is not believed, although its scheme would be valid.
#[test]
fn a_nearer_scheme_is_passed_over() {
    let mut received = Received::default();
    received.add("Forwarded", b"for=203.0.113.9, for=10.0.0.2;proto=https").unwrap();
    let config: Config = "proxies=10.0.0.0/8 forwarded=2".parse().unwrap();
    let account = Account::new(&config, crate::args::peer("10.0.0.1").ok(), &received);
    let report = anstream::adapter::strip_str(&text::report(&account)).to_string();
    assert!(report.contains("------------------------ hop 1: nearer"), "{report}");
}

#[test]
fn without_a_peer() {
    let config: Config = "proxies=10.0.0.0/8 for=1".parse().unwrap();
    let received = Received::default();
    let account = Account::new(&config, None, &received);
    assert_eq!(account.outcome().unwrap_err().kind().code(), "missing-peer");
    assert!(resolve(None, &HeaderMap::new(), &Uri::default(), &config).is_err());
    assert_eq!(account.hints[0].code, "peer");
}

/// The way in of the peer decides, and hints are about it.
#[test]
fn ways() {
    let config: Config = "proxies=unix for=1 ; proxies=10.0.0.0/8 for=2 ; none".parse().unwrap();
    let mut received = Received::default();
    received.add("X-Forwarded-For", b"203.0.113.9").unwrap();
    for (peer, number, proxies, hint) in [
        ("unix", 1, "unix", None),
        ("10.0.0.1", 2, "10.0.0.0/8", Some("for=1")),
        ("192.0.2.1", 3, "none", Some("192.0.2.1 in proxies= of the way that it uses")),
    ] {
        let account = Account::new(&config, crate::args::peer(peer).ok(), &received);
        let report = anstream::adapter::strip_str(&text::report(&account)).to_string();
        let said = format!("way {number} of 3 decides: proxies={proxies}\n");
        assert!(report.contains(&said), "{report}");
        assert_eq!(account.hints.first().map(|hint| hint.write.as_str()), hint);
        let answer = serde_json::to_value(Answer::new(&account, None)).unwrap();
        assert_eq!(answer["way"], number);
    }
}

/// A configuration, lines, and the hints, each with its code and what to write.
const HINTS: [(&str, &[&str], &[&str]); 32] = [
    // Only a header with one address names the client.
    ("for=1", &[REAL, "Host: a.example"], &["single: client-ip=X-Real-IP instead of for="]),
    (
        "forwarded=1",
        &["cf-connecting-ip: ::1"],
        &["single: client-ip=cf-connecting-ip instead of forwarded="],
    ),
    ("client-ip=Fly-Client-IP", &[REAL], &["single: client-ip=X-Real-IP instead of client-ip="]),
    ("for=1 missing=reject", &[REAL], &["single: client-ip=X-Real-IP instead of for="]),
    (
        "for=1 proto=1",
        &[REAL, "X-Forwarded-Proto: https"],
        &["single: client-ip=X-Real-IP instead of for="],
    ),
    (
        "for=1 proto=1 invalid=unknown",
        &[REAL, "X-Forwarded-Proto: https"],
        &["single: client-ip=X-Real-IP instead of for="],
    ),
    ("for=1", &["X-Real-IP: x"], &["absent: in your proxy, lines that write x-forwarded-for"]),
    ("for=1", &[REAL, FOR], &[]),
    // The other family.
    (
        "forwarded=1",
        &[FOR, "X-Forwarded-Proto: https"],
        &["family: for=1 proto=1 instead of forwarded="],
    ),
    ("forwarded=walk", &["X-Forwarded-Host: a.example"], &["family: host=1 instead of forwarded="]),
    (
        "for=1 proto=1",
        &["Forwarded: for=203.0.113.9"],
        &["family: forwarded=1 instead of for= proto="],
    ),
    // Only Host names a host.
    (
        "for=1 proto=1",
        &["Host: a.example"],
        &["absent: in your proxy, lines that write x-forwarded-for, x-forwarded-proto"],
    ),
    ("for=1 host=1", &[FOR, "Host: a.example"], &["absent: leave out host="]),
    // A private client with more addresses to its left.
    ("for=1", &["X-Forwarded-For: 203.0.113.9, 192.168.0.7"], &["count: for=2"]),
    (
        "for=walk",
        &["X-Forwarded-For: 203.0.113.9, 172.18.0.1"],
        &["hop: proxies=10.0.0.0/8,172.18.0.1"],
    ),
    ("for=1", &["X-Forwarded-For: 192.168.0.7"], &[]),
    // All clients use TLS.
    ("for=1", &[FOR, "X-Forwarded-Proto: https"], &["not-trusted: proto=1"]),
    ("for=1 listener=https", &[FOR, "X-Forwarded-Proto: https"], &[]),
    // The client is an address of a CDN, and the CDN's own header names the client.
    (
        "for=1",
        &[CDN, "CF-Connecting-IP: 203.0.113.9"],
        &["edge: edge=… client-ip=CF-Connecting-IP"],
    ),
    ("for=1", &[CDN, "Fastly-Client-IP: 203.0.113.9"], &[]),
    ("for=1", &[CDN], &[]),
    (EDGE, &[CDN, "CF-Connecting-IP: 203.0.113.9"], &[]),
    (EDGE, &[CDN], &["absent: in your proxy, pass cf-connecting-ip on"]),
    (EDGE, &[FOR], &[]),
    // Only the nearer element names the scheme.
    (
        "forwarded=2",
        &["Forwarded: for=203.0.113.9, for=10.0.0.2;proto=https"],
        &["nearer: proto=1"],
    ),
    ("forwarded=2 proto=1", &["Forwarded: for=203.0.113.9, for=10.0.0.2;proto=https"], &[]),
    // IPv6 without brackets.
    ("forwarded=1", &["Forwarded: for=2001:db8::9"], &["ipv6: forwarded-ipv6=bare"]),
    ("forwarded=1 forwarded-ipv6=bare", &["Forwarded: for=2001:db8::9"], &[]),
    // A host that is not allowed.
    ("for=1 hosts=a.example", &[FOR, "Host: b.example:8443"], &["host: hosts=a.example,b.example"]),
    (
        "for=1 hosts=a.example:443",
        &[FOR, "Host: b.example:8443"],
        &["host: hosts=a.example:443,b.example:8443"],
    ),
    (
        "for=1 listener=https hosts=a.example:*",
        &[FOR, "Host: b.example"],
        &["host: hosts=a.example:*,b.example:443"],
    ),
    // A secret that is absent.
    (
        "for=1 secret-header=X-Origin-Secret",
        &[FOR],
        &["secret: in your proxy, a line that sets x-origin-secret to the secret"],
    ),
];

const FOR: &str = "X-Forwarded-For: 203.0.113.9";
const REAL: &str = "X-Real-IP: 203.0.113.9";
const CDN: &str = "X-Forwarded-For: 162.158.90.163";
const EDGE: &str = "for=1 client-ip=CF-Connecting-IP edge=162.158.0.0/15";
#[test]
fn hints() {
    for (config, lines, expected) in HINTS {
        let config = with_secret(&format!("proxies=10.0.0.0/8 {config}")).unwrap();
        let mut received = Received::default();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            received.add(name, value.as_bytes()).unwrap();
        }
        let account = Account::new(&config, crate::args::peer("10.0.0.1").ok(), &received);
        let hints = account.hints.iter().map(|hint| format!("{}: {}", hint.code, hint.write));
        assert_eq!(hints.collect::<Vec<_>>(), expected, "{config}: {lines:?}");
    }
}
