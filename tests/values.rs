//! Every accepted and every refused form of a value: nodes, schemes, hosts, ports, prefixes.

mod util;

use http::Request;
use proxyfix::ErrorKind::{
    self, BareIpv6, InvalidElement, InvalidHost, InvalidNode, InvalidPort, InvalidPrefix,
    InvalidScheme,
};
use util::{client, resolved, table};

type Expected = Result<&'static str, ErrorKind>;

#[track_caller]
fn rows(rows: &[(&'static str, Expected)], read: impl Fn(&str) -> Result<String, ErrorKind>) {
    let rows = rows.iter().map(|&(text, expected)| (text, expected.map(str::to_owned)));
    table(rows, |text| read(text));
}

/// Nodes that occur in both families.
const NODES: &[(&str, Expected)] = &[
    ("203.0.113.9:4711", Ok("203.0.113.9:4711")),
    ("192.0.2.1", Ok("192.0.2.1")),
    ("0.0.0.0", Ok("0.0.0.0")),
    ("255.255.255.255", Ok("255.255.255.255")),
    ("192.0.2.1:80", Ok("192.0.2.1:80")),
    ("192.0.2.1:0", Ok("192.0.2.1:0")),
    ("192.0.2.1:65535", Ok("192.0.2.1:65535")),
    ("192.0.2.1:00080", Ok("192.0.2.1:80")),
    ("192.0.2.1:_port", Ok("192.0.2.1:_port")),
    ("[2001:db8::7]", Ok("[2001:db8::7]")),
    ("[2001:DB8:0:0::7]", Ok("[2001:db8::7]")),
    ("[2001:db8::7]:4711", Ok("[2001:db8::7]:4711")),
    ("[2001:db8::7]:_p.-_1", Ok("[2001:db8::7]:_p.-_1")),
    ("[::1]", Ok("[::1]")),
    ("[::ffff:192.0.2.1]", Ok("192.0.2.1")),
    ("[::ffff:c000:201]:80", Ok("192.0.2.1:80")),
    ("[64:ff9b::192.0.2.1]", Ok("[64:ff9b::c000:201]")),
    ("unknown", Ok("unknown")),
    ("UnKnown", Ok("unknown")),
    ("unknown:80", Ok("unknown:80")),
    ("_hidden", Ok("_hidden")),
    ("_a.b_c-D9:_x", Ok("_a.b_c-D9:_x")),
    ("_hidden:80", Ok("_hidden:80")),
    (
        "_an-identifier-that-is-longer-than-thirty-bytes",
        Ok("_an-identifier-that-is-longer-than-thirty-bytes"),
    ),
    ("_", Err(InvalidNode)),
    ("_:80", Err(InvalidNode)),
    ("192.0.2.1:", Err(InvalidNode)),
    ("192.0.2.1:65536", Err(InvalidNode)),
    ("192.0.2.1:99999", Err(InvalidNode)),
    ("192.0.2.1:000080", Err(InvalidNode)),
    ("192.0.2.1:+80", Err(InvalidNode)),
    ("192.0.2.1:_", Err(InvalidNode)),
    ("192.0.2.1:80:80", Err(InvalidNode)),
    ("192.0.2.256", Err(InvalidNode)),
    ("192.0.2.1234", Err(InvalidNode)),
    ("192.0.2.1234:80", Err(InvalidNode)),
    ("192.0.2", Err(InvalidNode)),
    ("192.0.2.1.1", Err(InvalidNode)),
    ("192.0.2.01", Err(InvalidNode)),
    ("0xc0.0.2.1", Err(InvalidNode)),
    ("3221225985", Err(InvalidNode)),
    (".", Err(InvalidNode)),
    ("[2001:db8::7", Err(InvalidNode)),
    ("[2001:db8::7]80", Err(InvalidNode)),
    ("[2001:db8::7]:", Err(InvalidNode)),
    ("[2001:db8::7]]", Err(InvalidNode)),
    ("[]", Err(InvalidNode)),
    ("[192.0.2.1]", Err(InvalidNode)),
    ("[unknown]", Err(InvalidNode)),
    ("[fe80::1:]", Err(InvalidNode)),
    // A zone is the proxy's own name for an interface. It is dropped.
    ("[fe80::1%eth0]", Ok("[fe80::1]")),
    ("[fe80::1%eth0]:4000", Ok("[fe80::1]:4000")),
    ("[fe80::1%2]", Ok("[fe80::1]")),
    ("[fe80::1%25eth0.100_~-]", Ok("[fe80::1]")),
    ("[::ffff:192.0.2.1%1]", Ok("192.0.2.1")),
    ("[fe80::1%]", Err(InvalidNode)),
    ("[fe80::1%eth0%1]", Err(InvalidNode)),
    ("[fe80::1%a/b]", Err(InvalidNode)),
    ("[fe80::%eth0::1]", Err(InvalidNode)),
    ("[%eth0]", Err(InvalidNode)),
    ("192.0.2.1%eth0", Err(InvalidNode)),
    ("unknown%eth0", Err(InvalidNode)),
    ("localhost", Err(InvalidNode)),
    ("app.example", Err(InvalidNode)),
    ("-", Err(InvalidNode)),
];

#[test]
fn node_in_x_forwarded_for() {
    let read =
        |text: &str| client("proxies=10.0.0.0/8 for=1", &[format!("X-Forwarded-For: {text}")]);
    rows(NODES, read);
    rows(
        &[
            // Without brackets there is no port.
            ("2001:db8::7", Ok("[2001:db8::7]")),
            ("::", Ok("[::]")),
            ("::ffff:192.0.2.1", Ok("192.0.2.1")),
            ("2001:db8::7:4711", Ok("[2001:db8::7:4711]")),
            ("2001:db8:0:0:0:0:0:7:4711", Err(InvalidNode)),
            ("2001:db8::g", Err(InvalidNode)),
            // nginx on a Unix socket.
            ("unix:", Ok("unknown")),
            ("unix:/run/app.sock", Err(InvalidNode)),
            ("UNIX:", Err(InvalidNode)),
            // Quotes and other text are not allowed.
            ("\"192.0.2.1\"", Err(InvalidNode)),
            ("\"", Err(InvalidNode)),
            ("fe80::1%eth0", Ok("[fe80::1]")),
            ("fe80::1%", Err(InvalidNode)),
            ("fe80::1%eth0:80", Err(InvalidNode)),
            ("192.0.2.1 192.0.2.2", Err(InvalidNode)),
            ("192.0.2.1;192.0.2.2", Err(InvalidNode)),
            ("192.0.2.1/24", Err(InvalidNode)),
            ("for=192.0.2.1", Err(InvalidNode)),
            ("<script>", Err(InvalidNode)),
            ("19\u{b2}.0.2.1", Err(InvalidNode)),
        ],
        read,
    );
}

#[test]
fn node_in_a_single_address_header() {
    let read = |text: &str| {
        client("proxies=10.0.0.0/8 client-ip=X-Real-IP", &[format!("X-Real-IP: {text}")])
    };
    rows(NODES, read);
    rows(
        &[
            ("2001:db8::7", Ok("[2001:db8::7]")),
            ("unix:", Ok("unknown")),
            ("192.0.2.1, 192.0.2.2", Err(ErrorKind::Repeated)),
            (",", Err(ErrorKind::Repeated)),
            ("", Err(ErrorKind::Empty)),
        ],
        read,
    );
    for lines in [["6.6.6.6", "203.0.113.9"], ["203.0.113.9", "203.0.113.9"], ["6.6.6.6", ""]] {
        let lines = lines.map(|value| format!("X-Real-IP: {value}"));
        let found = client("proxies=10.0.0.0/8 client-ip=X-Real-IP", &lines);
        assert_eq!(found, Err(ErrorKind::Repeated));
    }
}

/// A port always follows the last colon: `2001:db8::7:4653` is not an address.
#[test]
fn node_in_cloudfront_viewer_address() {
    let config = "proxies=10.0.0.0/8 client-ip=CloudFront-Viewer-Address";
    rows(
        &[
            ("192.0.2.1:46532", Ok("192.0.2.1:46532")),
            ("2001:db8::7:46532", Ok("[2001:db8::7]:46532")),
            ("2001:db8::7:4653", Ok("[2001:db8::7]:4653")),
            ("2001:db8:1:2:3:4:5:6:80", Ok("[2001:db8:1:2:3:4:5:6]:80")),
            ("[2001:db8::7]:46532", Ok("[2001:db8::7]:46532")),
            ("::ffff:192.0.2.1:80", Ok("192.0.2.1:80")),
            ("192.0.2.1", Err(InvalidNode)),
            ("[2001:db8::7]", Err(InvalidNode)),
            ("2001:db8::7:99999", Err(InvalidNode)),
            ("192.0.2.1:80:81", Err(InvalidNode)),
            ("unknown:80", Err(InvalidNode)),
            ("_x:80", Err(InvalidNode)),
            ("192.0.2.1:_p", Err(InvalidNode)),
            (":80", Err(InvalidNode)),
            ("", Err(ErrorKind::Empty)),
        ],
        |text| client(config, &[format!("CloudFront-Viewer-Address: {text}")]),
    );
}

#[test]
fn node_in_forwarded() {
    let config = "proxies=10.0.0.0/8 forwarded=1";
    rows(NODES, |text| client(config, &[format!("Forwarded: for=\"{text}\"")]));
    rows(
        &[
            ("\"2001:db8::7\"", Err(BareIpv6)),
            ("2001:db8::7", Err(BareIpv6)),
            ("\"fe80::1%eth0\"", Err(BareIpv6)),
            ("\"2001:db8::7:80x\"", Err(InvalidNode)),
            ("\"unix:\"", Err(InvalidNode)),
            ("\"\"", Err(InvalidNode)),
            ("[fe80::1%eth0]", Ok("[fe80::1]")),
            // A value is unescaped only if it has a backslash.
            (r#""192\.0.2.\1""#, Ok("192.0.2.1")),
            (r#""\[2001:db8::7\]""#, Ok("[2001:db8::7]")),
            // Without quotes, as deployed routers write it.
            ("192.0.2.1:80", Ok("192.0.2.1:80")),
            ("[2001:db8::7]", Ok("[2001:db8::7]")),
            ("[2001:db8::7]:80", Ok("[2001:db8::7]:80")),
            ("unknown", Ok("unknown")),
            ("", Err(InvalidElement)),
            ("192.0.2.1/24", Err(InvalidElement)),
        ],
        |text| client(config, &[format!("Forwarded: for={text}")]),
    );
}

/// The configuration says that the gateway leaves the brackets out.
#[test]
fn bare_ipv6_in_forwarded() {
    let config = "proxies=10.0.0.0/8 forwarded=1 forwarded-ipv6=bare";
    rows(NODES, |text| client(config, &[format!("Forwarded: for=\"{text}\"")]));
    rows(
        &[
            ("2001:db8::9", Ok("[2001:db8::9]")),
            ("\"2001:db8::9\"", Ok("[2001:db8::9]")),
            ("::ffff:192.0.2.1", Ok("192.0.2.1")),
            ("\"fe80::1%eth0\"", Ok("[fe80::1]")),
            // The whole text is the address.
            ("2001:db8::9:4711", Ok("[2001:db8::9:4711]")),
            ("2001:db8:0:0:0:0:0:9:4711", Err(InvalidNode)),
            ("unix:", Err(InvalidNode)),
        ],
        |text| client(config, &[format!("Forwarded: for={text}")]),
    );
    let walk = "proxies=10.0.0.0/8,fd00::/8 forwarded=walk forwarded-ipv6=bare";
    let lines = ["Forwarded: for=2001:db8::9, for=fd00::1, for=10.0.0.2"];
    assert_eq!(client(walk, &lines), Ok("[2001:db8::9]".into()));
    assert_eq!(client(&walk.replace("bare", "brackets"), &lines), Err(BareIpv6));
}

#[test]
fn scheme() {
    let schemes: &[(&str, Expected)] = &[
        ("http", Ok("http")),
        ("https", Ok("https")),
        ("HTTPS", Ok("https")),
        ("Http", Ok("http")),
        ("ws", Ok("http")),
        ("wss", Ok("https")),
        ("WSS", Ok("https")),
        ("httpss", Err(InvalidScheme)),
        ("https:", Err(InvalidScheme)),
        ("https://", Err(InvalidScheme)),
        ("javascript", Err(InvalidScheme)),
        ("ftp", Err(InvalidScheme)),
        ("on", Err(InvalidScheme)),
        ("1", Err(InvalidScheme)),
        ("\"https\"", Err(InvalidScheme)),
        ("http s", Err(InvalidScheme)),
    ];
    let read = |config: &str, line: String| {
        let resolved = resolved(config, &[line]).map_err(|error| error.kind())?;
        assert_eq!(resolved.is_secure(), resolved.scheme().as_str() == "https");
        Ok(resolved.scheme().to_string())
    };
    let config = "proxies=10.0.0.0/8 proto=1";
    rows(schemes, |text| read(config, format!("X-Forwarded-Proto: {text}")));
    let quoted: Vec<_> = schemes.iter().copied().filter(|(text, _)| !text.contains('"')).collect();
    rows(&quoted, |text| {
        read("proxies=10.0.0.0/8 forwarded=1", format!("Forwarded: proto=\"{text}\""))
    });

    let switches = [
        "X-Forwarded-Ssl",
        "Front-End-Https",
        "X_Forwarded_Ssl",
        "X-Forwarded-HTTPS",
        "X-HTTPS",
        "X-Proxied-HTTPS",
    ];
    for name in switches {
        let config = format!("proxies=10.0.0.0/8 proto=1 proto-name={name}");
        rows(
            &[
                ("on", Ok("https")),
                ("ON", Ok("https")),
                ("off", Ok("http")),
                ("https", Ok("https")),
                ("true", Err(InvalidScheme)),
                ("1", Err(InvalidScheme)),
            ],
            |text| read(&config, format!("{name}: {text}")),
        );
    }
}

/// Hosts, with the effective authority over plain HTTP.
const HOSTS: &[(&str, Expected)] = &[
    ("app.example", Ok("app.example")),
    ("App.EXAMPLE", Ok("app.example")),
    ("app.example.", Ok("app.example")),
    ("app.example.:8080", Ok("app.example:8080")),
    ("localhost", Ok("localhost")),
    ("a_b-c.example", Ok("a_b-c.example")),
    ("-", Ok("-")),
    ("127.0.0.2", Ok("127.0.0.2")),
    ("127.0.0.2.:8080", Ok("127.0.0.2:8080")),
    // An IPv6 address has one spelling.
    ("[0:0::1]", Ok("[::1]")),
    ("[2001:0DB8:0000::0007]:8080", Ok("[2001:db8::7]:8080")),
    ("[::ffff:c000:201]", Ok("[::ffff:192.0.2.1]")),
    // If the last label is a number, browsers read some form of an address, or report an error.
    ("256.1.1.1", Err(InvalidHost)),
    ("127.1", Err(InvalidHost)),
    ("2130706433", Err(InvalidHost)),
    ("0x7f.1", Err(InvalidHost)),
    ("127.0.0.0x1", Err(InvalidHost)),
    ("0x", Err(InvalidHost)),
    ("127.0.0.01", Err(InvalidHost)),
    ("1.127.0.0.1", Err(InvalidHost)),
    ("a.1", Err(InvalidHost)),
    ("a.1.", Err(InvalidHost)),
    ("a.0XaF:80", Err(InvalidHost)),
    ("1.a", Ok("1.a")),
    ("a1", Ok("a1")),
    ("a.b1", Ok("a.b1")),
    ("a.1b", Ok("a.1b")),
    ("a.xa", Ok("a.xa")),
    ("a.0xg", Ok("a.0xg")),
    ("face", Ok("face")),
    // Punycode is not decoded, valid or not.
    ("xn--bcher-kva.example", Ok("xn--bcher-kva.example")),
    ("xn--a.example", Ok("xn--a.example")),
    ("[2001:DB8::7]", Ok("[2001:db8::7]")),
    ("[::1]:8080", Ok("[::1]:8080")),
    ("app.example:8080", Ok("app.example:8080")),
    ("app.example:80", Ok("app.example")),
    ("app.example:443", Ok("app.example:443")),
    ("app.example:", Ok("app.example")),
    ("[::1]:", Ok("[::1]")),
    ("app.example:00081", Ok("app.example:81")),
    (".", Err(InvalidHost)),
    ("..", Err(InvalidHost)),
    (".example", Err(InvalidHost)),
    ("app..example", Err(InvalidHost)),
    ("app.example..", Err(InvalidHost)),
    (":80", Err(InvalidHost)),
    (":", Err(InvalidHost)),
    ("app.example:0", Err(InvalidHost)),
    ("app.example:65536", Err(InvalidHost)),
    ("app.example:99999", Err(InvalidHost)),
    ("app.example:000080", Err(InvalidHost)),
    ("app.example:+80", Err(InvalidHost)),
    ("app.example:80:80", Err(InvalidHost)),
    ("app.example:http", Err(InvalidHost)),
    ("user@app.example", Err(InvalidHost)),
    ("user:pw@app.example", Err(InvalidHost)),
    ("app.example/path", Err(InvalidHost)),
    ("evil.example/path?x#<script>", Err(InvalidHost)),
    ("app.example?q", Err(InvalidHost)),
    ("app.example#f", Err(InvalidHost)),
    ("app example", Err(InvalidHost)),
    ("app%2eexample", Err(InvalidHost)),
    ("app.example\\", Err(InvalidHost)),
    ("*.example", Err(InvalidHost)),
    ("b\u{fc}cher.example", Err(InvalidHost)),
    ("[zz]", Err(InvalidHost)),
    ("[127.0.0.1]", Err(InvalidHost)),
    ("[::1", Err(InvalidHost)),
    ("[::1]x", Err(InvalidHost)),
    ("[fe80::1%25eth0]", Err(InvalidHost)),
    ("[v1.x]", Err(InvalidHost)),
    ("::1", Err(InvalidHost)),
];

#[track_caller]
fn authority(config: &str, lines: &[String]) -> Result<String, ErrorKind> {
    let resolved = resolved(config, lines).map_err(|error| error.kind())?;
    let authority = resolved.authority().expect("a host");
    assert_eq!(resolved.host(), Some(authority.host()));
    Ok(authority.to_string())
}

#[test]
fn host() {
    let x = "proxies=10.0.0.0/8 host=1";
    rows(HOSTS, |text| authority("proxies=10.0.0.0/8 for=1", &[format!("Host: {text}")]));
    rows(HOSTS, |text| authority(x, &[format!("X-Forwarded-Host: {text}")]));
    let plain: Vec<_> = HOSTS.iter().copied().filter(|(text, _)| !text.contains('\\')).collect();
    rows(&plain, |text| {
        authority("proxies=10.0.0.0/8 forwarded=1", &[format!("Forwarded: host=\"{text}\"")])
    });
    rows(&[("app.example, evil.example", Err(InvalidHost))], |text| {
        authority(x, &[format!("Host: {text}")])
    });
}

#[test]
fn case_of_a_host() {
    let name = "app-1.example.test";
    for (at, letter) in name.char_indices() {
        let mut written = name.to_owned();
        written.replace_range(at..=at, &letter.to_ascii_uppercase().to_string());
        for config in ["proxies=10.0.0.0/8 for=1", "proxies=10.0.0.0/8 host=1"] {
            let header = if config.contains("host") { "X-Forwarded-Host" } else { "Host" };
            let found = authority(config, &[format!("{header}: {written}")]);
            assert_eq!(found.as_deref(), Ok(name), "{written}");
        }
    }
}

/// The result does not depend on how many bytes of a name are read at a time. Tests every text of up to six
/// bytes, alone and after four other bytes.
#[test]
fn every_short_host() {
    let plainly = |text: &str| {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_valid = name.split('.').all(|label| !label.is_empty() && !label.contains('*'));
        if is_valid { Ok(name) } else { Err(InvalidHost) }
    };
    let mut texts = vec![String::new()];
    for _ in 1..=6 {
        texts =
            texts.iter().flat_map(|text| ["a", "A", ".", "*"].map(|b| text.clone() + b)).collect();
        for text in texts.iter().flat_map(|text| [text.clone(), format!("abcd{text}")]) {
            let found = authority("proxies=10.0.0.0/8 for=1", &[format!("Host: {text}")]);
            assert_eq!(found, plainly(&text), "{text}");
        }
    }
}

/// A value that the server has not trimmed.
#[test]
fn white_space_around_a_host() {
    let rows = [
        ("app.example", Ok(Some("app.example"))),
        (" app.example", Ok(Some("app.example"))),
        ("app.example ", Ok(Some("app.example"))),
        ("\tapp.example", Ok(Some("app.example"))),
        ("app.example\t", Ok(Some("app.example"))),
        (" \t app.example \t ", Ok(Some("app.example"))),
        (" ", Ok(None)),
        ("a", Ok(Some("a"))),
        (" a", Ok(Some("a"))),
        ("app .example", Err(InvalidHost)),
    ];
    let (config, peer) = (util::config("proxies=10.0.0.0/8 for=1"), util::peer("192.0.2.1"));
    for (value, expected) in rows {
        let mut request = util::request("192.0.2.1", "/", &[] as &[&str]);
        request.headers_mut().insert("host", value.parse().expect("a value"));
        let found = proxyfix::resolve(peer, request.headers(), request.uri(), &config);
        let found = found.as_ref().map(proxyfix::Resolved::host).map_err(proxyfix::Error::kind);
        assert_eq!(found, expected, "{value:?}");
    }
}

#[test]
fn length_of_a_host() {
    let host = |length: usize| "a.".repeat(127) + &"b".repeat(length - 254);
    for (length, end) in
        [(255, ""), (255, "."), (255, ":8080"), (255, ".:65535"), (256, ""), (256, "."), (999, "")]
    {
        let name = host(length);
        let port = end.trim_start_matches('.');
        let expected = if length == 255 { Ok(format!("{name}{port}")) } else { Err(InvalidHost) };
        for (trust, header) in [("for=1", "Host"), ("host=1", "X-Forwarded-Host")] {
            let line = format!("{header}: {name}{end}");
            assert_eq!(authority(&format!("proxies=10.0.0.0/8 {trust}"), &[line]), expected);
        }
    }
    // The byte at which it is too long or wrong.
    let a = |length| "a".repeat(length);
    for (text, at, found) in [
        (a(256), 255, ""),
        (a(255) + ".a", 255, ""),
        (a(251) + "!aaaa", 251, ", found '!'"),
        (a(255) + "!", 255, ", found '!'"),
        (":80".into(), 0, ", found ':'"),
    ] {
        let error = resolved("proxies=10.0.0.0/8 for=1", &[format!("Host: {text}")]).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("host, byte {at}: ")), "{text}");
        assert!(text.ends_with(&format!("optional port{found}")), "{text}");
    }
    // A text that is far too long is not read.
    for junk in ["[", "a:", ":", "."] {
        let line = format!("Host: {junk}{}", "1".repeat(65536));
        assert_eq!(authority("proxies=10.0.0.0/8 for=1", &[line]), Err(InvalidHost));
    }
    // White space around it, which some servers leave, is not part of it.
    let mut padded = util::request(util::PROXY, "/", &[""; 0]);
    padded.headers_mut().insert("host", http::HeaderValue::from_static(" app.example\t"));
    proxyfix::fix_request(&mut padded, &util::config("proxies=none for=1")).expect("valid");
    assert_eq!(padded.headers()["host"], "app.example");
}

#[test]
fn host_of_the_target() {
    let read = |target: &str| {
        let mut request = util::request(util::PROXY, "/", &["Host: app.example"]);
        *request.uri_mut() = target.parse().expect("a target");
        let config = util::config("proxies=10.0.0.0/8 for=1");
        proxyfix::fix_request(&mut request, &config).map_err(|error| error.kind())?;
        Ok(format!("{} {}", util::of(&request).authority().expect("a host"), request.uri()))
    };
    rows(
        &[
            ("http://Other.example/a?b", Ok("other.example http://other.example/a?b")),
            ("https://other.example:80/a", Ok("other.example http://other.example/a")),
            ("http://other.example:8080/a", Ok("other.example:8080 http://other.example:8080/a")),
            ("http://user@other.example/a", Err(InvalidHost)),
            ("http://other.example:99999/a", Err(InvalidHost)),
            ("http://a,b/a", Err(InvalidHost)),
            // Origin, asterisk and authority form. The last is only for CONNECT.
            ("/a?b", Ok("app.example http://app.example/a?b")),
            ("//evil.example/a", Ok("app.example http://app.example//evil.example/a")),
            ("*", Ok("app.example *")),
            ("other.example:443", Err(ErrorKind::InvalidTarget)),
        ],
        read,
    );
}

#[test]
fn port() {
    let lines =
        |port: &str| [format!("X-Forwarded-Port: {port}"), "Host: app.example:81".to_owned()];
    rows(
        &[
            ("8080", Ok("8080 app.example:8080")),
            ("1", Ok("1 app.example:1")),
            ("65535", Ok("65535 app.example:65535")),
            ("80", Ok("80 app.example")),
            ("00443", Ok("443 app.example:443")),
            ("0", Err(InvalidPort)),
            ("65536", Err(InvalidPort)),
            ("99999", Err(InvalidPort)),
            ("100000", Err(InvalidPort)),
            ("-1", Err(InvalidPort)),
            ("+1", Err(InvalidPort)),
            ("0x50", Err(InvalidPort)),
            ("8 0", Err(InvalidPort)),
            ("\"80\"", Err(InvalidPort)),
        ],
        |text| {
            let resolved =
                resolved("proxies=10.0.0.0/8 port=1", &lines(text)).map_err(|e| e.kind())?;
            Ok(format!("{} {}", resolved.port(), resolved.authority().expect("a host")))
        },
    );
}

#[test]
fn prefix() {
    rows(
        &[
            ("/app", Ok("/app")),
            ("/app/", Ok("/app")),
            ("/app//", Ok("/app")),
            ("/", Ok("")),
            ("/a/b.c/d", Ok("/a/b.c/d")),
            ("/a//b", Ok("/a//b")),
            ("/App", Ok("/App")),
            ("/-._~!$&'()*+;=:@", Ok("/-._~!$&'()*+;=:@")),
            ("/%C3%BC", Ok("/%C3%BC")),
            ("/%20a", Ok("/%20a")),
            ("/...", Ok("/...")),
            ("/.a", Ok("/.a")),
            ("/a;v=1", Ok("/a;v=1")),
            (
                "/a-prefix-that-is-longer-than-thirty-bytes",
                Ok("/a-prefix-that-is-longer-than-thirty-bytes"),
            ),
            ("app", Err(InvalidPrefix)),
            ("//", Err(InvalidPrefix)),
            ("//evil.example", Err(InvalidPrefix)),
            ("http://evil.example", Err(InvalidPrefix)),
            ("/\\evil.example", Err(InvalidPrefix)),
            ("\\evil", Err(InvalidPrefix)),
            ("/a/../b", Err(InvalidPrefix)),
            ("/..", Err(InvalidPrefix)),
            ("/.", Err(InvalidPrefix)),
            ("/./a", Err(InvalidPrefix)),
            ("/..;x/a", Err(InvalidPrefix)),
            ("/.;x", Err(InvalidPrefix)),
            ("/%2e%2e/", Err(InvalidPrefix)),
            ("/a%2E", Err(InvalidPrefix)),
            ("/%2f/", Err(InvalidPrefix)),
            ("/%2Fevil", Err(InvalidPrefix)),
            ("/%5cevil", Err(InvalidPrefix)),
            ("/%5C", Err(InvalidPrefix)),
            ("/%00", Err(InvalidPrefix)),
            ("/%0d%0a", Err(InvalidPrefix)),
            ("/%1f", Err(InvalidPrefix)),
            ("/%7f", Err(InvalidPrefix)),
            ("/%7F", Err(InvalidPrefix)),
            ("/%", Err(InvalidPrefix)),
            ("/%2", Err(InvalidPrefix)),
            ("/%zz", Err(InvalidPrefix)),
            ("/%+1", Err(InvalidPrefix)),
            ("/a b", Err(InvalidPrefix)),
            ("/a?b", Err(InvalidPrefix)),
            ("/a#b", Err(InvalidPrefix)),
            ("/a\"b", Err(InvalidPrefix)),
            ("/<script>", Err(InvalidPrefix)),
            ("/\u{fc}", Err(InvalidPrefix)),
        ],
        |text| {
            let lines = [format!("X-Forwarded-Prefix: {text}")];
            let resolved = resolved("proxies=10.0.0.0/8 prefix=1", &lines).map_err(|e| e.kind())?;
            Ok(resolved.prefix().to_owned())
        },
    );
}

#[test]
fn external_url() {
    let lines = ["Host: app.example:8080", "X-Forwarded-Prefix: /app"];
    let found = resolved("proxies=10.0.0.0/8 prefix=1", &lines).expect("valid");
    let bad = ErrorKind::InvalidPath;
    rows(
        &[
            ("/item?q=1", Ok("http://app.example:8080/app/item?q=1")),
            ("/", Ok("http://app.example:8080/app/")),
            ("", Err(bad)),
            ("item", Err(bad)),
            ("//evil.example", Err(bad)),
            ("/\\evil.example", Err(bad)),
            ("/\t/evil.example", Err(bad)),
            ("/\n/x", Err(bad)),
            ("/a b", Err(bad)),
            ("/a#b", Err(bad)),
            ("http://evil.example/", Err(bad)),
        ],
        |text| found.external_url(text).map(|url| url.to_string()).map_err(|e| e.kind()),
    );
    let no_host = resolved("proxies=10.0.0.0/8 for=1", &[""; 0]).expect("valid");
    assert_eq!(no_host.external_url("/").unwrap_err().kind(), ErrorKind::MissingHost);
    rows(
        &[
            ("/item", Ok("/item")),
            ("item", Ok("/item")),
            ("", Ok("/")),
            ("//e", Ok("/e")),
            ("/\\e", Ok("/e")),
            ("/\t/e", Ok("/e")),
            ("\t//e", Ok("/e")),
            ("/\n\\\r/e", Ok("/e")),
            ("/e\t//e", Ok("/e\t//e")),
        ],
        |path| Ok(no_host.external_path(path)),
    );
    assert_eq!(found.external_path("//e"), "/app/e");
}

#[test]
fn peer() {
    use proxyfix::{Peer, Scheme};

    let mapped = util::peer("::ffff:10.0.0.1");
    assert_eq!(mapped, util::peer("10.0.0.1"));
    assert_eq!(mapped.to_string(), "10.0.0.1");
    let socket = Peer::from("[2001:db8::7]:80".parse::<std::net::SocketAddr>().expect("valid"));
    assert_eq!((socket.port(), socket.to_string()), (Some(80), "[2001:db8::7]:80".to_owned()));
    assert_eq!((Peer::UNIX.ip(), Peer::UNIX.to_string()), (None, "unix socket".to_owned()));

    // The scheme of the connection replaces `listener`.
    let config = util::config("proxies=none for=1 listener=https");
    for (peer, scheme) in
        [(socket, Scheme::Https), (socket.with_scheme(Scheme::Http), Scheme::Http)]
    {
        let mut request = Request::get("/").extension(peer).body(()).expect("valid");
        proxyfix::fix_request(&mut request, &config).expect("valid");
        assert_eq!(util::of(&request).scheme(), scheme);
        assert_eq!(util::of(&request).client_port(), peer.port());
    }
    let trusted = util::config("proxies=10.0.0.0/8 for=1");
    let mut request = util::request(util::PROXY, "/", &["X-Forwarded-For: 203.0.113.9"]);
    request.extensions_mut().insert(util::peer(util::PROXY).with_scheme(Scheme::Https));
    proxyfix::fix_request(&mut request, &trusted).expect("valid");
    assert!(util::of(&request).is_secure());
}

/// Equal identifiers compare equal and others differ, short or long. The same is true of their hashes.
#[test]
fn nodes_are_compared() {
    use std::hash::{BuildHasher, RandomState};

    let node = |text: &str| text.parse::<proxyfix::Node>().expect("a node");
    let long = format!("_{}", "a".repeat(40));
    let hashes = RandomState::new();
    for (one, other) in [("_a", "_b"), ("_a", "_aa"), ("_a", long.as_str())] {
        assert_eq!(node(one), node(one));
        assert_ne!(node(one), node(other));
        assert_eq!(hashes.hash_one(node(other)), hashes.hash_one(node(other)));
        assert_ne!(hashes.hash_one(node(one)), hashes.hash_one(node(other)));
    }
    assert_eq!(node(&long), node(&long));
    assert_ne!(node(&long), node(&format!("{long}b")));
}

#[test]
fn node_as_a_key() {
    let texts = [
        "192.0.2.1",
        "[2001:db8::7]:80",
        "_short",
        "_an-identifier-that-is-longer-than-thirty-bytes:_p",
    ];
    let nodes: std::collections::HashSet<proxyfix::Node> =
        texts.iter().map(|text| text.parse().expect("a node")).collect();
    for text in texts {
        let node: proxyfix::Node = text.parse().expect("a node");
        assert!(nodes.contains(&node));
        if let proxyfix::NodeName::Obfuscated(identifier) = node.name() {
            assert!(
                text.starts_with(identifier.as_str())
                    && format!("{node:?}").contains(identifier.as_str())
            );
        }
        assert_eq!(node.port().is_some(), text.contains("]:") || text.contains(":_"));
    }
    let long_host = format!("{}.example", "A".repeat(70));
    let found = resolved("proxies=none for=1", &[format!("Host: {long_host}")]).expect("valid");
    assert_eq!(found.host(), Some(long_host.to_ascii_lowercase().as_str()));
}
