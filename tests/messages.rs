//! Every message of a rejection, word for word: where, what, and what was expected. It has at most one
//! character that a stranger wrote, escaped.

mod util;

use http::{HeaderName, Method, Request, Version};
use proxyfix::{Error, fix_request, resolve};
use util::{config, fix, request, table};

const NODE: &str = "malformed node, expected an address with an optional port, unknown, or _identifier (IPv6 in brackets if a port follows, and in Forwarded)";
const HOST: &str = "malformed host, expected a name or address with an optional port";
const ELEMENT: &str = "malformed forwarded-element, expected name=value pairs";

#[test]
fn of_headers() {
    let rows: Vec<(&str, &[&str], String)> = vec![
        ("for=1", &["X-Forwarded-For: 6.6.6.6, 192.0.2.1<script>"], format!("x-forwarded-for, hop 1, byte 18: {NODE}, found '<'")),
        ("for=1", &["X-Forwarded-For: 192.0.2.256"], format!("x-forwarded-for, hop 1, byte 0: {NODE}")),
        ("for=1", &["X-Forwarded-For: 192.0.2.1\u{e9}"], format!("x-forwarded-for, hop 1, byte 9: {NODE}, found '\\xc3'")),
        ("for=2", &["X-Forwarded-For: 192.0.2.1"], "x-forwarded-for, hop 2: no such element, the list is shorter than the trusted count; lower the count if fewer proxies append".into()),
        ("for=1", &["X-Forwarded-For: 192.0.2.1,"], "x-forwarded-for, hop 1, byte 10: the trusted element is empty; the proxy must write a value".into()),
        ("for=1 proto=1", &["X-Forwarded-For: 192.0.2.1"], "x-forwarded-proto: missing beside another trusted header; the proxy must write it on every request, over plain http too".into()),
        ("for=1 missing=reject", &[], "x-forwarded-for: none of the trusted headers is present, and missing=reject requires one".into()),
        ("proto=1", &["X-Forwarded-Proto: javascript:x"], "x-forwarded-proto, hop 1, byte 10: malformed scheme, expected http or https, found ':'".into()),
        ("host=1", &["X-Forwarded-Host: a, b/c"], format!("x-forwarded-host, hop 1, byte 4: {HOST}, found '/'")),
        ("port=1", &["X-Forwarded-Port: 8x"], "x-forwarded-port, hop 1, byte 1: malformed port, expected a number from 1 to 65535, found 'x'".into()),
        ("prefix=1", &["X-Forwarded-Prefix: /a/%2f"], "x-forwarded-prefix, hop 1, byte 3: malformed path prefix, expected plain segments after a slash, found '%'".into()),
        ("forwarded=1", &["Forwarded: for=x, for=\"_a"], format!("forwarded, hop 1, byte 11: {ELEMENT}, found '\"'")),
        ("forwarded=1", &["Forwarded: for=_a, for=2001:db8::9"], "forwarded, hop 1, byte 12: IPv6 without brackets, which RFC 7239 does not allow; if this is how the proxy writes addresses, forwarded-ipv6=bare reads it".into()),
        ("for=1", &["Host: 127.1"], format!("host, byte 0: {HOST}")),
        ("for=1", &["X-Forwarded-For: fe80::1%a/b"], format!("x-forwarded-for, hop 1, byte 9: {NODE}, found '/'")),
        ("forwarded=1", &["Forwarded: for=_a;by=_b;for=_c"], "forwarded, hop 1, byte 13: a parameter occurs twice in one element".into()),
        ("for=1", &["Host: a", "Host: b"], "host: expected one value, found several".into()),
        ("for=1", &["Host: [fe80::1%25]"], format!("host, byte 8: {HOST}, found '%'")),
        ("for=1", &["Host: a@b"], format!("host, byte 1: {HOST}, found '@'")),
        ("for=1 hosts=a.example", &["Host: b.example"], "host: the host is not one of the allowed hosts; if it is ours, add it to hosts=".into()),
        ("host=2 hosts=a.example", &["X-Forwarded-Host: b.example, a.example"], "x-forwarded-host, hop 2: the host is not one of the allowed hosts; if it is ours, add it to hosts=".into()),
        ("for=1 hosts=a.example", &[], "no host is known: neither the request nor a trusted header names one".into()),
        ("for=1", &["Connection: X-Forwarded-For"], "x-forwarded-for: named in the connection header, so a proxy on the way may have dropped it".into()),
        ("for=walk all-trusted=reject", &["X-Forwarded-For: 10.0.0.9"], "x-forwarded-for: every address is a trusted proxy, none is a client".into()),
        ("for=walk max-hops=1", &["X-Forwarded-For: 192.0.2.1, 10.0.0.3, 10.0.0.2"], "x-forwarded-for, hop 2, byte 11: more trusted proxies than max-hops allows".into()),
        ("for=2 verify=hops", &["X-Forwarded-For: 192.0.2.1, 192.0.2.2"], "x-forwarded-for, hop 1, byte 11: not a trusted proxy, although it is nearer than the trusted count; lower the count, or add the address to the proxies".into()),
    ];
    let rows = rows.into_iter().map(|(options, lines, text)| ((options, lines), text));
    table(rows, |(options, lines)| {
        fix(&format!("proxies=10.0.0.0/8 {options}"), lines).expect_err("invalid").to_string()
    });
}

/// No message repeats any part of a secret.
#[test]
fn of_a_secret() {
    let config = "proxies=any for=1 missing=reject secret-header=X-Secret";
    let config = config
        .parse::<proxyfix::ConfigBuilder>()
        .unwrap()
        .secret("abc-abc-abc-abc-abc")
        .build()
        .unwrap();
    let error = fix_request(&mut request("10.0.0.1", "/", &["X-Secret: x"]), &config).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x-secret: the peer is one of the proxies, but does not send the secret in this header exactly once"
    );
    assert_eq!((error.kind().code(), error.status().as_u16()), ("missing-secret", 400));
}

/// The codes that programs match on.
#[test]
fn codes() {
    let code = |line: &str| {
        fix("proxies=10.0.0.0/8 for=2 verify=hops", &[line]).unwrap_err().kind().code()
    };
    assert_eq!(code("X-Forwarded-For: 192.0.2.1"), "untrusted-hop");
    assert_eq!(code("X-Forwarded-For: 10.0.0.2"), "short");
    assert_eq!(code("X-Forwarded-For: x, 10.0.0.2"), "invalid-node");
    assert_eq!(code("Connection: X-Forwarded-For"), "nominated");
    let bare = fix("proxies=10.0.0.0/8 forwarded=1", &["Forwarded: for=2001:db8::9"]).unwrap_err();
    assert_eq!(bare.kind().code(), "bare-ipv6");
}

/// The place of an error does not depend on what is left of the element.
#[test]
fn of_long_lines() {
    let error = |config: &str, line: String| fix(config, &[line]).unwrap_err().to_string();
    let junk = "x".repeat(5000);
    assert_eq!(
        error("proxies=10.0.0.0/8 forwarded=1", format!("Forwarded: {junk}, for=\"_a")),
        format!("forwarded, hop 1, byte 5006: {ELEMENT}, found '\"'")
    );
    assert_eq!(
        error("proxies=10.0.0.0/8 for=1", format!("X-Forwarded-For: {junk}, a/b")),
        format!("x-forwarded-for, hop 1, byte 5003: {NODE}, found '/'")
    );
    assert_eq!(
        error("proxies=10.0.0.0/8 for=1", format!("X-Forwarded-For: {junk}")),
        "x-forwarded-for, hop 1, byte 903: an element is longer than 4096 bytes"
    );
    // It is not read beyond its longest valid form.
    assert_eq!(
        error("proxies=10.0.0.0/8 for=1", format!("Host: [{junk}")),
        format!("host, byte 262: {HOST}")
    );
}

#[test]
fn of_the_rest() {
    let fixed = |mut request: Request<()>, text: &str| -> Error {
        fix_request(&mut request, &config(text)).unwrap_err()
    };
    let at = |target: &str| request(util::PROXY, target, &[""; 0]);
    let for_1 = "proxies=10.0.0.0/8 for=1";
    assert_eq!(
        fixed(at("http://user@x/"), for_1).to_string(),
        format!("request target, byte 4: {HOST}, found '@'")
    );
    assert_eq!(
        fixed(at("http://a.example/"), "proxies=none for=1 hosts=b.example").to_string(),
        "the host is not one of the allowed hosts; if it is ours, add it to hosts="
    );
    assert_eq!(
        fixed(at("a.example:80"), for_1).to_string(),
        "malformed request target, authority form is for CONNECT only"
    );
    let mut http_2 = request(util::PROXY, "http://a.example/", &["Host: b.example"]);
    *http_2.version_mut() = Version::HTTP_2;
    assert_eq!(
        fixed(http_2, for_1).to_string(),
        "host: differs from the authority of the request target"
    );
    let mut stranger = at("/");
    stranger.extensions_mut().clear();
    assert_eq!(
        fixed(stranger, for_1).to_string(),
        "no peer is known; insert proxyfix::Peer into the request's extensions, or name the peer \
         with ProxyFixLayer::peer_from (on a Unix socket: |_| Some(Peer::UNIX)), or, with proxyfix's \
         feature axum, serve with into_make_service_with_connect_info::<SocketAddr>"
    );
    let twice = fix(for_1, &[""; 0]).unwrap();
    assert_eq!(
        fixed(twice, "proxies=10.0.0.0/8 for=2").to_string(),
        "the request was already fixed under another configuration; apply only one"
    );
    let mut full = at("http://a.example/");
    *full.method_mut() = Method::POST;
    for n in 0..32_768 {
        let name: HeaderName = format!("x-{n}").parse().unwrap();
        if full.headers_mut().try_append(name, 1.into()).is_err() {
            break;
        }
    }
    assert_eq!(fixed(full, for_1).to_string(), "host: too many header fields");

    let no_host =
        resolve(util::peer("192.0.2.1"), at("/").headers(), at("/").uri(), &config(for_1));
    let no_host = no_host.unwrap();
    assert_eq!(
        no_host.external_url("/").unwrap_err().to_string(),
        "no host is known: neither the request nor a trusted header names one"
    );
    let host = util::resolved(for_1, &["Host: a.example"]).unwrap();
    assert_eq!(
        host.external_url("//b").unwrap_err().to_string(),
        "malformed path, expected one that starts with a single slash"
    );
    let parsed = "x".parse::<proxyfix::Node>().unwrap_err().to_string();
    assert_eq!(parsed, NODE);
}

/// The parts of a message, for machines.
#[test]
fn as_parts() {
    let parts = |options: &str, line: &str| {
        let error = fix(&format!("proxies=10.0.0.0/8 {options}"), &[line]).unwrap_err();
        let header = error.header().map(ToString::to_string).unwrap_or_default();
        (header, error.hop(), error.offset())
    };
    let xff = "x-forwarded-for".to_owned();
    assert_eq!(
        parts("for=2", "X-Forwarded-For: 6.6.6.6, a/b, 10.0.0.2"),
        (xff.clone(), Some(2), Some(10))
    );
    assert_eq!(parts("for=1 missing=reject", "Accept: */*"), (xff, None, None));
    assert_eq!(parts("for=1", "Host: a@b"), ("host".into(), None, Some(1)));
    assert_eq!(parts("for=1 hosts=a", "Accept: */*"), (String::new(), None, None));
}

/// `Debug` shows the values in effect, and nothing that a stranger wrote.
#[test]
fn as_debug() {
    let lines = ["Host: a.example", "X-Forwarded-For: 6.6.6.6, 192.0.2.1", "X-Real-IP: 6.6.6.6"];
    let resolved = util::resolved("proxies=10.0.0.0/8 for=1", &lines).unwrap();
    let text = format!("{resolved:?}");
    let shown = "Resolved { client: 192.0.2.1, scheme: Http, host: Some(\"a.example\"), port: 80, ";
    assert!(text.starts_with(shown) && text.contains("x-forwarded-for"), "{text}");
    assert!(!text.contains("6.6.6.6"), "{text}");
}

/// Readers search README's list of symptoms for a part of the message.
#[test]
fn of_the_checklist_in_readme() {
    let rejected = |options: &str, line: &str| {
        fix(&format!("proxies=10.0.0.0/8 {options}"), &[line]).expect_err("a rejection")
    };
    let mut nobody = request(util::PROXY, "/", &[""; 0]);
    nobody.extensions_mut().clear();
    let mut fixed = fix("proxies=10.0.0.0/8 for=1", &[""; 0]).expect("no rejection");
    let wiring = |request| fix_request(request, &config("proxies=none for=1")).unwrap_err();
    let errors = [
        rejected("for=2", "X-Forwarded-For: 192.0.2.1"),
        rejected("for=1 proto=1", "X-Forwarded-For: 192.0.2.1"),
        rejected("for=1 hosts=a.example", "Host: b.example"),
        rejected("for=1", "X-Forwarded-For: x"),
        wiring(&mut nobody),
        wiring(&mut fixed),
    ];
    let rows = include_str!("../README.md").lines().filter_map(|line| line.strip_prefix("| "));
    let rows = rows.filter(|row| row.starts_with(['4', '5']));
    let named: Vec<_> = rows
        .map(|row| {
            let (status, rest) = row.split_once(", `").expect("a status and a text");
            let (text, _) = rest.split_once('`').expect("the end of the text");
            (status, text.trim_end_matches(" …"))
        })
        .collect();
    assert_eq!(named.len(), errors.len());
    for (error, (status, text)) in errors.iter().zip(named) {
        assert_eq!(error.status().as_str(), status, "{error}");
        assert!(error.to_string().contains(text), "{error}: must contain {text}");
    }
}
