//! The layer in axum.
//!
//! 1. The peer is looked for in this order: `peer_from`, `Peer`, `ConnectInfo`, `MockConnectInfo`.
//! 2. `ConnectInfo` and `MockConnectInfo` become the client's, with port 0 if none is known. They are
//!    removed if the client has no address, so the proxy's address never remains.
//! 3. `OriginalUri` becomes the client's, also in nested routers.
//! 4. `Error` is a response, the same as the layer's own.

#![cfg(feature = "axum")]

mod util;

use std::net::SocketAddr;

use axum::{
    Router,
    body::to_bytes,
    extract::{ConnectInfo, OriginalUri, connect_info::MockConnectInfo},
    response::{IntoResponse, Redirect},
    routing::get,
};
use http::{
    Extensions, Request, Response, StatusCode,
    header::{CACHE_CONTROL, LOCATION},
};
use proxyfix::{Error, ErrorKind, Peer, ProxyFixLayer, Resolved, resolve};
use tower::{Layer, ServiceExt, service_fn};
use util::config;

const PROXY: ([u8; 4], u16) = ([10, 0, 0, 1], 4711);

fn layer() -> ProxyFixLayer {
    ProxyFixLayer::new(config("proxies=10.0.0.0/8 for=1 host=1"))
}

/// A request through a proxy that names this client.
fn request(client: &str) -> Request<String> {
    Request::get("http://stranger.example/api/there?q=1")
        .header("Host", "stranger.example")
        .header("X-Forwarded-For", client)
        .header("X-Forwarded-Host", "app.example")
        .body(String::new())
        .unwrap()
}

/// The same, with the proxy's address where axum leaves it.
fn connected(client: &str) -> Request<String> {
    let mut request = request(client);
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(PROXY)));
    request
}

/// The extensions that the service sees behind the layer.
async fn seen(layer: ProxyFixLayer, request: Request<String>) -> Extensions {
    let service = service_fn(|request: Request<String>| async move {
        let mut response = Response::new(());
        *response.extensions_mut() = request.into_parts().0.extensions;
        Ok::<_, std::convert::Infallible>(response)
    });
    let response = layer.layer(service).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.into_parts().0.extensions
}

fn connect_info(extensions: &Extensions) -> Option<String> {
    extensions.get().map(|ConnectInfo::<SocketAddr>(address)| address.to_string())
}

fn mock_connect_info(extensions: &Extensions) -> Option<String> {
    extensions.get().map(|MockConnectInfo::<SocketAddr>(address)| address.to_string())
}

async fn text(response: axum::response::Response) -> String {
    let bytes = to_bytes(response.into_body(), 4096).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The status and the body of a router's response.
async fn answer(app: Router, request: Request<String>) -> (StatusCode, String) {
    let response = app.oneshot(request).await.unwrap();
    (response.status(), text(response).await)
}

#[tokio::test]
async fn the_peer_is_looked_for_in_order() {
    let address = |last| SocketAddr::from(([10, 0, 0, last], 1));
    let mut all = request("203.0.113.9");
    all.extensions_mut().insert(MockConnectInfo(address(4)));
    for last in [4, 3, 2] {
        match last {
            3 => drop(all.extensions_mut().insert(ConnectInfo(address(3)))),
            2 => drop(all.extensions_mut().insert(Peer::from(address(2)))),
            _ => {}
        }
        let extensions = seen(layer(), all.clone()).await;
        let resolved: &Resolved = extensions.get().unwrap();
        assert_eq!(resolved.peer(), Some(Peer::from(address(last))));
        assert_eq!(extensions.get(), Some(&Peer::from(address(last))));
    }
    let layer = layer().peer_from(move |_| Some(address(1).into()));
    let extensions = seen(layer, all).await;
    assert_eq!(extensions.get(), Some(&Peer::from(address(1))));
}

#[tokio::test]
async fn addresses_become_the_clients() {
    let rows = [
        ("203.0.113.9:5000", Some("203.0.113.9:5000")),
        ("203.0.113.9", Some("203.0.113.9:0")),
        ("2001:db8::7", Some("[2001:db8::7]:0")),
        ("203.0.113.9:_port", Some("203.0.113.9:0")),
        ("unknown", None),
        ("unknown:5000", None),
        ("_hidden", None),
    ];
    for (client, expected) in rows {
        let mut request = connected(client);
        let extensions = seen(layer(), request.clone()).await;
        assert_eq!(connect_info(&extensions).as_deref(), expected, "{client}");
        assert_eq!(mock_connect_info(&extensions), None, "{client}");

        request.extensions_mut().insert(MockConnectInfo(SocketAddr::from(PROXY)));
        let extensions = seen(layer(), request).await;
        assert_eq!(connect_info(&extensions).as_deref(), expected, "{client}");
        assert_eq!(mock_connect_info(&extensions).as_deref(), expected, "{client}");
    }
}

#[tokio::test]
async fn a_mocked_address_becomes_the_clients() {
    let address =
        |ConnectInfo(address): ConnectInfo<SocketAddr>| async move { address.to_string() };
    let app = Router::new()
        .route("/api/there", get(address))
        .layer(layer())
        .layer(MockConnectInfo(SocketAddr::from(PROXY)));
    let known = answer(app.clone(), request("203.0.113.9")).await;
    assert_eq!(known, (StatusCode::OK, "203.0.113.9:0".to_owned()));
    let (status, _) = answer(app, request("unknown")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn without_a_trusted_header_the_proxy_is_not_the_client() {
    let mut request = connected("");
    request.headers_mut().clear();
    assert_eq!(connect_info(&seen(layer(), request).await), None);
}

#[tokio::test]
async fn an_untrusted_peer_is_the_client() {
    for address in ["192.0.2.1:4711", "[::ffff:192.0.2.1]:4711"] {
        let address: SocketAddr = address.parse().unwrap();
        let mut request = request("203.0.113.9");
        request.extensions_mut().insert(ConnectInfo(address));
        assert_eq!(connect_info(&seen(layer(), request).await).unwrap(), "192.0.2.1:4711");
    }
}

#[tokio::test]
async fn on_resolved_comes_last() {
    let layer = layer().on_resolved(|_, extensions| {
        assert_eq!(connect_info(extensions).as_deref(), Some("203.0.113.9:0"));
        extensions.insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 7))));
    });
    let extensions = seen(layer, connected("203.0.113.9")).await;
    assert_eq!(connect_info(&extensions).as_deref(), Some("192.0.2.7:7"));
}

/// A router with routes that are nested one level and two levels deep.
fn nested() -> Router {
    let routes = Router::new()
        .route("/there", get(|uri: OriginalUri| async move { uri.0.to_string() }))
        .route("/here", get(|uri: OriginalUri| async move { Redirect::to(&uri.0.to_string()) }));
    Router::new().nest("/v1", routes.clone()).merge(routes)
}

#[tokio::test]
async fn the_original_uri_is_the_clients_in_nested_routers() {
    let apps = [
        Router::new().nest("/api", nested()).layer(layer()),
        Router::new().nest("/api", nested().layer(layer())),
        Router::new().nest("/api", nested().layer(layer())).layer(layer()),
        Router::new().nest("/api", nested().route_layer(layer())),
        Router::new().fallback_service(layer().layer(Router::new().nest("/api", nested()))),
    ];
    for app in apps {
        for (target, effective) in [
            ("http://stranger.example/api/there?q=1", "http://app.example/api/there?q=1"),
            ("https://stranger.example/api/v1/there", "http://app.example/api/v1/there"),
            ("/api/v1/there?a=%2f&b", "http://app.example/api/v1/there?a=%2f&b"),
            // This URI is already right, so the first layer leaves it unchanged.
            ("http://app.example/api/v1/there", "http://app.example/api/v1/there"),
        ] {
            let mut request = connected("203.0.113.9");
            *request.uri_mut() = target.parse().unwrap();
            let expected = (StatusCode::OK, effective.to_owned());
            assert_eq!(answer(app.clone(), request).await, expected, "{target}");
        }
        let mut request = connected("203.0.113.9");
        *request.uri_mut() = "http://stranger.example/api/here".parse().unwrap();
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(response.headers()[LOCATION], "http://app.example/api/here");
    }
}

#[tokio::test]
async fn an_error_is_a_response() {
    let request = connected("203.0.113.256");
    let peer = Peer::from(SocketAddr::from(PROXY));
    let config = config("proxies=10.0.0.0/8 for=1 host=1");
    let error = resolve(peer, request.headers(), request.uri(), &config).unwrap_err();

    let own = error.clone().into_response();
    let layered = Router::new().route("/api/there", get(|| async { "there" })).layer(layer());
    for response in [own, layered.oneshot(request).await.unwrap()] {
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.extensions().get::<Error>(), Some(&error));
        assert_eq!(text(response).await, "");
    }
}

#[tokio::test]
async fn a_missing_peer_is_a_fault_of_ours() {
    let response = Router::new().layer(layer()).oneshot(request("203.0.113.9")).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let error: &Error = response.extensions().get().unwrap();
    assert_eq!(error.kind(), ErrorKind::MissingPeer);
}

#[tokio::test]
async fn a_request_fixed_before_gets_its_addresses_too() {
    let mut request = connected("203.0.113.9");
    request.extensions_mut().insert(Peer::from(SocketAddr::from(PROXY)));
    proxyfix::fix_request(&mut request, &config("proxies=10.0.0.0/8 for=1 host=1")).unwrap();
    assert_eq!(connect_info(&seen(layer(), request).await).as_deref(), Some("203.0.113.9:0"));
}

/// If nothing is rewritten, axum's `OriginalUri` is not either.
#[tokio::test]
async fn original_uri_is_kept_with_the_uri() {
    let config = config("proxies=10.0.0.0/8 for=1 uri=keep");
    let mut request = connected("203.0.113.9");
    let uri = http::Uri::from_static("/kept");
    request.extensions_mut().insert(OriginalUri(uri.clone()));
    let seen = seen(ProxyFixLayer::new(config), request).await;
    assert_eq!(seen.get::<OriginalUri>().unwrap().0, uri);
}

/// If the client is the peer, its address keeps what only a socket knows.
#[tokio::test]
async fn scope_of_a_link_local_peer() {
    let scoped = SocketAddr::V6(std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 0, 7));
    let mut request = connected("203.0.113.9");
    request.extensions_mut().insert(ConnectInfo(scoped));
    let seen = seen(layer(), request).await;
    assert_eq!(connect_info(&seen).as_deref(), Some("[fe80::1%7]:80"));
}
