//! The captures of `tests/captures/` as recorded probes: what real proxies made of requests.
//!
//! 1. The plain requests are honest, the others lie. The captures know the truth of each.
//! 2. A derived line must give that truth on every request that was delivered, or reject it. This test compares
//!    with the captures' truth, and not with the doctor's own.
//! 3. Where there is no line, the finding that is in the way is the one that is listed here.
//! 4. Few lies were sent over TLS and IPv6. With those requests too, a line must still be safe and true.

use std::{collections::BTreeMap, fs, path::Path};

use proxyfix::{Config, Resolved, fix_request};
use proxyfix_doctor::{
    arrived::{Arrived, Field},
    infer::{Report, Severity, infer},
    probe::{Kind, Marker, Probe, Shape},
    record::{Exchange, Outcome, Protocol, Recording, Way},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Capture {
    scenario: String,
    client: String,
    tls: bool,
    sent: String,
    peer: Option<String>,
    received: Option<String>,
    status: Option<u16>,
    truth: Truth,
}

#[derive(Deserialize)]
struct Truth {
    client_ip: String,
    scheme: String,
    port: u16,
}

/// The request line and the fields of a head whose bytes are characters.
fn head(text: &str) -> (String, Vec<Field>) {
    let text = text.replace("\r\n ", " ").replace("\r\n\t", " ");
    let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().to_owned();
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let bytes: Vec<u8> = value.trim().chars().map(|c| c as u8).collect();
        Some(Field { name: name.trim().to_owned(), value: bytes[..].into() })
    };
    (first, lines.filter_map(field).collect())
}

fn kind(scenario: &str) -> Kind {
    match scenario {
        _ if scenario.starts_with("plain") => Kind::Honest,
        "xff-one"
        | "xff-one-tls"
        | "xff-one-v6"
        | "xfh"
        | "xfport"
        | "xfprefix"
        | "x-real-ip"
        | "xfp-https"
        | "xfp-http-over-tls"
        | "fwd-single"
        | "fwd-single-tls"
        | "vendor-address-fields"
        | "vendor-scheme-fields" => Kind::Headers(Shape::Once),
        "xff-two-lines" | "xfp-two-lines" | "xfh-two-lines" | "fwd-two-lines" => {
            Kind::Headers(Shape::Twice)
        }
        // `xfh-list` ends with the true host, which marks nothing.
        "xff-several" | "xfp-list" | "fwd-multi" => Kind::Headers(Shape::List),
        "xff-open-quote" | "fwd-open-quote" => Kind::Headers(Shape::OpenQuote),
        "xff-underscore" => Kind::Headers(Shape::Underscore),
        _ if scenario.starts_with("hop-") => Kind::Headers(Shape::Nominated),
        _ if scenario.starts_with("host") || scenario.starts_with("http1") => Kind::TwoHosts,
        _ if scenario.starts_with("absolute-form") => Kind::OtherAuthority,
        _ => Kind::Headers(Shape::Empty),
    }
}

fn markers(lines: &[Field]) -> Vec<Marker> {
    let mut markers = Vec::new();
    for line in lines {
        let header = line.name.to_ascii_lowercase().replace('_', "-");
        if !proxyfix::forwarding_headers().any(|name| name == header) {
            continue;
        }
        let value = line.value.to_string();
        for element in value.split(',') {
            let element = element.trim().trim_matches('"');
            let text = element.trim_start_matches("for=").trim_start_matches('"');
            let text = text.split(';').next().unwrap_or_default();
            // The host that is asked for marks nothing.
            if text == "app.example" {
                continue;
            }
            let is_common = !text.contains('.') && !text.contains("::");
            let (header, text) = (header.clone(), text.to_owned());
            markers.push(Marker { header, text, is_common });
        }
    }
    markers
}

fn exchange(capture: &Capture) -> Exchange {
    let (request, lines) = head(&capture.sent);
    let target = request.split(' ').nth(1).unwrap();
    let path = target.split("://").last().unwrap();
    let path = path.find('/').map_or("/", |at| &path[at..]).split('?').next().unwrap();
    let outcome = match (&capture.received, &capture.peer) {
        (Some(received), Some(peer)) => {
            let (request, fields) = head(received);
            let mut words = request.split(' ').map(str::to_owned);
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            Outcome::Arrived(Arrived {
                peer: Some(peer.clone()),
                version: "HTTP/1.1".to_owned(),
                method,
                target: target.as_str().into(),
                fields,
                instance: String::new(),
            })
        }
        _ => match capture.status {
            Some(status) => Outcome::Refused { status, location: None },
            None => Outcome::Closed,
        },
    };
    let probe = Probe {
        id: capture.scenario.clone(),
        kind: kind(&capture.scenario),
        markers: markers(&lines),
        lines,
    };
    let way = Way {
        scheme: capture.truth.scheme.clone(),
        protocol: Protocol::Http1,
        // Few lies were sent by IPv6; they count as lies by the same way.
        ipv6: false,
        host: "app.example".to_owned(),
        port: if capture.tls { 443 } else { 80 },
    };
    let to = format!("127.0.0.2:{}", capture.truth.port).parse().ok();
    let from = capture.client.parse().ok();
    Exchange { probe, way, path: path.to_owned(), from, to, outcome, servers: Vec::new() }
}

fn captures() -> BTreeMap<String, Vec<Capture>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures");
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let text = fs::read_to_string(&path).unwrap();
            let captures = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            all.insert(name, captures);
        }
    }
    all
}

fn report(captures: &[Capture], every: bool) -> Report {
    let mut recording = Recording::new("http://app.example/app/");
    // What refuses another path refuses no lie.
    let used = |capture: &&Capture| {
        (capture.scenario != "xfprefix-other-path" || capture.received.is_some())
            && (every || !capture.tls && !capture.client.starts_with('['))
    };
    recording.exchanges = captures.iter().filter(used).map(exchange).collect();
    infer(&recording)
}

/// What is false with this line on any request that was delivered, by the captures' own truth. `http`: only
/// those over plain HTTP and IPv4, which are all that the line was derived from.
fn wrong(line: &str, captures: &[Capture], every: bool) -> Vec<String> {
    let config: Config = line.parse().unwrap();
    let mut wrong = Vec::new();
    for capture in captures {
        let exchange = exchange(capture);
        if !every && (capture.tls || capture.client.starts_with('[')) {
            continue;
        }
        let Some(mut request) = exchange.outcome.arrived().and_then(Arrived::request) else {
            continue;
        };
        let honest = exchange.probe.is_honest();
        let answer = fix_request(&mut request, &config);
        let resolved = request.extensions().get::<Resolved>();
        let Some(resolved) = resolved.filter(|_| answer.is_ok()) else {
            if honest {
                wrong.push(format!("{}: rejected", capture.scenario));
            }
            continue;
        };
        let ip = resolved.client_ip().map(|ip| ip.to_string());
        match ip {
            None if !honest => continue,
            Some(ip) if ip == capture.truth.client_ip => {}
            other => wrong.push(format!("{}: client {other:?}", capture.scenario)),
        }
        if resolved.scheme().as_str() != capture.truth.scheme {
            wrong.push(format!("{}: scheme {}", capture.scenario, resolved.scheme()));
        }
        if exchange.probe.kind.names_its_host() && resolved.host() != Some("app.example") {
            wrong.push(format!("{}: host {:?}", capture.scenario, resolved.host()));
        }
    }
    wrong
}

/// What is derived from the requests over plain HTTP: the line, or the code of what is in the way.
const EXPECTED: [(&str, &str); 78] = [
    ("apache", "proxies=loopback for=1 proto=1 host=1"),
    ("apache, all", "host-lost"),
    ("apache-bare", "proxies=loopback for=1 host=1"),
    ("apache-bare, all", "scheme-passed host-lost"),
    ("apache-prefix", "proxies=loopback for=1 proto=1 host=1 prefix=1"),
    ("apache-prefix, all", "proxies=loopback for=1 proto=1"),
    ("apache-preserve-host", "proxies=loopback for=1 proto=1 host=1 port=1"),
    ("apache-preserve-host, all", "proxies=loopback for=1 proto=1"),
    ("apache-strip", "proxies=loopback for=1 proto=1 host=1"),
    ("apache-strip, all", "proxies=loopback for=1 proto=1"),
    ("chain-apache-nginx", "host-lost"),
    ("chain-apache-nginx, all", "scheme-overwritten host-lost"),
    ("chain-haproxy-apache", "proxies=loopback for=2 proto=1 host=2 port=1"),
    ("chain-haproxy-apache, all", "scheme-overwritten"),
    ("chain-haproxy-nginx", "proxies=loopback for=2 proto=1 host=1"),
    ("chain-haproxy-nginx, all", "scheme-overwritten"),
    ("chain-haproxy-nginx-forwarded", "client-conditional"),
    ("chain-haproxy-nginx-forwarded, all", "client-conditional"),
    ("chain-nginx-haproxy", "proxies=loopback for=2 proto=1 host=1"),
    ("chain-nginx-haproxy, all", "scheme-overwritten"),
    ("chain-varnish-nginx", "proxies=loopback for=2 proto=1 host=1"),
    ("chain-varnish-nginx, all", "proxies=loopback for=2 proto=1 host=1"),
    ("envoy", "proxies=loopback for=1 proto=1"),
    ("envoy, all", "client-overwritten"),
    ("envoy-default", "client-passed"),
    ("envoy-default, all", "client-passed"),
    ("h2o", "host-lost"),
    ("h2o, all", "host-lost"),
    ("haproxy", "proxies=loopback for=1 proto=1 host=1 port=1"),
    ("haproxy, all", "proxies=loopback for=1 proto=1"),
    ("haproxy-forwarded", "proxies=loopback forwarded=1"),
    ("haproxy-forwarded, all", "proxies=loopback forwarded=1"),
    ("haproxy-if-none", "client-conditional"),
    ("haproxy-if-none, all", "client-conditional"),
    ("haproxy-minimal", "proxies=loopback for=1"),
    ("haproxy-minimal, all", "scheme-conditional"),
    ("haproxy-prefix", "proxies=loopback for=1 proto=1"),
    ("haproxy-prefix, all", "proxies=loopback for=1 proto=1"),
    ("haproxy-strip", "proxies=loopback for=1 proto=1 host=1 port=1"),
    ("haproxy-strip, all", "proxies=loopback for=1 proto=1"),
    ("haproxy-strip-case", "proxies=loopback for=1 proto=1 host=1 port=1"),
    ("haproxy-strip-case, all", "proxies=loopback for=1 proto=1"),
    ("hitch-varnish", "proxies=loopback for=1 proto=1"),
    ("hitch-varnish, all", "proxies=loopback for=1 proto=1"),
    ("nghttpx", "proxies=loopback for=1"),
    ("nghttpx, all", "scheme-conditional"),
    ("nginx", "proxies=loopback for=1 proto=1 host=1 port=1"),
    ("nginx, all", "proxies=loopback for=1 proto=1"),
    ("nginx-bare", "client-passed"),
    ("nginx-bare, all", "client-passed"),
    ("nginx-forwarded", "proxies=loopback forwarded=1"),
    ("nginx-forwarded, all", "proxies=loopback forwarded=1"),
    ("nginx-http-host", "proxies=loopback for=1 proto=1 host=1 port=1"),
    ("nginx-http-host, all", "proxies=loopback for=1 proto=1"),
    ("nginx-overwrite", "proxies=loopback for=1 proto=1 host=1 port=1"),
    ("nginx-overwrite, all", "proxies=loopback for=1 proto=1"),
    ("nginx-passthrough", "proxies=loopback for=1"),
    ("nginx-passthrough, all", "scheme-conditional"),
    ("nginx-prefix", "proxies=loopback for=1 proto=1 host=1 port=1 prefix=1"),
    ("nginx-prefix, all", "proxies=loopback for=1 proto=1"),
    ("nginx-proxy-params", "proxies=loopback for=1 proto=1"),
    ("nginx-proxy-params, all", "proxies=loopback for=1 proto=1"),
    ("nginx-underscores", "proxies=loopback for=1 proto=1 host=1"),
    ("nginx-underscores, all", "proxies=loopback for=1 proto=1"),
    ("node-http-proxy", "proxies=loopback for=1 port=1"),
    ("node-http-proxy, all", "scheme-conditional"),
    ("squid", "proxies=loopback for=1"),
    ("squid, all", "scheme-passed"),
    ("squid-truncate", "proxies=loopback for=1"),
    ("squid-truncate, all", "scheme-passed"),
    ("tinyproxy", "client-passed"),
    ("tinyproxy, all", "client-passed"),
    ("trafficserver", "proxies=loopback for=1"),
    ("trafficserver, all", "scheme-passed"),
    ("trafficserver-forwarded", "proxies=loopback for=1"),
    ("trafficserver-forwarded, all", "proxies=loopback forwarded=1"),
    ("varnish", "proxies=loopback for=1"),
    ("varnish, all", "proxies=loopback for=1"),
];

#[test]
fn lines_are_safe_and_true() {
    let expected: BTreeMap<_, _> = EXPECTED.into_iter().collect();
    let (mut seen, mut lines) = (Vec::new(), 0);
    for (name, captures) in captures() {
        for every in [false, true] {
            let report = report(&captures, every);
            let blocks = report.findings.iter().filter(|f| f.severity == Severity::Blocks);
            let blocks: Vec<_> = blocks.map(|finding| finding.code).collect();
            let text = match &report.line {
                Some(line) => {
                    lines += 1;
                    let wrong = wrong(&line.text, &captures, every);
                    assert!(wrong.is_empty(), "{name}: {}: {wrong:#?}", line.text);
                    line.text.clone()
                }
                None => {
                    assert!(!blocks.is_empty(), "{name}: neither a line nor a reason");
                    blocks.join(" ")
                }
            };
            let name = if every { format!("{name}, all") } else { name.clone() };
            if expected.get(name.as_str()) != Some(&text.as_str()) {
                seen.push(format!("({name:?}, {text:?}),"));
            }
        }
    }
    assert!(lines > 20, "{lines}");
    assert!(seen.is_empty(), "differs from what is listed:\n{}", seen.join("\n"));
}
