//! Cases of mounts: `mounts.jsonl`, and what data does not say.
//!
//! An expectation is the service that got the request, where the core says that it is, and the target that it saw.

use std::convert::Infallible;

use axum::extract::OriginalUri;
use http::{Request, Response};
use proxyfix::{MountPath, Peer, PrefixLayer, ProxyFixLayer, Resolved};
use proxyfix_gateway::{
    Body, DotSegments, Mount, MountService, ReverseProxy, ReverseProxyLayer, Target, WithoutSlash,
};
use serde::Deserialize;
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::net::{client::Client, front, upstream::Upstream};

/// An authority that is no host selects no table of a host.
#[tokio::test]
async fn hosts() {
    let site: Site = Mount::new()
        .at_host("a.example", "/", app("host"))
        .at_host("[::1]", "/", app("address"))
        .fallback(app("other"))
        .build()
        .unwrap();
    for (host, name) in [
        ("a.example", "host"),
        ("A.Example.:8080", "host"),
        ("a.example:", "host"),
        ("[::1]:80", "address"),
        ("[0:0:0:0:0:0:0:1]", "address"),
        ("a.example..", "other"),
        ("a.example:99999", "other"),
        ("a.example:abc", "other"),
        ("user@a.example", "other"),
    ] {
        let request = Request::get("/x").header("Host", host).body(String::new()).unwrap();
        let seen = ask(site.clone(), request).await;
        assert_eq!(seen.split(' ').next(), Some(name), "{host}");
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    variant: Option<String>,
    mounts: Vec<(String, String)>,
    dot_segments: Option<String>,
    host: Option<String>,
    request: String,
    expect: String,
}

type Site = MountService<String, Infallible>;
type App = BoxCloneSyncService<Request<String>, Response<Body>, Infallible>;

/// A service that says its name, where it is, and what it sees.
fn app(name: &str) -> App {
    let name = name.to_owned();
    BoxCloneSyncService::new(service_fn(move |request: Request<String>| {
        let path = MountPath::entered(request.extensions());
        let is_bare = request.extensions().get::<WithoutSlash>().is_some();
        let end = if is_bare { " without-slash" } else { "" };
        let text = format!("{name} {path} {}{end}{}", request.uri(), request.body());
        async { Ok(Response::new(Body::from(text))) }
    }))
}

async fn ask<S>(service: S, request: Request<String>) -> String
where
    S: Service<Request<String>, Response = Response<Body>, Error = Infallible>,
{
    let response = service.oneshot(request).await.unwrap();
    if response.status() != 200 {
        return response.status().as_u16().to_string();
    }
    let body = axum::body::to_bytes(axum::body::Body::new(response.into_body()), 1000).await;
    String::from_utf8(body.unwrap().to_vec()).unwrap()
}

async fn outcome(case: &Case) -> String {
    let mut mount = Mount::new().fallback(app("fallback"));
    for (place, name) in &case.mounts {
        mount = match place.split_once(' ') {
            Some((host, path)) => mount.at_host(host, path, app(name)),
            None => mount.at(place, app(name)),
        };
    }
    if case.dot_segments.is_some() {
        mount = mount.dot_segments(DotSegments::Normalize);
    }
    let site = match mount.build() {
        Ok(site) => site,
        Err(error) => return format!("error: {}", error.to_string().split(';').next().unwrap()),
    };
    let (method, target) = case.request.split_once(' ').unwrap_or(("GET", &case.request));
    let mut request = Request::builder().method(method).uri(target);
    if let Some(host) = &case.host {
        request = request.header("Host", host);
    }
    ask(site, request.body(String::new()).unwrap()).await
}

#[tokio::test]
async fn mounts() {
    for line in include_str!("mounts.jsonl").lines() {
        let case: Case = serde_json::from_str(line).expect(line);
        assert_eq!(outcome(&case).await, case.expect, "{} {:?}", case.id, case.variant);
    }
}

fn get(target: &str) -> Request<String> {
    let client = Peer::from(std::net::IpAddr::from([127, 0, 0, 1]));
    let request = Request::get(target).header("Host", "shop.example").extension(client);
    request.body(String::new()).unwrap()
}

#[tokio::test]
async fn nested() {
    let site: Site = Mount::new()
        .at("/o", Mount::new().at("/app", app("inner")).build().unwrap())
        .at("/p", Mount::new().at("/", app("all")).build().unwrap())
        .build()
        .unwrap();
    assert_eq!(ask(site.clone(), get("/o/app/x?q=/o")).await, "inner /o/app /x?q=/o");
    assert_eq!(ask(site.clone(), get("/o/other")).await, "404");
    assert_eq!(ask(site.clone(), get("/other")).await, "404");
    assert_eq!(ask(site.clone(), get("/p")).await, "all /p / without-slash");
    assert_eq!(ask(site, get("/p/x")).await, "all /p /x");
}

/// axum's `nest` sends `/app/admin/` to `/app`.
#[tokio::test]
async fn below_another_mount() {
    let site: Site =
        Mount::new().at("/app", app("app")).at("/app/admin", app("admin")).build().unwrap();
    for (target, seen) in [
        ("/app/admin", "admin /app/admin / without-slash"),
        ("/app/admin/", "admin /app/admin /"),
        ("/app/admin/x", "admin /app/admin /x"),
        ("/app/administrator", "app /app /administrator"),
        ("/app/", "app /app /"),
    ] {
        assert_eq!(ask(site.clone(), get(target)).await, seen);
    }
}

/// To the slash of a mount, below what a proxy strips and below the mount around it. All else is as without.
#[tokio::test]
async fn redirects() {
    let inner = Mount::new().at("/admin", app("admin")).redirect(true).build().unwrap();
    let whole = Mount::new().at("/", app("whole")).redirect(true).build().unwrap();
    let site: Site = Mount::new()
        .at("/shop", inner)
        .at("/whole", whole)
        .at("/bare", app("bare"))
        .fallback(app("fallback"))
        .build()
        .unwrap();
    let config: proxyfix::Config = "proxies=loopback for=1 prefix=1".parse().unwrap();
    let fixed = ProxyFixLayer::new(config).layer(site.clone());
    for (method, target, location) in [
        ("GET", "/shop/admin", Some("/shop/admin/")),
        ("HEAD", "/shop/admin?a=%2F", Some("/shop/admin/?a=%2F")),
        ("GET", "/whole", Some("/whole/")),
        ("POST", "/shop/admin", None),
        ("GET", "/shop/admin/", None),
        ("GET", "/shop/admin/x", None),
        ("GET", "/shop/administrator", None),
        ("GET", "/bare", None),
        ("GET", "/whole/", None),
        ("GET", "/", None),
    ] {
        for (prefix, answer) in [
            ("", site.clone().oneshot(asked(method, target)).await.unwrap()),
            ("/outer", fixed.clone().oneshot(asked(method, target)).await.unwrap()),
        ] {
            let found = answer.headers().get("location").map(|value| value.to_str().unwrap());
            let expected = location.map(|location| format!("{prefix}{location}"));
            assert_eq!(found, expected.as_deref(), "{method} {target}");
            assert_eq!(answer.status() == 307, location.is_some(), "{method} {target}");
        }
    }
}

/// A request through a proxy that strips `/outer`.
fn asked(method: &str, target: &str) -> Request<String> {
    let mut request = get(target);
    *request.method_mut() = method.parse().unwrap();
    let headers = request.headers_mut();
    headers.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
    headers.insert("x-forwarded-prefix", "/outer".parse().unwrap());
    request
}

/// A proxy within a mount tells upstream both paths.
#[tokio::test]
async fn around_a_proxy() {
    let upstream = Upstream::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let target = Target::builder(format!("http://{}/", upstream.address)).remove_prefix(true);
    let layer = ReverseProxyLayer::builder().target("/api", target.build().unwrap()).build();
    let whole = ReverseProxy::new(&format!("http://{}/", upstream.address)).unwrap();
    let site = Mount::new()
        .at("/app", layer.unwrap().layer(front::inner()))
        .at("/whole", whole)
        .build()
        .unwrap();
    let front = front::serve(site).await;
    let forged = "X-Forwarded-Prefix: /evil\r\n";
    for (target, prefix) in [("/app/api/x", "/app/api"), ("/whole/x", "/whole")] {
        Client::once(front, format!("GET {target} HTTP/1.1\r\nHost: a\r\n{forged}\r\n")).await;
        let seen = upstream.last().await.unwrap();
        assert_eq!(seen.line(), "GET /x HTTP/1.1");
        assert_eq!(seen.field("x-forwarded-prefix").as_deref(), Some(prefix));
    }
}

/// A proxy turns back to where the client finds it: below what a proxy in front strips, and below the mounts. A
/// `PrefixLayer` around it adds nothing.
#[tokio::test]
async fn what_a_proxy_turns_back() {
    let head = "HTTP/1.1 302 Found\r\nLocation: /base/next\r\nSet-Cookie: a=1; Path=/base\r\n";
    let upstream = Upstream::answering(&format!("{head}Content-Length: 0\r\n\r\n")).await;
    let target = Target::builder(format!("http://{}/base/", upstream.address)).remove_prefix(true);
    let target = target.rewrite_location(true).rewrite_cookies(true).build().unwrap();
    let layer = ReverseProxyLayer::builder().target("/api", target).build().unwrap();
    let inner = Mount::new().at("/n", layer.layer(front::inner())).build().unwrap();
    let site = Mount::new().at("/m", inner).build().unwrap();
    let config: proxyfix::Config = "proxies=loopback for=1 prefix=1".parse().unwrap();
    let fixed = ProxyFixLayer::new(config.clone());
    let around = ProxyFixLayer::new(config).layer(PrefixLayer::new().layer(site.clone()));
    let forwarded = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Prefix: /app\r\n";
    for (address, expected) in [
        (front::serve(site.clone()).await, "/m/n/api"),
        (front::serve(fixed.layer(site)).await, "/app/m/n/api"),
        (front::serve(around).await, "/app/m/n/api"),
    ] {
        let request = format!("GET /m/n/api/x HTTP/1.1\r\nHost: a\r\n{forwarded}\r\n");
        let answer = Client::once(address, request).await;
        assert_eq!(answer.field("location"), Some(format!("{expected}/next")));
        assert_eq!(answer.field("set-cookie"), Some(format!("a=1; Path={expected}")));
    }
}

/// The first URI is kept, for axum's extractor too.
#[tokio::test]
async fn the_original_uri() {
    let show = service_fn(|request: Request<String>| {
        let core = MountPath::original_uri(request.extensions()).unwrap();
        let OriginalUri(axum) = request.extensions().get().unwrap();
        let text = format!("{core} {axum}");
        async { Ok::<_, Infallible>(Response::new(Body::from(text))) }
    });
    let site: Site =
        Mount::new().at("/o", Mount::new().at("/app", show).build().unwrap()).build().unwrap();
    assert_eq!(ask(site, get("/o/app/x?q")).await, "/o/app/x?q /o/app/x?q");
}

/// A proxy strips `/outer/`, and a mount `/app`. The application knows nothing of both.
#[tokio::test]
async fn under_a_proxy() {
    let login = service_fn(|request: Request<String>| {
        let resolved: &Resolved = request.extensions().get().unwrap();
        let cookie = format!("id=1; Path=/; Comment={}", resolved.external_path("/x"));
        let response =
            Response::builder().header("Location", "/login").header("Set-Cookie", cookie);
        async { Ok::<_, Infallible>(response.body(Body::empty()).unwrap()) }
    });
    let site = Mount::new().at("/app", PrefixLayer::new().layer(login)).build().unwrap();
    let config = "proxies=loopback for=1 prefix=1".parse().unwrap();
    let mut request = get("/app/x");
    let headers = request.headers_mut();
    headers.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
    headers.insert("x-forwarded-prefix", "/outer/".parse().unwrap());
    let response = ProxyFixLayer::new(config).layer(site).oneshot(request).await.unwrap();
    assert_eq!(response.headers()["location"], "/outer/app/login");
    assert_eq!(response.headers()["set-cookie"], "id=1; Path=/outer/app; Comment=/outer/app/x");
}

/// A caller that sends the request again after the mount's service failed has it as it was.
#[tokio::test]
async fn the_request_is_not_changed() {
    let failing = service_fn(|_: Request<String>| async {
        Ok::<_, Infallible>(Response::builder().status(503).body(Body::empty()).unwrap())
    });
    let site: Site = Mount::new().at("/app", failing).build().unwrap();
    let fallback = app("fallback");
    let request = get("/app/x").map(|_| " body".to_owned());
    assert_eq!(ask(site, request.clone()).await, "503");
    assert_eq!(ask(fallback, request).await, "fallback  /app/x body");
}

/// The service is called when it is ready, and not before.
#[tokio::test]
async fn readiness() {
    let limited = tower::limit::ConcurrencyLimit::new(app("limited"), 1);
    let site: Site = Mount::new().at("/app", limited).fallback(app("fallback")).build().unwrap();
    let (first, second) = (ask(site.clone(), get("/app/1")), ask(site.clone(), get("/app/2")));
    assert_eq!(tokio::join!(first, second), ("limited /app /1".into(), "limited /app /2".into()));
    assert_eq!(ask(site, get("/x")).await, "fallback  /x");
}
