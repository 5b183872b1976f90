//! Requests as strangers write them.

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::{collection::vec, prelude::*, sample::select, test_runner::RngSeed};

/// A number from the environment.
fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

/// How many cases each law tries, and from which seed. The seed is fixed, so that each run is the same.
/// `PROPTEST_CASES` is not used: proptest would set it for [`some_cases`] too.
pub(crate) fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: number("LAWS_CASES").unwrap_or(2_000),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(number("LAWS_SEED").unwrap_or(14)),
        ..ProptestConfig::default()
    }
}

/// Fewer cases, for laws over real sockets: each takes a millisecond or more.
pub(crate) fn some_cases() -> ProptestConfig {
    let all = cases();
    ProptestConfig { cases: all.cases.div_ceil(4).min(50_000), ..all }
}

/// A segment that tests what the rules are about.
fn segment() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "",
        ".",
        "..",
        "%2e",
        "%2E%2e",
        ".%2e",
        "..;x",
        ".;",
        "...",
        "..a",
        "%2f",
        "..%2f",
        "%2f..",
        "%5c..",
        "..\\",
        "\\",
        "a%2Fb",
        "%252e%252e",
        "%00",
        "%zz",
        "%",
        "a",
        "b",
        "api",
        "API",
        "%61pi",
        "ap%69",
        "caf%C3%A9",
        "caf%c3%a9",
        "a;b",
        "a b".split(' ').next().unwrap_or("a"),
        "~",
        "%7E",
        "*",
        "{x}",
        "[y]",
        "a=b&c",
        "-",
        "a,b",
        "@",
        "x:y",
    ]);
    prop_oneof![4 => odd.prop_map(str::to_owned), 1 => "[a-c.%;~]{0,6}"]
}

/// A path.
pub(crate) fn path() -> impl Strategy<Value = String> {
    vec(segment(), 0..6).prop_map(|segments| format!("/{}", segments.join("/")))
}

/// A query, or none.
pub(crate) fn query() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof![Just(String::new()), "[a-c=&%?/+]{0,8}"])
}

/// A prefix that may be configured.
fn prefix() -> impl Strategy<Value = String> {
    let segment = select(vec!["a", "b", "api", "caf%C3%A9", "~", "x;y"]);
    vec(segment, 0..4).prop_map(|segments| format!("/{}", segments.join("/")))
}

/// Different prefixes, in any order.
pub(crate) fn prefixes() -> impl Strategy<Value = Vec<String>> {
    let different = |mut prefixes: Vec<String>| {
        prefixes.sort();
        prefixes.dedup_by_key(|prefix| prefix.trim_end_matches('/').to_owned());
        prefixes
    };
    vec(prefix(), 1..5).prop_map(different).prop_shuffle()
}

/// The base of a target.
pub(crate) fn base() -> impl Strategy<Value = &'static str> {
    select(vec!["", "/", "/base", "/base/", "/a/b", "/base//", "/a%2Fb/"])
}

/// Names of every kind: hop-by-hop, forwarding, framing aliases, end-to-end.
const NAMES: [&str; 34] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy-authentication-info",
    "te",
    "upgrade",
    "http2-settings",
    "trailer",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "x_forwarded_for",
    "x-forwarded_proto",
    "transfer_encoding",
    "content_length",
    "x_real_ip",
    "cf-connecting-ip",
    "x_other",
    "cookie",
    "authorization",
    "accept",
    "x-a",
    "x-b",
    "content-type",
    "content-language",
    "via",
    "max-forwards",
    "user-agent",
];

const VALUES: [&str; 12] = [
    "",
    "1",
    "6.6.6.6",
    "for=6.6.6.6;host=evil",
    "https",
    "trailers",
    "a=1",
    "deflate, trailers;q=0.5",
    "h2c",
    "evil.example",
    "1.1 other",
    "\"open",
];

/// Field lines.
pub(crate) fn fields() -> impl Strategy<Value = HeaderMap> {
    let field = (select(NAMES.to_vec()), select(VALUES.to_vec()));
    (vec(field, 0..12), proptest::option::of(connection())).prop_map(|(fields, connection)| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        for line in connection.into_iter().flatten() {
            headers.append("connection", HeaderValue::try_from(line).unwrap());
        }
        headers
    })
}

/// Lines of `Connection`.
fn connection() -> impl Strategy<Value = Vec<String>> {
    let options = [
        "close",
        "keep-alive",
        "x-a",
        "X-B",
        "te",
        "upgrade",
        "x-missing",
        "",
        "accept",
        "cookie",
        "x-forwarded-for",
        "X_Real_Ip",
        "host",
        "content-type",
        "a b",
    ];
    // Most are innocent, so that the request is not always refused.
    let option = prop_oneof![6 => select(options[..9].to_vec()), 1 => select(options.to_vec())];
    vec(vec(option, 0..4).prop_map(|options| options.join(", ")), 1..3)
}
