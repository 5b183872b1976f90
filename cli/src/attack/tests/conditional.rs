//! Trust on a condition: safe configurations pass, and each change that breaks the condition is caught.

use super::{Tried, tried};
use crate::attack::judge::Verdict;

/// The worst verdict of the attacks with names that begin like this; `None` if there is none.
fn worst(tried: &Tried, begin: &str) -> Option<Verdict> {
    let named = tried.attacks.iter().filter(|attack| attack.name.starts_with(begin));
    named.map(|attack| attack.verdict).max()
}

fn is_noted(tried: &Tried, words: &str) -> bool {
    tried.notes.iter().any(|note| note.contains(words))
}

/// The way of the last proxy decides, and strangers are sent to the application.
#[test]
fn several_ways() {
    let config =
        "proxies=unix client-ip=CF-Connecting-IP ; proxies=10.0.1.0/24 for=1 proto=1 ; none";
    for (style, address, way) in
        [("cloudflare", "unix", 1), ("nginx", "10.0.1.7", 2), ("nginx", "10.9.9.9", 3)]
    {
        let tried = tried(config, style, &["--address", address]);
        assert_eq!(tried.is_safe(), way < 3, "{style}");
        assert!(is_noted(&tried, &format!("way {way} of 3 ")), "{:?}", tried.notes);
        assert!(is_noted(&tried, "from 192.0.2.66, which is in no proxies="));
        // A stranger tries the headers that each way trusts, and they are removed.
        for header in ["x-forwarded-for", "x-forwarded-proto", "cf-connecting-ip"] {
            let name = format!("straight to the application: {header}: one value");
            assert_eq!(worst(&tried, &name), Some(Verdict::Same), "{name}");
        }
        let straight = worst(&tried, "straight to the application: ").unwrap();
        assert!(!straight.is_hole());
    }
    let kept = "proxies=unix for=1 ; proxies=10.0.1.0/24 for=1 headers=keep";
    assert_eq!(
        worst(&tried(kept, "nginx", &["--address", "unix"]), "straight to the application: "),
        Some(Verdict::Leaks)
    );
    // The stranger's address is one that no way lists.
    let listed = tried("proxies=unix for=1 ; proxies=192.0.2.0/24 for=1", "nginx", &[]);
    assert!(is_noted(&listed, "from 198.51.100.66, "));
    assert_eq!(worst(&tried("proxies=unix for=1", "nginx", &[]), "straight"), None);
}

/// Without the secret, nothing that a stranger wrote gets through, although its address is one of `proxies`.
#[test]
fn secrets() {
    const SECRET: &str = "secret-header=X-Origin-Secret";
    for (config, style) in [
        ("proxies=any for=1 proto=1", "nginx"),
        ("proxies=any client-ip=CF-Connecting-IP proto=1 missing=reject", "cloudflare"),
        ("proxies=10.0.1.0/24 for=2 proto=1", "cloudflare,nginx"),
        ("proxies=unix for=1 missing=peer", "nginx"),
        ("proxies=unix for=1 ; proxies=any for=1", "nginx"),
    ] {
        let (first, rest) = config.split_once(" ; ").unwrap_or((config, ""));
        let between = if rest.is_empty() { "" } else { " ; " };
        let with = format!("{first} {SECRET}{between}{rest}");
        let tried = tried(&with, style, &[]);
        let hole = tried.attacks.iter().find(|attack| attack.verdict.is_hole());
        assert!(hole.is_none() && tried.is_safe(), "{with}: {}", hole.unwrap().name);
        assert!(
            is_noted(&tried, "without the secret") && is_noted(&tried, "writes x-origin-secret")
        );
        assert!(!is_noted(&tried, "everybody is believed"));
        for name in [
            "no lie",
            "all trusted headers",
            "x-origin-secret: a wrong one",
            "x-origin-secret: two lines",
            "x-origin-secret: the same twice",
            "x-origin-secret: as x_origin_secret",
            "x-origin-secret: named in connection",
        ] {
            assert!(worst(&tried, &format!("without the secret: {name}")).is_some(), "{name}");
        }
        // On the way through the edge, its own line replaces the client's.
        assert_eq!(worst(&tried, "x-origin-secret: a wrong one"), Some(Verdict::Same));
    }
    // An inner proxy that obeys Connection drops the secret: that is a loss, but not a hole.
    let lost = tried(&format!("proxies=10.0.1.0/24 for=1 {SECRET}"), "pass,apache", &[]);
    let dropped = worst(&lost, "x-origin-secret: named in connection");
    assert_eq!(dropped, Some(Verdict::Lost));
}

/// A stranger who bypasses a CDN is known by its own address, no matter which header of the CDN it forges.
#[test]
fn past_an_edge() {
    const EDGE: &str = "client-ip=CF-Connecting-IP edge=162.158.0.0/15";
    let begin = "past the edge: ";
    for (config, style) in [
        ("proxies=10.0.1.0/24 for=1 proto=1 host=1 port=1", "cloudflare,traefik:edge"),
        ("proxies=10.0.1.0/24 for=1 proto=1", "cloudflare,nginx:edge"),
        ("proxies=10.0.1.0/24 for=2", "cloudflare,haproxy,nginx"),
        ("proxies=10.0.1.0/24 for=walk", "cloudflare,haproxy,nginx"),
    ] {
        let config = format!("{config} {EDGE}");
        let tried = tried(&config, style, &["--inner-tls", "--https-only"]);
        let hole = tried.attacks.iter().find(|attack| attack.verdict.is_hole());
        assert!(tried.is_safe(), "{config}: {:?}", hole.map(|hole| (&hole.name, &hole.detail)));
        assert_eq!(tried.chain.addresses[0].to_string(), "162.158.0.1");
        assert_eq!(worst(&tried, &format!("{begin}no lie")), Some(Verdict::Same));
        let forged = format!("{begin}cf-connecting-ip: one value");
        assert_eq!(worst(&tried, &forged), Some(Verdict::Same));
        assert!(is_noted(&tried, "past the edge, straight to "));
    }
    // The walk passes over a client that bypasses the CDN from one of `proxies`.
    let inside = ["--inner-tls", "--https-only", "--client", "10.0.1.77"];
    let walks = format!("proxies=10.0.1.0/24 for=walk {EDGE}");
    assert!(worst(&tried(&walks, "cloudflare,nginx", &inside), begin).unwrap().is_hole());
    // With all addresses in `edge`, anyone's header is believed.
    let all = "proxies=10.0.1.0/24 for=1 client-ip=CF-Connecting-IP edge=0.0.0.0/1,128.0.0.0/2,192.0.0.0/3";
    assert_eq!(worst(&tried(all, "cloudflare,nginx", &[]), begin), Some(Verdict::Believed));
    assert!(is_noted(&tried(all, "cloudflare,nginx", &[]), "append :edge to its style"));
    let without = tried("proxies=10.0.1.0/24 for=2", "cloudflare,nginx", &[]);
    assert_eq!(worst(&without, begin), None);
    // With a secret as well, a client that bypasses the edge is unknown.
    let secret = format!("proxies=10.0.1.0/24 for=1 {EDGE} secret-header=X-Origin-Secret");
    let secret = tried(&secret, "cloudflare,nginx:edge", &["--inner-tls", "--https-only"]);
    assert!(secret.is_safe());
}

/// A header that only proxies may send counts as the client's, unless a proxy is known to write it.
#[test]
fn headers_of_proxies() {
    let config = "proxies=loopback for=1 proto=1 proxy-only=Remote-User";
    let open = tried(config, "nginx", &[]);
    assert!(!open.is_safe());
    assert_eq!(worst(&open, "remote-user: one value"), Some(Verdict::Leaks));
    assert_eq!(worst(&open, "remote-user: as remote_user"), Some(Verdict::Same));
    let straight = worst(&open, "straight to the application: remote-user").unwrap();
    assert!(!straight.is_hole());
    let report = crate::attack::report::text(&open, false);
    let report = anstream::adapter::strip_str(&report).to_string();
    assert!(report.contains("no proxy here is known to write remote-user"), "{report}");
    assert!(tried(config, "nginx", &["--sets", "Remote-User"]).is_safe());
}
