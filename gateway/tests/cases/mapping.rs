//! Cases of one request whose head is all that counts, with a transport that keeps it.

use http::{HeaderMap, Method, Request, Version, request};
use proxyfix::{Config, Peer, fix_request};
use proxyfix_gateway::{
    Body, HostHeader, ReverseProxy, ReverseProxyLayer, Target, TransparentProxy,
};
use tower::{Layer, service_fn};

use crate::capture::Capture;

fn get(path: &str) -> request::Builder {
    Request::get(path).header("host", "pub.example")
}

fn built(builder: request::Builder) -> Request<Body> {
    builder.body(Body::empty()).unwrap()
}

/// What upstream sees of a request, through a proxy to this target.
fn sent(target: Target, request: Request<Body>) -> Option<request::Parts> {
    let capture = Capture::default();
    let proxy = ReverseProxy::with_options(target, capture.options()).unwrap();
    capture.send(proxy, request).1
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn ipv6_targets() {
    let seen = sent(Target::parse("http://[::1]:5001/").unwrap(), built(get("/x"))).unwrap();
    assert_eq!(seen.headers["host"], "[::1]:5001");
}

#[test]
fn the_suites_of_the_originals() {
    let capture = Capture::default();
    let foo =
        Target::builder("http://localhost:1/").host(HostHeader::Fixed("faked.invalid".into()));
    let bar = Target::builder("http://localhost:1/").host(HostHeader::Client).remove_prefix(true);
    let layer = ReverseProxyLayer::builder()
        .target("/foo", foo.header("X-Special", "foo").build().unwrap())
        .target("/bar", bar.header("X-Special", "bar").build().unwrap())
        .target("/autohost", Target::parse("http://localhost:1/").unwrap())
        .options(capture.options())
        .build()
        .unwrap();
    let send = |path: &str| {
        let service = layer.layer(service_fn(|_: Request<Body>| async {
            Ok::<_, std::convert::Infallible>(http::Response::new(Body::from("ROOT")))
        }));
        let request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
        capture.send(service, request).1
    };
    assert!(send("/").is_none());
    let seen = send("/foo/bar").unwrap();
    assert_eq!(
        (seen.uri.path(), &seen.headers["host"]),
        ("/foo/bar", &"faked.invalid".parse().unwrap())
    );
    assert_eq!(seen.headers["x-special"], "foo");
    let seen = send("/bar/baz?a=a&b=b").unwrap();
    assert_eq!(seen.uri, "/baz?a=a&b=b");
    assert_eq!(
        (&seen.headers["x-special"], &seen.headers["host"]),
        (&"bar".parse().unwrap(), &"localhost".parse().unwrap())
    );
    assert_eq!(send("/autohost/").unwrap().headers["host"], "localhost:1");
}

#[test]
fn hop_by_hop() {
    let target = || Target::parse("http://up.example/").unwrap();
    let request =
        get("/").header("connection", "close").header("te", "trailers").header("upgrade", "foo");
    let seen = sent(target(), built(request.header("proxy-connection", "keep-alive"))).unwrap();
    assert_eq!(values(&seen.headers, "te"), ["trailers"]);
    for name in ["connection", "proxy-connection", "upgrade", "transfer-encoding", "content-length"]
    {
        assert!(!seen.headers.contains_key(name), "{name}");
    }
    assert_eq!(values(&seen.headers, "x-forwarded-for"), ["unknown"]);
    // The first line of `Connection` is empty, and the second nominates.
    let request =
        get("/").header("connection", "").header("connection", "x-hop").header("x-hop", "1");
    assert!(!sent(target(), built(request)).unwrap().headers.contains_key("x-hop"));
}

#[test]
fn responses_hop_by_hop() {
    for lines in [&["X-Hop, close"][..], &["close, x-hop"], &["close", "X-HOP"], &["", "x-hop"]] {
        let mut answer = HeaderMap::new();
        for line in lines {
            answer.append("connection", line.parse().unwrap());
        }
        answer.insert("x-hop", "1".parse().unwrap());
        answer.insert("x-extension", "1".parse().unwrap());
        answer.append("x-multi", "1".parse().unwrap());
        answer.append("x-multi", "2".parse().unwrap());
        answer.insert("trailers", "an ordinary name".parse().unwrap());
        let capture = Capture::answering(answer);
        let target = Target::parse("http://up.example/").unwrap();
        let proxy = ReverseProxy::with_options(target, capture.options()).unwrap();
        let (response, _) = capture.send(proxy, built(get("/")));
        let headers = response.headers();
        assert!(!headers.contains_key("x-hop") && !headers.contains_key("connection"), "{lines:?}");
        assert_eq!(values(headers, "x-multi"), ["1", "2"]);
        assert!(headers.contains_key("x-extension") && headers.contains_key("trailers"));
    }
}

/// Behind a trusted proxy, our element comes after what it wrote.
#[test]
fn append_where_the_peer_is_trusted() {
    let fixed = |peer: [u8; 4]| {
        let config: Config = "proxies=10.0.0.1 for=1".parse().unwrap();
        let peer = Peer::from(std::net::IpAddr::from(peer));
        let mut request =
            built(get("/").header("x-forwarded-for", "6.6.6.6, 203.0.113.9").extension(peer));
        fix_request(&mut request, &config).unwrap();
        sent(Target::parse("http://up.example/").unwrap(), request).unwrap()
    };
    assert_eq!(values(&fixed([10, 0, 0, 1]).headers, "x-forwarded-for"), ["203.0.113.9, 10.0.0.1"]);
    assert_eq!(values(&fixed([192, 0, 2, 1]).headers, "x-forwarded-for"), ["192.0.2.1"]);
}

#[test]
fn queries() {
    for (own, asked, joined) in [
        ("?sta=tic", "?us=er", "/?sta=tic&us=er"),
        ("?sta=tic", "", "/?sta=tic"),
        ("", "?us=er", "/?us=er"),
        ("?sta=tic", "?", "/?sta=tic"),
        ("", "?a=%zz&a;b", "/?a=%zz&a;b"),
    ] {
        let target = Target::parse(&format!("http://up.example/{own}")).unwrap();
        assert_eq!(sent(target, built(get(&format!("/{asked}")))).unwrap().uri, joined);
    }
}

#[test]
fn loops() {
    let via = |via: &str| {
        sent(Target::parse("http://up.example/").unwrap(), built(get("/").header("via", via)))
    };
    let capture = Capture::default();
    let target = Target::parse("http://up.example/").unwrap();
    let proxy = ReverseProxy::with_options(target, capture.options()).unwrap();
    let (response, seen) =
        capture.send(proxy, built(get("/").header("via", "1.1 a, HTTP/2.0 Front (us)")));
    assert_eq!((response.status().as_u16(), seen.is_none()), (508, true));
    assert_eq!(response.headers()["proxy-status"], "front; error=proxy_loop_detected");
    let seen = via("1.0 fred, 1.1 p.example (front)").unwrap();
    assert_eq!(values(&seen.headers, "via"), ["1.0 fred, 1.1 p.example (front)", "1.1 front"]);
}

#[test]
fn max_forwards() {
    let target =
        || Target::builder("http://up.example/").methods(["OPTIONS", "GET"]).build().unwrap();
    let request = |method: Method, value: &str| {
        let builder = Request::builder().method(method).uri("/").header("host", "a");
        built(builder.header("max-forwards", value))
    };
    let seen = sent(target(), request(Method::OPTIONS, "1")).unwrap();
    assert_eq!(seen.headers["max-forwards"], "0");
    assert_eq!(sent(target(), request(Method::GET, "0")).unwrap().headers["max-forwards"], "0");
    let capture = Capture::default();
    let proxy = ReverseProxy::with_options(target(), capture.options()).unwrap();
    let (response, seen) = capture.send(proxy.clone(), request(Method::OPTIONS, "0"));
    assert_eq!((response.status().as_u16(), seen.is_none()), (200, true));
    assert_eq!(response.headers()["allow"], "OPTIONS, GET");
    assert_eq!(capture.send(proxy, request(Method::OPTIONS, "x")).0.status(), 400);
}

/// TRACE goes on only if it may, and its answer here has no secret.
#[tokio::test(flavor = "multi_thread")]
async fn trace() {
    let capture = Capture::default();
    let target = Target::parse("http://up.example/").unwrap();
    let proxy = ReverseProxy::with_options(target, capture.options().trace(true)).unwrap();
    let request = |value: &str| {
        let builder = Request::builder().method(Method::TRACE).uri("/x").header("host", "a");
        built(builder.header("max-forwards", value).header("cookie", "secret").header("x-a", "1"))
    };
    let (one, other) = (capture.clone(), proxy.clone());
    let response =
        tokio::task::spawn_blocking(move || one.send(other, request("0")).0).await.unwrap();
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.starts_with("TRACE /x HTTP/1.1\r\n") && text.contains("\r\nx-a: 1\r\n"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let seen =
        tokio::task::spawn_blocking(move || capture.send(proxy, request("3")).1).await.unwrap();
    assert_eq!(seen.unwrap().headers["max-forwards"], "2");
}

/// A server without upgrades cannot be asked for one, and an answer of a transport is checked as upstream's is.
#[test]
fn servers_and_transports_of_ones_own() {
    let capture = Capture::default();
    let target = || Target::parse("http://up.example/").unwrap();
    let proxy = ReverseProxy::with_options(target(), capture.options()).unwrap();
    let request = get("/").header("connection", "upgrade").header("upgrade", "websocket");
    assert_eq!(capture.send(proxy, built(request)).0.status(), 501);
    for (name, values, error) in [
        ("content-length", &["2", "2"][..], "http_protocol_error"),
        ("content-length", &["x"], "http_protocol_error"),
        ("transfer-encoding", &["gzip"], "http_response_transfer_coding"),
        ("transfer-encoding", &["chunked", "chunked"], "http_response_transfer_coding"),
        ("x-many", &["1"; 300], "http_response_header_section_size"),
    ] {
        let mut answer = HeaderMap::new();
        for value in values {
            answer.append(name, value.parse().unwrap());
        }
        let capture = Capture::answering(answer);
        let proxy = ReverseProxy::with_options(target(), capture.options()).unwrap();
        let (response, _) = capture.send(proxy, built(get("/")));
        assert_eq!(response.status(), 502, "{name} {values:?}");
        assert_eq!(response.headers()["proxy-status"], format!("front; error={error}"));
    }
    // A length that the body does not have is left out.
    let capture = Capture::answering(
        [("content-length".parse().unwrap(), "9".parse().unwrap())].into_iter().collect(),
    );
    let proxy = ReverseProxy::with_options(target(), capture.options()).unwrap();
    assert!(!capture.send(proxy, built(get("/"))).0.headers().contains_key("content-length"));
}

/// An authority is compared as a whole, with its port.
#[test]
fn authorities_of_a_transparent_proxy() {
    let capture = Capture::default();
    let builder = TransparentProxy::builder()
        .allow("a.example")
        .allow("B.example:8080")
        .allow("127.0.0.1:5001");
    let proxy = builder.options(capture.options()).build().unwrap();
    for (host, status) in [
        ("a.example", 200),
        ("A.EXAMPLE", 200),
        ("a.example:80", 200),
        ("a.example.", 200),
        ("b.example:8080", 200),
        ("127.0.0.1:5001", 200),
        ("a.example:81", 403),
        ("b.example", 403),
        ("xa.example", 403),
        ("a.example.evil.example", 403),
        ("127.0.0.1", 403),
        ("2130706433", 400),
        ("a.example@b.example", 400),
    ] {
        let request = built(Request::get("/x?y").header("host", host));
        let (response, seen) = capture.send(proxy.clone(), request);
        assert_eq!(response.status(), status, "{host}");
        if let Some(seen) = seen {
            assert_eq!(
                (&seen.headers["host"], seen.uri.to_string().as_str()),
                (&host.parse().unwrap(), "/x?y")
            );
        }
    }
    // In absolute form, `Host` says nothing.
    let request = built(Request::get("http://a.example/x").header("host", "evil.example"));
    let (_, seen) = capture.send(proxy, request);
    assert_eq!(seen.unwrap().headers["host"], "a.example");
}

/// HTTP/1.0 needs no `Host`. Where the proxy itself says where, none is missing.
#[test]
fn no_host() {
    for (forced, version, status) in [
        (true, Version::HTTP_10, 200),
        (true, Version::HTTP_11, 400),
        (false, Version::HTTP_10, 400),
    ] {
        let capture = Capture::default();
        let builder = TransparentProxy::builder().allow("a.example").options(capture.options());
        let builder = if forced { builder.force_host("127.0.0.1:5001") } else { builder };
        let mut request = built(Request::get("/x"));
        *request.version_mut() = version;
        let (response, seen) = capture.send(builder.build().unwrap(), request);
        assert_eq!(response.status(), status, "{forced} {version:?}");
        assert_eq!(
            seen.map(|seen| seen.headers["host"].clone()),
            (status == 200).then(|| "127.0.0.1:5001".parse().unwrap())
        );
    }
}

/// Crumbs of HTTP/2 are one line, and `Host` is the authority.
#[test]
fn http2_requests() {
    let mut request = built(
        Request::get("https://pub.example/x").header("cookie", "a=1").header("cookie", "b=2"),
    );
    *request.version_mut() = Version::HTTP_2;
    let seen = sent(
        Target::builder("http://up.example/").host(HostHeader::Client).build().unwrap(),
        request,
    )
    .unwrap();
    assert_eq!(values(&seen.headers, "cookie"), ["a=1; b=2"]);
    assert_eq!(
        (seen.version, &seen.headers["host"]),
        (Version::HTTP_11, &"pub.example".parse().unwrap())
    );
    assert_eq!(values(&seen.headers, "via"), ["2.0 front"]);
    assert_eq!(values(&seen.headers, "x-forwarded-proto"), ["http"]);

    let mut request = built(Request::get("https://x.example/").header("host", "y.example"));
    *request.version_mut() = Version::HTTP_2;
    assert!(sent(Target::parse("http://up.example/").unwrap(), request).is_none());
}
