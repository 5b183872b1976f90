//! What is left of the trusted suffix costs nothing: no instruction and no allocation.
//!
//! 1. `resolve` allocates nothing, no matter how long the headers are. Only believed values allocate, and
//!    only if they are long themselves: hosts over 62 bytes, prefixes over 30, identifiers over 22, joined
//!    prefixes, and escaped values of `Forwarded`.
//! 2. The instructions of one `resolve`, counted under callgrind, are the same for 1 KiB and for 1 MiB of
//!    junk. The count is the difference between many decisions and none, so it excludes making the junk.
//! 3. The same is true of a request that shadow mode observes, beyond sixteen elements of 4 KiB.
//! 4. A wrong secret costs the same number of instructions, however much of it is right.

#[path = "../benches/src/callgrind.rs"]
mod callgrind;

use std::{hint::black_box, net::IpAddr};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use proxyfix::{Config, ConfigBuilder, Peer, resolve};

/// A name, a configuration, a header, the junk that is repeated, and the trusted suffix.
type Workload = (&'static str, &'static str, &'static str, &'static str, &'static str);

const WORKLOADS: [Workload; 16] = [
    ("count", "for=1", "x-forwarded-for", "6.6.6.6, ", "203.0.113.9"),
    ("commas", "for=2", "x-forwarded-for", ",", "203.0.113.9, 10.0.0.2"),
    ("walk", "for=walk", "x-forwarded-for", "10.0.0.3,", "unknown,10.0.0.2"),
    ("proxies", "for=walk", "x-forwarded-for", "10.0.0.3,", "10.0.0.2"),
    ("verified", "for=2 verify=hops", "x-forwarded-for", "10.0.0.3,", "203.0.113.9, 10.0.0.2"),
    ("single", "client-ip=x-real-ip", "x-real-ip", "203.0.113.9,", "203.0.113.9"),
    ("scheme", "proto=1", "x-forwarded-proto", "http,", "https"),
    ("host", "host=2", "x-forwarded-host", "evil.example,", "app.example:81, inner"),
    ("port", "port=1", "x-forwarded-port", "6666 ,", "443"),
    ("prefix", "prefix=1", "x-forwarded-prefix", "/evil,", "/app"),
    ("switch", "proto=1 proto-name=x-forwarded-ssl", "x-forwarded-ssl", "off,", "on"),
    ("untrusted", "for=1", "x-forwarded-host", "evil.example,", "evil.example"),
    ("aligned", "for=1 proto=aligned", "x-forwarded-proto", "\"", ",https"),
    ("forwarded", "forwarded=1", "forwarded", "for=\"_x, ", "for=\"[2001:db8::9]:80\";proto=https"),
    ("quotes", "forwarded=walk", "forwarded", "\"", ", for=203.0.113.9, for=\"10.0.0.2\""),
    ("backslashes", "forwarded=1", "forwarded", "\\\\\"", ", for=203.0.113.9;x=\"\\\"\""),
];

/// All of `Connection` is read, so this workload does grow.
const NOMINATION: Workload = ("connection", "for=1", "connection", "a,", "close");

/// Unknown parameters are compared with each other.
const PARAMETERS: &str = "parameters";

/// An element of the greatest allowed length with this many unknown parameters. Their names differ only in
/// the last bytes.
fn parameters(count: usize) -> String {
    let pair = |at| format!(";{}{at:02}=", "x".repeat(4080 / count.max(1) - 4));
    ["for=203.0.113.9".to_owned()].into_iter().chain((0..count).map(pair)).collect()
}

/// A secret of which so many bytes are right is compared.
const SECRET: &str = "secret";

/// Sends a secret of the right length, of which the first bytes are right.
fn secret(right: usize) -> (Config, HeaderMap) {
    const RIGHT: &str = "b7b1c8f6-9a52-4f43-8b0e-5f2ad1f1a001";
    let text = "proxies=10.0.0.0/8 for=1 secret-header=x-secret";
    let builder: ConfigBuilder = text.parse().expect("valid");
    let sent = RIGHT[..right].to_owned() + &"x".repeat(RIGHT.len() - right);
    let mut headers = HeaderMap::new();
    headers.insert("x-secret", sent.parse().expect("a value"));
    (builder.secret(RIGHT).build().expect("valid"), headers)
}

fn case(workload: &str, junk: usize) -> (Config, HeaderMap) {
    if workload == SECRET {
        return secret(junk);
    }
    if workload == PARAMETERS {
        let config = "proxies=10.0.0.0/8 forwarded=1".parse().expect("valid");
        let mut headers = HeaderMap::new();
        headers.insert("forwarded", parameters(junk).parse().expect("a value"));
        return (config, headers);
    }
    let find = WORKLOADS.iter().chain([&NOMINATION]).find(|(name, ..)| *name == workload);
    let (_, trust, header, unit, suffix) = find.expect("a workload");
    let config = format!("proxies=10.0.0.0/8 {trust}").parse().expect("valid");
    let value = unit.repeat(junk / unit.len()) + suffix;
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("app.example"));
    headers.insert("x-forwarded-for", HeaderValue::from_static("203.0.113.9"));
    headers.insert(HeaderName::from_static(header), value.parse().expect("a value"));
    (config, headers)
}

fn decide(config: &Config, headers: &HeaderMap) {
    let peer = Peer::from(IpAddr::from([10, 0, 0, 1]));
    // A rejection is a decision too.
    let _ = black_box(resolve(peer, black_box(headers), &Uri::default(), config));
}

#[test]
fn resolve_allocates_nothing() {
    for (workload, ..) in WORKLOADS {
        for junk in [0, 1 << 10, 1 << 16, 1 << 20] {
            let (config, headers) = case(workload, junk);
            let found = allocation_counter::measure(|| decide(&config, &headers));
            assert_eq!(found.count_total, 0, "{workload} behind {junk} bytes: {found:?}");
        }
    }
    // A value that is not believed is not kept, no matter how long it is.
    for host in ["a".repeat(200) + "!", "a".repeat(200) + ":x", "a".repeat(300)] {
        let (config, mut headers) = case("count", 0);
        headers.insert("host", HeaderValue::from_str(&host).expect("a value"));
        let found = allocation_counter::measure(|| decide(&config, &headers));
        assert_eq!(found.count_total, 0, "{host}: {found:?}");
    }
    let long = |junk: usize| {
        let (config, mut headers) = case("count", junk);
        headers.insert("host", HeaderValue::from_str(&"a".repeat(63)).expect("a host"));
        allocation_counter::measure(|| decide(&config, &headers)).count_total
    };
    assert!((1..=4).contains(&long(0)), "{}", long(0));
    assert_eq!(long(1 << 20), long(0));
}

/// The greatest length, in bytes, at which a value allocates nothing, as the documentation of `resolve` says.
#[test]
fn long_values_allocate() {
    for (configuration, header, start, longest) in [
        ("for=1", "host", "", 62),
        ("for=1 prefix=1", "x-forwarded-prefix", "/", 30),
        ("for=1", "x-forwarded-for", "_", 22),
    ] {
        let config = format!("proxies=10.0.0.0/8 {configuration}").parse().expect("valid");
        let allocations = |length: usize| {
            let (_, mut headers) = case("count", 0);
            let value = format!("{start}{}", "a".repeat(length - start.len()));
            headers.insert(header, value.parse().expect("a value"));
            allocation_counter::measure(|| decide(&config, &headers)).count_total
        };
        assert_eq!(allocations(longest), 0, "{header}");
        assert_ne!(allocations(longest + 1), 0, "{header}");
    }
}

/// Sends a request with these headers through a layer that observes it.
#[cfg(feature = "tower")]
fn observe(config: &Config, headers: &HeaderMap, times: usize) {
    use proxyfix::shadow::{Shadow, ShadowLayer};
    use tower::{Layer, Service, service_fn};

    let layer = ShadowLayer::new(Shadow::new(config.clone()));
    let mut service = layer.layer(service_fn(|_| std::future::ready(Ok::<_, ()>(()))));
    for _ in 0..times {
        let mut request = http::Request::new(());
        request.headers_mut().clone_from(headers);
        request.extensions_mut().insert(Peer::from(IpAddr::from([10, 0, 0, 1])));
        drop(black_box(service.call(request)));
    }
}

/// Runs under callgrind: makes as many decisions about a workload as `DECISIONS` says.
#[test]
#[ignore = "run by instructions_do_not_grow, under callgrind"]
fn worker() {
    let variable = |name| std::env::var(name).expect(name);
    let number = |name| variable(name).parse::<usize>().expect("a number");
    let workload = variable("WORKLOAD");
    let shadowed = workload.strip_suffix(SHADOWED);
    let (config, headers) = case(shadowed.unwrap_or(&workload), number("JUNK"));
    #[cfg(feature = "tower")]
    if shadowed.is_some() {
        return observe(&config, &headers, number("DECISIONS"));
    }
    for _ in 0..number("DECISIONS") {
        decide(&config, &headers);
    }
}

/// Follows the name of a workload that shadow mode observes.
const SHADOWED: &str = " shadowed";

fn instructions(workload: &str, junk: usize, decisions: usize) -> u64 {
    callgrind::instructions(
        &["--exact", "worker", "--ignored", "--test-threads=1"],
        &[
            ("WORKLOAD", workload),
            ("JUNK", &junk.to_string()),
            ("DECISIONS", &decisions.to_string()),
        ],
        None,
    )
}

/// The instructions of one decision.
fn decision(workload: &str, junk: usize) -> u64 {
    const DECISIONS: u64 = 1000;
    let many = instructions(workload, junk, 1000);
    many.saturating_sub(instructions(workload, junk, 0)) / DECISIONS
}

/// Options of one byte, which cost the most.
#[test]
#[ignore = "needs valgrind; .ci/run runs it"]
fn connection_costs_little_for_each_byte() {
    let [small, large] = [1 << 10, 1 << 16].map(|junk| decision(NOMINATION.0, junk));
    let each = (large - small) / ((1 << 16) - (1 << 10));
    println!("connection   {each:>7} instructions for each byte");
    assert!((1..40).contains(&each), "{each}");
}

#[test]
#[ignore = "needs valgrind; .ci/run runs it"]
fn parameters_cost_little_for_each_byte() {
    for count in [1, 31] {
        let length = u64::try_from(parameters(count).len()).unwrap();
        let each = decision(PARAMETERS, count) / length;
        println!("parameters, {count:>2} {each:>7} instructions for each byte of {length}");
        assert!((1..50).contains(&each), "{each}");
    }
}

#[test]
#[ignore = "needs valgrind; .ci/run runs it"]
fn a_wrong_secret_costs_the_same() {
    let counts = [0, 1, 18, 35].map(|right| decision(SECRET, right));
    println!("a wrong secret {counts:?} instructions, with 0, 1, 18 and 35 bytes right");
    // Threads of the test harness differ by a few instructions from run to run. A comparison that ends
    // at the first wrong byte would differ by some for each of 35.
    assert!(counts.iter().all(|count| count.abs_diff(counts[0]) < 10), "{counts:?}");
}

#[test]
#[ignore = "needs valgrind; .ci/run runs it"]
fn instructions_do_not_grow() {
    for (workload, ..) in WORKLOADS {
        instructions_are_equal(workload, 1 << 10);
    }
}

#[cfg(feature = "tower")]
#[test]
#[ignore = "needs valgrind; .ci/run runs it"]
fn instructions_of_shadow_mode_do_not_grow() {
    for workload in ["count", "commas", "scheme", "forwarded", "quotes"] {
        instructions_are_equal(&format!("{workload}{SHADOWED}"), 1 << 17);
    }
}

/// Compares this many bytes of junk with 1 MiB.
#[track_caller]
fn instructions_are_equal(workload: &str, few: usize) {
    let [small, large] = [few, 1 << 20].map(|junk| decision(workload, junk));
    let few = few / 1024;
    println!("{workload:<20} {small:>7} instructions behind {few} KiB, {large:>7} behind 1 MiB");
    assert!(small > 100, "not counted");
    // The threads of the test harness differ by a few instructions from run to run.
    assert!(large.abs_diff(small) * 100 <= small, "{workload}: {small}, then {large}");
}
