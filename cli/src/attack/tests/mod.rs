//! Safe configurations pass, and departures from them are caught. The recipes are safe.

mod conditional;
mod recipes;

use clap::Parser;
use proptest::prelude::*;

use super::{Tried, attack, judge::Verdict};
use crate::args::{Arguments, Command};

fn tried(config: &str, style: &str, more: &[&str]) -> Tried {
    let program = ["proxyfix", "attack", "--config", config, "--style", style];
    let arguments = Arguments::parse_from(program.iter().chain(more));
    let Command::Attack(arguments) = arguments.command else { panic!("another command") };
    attack(&arguments.config.read().unwrap().config, &arguments)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What is wrong: the worst attack, or an honest request that is misread.
fn wrong(config: &str, style: &str) -> Option<String> {
    let tried = tried(config, style, &[]);
    if tried.is_safe() {
        return None;
    }
    let too_far = tried.headers.iter().filter(|header| header.too_far);
    let too_far = too_far.map(|header| format!("{}: more is read than written", header.name));
    let misread = tried.misread.iter().map(|m| format!("{}: {} for {}", m.field, m.got, m.truth));
    let worst = tried.attacks.iter().filter(|attack| attack.verdict.is_hole());
    let worst = worst.map(|attack| format!("{}: {}", attack.name, attack.detail));
    misread.chain(worst).chain(too_far).next()
}

/// Catches a header that a proxy passes through, or in which it writes fewer elements than are read.
#[test]
fn departures_are_caught() {
    const PRIVATE: &str = "proxies=10.0.1.0/24";
    for (style, config) in [
        // No proxy writes it.
        ("nginx", "for=1 prefix=1"),
        ("nginx", "forwarded=1"),
        ("nginx", "client-ip=X-Real-IP"),
        ("caddy", "for=1 port=1"),
        ("h2o", "for=1 host=1"),
        ("alb", "for=1 host=1"),
        ("alb-preserve", "for=1"),
        ("function-url", "for=1"),
        ("scaleway", "for=1 proto=1"),
        ("digitalocean", "for=1 proto=1"),
        ("fly", "client-ip=Fly-Client-IP proto=1"),
        ("nginx-forwarded", "for=1"),
        ("cloudflare", "client-ip=True-Client-IP"),
        ("istio", "client-ip=X-Envoy-External-Address"),
        ("envoy-gateway", "for=1 proto=1 host=1"),
        ("openshift", "for=1 prefix=1"),
        ("alb,kong", "for=2 proto=1 host=1"),
        ("apisix", "for=1 proto=1 prefix=1"),
        ("sozu", "for=1 proto=1"),
        ("nginx-proxy-manager-default", "for=1 proto=1"),
        ("home-assistant", "for=2 proto=1"),
        ("home-assistant", "for=2 host=1"),
        ("tailscale", "client-ip=X-Real-IP"),
        ("pass", "for=1"),
        ("if-absent", "for=1"),
        ("alb", "for=1 proto=1 proto-name=X-Forwarded-Ssl"),
        ("lighttpd", "for=1 host=1"),
        ("h2o", "for=1 host=1 hosts=app.example"),
        // The count is too high.
        ("nginx", "for=2"),
        ("nginx", "for=1 proto=2"),
        ("haproxy,nginx", "for=3"),
        ("haproxy,nginx", "for=2 proto=2"),
        ("caddy", "for=2"),
        ("google-cloud", "for=3"),
        ("append", "for=2 proto=2"),
        ("append-forwarded", "forwarded=2"),
        // It is too low.
        ("haproxy,nginx", "for=1"),
        ("google-cloud", "for=1"),
        ("railway", "for=1 proto=1"),
        ("render", "for=1 proto=1"),
        ("app-engine", "for=1 proto=1"),
        ("home-assistant", "for=1"),
        // The scheme of the connection between the two.
        ("haproxy,nginx:edge", "for=2 proto=1"),
        ("front-door,application-gateway", "for=2 proto=1 host=1"),
        // Settings that give up a part of the security property.
        ("nginx", "for=1 headers=keep"),
        ("nginx", "for=1 uri=keep"),
        ("nginx", "for=1 exempt=X-Real-IP"),
        ("apache-forwarded", "forwarded=1 missing=peer"),
        ("haproxy,apache", "for=walk all-trusted=leftmost"),
        ("nginx", "for=2 invalid=peer"),
    ] {
        let config = format!("{PRIVATE} {config}");
        assert!(wrong(&config, style).is_some(), "{style}: {config}");
    }
    // A client in the proxies' network, under a walk.
    let inside = ["--client", "10.0.1.77"];
    assert!(!tried("proxies=10.0.1.0/24 for=walk", "nginx", &inside).is_safe());
    assert!(tried("proxies=10.0.1.0/24 for=1", "nginx", &inside).is_safe());
    // A walk that ends at a proxy that is not listed.
    let outside = ["--address", "192.0.2.9,10.0.1.1"];
    assert!(!tried("proxies=10.0.1.0/24 for=walk", "haproxy,nginx", &outside).is_safe());
}

/// A count reads what `proxyfix::write` appends, no matter what came in.
#[test]
fn written_by_the_library() {
    for style in ["append", "replace", "append,append", "append,append,append"] {
        let count = style.split(',').count();
        let config = format!("proxies=unix for={count} proto={count} host={count} port={count}");
        assert_eq!(wrong(&config, style), None, "{style}");
    }
    for style in ["append-forwarded", "replace-forwarded", "append-forwarded,append-forwarded"] {
        let count = style.split(',').count();
        assert_eq!(wrong(&format!("proxies=unix forwarded={count}"), style), None, "{style}");
    }
}

/// A header of `--sets` counts as written by the edge.
#[test]
fn what_the_edge_sets() {
    for name in ["Front-End-Https", "X-Forwarded-HTTPS", "X-HTTPS", "X-Proxied-HTTPS"] {
        let config = format!("proxies=loopback for=1 proto=1 prefix=1 proto-name={name}");
        assert!(!tried(&config, "nginx", &[]).is_safe());
        let sets = ["--sets", &format!("X-Forwarded-Prefix,{name}")];
        assert!(tried(&config, "nginx", &sets).is_safe(), "{name}");
    }
    assert!(tried("proxies=unix client-ip=X-Real-IP", "nginx", &["--sets", "x-real-ip"]).is_safe());
}

/// If an inner proxy obeys a client's `Connection`, the loss is reported, but it is not a hole.
#[test]
fn what_is_lost() {
    let tried = |config| tried(config, "apache-forwarded", &[]);
    let open = tried("proxies=loopback forwarded=1");
    assert!(open.is_safe() && open.count(Verdict::Lost) > 0);
    assert_eq!(tried("proxies=loopback forwarded=1 missing=reject").count(Verdict::Lost), 0);
}

/// Honest clients ask for a host that is allowed, on its port.
#[test]
fn hosts_with_ports() {
    for hosts in ["app.example:443", "*.a.example:443,b.example", "[::1]:443", "app.example:*"] {
        let config = format!("proxies=loopback for=1 proto=1 hosts={hosts}");
        assert!(tried(&config, "nginx", &["--https-only"]).is_safe(), "{hosts}");
        let both = tried(&config, "nginx", &[]);
        assert!(both.is_safe() && both.misread.is_empty(), "{hosts}");
        // Over plain HTTP, all clients are rejected if port 80 is not allowed.
        let turned_away = !matches!(hosts, "app.example:*" | "*.a.example:443,b.example");
        assert_eq!(both.notes.len(), usize::from(turned_away), "{hosts}");
    }
    for hosts in ["app.example:8443", "app.example:80"] {
        let config = format!("proxies=loopback for=1 proto=1 hosts={hosts}");
        assert!(tried(&config, "nginx", &[]).is_safe(), "{hosts}");
    }
    // A lie about the scheme is also a lie about the port.
    let config = "proxies=loopback for=1 proto=1 hosts=app.example:443";
    assert!(!tried(config, "pass", &[]).is_safe());
}

/// A client that uses plain HTTP, and seems to use TLS because a header is lost, has got through, whether or
/// not it also passes for another client.
#[test]
fn a_lost_header_is_no_tls() {
    for more in ["missing=peer", "missing=unknown", "missing=reject"] {
        let config = format!("proxies=loopback forwarded=1 listener=https {more}");
        let tried = tried(&config, "apache-forwarded", &[]);
        for attack in &tried.attacks {
            let upgraded = attack.detail.contains("scheme https instead of http");
            assert!(!upgraded || attack.verdict == Verdict::Believed, "{}", attack.detail);
        }
        if more == "missing=peer" {
            assert!(!tried.is_safe() && tried.count(Verdict::Believed) > 0);
        }
    }
}

/// The notes say what is not tried, and the help says what to do about a last proxy that is not listed.
#[test]
fn past_the_proxies() {
    for (proxies, notes) in [("any", 1), ("10.0.0.1,::/0", 1), ("10.0.0.0/8", 0), ("none", 0)] {
        let tried = tried(&format!("proxies={proxies} for=1"), "nginx", &[]);
        assert_eq!(tried.notes.len(), notes, "{proxies}");
    }
    let help = |config: &str, addresses| {
        tried(config, "haproxy,nginx", &["--address", addresses]).unlisted.unwrap_or_default()
    };
    let (inner, outer) = ("192.0.2.9,192.0.2.1", "192.0.2.9,10.0.1.1");
    assert_eq!(help("proxies=10.0.1.0/24 for=2", inner), "proxies=10.0.1.0/24,192.0.2.1");
    assert_eq!(help("proxies=10.0.1.0/24 for=2", outer), "");
    let all = "proxies=10.0.1.0/24,192.0.2.9,192.0.2.1";
    assert_eq!(help("proxies=10.0.1.0/24 for=2 verify=hops", inner), all);
    assert_eq!(help("proxies=10.0.1.0/24 for=walk", inner), all);
    assert_eq!(help("proxies=none for=2", inner), "proxies=192.0.2.1");
}

/// A last proxy that is not listed is not believed, no matter what is trusted: no spoofed request gets
/// through, and the client is the proxy.
#[test]
fn an_untrusted_last_proxy_is_a_mistake() {
    for (config, address) in [
        ("proxies=10.0.0.1 proto=1", "172.18.0.1"),
        ("proxies=10.0.0.1 for=1 proto=1 host=1", "172.18.0.1"),
        ("proxies=none for=1", "127.0.0.1"),
    ] {
        for style in ["nginx", "nginx-minimal"] {
            let tried = tried(config, style, &["--address", address]);
            let misread: Vec<_> = tried.misread.iter().map(|misread| misread.field).collect();
            assert!(!tried.is_safe());
            assert_eq!(misread, ["client", "scheme"], "{config}");
            assert_eq!(tried.misread[0].got, address, "{config}");
            assert!(tried.unlisted.is_some_and(|write| write.ends_with(address)), "{config}");
        }
    }
    let trusted = tried("proxies=172.18.0.1 for=1 proto=1", "nginx", &["--address", "172.18.0.1"]);
    assert!(trusted.is_safe());
}

/// With the lines of most guides, `X-Forwarded-Host` is the client's.
#[test]
fn minimal_lines() {
    assert_eq!(wrong("proxies=loopback for=1 proto=1", "nginx-minimal"), None);
    let tried = tried("proxies=loopback for=1 proto=1 host=1", "nginx-minimal", &[]);
    let host = tried.headers.iter().find(|header| header.name == "x-forwarded-host").unwrap();
    assert!(host.too_far && host.written == 0);
    assert!(tried.count(Verdict::Believed) > 0 && !tried.is_safe());
}

/// Every style describes what it writes, and the chain writes exactly that.
#[test]
fn what_is_assumed_is_printed() {
    for style in crate::model::all() {
        let tried = tried("proxies=loopback for=1", style.name, &[]);
        let text = anstream::adapter::strip_str(&super::report::text(&tried, false)).to_string();
        let assumed = crate::model::assumed(&tried.chain.links[0], 0);
        for crate::model::Assumed { header, does } in &assumed {
            let is_said =
                |line: &str| line.trim_start().starts_with(header) && line.ends_with(does);
            assert!(text.lines().any(is_said), "{header}: {text}");
        }
        let writes = assumed.iter().any(|assumed| {
            assumed.header == "x-forwarded-for"
                && !["removed", "if the header did not come in"]
                    .iter()
                    .any(|end| assumed.does.ends_with(end))
        });
        let written = tried.headers[0].written > 0;
        assert!(written >= writes, "{}: {text}", style.name);
    }
}

/// The name of an attack says what is sent, even if the attack before it is not shown.
#[test]
fn names_stand_alone() {
    let tried = tried("proxies=loopback for=1 proto=1", "nginx", &[]);
    let begins =
        |name: &str| ["the same with ", "the same, ", "those "].iter().any(|w| name.starts_with(w));
    let names: Vec<_> = tried.attacks.iter().map(|attack| &attack.name).collect();
    assert!(!names.iter().any(|name| begins(name)), "{names:?}");
}

/// Styles that write their headers on every request. (Others write a header only if it is absent, or the host
/// only if there is one. An honest request does not show what these always do.)
const STEADY: [&str; 12] = [
    "nginx",
    "nginx:edge",
    "haproxy",
    "haproxy:edge",
    "varnish:edge",
    "h2o",
    "trafficserver:edge",
    "alb",
    "google-cloud",
    "application-gateway",
    "append",
    "pass",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// **Non-interference**: with counts that reach exactly as far as the proxies write, up to the edge,
    /// nothing gets through any chain. With one more, something does.
    #[test]
    fn what_is_written_is_safe(
        styles in prop::collection::vec(prop::sample::select(&STEADY[..]), 1..4),
        asked in prop::collection::vec(any::<bool>(), 4),
        more in prop::sample::select(&["", " verify=hops", " hosts=app.example", " headers=strip"][..]),
        too_high in 0_usize..5,
    ) {
        let style = styles.join(",");
        let all = tried("proxies=10.0.1.0/24 for=1 proto=1 host=1 port=1", &style, &[]);
        let written: Vec<_> = all.headers.iter().map(|header| header.written).collect();
        let keys = ["for", "proto", "host", "port"];
        let config = |more_of: Option<usize>| {
            let count = |at: usize| {
                let asked = at == 0 || asked[at];
                written[at] * usize::from(asked) + usize::from(more_of == Some(at))
            };
            let keys: Vec<_> = (0..4).map(|at| format!("{}={}", keys[at], count(at))).collect();
            format!("proxies=10.0.1.0/24 {}{more}", keys.join(" "))
        };
        prop_assume!(written[0] > 0);
        let fits = tried(&config(None), &style, &[]);
        let hole = fits.attacks.iter().find(|attack| attack.verdict.is_hole());
        prop_assert!(hole.is_none(), "{}: {style}: {}", config(None), hole.unwrap().detail);
        if too_high < 4 && !more.contains("verify") && (too_high == 0 || asked[too_high]) {
            let config = config(Some(too_high));
            prop_assert!(!tried(&config, &style, &[]).is_safe(), "{config}: {style}");
        }
    }

    /// Any configuration and any chain can be tried, linted and printed.
    #[test]
    fn anything_can_be_tried(
        style in prop::collection::vec(0_usize..42, 1..5),
        proxies in prop::sample::select(&["any", "none", "unix", "0.0.0.0/0", "::/0,unix", "private", "10.0.0.1", "2001:db8::/127"][..]),
        trust in prop::sample::select(&["for=9", "for=walk proto=aligned", "forwarded=walk", "forwarded=3", "prefix=join:2", "client-ip=Cookie2 port=99999999999", "for=1 for-name=X_For", "forwarded=2 proto=1 host=1 forwarded-ipv6=bare", "for=1 client-ip=CF-Connecting-IP edge=10.0.0.0/30,2001:db8::/32"][..]),
        more in prop::sample::select(&["", " missing=peer invalid=peer", " headers=keep uri=keep", " hosts=*.a.example,[::1]", " secret-header=X-A", " secret-header=X_A proxy-only=Remote-User missing=reject", " proxy-only=X-Forwarded-User hosts=a.example:444 ; proxies=192.0.2.0/24 for=walk ; none"][..]),
    ) {
        let styles: Vec<_> = crate::model::all().collect();
        let style: Vec<_> = style.iter().map(|at| styles[at % styles.len()].name).collect();
        let config = format!("proxies={proxies} {trust}{more}");
        if crate::settings::with_secret(&config).is_ok() {
            let tried = tried(&config, &style.join(","), &[]);
            let text = super::report::text(&tried, true);
            let plain = anstream::adapter::strip_str(&text).to_string();
            prop_assert!(plain.chars().all(|c| matches!(c, ' '..='~' | '\n' | '→' | '…')), "{plain}");
        }
    }
}
