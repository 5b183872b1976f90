//! `proxy-only=`: headers that stay if a trusted peer sent them, and are removed from anyone else.

mod util;

use proxyfix::{Config, ErrorKind, fix_request};
use util::{config, request, table};

const CONFIG: &str = "proxies=10.0.0.1 for=1 proxy-only=Remote-User,X-Forwarded-Uri";

const LINES: [&str; 6] = [
    "X-Forwarded-For: 203.0.113.9",
    "Remote-User: alice",
    "Remote_User: mallory",
    "X-Forwarded-Uri: /x",
    "X_Forwarded-Uri: /evil",
    "X-Forwarded-Method: GET",
];

fn left(text: &str, from: &str) -> Vec<String> {
    let mut request = request(from, "/", &LINES);
    fix_request(&mut request, &config(text)).unwrap();
    let mut names: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
    names.retain(|name| name != "x-forwarded-method");
    names.sort_unstable();
    names
}

#[test]
fn from_a_proxy_alone() {
    let own = ["remote-user", "x-forwarded-for", "x-forwarded-uri"];
    let rows = [
        (("", "10.0.0.1"), own.join(" ")),
        (("", "192.0.2.1"), String::new()),
        (("headers=strip", "10.0.0.1"), "remote-user x-forwarded-uri".into()),
        (("headers=strip", "192.0.2.1"), String::new()),
        // These configurations keep all other headers, but not these: only a proxy may send them.
        (("headers=keep", "10.0.0.1"), own.join(" ")),
        (("headers=keep", "192.0.2.1"), "x-forwarded-for".into()),
    ];
    table(rows, |(more, from)| left(&format!("{CONFIG} {more}"), from).join(" "));
}

/// A header that one way in lists is removed in another.
#[test]
fn of_one_way_in() {
    let ways = format!("{CONFIG} ; proxies=10.0.0.2 for=1");
    assert!(left(&ways, "10.0.0.1").contains(&"remote-user".to_owned()));
    assert_eq!(left(&ways, "10.0.0.2"), ["x-forwarded-for"]);
}

/// A client must not be able to make a proxy on the way drop it.
#[test]
fn nominated() {
    let mut request = request("10.0.0.1", "/", &[LINES[0], "Connection: close, remote-user"]);
    let error = fix_request(&mut request, &config(CONFIG)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Nominated);
}

#[test]
fn both_forms() {
    let typed = Config::builder().proxies("10.0.0.1".parse().unwrap()).x_for(1);
    let typed = typed.proxy_only("X-Forwarded-Uri").proxy_only("Remote-User").build().unwrap();
    assert_eq!(typed, config(CONFIG));
    assert_eq!(typed.to_string(), "proxies=10.0.0.1 for=1 proxy-only=remote-user,x-forwarded-uri");
}

#[test]
fn errors() {
    let rows = [
        (
            "proxy-only=X_Forwarded_For",
            "proxy-only=x_forwarded_for is a trusted header, in this or another spelling; its own spelling is reduced to its effective value, and every other is removed; leave it out of proxy-only=",
        ),
        ("proxy-only=x-a exempt=X_A", "x-a is in proxy-only and in exempt; keep one"),
        ("proxy-only=x-a strip-also=X-A", "x-a is in strip-also and in proxy-only; keep one"),
        (
            "proxy-only=Host",
            "proxy-only=host: this header has a meaning of its own; choose another",
        ),
        (
            "proxy-only=Forwarded",
            "proxy-only=forwarded: this header has a meaning of its own; choose another",
        ),
        (
            "proxy-only=x,,y",
            "proxy-only=\"\": not a header name; expected one such as X-Forwarded-For",
        ),
    ];
    table(rows.map(|(text, error)| (text, error.to_owned())), |text| {
        format!("proxies=10.0.0.1 for=1 {text}").parse::<Config>().expect_err(text).to_string()
    });
}
