//! The extractors for axum's handlers.
//!
//! 1. They give what the layer resolved, also in nested routers and with state.
//! 2. If the layer is missing, they reject with 500 and say so.
//! 3. If the request does not have a value, its extractor rejects with its own status, or gives `None`.

#![cfg(feature = "axum")]

mod util;

use axum::{Router, body::to_bytes, routing::get};
use http::{Request, StatusCode, header::CACHE_CONTROL};
use proxyfix::{
    ProxyFixLayer,
    extract::{ClientIp, ExternalUrl, Host, Prefix, Rejection, Resolved, Scheme},
};
use tower::ServiceExt;
use util::{PROXY, config, request};

/// A route for each extractor.
fn routes() -> Router {
    Router::new()
        .route("/client", get(|ClientIp(ip): ClientIp| async move { ip.to_string() }))
        .route("/client/option", get(|ip: Option<ClientIp>| async move { format!("{ip:?}") }))
        .route("/host", get(|Host(host): Host| async move { host }))
        .route("/host/option", get(|host: Option<Host>| async move { format!("{host:?}") }))
        .route("/prefix", get(|Prefix(prefix): Prefix| async move { prefix }))
        .route("/scheme", get(|scheme: Scheme| async move { scheme.to_string() }))
        .route("/url", get(|ExternalUrl(url): ExternalUrl| async move { url.to_string() }))
        .route("//url", get(|ExternalUrl(url): ExternalUrl| async move { url.to_string() }))
        .route("/resolved", get(|all: Resolved| async move { all.client().to_string() }))
        .route(
            "/resolved/option",
            get(|all: Option<Resolved>| async move { all.is_some().to_string() }),
        )
}

fn layer() -> ProxyFixLayer {
    ProxyFixLayer::new(config("proxies=10.0.0.0/8 for=1 proto=1 host=1 prefix=1"))
}

/// The status and the body of a router's response.
async fn answer(app: &Router, request: Request<()>) -> (u16, String) {
    let response = app.clone().oneshot(request.map(|()| String::new())).await.unwrap();
    let status = response.status();
    if status != StatusCode::OK {
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    }
    let bytes = to_bytes(response.into_body(), 4096).await.unwrap();
    (status.as_u16(), String::from_utf8(bytes.to_vec()).unwrap())
}

/// A request through a proxy that names this client and all other values.
fn full(client: &str, path: &str) -> Request<()> {
    let lines = [
        format!("X-Forwarded-For: {client}"),
        "X-Forwarded-Proto: https".to_owned(),
        "X-Forwarded-Host: App.Example:8443".to_owned(),
        "X-Forwarded-Prefix: /app/".to_owned(),
    ];
    request(PROXY, path, &lines)
}

#[tokio::test]
async fn what_the_layer_resolved() {
    let rows = [
        ("/client", "203.0.113.9"),
        ("/client/option", "Some(ClientIp(203.0.113.9))"),
        ("/host", "app.example"),
        ("/host/option", "Some(Host(\"app.example\"))"),
        ("/prefix", "/app"),
        ("/scheme", "https"),
        ("/url?q=%2f", "https://app.example:8443/app/url?q=%2f"),
        ("/resolved", "203.0.113.9:5000"),
        ("/resolved/option", "true"),
    ];
    let app = routes().layer(layer());
    for (path, expected) in rows {
        let found = answer(&app, full("203.0.113.9:5000", path)).await;
        assert_eq!(found, (200, expected.to_owned()), "{path}");
    }
}

/// An application may nest its routes. The URL keeps its whole path.
#[tokio::test]
async fn the_url_in_nested_routers() {
    let apps = [
        Router::new().nest("/v1", routes()).layer(layer()),
        Router::new().nest("/v1", routes().layer(layer())),
        Router::new().nest("/v1", routes()).layer(layer()).with_state(()),
    ];
    for app in &apps {
        let found = answer(app, full("203.0.113.9", "http://evil.example/v1/url?q")).await;
        assert_eq!(found, (200, "https://app.example:8443/app/v1/url?q".to_owned()));
    }
}

#[tokio::test]
async fn with_state() {
    let app = Router::new()
        .route("/client", get(|ClientIp(ip): ClientIp| async move { ip.to_string() }))
        .layer(layer())
        .with_state(("some", "state"));
    let found = answer(&app, full("203.0.113.9", "/client")).await;
    assert_eq!(found, (200, "203.0.113.9".to_owned()));
}

#[tokio::test]
async fn without_the_layer() {
    let app = routes();
    let paths = ["/client", "/client/option", "/host", "/host/option", "/prefix", "/scheme"];
    for path in paths.into_iter().chain(["/url", "/resolved"]) {
        let (status, text) = answer(&app, full("203.0.113.9", path)).await;
        assert_eq!(status, 500, "{path}");
        assert!(text.starts_with("ProxyFixLayer does not wrap this route; add"), "{text}");
    }
    let found = answer(&app, full("203.0.113.9", "/resolved/option")).await;
    assert_eq!(found, (200, "false".to_owned()));
}

#[tokio::test]
async fn what_is_not_known() {
    let app = routes().layer(layer());
    for client in ["unknown", "_hidden", "unknown:80"] {
        let (status, text) = answer(&app, full(client, "/client")).await;
        assert_eq!(status, 403, "{client}");
        assert!(text.starts_with("the client's address is not known, "), "{text}");
        let found = answer(&app, full(client, "/client/option")).await;
        assert_eq!(found, (200, "None".to_owned()));
    }
    let bare = |path| request(PROXY, path, &[""; 0]);
    for path in ["/host", "/url"] {
        let (status, text) = answer(&app, bare(path)).await;
        assert_eq!(
            (status, text.as_str()),
            (400, "the request has no host, and this resource needs one\n")
        );
    }
    for (path, expected) in [("/host/option", "None"), ("/prefix", ""), ("/scheme", "http")] {
        assert_eq!(answer(&app, bare(path)).await, (200, expected.to_owned()), "{path}");
    }
}

/// Used as a link by itself, such a path would name another host.
#[tokio::test]
async fn a_path_with_two_slashes() {
    let (status, text) = answer(&routes().layer(layer()), full("203.0.113.9", "//url")).await;
    assert_eq!(status, 400);
    assert_eq!(text, "the request's path must start with a single slash\n");
}

#[test]
fn statuses() {
    let rows = [
        (Rejection::MissingLayer, 500),
        (Rejection::UnknownClient, 403),
        (Rejection::MissingHost, 400),
        (Rejection::InvalidPath, 400),
    ];
    util::table(rows, |rejection| rejection.status().as_u16());
}
