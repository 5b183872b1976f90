//! What is neither data nor about tunnels or certificates.

use std::time::Duration;

use http::{Method, Request, Uri};
use proxyfix::{Config, ProxyFixLayer};
use proxyfix_gateway::{
    Body, ConfigError, Credentials, DotSegments, ForwardLimits, ForwardTarget, ProxyRequest, serve,
};
use tokio::{net::TcpListener, time::sleep};
use tower::{Layer as _, ServiceExt as _};

use super::{
    application::{Log, application},
    front::{Front, options},
    wire::Wire,
};

/// A body that streams is dropped when the answer is over.
#[tokio::test]
async fn a_body_that_streams() {
    let front = Front::start().await;
    let path = "/path/filename?stream=true&data=some-long-data";
    let request = format!("GET http://example.com{path} HTTP/1.1\r\nHost: example.com\r\n\r\n");
    let answer = Wire::once(front.address, request).await;
    assert_eq!((answer.text().as_str(), answer.is_whole), ("some-long-data", true));
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let mut wire = wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap();
    let answer = wire.ask(format!("GET {path} HTTP/1.1\r\nHost: example.com\r\n\r\n")).await;
    assert_eq!(answer.text(), "some-long-data");
    while front.log.dropped() < 2 {
        sleep(Duration::from_millis(10)).await;
    }
}

/// A server that gives no connection away.
#[tokio::test]
async fn a_server_without_upgrades() {
    let layer = options().build().unwrap();
    let service = layer.layer(application(&Log::default()));
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = Uri::from_static("example.com:443");
    request.headers_mut().insert("host", "example.com:443".parse().unwrap());
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 405);
    assert!(response.headers().contains_key("allow"));
    assert!(http_body::Body::is_end_stream(response.body()));
    assert_eq!(layer.tunnels().open(), 0);
}

#[tokio::test]
async fn applications_of_hosts() {
    let front = Front::start().await;
    for (path, text) in
        [("/a?b", "Custom App: proxy-app-1 req to /a?b"), ("/other", "Requested Url: /other")]
    {
        let request = format!("GET http://proxy-app-1{path} HTTP/1.1\r\nHost: proxy-app-1\r\n\r\n");
        assert_eq!(Wire::once(front.address, request).await.text(), text);
    }
    assert_eq!(front.log.last().proxied.unwrap().proxy_host(), "proxy-app-1");
}

#[tokio::test]
async fn ports() {
    let front = Front::with(options().ports([80, 443])).await;
    for (authority, status) in
        [("example.com:443", 200), ("example.com:80", 200), ("example.com:22", 403)]
    {
        let mut wire = Wire::connect(front.address).await;
        assert_eq!(wire.ask_for_tunnel(authority, "").await.status, status);
    }
}

#[tokio::test]
async fn a_resolver_of_ones_own() {
    let resolver = |request: &ProxyRequest| match request.host().as_str() {
        "refused.test" => ForwardTarget::refuse(http::StatusCode::GONE),
        "wrong.test" => ForwardTarget::path("no slash"),
        "odd.test" => ForwardTarget::path("/a b"),
        host => {
            let ip = request.client().and_then(|client| client.ip()).unwrap();
            ForwardTarget::path(format!("/{ip}/{host}{}", request.path_and_query())).with(7_u8)
        }
    };
    let front = Front::with(options().resolver(resolver)).await;
    let get = |host: &str| format!("GET http://{host}/x?y HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for (host, status) in
        [("refused.test", 410), ("wrong.test", 500), ("odd.test", 500), ("a.test", 200)]
    {
        assert_eq!(Wire::once(front.address, get(host)).await.status, status, "{host}");
    }
    assert_eq!(front.log.last().path(), "/127.0.0.1/a.test/x?y");
}

#[tokio::test]
async fn dot_segments() {
    let get =
        |path: &str| format!("GET http://example.com{path} HTTP/1.1\r\nHost: example.com\r\n\r\n");
    let front = Front::start().await;
    for path in ["/../admin", "/a/%2e%2E/b", "/..;x/", "/..%2fadmin"] {
        assert_eq!(Wire::once(front.address, get(path)).await.status, 400, "{path}");
    }
    assert!(front.log.all().is_empty());
    let front = Front::with(options().dot_segments(DotSegments::Normalize)).await;
    Wire::once(front.address, get("/a/../../b?c")).await;
    assert_eq!(front.log.last().path(), "/prefix/http://example.com/b?c");
}

/// Under the core, which believes a proxy in front, and around it.
#[tokio::test]
async fn with_the_core() {
    let config: Config = "proxies=loopback for=1 proto=1".parse().unwrap();
    // The core is inside.
    let (log, layer) = (Log::default(), options().build().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let other: Config = "proxies=192.0.2.0/24 for=1 proto=1".parse().unwrap();
    let app = layer.layer(ProxyFixLayer::new(other).layer(application(&log)));
    tokio::spawn(async move { serve(listener, app).await });
    let fields = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n";
    let request = format!("GET http://example.com/a HTTP/1.1\r\nHost: example.com\r\n{fields}\r\n");
    Wire::once(address, &request).await;
    let resolved = log.last().resolved.unwrap();
    // What the client of a proxy writes is gone, so nothing is believed.
    assert_eq!(
        (resolved.client_ip(), resolved.scheme().as_str()),
        (Some([127, 0, 0, 1].into()), "http")
    );
    assert_eq!(resolved.host(), Some("example.com"));
    // The core is around: a proxy in front of this one is believed, outside of tunnels.
    let log = Log::default();
    let app = ProxyFixLayer::new(config).layer(layer.layer(application(&log)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = tower::ServiceBuilder::new()
        .map_response(|response: http::Response<Body>| response.map(axum::body::Body::new))
        .service(app);
    let app = axum::ServiceExt::<axum::extract::Request>::into_make_service_with_connect_info::<
        std::net::SocketAddr,
    >(app);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Wire::once(address, &request).await;
    let seen = log.last();
    let resolved = seen.resolved.unwrap();
    assert_eq!(
        (resolved.client_ip(), resolved.scheme().as_str()),
        (Some([6, 6, 6, 6].into()), "http")
    );
    assert_eq!(seen.proxied.unwrap().client().unwrap().ip(), Some([6, 6, 6, 6].into()));
    assert_eq!(seen.uri.to_string(), "http://example.com/prefix/http://example.com/a");
    // A direct request, whose target the core completed.
    Wire::once(address, format!("GET /a HTTP/1.1\r\nHost: wsgiprox\r\n{fields}\r\n")).await;
    let seen = log.last();
    assert!(seen.proxied.is_none());
    assert_eq!(seen.uri.to_string(), "https://wsgiprox/a");
    // A tunnel: the client of the CONNECT is believed, and nothing that is written within.
    let mut wire = Wire::connect(address).await;
    assert_eq!(wire.ask_for_tunnel("example.com:80", fields).await.status, 200);
    wire.ask("GET /b HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n").await;
    let seen = log.last();
    let resolved = seen.resolved.unwrap();
    assert_eq!(resolved.client_ip(), Some([6, 6, 6, 6].into()));
    assert!(!resolved.is_peer_trusted());
    assert_eq!(seen.headers.get("x-forwarded-for"), None);
    assert_eq!(seen.uri.to_string(), "http://example.com/prefix/http://example.com/b");
    let other = "GET http://other.test/c HTTP/1.1\r\nHost: other.test\r\n\r\n";
    assert_eq!(wire.ask(other).await.status, 421);
}

#[test]
fn mistakes_of_a_configuration() {
    let authority = || proxyfix_gateway::CertificateAuthority::options().in_memory().unwrap();
    let builder = || proxyfix_gateway::ForwardProxyLayer::builder(authority());
    for (built, text) in [
        (builder().prefix("/a/../b"), "the prefix \"/a/../b\""),
        (builder().proxy_host("*.example.com"), "\"*.example.com\" is no host"),
        (builder().proxy_host("a.example:80"), "\"a.example:80\" is no host"),
        (builder().alias("a.test").alias("A.test."), "is set twice"),
        (builder().alias("wsgiprox"), "is set twice"),
        (builder().download_host(""), "\"\" is no host"),
        (builder().limits(ForwardLimits::default().tunnels(0)), "the limit tunnels"),
        (builder().limits(ForwardLimits::default().idle(Duration::ZERO)), "the limit idle"),
        (builder().limits(ForwardLimits::default().head_bytes(10)), "the limit head_bytes"),
        (builder().limits(ForwardLimits::default().leaves(0)), "the limit leaves"),
    ] {
        let error = built.build().unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
    assert!(matches!(Credentials::any_user("a\nb"), Err(ConfigError::InvalidRealm { .. })));
}

/// `TCP_NODELAY` is set: the first request of a tunnel does not wait for an acknowledgment.
#[tokio::test]
async fn small_answers_are_not_held_back() {
    let source = include_str!("../../src/forward/serve.rs");
    assert!(source.contains("stream.set_nodelay(true)"));
}
