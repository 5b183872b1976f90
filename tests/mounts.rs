//! Where an application is: at the believed prefix, followed by the mounts of this server.
//!
//! 1. Every value that has the prefix has the mounts too, whichever of proxy and mounts comes first.
//! 2. The headers say what the proxies said, and the source of the prefix is theirs.
//! 3. Without a decision, the mounts count for `PrefixLayer` alone.

#![cfg(feature = "tower")]

mod util;

use std::convert::Infallible;

use http::{Extensions, Request, Response, Uri};
use proxyfix::{ErrorKind, MountPath, PrefixLayer, Resolved, fix_request};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use util::{PROXY, config, request};

const CONFIG: &str = "proxies=10.0.0.0/8 for=1 prefix=1 listener=https";

fn proxied(prefix: &str) -> Request<()> {
    let prefix = format!("X-Forwarded-Prefix: {prefix}");
    request(PROXY, "/site/item", &["Host: shop.example", "X-Forwarded-For: 203.0.113.9", &prefix])
}

fn enter(request: &mut Request<()>, path: &str) {
    let uri = request.uri().clone();
    MountPath::new(path).unwrap().enter(request.extensions_mut(), &uri);
}

fn resolved(request: &Request<()>) -> &Resolved {
    request.extensions().get().unwrap()
}

#[test]
fn before_and_after_the_decision() {
    let long = "/a-path-that-is-longer-than-what-fits-inline";
    for (believed, mounts, whole) in [
        ("/app", vec!["/site"], "/app/site"),
        ("/app/", vec!["/site/", "/blog"], "/app/site/blog"),
        ("/", vec!["/site"], "/site"),
        ("/app", vec!["/"], "/app"),
        ("/app", vec![long, "/b"], "/app/a-path-that-is-longer-than-what-fits-inline/b"),
    ] {
        for mounts_before in 0..=mounts.len() {
            let mut request = proxied(believed);
            let (before, after) = mounts.split_at(mounts_before);
            for path in before {
                enter(&mut request, path);
            }
            fix_request(&mut request, &config(CONFIG)).unwrap();
            for path in after {
                enter(&mut request, path);
            }

            let resolved = resolved(&request);
            assert_eq!(resolved.prefix(), whole);
            assert_eq!(resolved.external_path("/item"), format!("{whole}/item"));
            let url = format!("https://shop.example{whole}/item?q");
            assert_eq!(resolved.external_url("/item?q").unwrap().to_string(), url);
            assert_eq!(resolved.source().prefix().to_string(), "x-forwarded-prefix, hop 1");
            let header = request.headers()["x-forwarded-prefix"].to_str().unwrap();
            assert_eq!(header.trim_end_matches('/'), believed.trim_end_matches('/'));
            let own = whole.strip_prefix(believed.trim_end_matches('/')).unwrap();
            assert_eq!(MountPath::entered(request.extensions()), own);
        }
    }
}

#[test]
fn the_first_uri_is_kept() {
    let mut extensions = Extensions::new();
    assert_eq!(MountPath::entered(&extensions), "");
    assert_eq!(MountPath::original_uri(&extensions), None);
    for (path, uri) in [("/a", "/a/b/c?q"), ("/b", "/b/c?q")] {
        MountPath::new(path).unwrap().enter(&mut extensions, &Uri::from_static(uri));
    }
    assert_eq!(MountPath::original_uri(&extensions).unwrap(), "/a/b/c?q");
    assert_eq!(MountPath::entered(&extensions), "/a/b");
}

#[test]
fn paths() {
    for (path, read) in [("/a", "/a"), ("/a/", "/a"), ("/", ""), ("/a/b", "/a/b")] {
        assert_eq!(MountPath::new(path).unwrap().as_str(), read);
    }
    for path in ["", "a", "//a", "/a/../b", "/a,b", "/a%2Fb", "/\u{e9}"] {
        assert_eq!(MountPath::new(path).unwrap_err().kind(), ErrorKind::InvalidPrefix, "{path}");
    }
}

/// What becomes of a redirect to this place in an application at `/site`, whose proxy strips `/app`.
fn redirect(is_fixed: bool, location: &'static str) -> String {
    let mut request = proxied("/app");
    if is_fixed {
        fix_request(&mut request, &config(CONFIG)).unwrap();
    }
    enter(&mut request, "/site");
    let app = ServiceBuilder::new().layer(PrefixLayer::new()).service(service_fn(
        move |_: Request<()>| async move {
            Ok::<_, Infallible>(Response::builder().header("location", location).body(()).unwrap())
        },
    ));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let response = runtime.block_on(app.oneshot(request)).unwrap();
    response.headers()["location"].to_str().unwrap().to_owned()
}

#[test]
fn redirects() {
    for (location, fixed, alone) in [
        ("/new", "/app/site/new", "/site/new"),
        ("/app/site/new", "/app/site/new", "/site/app/site/new"),
        ("/site/new", "/app/site/site/new", "/site/new"),
        (
            "https://shop.example/new",
            "https://shop.example/app/site/new",
            "https://shop.example/new",
        ),
        ("//other.example", "//other.example", "//other.example"),
    ] {
        assert_eq!(redirect(true, location), fixed);
        assert_eq!(redirect(false, location), alone);
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn the_url_of_the_request() {
    use axum::{Router, body::Body, routing::get};
    use proxyfix::extract::{ExternalUrl, Prefix};

    let show = |ExternalUrl(url): ExternalUrl, Prefix(prefix): Prefix| async move {
        format!("{url} at {prefix}")
    };
    let inner = Router::new().nest("/nested", Router::new().route("/item", get(show)));
    let mut request = proxied("/app");
    *request.uri_mut() = Uri::from_static("/site/nested/item?q");
    fix_request(&mut request, &config(CONFIG)).unwrap();
    enter(&mut request, "/site");
    // What the mount forwards.
    *request.uri_mut() = Uri::from_static("https://shop.example/nested/item?q");
    let response = inner.oneshot(request.map(|()| Body::empty())).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
    assert_eq!(body, "https://shop.example/app/site/nested/item?q at /app/site");
}
