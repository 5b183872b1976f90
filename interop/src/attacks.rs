//! What is sent: one honest request, then lies.
//!
//! The lies: the client is in 198.51.100.0/24, or is the documented proxy 10.0.0.2; the host is
//! `evil.example`; the port is 6666; the prefix is `/evil`; and the scheme is the wrong one.

use std::net::SocketAddr;

use crate::{
    certificate,
    request::{OTHER_HOST, Request, Target},
};

const XFF: &str = "X-Forwarded-For";
const FORGED: &str = "198.51.100.7";

/// The honest request, then the attacks. `lie` is the scheme that the client does not use.
pub fn all(lie: &str) -> Vec<Request> {
    [vec![Request::honest()], values(lie), connection(lie), targets(lie), long()].concat()
}

/// Lies in headers.
fn values(lie: &str) -> Vec<Request> {
    let switch = if lie == "https" { "on" } else { "off" };
    let capitals = format!("For={FORGED};PROTO={}", lie.to_uppercase());
    vec![
        request("one X-Forwarded-For", &[(XFF, FORGED)]),
        request("a list", &[(XFF, "198.51.100.7, 198.51.100.8, 198.51.100.9")]),
        request("two lines", &[(XFF, FORGED), (XFF, "198.51.100.8")]),
        request("a trusted address", &[(XFF, "127.0.0.1, 127.0.0.2, 127.0.0.3")]),
        request("the documented proxy in front", &[(XFF, "10.0.0.2")]),
        request("an empty line", &[(XFF, "")]),
        request("commas", &[(XFF, ", ,,")]),
        Request { lines: everything(lie), ..request("the whole family", &[]) },
        Request {
            lines: [everything(lie), everything(lie)].concat(),
            ..request("the whole family twice", &[])
        },
        request("one Forwarded", &[("Forwarded", &forwarded(lie))]),
        request(
            "two lines of Forwarded",
            &[("Forwarded", &forwarded(lie)), ("Forwarded", &forwarded(lie))],
        ),
        request("Forwarded with capitals", &[("Forwarded", &capitals)]),
        request("an open quote", &[(XFF, "\"198.51.100.7")]),
        request("an open quote in Forwarded", &[("Forwarded", "for=\"198.51.100.7")]),
        request(
            "open quotes in both",
            &[(XFF, "\""), ("Forwarded", "host=\"evil.example, for=\"")],
        ),
        request(
            "aliases",
            &[
                ("X_Forwarded_For", FORGED),
                ("X_Forwarded-Proto", lie),
                ("x-forwarded_host", "evil.example"),
            ],
        ),
        request(
            "vendors' headers",
            &[
                ("X-Real-IP", FORGED),
                ("True-Client-IP", FORGED),
                ("CF-Connecting-IP", FORGED),
                ("X-Forwarded-Ssl", switch),
                ("Front-End-Https", switch),
                ("X-Forwarded-Scheme", lie),
                ("X-Url-Scheme", lie),
                ("CloudFront-Forwarded-Proto", lie),
                ("X-Original-Host", "evil.example"),
            ],
        ),
    ]
}

/// Lies together with `Connection` and `Upgrade`.
fn connection(lie: &str) -> Vec<Request> {
    let all = "X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port, Forwarded";
    let upgrade = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
    ];
    let upgrading = |name, these: [(&'static str, &str); 3]| Request {
        lines: [lines(&these), everything(lie), lines(&[("Forwarded", &forwarded(lie))])].concat(),
        ..request(name, &[])
    };
    vec![
        request("Connection names X-Forwarded-For", &[(XFF, FORGED), ("Connection", XFF)]),
        request(
            "Connection names X-Forwarded-Proto",
            &[("X-Forwarded-Proto", lie), ("Connection", "close, X-Forwarded-Proto")],
        ),
        request(
            "Connection names X-Forwarded-Port",
            &[("X-Forwarded-Port", "6666"), ("Connection", "X-Forwarded-Port")],
        ),
        request(
            "Connection names X-Forwarded-Host",
            &[("X-Forwarded-Host", "evil.example"), ("Connection", "X-Forwarded-Host")],
        ),
        request("Connection names Host", &[("Connection", "Host")]),
        request(
            "Connection names Forwarded",
            &[("Forwarded", &forwarded(lie)), ("Connection", "Forwarded")],
        ),
        request(
            "Connection names all",
            &[(XFF, FORGED), ("Forwarded", &forwarded(lie)), ("Connection", all)],
        ),
        upgrading("an upgrade to HTTP/2", upgrade),
        upgrading("an upgrade to HTTP/2 in capitals", [upgrade[0], ("Upgrade", "H2C"), upgrade[2]]),
        upgrading(
            "an upgrade to WebSocket or HTTP/2",
            [upgrade[0], ("Upgrade", "websocket, h2c"), upgrade[2]],
        ),
        // A proxy that relays the upgrade and obeys `Connection` would otherwise drop the settings.
        upgrading(
            "an upgrade to HTTP/2, its settings not named",
            [("Connection", "Upgrade"), upgrade[1], upgrade[2]],
        ),
    ]
}

/// Odd targets and hosts.
fn targets(lie: &str) -> Vec<Request> {
    // Longer than what Traffic Server can put into one element of `Forwarded`.
    let name = format!("{}example", "a.".repeat(1024));
    vec![
        Request { target: Target::OtherScheme, ..request("a URI with the other scheme", &[]) },
        Request {
            target: Target::OtherScheme,
            lines: everything(lie),
            ..request("a URI with the other scheme, and the family", &[])
        },
        Request { target: Target::OtherHost, ..request("a URI with another host", &[]) },
        Request { target: Target::OtherUri, ..request("a URI with both", &[]) },
        Request {
            host: Some("x\", for=198.51.100.7;proto=https;host=\"evil.example".to_owned()),
            ..request("an element in Host", &[])
        },
        Request {
            host: Some(String::new()),
            lines: everything(lie),
            ..request("an empty Host, and the family", &[])
        },
        Request {
            host: Some("evil.example, app.example".to_owned()),
            ..request("a list in Host", &[])
        },
        Request {
            host: Some("user@evil.example:6666".to_owned()),
            ..request("userinfo in Host", &[])
        },
        request("two lines of Host", &[("Host", OTHER_HOST)]),
        Request {
            host: Some(name.clone()),
            ..request("2 KiB in Host, and Forwarded", &[("Forwarded", &forwarded(lie))])
        },
        Request {
            target: Target::OtherHost,
            host: Some(name),
            ..request("2 KiB in Host, a URI, and Forwarded", &[("Forwarded", &forwarded(lie))])
        },
    ]
}

/// CONNECT, then lies on the same connection. A proxy that relays CONNECT, and then everything after it,
/// lets the client write a whole request to the upstream.
pub fn tunnel(lie: &str) -> Request {
    Request {
        target: Target::Tunnel,
        lines: [everything(lie), lines(&[("Forwarded", &forwarded(lie))])].concat(),
        ..request("CONNECT, then a second request", &[])
    }
}

/// Requests for a proxy's own pages, one with the port of each of these sockets. Squid serves its manager
/// if the URL has Squid's own name and port.
pub fn managers(own: &[SocketAddr]) -> impl Iterator<Item = Request> {
    own.iter().map(|own| Request {
        target: Target::Path("/squid-internal-mgr/info"),
        host: Some(format!("{}:{}", certificate::NAME, own.port())),
        ..request("a manager", &[])
    })
}

/// Long lists.
fn long() -> Vec<Request> {
    let list = format!("{FORGED}, ").repeat(8 * 1024 / 14) + FORGED;
    vec![
        request("8 KiB", &[(XFF, &list)]),
        request(
            "4 KiB in an open quote",
            &[
                (XFF, &format!("\"{}", "x,".repeat(2048))),
                ("Forwarded", &format!("for=\"{}", "x,".repeat(2048))),
            ],
        ),
    ]
}

fn everything(lie: &str) -> Vec<(&'static str, String)> {
    lines(&[
        (XFF, FORGED),
        ("X-Forwarded-Proto", lie),
        ("X-Forwarded-Host", "evil.example:6666"),
        ("X-Forwarded-Port", "6666"),
        ("X-Forwarded-Prefix", "/evil"),
    ])
}

fn forwarded(lie: &str) -> String {
    format!("for={FORGED};proto={lie};host=\"evil.example:6666\"")
}

fn request(name: &'static str, these: &[(&'static str, &str)]) -> Request {
    Request { name, lines: lines(these), ..Request::honest() }
}

fn lines(lines: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    lines.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}
