//! Hooks, pickers, and what of an answer is turned back.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http::{Request, StatusCode};
use proxyfix_gateway::{
    Body, FailureKind, HostHeader, PickFuture, Picker, ProxyOptions, ReverseProxy,
    ReverseProxyLayer, Target,
};
use tower::Layer;

use crate::net::{
    client::Client,
    front, send,
    upstream::{Begin, Upstream},
    wait,
};

const GET: &str = "GET /x HTTP/1.1\r\nHost: app.example\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn front_of(address: SocketAddr, options: ProxyOptions) -> SocketAddr {
    let target = Target::parse(&format!("http://{address}/")).unwrap();
    front::serve(ReverseProxy::with_options(target, options.pseudonym("front")).unwrap()).await
}

#[tokio::test]
async fn request_hooks() {
    let upstream = Upstream::answering(OK).await;
    let options = ProxyOptions::new().on_request(|parts| {
        if parts.uri.path() == "/refused" {
            return Err("not this one".into());
        }
        let headers = &mut parts.headers;
        headers.insert("x-hook", "1".parse()?);
        for (name, value) in
            [("connection", "x-hook"), ("transfer-encoding", "chunked"), ("content-length", "9")]
        {
            headers.insert(name, value.parse()?);
        }
        headers.append("host", "second.example".parse()?);
        Ok(())
    });
    let address = front_of(upstream.address, options).await;
    assert_eq!(Client::once(address, GET).await.text(), "ok");
    let seen = upstream.last().await.unwrap();
    assert_eq!(seen.field("x-hook").as_deref(), Some("1"));
    assert_eq!(seen.field("host"), Some(upstream.address.to_string()));
    for name in ["connection", "transfer-encoding", "content-length"] {
        assert_eq!(seen.field(name), None, "{name}");
    }
    let answer = Client::once(address, GET.replace("/x", "/refused")).await;
    assert_eq!((answer.status, answer.error().as_deref()), (403, Some("http_request_denied")));
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn response_hooks() {
    let upstream = Upstream::answering(OK).await;
    let options = ProxyOptions::new().on_response(|parts| {
        let headers = &mut parts.headers;
        headers.insert("x-hook", "1".parse()?);
        headers.insert("connection", "x-hook".parse()?);
        headers.insert("content-length", "1".parse()?);
        Ok(())
    });
    let address = front_of(upstream.address, options).await;
    let answer = Client::once(address, GET).await;
    assert_eq!((answer.text().as_str(), answer.field("x-hook").as_deref()), ("ok", Some("1")));
    assert_eq!(answer.field("connection"), None);

    let address =
        front_of(upstream.address, ProxyOptions::new().on_response(|_| Err("no".into()))).await;
    let answer = Client::once(address, GET).await;
    assert_eq!((answer.status, answer.error().as_deref()), (502, Some("proxy_internal_response")));
}

#[tokio::test]
async fn error_hooks() {
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&kinds);
    let options = ProxyOptions::new().on_error(move |failure| {
        seen.lock().unwrap().push(failure.kind());
        assert!(
            failure.to_string().starts_with("connection_refused: could not connect: "),
            "{failure}"
        );
        let mut response = http::Response::new(Body::from("closed for today"));
        *response.status_mut() = StatusCode::from_u16(555).unwrap();
        Some(response)
    });
    let (_socket, free) = crate::net::refused();
    let address = front_of(free, options).await;
    let answer = Client::once(address, GET).await;
    assert_eq!((answer.status, answer.text().as_str()), (555, "closed for today"));
    assert_eq!(*kinds.lock().unwrap(), [FailureKind::ConnectionRefused]);
}

#[tokio::test]
async fn informational_hooks() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n";
    let upstream =
        Upstream::start(Begin::AfterBody, move |_, _| vec![send(hints), wait(20), send(OK)]).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let options = ProxyOptions::new().on_informational(move |status, headers| {
        let names: Vec<_> = headers.keys().map(ToString::to_string).collect();
        kept.lock().unwrap().push((status.as_u16(), names));
    });
    let address = front_of(upstream.address, options).await;
    assert_eq!(Client::once(address, GET).await.text(), "ok");
    assert_eq!(*seen.lock().unwrap(), [(103, vec!["link".to_owned()])]);
}

struct ByPath(Target);

impl Picker for ByPath {
    fn pick<'a>(&'a self, request: &'a http::request::Parts) -> PickFuture<'a> {
        let path = request.uri.path().to_owned();
        Box::pin(async move {
            match path.as_str() {
                "/picked" => Ok(Some(self.0.clone())),
                "/broken" => Err("no list of tenants".into()),
                _ => Ok(None),
            }
        })
    }
}

#[tokio::test]
async fn pickers() {
    let upstream = Upstream::answering(OK).await;
    let target = Target::parse(&format!("http://{}/base", upstream.address)).unwrap();
    let layer = ReverseProxyLayer::builder().picker(ByPath(target)).build().unwrap();
    let address = front::serve(layer.layer(front::inner())).await;
    for (path, status, error) in [
        ("/picked", 200, None),
        ("/other", 299, None),
        // The picker is the proxy's own, and upstream was not asked.
        ("/broken", 500, Some("proxy_internal_error")),
        ("/picked/../x", 400, Some("http_request_error")),
    ] {
        let answer = Client::once(address, GET.replace("/x", path)).await;
        assert_eq!((answer.status, answer.error().as_deref()), (status, error), "{path}");
    }
    assert_eq!(upstream.seen()[0].line(), "GET /base/picked HTTP/1.1");
}

/// What names upstream is turned back; everything else stays as it is.
#[tokio::test]
async fn rewriting() {
    let fields = Arc::new(Mutex::new(String::new()));
    let answer = Arc::clone(&fields);
    let upstream = Upstream::start(Begin::AfterBody, move |_, _| {
        let fields = answer.lock().unwrap();
        vec![send(format!("HTTP/1.1 302 Found\r\n{fields}Content-Length: 0\r\n\r\n"))]
    })
    .await;
    let up = upstream.address;
    let target = |base: &str, host| {
        let target = Target::builder(format!("http://{up}{base}")).host(host).remove_prefix(true);
        target.rewrite_location(true).rewrite_cookies(true).build().unwrap()
    };
    let layer = ReverseProxyLayer::builder()
        .target("/p", target("/base/", HostHeader::Target))
        .target("/c", target("/base/", HostHeader::Client))
        .target("/r", target("/", HostHeader::Target))
        .build()
        .unwrap();
    let address = front::serve(layer.layer(front::inner())).await;
    let own = format!("http://{up}");
    for (prefix, name, value, turned) in [
        ("/p", "Location", format!("{own}/base/login?x#y"), "/p/login?x#y"),
        ("/p", "Location", format!("HTTP://{up}/base"), "/p"),
        ("/p", "Location", format!("https://{up}/base"), &format!("https://{up}/base")),
        ("/c", "Location", "https://app.example/base/x".into(), "https://app.example/base/x"),
        ("/p", "Location", "/base/../x".into(), "/base/../x"),
        ("/c", "Set-Cookie", "a=1; Domain=app.example".into(), "a=1"),
        ("/p", "Set-Cookie", "a=1; Path=/base/%2e%2e/x".into(), "a=1; Path=/base/%2e%2e/x"),
        ("/p", "Location", "/base/login".into(), "/p/login"),
        ("/p", "Location", "/base".into(), "/p"),
        ("/p", "Content-Location", "/base/a".into(), "/p/a"),
        ("/p", "Location", "/login".into(), "/login"),
        ("/p", "Location", "/basement".into(), "/basement"),
        ("/p", "Location", "login".into(), "login"),
        ("/p", "Location", "//evil.example/base/".into(), "//evil.example/base/"),
        ("/p", "Location", "/base//evil.example".into(), "/p//evil.example"),
        ("/p", "Location", "https://other.example/base/x".into(), "https://other.example/base/x"),
        ("/p", "Location", format!("http://user@{up}/base/x"), &format!("http://user@{up}/base/x")),
        ("/c", "Location", "http://app.example/base/x".into(), "/c/x"),
        ("/p", "Location", "http://app.example/base/x".into(), "http://app.example/base/x"),
        ("/p", "Refresh", format!("5; url={own}/base/x"), "5; url=/p/x"),
        ("/p", "Refresh", "5; url=\"/base/x\"".into(), "5; url=\"/base/x\""),
        ("/p", "Refresh", "5".into(), "5"),
        ("/p", "Set-Cookie", "a=1; Path=/base; Secure".into(), "a=1; Path=/p; Secure"),
        ("/p", "Set-Cookie", "a=1; path=/base/x".into(), "a=1; Path=/p/x"),
        ("/p", "Set-Cookie", "a=1; Path=/".into(), "a=1; Path=/"),
        ("/p", "Set-Cookie", "a=1; Domain=127.0.0.1; HttpOnly".into(), "a=1; HttpOnly"),
        ("/p", "Set-Cookie", "a=1; Domain=other.example".into(), "a=1; Domain=other.example"),
        ("/p", "Set-Cookie", "__Host-a=1; Path=/base".into(), "__Host-a=1; Path=/base"),
        ("/p", "X-Other", "/base/x".into(), "/base/x"),
        // References that are relative to what was asked for.
        ("/r", "Location", "?page=2".into(), "?page=2"),
        ("/r", "Location", "#top".into(), "#top"),
        ("/r", "Location", String::new(), ""),
        ("/r", "Content-Location", "?v=1".into(), "?v=1"),
        ("/r", "Refresh", "5; url=?x=1".into(), "5; url=?x=1"),
        ("/r", "Refresh", "5; url=".into(), "5; url="),
        // An absolute one without a path is that of the root.
        ("/r", "Location", own.clone(), "/r/"),
        ("/r", "Location", format!("{own}?page=2"), "/r/?page=2"),
        ("/r", "Location", "/x".into(), "/r/x"),
    ] {
        *fields.lock().unwrap() = format!("{name}: {value}\r\n");
        let answer = Client::once(address, GET.replace("/x", &format!("{prefix}/x"))).await;
        assert_eq!(answer.field(name).as_deref(), Some(turned), "{prefix} {name}: {value}");
    }
}

/// The request that the inner service gets is untouched.
#[tokio::test]
async fn requests_under_no_prefix() {
    let capture: Arc<Mutex<Vec<Request<()>>>> = Arc::default();
    let kept = Arc::clone(&capture);
    let inner = tower::service_fn(move |request: Request<hyper::body::Incoming>| {
        kept.lock().unwrap().push(request.map(|_| ()));
        async { Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty())) }
    });
    let layer = ReverseProxyLayer::new([("/api", "http://127.0.0.1:9/")]).unwrap();
    let address = front::serve(layer.layer(inner)).await;
    let request =
        "GET /other HTTP/1.1\r\nHost: a\r\nConnection: cookie\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
    assert_eq!(Client::once(address, request).await.status, 200);
    let seen = capture.lock().unwrap().pop().unwrap();
    assert_eq!(seen.headers().len(), 3);
    assert_eq!(seen.headers()["x-forwarded-for"], "6.6.6.6");
}
