//! One test for each attack in this field's history. The truth is a client at 203.0.113.9 that asked for
//! `app.example` over plain HTTP. The forged address is 6.6.6.6, and the proxy is 10.0.0.1.

mod util;

use proxyfix::ErrorKind::{
    self, DuplicateParameter, Empty, Incomplete, InvalidElement, InvalidHost, InvalidNode,
    InvalidPort, InvalidPrefix, InvalidScheme, Nominated, Repeated, Short,
};
use proxyfix::{Error, Resolved, fix_request};
use util::{client, config, fix, of, request, resolved};

const FOR: &str = "proxies=10.0.0.0/8 for=1";
const FORWARDED: &str = "proxies=10.0.0.0/8 forwarded=1";
const TRUTH: Result<&str, ErrorKind> = Ok("203.0.113.9");

#[track_caller]
fn is_client(config: &str, lines: &[impl AsRef<[u8]>], expected: Result<&str, ErrorKind>) {
    assert_eq!(client(config, lines), expected.map(str::to_owned));
    // No matter what is believed, no header downstream has the forged address or host.
    if let Ok(fixed) = fix(config, lines) {
        let left = format!("{:?} {}", fixed.headers(), fixed.uri());
        assert!(!left.contains("6.6.6.6") && !left.contains("evil"), "{left}");
    }
}

fn kind(result: Result<Resolved, Error>) -> Result<String, ErrorKind> {
    result.map(|resolved| format!("{resolved:?}")).map_err(|error| error.kind())
}

#[test]
fn leftmost_spoof() {
    is_client(FOR, &["X-Forwarded-For: 6.6.6.6, 203.0.113.9"], TRUTH);
    is_client(FORWARDED, &["Forwarded: for=6.6.6.6, for=203.0.113.9"], TRUTH);
}

#[test]
fn second_field_line() {
    is_client(FOR, &["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.9"], TRUTH);
    is_client(FOR, &["x-forwarded-for: 6.6.6.6", "X-FORWARDED-FOR: 6.6.6.6, 203.0.113.9"], TRUTH);
    is_client(FORWARDED, &["Forwarded: for=6.6.6.6", "Forwarded: for=203.0.113.9"], TRUTH);
}

#[test]
fn other_family() {
    let forged = "Forwarded: for=6.6.6.6;proto=https;host=evil.example";
    is_client(FOR, &[forged, "X-Forwarded-For: 203.0.113.9"], TRUTH);
    let forged =
        ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil.example", "X-Real-IP: 6.6.6.6"];
    is_client(FORWARDED, &[&forged[..], &["Forwarded: for=203.0.113.9"]].concat(), TRUTH);
    is_client(FOR, &forged[1..], Ok("unknown"));
}

#[test]
fn unclosed_quote_in_x_forwarded_for() {
    is_client(FOR, &["X-Forwarded-For: \"6.6.6.6, 203.0.113.9"], TRUTH);
    is_client(FOR, &["X-Forwarded-For: \", 203.0.113.9"], TRUTH);
    is_client(FOR, &["X-Forwarded-For: \"", "X-Forwarded-For: 203.0.113.9"], TRUTH);
    is_client(
        "proxies=10.0.0.0/8 for=walk",
        &["X-Forwarded-For: \", 203.0.113.9, 10.0.0.2"],
        TRUTH,
    );
}

#[test]
fn unclosed_quote_in_forwarded() {
    for junk in
        ["for=\"6.6.6.6", "for=\"", "\"", "for=\"\\", "for=\"6.6.6.6\\\"", "x=\"=", "=\"=\"=\""]
    {
        is_client(FORWARDED, &[format!("Forwarded: {junk}, for=203.0.113.9")], TRUTH);
        is_client(FORWARDED, &[format!("Forwarded: {junk}, for=\"203.0.113.9\"")], TRUTH);
        is_client(FORWARDED, &[format!("Forwarded: {junk},for=203.0.113.9;x=\"a\\\",b\"")], TRUTH);
        let lines = [format!("Forwarded: {junk}"), "Forwarded: for=203.0.113.9".to_owned()];
        is_client(FORWARDED, &lines, TRUTH);
    }
}

#[test]
fn quoted_comma_and_semicolon() {
    let line = "Forwarded: for=203.0.113.9;host=\"x, for=6.6.6.6;x=\"";
    is_client(FORWARDED, &[line], Err(InvalidHost));
    is_client(&format!("{FORWARDED} invalid=unknown"), &[line], TRUTH);
    is_client(FORWARDED, &["Forwarded: for=203.0.113.9;ext=\"x, for=6.6.6.6;for=6.6.6.6\""], TRUTH);
}

#[test]
fn duplicate_parameter() {
    is_client(FORWARDED, &["Forwarded: for=6.6.6.6;for=203.0.113.9"], Err(DuplicateParameter));
    is_client(FORWARDED, &["Forwarded: for=203.0.113.9;FOR=6.6.6.6"], Err(DuplicateParameter));
}

/// A proxy that copies `Host` into a quoted-string without escaping it.
#[test]
fn unescaped_quote_injected_through_host() {
    let element = |host: &str| format!("Forwarded: for=203.0.113.9;host=\"{host}\"");
    is_client(FORWARDED, &[element("x\";for=\"6.6.6.6")], Err(DuplicateParameter));
    is_client(FORWARDED, &[element("x\" for=\"6.6.6.6")], Err(InvalidElement));
    // This is the one injection that shifts a boundary. The client makes an element of its own, because
    // the proxy does not escape what it must escape. Do not trust such a proxy with `Forwarded`.
    let injected = element("x\", for=\"198.51.100.7");
    assert_eq!(client(FORWARDED, &[injected]).as_deref(), Ok("198.51.100.7"));
}

#[test]
fn short_chain() {
    is_client("proxies=10.0.0.0/8 for=2", &["X-Forwarded-For: 6.6.6.6"], Err(Short));
    is_client("proxies=10.0.0.0/8 forwarded=2", &["Forwarded: for=6.6.6.6"], Err(Short));
    for name in ["Proto", "Host", "Port", "Prefix"] {
        let config = format!("proxies=10.0.0.0/8 {}=2", name.to_lowercase());
        assert_eq!(kind(resolved(&config, &[format!("X-Forwarded-{name}: x")])), Err(Short));
    }
}

#[test]
fn unknown_and_identifiers_stop_the_walk() {
    let walk = "proxies=10.0.0.0/8 for=walk";
    for node in ["unknown", "_hidden"] {
        is_client(walk, &[format!("X-Forwarded-For: 6.6.6.6, {node}, 10.0.0.2")], Ok(node));
        let line = format!("Forwarded: for=6.6.6.6, for={node}, for=10.0.0.2");
        is_client("proxies=10.0.0.0/8 forwarded=walk", &[line], Ok(node));
        is_client(FOR, &[format!("X-Forwarded-For: 6.6.6.6, {node}")], Ok(node));
    }
}

#[test]
fn ipv4_mapped_addresses() {
    let walk = "proxies=10.0.0.0/8 for=walk";
    is_client(walk, &["X-Forwarded-For: 203.0.113.9, ::ffff:10.0.0.1"], TRUTH);
    is_client(walk, &["X-Forwarded-For: ::ffff:203.0.113.9, 10.0.0.1"], TRUTH);
    is_client(
        "proxies=::ffff:10.0.0.0/104 for=walk",
        &["X-Forwarded-For: 203.0.113.9, 10.0.0.1"],
        TRUTH,
    );
    let mut mapped = request("::ffff:10.0.0.1", "/", &["X-Forwarded-For: 203.0.113.9"]);
    fix_request(&mut mapped, &config(FOR)).expect("trusted");
    assert_eq!(of(&mapped).client().to_string(), "203.0.113.9");
}

#[test]
fn address_with_a_port() {
    is_client(FOR, &["X-Forwarded-For: 6.6.6.6, 203.0.113.9:5555"], Ok("203.0.113.9:5555"));
    is_client(FOR, &["X-Forwarded-For: 6.6.6.6, [2001:db8::9]:5555"], Ok("[2001:db8::9]:5555"));
    let walk = "proxies=10.0.0.0/8 for=walk";
    is_client(walk, &["X-Forwarded-For: 203.0.113.9, 10.0.0.2:5555"], TRUTH);
}

#[test]
fn port_99999() {
    is_client(FOR, &["X-Forwarded-For: 203.0.113.9:99999"], Err(InvalidNode));
    assert_eq!(
        kind(resolved("proxies=10.0.0.0/8 port=1", &["X-Forwarded-Port: 99999"])),
        Err(InvalidPort)
    );
    assert_eq!(kind(resolved(FOR, &["Host: app.example:99999"])), Err(InvalidHost));
}

#[test]
fn scheme_javascript() {
    for scheme in ["javascript", "javascript:alert(1)//", "https,javascript", "https://evil.com"] {
        let line = format!("X-Forwarded-Proto: {scheme}");
        assert_eq!(kind(resolved("proxies=10.0.0.0/8 proto=1", &[line])), Err(InvalidScheme));
        let line = format!("Forwarded: for=203.0.113.9;proto=\"{scheme}\"");
        is_client(FORWARDED, &[line], Err(InvalidScheme));
    }
}

/// `GET https://app.example/` over plain HTTP, which HAProxy and Varnish relay, and `:scheme`.
#[test]
fn absolute_form_target_and_pseudo_scheme() {
    for version in [http::Version::HTTP_11, http::Version::HTTP_2] {
        for config in ["proxies=none for=1", FOR, FORWARDED] {
            let mut forged =
                request(util::PROXY, "https://app.example/a?b", &["Host: app.example"]);
            *forged.version_mut() = version;
            fix_request(&mut forged, &util::config(config)).expect("valid");
            assert!(!of(&forged).is_secure());
            assert_eq!(forged.uri(), "http://app.example/a?b");
        }
    }
}

#[test]
fn hosts_that_are_none() {
    for host in ["evil.com/path?x#<script>", "user@app.example", "app.example, evil.example", "a b"]
    {
        assert_eq!(kind(resolved(FOR, &[format!("Host: {host}")])), Err(InvalidHost), "{host}");
        let other = [format!("Host: {host}"), "X-Forwarded-Host: app.example".to_owned()];
        // Also if a header overrides it.
        assert_eq!(
            kind(resolved("proxies=10.0.0.0/8 host=1 invalid=peer", &other)),
            Err(InvalidHost),
            "{host}"
        );
    }
    assert_eq!(kind(resolved(FOR, &["Host: app.example", "Host: evil.example"])), Err(Repeated));
    assert_eq!(kind(resolved(FOR, &["Host: app.example", "Host: app.example"])), Err(Repeated));
}

#[test]
fn prefixes_that_leave_the_site() {
    for prefix in ["//evil.com", "/a/../b", "/%2f/", "/\\evil", "/%2e%2e", "https://evil.com"] {
        let line = format!("X-Forwarded-Prefix: {prefix}");
        assert_eq!(
            kind(resolved("proxies=10.0.0.0/8 prefix=1", &[&line])),
            Err(InvalidPrefix),
            "{prefix}"
        );
        let joined = resolved("proxies=10.0.0.0/8 prefix=join:1", &[&line]);
        assert_eq!(kind(joined), Err(InvalidPrefix), "{prefix}");
    }
}

/// HAProxy relays `Connection: X-Forwarded-For`, and Apache httpd behind it obeys. HAProxy's element is
/// gone, and Apache's own element, which names HAProxy, remains.
#[test]
fn connection_through_haproxy_then_apache() {
    let remains = ["X-Forwarded-For: 10.0.0.2"];
    is_client("proxies=10.0.0.0/8 for=walk", &remains, Ok("unknown"));
    is_client("proxies=10.0.0.0/8 for=2", &remains, Err(Short));
    // If `Connection` arrives too, that alone is enough for a rejection.
    let nominated =
        ["X-Forwarded-For: 203.0.113.9, 10.0.0.2", "Connection: close, X-Forwarded-For"];
    is_client("proxies=10.0.0.0/8 for=2", &nominated, Err(Nominated));
    is_client("proxies=10.0.0.0/8 for=2", &nominated[1..], Err(Nominated));
}

/// Apache obeys `Connection` even for what its own `RequestHeader set` wrote.
#[test]
fn connection_through_apache() {
    is_client(
        "proxies=10.0.0.0/8 for=1 proto=1",
        &["X-Forwarded-For: 203.0.113.9"],
        Err(Incomplete),
    );
}

#[test]
fn aliases_with_underscores() {
    for alias in ["X_Forwarded_For", "X-Forwarded_For", "x_forwarded-for"] {
        let lines = [format!("{alias}: 6.6.6.6"), "X-Forwarded-For: 203.0.113.9".to_owned()];
        is_client(FOR, &lines, TRUTH);
        is_client(FOR, &lines[..1], Ok("unknown"));
        assert_eq!(fix(FOR, &lines).expect("valid").headers().len(), 1);
    }
    let config = "proxies=10.0.0.0/8 for=1 for-name=X_Forwarded_For";
    is_client(config, &["X-Forwarded-For: 6.6.6.6", "X_Forwarded_For: 203.0.113.9"], TRUTH);
}

/// A proxy adds an empty line for a variable that is not set, so the hop wrote nothing.
#[test]
fn empty_element_after_a_forged_one() {
    let lines = ["Host: app.example", "X-Forwarded-Prefix: /evil", "X-Forwarded-Prefix:"];
    let fixed = fix("proxies=10.0.0.0/8 prefix=1", &lines).expect("valid");
    assert_eq!(of(&fixed).prefix(), "");
    assert_eq!(fixed.headers()["x-forwarded-prefix"], "");
    is_client(FOR, &["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For:"], Err(Empty));
    is_client(FOR, &["X-Forwarded-For: 6.6.6.6,"], Err(Empty));
    is_client(FORWARDED, &["Forwarded: for=6.6.6.6,"], Err(Empty));
    let hosts = ["Host: app.example", "X-Forwarded-Host: evil.example", "X-Forwarded-Host:"];
    let fixed = fix("proxies=10.0.0.0/8 host=1", &hosts).expect("valid");
    assert_eq!(
        (of(&fixed).host(), &fixed.headers()["x-forwarded-host"]),
        (Some("app.example"), &"app.example".parse().expect("valid"))
    );
}

#[test]
fn empty_header_and_only_commas() {
    for value in ["", " ", ",", ",,,", " , "] {
        is_client(FOR, &[format!("X-Forwarded-For: {value}")], Err(Empty));
        is_client(FORWARDED, &[format!("Forwarded: {value}")], Err(Empty));
        is_client(
            "proxies=10.0.0.0/8 for=walk",
            &[format!("X-Forwarded-For: {value}")],
            Err(Empty),
        );
        is_client(
            FOR,
            &[format!("X-Forwarded-For: {value}"), "X-Forwarded-For: 203.0.113.9".into()],
            TRUTH,
        );
    }
}

#[test]
fn header_of_64_kib() {
    for junk in [",", "6.6.6.6, ", "\"", "for=\"6.6.6.6, ", "\\", " ", "x"] {
        let junk = junk.repeat(65536 / junk.len());
        is_client(FOR, &[format!("X-Forwarded-For: {junk}, 203.0.113.9")], TRUTH);
        is_client(
            FOR,
            &[format!("X-Forwarded-For: {junk}"), "X-Forwarded-For: 203.0.113.9".into()],
            TRUTH,
        );
        is_client(FORWARDED, &[format!("Forwarded: {junk}, for=203.0.113.9")], TRUTH);
        is_client(FORWARDED, &[format!("Forwarded: {junk}, for=\"203.0.113.9\"")], TRUTH);
        is_client(
            "proxies=10.0.0.0/8 for=walk",
            &[format!("X-Forwarded-For: {junk}, 203.0.113.9, 10.0.0.2")],
            TRUTH,
        );
    }
}
