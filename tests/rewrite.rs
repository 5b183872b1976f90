//! What a fixed request looks like: URI, `Host`, forwarding headers, extensions. And that a
//! rejected one is as it was.

mod util;

use http::{HeaderMap, Method, Request, Version};
use proxyfix::{ErrorKind, Resolved, Source, fix_parts, fix_request, resolve};
use util::{config, fix, of, peer, request, table};

const ALL: &str = "proxies=10.0.0.0/8 for=1 proto=1 host=1 port=1 prefix=1";

/// `name: value` for each field line, sorted.
fn lines(headers: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}", value.as_bytes().escape_ascii())
    };
    let mut lines: Vec<_> = headers.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn target_and_host() {
    let proto = ["X-Forwarded-Proto: https", "X-Forwarded-Host: Shop.Example:443"];
    let rows = [
        // Path and query stay byte for byte.
        ("/a/../b//c;%41?x=/&y=%zz", "https://shop.example/a/../b//c;%41?x=/&y=%zz"),
        ("/", "https://shop.example/"),
        ("//evil.example/a", "https://shop.example//evil.example/a"),
        ("http://other.example/a", "https://shop.example/a"),
        ("http://other.example", "https://shop.example/"),
        ("*", "*"),
    ];
    table(rows.map(|(target, uri)| (target, uri.to_owned())), |target| {
        let mut request = request(util::PROXY, target, &proto);
        fix_request(&mut request, &config("proxies=10.0.0.0/8 proto=1 host=1")).expect("valid");
        assert_eq!(request.headers().get_all("host").iter().collect::<Vec<_>>(), ["shop.example"]);
        assert_eq!(of(&request).original().uri().to_string(), request_target(target));
        request.uri().to_string()
    });
}

/// How `http` prints a target: an absolute form without a path gets one.
fn request_target(target: &str) -> String {
    target.parse::<http::Uri>().expect("a target").to_string()
}

/// CONNECT has a target in authority form, which stays (RFC 9112 §3.2.3); nothing else has. An
/// asterisk has an authority in HTTP/2 alone, which is the client's.
#[test]
fn targets_without_a_path() {
    let config = config("proxies=10.0.0.0/8 proto=1 host=1");
    let sent = ["X-Forwarded-Proto: http", "X-Forwarded-Host: app.example"];
    let fixed = |method, target: &str| {
        let mut request = request(util::PROXY, target, &sent);
        *request.method_mut() = method;
        fix_request(&mut request, &config).map_err(|error| error.kind())?;
        assert_eq!(request.headers()["host"], "app.example");
        Ok(request.uri().clone())
    };
    assert_eq!(fixed(Method::CONNECT, "other.example:443").unwrap(), "other.example:443");
    assert_eq!(fixed(Method::GET, "other.example:443"), Err(ErrorKind::InvalidTarget));
    assert_eq!(fixed(Method::OPTIONS, "*").unwrap(), "*");
    // Also if the URI is kept: its authority would be the host instead of `Host`.
    let keeps = util::config("proxies=10.0.0.0/8 for=1 uri=keep");
    let mut kept = request(util::PROXY, "other.example:443", &["Host: app.example"]);
    let error = fix_request(&mut kept, &keeps).expect_err("no target of GET");
    assert_eq!(error.kind(), ErrorKind::InvalidTarget);
    *kept.method_mut() = Method::CONNECT;
    fix_request(&mut kept, &keeps).expect("a target of CONNECT");
    assert_eq!(kept.uri(), "other.example:443");
    assert_eq!(kept.headers()["host"], "other.example:443");
    let asterisk =
        http::Uri::builder().scheme("https").authority("evil.example").path_and_query("*");
    let mut request = request(util::PROXY, "/", &sent);
    *request.uri_mut() = asterisk.build().unwrap();
    fix_request(&mut request, &config).unwrap();
    assert_eq!(
        (request.uri().scheme_str(), request.uri().host()),
        (Some("http"), Some("app.example"))
    );
    assert_eq!(request.uri().path(), "*");
}

#[test]
fn host_in_canonical_form() {
    for (host, expected) in [
        ("app.example", "app.example"),
        ("App.Example.", "app.example"),
        ("app.example:80", "app.example"),
        ("app.example:8080", "app.example:8080"),
        ("[2001:DB8::1]:80", "[2001:db8::1]"),
    ] {
        let fixed = fix("proxies=none for=1", &[format!("Host: {host}")]).expect("valid");
        assert_eq!(fixed.headers()["host"], expected);
        assert_eq!(fixed.uri(), format!("http://{expected}/").as_str());
        assert_eq!(of(&fixed).original().host().expect("one"), host);
    }
    let kept = fix("proxies=none for=1 uri=keep", &["Host: App.Example"]).expect("valid");
    assert_eq!(
        (kept.uri().to_string().as_str(), &kept.headers()["host"]),
        ("/", &"app.example".parse().unwrap())
    );
    let none = fix("proxies=none for=1", &[""; 0]).expect("valid");
    assert_eq!((none.uri().to_string().as_str(), none.headers().len()), ("/", 0));
}

/// What must not matter to the rewriting: the method, an upgrade, CONNECT with a path (RFC 8441 §4), how
/// many other headers come first, a path that begins with `?`.
#[test]
fn whatever_the_request_is() {
    let others: Vec<_> = (0..200).map(|n| format!("X-Other-{n}: 1")).collect();
    let upgrade = ["Connection: Upgrade".to_owned(), "Upgrade: websocket".to_owned()];
    let methods = ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
    let mut rows = vec![
        ("GET", "/item", &upgrade[..]),
        ("CONNECT", "/item", &[]),
        ("CONNECT", "http://evil.example/item", &[]),
        ("GET", "/item", &others[..]),
        ("GET", "http://evil.example?q", &[]),
        ("GET", "?q", &[]),
    ];
    rows.extend(methods.map(|method| (method, "/item", &[][..])));
    let rows = rows.into_iter().map(|(method, target, before)| {
        let path = if target.ends_with("?q") { "?q" } else { "/item" };
        let expected = format!("{method} https://shop.example{path} {}", before.len());
        ((method, target, before), expected)
    });
    table(rows, |(method, target, before)| {
        let mut sent = before.to_vec();
        sent.extend(["X-Real-IP: 6.6.6.6", "X_Forwarded_For: 6.6.6.6"].map(str::to_owned));
        sent.extend(["Host: evil.example", "X-Forwarded-Proto: https"].map(str::to_owned));
        sent.extend(
            ["X-Forwarded-Host: shop.example", "Forwarded: for=6.6.6.6"].map(str::to_owned),
        );
        let mut request = request(util::PROXY, "/", &sent);
        *request.method_mut() = method.parse().expect("a method");
        let mut parts = http::uri::Parts::default();
        if *target == "?q" {
            // No parser makes this of a target, but a service may.
            parts.path_and_query = Some(http::uri::PathAndQuery::from_static("?q"));
        } else {
            parts = target.parse::<http::Uri>().expect("a target").into_parts();
        }
        *request.uri_mut() = parts.try_into().expect("a target");
        fix_request(&mut request, &config("proxies=10.0.0.0/8 proto=1 host=1")).expect("valid");
        let left = lines(request.headers());
        let forwarding =
            left.iter().filter(|line| before.iter().all(|sent| !sent.eq_ignore_ascii_case(line)));
        let expected =
            ["host: shop.example", "x-forwarded-host: shop.example", "x-forwarded-proto: https"];
        assert_eq!(forwarding.collect::<Vec<_>>(), expected, "{method} {target}");
        let (uri, path) = (request.uri(), request.uri().path_and_query().expect("a path"));
        let origin = format!("{}://{}", uri.scheme().expect("one"), uri.authority().expect("one"));
        format!("{method} {origin}{} {}", path.as_str(), left.len() - expected.len())
    });
}

#[test]
fn canonical_headers() {
    let client = ["X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Forwarded-For: 203.0.113.9"];
    let rest = [
        "Host: own.example",
        "Accept: */*",
        "X-Forwarded-Proto: HTTPS",
        "X-Forwarded-Host: evil.example, Shop.Example",
        "X-Forwarded-Port: 443",
        "X-Forwarded-Prefix: /app/",
        "X-Forwarded_Port: 1",
        "X_Forwarded_Prefix: /evil",
        "Forwarded: for=6.6.6.6",
        "X-Forwarded-Server: evil",
        "Client_IP: 6.6.6.6",
        "X-Real-IP: 6.6.6.6",
        "X-Forwarded-User: alice",
        "X-Custom: 1",
    ];
    let sent = [&client[..], &rest].concat();
    let with =
        |options: &str| lines(fix(&format!("{ALL} {options}"), &sent).expect("valid").headers());
    let canonical = [
        "accept: */*",
        "host: shop.example",
        "x-custom: 1",
        "x-forwarded-for: 203.0.113.9",
        "x-forwarded-host: shop.example",
        "x-forwarded-port: 443",
        "x-forwarded-prefix: /app",
        "x-forwarded-proto: https",
        "x-forwarded-user: alice",
    ];
    assert_eq!(with(""), canonical);
    let plain = ["accept: */*", "host: shop.example", "x-custom: 1", "x-forwarded-user: alice"];
    assert_eq!(with("headers=strip"), plain);
    assert_eq!(with("headers=keep").len(), sent.len());
    let more = with("strip-also=X_Custom,X-Forwarded-User");
    assert_eq!(
        more,
        canonical
            .map(|line| line)
            .into_iter()
            .filter(|l| !l.contains("user") && !l.contains("custom"))
            .collect::<Vec<_>>()
    );
    let exempt = with("exempt=X-Real-IP,Forwarded");
    assert!(
        exempt.contains(&"x-real-ip: 6.6.6.6".to_owned())
            && exempt.contains(&"forwarded: for=6.6.6.6".to_owned())
    );
    assert_eq!(exempt.len(), canonical.len() + 2);

    // A configured name is a forwarding header too.
    let lines_of = |from: &str| {
        let mut named =
            request(from, "/", &["X-My-Edge: 203.0.113.9", "X_My_Edge: 6.6.6.6", "X-Kept: 1"]);
        fix_request(&mut named, &config("proxies=10.0.0.0/8 client-ip=X-My-Edge exempt=X-Real-IP"))
            .expect("valid");
        lines(named.headers())
    };
    assert_eq!(lines_of(util::PROXY), ["x-kept: 1", "x-my-edge: 203.0.113.9"]);
    assert_eq!(lines_of("192.0.2.1"), ["x-kept: 1"]);
    let mut exempt = request("192.0.2.1", "/", &["X-Real-IP: 6.6.6.6", "X_Real_IP: 6.6.6.6"]);
    fix_request(&mut exempt, &config("proxies=none for=1 exempt=X-Real-IP")).expect("valid");
    assert_eq!(lines(exempt.headers()), ["x-real-ip: 6.6.6.6"]);

    // From an untrusted peer all are removed, whatever is trusted else.
    let mut untrusted = request("192.0.2.1", "/", &sent);
    fix_request(&mut untrusted, &config(ALL)).expect("valid");
    assert_eq!(lines(untrusted.headers()), plain.map(|line| line.replace("shop", "own")));
}

#[test]
fn values_in_canonical_form() {
    let rows = [
        ("for=1", "x-forwarded-for", "2001:DB8::9", "2001:db8::9"),
        ("for=1", "x-forwarded-for", "[2001:db8::9]:80", "[2001:db8::9]:80"),
        ("for=1", "x-forwarded-for", "6.6.6.6,_hidden", "_hidden"),
        ("for=1", "x-forwarded-for", "6.6.6.6,unix:", "unknown"),
        ("for=walk", "x-forwarded-for", "10.0.0.3, 10.0.0.2", "unknown"),
        ("for=2 invalid=unknown", "x-forwarded-for", "6.6.6.6", "unknown"),
        ("for=2 invalid=peer", "x-forwarded-for", "6.6.6.6", "10.0.0.1"),
        ("client-ip=X-Real-IP", "x-real-ip", "::ffff:203.0.113.9", "203.0.113.9"),
        ("proto=1", "x-forwarded-proto", "http,wss", "https"),
        ("proto=1 proto-name=Front-End-Https", "front-end-https", "on", "on"),
        ("proto=1 proto-name=Front-End-Https", "front-end-https", "https", "on"),
        ("proto=1 proto-name=X-Forwarded-Ssl", "x-forwarded-ssl", "on,off", "off"),
        ("proto=1 proto-name=X-HTTPS", "x-https", "https", "on"),
        ("host=1", "x-forwarded-host", "evil.example, Shop.Example:80", "shop.example"),
        ("host=1", "x-forwarded-host", "evil.example,", "own.example"),
        ("port=1", "x-forwarded-port", "1,00081", "81"),
        ("prefix=1", "x-forwarded-prefix", "/evil,/", ""),
        ("prefix=join:2", "x-forwarded-prefix", "/evil,/a/,/b", "/a/b"),
        (
            "forwarded=1",
            "forwarded",
            "for=6.6.6.6, for=203.0.113.9;by=_x;secret=y",
            "for=203.0.113.9;proto=http;host=own.example",
        ),
        (
            "forwarded=1",
            "forwarded",
            "for=\"[2001:DB8::9]:80\";host=\"Shop.Example:81\";proto=HTTPS",
            "for=\"[2001:db8::9]:80\";proto=https;host=\"shop.example:81\"",
        ),
        (
            "forwarded=1",
            "forwarded",
            "for=[2001:db8::9];host=\"\"",
            "for=\"[2001:db8::9]\";proto=http;host=own.example",
        ),
        ("forwarded=1", "forwarded", "proto=https", "for=unknown;proto=https;host=own.example"),
    ];
    for (options, name, value, expected) in rows {
        let sent = ["Host: own.example".to_owned(), format!("{name}: {value}")];
        let fixed = fix(&format!("proxies=10.0.0.0/8 {options}"), &sent).expect("valid");
        assert_eq!(fixed.headers()[name], expected, "{options}");
        assert_eq!(fixed.headers().get_all(name).iter().count(), 1);
        // What is in that form already stays, and is not replaced by a copy.
        let mut again = request(util::PROXY, "/", &["Host: own.example"]);
        let line = http::HeaderValue::from_str(expected).unwrap();
        let bytes = line.as_bytes().as_ptr();
        again.headers_mut().insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), line);
        let config = config(&format!("proxies=10.0.0.0/8 {}", options.replace("=2", "=1")));
        if fix_request(&mut again, &config).is_ok() && of(&again).source().client() != Source::Own {
            assert_eq!(again.headers()[name].as_bytes().as_ptr(), bytes, "{options}");
        }
        let again = fix(
            &format!("proxies=10.0.0.0/8 {options}"),
            &["Host: own.example".to_owned(), format!("{name}: {expected}")],
        );
        if let Ok(again) = again.as_ref() {
            assert_eq!(again.headers()[name], expected, "{options}");
        }
    }
    // Where it was missing, nothing is added.
    let fixed =
        fix(ALL, &["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http"]).expect("valid");
    assert_eq!(lines(fixed.headers()), ["x-forwarded-for: 203.0.113.9", "x-forwarded-proto: http"]);
}

/// Names are found by their length, first and last byte: none is missed, of whatever length and ends,
/// in any spelling, to be read or to be removed.
#[test]
fn names_of_every_length_and_end() {
    let name = |length: usize, start: char, end: char| match length {
        1 => end.to_string(),
        _ => format!("{start}{}{end}", "-".repeat(length - 2)),
    };
    let ends = || "0123456789abcdefghijklmnopqrstuvwxyz-_".chars();
    let lengths = (1..40).flat_map(|length| ends().map(move |end| (length, 'a', end)));
    let starts = (1..4).flat_map(|length| ends().map(move |start| (length, start, 'a')));
    let both = ["--", "-_", "_-", "__"].map(|ends| {
        let mut ends = ends.chars();
        (5, ends.next().unwrap(), ends.next().unwrap())
    });
    for (length, start, end) in lengths.chain(starts).chain(both) {
        let name = name(length, start, end);
        let [dashes, underscores] = [("_", "-"), ("-", "_")].map(|(a, b)| name.replace(a, b));
        let removed = fix(
            &format!("proxies=any for=1 strip-also={name}"),
            &[&format!("{dashes}: 1"), &format!("{underscores}: 1"), "X-Other: 1"],
        );
        let removed = removed.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(lines(removed.headers()), ["x-other: 1"], "{name}");
        // That would be a count.
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let read = fix(&format!("proxies=any client-ip={name}"), &[&format!("{name}: 192.0.2.1")]);
        let read = read.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(of(&read).client().to_string(), "192.0.2.1", "{name}");
    }
}

/// Every known header, with underscores too.
#[test]
fn known_headers() {
    for name in util::KNOWN.iter() {
        for name in [name.clone(), name.replace('-', "_"), name.replacen('-', "_", 1)] {
            let fixed = fix("proxies=none for=1", &[format!("{name}: 1")]).expect("valid");
            assert!(fixed.headers().is_empty(), "{name}");
        }
    }
    let others = ["X-Forwarded-User: 1", "X-Forwarded-Client-Cert: 1", "Via: 1", "X-Request-Id: 1"];
    assert_eq!(fix("proxies=none for=1", &others).expect("valid").headers().len(), others.len());
}

#[test]
fn extensions() {
    let sent = ["Host: app.example", "X-Forwarded-For: 203.0.113.9:80", "X-Forwarded-Proto: https"];
    let mut fixed = fix(ALL, &sent).expect("valid");
    let resolved = of(&fixed);
    assert_eq!(resolved.peer(), Some(peer(util::PROXY)));
    assert_eq!(
        (resolved.client_port(), resolved.client().socket_addr()),
        (Some(80), Some("203.0.113.9:80".parse().unwrap()))
    );
    let hop_1 = |name: &str| format!("{name}, hop 1");
    assert_eq!(resolved.source().client().to_string(), hop_1("x-forwarded-for"));
    assert_eq!(resolved.source().scheme().to_string(), hop_1("x-forwarded-proto"));
    assert_eq!(resolved.source().host(), Source::Own);
    assert_eq!(resolved.source().port(), Source::Own);
    assert_eq!(resolved.source().prefix(), Source::Own);
    let named =
        fix(ALL, &[&sent[1..], &["X-Forwarded-Host: a.example:81"]].concat()).expect("valid");
    assert_eq!(of(&named).source().port().to_string(), hop_1("x-forwarded-host"));
    let named = fix(ALL, &[&sent[1..], &["X-Forwarded-Port: 81"]].concat()).expect("valid");
    assert_eq!(of(&named).source().port().to_string(), hop_1("x-forwarded-port"));

    // Under an equal configuration it is left alone, even if it was changed since.
    fixed.headers_mut().insert("x-forwarded-for", "6.6.6.6".parse().unwrap());
    fix_request(&mut fixed, &config(ALL)).expect("an equal configuration");
    assert_eq!(of(&fixed).client().to_string(), "203.0.113.9:80");
    let error = fix_request(&mut fixed, &config("proxies=10.0.0.0/8 for=1")).unwrap_err();
    assert_eq!((error.kind(), error.status().as_u16()), (ErrorKind::OtherConfig, 500));
}

/// Only a request that was fixed counts as fixed.
#[test]
fn what_resolve_made_does_not_count() {
    let forged = ["X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Real-IP: 6.6.6.6"];
    let mut request = request(util::PROXY, "ftp://evil.example/x", &forged);
    let config = config("proxies=10.0.0.0/8 for=1 headers=canonical");
    for earlier in [&config, &util::config("proxies=any for=2")] {
        let made = resolve(peer(util::PROXY), request.headers(), request.uri(), earlier);
        request.extensions_mut().insert(made.expect("valid"));
        let mut request = request.clone();
        fix_request(&mut request, &config).expect("valid");
        assert_eq!(request.uri(), "http://evil.example/x");
        assert_eq!(
            lines(request.headers()),
            ["host: evil.example", "x-forwarded-for: 203.0.113.9"]
        );
        assert_eq!(of(&request).client().to_string(), "203.0.113.9");
        assert_eq!(of(&request).original().uri(), "ftp://evil.example/x");
    }
}

/// What has no body at hand ends as the request does.
#[test]
fn parts() {
    let lines = [
        "X-Forwarded-For: 6.6.6.6, 203.0.113.9",
        "X-Forwarded-For: 203.0.113.9",
        "X-Real-IP: 6.6.6.6",
        "Host: App.example:80",
    ];
    for (uri, version) in [("/a", Version::HTTP_11), ("http://other.example/a", Version::HTTP_2)] {
        let mut sent = request(util::PROXY, uri, &lines);
        *sent.version_mut() = version;
        let (mut parts, ()) = sent.clone().into_parts();
        let config = config("proxies=10.0.0.0/8 for=1");
        let [one, other] = [fix_request(&mut sent, &config), fix_parts(&mut parts, &config)];
        assert_eq!(one, other);
        assert_eq!(one.is_err(), version == Version::HTTP_2, "{one:?}");
        assert_eq!(whole(&Request::from_parts(parts, ())), whole(&sent));
        if one.is_ok() {
            assert_eq!(sent.uri(), "http://app.example/a");
            assert_eq!(of(&sent).client().to_string(), "203.0.113.9");
        }
    }
    let (mut parts, ()) = request(util::PROXY, "app.example:80", &lines).into_parts();
    let config = config("proxies=10.0.0.0/8 for=1");
    assert_eq!(fix_parts(&mut parts, &config).unwrap_err().kind(), ErrorKind::InvalidTarget);
    parts.method = Method::CONNECT;
    fix_parts(&mut parts, &config).expect("authority form");
}

/// Everything of a request, as text.
fn whole(request: &Request<()>) -> String {
    format!(
        "{} {} {:?} {:?} {:?}",
        request.method(),
        request.uri(),
        request.version(),
        request.headers().iter().collect::<Vec<_>>(),
        request.extensions().get::<Resolved>().is_some(),
    )
}

#[test]
fn a_rejected_request_is_as_it_was() {
    for sent in [
        &[
            "Host: App.Example",
            "X-Forwarded-For: 6.6.6.6, x",
            "X-Forwarded-Proto: https",
            "X-Real-IP: 6.6.6.6",
        ][..],
        &["X-Forwarded-For: 6.6.6.6", "X_Forwarded_For: 1", "X-Forwarded-For: 203.0.113.9"],
        &["Host: a", "Host: b", "Forwarded: for=6.6.6.6"],
        &[
            "X-Forwarded-Proto: http",
            "X-Forwarded-For: 1.2.3.4",
            "X-Forwarded-Prefix: //",
            "Via: 1",
        ],
        &[
            "X-Forwarded-Proto: http",
            "X-Forwarded-For: 1.2.3.4",
            "Connection: x-forwarded-port",
            "Via: 1",
        ],
    ] {
        let mut sent = request(util::PROXY, "http://Other.example/a?b", sent);
        *sent.method_mut() = Method::POST;
        let before = whole(&sent);
        fix_request(&mut sent, &config(ALL)).expect_err("invalid");
        assert_eq!(whole(&sent), before);
    }
}

/// A header map that has no room left is no reason to panic, nor to change half of a request.
#[test]
fn no_room_in_the_header_map() {
    // What is replaced by an insertion, and what is changed in place before one.
    let two_lines =
        ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 203.0.113.9", "X-Real-IP: 6.6.6.6"];
    let one_line = ["X-Forwarded-For: 6.6.6.6, 203.0.113.9"];
    let config = config("proxies=10.0.0.0/8 for=1");
    let rejected = |mut full: Request<()>| {
        let before = whole(&full);
        let error = fix_request(&mut full, &config).expect_err("no room");
        assert_eq!((error.kind(), whole(&full)), (ErrorKind::TooManyHeaders, before));
    };
    let filled = |sent: &[&str], host: &[&str], fillers: usize| {
        let mut full = request(util::PROXY, "http://app.example/", &[sent, host].concat());
        for n in 0..fillers {
            let name: http::HeaderName = format!("x-{n}").parse().unwrap();
            if full.headers_mut().try_append(name, 1.into()).is_err() {
                break;
            }
        }
        full
    };
    for host in [&[][..], &["Host: Other.example"]] {
        rejected(filled(&two_lines, host, 32_768));
    }
    rejected(filled(&one_line, &[], 32_768));
    // The edge's header, of several lines, is written before `Host` takes the last place.
    let edge = util::config(
        "proxies=10.0.0.0/8 for=1 edge=192.0.2.0/24 client-ip=X-Edge-IP invalid=unknown",
    );
    let of_edge = ["X-Forwarded-For: 192.0.2.1, 192.0.2.2", "X-Edge-IP: a", "X-Edge-IP: b"];
    for fillers in 24_560..24_590 {
        let mut full = filled(&of_edge, &[], fillers);
        let before = whole(&full);
        if fix_request(&mut full, &edge).is_err() {
            assert_eq!(whole(&full), before, "{fillers}");
        }
    }
    // Names that collide make a large map ask for room of its own accord, at the next insertion
    // after the one that had to look too far for a place.
    let mut full = filled(&two_lines, &["Host: other.example"], 13_000);
    let colliding = (0..).map(|n| format!("c{n}")).filter(|name| slot(name) == 0x1234);
    for name in colliding.take(600) {
        full.headers_mut().append(name.parse::<http::HeaderName>().unwrap(), 1.into());
        if full.headers().clone().try_entry("host").is_err() {
            return rejected(full);
        }
    }
    panic!("no names collided");
}

/// Where a header map of 32,768 slots looks for a name first: FNV-1a, as `http` computes it.
fn slot(name: &str) -> u64 {
    use std::hash::{Hash, Hasher};

    struct Fnv(u64);

    impl Hasher for Fnv {
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        fn finish(&self) -> u64 {
            self.0
        }
    }

    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    name.parse::<http::HeaderName>().unwrap().hash(&mut hasher);
    hasher.finish() & 0x7fff
}
