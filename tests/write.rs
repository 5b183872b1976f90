//! Writing: each mode, each family, quoting, and refused values.

mod util;

use http::HeaderMap;
use proxyfix::{ErrorKind, Family, Hop, Peer, Scheme, WriteMode, write};
use util::{peer, request};

/// The headers after one hop: `name: value` for each line, in the order of the names.
fn written(inherited: &[&str], hop: &Hop, family: Family, mode: WriteMode) -> Vec<String> {
    let mut headers = request(util::PROXY, "/", inherited).into_parts().0.headers;
    write(&mut headers, hop, family, mode).expect("room");
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii()))
        .collect();
    lines.sort();
    lines
}

fn hop() -> Hop {
    Hop::new(peer("203.0.113.9")).scheme(Scheme::Https).host("App.Example:8443").expect("a host")
}

const INHERITED: [&str; 5] = [
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-For: \", 7.7.7.7",
    "X-Forwarded-Prefix: /evil",
    "Forwarded: for=6.6.6.6",
    "X-Real-IP: 6.6.6.6",
];

#[test]
fn append() {
    assert_eq!(
        written(&INHERITED, &hop(), Family::XForwarded, WriteMode::Append),
        [
            "forwarded: for=6.6.6.6",
            // A value that is not set keeps its place.
            "x-forwarded-for: 6.6.6.6, \\\", 7.7.7.7, 203.0.113.9",
            "x-forwarded-host: app.example:8443",
            "x-forwarded-prefix: /evil, ",
            "x-forwarded-proto: https",
            "x-real-ip: 6.6.6.6",
        ]
    );
    let full = hop().port(443).prefix("/app/").expect("a prefix");
    assert_eq!(
        written(&[], &full, Family::XForwarded, WriteMode::Append),
        [
            "x-forwarded-for: 203.0.113.9",
            "x-forwarded-host: app.example:8443",
            "x-forwarded-port: 443",
            "x-forwarded-prefix: /app",
            "x-forwarded-proto: https",
        ]
    );
}

#[test]
fn replace_and_if_absent() {
    assert_eq!(
        written(&INHERITED, &hop(), Family::XForwarded, WriteMode::Replace),
        [
            "forwarded: for=6.6.6.6",
            "x-forwarded-for: 203.0.113.9",
            "x-forwarded-host: app.example:8443",
            "x-forwarded-proto: https",
            "x-real-ip: 6.6.6.6",
        ]
    );
    assert_eq!(
        written(&INHERITED, &hop(), Family::XForwarded, WriteMode::IfAbsent),
        [
            "forwarded: for=6.6.6.6",
            "x-forwarded-for: 6.6.6.6",
            "x-forwarded-for: \\\", 7.7.7.7",
            "x-forwarded-host: app.example:8443",
            "x-forwarded-prefix: /evil",
            "x-forwarded-proto: https",
            "x-real-ip: 6.6.6.6",
        ]
    );
    let forwarded = |mode| written(&["Forwarded: for=6.6.6.6"], &hop(), Family::Forwarded, mode);
    assert_eq!(forwarded(WriteMode::IfAbsent), ["forwarded: for=6.6.6.6"]);
    assert_eq!(
        forwarded(WriteMode::Replace),
        ["forwarded: for=203.0.113.9;proto=https;host=\\\"app.example:8443\\\""]
    );
}

#[test]
fn elements() {
    let element = |hop: &Hop| written(&[], hop, Family::Forwarded, WriteMode::Append).remove(0);
    for (hop, expected) in [
        (Hop::new(peer("192.0.2.1")), "for=192.0.2.1"),
        (Hop::new(peer("::ffff:192.0.2.1")), "for=192.0.2.1"),
        (Hop::new(peer("2001:db8::7")), "for=\\\"[2001:db8::7]\\\""),
        (Hop::new("192.0.2.1:80".parse::<std::net::SocketAddr>().unwrap()), "for=192.0.2.1"),
        (Hop::new(Peer::UNIX), "for=unknown"),
        (Hop::new(Peer::UNIX).scheme(Scheme::Http), "for=unknown;proto=http"),
        (Hop::new(Peer::UNIX).host("a.example").unwrap(), "for=unknown;host=a.example"),
        (
            Hop::new(Peer::UNIX).host("a.example:81").unwrap(),
            "for=unknown;host=\\\"a.example:81\\\"",
        ),
        (
            Hop::new(Peer::UNIX).host("a.example").unwrap().port(81),
            "for=unknown;host=\\\"a.example:81\\\"",
        ),
        (Hop::new(Peer::UNIX).host("a:82").unwrap().port(81), "for=unknown;host=\\\"a:81\\\""),
        (Hop::new(Peer::UNIX).port(81), "for=unknown"),
        (Hop::new(Peer::UNIX).host("a:82").unwrap().port(0), "for=unknown;host=\\\"a:82\\\""),
    ] {
        assert_eq!(element(&hop), format!("forwarded: {expected}"));
    }
    let unix = written(&[], &Hop::new(Peer::UNIX), Family::XForwarded, WriteMode::Append);
    assert_eq!(unix, ["x-forwarded-for: unix:"]);
}

/// The proxies before us wrote what parses at the right end. From the first part that does not parse,
/// everything to the left is dropped.
#[test]
fn inherited_that_does_not_parse() {
    let hop = Hop::new(peer("203.0.113.9"));
    for (inherited, expected) in [
        (&["for=6.6.6.6"][..], "for=6.6.6.6, for=203.0.113.9"),
        (
            &["for=6.6.6.6", "for=_a;by=\"_b\""],
            "for=6.6.6.6, for=_a;by=\\\"_b\\\", for=203.0.113.9",
        ),
        (&["for=\"6.6.6.6"], "for=203.0.113.9"),
        (&["for=6.6.6.6, for=a=b, for=_c"], "for=_c, for=203.0.113.9"),
        (&["for=\"6.6.6.6", "for=_c"], "for=_c, for=203.0.113.9"),
        (&["for=_c", "for=\"6.6.6.6"], "for=203.0.113.9"),
        (&["for=_c,"], "for=_c, , for=203.0.113.9"),
    ] {
        let lines: Vec<_> = inherited.iter().map(|line| format!("Forwarded: {line}")).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let found = written(&lines, &hop, Family::Forwarded, WriteMode::Append);
        assert_eq!(found, [format!("forwarded: {expected}")], "{inherited:?}");
    }
}

#[test]
fn refused() {
    for host in ["", "a b", "user@a.example", "a.example:0", "a\"b"] {
        let kind = Hop::new(Peer::UNIX).host(host).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::InvalidHost, "{host}");
    }
    for prefix in ["", "app", "//app", "/../app", "/a%2fb", "/a\"b", "/a,b", "/a,/b"] {
        let kind = Hop::new(Peer::UNIX).prefix(prefix).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::InvalidPrefix, "{prefix}");
    }
    let long = format!("/{}", "a".repeat(4096));
    assert_eq!(Hop::new(Peer::UNIX).prefix(&long).unwrap_err().kind(), ErrorKind::TooLong);
    assert!(Hop::new(Peer::UNIX).prefix(&long[..4096]).is_ok());
    let mut full = HeaderMap::new();
    for n in 0..32_768 {
        if full.try_append(format!("x-{n}").parse::<http::HeaderName>().unwrap(), 1.into()).is_err()
        {
            break;
        }
    }
    let before = full.len();
    let error = write(&mut full, &hop(), Family::XForwarded, WriteMode::Append).unwrap_err();
    assert_eq!((error.kind(), full.len()), (ErrorKind::TooManyHeaders, before));
}
