//! The scheme never fails open: a header that is lost on the way does not prove TLS.

mod util;

use proxyfix::{ErrorKind, Peer, Scheme, explain, fix_request};
use util::{config, of, peer, request, table};

const PROTO: &str = "X-Forwarded-Proto: https";
const FOR: &str = "X-Forwarded-For: 203.0.113.9";

/// The scheme of a request that comes over our own TLS, according to the listener or to the peer.
fn scheme(text: &str, lines: &[&str], from: &str) -> Result<Scheme, ErrorKind> {
    let by_listener = config(&format!("{text} listener=https"));
    let mut request = request(from, "/", lines);
    let mut again = request.clone();
    let outcome = fix_request(&mut request, &by_listener).map_err(|error| error.kind());
    again.extensions_mut().insert(peer(from).with_scheme(Scheme::Https));
    let by_peer = fix_request(&mut again, &config(text)).map_err(|error| error.kind());
    assert_eq!(outcome, by_peer);
    outcome?;
    assert_eq!(of(&request).scheme(), of(&again).scheme());
    assert_eq!(request.uri().scheme(), again.uri().scheme());
    Ok(of(&request).scheme())
}

#[test]
fn our_own_https_is_not_the_clients() {
    let http = Ok(Scheme::Http);
    let https = Ok(Scheme::Https);
    let rows: Vec<(&str, &[&str], _)> = vec![
        // The header that is trusted for the scheme is absent, or says nothing.
        ("forwarded=1", &[], http),
        ("forwarded=1", &["Forwarded: for=203.0.113.9"], http),
        ("forwarded=1 invalid=unknown", &["Forwarded: for=203.0.113.9;proto=x"], http),
        ("forwarded=1 invalid=unknown", &["Forwarded: \""], http),
        ("forwarded=walk", &["Forwarded: for=127.0.0.9;proto=https"], http),
        ("for=1 proto=1", &[], http),
        ("proto=1", &[], http),
        ("for=1 proto=1", &[FOR], Err(ErrorKind::Incomplete)),
        ("for=1 proto=1 invalid=unknown", &[FOR], http),
        ("for=1 proto=1 invalid=unknown", &[FOR, "X-Forwarded-Proto: x"], http),
        ("for=walk proto=aligned", &["X-Forwarded-For: 127.0.0.9", PROTO], http),
        ("for=1 proto=1 missing=reject", &[], Err(ErrorKind::Missing)),
        // The header is there.
        ("for=1 proto=1", &[FOR, PROTO], https),
        ("forwarded=1", &["Forwarded: for=203.0.113.9;proto=https"], https),
        // No header is trusted for the scheme, so all clients use TLS, as the configuration says.
        ("for=1", &[FOR], https),
        ("for=1", &[], https),
        // With these, the peer may count as the client, with our own values.
        ("for=1 proto=1 missing=peer", &[], https),
        ("for=1 proto=1 missing=peer invalid=unknown", &[FOR], http),
        ("for=1 proto=1 invalid=peer", &[FOR], https),
        ("for=1 proto=1 invalid=peer", &[], http),
    ];
    let rows = rows.into_iter().map(|(text, lines, scheme)| ((text, lines), scheme));
    table(rows, |(text, lines)| scheme(&format!("proxies=loopback {text}"), lines, "127.0.0.1"));
    // A peer that is not a proxy is the client, and its own connection uses TLS.
    for text in ["proxies=loopback for=1 proto=1", "proxies=none", "proxies=none forwarded=1"] {
        assert_eq!(scheme(text, &[], "192.0.2.1"), https);
    }
}

/// The URI and the port agree with the scheme.
#[test]
fn url_and_port_follow() {
    let mut request = request("127.0.0.1", "/item", &["Host: app.example"]);
    fix_request(&mut request, &config("proxies=loopback forwarded=1 listener=https")).unwrap();
    assert_eq!(request.uri(), "http://app.example/item");
    assert_eq!(of(&request).port(), 80);
    assert!(!of(&request).is_secure());
}

#[test]
fn explained() {
    let steps = |text: &str| {
        let request = request("127.0.0.1", "/", &[FOR]);
        let peer = Peer::from(std::net::IpAddr::from([127, 0, 0, 1]));
        let explanation = explain(peer, request.headers(), request.uri(), &config(text));
        explanation.to_string()
    };
    let lowered =
        "scheme-lowered   no trusted header says that the client came by https, so it is http";
    let text = steps("proxies=loopback forwarded=1 listener=https");
    assert!(text.contains(lowered), "{text}");
    let text = steps("proxies=loopback for=1 listener=https");
    assert!(!text.contains("scheme-lowered"), "{text}");
}
