//! What each way of writing makes of what came in.

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use proxyfix::{Peer, Scheme};

use super::{Chain, Client, Sent, all, link};

const ADDRESS: [u8; 4] = [10, 0, 0, 1];

fn chain(styles: &str) -> Chain {
    let links: Vec<_> = styles.split(',').map(|style| link(style).unwrap()).collect();
    let addresses = links.iter().map(|_| Peer::from(std::net::IpAddr::from(ADDRESS))).collect();
    let own = [192, 0, 2, 1].into();
    Chain { links, addresses, own, between: Scheme::Http, sets: Vec::new() }
}

/// The lines of one header behind a chain.
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
        ("append", &["6.6.6.6, 7.7.7.7, 203.0.113.9"]),
        ("alb,ingress-nginx", &["203.0.113.9"]),
        ("caddy,nginx", &["203.0.113.9, 10.0.0.1"]),
    ] {
        assert_eq!(passed(style, &came, "x-forwarded-for"), lines, "{style}");
    }
}

#[test]
fn connection() {
    let lines = ["Connection: close, X-Forwarded-Proto", "X-Forwarded-Proto: http"];
    for (style, proto, connection) in [
        ("nginx", &["https"][..], 0),
        ("haproxy", &["https"], 1),
        // What it sets itself is dropped too.
        ("apache", &[], 0),
        ("squid", &["https"], 0),
        // The inner one drops what the edge wrote, or writes it anew.
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
    // An inner proxy passes what the edge wrote of the scheme; as an edge it writes its own.
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
        ("haproxy-option", "haproxy"),
        ("alb", "aws"),
        ("cloudfront", "aws"),
        ("application-gateway", "azure"),
        ("front-door", "azure"),
        ("ingress-nginx-full", "ingress-nginx"),
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
