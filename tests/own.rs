//! The peer gate, `Host`, and our own values.

mod util;

use http::{Request, Uri, Version};
use proxyfix::ErrorKind::{
    HostMismatch, HostNotAllowed, InvalidHost, MissingHost, MissingPeer, Repeated,
};
use proxyfix::{Peer, fix_request, resolve};
use util::{config, fix, of, peer, request};

#[test]
fn peer_gate() {
    let lines = [
        "Host: app.example",
        "X-Forwarded-For: 198.51.100.7",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Port: 8443",
        "X-Forwarded-Prefix: /evil",
        "Connection: X-Forwarded-For",
    ];
    let all = "for=1 proto=1 host=1 port=1 prefix=1";
    for (proxies, from) in [
        ("10.0.0.0/8", "192.0.2.1"),
        ("10.0.0.0/8", "2001:db8::1"),
        ("unix", "192.0.2.1"),
        ("none", "10.0.0.1"),
        ("2001:db8::/32", "10.0.0.1"),
    ] {
        let mut request = request(from, "/", &lines);
        fix_request(&mut request, &config(&format!("proxies={proxies} {all}"))).expect("no error");
        let resolved = of(&request);
        assert_eq!(resolved.client_ip().map(|ip| ip.to_string()).as_deref(), Some(from));
        assert_eq!(resolved.external_url("/").expect("a host"), "http://app.example/");
        assert_eq!(resolved.source().client(), proxyfix::Source::Own);
        assert_eq!(request.headers().keys().collect::<Vec<_>>(), ["host", "connection"]);
    }
    // `Host` and `hosts=` are checked anyway.
    let untrusted = config(&format!("proxies=none {all} hosts=*.example"));
    for (lines, kind) in [
        (&["Host: a b"][..], InvalidHost),
        (&["Host: app.example", "Host: app.example"], Repeated),
        (&["Host: app.test"], HostNotAllowed),
        (&[], MissingHost),
    ] {
        let error = fix_request(&mut request("192.0.2.1", "/", lines), &untrusted).unwrap_err();
        assert_eq!((error.kind(), error.status().as_u16()), (kind, 400));
    }
}

#[test]
fn peer_in_every_form() {
    let lines = ["X-Forwarded-For: 203.0.113.9"];
    for (proxies, peer, trusted) in [
        ("10.0.0.0/8", peer("10.255.0.1"), true),
        ("10.0.0.0/8", peer("::ffff:10.0.0.1"), true),
        ("::ffff:10.0.0.0/104", peer("10.0.0.1"), true),
        ("10.0.0.1", peer("10.0.0.1"), true),
        ("10.0.0.1", peer("10.0.0.2"), false),
        ("::1", peer("::1"), true),
        ("::/0", peer("10.0.0.1"), false),
        ("::/0", peer("::1"), true),
        ("0.0.0.0/0", peer("255.255.255.255"), true),
        ("0.0.0.0/0", peer("::1"), false),
        ("loopback", peer("127.255.0.1"), true),
        ("loopback", peer("::1"), true),
        ("private", peer("172.31.255.255"), true),
        ("private", peer("172.32.0.0"), false),
        ("private", peer("fd00::1"), true),
        ("linklocal", peer("169.254.1.1"), true),
        ("linklocal", peer("fe80::1"), true),
        ("unix", Peer::UNIX, true),
        ("10.0.0.0/8", Peer::UNIX, false),
        ("any", Peer::UNIX, true),
        ("any", peer("192.0.2.1"), true),
    ] {
        let mut request = request("192.0.2.1", "/", &lines);
        request.extensions_mut().insert(peer);
        fix_request(&mut request, &config(&format!("proxies={proxies} for=1"))).expect("valid");
        let believed = of(&request).client().to_string() == "203.0.113.9";
        assert_eq!(believed, trusted, "{peer} in {proxies}");
    }
}

#[test]
fn without_a_peer() {
    let mut request = request("192.0.2.1", "/", &["X-Forwarded-For: 203.0.113.9"]);
    request.extensions_mut().clear();
    for proxies in ["none", "10.0.0.0/8", "unix"] {
        let error =
            fix_request(&mut request, &config(&format!("proxies={proxies} for=1"))).unwrap_err();
        assert_eq!((error.kind(), error.status().as_u16()), (MissingPeer, 500));
    }
    let resolved = resolve(None, request.headers(), request.uri(), &config("proxies=any for=1"));
    assert_eq!(resolved.expect("valid").client().to_string(), "203.0.113.9");
}

#[test]
fn own_values() {
    // The scheme is the listener's, no matter what the target says.
    for (listener, target) in [
        ("http", "https://app.example/"),
        ("https", "http://app.example/"),
        ("http", "ftp://app.example/"),
    ] {
        let mut request = request(util::PROXY, target, &[""; 0]);
        fix_request(&mut request, &config(&format!("proxies=none for=1 listener={listener}")))
            .expect("valid");
        assert_eq!(request.uri().to_string(), format!("{listener}://app.example/"));
    }
    // An empty Host counts as absent.
    let request = fix("proxies=10.0.0.0/8 for=1", &["Host:"]).expect("valid");
    assert_eq!(
        (of(&request).host(), of(&request).authority(), request.uri()),
        (None, None, &Uri::from_static("/"))
    );
    assert_eq!(of(&request).port(), 80);
}

#[test]
fn host_and_authority_in_http_2() {
    let read = |version, target: &str, host: &str| {
        let mut request = Request::get(target)
            .version(version)
            .header("Host", host)
            .extension(peer("192.0.2.1"))
            .body(())
            .expect("valid");
        fix_request(&mut request, &config("proxies=none for=1")).map_err(|error| error.kind())?;
        Ok(of(&request).authority().expect("a host").to_string())
    };
    let app = || Ok("app.example".to_owned());
    for version in [Version::HTTP_2, Version::HTTP_3] {
        assert_eq!(read(version, "http://app.example/", "App.Example:80"), app());
        assert_eq!(read(version, "http://app.example/", ""), app());
        assert_eq!(read(version, "https://app.example/", "app.example:443"), app());
        assert_eq!(read(version, "https://app.example/", "app.example:80"), Err(HostMismatch));
        assert_eq!(read(version, "http://app.example/", "evil.example"), Err(HostMismatch));
        assert_eq!(read(version, "http://app.example/", "app.example:81"), Err(HostMismatch));
    }
    assert_eq!(read(Version::HTTP_11, "http://app.example/", "evil.example"), app());
    // Without a scheme, a missing port is the default of our own scheme.
    let mut connect = request("192.0.2.1", "app.example:443", &["Host: app.example"]);
    (*connect.method_mut(), *connect.version_mut()) = (http::Method::CONNECT, Version::HTTP_2);
    let error = fix_request(&mut connect, &config("proxies=none for=1")).unwrap_err();
    assert_eq!(error.kind(), HostMismatch);
    fix_request(&mut connect, &config("proxies=none for=1 listener=https")).expect("equal");
}

/// A port in `hosts=` is compared with the port in effect, whether that is written or implied.
#[test]
fn ports_of_allowed_hosts() {
    let rows = [
        ("app.example:443", "https", "app.example", true),
        ("app.example:443", "https", "app.example:443", true),
        ("app.example:443", "http", "app.example:443", true),
        ("app.example:443", "http", "app.example", false),
        ("app.example:443", "https", "app.example:8443", false),
        ("app.example:*", "https", "app.example:8443", true),
        ("app.example", "https", "app.example:8443", true),
        ("*.example:80,app.example:8443", "http", "app.example", true),
        ("*.example:80,app.example:8443", "http", "app.example:8443", true),
        ("*.example:80,app.example:8443", "http", "other.example:8443", false),
        ("*.example:*", "http", "a.b.example:1", true),
        ("[0:0::1]:8080", "http", "[::1]:8080", true),
        ("[::1]", "http", "[0::0:1]:8080", true),
        ("[::1]:80", "http", "[::1]:8080", false),
    ];
    for (hosts, scheme, host, passes) in rows {
        let config = format!("proxies=10.0.0.1 proto=1 host=1 hosts={hosts}");
        let lines = [format!("X-Forwarded-Proto: {scheme}"), format!("X-Forwarded-Host: {host}")];
        let outcome = fix(&config, &lines).map(|_| ()).map_err(|error| error.kind());
        let expected = if passes { Ok(()) } else { Err(HostNotAllowed) };
        assert_eq!(outcome, expected, "{hosts} {scheme} {host}");
    }
    // A port from its own header counts too.
    let lines = ["X-Forwarded-Port: 8443", "Host: app.example"];
    let error = fix("proxies=10.0.0.1 port=1 hosts=app.example:80", &lines).unwrap_err();
    assert_eq!(error.kind(), HostNotAllowed);
    assert!(fix("proxies=10.0.0.1 port=1 hosts=app.example:8443", &lines).is_ok());
}

/// In HTTP/2 two spellings of one address are one host.
#[test]
fn spelling_in_http_2() {
    let mut request = request("10.0.0.1", "https://[0:0::1]/", &["Host: [::1]"]);
    *request.version_mut() = Version::HTTP_2;
    fix_request(&mut request, &config("proxies=none")).unwrap();
    assert_eq!(request.uri(), "http://[::1]/");
    let mut other = util::request("10.0.0.1", "https://[::2]/", &["Host: [::1]"]);
    *other.version_mut() = Version::HTTP_2;
    let error = fix_request(&mut other, &config("proxies=none")).unwrap_err();
    assert_eq!(error.kind(), HostMismatch);
}
