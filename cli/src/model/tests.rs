//! The result of each way of writing.

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use proxyfix::{Peer, Scheme};

use super::{Chain, Client, Sent, all, link};
use crate::explain::Received;

const ADDRESS: [u8; 4] = [10, 0, 0, 1];

fn chain(styles: &str) -> Chain {
    let links: Vec<_> = styles.split(',').map(|style| link(style).unwrap()).collect();
    let addresses = links.iter().map(|_| Peer::from(std::net::IpAddr::from(ADDRESS))).collect();
    let own = [192, 0, 2, 1].into();
    Chain { links, addresses, own, between: Scheme::Http, sets: Vec::new(), secret: None }
}

/// The lines of one header after a chain.
fn passed(styles: &str, lines: &[&str], name: &str) -> Vec<String> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    let sent = Sent { uri: Uri::from_static("/"), headers };
    let client = Client { ip: [203, 0, 113, 9].into(), scheme: Scheme::Https };
    let request = chain(styles).pass(&sent, client);
    let lines = request.headers().get_all(name).iter();
    lines.map(|line| line.to_str().unwrap().to_owned()).collect()
}

#[test]
fn ways_of_writing() {
    let came = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 7.7.7.7"];
    for (style, lines) in [
        ("nginx", &["6.6.6.6, 7.7.7.7, 203.0.113.9"][..]),
        ("haproxy", &["6.6.6.6", "7.7.7.7", "203.0.113.9"]),
        ("trafficserver", &["6.6.6.6", "7.7.7.7, 203.0.113.9"]),
        ("envoy", &["6.6.6.6,7.7.7.7,203.0.113.9"]),
        ("caddy", &["203.0.113.9"]),
        ("alb-remove", &[]),
        ("pass", &["6.6.6.6", "7.7.7.7"]),
        ("google-cloud", &["6.6.6.6,7.7.7.7,203.0.113.9, 192.0.2.1"]),
        ("railway", &["203.0.113.9, 192.0.2.1"]),
        ("function-url", &["6.6.6.6", "7.7.7.7"]),
        ("api-gateway", &[]),
        ("append", &["6.6.6.6, 7.7.7.7, 203.0.113.9"]),
        ("alb,ingress-nginx", &["203.0.113.9"]),
        ("caddy,nginx", &["203.0.113.9, 10.0.0.1"]),
    ] {
        assert_eq!(passed(style, &came, "x-forwarded-for"), lines, "{style}");
    }
}

#[test]
fn elements() {
    let came = ["Forwarded: for=6.6.6.6"];
    let last = "by=192.0.2.1;for=203.0.113.9;proto=https";
    assert_eq!(passed("api-gateway", &came, "forwarded"), [format!("for=6.6.6.6,{last}")]);
    let came = ["X-Forwarded-For: 6.6.6.6, 7.7.7.7", "X-Forwarded-For: 8.8.8.8"];
    let clients = "for=6.6.6.6,for=7.7.7.7,for=8.8.8.8,for=203.0.113.9";
    let all = format!("by=192.0.2.1;{clients};proto=https");
    assert_eq!(passed("api-gateway", &came, "forwarded"), [all]);
}

#[test]
fn connection() {
    let lines = ["Connection: close, X-Forwarded-Proto", "X-Forwarded-Proto: http"];
    for (style, proto, connection) in [
        ("nginx", &["https"][..], 0),
        ("haproxy", &["https"], 1),
        // The header that it sets itself is dropped too.
        ("apache", &[], 0),
        ("squid", &["https"], 0),
        // The inner proxy drops what the edge wrote, or writes it again.
        ("haproxy,squid", &[], 0),
        ("haproxy,caddy", &["https"], 0),
        ("nginx,squid", &["https"], 0),
    ] {
        assert_eq!(passed(style, &lines, "x-forwarded-proto"), proto, "{style}");
        assert_eq!(passed(style, &lines, "connection").len(), connection, "{style}");
    }
}

#[test]
fn places() {
    // An inner proxy passes on the scheme that the edge wrote; as an edge it writes its own.
    assert_eq!(passed("haproxy,nginx", &[], "x-forwarded-proto"), ["https"]);
    assert_eq!(passed("haproxy,nginx:edge", &[], "x-forwarded-proto"), ["http"]);
    assert!(link("ngnix").is_err());
}

/// Names are found, and each has a recipe or says what it does.
#[test]
fn styles() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes");
    let plain = ["append", "replace", "if-absent", "pass", "append-forwarded", "replace-forwarded"];
    let elsewhere = [
        ("nginx-minimal", "nginx"),
        ("haproxy-option", "haproxy"),
        ("alb", "aws"),
        ("cloudfront", "aws"),
        ("application-gateway", "azure"),
        ("front-door", "azure"),
        ("ingress-nginx-full", "ingress-nginx"),
        ("api-gateway", "aws-serverless"),
        ("function-url", "aws-serverless"),
        ("cloud-run", "google-serverless"),
        ("firebase", "google-serverless"),
        ("app-engine", "google-serverless"),
        ("container-apps", "azure-container-apps"),
        ("oauth2-proxy", "forward-auth"),
        ("nginx-proxy-manager-default", "nginx-proxy-manager"),
    ];
    for style in all() {
        assert_eq!(link(style.name).unwrap().name(), style.name);
        let name = style.name.trim_end_matches("-forwarded");
        let name = name.trim_end_matches("-preserve").trim_end_matches("-remove");
        let file =
            elsewhere.iter().find(|(known, _)| *known == name).map_or(name, |(_, file)| file);
        let recipe = folder.join(format!("{file}.md"));
        assert!(plain.contains(&style.name) || recipe.is_file(), "{}", style.name);
    }
}

/// What real proxies made of the same requests, in `tests/captures/`: the set-up, its style, and the
/// headers for which that set-up has the lines of the recipe, including those that a style passes on.
const CAPTURED: [(&str, &str, &[&str]); 16] = [
    ("nginx", "nginx", &[FOR, PROTO, PREFIX, FORWARDED]),
    ("nginx-proxy-params", "nginx-minimal", &[FOR, PROTO, HOST, PORT, PREFIX, FORWARDED]),
    ("haproxy", "haproxy", &[FOR, PROTO, HOST, PREFIX, FORWARDED, REAL_IP]),
    ("haproxy-forwarded", "haproxy-option", &[FOR, FORWARDED, PREFIX]),
    ("apache", "apache", &[FOR, PROTO, PREFIX, REAL_IP]),
    ("squid", "squid", &[FOR, PREFIX, REAL_IP]),
    ("h2o", "h2o", &[FOR, PROTO, HOST, PORT, PREFIX, FORWARDED, REAL_IP]),
    ("nghttpx", "nghttpx", &[FOR, PROTO, HOST, PORT, PREFIX, FORWARDED, REAL_IP]),
    ("trafficserver", "trafficserver", &[FOR, HOST, PORT, PREFIX, FORWARDED, REAL_IP]),
    ("envoy", "envoy", &[FOR, PROTO, PREFIX, FORWARDED, REAL_IP]),
    ("hitch-varnish", "varnish", &[FOR, PROTO, PREFIX, FORWARDED, REAL_IP]),
    ("varnish", "varnish", &[FOR, PREFIX, FORWARDED, REAL_IP]),
    ("chain-haproxy-nginx", "haproxy,nginx:edge", &[FOR, PROTO, PREFIX, FORWARDED]),
    ("chain-nginx-haproxy", "nginx,haproxy:edge", &[FOR, PROTO, PREFIX, FORWARDED]),
    ("chain-haproxy-apache", "haproxy,apache:edge", &[FOR, PROTO, PREFIX, REAL_IP]),
    ("chain-apache-nginx", "apache,nginx:edge", &[FOR, PROTO, PREFIX]),
];

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";
const PORT: &str = "x-forwarded-port";
const PREFIX: &str = "x-forwarded-prefix";
const FORWARDED: &str = "forwarded";
const REAL_IP: &str = "x-real-ip";

/// Known differences between model and proxy, by set-up and scenario. If a difference matters for an answer,
/// it helps the attacker.
const OTHERWISE: [(&str, &str, &str); 16] = [
    ("squid", "xff-empty", EMPTY),
    ("h2o", "xff-empty", EMPTY),
    ("trafficserver", "xff-empty", EMPTY),
    ("envoy", "xff-empty", EMPTY),
    ("squid", "hop-xff-forged", "this header is not dropped, though `Connection` names it"),
    ("envoy", "plain-v6", LOOPBACK),
    ("envoy", "plain-v6-tls", LOOPBACK),
    ("envoy", "host-v6-literal", LOOPBACK),
    ("envoy", "xff-one-v6", LOOPBACK),
    ("nghttpx", "absolute-form-https", SCHEME),
    ("nghttpx", "absolute-form-https-same-host", SCHEME),
    ("haproxy-forwarded", "fwd-malformed", LINE),
    ("haproxy-forwarded", "fwd-open-quote", LINE),
    ("haproxy-forwarded", "fwd-quoted-comma", LINE),
    ("haproxy-forwarded", "fwd-upper-case", LINE),
    ("haproxy-forwarded", "fwd-unquoted-ipv6", LINE),
];
const EMPTY: &str = "the real one drops an empty header, the model appends to it";
const LOOPBACK: &str = "Envoy writes an address of its host instead of ::1";
const SCHEME: &str = "the set-up lacks the recipe's require-http-scheme";
const LINE: &str = "what HAProxy does not understand stays, with its own element in the next line";

/// The lines of a header, without white space after commas, and the last element with `for` first.
fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).iter();
    let text = |line: &HeaderValue| line.as_bytes().escape_ascii().to_string().replace(", ", ",");
    let first = |line: String| {
        let at = line.rfind("proto=").filter(|_| name == FORWARDED);
        match at.map(|at| line.split_at(at)) {
            Some((before, rest)) if rest.contains(";for=") => {
                let (proto, node) = rest.split_once(';').unwrap();
                format!("{before}{node};{proto}")
            }
            _ => line,
        }
    };
    lines.map(text).map(first).collect()
}

/// The model does to each request what the real proxy did.
#[test]
fn as_captured() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures");
    let (mut compared, mut differ) = (0, Vec::new());
    for (setup, style, names) in CAPTURED {
        let text = std::fs::read_to_string(folder.join(format!("{setup}.jsonl"))).unwrap();
        let mut chain = chain(style);
        chain.addresses[0] = Peer::from(std::net::IpAddr::from([127, 0, 0, 2]));
        for line in text.lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let head = |key: &str| {
                let bytes: Vec<_> = record[key].as_str()?.chars().map(|c| c as u8).collect();
                Received::parse(&bytes).ok()
            };
            // A strict parser refuses some of these requests, and some were refused by the proxy.
            let (Some(sent), Some(came)) = (head("sent"), head("received")) else { continue };
            let truth = &record["truth"];
            let client = Client {
                ip: truth["client_ip"].as_str().unwrap().parse().unwrap(),
                scheme: truth["scheme"].as_str().unwrap().parse().unwrap(),
            };
            let passed = chain.pass(&Sent { uri: sent.uri, headers: sent.headers }, client);
            for name in names {
                let (ours, theirs) = (lines(passed.headers(), name), lines(&came.headers, name));
                compared += 1;
                if ours != theirs {
                    let scenario = record["scenario"].as_str().unwrap().to_owned();
                    differ
                        .push(format!("{setup} {scenario} {name}: {ours:?}, in truth {theirs:?}"));
                }
            }
        }
    }
    let known = |(setup, scenario, _): &(&str, &str, &str)| format!("{setup} {scenario} ");
    let unknown = |d: &&String| !OTHERWISE.iter().any(|other| d.starts_with(&known(other)));
    assert_eq!(differ.iter().filter(unknown).collect::<Vec<_>>(), Vec::<&String>::new());
    for other in &OTHERWISE {
        assert!(differ.iter().any(|d| d.starts_with(&known(other))), "no longer: {other:?}");
    }
    assert!(compared > 4000, "{compared}");
}
