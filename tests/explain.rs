//! What `explain` says: every step with its place, and why the walk stopped.

mod util;

use http::Uri;
use proxyfix::{Step, explain};
use util::{config, peer, request};

/// Each step as its code, or as `code line.hop@span text` if it looked at an element.
fn steps(configuration: &str, lines: &[&str]) -> Vec<String> {
    let request = request(util::PROXY, "/", lines);
    let config = config(&format!("proxies=10.0.0.0/8 {configuration}"));
    let explanation = explain(peer(util::PROXY), request.headers(), &Uri::default(), &config);
    let show = |step: &Step| match (step.line(), step.hop(), step.span(), step.text()) {
        (Some(line), Some(hop), Some(span), Some(text)) => {
            format!("{} {line}.{hop}@{span:?} {}", step.code(), text.escape_ascii())
        }
        _ => step.code().to_owned(),
    };
    let end = if explanation.outcome().is_ok() { "resolved" } else { "rejected" };
    explanation.steps().iter().map(show).chain([end.to_owned()]).collect()
}

#[test]
fn count() {
    let lines =
        ["Host: a.example", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.9, 10.0.0.2"];
    assert_eq!(
        steps("for=2", &lines),
        [
            "peer-trusted",
            "hop-passed 2.1@13..21 10.0.0.2",
            "client 2.2@0..11 203.0.113.9",
            "own-scheme",
            "own-host",
            "own-port",
            "own-prefix",
            "resolved"
        ]
    );
}

#[test]
fn why_a_walk_ends() {
    let line = "X-Forwarded-For: 6.6.6.6, unknown, 10.0.0.2";
    let found = steps("for=walk", &[line]);
    assert_eq!(found[1..3], ["hop-trusted 1.1@18..26 10.0.0.2", "walk-end 1.2@9..16 unknown"]);
    let found = steps("for=walk", &["X-Forwarded-For: 10.0.0.2"]);
    assert_eq!(found[1..4], ["hop-trusted 1.1@0..8 10.0.0.2", "all-trusted", "own-client"]);
}

/// The values of one element come in the order of the fields.
#[test]
fn a_bad_host_behind_a_good_scheme() {
    let found = steps(
        "forwarded=1 invalid=unknown",
        &["Forwarded: for=192.0.2.1; host=ev*il.example; proto=https"],
    );
    let element = "1.1@0..46 for=192.0.2.1; host=ev*il.example; proto=https";
    let [client, scheme, invalid] =
        ["client", "scheme", "invalid"].map(|code| format!("{code} {element}"));
    assert_eq!(found[1..6], [&client, &scheme, &invalid, "fallback", "own-host"]);
}

/// Names the invalid part even if nothing falls back, and in a prefix of several parts.
#[test]
fn a_part_that_is_not_valid() {
    let found = steps("forwarded=1", &["Forwarded: for=192.0.2.1;proto=ftp"]);
    let element = "1.1@0..23 for=192.0.2.1;proto=ftp";
    let [client, invalid] = ["client", "invalid"].map(|code| format!("{code} {element}"));
    assert_eq!(found[1..], [&client, &invalid, "rejected"]);
    let lines = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Prefix: /a b, /b"];
    let found = steps("for=1 prefix=join:2 invalid=unknown", &lines);
    assert_eq!(found[2..5], ["prefix 1.1@6..8 /b", "invalid 1.2@0..4 /a b", "fallback"]);
}

#[test]
fn what_is_not_valid() {
    let line = "X-Forwarded-For: 192.0.2.256";
    let invalid = "invalid 1.1@0..11 192.0.2.256";
    assert_eq!(steps("for=1", &[line]), ["peer-trusted", invalid, "rejected"]);
    assert_eq!(steps("for=walk", &[line]), ["peer-trusted", invalid, "rejected"]);
    let lenient = steps("for=1 invalid=unknown", &[line]);
    assert_eq!(lenient[1..4], [invalid, "fallback", "own-client"]);
    let scalars = steps(
        "for=1 proto=1 invalid=unknown",
        &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: x"],
    );
    assert_eq!(scalars[2..5], ["invalid 1.1@0..1 x", "fallback", "own-scheme"]);
    assert_eq!(
        steps("for=2 invalid=unknown", &[line])[1..3],
        ["hop-passed 1.1@0..11 192.0.2.256", "fallback"]
    );
}

#[test]
fn forwarded_and_the_rest() {
    let line = "Forwarded: for=6.6.6.6, for=203.0.113.9;proto=https;host=a.example";
    let element = "for=203.0.113.9;proto=https;host=a.example";
    let found = steps("forwarded=1", &[line]);
    for (at, code) in ["client", "scheme", "host"].iter().enumerate() {
        assert_eq!(found[at + 1], format!("{code} 1.1@13..55 {element}"));
    }
    let lines =
        ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Port: 81", "X-Forwarded-Prefix: /a, /b"];
    let found = steps("for=1 port=1 prefix=join:2", &lines);
    assert_eq!(found[2..5], ["port 1.1@0..2 81", "prefix 1.1@4..6 /b", "prefix 1.2@0..2 /a"]);
    let request = request(util::PROXY, "/", &lines);
    let config = config("proxies=10.0.0.0/8 for=1 port=1");
    let explanation = explain(peer(util::PROXY), request.headers(), request.uri(), &config);
    let headers: Vec<_> = explanation.steps().iter().map(Step::header).collect();
    assert_eq!(headers[..2], [None, Some(&"x-forwarded-for".parse().unwrap())]);
    assert_eq!(steps("for=1", &[])[..3], ["peer-trusted", "missing", "own-client"]);
    assert_eq!(steps("proto=1", &["X-Forwarded-Proto: http"])[1], "client-untrusted");
}

/// The parts of a step, for callers that print it in their own form.
#[test]
fn reasons() {
    let lines = ["X-Forwarded-For: 192.0.2.256", "X-Forwarded-Proto: http"];
    let request = request(util::PROXY, "/", &lines);
    let config = config("proxies=10.0.0.0/8 for=1 proto=1 invalid=unknown");
    let explanation = explain(peer(util::PROXY), request.headers(), request.uri(), &config);
    let step = |code: &str| explanation.steps().iter().find(|step| step.code() == code).unwrap();
    let error = step("invalid").error().unwrap();
    assert_eq!((error.kind().code(), error.offset()), ("invalid-node", Some(0)));
    assert!(step("invalid").reason().to_string().starts_with("malformed node, expected"));
    assert_eq!(step("scheme").reason().to_string(), "this is the scheme");
    assert!(step("scheme").error().is_none());
    let fallback = step("fallback").reason().to_string();
    let because = "the value is unknown, or our own, because of x-forwarded-for, hop 1, byte 0: ";
    assert!(fallback.starts_with(because), "{fallback}");
}

/// The form for people: a line for each step, with what a stranger wrote escaped.
#[test]
fn printed() {
    let lines =
        ["Host: a.example", "X-Forwarded-For: \"\t6.6.6.6, 203.0.113.9", "X_Real_IP: 6.6.6.6"];
    let request = request(util::PROXY, "/", &lines);
    let config = config("proxies=10.0.0.0/8 for=1 proto=1 invalid=unknown");
    let explanation = explain(peer(util::PROXY), request.headers(), request.uri(), &config);
    assert_eq!(
        explanation.to_string(),
        "\
peer-trusted     the peer is a trusted proxy: its headers are read
client           x-forwarded-for, line 1, hop 1, bytes 11..22 \"203.0.113.9\": at the trusted count: this is the client
fallback         the value is unknown, or our own, because of x-forwarded-proto: missing beside another trusted header; the proxy must write it on every request, over plain http too
own-scheme       our own value: no trusted header gives one
own-host         our own value: no trusted header gives one
own-port         our own value: no trusted header gives one
own-prefix       our own value: no trusted header gives one
stripped         x_real_ip: a forwarding header that is not trusted, removed
resolved         client 203.0.113.9 (x-forwarded-for, hop 1), http://a.example (scheme: own; host: own; prefix: own)"
    );
    let untrusted = explain(peer("192.0.2.1"), request.headers(), request.uri(), &config);
    assert!(untrusted.to_string().starts_with("peer-untrusted   the peer is not a trusted proxy"));
    assert_eq!(untrusted.stripped(), ["x-forwarded-for", "x_real_ip"]);
    let rejected = explain(None, request.headers(), request.uri(), &config);
    assert!(rejected.to_string().starts_with("rejected         no peer is known"));
    assert!(rejected.into_outcome().is_err());
    let walk = util::config("proxies=10.0.0.0/8 for=walk");
    let ended = explain(peer(util::PROXY), request.headers(), request.uri(), &walk).to_string();
    assert!(ended.contains("so the walk ends: this is the client"), "{ended}");
}
