//! One test for each rule of reading: the gate, the list, the count, the walk, and what is missing.

mod util;

use proxyfix::{
    ErrorKind::{
        self, AllTrusted, DuplicateParameter, Empty, Incomplete, InvalidElement, InvalidNode,
        Missing, Nominated, Short, TooLong, TooManyHops, UntrustedHop,
    },
    Source,
};
use util::{client, resolved, table};

type Row = ((&'static str, &'static [&'static str]), Result<&'static str, ErrorKind>);

/// Rows of a configuration (after `proxies=10.0.0.0/8`), field lines and the client.
#[track_caller]
fn clients(rows: &[Row]) {
    let rows = rows.iter().map(|&(input, expected)| (input, expected.map(str::to_owned)));
    table(rows, |(config, lines)| client(&format!("proxies=10.0.0.0/8 {config}"), lines));
}

#[test]
fn order_of_lines_and_elements() {
    const THREE: &[&str] = &["X-Forwarded-For: 192.0.2.1, 192.0.2.2", "X-Forwarded-For: 192.0.2.3"];
    const FORWARDED: &[&str] =
        &["Forwarded: for=192.0.2.1,for=192.0.2.2", "Forwarded: for=192.0.2.3"];
    clients(&[
        (("for=1", THREE), Ok("192.0.2.3")),
        (("for=2", THREE), Ok("192.0.2.2")),
        (("for=3", THREE), Ok("192.0.2.1")),
        (("for=4", THREE), Err(Short)),
        (("forwarded=1", FORWARDED), Ok("192.0.2.3")),
        (("forwarded=2", FORWARDED), Ok("192.0.2.2")),
        (("forwarded=3", FORWARDED), Ok("192.0.2.1")),
        (("forwarded=4", FORWARDED), Err(Short)),
    ]);
}

#[test]
fn elements() {
    clients(&[
        (("for=1", &["X-Forwarded-For: 192.0.2.1 \t,\t 192.0.2.2\t "]), Ok("192.0.2.2")),
        (("for=2", &["X-Forwarded-For:  \t 192.0.2.1 \t,\t 192.0.2.2"]), Ok("192.0.2.1")),
        (("for=1", &["X-Forwarded-For:"]), Err(Empty)),
        (("for=1", &["X-Forwarded-For: ,"]), Err(Empty)),
        (("for=1", &["X-Forwarded-For: 192.0.2.1,"]), Err(Empty)),
        (("for=1", &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For:"]), Err(Empty)),
        (("for=2", &["X-Forwarded-For: 192.0.2.1,,192.0.2.3"]), Err(Empty)),
        (("for=3", &["X-Forwarded-For: 192.0.2.1, ,192.0.2.3"]), Ok("192.0.2.1")),
        (("for=walk", &["X-Forwarded-For: 192.0.2.1,,10.0.0.2"]), Err(Empty)),
        // What is left of the trusted suffix does not matter.
        (("for=1", &["X-Forwarded-For: ,,,192.0.2.3"]), Ok("192.0.2.3")),
        (("for=1", &["X-Forwarded-For: \", 192.0.2.3"]), Ok("192.0.2.3")),
        (("forwarded=1", &["Forwarded:"]), Err(Empty)),
        (("forwarded=1", &["Forwarded: for=192.0.2.1,"]), Err(Empty)),
        (("forwarded=1", &["Forwarded: for=192.0.2.1, ;;"]), Err(Empty)),
        (("forwarded=2", &["Forwarded: for=192.0.2.1, ,for=192.0.2.3"]), Err(Empty)),
        (("forwarded=3", &["Forwarded: for=192.0.2.1, ,for=192.0.2.3"]), Ok("192.0.2.1")),
        // An empty element is invalid for the scheme, and counts as absent for the other values.
        (("proto=1", &["X-Forwarded-Proto: https,"]), Err(Empty)),
        (
            ("for=1 host=1", &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: evil.example,"]),
            Ok("192.0.2.1"),
        ),
    ]);
    for (name, key) in [("Host", "host"), ("Port", "port"), ("Prefix", "prefix")] {
        let lines = [
            format!("X-Forwarded-{name}: /evil"),
            format!("X-Forwarded-{name}:"),
            "Host: app.example".into(),
        ];
        let resolved = resolved(&format!("proxies=10.0.0.0/8 {key}=1"), &lines).expect("absent");
        assert_eq!(resolved.external_url("/").expect("a host"), "http://app.example/");
    }
}

#[test]
fn count() {
    clients(&[
        (("for=2", &["X-Forwarded-For: 192.0.2.1"]), Err(Short)),
        (("for=2", &["X-Forwarded-For: 192.0.2.1, junk"]), Ok("192.0.2.1")),
        (("for=2", &["X-Forwarded-For: junk, 192.0.2.1"]), Err(InvalidNode)),
        (("for=2", &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For:"]), Ok("192.0.2.1")),
        (("forwarded=2", &["Forwarded: for=192.0.2.1, for=a;for=a"]), Ok("192.0.2.1")),
        (("forwarded=2", &["Forwarded: for=192.0.2.1, \""]), Err(InvalidElement)),
        // With verify=hops, the nearer elements must be proxies.
        (("for=2 verify=hops", &["X-Forwarded-For: 192.0.2.1, 10.0.0.2"]), Ok("192.0.2.1")),
        (("for=2 verify=hops", &["X-Forwarded-For: 192.0.2.1, 192.0.2.2"]), Err(UntrustedHop)),
        (("for=2 verify=hops", &["X-Forwarded-For: 192.0.2.1, unknown"]), Err(UntrustedHop)),
        (("for=2 verify=hops", &["X-Forwarded-For: 192.0.2.1, junk"]), Err(InvalidNode)),
        (("for=2 verify=hops", &["X-Forwarded-For: 192.0.2.1,"]), Err(Empty)),
        (("for=2 verify=hops", &["X-Forwarded-For: 192.0.2.1, unix:"]), Err(UntrustedHop)),
        (("forwarded=2 verify=hops", &["Forwarded: for=192.0.2.1, for=10.0.0.2"]), Ok("192.0.2.1")),
        (
            ("forwarded=2 verify=hops", &["Forwarded: for=192.0.2.1, for=192.0.2.2"]),
            Err(UntrustedHop),
        ),
        (("for=1 verify=hops", &["X-Forwarded-For: 192.0.2.1"]), Ok("192.0.2.1")),
    ]);
    let lines = ["X-Forwarded-For: 192.0.2.1, unix:"];
    assert_eq!(
        client("proxies=10.0.0.1,unix for=2 verify=hops", &lines).as_deref(),
        Ok("192.0.2.1")
    );
}

#[test]
fn walk() {
    clients(&[
        (
            ("for=walk", &["X-Forwarded-For: 198.51.100.7, 192.0.2.1, 10.0.0.3, 10.0.0.2"]),
            Ok("192.0.2.1"),
        ),
        (("for=walk", &["X-Forwarded-For: 192.0.2.1"]), Ok("192.0.2.1")),
        (
            ("for=walk", &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 10.0.0.2:80"]),
            Ok("192.0.2.1"),
        ),
        (("for=walk", &["X-Forwarded-For: 192.0.2.1, ::ffff:10.0.0.2"]), Ok("192.0.2.1")),
        (("for=walk", &["X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.2"]), Ok("unknown")),
        (("for=walk", &["X-Forwarded-For: 192.0.2.1, _hidden"]), Ok("_hidden")),
        (("for=walk", &["X-Forwarded-For: 192.0.2.1, unix:, 10.0.0.2"]), Ok("unknown")),
        (("for=walk", &["X-Forwarded-For: 192.0.2.1, junk, 10.0.0.2"]), Err(InvalidNode)),
        (("for=walk", &["X-Forwarded-For: junk, 192.0.2.1, 10.0.0.2"]), Ok("192.0.2.1")),
        (("for=walk", &["X-Forwarded-For: 10.0.0.3, 10.0.0.2"]), Ok("unknown")),
        (
            ("for=walk all-trusted=leftmost", &["X-Forwarded-For: 10.0.0.3, 10.0.0.2"]),
            Ok("10.0.0.3"),
        ),
        (
            ("for=walk all-trusted=reject", &["X-Forwarded-For: 10.0.0.3, 10.0.0.2"]),
            Err(AllTrusted),
        ),
        (
            ("for=walk all-trusted=reject invalid=peer", &["X-Forwarded-For: 10.0.0.3"]),
            Err(AllTrusted),
        ),
        (
            ("for=walk max-hops=2", &["X-Forwarded-For: 192.0.2.1, 10.0.0.3, 10.0.0.2"]),
            Ok("192.0.2.1"),
        ),
        (
            ("for=walk max-hops=2", &["X-Forwarded-For: 192.0.2.1, 10.0.0.4, 10.0.0.3, 10.0.0.2"]),
            Err(TooManyHops),
        ),
        (("for=walk max-hops=2", &["X-Forwarded-For: 10.0.0.3, 10.0.0.2"]), Ok("unknown")),
        (
            (
                "forwarded=walk",
                &[
                    "Forwarded: for=198.51.100.7, for=192.0.2.1, for=\"[::ffff:10.0.0.3]\", for=10.0.0.2",
                ],
            ),
            Ok("192.0.2.1"),
        ),
        (
            ("forwarded=walk", &["Forwarded: for=192.0.2.1, proto=https, for=10.0.0.2"]),
            Ok("unknown"),
        ),
        (("forwarded=walk", &["Forwarded: for=192.0.2.1, for=_x, for=10.0.0.2"]), Ok("_x")),
        (
            (
                "forwarded=walk",
                &["Forwarded: for=192.0.2.1, for=10.0.0.3;for=10.0.0.3, for=10.0.0.2"],
            ),
            Err(DuplicateParameter),
        ),
        (("forwarded=walk", &["Forwarded: for=192.0.2.1, for=x, for=10.0.0.2"]), Err(InvalidNode)),
        (("forwarded=walk", &["Forwarded: for=10.0.0.3, for=10.0.0.2"]), Ok("unknown")),
        (
            ("forwarded=walk all-trusted=leftmost", &["Forwarded: for=10.0.0.3, for=10.0.0.2"]),
            Ok("10.0.0.3"),
        ),
    ]);
    let unix = ["X-Forwarded-For: 192.0.2.1, unix:, 10.0.0.1"];
    assert_eq!(client("proxies=10.0.0.1,unix for=walk", &unix).as_deref(), Ok("192.0.2.1"));
    // Sixteen proxies by default.
    for (proxies, expected) in [(16, Ok("192.0.2.1".to_owned())), (17, Err(TooManyHops))] {
        let line = format!("X-Forwarded-For: 192.0.2.1{}", ", 10.0.0.2".repeat(proxies));
        assert_eq!(client("proxies=10.0.0.0/8 for=walk", &[line]), expected);
    }
}

#[test]
fn all_trusted_in_forwarded() {
    let lines = [
        "Host: own.example",
        "Forwarded: for=10.0.0.3;proto=https;host=a.example, for=10.0.0.2;host=b.example",
    ];
    let walk = "proxies=10.0.0.0/8 forwarded=walk all-trusted";
    let url = |policy: &str| {
        let resolved =
            resolved(&format!("{walk}={policy}"), &lines).map_err(|error| error.kind())?;
        Ok(resolved.external_url("/").expect("a host").to_string())
    };
    assert_eq!(url("unknown").as_deref(), Ok("http://own.example/"));
    assert_eq!(url("leftmost").as_deref(), Ok("https://a.example/"));
    assert_eq!(url("reject"), Err(AllTrusted));
    assert_eq!(
        client(
            "proxies=10.0.0.0/8 forwarded=2 verify=hops",
            &["Forwarded: for=192.0.2.1, proto=http"]
        ),
        Err(UntrustedHop)
    );
}

#[test]
fn aligned_with_the_leftmost() {
    let lines = ["X-Forwarded-For: 10.0.0.3, 10.0.0.2", "X-Forwarded-Port: 81, 82, 83"];
    let config = "proxies=10.0.0.0/8 for=walk port=aligned all-trusted=leftmost";
    assert_eq!(resolved(config, &lines).expect("valid").port(), 82);
}

#[test]
fn aligned() {
    let config =
        "proxies=10.0.0.0/8 for=walk proto=aligned host=aligned port=aligned prefix=aligned";
    let rest = ["Host: own.example", "X-Forwarded-Host: c.example, b.example, a.example"];
    for (lines, expected) in [
        (
            &["X-Forwarded-For: 192.0.2.1, 10.0.0.2", "X-Forwarded-Proto: http, https, http"][..],
            Ok("https://b.example/"),
        ),
        (
            &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: http, http, https"],
            Ok("https://a.example/"),
        ),
        (&["X-Forwarded-For: 192.0.2.1, 10.0.0.2", "X-Forwarded-Proto: https"], Err(Short)),
        (
            &[
                "X-Forwarded-For: 192.0.2.1, 10.0.0.2, 10.0.0.3, 10.0.0.4",
                "X-Forwarded-Proto: https,https,https,https",
            ],
            Err(Short),
        ),
        (
            &["X-Forwarded-For: unknown, 10.0.0.2", "X-Forwarded-Proto: https, http"],
            Ok("https://b.example/"),
        ),
        // Without a client the values are our own.
        (&["X-Forwarded-For: 10.0.0.2", "X-Forwarded-Proto: https"], Ok("http://own.example/")),
        (&["X-Forwarded-For: 10.0.0.2"], Err(Incomplete)),
    ] {
        let lines = [lines, &rest].concat();
        let url =
            resolved(config, &lines).map(|r| r.external_url("/").expect("a host").to_string());
        assert_eq!(url.as_deref().map_err(proxyfix::Error::kind), expected, "{lines:?}");
    }
    let lines = [
        "X-Forwarded-For: 192.0.2.1, 10.0.0.2",
        "X-Forwarded-Port: 81, 82, 83",
        "X-Forwarded-Prefix: /a, /b, /c",
    ];
    let resolved =
        resolved("proxies=10.0.0.0/8 for=2 port=aligned prefix=aligned", &lines).expect("valid");
    assert_eq!((resolved.port(), resolved.prefix()), (82, "/b"));
}

#[test]
fn missing() {
    let lines =
        ["Host: app.example", "X-Real-IP: 198.51.100.7", "Forwarded: for=198.51.100.7;proto=https"];
    for (policy, expected) in
        [("unknown", Ok("unknown")), ("peer", Ok("10.0.0.1")), ("reject", Err(Missing))]
    {
        for trust in ["for=1 proto=1", "for=walk", "client-ip=CF-Connecting-IP host=1"] {
            let config = format!("proxies=10.0.0.0/8 {trust} missing={policy}");
            let resolved = resolved(&config, &lines);
            let client =
                resolved.as_ref().map(|r| r.client().to_string()).map_err(proxyfix::Error::kind);
            assert_eq!(client.as_deref().map_err(|kind| *kind), expected, "{config}");
            if let Ok(resolved) = resolved {
                assert_eq!(resolved.external_url("/").expect("a host"), "http://app.example/");
            }
        }
    }
}

#[test]
fn missing_of_the_other_family() {
    const OTHER: &[&str] = &["X-Forwarded-For: 6.6.6.6"];
    clients(&[
        (("forwarded=1", OTHER), Ok("unknown")),
        (("forwarded=1 missing=peer", OTHER), Ok("10.0.0.1")),
        (("forwarded=1 missing=reject", OTHER), Err(Missing)),
    ]);
}

#[test]
fn incomplete() {
    clients(&[
        (("for=1 proto=1", &["X-Forwarded-For: 192.0.2.1"]), Err(Incomplete)),
        (("for=1 proto=1", &["X-Forwarded-Proto: https"]), Err(Incomplete)),
        (("client-ip=X-Real-IP proto=1", &["X-Forwarded-Proto: https"]), Err(Incomplete)),
        (("for=1 proto=1 invalid=unknown", &["X-Forwarded-Proto: https"]), Ok("unknown")),
        (("for=1 proto=1 invalid=peer", &["X-Forwarded-Proto: https"]), Ok("10.0.0.1")),
        (("for=1 proto=1 invalid=unknown", &["X-Forwarded-For: 192.0.2.1"]), Ok("192.0.2.1")),
        // The other values may be absent.
        (("for=1 host=1 port=1 prefix=1", &["X-Forwarded-For: 192.0.2.1"]), Ok("192.0.2.1")),
        (("for=1 prefix=join:2", &["X-Forwarded-For: 192.0.2.1"]), Ok("192.0.2.1")),
        // An element of Forwarded may lack any of them.
        (("forwarded=1", &["Forwarded: proto=https"]), Ok("unknown")),
        // A short list that has only empty elements counts as absent.
        (
            (
                "for=1 host=2 port=3 prefix=2",
                &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host:", "X-Forwarded-Port: ,"],
            ),
            Ok("192.0.2.1"),
        ),
        (("for=1 host=3", &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: ,x"]), Err(Short)),
        (("for=1 proto=2", &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto:"]), Err(Short)),
        // If `for` is not trusted, nobody says who the client is, and a proxy is never the client.
        (("proto=1", &["X-Forwarded-Proto: https"]), Ok("unknown")),
        (("proto=1 missing=peer", &["X-Forwarded-Proto: https"]), Ok("10.0.0.1")),
    ]);
    let lines = ["Host: own.example", "Forwarded: for=192.0.2.1;host=\"\""];
    let resolved = resolved("proxies=10.0.0.0/8 forwarded=1", &lines).expect("valid");
    assert_eq!(resolved.external_url("/").expect("a host"), "http://own.example/");
}

#[test]
fn invalid_per_field() {
    let lines = [
        "Host: own.example",
        "X-Forwarded-For: junk",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: a b",
        "X-Forwarded-Port: x",
        "X-Forwarded-Prefix: //x",
    ];
    let all = "proxies=10.0.0.0/8 for=1 proto=1 host=1 port=1 prefix=1";
    assert_eq!(client(all, &lines), Err(InvalidNode));
    for (policy, expected) in [("unknown", "unknown"), ("peer", "10.0.0.1")] {
        let resolved = resolved(&format!("{all} invalid={policy}"), &lines).expect("no error");
        assert_eq!(resolved.client().to_string(), expected);
        assert_eq!(resolved.external_url("/").expect("a host"), "https://own.example/");
    }
    clients(&[
        (("for=2 invalid=unknown", &["X-Forwarded-For: 192.0.2.1"]), Ok("unknown")),
        (("for=2 invalid=peer", &["X-Forwarded-For: 192.0.2.1"]), Ok("10.0.0.1")),
        (("forwarded=2 invalid=unknown", &["Forwarded: for=192.0.2.1"]), Ok("unknown")),
        (("forwarded=2 invalid=peer", &["Forwarded: for=192.0.2.1"]), Ok("10.0.0.1")),
        (("forwarded=1 invalid=unknown", &["Forwarded: for=x;proto=https"]), Ok("unknown")),
        (("forwarded=1 invalid=unknown", &["Forwarded: for=192.0.2.1;proto=x"]), Ok("192.0.2.1")),
    ]);
    let forwarded = ["Host: own.example", "Forwarded: for=x;proto=https;host=\"a b\""];
    let resolved =
        resolved("proxies=10.0.0.0/8 forwarded=1 invalid=unknown", &forwarded).expect("no error");
    assert_eq!(resolved.external_url("/").expect("a host"), "https://own.example/");
}

#[test]
fn connection() {
    clients(&[
        (
            ("for=1", &["X-Forwarded-For: 192.0.2.1", "Connection: close, x-forwarded-FOR"]),
            Err(Nominated),
        ),
        (("for=1", &["Connection: X-Forwarded-For"]), Err(Nominated)),
        (
            ("for=1", &["Connection: keep-alive", "Connection:\tX-Forwarded-For ,close"]),
            Err(Nominated),
        ),
        (("for=1 invalid=peer missing=peer", &["Connection: X-Forwarded-For"]), Err(Nominated)),
        (("forwarded=1", &["Forwarded: for=192.0.2.1", "Connection: Forwarded"]), Err(Nominated)),
        (
            ("client-ip=X-Real-IP", &["X-Real-IP: 192.0.2.1", "Connection: x-real-ip"]),
            Err(Nominated),
        ),
        (
            ("for=1 host=1", &["X-Forwarded-For: 192.0.2.1", "Connection: X-Forwarded-Host"]),
            Err(Nominated),
        ),
        // Two names with the same length.
        (("host=1 port=1", &["Connection: X-Forwarded-Host"]), Err(Nominated)),
        (("host=1 port=1", &["Connection: X-Forwarded-Port"]), Err(Nominated)),
        // A lax reader takes these for options.
        (("for=1", &["Connection: close X-Forwarded-For"]), Err(Nominated)),
        (("for=1", &["Connection: close;X-Forwarded-For"]), Err(Nominated)),
        (("for=1", &["Connection: \"X-Forwarded-For\""]), Err(Nominated)),
        (
            ("for=1", &["X-Forwarded-For: 192.0.2.1", "Connection: X-Forwarded-Forx"]),
            Ok("192.0.2.1"),
        ),
        // It may name headers that are not trusted.
        (
            (
                "for=1",
                &[
                    "X-Forwarded-For: 192.0.2.1",
                    "Connection: close, Forwarded, X-Forwarded-Proto, Host",
                ],
            ),
            Ok("192.0.2.1"),
        ),
        (
            (
                "for=1 connection=ignore",
                &["X-Forwarded-For: 192.0.2.1", "Connection: X-Forwarded-For"],
            ),
            Ok("192.0.2.1"),
        ),
    ]);
}

#[test]
fn bounds() {
    let padded = |length: usize| format!("{}192.0.2.1", " ".repeat(length - 9));
    for (config, name, text) in
        [("for=1", "X-Forwarded-For", ""), ("forwarded=1", "Forwarded", "for=")]
    {
        let read = |value: String| {
            client(&format!("proxies=10.0.0.0/8 {config}"), &[format!("{name}: {value}")])
        };
        let longest = format!(
            "{text}{}",
            if text.is_empty() {
                padded(4096)
            } else {
                format!("192.0.2.1;x={}", "y".repeat(4096 - 16))
            }
        );
        assert_eq!(longest.trim_start().len().max(4096), 4096);
        assert_eq!(read(format!("junk,{longest}")).as_deref(), Ok("192.0.2.1"));
        assert_eq!(read(format!("junk, {longest}")), Err(TooLong));
        // The longest element, if it is the only one.
        let alone = format!("{text}192.0.2.1;x={}", "y".repeat(4096 - 12 - text.len()));
        if !text.is_empty() {
            assert_eq!((alone.len(), read(alone).as_deref()), (4096, Ok("192.0.2.1")));
        }
        // 64 KiB to the left of it make no difference.
        assert_eq!(
            read(format!("{}, {text}192.0.2.1", "x".repeat(65536))).as_deref(),
            Ok("192.0.2.1")
        );
        assert_eq!(
            read(format!("{}, {text}192.0.2.1", "\"".repeat(65536))).as_deref(),
            Ok("192.0.2.1")
        );
        assert_eq!(read("x".repeat(65536)), Err(TooLong));
        assert_eq!(read(",".repeat(65536)), Err(Empty));
    }
    // `Connection` is not read from the right: all of it is read, no matter how long it is.
    let connection =
        |options: &str| client("proxies=10.0.0.0/8 for=1", &[format!("Connection: {options}")]);
    assert_eq!(connection(&"x".repeat(4097)).as_deref(), Ok("unknown"));
    let nominated = format!("x-forwarded-for,{}", "x".repeat(65536));
    assert_eq!(connection(&nominated), Err(Nominated));
}

#[test]
fn joined_prefixes() {
    let read = |lines: &[&str]| {
        resolved("proxies=10.0.0.0/8 prefix=join:2", lines)
            .map(|r| r.prefix().to_owned())
            .map_err(|e| e.kind())
    };
    let ok = |prefix: &str| Ok(prefix.to_owned());
    assert_eq!(read(&["X-Forwarded-Prefix: /evil, /outer/, /inner"]), ok("/outer/inner"));
    assert_eq!(
        read(&["X-Forwarded-Prefix: /outer", "X-Forwarded-Prefix: /inner/"]),
        ok("/outer/inner")
    );
    assert_eq!(read(&["X-Forwarded-Prefix: /outer,"]), ok("/outer"));
    assert_eq!(read(&["X-Forwarded-Prefix: /, /inner"]), ok("/inner"));
    assert_eq!(read(&["X-Forwarded-Prefix: /inner"]), Err(Short));
    assert_eq!(read(&["X-Forwarded-Prefix: //evil, /inner"]), Err(ErrorKind::InvalidPrefix));
    let long = [
        "/a-prefix-of-thirty-bytes-each",
        "/b-prefix-of-thirty-bytes-each",
        "/c-prefix-of-thirty-bytes-each",
    ];
    let line = format!("X-Forwarded-Prefix: {}", long.join(","));
    let joined = resolved("proxies=10.0.0.0/8 prefix=join:3", &[line]).expect("valid");
    assert_eq!(joined.prefix(), long.concat());
    let lenient = "proxies=10.0.0.0/8 prefix=join:1 invalid=unknown";
    assert_eq!(resolved(lenient, &["X-Forwarded-Prefix: //x"]).expect("no error").prefix(), "");
    assert_eq!(read(&["X-Other: 1"]), ok(""));
    assert_eq!(read(&["X-Forwarded-Prefix:"]), ok(""));
    assert_eq!(read(&["X-Forwarded-Prefix: ,"]), ok(""));
    for line in ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Prefix:", "X-Forwarded-Prefix: ,"] {
        let own = resolved("proxies=10.0.0.0/8 prefix=join:2", &[line]).expect("no error");
        assert_eq!(own.source().prefix(), Source::Own, "{line}");
    }
}
