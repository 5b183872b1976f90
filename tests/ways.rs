//! Several ways in: the first whose proxies have the peer decides. Only the peer selects the way in.

mod util;

use http::Request;
use proxyfix::{
    Config, ConfigBuilder, ErrorKind, Peer, TrustedProxies, explain, fix_request, resolve,
};
use util::{config, of, peer, request, table};

const TUNNEL: &str = "proxies=unix client-ip=X-Tunnel-Client";
const BALANCER: &str = "proxies=10.0.0.0/8 for=1 proto=1";
const DIRECT: &str = "none";

fn ways() -> Config {
    config(&format!("{TUNNEL} ; {BALANCER} ; {DIRECT}"))
}

const LINES: [&str; 4] = [
    "X-Forwarded-For: 198.51.100.7, 203.0.113.9",
    "X-Forwarded-Proto: https",
    "X-Tunnel-Client: 203.0.113.10",
    "Host: app.example",
];

fn fixed(from: Peer) -> Request<()> {
    let mut request = request("192.0.2.1", "/", &LINES);
    request.extensions_mut().insert(from);
    fix_request(&mut request, &ways()).unwrap();
    request
}

#[test]
fn peer_selects() {
    for (from, client, scheme, left) in [
        (Peer::UNIX, "203.0.113.10", "http", &["host", "x-tunnel-client"][..]),
        (
            peer("10.0.0.1"),
            "203.0.113.9",
            "https",
            &["host", "x-forwarded-for", "x-forwarded-proto"],
        ),
        (peer("192.0.2.77"), "192.0.2.77", "http", &["host"]),
    ] {
        let fixed = fixed(from);
        let resolved = of(&fixed);
        assert_eq!(resolved.client().to_string(), client);
        assert_eq!(resolved.scheme().as_str(), scheme);
        // A header that one way in trusts is a stranger's in another.
        let mut names: Vec<_> = fixed.headers().keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, left, "{from}");
    }
}

/// A way in decides everything about its requests. The last one also decides about strangers' requests.
#[test]
fn settings_are_of_the_way() {
    let two =
        config("proxies=10.0.0.1 for=1 hosts=a.example ; proxies=10.0.0.2 for=1 hosts=b.example");
    let kind = |from: &str, host: &str| {
        let mut request =
            request(from, "/", &[format!("Host: {host}"), "X-Forwarded-For: 203.0.113.9".into()]);
        fix_request(&mut request, &two).map_err(|error| error.kind())
    };
    let refused = Err(ErrorKind::HostNotAllowed);
    assert_eq!(kind("10.0.0.1", "a.example"), Ok(()));
    assert_eq!(kind("10.0.0.1", "b.example"), refused);
    assert_eq!(kind("10.0.0.2", "a.example"), refused);
    assert_eq!(kind("10.0.0.2", "b.example"), Ok(()));
    assert_eq!(kind("192.0.2.1", "a.example"), refused);
    assert_eq!(kind("192.0.2.1", "b.example"), Ok(()));
}

/// The first way in that has the peer decides, even if a later one has it too.
#[test]
fn order_counts() {
    let two = config("proxies=10.0.0.1 for=1 ; proxies=10.0.0.0/8 for=2");
    let client = |from: &str| {
        let request = request(from, "/", &["X-Forwarded-For: 198.51.100.7, 203.0.113.9"]);
        let resolved = resolve(peer(from), request.headers(), request.uri(), &two).unwrap();
        (resolved.client().to_string(), resolved.source().client().to_string())
    };
    assert_eq!(client("10.0.0.1"), ("203.0.113.9".into(), "x-forwarded-for, hop 1".into()));
    assert_eq!(client("10.0.0.2"), ("198.51.100.7".into(), "x-forwarded-for, hop 2".into()));
}

/// An unknown peer selects no way in, so our own wiring is at fault. It is no proxy of one way, either,
/// unless any peer is.
#[test]
fn without_peer() {
    let request = request("10.0.0.1", "/", &["X-Forwarded-For: 203.0.113.9"]);
    let answer = |text: &str| {
        let resolved = resolve(None, request.headers(), request.uri(), &config(text));
        resolved.map(|resolved| resolved.client().to_string()).map_err(|error| error.kind())
    };
    assert_eq!(answer("proxies=any for=1"), Ok("203.0.113.9".into()));
    assert_eq!(answer("proxies=unix for=2 ; proxies=any for=1"), Err(ErrorKind::MissingPeer));
    assert_eq!(answer("proxies=unix for=1 ; none"), Err(ErrorKind::MissingPeer));
}

#[test]
fn text_form() {
    let all = ways();
    assert_eq!(
        all.to_string(),
        "proxies=unix client-ip=x-tunnel-client ; proxies=10.0.0.0/8 for=1 proto=1 ; proxies=none"
    );
    for text in [
        format!("{TUNNEL}\n{BALANCER}\n{DIRECT}"),
        format!("  {TUNNEL} ;\n\n{BALANCER}  ;\nproxies=none\n"),
        "proxies=unix\n  client-ip=X-Tunnel-Client\nproxies=10.0.0.0/8\nfor=1\nproto=1\nnone"
            .into(),
        all.to_string(),
    ] {
        assert_eq!(config(&text), all, "{text}");
    }
    // One way in, in several lines, in any order.
    assert_eq!(config("for=1\nproxies=unix"), config("proxies=unix for=1"));
    assert_eq!(config("none"), config("proxies=none"));
    assert_ne!(
        config(&format!("{BALANCER} ; {TUNNEL}")),
        config(&format!("{TUNNEL} ; {BALANCER}"))
    );
    let parts: Vec<_> = all.ways().map(|way| way.to_string()).collect();
    assert_eq!(parts.join(" ; "), all.to_string());
}

#[test]
fn in_code() {
    let joined = config(TUNNEL).or(&config(BALANCER)).unwrap().or(&config(DIRECT)).unwrap();
    assert_eq!(joined, ways());
    assert_eq!(joined.to_builder().build(), Ok(joined.clone()));
    // The builder changes the first way in.
    let changed = joined.to_builder().allowed_hosts(["a.example"]).build().unwrap();
    assert!(
        changed.to_string().starts_with("proxies=unix client-ip=x-tunnel-client hosts=a.example ;")
    );
    assert_eq!(changed.ways().count(), 3);
}

#[test]
fn errors() {
    let unreachable = |proxies: &str| {
        format!(
            "no peer can reach the way in with proxies={proxies}: write ways with fewer addresses before those with more, and none or any last"
        )
    };
    let rows = [
        ("none ; proxies=unix for=1", unreachable("none")),
        ("proxies=any for=1 ; proxies=unix for=1", unreachable("unix")),
        ("proxies=any for=1 ; proxies=any for=2", unreachable("any")),
        (
            "proxies=10.0.0.0/8,::1 for=1 ; proxies=10.1.0.0/16,::1 for=2",
            unreachable("10.1.0.0/16,::1"),
        ),
        (
            "proxies=10.0.0.0/9 for=1 ; proxies=10.128.0.0/9 for=1 ; proxies=10.0.0.0/8 for=1",
            unreachable("10.0.0.0/8"),
        ),
        ("proxies=unix for=1 ; for=1", "no trusted proxies; write".into()),
        ("proxies=unix for=1 ; proxies=10.0.0.1", "no header is trusted; write".into()),
        (
            "proxies=unix for=1 exempt=Remote_User ; proxies=10.0.0.1 for=1 proxy-only=Remote-User",
            "remote-user is in exempt and in proxy-only; keep one".into(),
        ),
        (
            "proxies=unix for=1 proxy-only=X_T ; proxies=10.0.0.1 for=1 secret-header=X-T",
            "x-t is in proxy-only and in secret-header; keep one".into(),
        ),
        (
            "proxies=10.0.0.1 for=1 secret-header=X-T ; proxies=unix client-ip=X-T",
            "x-t is in client-ip and in secret-header; keep one".into(),
        ),
        ("proxies=unix for=1 ; loopback", "expected key=value, found \"loopback\"".into()),
    ];
    let rows = rows.map(|(text, expected)| ((text, expected.clone()), expected));
    table(rows, |(text, expected)| {
        let builder = text.parse::<ConfigBuilder>();
        let secret = if text.contains("secret-header") { Some("0123456789abcdef") } else { None };
        let builder =
            builder.map(|builder| secret.into_iter().fold(builder, ConfigBuilder::secret));
        let error = builder.and_then(ConfigBuilder::build).expect_err(text).to_string();
        error.chars().take(expected.chars().count()).collect()
    });
    let many = |count: usize| {
        let ways = (0..count).map(|at| format!("proxies=10.0.0.{at} for=1"));
        ways.collect::<Vec<_>>().join(" ; ").parse::<Config>()
    };
    assert_eq!(many(64).unwrap().ways().count(), 64);
    assert_eq!(
        many(65).unwrap_err().to_string(),
        "there are more than 64 ways in; put networks with the same settings into one list"
    );
    // A way in that is reached in part, or only over Unix sockets, is reached.
    for text in [
        "proxies=10.0.0.0/8 for=1 ; proxies=10.0.0.0/7 for=1",
        "proxies=10.0.0.0/8 for=1 ; proxies=unix,10.0.0.1 for=1",
        "proxies=unix for=1 ; proxies=any for=1",
    ] {
        assert!(text.parse::<Config>().is_ok(), "{text}");
    }
}

/// A fixed request stays unchanged with the same ways in, and only with them.
#[test]
fn fixed_once() {
    let mut fixed = fixed(peer("10.0.0.1"));
    assert!(fix_request(&mut fixed, &ways()).is_ok());
    for other in [BALANCER.to_owned(), format!("{BALANCER} ; {TUNNEL} ; {DIRECT}")] {
        let error = fix_request(&mut fixed, &config(&other)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OtherConfig, "{other}");
    }
}

#[test]
fn explained() {
    let request = request("10.0.0.1", "/", &LINES);
    let explained =
        |config: &Config| explain(peer("10.0.0.1"), request.headers(), request.uri(), config);
    let explanation = explained(&ways());
    assert_eq!(explanation.way(), 1);
    let way = |from| explain(from, request.headers(), request.uri(), &ways()).way();
    assert_eq!([way(Peer::UNIX), way(peer("10.0.0.1")), way(peer("192.0.2.77"))], [0, 1, 2]);
    let text = explanation.to_string();
    assert!(text.starts_with("way              2 of 3 decides: proxies=10.0.0.0/8\n"), "{text}");
    assert!(
        text.contains("x-tunnel-client: a forwarding header that is not trusted, removed"),
        "{text}"
    );
    assert!(!explained(&config(BALANCER)).to_string().contains("decides"));
}

/// `none` alone believes nobody: the client is the peer, and all forwarding headers are removed.
#[test]
fn nobody() {
    let none = Config::builder().proxies(TrustedProxies::none()).build().unwrap();
    let mut request = request("192.0.2.1", "/", &LINES);
    fix_request(&mut request, &none).unwrap();
    assert_eq!(of(&request).client().to_string(), "192.0.2.1");
    assert!(!request.headers().contains_key("x-forwarded-for"));
}
