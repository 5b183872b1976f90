//! The layer that puts the believed prefix into responses.
//!
//! 1. A `Location` with one leading slash gets the prefix, once, and so does one of our own origin. A
//!    `Location` that may be another host is never touched; a URL parser that works as browsers do decides
//!    that.
//! 2. So does each `Path` of each cookie, except for those whose `Path` must be `/`.
//! 3. The prefix is exactly the one that was resolved before the service took the request.
//! 4. Everything else in the response passes. The service's error and readiness pass too.

#![cfg(feature = "tower")]

mod util;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll, Waker},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_LOCATION, LINK, LOCATION, SET_COOKIE},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use proxyfix::{PrefixLayer, ProxyFixLayer, Resolved};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use url::Url;
use util::{PROXY, config, request, table};

/// The application is at `https://shop.example`.
const CONFIG: &str = "proxies=10.0.0.0/8 for=1 prefix=1 listener=https";

/// A request through a proxy that mounts the application at this prefix.
fn mounted(prefix: &str) -> Request<()> {
    let prefix = format!("X-Forwarded-Prefix: {prefix}");
    request(PROXY, "/", &["Host: shop.example", "X-Forwarded-For: 203.0.113.9", &prefix])
}

/// The headers of the response to a request, if the service answers with these headers.
fn answer(request: Request<()>, headers: HeaderMap) -> HeaderMap {
    let service = move |request: Request<()>| {
        // What a service does to its request does not matter.
        drop(request);
        let mut response = Response::new(());
        *response.headers_mut() = headers.clone();
        ready(Ok::<_, Infallible>(response))
    };
    let app = ServiceBuilder::new()
        .layer(ProxyFixLayer::new(config(CONFIG)))
        .layer(PrefixLayer::new())
        .service_fn(service);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let response = runtime.block_on(app.oneshot(request)).unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.into_parts().0.headers
}

/// The result for one header in an application that is mounted at this prefix.
fn prefixed(prefix: &str, name: &HeaderName, value: &[u8]) -> String {
    let value = HeaderValue::from_bytes(value).unwrap();
    let headers = answer(mounted(prefix), HeaderMap::from_iter([(name.clone(), value)]));
    assert_eq!(headers.len(), 1);
    String::from_utf8(headers[name].as_bytes().to_vec()).unwrap()
}

#[test]
fn locations() {
    let prefixed_ones = [
        ("/", "/app/"),
        ("/login", "/app/login"),
        ("/login?next=/a//b", "/app/login?next=/a//b"),
        ("/?q", "/app/?q"),
        ("/#top", "/app/#top"),
        ("/a//b\\c", "/app/a//b\\c"),
        ("/application", "/app/application"),
        ("/app;x", "/app/app;x"),
        ("/apP/", "/app/apP/"),
        ("/a b", "/app/a b"),
        ("/../x", "/app/../x"),
        ("/caf\u{e9}", "/app/caf\u{e9}"),
        ("/http://evil.example", "/app/http://evil.example"),
    ];
    let left = [
        "",
        "login",
        "./login",
        "?q",
        "#top",
        "https://other.example/",
        "http:/x",
        "javascript:alert(1)",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\t\\evil.example",
        "\t//evil.example",
        "/a\tb",
        " /login",
        " //evil.example",
        // Once.
        "/app",
        "/app/",
        "/app/login",
        "/app?q",
        "/app#top",
        "/app\\login",
        "/app/../x",
        "/app//evil.example",
    ];
    let rows = prefixed_ones.into_iter().chain(left.map(|value| (value, value)));
    let rows = rows.map(|(value, expected)| (value, expected.to_owned()));
    table(rows, |value| prefixed("/app", &LOCATION, value.as_bytes()));
}

#[test]
fn locations_with_an_origin() {
    let prefixed_ones = [
        ("https://shop.example/docs/", "https://shop.example/app/docs/"),
        ("https://shop.example/", "https://shop.example/app/"),
        ("https://shop.example", "https://shop.example/app/"),
        ("https://shop.example?q", "https://shop.example/app/?q"),
        ("https://shop.example#top", "https://shop.example/app/#top"),
        ("HTTPS://Shop.Example/x", "HTTPS://Shop.Example/app/x"),
        ("https://shop.example:443/x", "https://shop.example:443/app/x"),
        ("https://shop.example/x?u=//y\\@z", "https://shop.example/app/x?u=//y\\@z"),
    ];
    let left = [
        // Another origin.
        "http://shop.example/x",
        "http://shop.example:443/x",
        "https://shop.example:8443/x",
        "https://shop.example:80/x",
        "https://shop.example:443:443/x",
        "https://shop.example:/x",
        "https://shop.example./x",
        "https://www.shop.example/x",
        "https://shop.example.evil.example/x",
        "https://shop.example:443.evil.example/x",
        "https://shop.example@evil.example/x",
        "https://shop.example:443@evil.example/x",
        "https://evil.example@shop.example/x",
        "https://shop.example\\@evil.example/x",
        "https://shop.example\t.evil.example/x",
        "https://shop.example%2f@evil.example/x",
        "https://evil.example/https://shop.example/x",
        "https:///x",
        "https://",
        "https:/shop.example/x",
        "https:shop.example/x",
        "https:\\\\shop.example/x",
        " https://shop.example/x",
        "wss://shop.example/x",
        "//shop.example/x",
        // These are unchanged even without an origin.
        "https://shop.example\\x",
        "https://shop.example//evil.example",
        "https://shop.example/\\evil.example",
        "https://shop.example/\t/evil.example",
        "https://shop.example/a\tb",
        // Once.
        "https://shop.example/app",
        "https://shop.example/app/x",
        "https://shop.example:443/app?q",
    ];
    let rows = prefixed_ones.into_iter().chain(left.map(|value| (value, value)));
    let rows = rows.map(|(value, expected)| (value, expected.to_owned()));
    table(rows, |value| prefixed("/app", &LOCATION, value.as_bytes()));
}

/// The origin is the resolved one. The service cannot change it.
#[test]
fn origins() {
    let location = |lines: &[&str], location: &'static str| {
        let lines = [&["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Prefix: /app"], lines].concat();
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(location))]);
        answer(request(PROXY, "/", &lines), headers)[LOCATION].to_str().unwrap().to_owned()
    };
    let rows = [
        (("Host: shop.example:8443", "https://shop.example:8443/x"), true),
        (("Host: shop.example:8443", "https://shop.example:8443:443/x"), false),
        (("Host: shop.example:8443", "https://shop.example/x"), false),
        (("Host: shop.example:443", "https://shop.example/x"), true),
        (("Host: [2001:DB8::1]", "https://[2001:db8::1]:443/x"), true),
        (("Host: other.example", "https://shop.example/x"), false),
        (("Accept: */*", "https://shop.example/x"), false),
        (("Accept: */*", "https:///x"), false),
    ];
    for ((line, value), changes) in rows {
        let expected = if changes { value.replace("/x", "/app/x") } else { value.to_owned() };
        assert_eq!(location(&[line], value), expected, "{line}");
    }
}

/// What the documentation says about services that make `Location` from the URI.
#[tokio::test]
async fn a_directory_of_static_files() {
    let good = "X-Forwarded-For: 203.0.113.9";
    let prefix = "X-Forwarded-Prefix: /app";
    let https = "X-Forwarded-Proto: https";
    let rows = [
        ("for=1 proto=1 hosts=shop.example", &[good, https][..], "https://shop.example/recipes/"),
        (
            "for=1 proto=1 prefix=1 hosts=shop.example",
            &[good, https, prefix],
            "https://shop.example/app/recipes/",
        ),
        // Downgraded.
        ("for=1 hosts=shop.example", &[good, https], "http://shop.example/recipes/"),
        // With the client's `Host`.
        ("for=1 proto=1", &[good, https, "Host: evil.example"], "https://evil.example/recipes/"),
        ("for=1 proto=1 hosts=shop.example", &[good, https, "Host: evil.example"], ""),
        ("for=1 prefix=1 uri=keep", &[good, prefix], "/app/recipes/"),
    ];
    for (trusted, lines, expected) in rows {
        let own =
            (!lines.iter().any(|line| line.starts_with("Host"))).then_some("Host: shop.example");
        let lines: Vec<_> = lines.iter().copied().chain(own).collect();
        let files = tower_http::services::ServeDir::new("docs");
        let app = ServiceBuilder::new()
            .layer(ProxyFixLayer::new(config(&format!("proxies=10.0.0.0/8 {trusted}"))))
            .layer(PrefixLayer::new())
            .service(files);
        let response = app.oneshot(request(PROXY, "/recipes", &lines)).await.unwrap();
        let found = response.headers().get(LOCATION).map_or("", |value| value.to_str().unwrap());
        assert_eq!(found, expected, "{trusted} {lines:?}");
    }
}

/// A service that makes `Location` from the request's URI.
#[tokio::test]
async fn redirects_made_from_the_uri() {
    let redirect = |request: Request<()>| {
        ready(Response::builder().header(LOCATION, format!("{}/", request.uri())).body(()))
    };
    let inner = PrefixLayer::new().layer(service_fn(redirect));
    let app = ProxyFixLayer::new(config(CONFIG)).layer(inner);
    let mut request = mounted("/app");
    *request.uri_mut() = "/docs".parse().unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.headers()[LOCATION], "https://shop.example/app/docs/");
}

#[test]
fn any_path() {
    any_location(r"[/\\]?[/\\\t .]{0,3}(app)?[/\\\t .:?#@;%a]{0,6}");
}

#[test]
fn any_url() {
    let origin = r"(https|HTTPS|http):(//|//|[/\\]{1,3})(shop|shop|Shop|evil)\.example";
    let more = r"(:443|:443|:80|:|\.|\t|@shop\.example|@evil\.example)?";
    any_location(&format!(r"{origin}{more}(/|/|[/\\\t .]{{0,3}})(app)?[/\\\t .:?#@;%a]{{0,6}}"));
}

/// `PROPTEST_CASES` sets the number of cases. They are the same in every run.
fn any_location(values: &str) {
    let base = Url::parse("https://shop.example/app/item").unwrap();
    let origin = |location: &str| base.join(location).ok().map(|url| url.origin());
    let own = Some(base.origin());
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut seen = BTreeMap::new();
    let mut runner = TestRunner::new_with_rng(config, rng);
    let cases = runner.config().cases;
    for _ in 0..cases {
        let value = values.new_tree(&mut runner).unwrap().current();
        let found = prefixed("/app", &LOCATION, value.as_bytes());
        assert_eq!(prefixed("/app", &LOCATION, found.as_bytes()), found, "twice");
        let changed = found != value;
        if changed {
            let (before, path) = value.split_at(found.find("/app").unwrap());
            let slash = if path.starts_with('/') { "" } else { "/" };
            assert_eq!(found, format!("{before}/app{slash}{path}"));
            assert_eq!(origin(&value), own, "{value:?} is of another host");
            assert_eq!(origin(&found), own, "{found:?} is of another host");
        }
        *seen.entry((changed, origin(&value) == own)).or_insert(0) += 1;
    }
    let few = cases / 20;
    assert!(seen[&(true, true)] > few && seen[&(false, false)] > few, "{seen:?}");
}

#[test]
fn cookies() {
    let rows = [
        ("id=1; Path=/", "id=1; Path=/app"),
        ("id=1; Path=/admin", "id=1; Path=/app/admin"),
        ("id=1; Path=/admin/", "id=1; Path=/app/admin/"),
        ("id=1; Path=//x", "id=1; Path=/app//x"),
        ("id=1; Secure; path = /; HttpOnly", "id=1; Secure; Path=/app; HttpOnly"),
        ("id=1;PATH=/;Max-Age=1", "id=1; Path=/app;Max-Age=1"),
        ("id=1;\tPath\t=\t/\t", "id=1; Path=/app"),
        ("id=1; Path=/application", "id=1; Path=/app/application"),
        ("id=\"a; Path=/x\"", "id=\"a; Path=/app/x\""),
        ("Path=/; Path=/", "Path=/; Path=/app"),
        ("id; Path=/", "id; Path=/app"),
        // Only the last `Path` counts, but each one gets the prefix.
        ("id=1; Path=/a; Path=/b", "id=1; Path=/app/a; Path=/app/b"),
        ("id=1; Path=/a; Path=", "id=1; Path=/app/a; Path="),
        ("__Secure-id=1; Secure; Path=/", "__Secure-id=1; Secure; Path=/app"),
        ("__Hos=1; Path=/", "__Hos=1; Path=/app"),
        // Unchanged.
        ("id=1", ""),
        ("", ""),
        ("id=1; Secure; HttpOnly", ""),
        ("id=1; Path", ""),
        ("id=1; Path=", ""),
        ("id=1; Path=admin", ""),
        ("id=1; Path=\"/\"", ""),
        ("id=1; XPath=/", ""),
        ("id=1; Domain=/", ""),
        ("id=Path=/", ""),
        ("__Host-id=1; Secure; Path=/", ""),
        (" __host-id=1; Secure; Path=/", ""),
        // Once.
        ("id=1; Path=/app", ""),
        ("id=1; Path=/app/", ""),
        ("id=1; Path=/app/admin", ""),
    ];
    let rows = rows.map(|(cookie, expected)| {
        let expected = if expected.is_empty() { cookie } else { expected };
        (cookie, expected.to_owned())
    });
    table(rows, |cookie| prefixed("/app", &SET_COOKIE, cookie.as_bytes()));
}

#[test]
fn prefixes() {
    let rows = [
        ("/a/b", "/a/b/x", "id; Path=/a/b/x"),
        ("/app/", "/app/x", "id; Path=/app/x"),
        ("/a%20b", "/a%20b/x", "id; Path=/a%20b/x"),
        // No `Path` can contain this prefix.
        ("/a;b", "/a;b/x", "id; Path=/x"),
        ("", "/x", "id; Path=/x"),
        ("/", "/x", "id; Path=/x"),
    ];
    for (prefix, location, cookie) in rows {
        assert_eq!(prefixed(prefix, &LOCATION, b"/x"), location);
        assert_eq!(prefixed(prefix, &SET_COOKIE, b"id; Path=/x"), cookie);
    }
}

#[test]
fn every_line_and_no_other_header() {
    let line = HeaderValue::from_static;
    let mut headers = HeaderMap::new();
    headers.append(SET_COOKIE, line("a=1; Path=/"));
    headers.append(SET_COOKIE, line("b=2"));
    headers.append(SET_COOKIE, line("c=3; Path=/c"));
    headers.append(LOCATION, line("/x"));
    headers.append(LOCATION, line("/y"));
    headers.append(CONTENT_LOCATION, line("/x"));
    headers.append(LINK, line("</x>; rel=preload"));
    headers.append("refresh", line("0; url=/x"));
    let headers = answer(mounted("/app"), headers);
    let lines = |name: HeaderName| -> Vec<_> {
        headers.get_all(name).iter().map(|line| line.to_str().unwrap()).collect()
    };
    assert_eq!(lines(SET_COOKIE), ["a=1; Path=/app", "b=2", "c=3; Path=/app/c"]);
    assert_eq!(lines(LOCATION), ["/app/x", "/app/y"]);
    assert_eq!(lines(CONTENT_LOCATION), ["/x"]);
    assert_eq!(lines(LINK), ["</x>; rel=preload"]);
    assert_eq!(headers["refresh"], "0; url=/x");
}

#[test]
fn what_is_sensitive_stays_so() {
    for sensitive in [true, false] {
        let mut cookie = HeaderValue::from_static("id=1; Path=/");
        cookie.set_sensitive(sensitive);
        let headers = answer(mounted("/app"), HeaderMap::from_iter([(SET_COOKIE, cookie)]));
        assert_eq!(headers[SET_COOKIE], "id=1; Path=/app");
        assert_eq!(headers[SET_COOKIE].is_sensitive(), sensitive);
    }
}

/// A stranger cannot choose the prefix.
#[test]
fn strangers() {
    let location = |from: &str, lines: &[&str]| {
        let found = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static("/x"))]);
        answer(request(from, "/evil/", lines), found)[LOCATION].to_str().unwrap().to_owned()
    };
    let rows = [
        ((PROXY, vec!["X-Forwarded-Prefix: /evil, /app"]), "/app/x"),
        ((PROXY, vec!["X-Forwarded-Prefix: /evil", "X-Forwarded-Prefix: /app"]), "/app/x"),
        ((PROXY, vec!["X_Forwarded_Prefix: /evil", "X-Script-Name: /evil"]), "/x"),
        ((PROXY, vec!["X-Forwarded-Prefix: /evil,"]), "/x"),
        (("192.0.2.1", vec!["X-Forwarded-Prefix: /evil"]), "/x"),
    ];
    let rows = rows.map(|(request, expected)| (request, expected.to_owned()));
    table(rows, |(from, lines)| {
        location(from, &[&["X-Forwarded-For: 203.0.113.9"], &lines[..]].concat())
    });
}

#[test]
fn twice_is_once() {
    let show = |_: Request<()>| {
        ready(Response::builder().header(LOCATION, "/x").header(SET_COOKIE, "a; Path=/").body(()))
    };
    let inner = PrefixLayer::new().layer(PrefixLayer::new().layer(service_fn(show)));
    let app = ProxyFixLayer::new(config(CONFIG)).layer(inner);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let response = runtime.block_on(app.oneshot(mounted("/app"))).unwrap();
    assert_eq!(response.headers()[LOCATION], "/app/x");
    assert_eq!(response.headers()[SET_COOKIE], "a; Path=/app");
}

/// A path that a handler makes itself agrees with the layer.
#[test]
fn external_paths_are_left() {
    let redirect = |request: Request<()>| {
        let resolved: &Resolved = request.extensions().get().unwrap();
        ready(Response::builder().header(LOCATION, resolved.external_path("/api/x")).body(()))
    };
    let inner = PrefixLayer::new().layer(service_fn(redirect));
    let app = ProxyFixLayer::new(config(CONFIG)).layer(inner);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let response = runtime.block_on(app.oneshot(mounted("/api"))).unwrap();
    assert_eq!(response.headers()[LOCATION], "/api/api/x");
}

#[test]
fn without_a_fixed_request() {
    let show = |_: Request<()>| ready(Response::builder().header(LOCATION, "/x").body(()));
    let app = PrefixLayer::new().layer(service_fn(show));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let response = runtime.block_on(app.oneshot(mounted("/app"))).unwrap();
    assert_eq!(response.headers()[LOCATION], "/x");
}

/// A service that gives this answer when asked whether it is ready, and this error.
#[derive(Debug)]
struct Asked(Poll<Result<(), &'static str>>);

impl Service<Request<()>> for Asked {
    type Response = Response<()>;
    type Error = &'static str;
    type Future = Ready<Result<Response<()>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.0
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Err("broken"))
    }
}

#[tokio::test]
async fn the_service_s_own() {
    let mut context = Context::from_waker(Waker::noop());
    for answer in [Poll::Pending, Poll::Ready(Ok(())), Poll::Ready(Err("out of order"))] {
        let mut service = PrefixLayer::new().layer(Asked(answer));
        assert_eq!(service.poll_ready(&mut context), answer);
        assert_eq!(service.call(mounted("/app")).await.unwrap_err(), "broken");
        assert!(format!("{service:?}").starts_with("PrefixService { inner: Asked"));
    }

    let slow = service_fn(|_: Request<()>| async {
        tokio::task::yield_now().await;
        Response::builder().status(StatusCode::CREATED).header(LOCATION, "/x").body("made")
    });
    let app = ProxyFixLayer::new(config(CONFIG))
        .with_rejection_response(|error: &proxyfix::Error| panic!("{error}"))
        .layer(PrefixLayer::new().layer(slow));
    let response = app.oneshot(mounted("/app")).await.unwrap();
    assert_eq!((response.status(), *response.body()), (StatusCode::CREATED, "made"));
    assert_eq!(response.headers()[LOCATION], "/app/x");
}

/// A nested router knows its whole path, which does not include the proxy's prefix. Or it is nested at the
/// prefix, and the proxy does not strip the prefix.
#[cfg(feature = "axum")]
#[tokio::test]
async fn in_nested_routers() {
    use axum::{Router, response::Redirect, routing::get};

    let app = |mount: &str, target: &'static str| {
        let routes = Router::new().route("/go", get(move || async move { Redirect::to(target) }));
        let app = Router::new().nest(mount, routes).layer(PrefixLayer::new());
        app.layer(ProxyFixLayer::new(config(CONFIG)))
    };
    for (mount, target, expected) in [
        ("/v1", "/v1/login", "/app/v1/login"),
        ("/v1", "/", "/app/"),
        ("/app", "/app/login", "/app/login"),
    ] {
        let mut request = mounted("/app").map(|()| axum::body::Body::empty());
        *request.uri_mut() = format!("{mount}/go").parse().unwrap();
        let response = app(mount, target).oneshot(request).await.unwrap();
        assert_eq!(response.headers()[LOCATION], expected);
    }
}
