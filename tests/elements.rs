//! `proto` and `host` with counts beside `forwarded`: which elements name the scheme and the host.

mod util;

use proxyfix::{Config, ConfigError, ErrorKind, Trust, explain};
use util::{config, peer, request, resolved, table};

/// The client, the scheme and the host that `Forwarded` names.
fn read(config: &str, lines: &[&str]) -> Result<String, ErrorKind> {
    let resolved = resolved(&format!("proxies=10.0.0.0/8 {config}"), lines);
    let resolved = resolved.map_err(|error| error.kind())?;
    let host = resolved.authority().map(ToString::to_string).unwrap_or_default();
    Ok(format!("{} {}://{host}", resolved.client(), resolved.scheme()))
}

#[test]
fn own_elements_of_scheme_and_host() {
    // A gateway appends an element, and only the nearer element has the scheme and the host.
    const TWO: &str = "Forwarded: for=203.0.113.9, for=10.0.0.7;proto=https;host=shop.example";
    const HOST: &str = "Host: own.example";
    let rows: Vec<(&str, &[&str], Result<&str, ErrorKind>)> = vec![
        ("forwarded=2 proto=1 host=1", &[TWO, HOST], Ok("203.0.113.9 https://shop.example")),
        ("forwarded=2 proto=1", &[TWO, HOST], Ok("203.0.113.9 https://own.example")),
        ("forwarded=2 host=1", &[TWO, HOST], Ok("203.0.113.9 http://shop.example")),
        ("forwarded=2", &[TWO, HOST], Ok("203.0.113.9 http://own.example")),
        ("forwarded=walk proto=1 host=1", &[TWO, HOST], Ok("203.0.113.9 https://shop.example")),
        ("forwarded=1 proto=1 host=1", &[TWO, HOST], Ok("10.0.0.7 https://shop.example")),
        ("forwarded=1 proto=2", &[TWO, HOST], Ok("10.0.0.7 http://shop.example")),
        ("forwarded=2 proto=2 host=2", &[TWO, HOST], Ok("203.0.113.9 http://own.example")),
        // The elements are in separate lines.
        (
            "forwarded=2 proto=1 host=1",
            &[
                "Forwarded: for=203.0.113.9;proto=http",
                "Forwarded: proto=https;host=\"shop.example:8443\"",
            ],
            Ok("203.0.113.9 https://shop.example:8443"),
        ),
        // What a client adds on the left changes nothing.
        (
            "forwarded=2 proto=1 host=1",
            &["Forwarded: for=6.6.6.6;proto=http;host=evil.example", TWO],
            Ok("203.0.113.9 https://shop.example"),
        ),
        ("forwarded=1 proto=2", &["Forwarded: for=203.0.113.9"], Err(ErrorKind::Short)),
        ("forwarded=1 host=2", &["Forwarded: for=203.0.113.9"], Err(ErrorKind::Short)),
        (
            "forwarded=1 proto=2",
            &["Forwarded: \", for=203.0.113.9"],
            Err(ErrorKind::InvalidElement),
        ),
        ("forwarded=1 proto=2", &["Forwarded: , for=203.0.113.9"], Err(ErrorKind::Empty)),
        (
            "forwarded=1 proto=2",
            &["Forwarded: proto=x, for=203.0.113.9"],
            Err(ErrorKind::InvalidScheme),
        ),
        (
            "forwarded=1 proto=2 invalid=unknown",
            &["Forwarded: proto=x, for=203.0.113.9;proto=https;host=a.example"],
            Ok("203.0.113.9 http://a.example"),
        ),
        // Neither the scheme nor the host is read from an invalid element that is tolerated.
        (
            "forwarded=1 proto=2 host=2 invalid=unknown listener=https",
            &["Forwarded: host=evil.example;proto=https;proto=https, for=203.0.113.9", HOST],
            Ok("203.0.113.9 http://own.example"),
        ),
        // An invalid client that is tolerated does not affect them.
        (
            "forwarded=walk proto=1 host=1 invalid=unknown",
            &["Forwarded: for=x, for=10.0.0.7;proto=https;host=shop.example"],
            Ok("unknown https://shop.example"),
        ),
        (
            "forwarded=walk proto=1 host=1",
            &["Forwarded: for=10.0.0.7;proto=https;host=shop.example"],
            Ok("unknown https://shop.example"),
        ),
        ("forwarded=3 proto=1 invalid=unknown", &[TWO, HOST], Ok("unknown https://own.example")),
    ];
    let rows = rows
        .into_iter()
        .map(|(config, lines, answer)| ((config, lines), answer.map(str::to_owned)));
    table(rows, |(config, lines)| read(config, lines));
}

/// The source is the element that was read.
#[test]
fn sources() {
    let lines = ["Forwarded: for=203.0.113.9, for=10.0.0.7;proto=https;host=shop.example"];
    let resolved = resolved("proxies=10.0.0.0/8 forwarded=2 proto=1 host=1", &lines).unwrap();
    assert_eq!(resolved.source().client().to_string(), "forwarded, hop 2");
    assert_eq!(resolved.source().scheme().to_string(), "forwarded, hop 1");
    assert_eq!(resolved.source().host().to_string(), "forwarded, hop 1");
}

#[test]
fn both_forms() {
    let typed = Config::builder().proxies("10.0.0.1".parse().unwrap()).forwarded(2);
    let typed = typed.x_proto(1).x_host(1).bare_forwarded_ipv6().build().unwrap();
    let text = "proxies=10.0.0.1 proto=1 host=1 forwarded=2 forwarded-ipv6=bare";
    assert_eq!(typed.to_string(), text);
    assert_eq!(config(text), typed);
    assert_eq!(
        config("proxies=any forwarded=1 forwarded-ipv6=brackets"),
        config("proxies=any forwarded=1")
    );
}

#[test]
fn errors() {
    let aligned = |key: &str| {
        format!(
            "{key}=aligned says what forwarded= does anyway: it reads {key} in the client's own element; leave it out, or write a count such as {key}=1"
        )
    };
    let families = |other: &str| {
        format!(
            "forwarded and {other} belong to two families; trust the one that your proxy writes, because the other passes through it untouched"
        )
    };
    let rows = [
        ("forwarded=1 proto=aligned", aligned("proto")),
        ("forwarded=walk host=aligned", aligned("host")),
        ("forwarded=1 for=1", families("for")),
        ("forwarded=1 port=1", families("port")),
        ("forwarded=1 prefix=join:2", families("prefix")),
        ("forwarded=1 proto=1 proto-name=X-Scheme", families("proto-name")),
        ("forwarded=1 host-name=X-Host", families("host-name")),
        (
            "forwarded=1 forwarded-ipv6=yes",
            "forwarded-ipv6=\"yes\": expected brackets or bare".into(),
        ),
    ];
    table(rows, |text| {
        format!("proxies=10.0.0.1 {text}").parse::<Config>().expect_err(text).to_string()
    });
    let builder = Config::builder().proxies("10.0.0.1".parse().unwrap()).forwarded(1);
    let error = builder.x_proto(Trust::Aligned).build().unwrap_err();
    assert!(matches!(error, ConfigError::AlignedInForwarded { key: "proto", .. }));
}

/// If `https` silently becomes `http`, a step says so.
#[test]
fn a_nearer_scheme_is_told() {
    let codes = |config: &str, line: &str| {
        let request = request("10.0.0.1", "/", &[line]);
        let config = util::config(&format!("proxies=10.0.0.0/8 {config}"));
        let explanation = explain(peer("10.0.0.1"), request.headers(), request.uri(), &config);
        let steps = explanation.steps().iter().filter(|step| step.code() == "nearer-scheme");
        steps.map(|step| (step.hop(), step.text().unwrap().to_vec())).collect::<Vec<_>>()
    };
    let line = "Forwarded: for=203.0.113.9, for=10.0.0.7;proto=https, for=10.0.0.8";
    let nearer = vec![(Some(2), b"for=10.0.0.7;proto=https".to_vec())];
    assert_eq!(codes("forwarded=3", line), nearer);
    assert_eq!(codes("forwarded=walk", line), nearer);
    assert_eq!(codes("forwarded=3 proto=2", line), []);
    assert_eq!(codes("forwarded=2", line), []);
    assert_eq!(codes("forwarded=1", line), []);
    assert_eq!(codes("forwarded=2", "Forwarded: for=203.0.113.9, for=10.0.0.7"), []);
}
