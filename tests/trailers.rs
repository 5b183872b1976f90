//! Trailers of requests, over real loopback sockets, with hyper and axum.
//!
//! 1. Without the layer, a server passes forwarding headers and `Host` in trailers to the application,
//!    with HTTP/1.1 and HTTP/2. That is why the layer exists.
//! 2. With the layer, they are removed. Other trailers and the body stay.
//! 3. Known and configured headers and `Host` are removed, in every spelling with `_`. Exempt headers stay.

#![cfg(feature = "trailers")]

mod util;

use std::{
    convert::Infallible,
    future::ready,
    net::SocketAddr,
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use proxyfix::{CleanTrailers, Peer, ProxyFixLayer, TrailersLayer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::{Layer, Service, ServiceExt, service_fn};
use util::{PROXY, config, request};

const CONFIG: &str = "proxies=loopback for=1 strip-also=X-Country exempt=X-Client-IP";

/// What a client sends after the body.
const TRAILERS: [(&str, &str); 9] = [
    ("x-forwarded-for", "6.6.6.6"),
    ("x_forwarded_for", "6.6.6.6"),
    ("forwarded", "for=6.6.6.6"),
    ("x-real-ip", "6.6.6.6"),
    ("host", "evil.example"),
    ("x-country", "xx"),
    ("x-client-ip", "6.6.6.6"),
    ("x-checksum", "1"),
    ("x-checksum", "2"),
];

/// Answers with the body and the trailers that the application gets, in the order of the names.
async fn show<B>(request: Request<B>) -> Result<Response<String>, Infallible>
where
    B: Body,
    B::Error: std::fmt::Debug,
{
    let collected = request.into_body().collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let body = collected.to_bytes();
    Ok(Response::new(format!("{} {}", body.escape_ascii(), names(&trailers))))
}

fn names(trailers: &HeaderMap) -> String {
    let mut names: Vec<_> = trailers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.join(" ")
}

fn trailers() -> HeaderMap {
    let line = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    TRAILERS.into_iter().map(line).collect()
}

/// What the application gets without the layer and with it.
const ALL: &str = "forwarded host x-checksum x-checksum x-client-ip x-country x-forwarded-for x-real-ip \
                   x_forwarded_for";
const CLEAN: &str = "x-checksum x-checksum x-client-ip";

/// Serves with hyper, in the HTTP version that the client begins with, with the layer or without it.
async fn server(clean: bool) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let fix = ProxyFixLayer::new(config(CONFIG)).peer_from(move |_| Some(Peer::from(peer)));
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let io = TokioIo::new(stream);
                // It fails if the client goes away, which does not matter.
                if clean {
                    let service = fix.layer(TrailersLayer::new().layer(service_fn(show)));
                    _ = server.serve_connection(io, TowerToHyperService::new(service)).await;
                } else {
                    let service = fix.layer(service_fn(show));
                    _ = server.serve_connection(io, TowerToHyperService::new(service)).await;
                }
            });
        }
    });
    address
}

async fn ask_http1(server: SocketAddr) -> String {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let lines = TRAILERS.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: app.example\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n{lines}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").expect("a response").1.to_owned()
}

/// A body with trailers.
fn body() -> impl Body<Data = &'static [u8], Error = Infallible> + Send + Unpin + 'static {
    Full::new(b"body".as_slice()).with_trailers(ready(Some(Ok(trailers()))))
}

async fn ask_http2(server: SocketAddr) -> String {
    let stream = TcpStream::connect(server).await.unwrap();
    let executor = TokioExecutor::new();
    let (mut sender, connection) = http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://app.example/").header("X-Forwarded-For", "203.0.113.9");
    let response = sender.send_request(request.body(body()).unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn without_the_layer() {
    let server = server(false).await;
    assert_eq!(ask_http1(server).await, format!("body {ALL}"));
    assert_eq!(ask_http2(server).await, format!("body {ALL}"));
}

#[tokio::test]
async fn with_the_layer() {
    let server = server(true).await;
    assert_eq!(ask_http1(server).await, format!("body {CLEAN}"));
    assert_eq!(ask_http2(server).await, format!("body {CLEAN}"));
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn in_axum() {
    use axum::{Router, body::Body, routing::post};
    use tower::ServiceBuilder;

    let answer =
        |request: axum::extract::Request| async { show(request).await.unwrap().into_body() };
    let app = Router::new().route("/", post(answer)).layer(
        ServiceBuilder::new()
            .layer(ProxyFixLayer::new(config(CONFIG)))
            .layer(TrailersLayer::new())
            .map_request(|request: Request<CleanTrailers<Body>>| request.map(Body::new)),
    );
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let server = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    assert_eq!(ask_http1(server).await, format!("body {CLEAN}"));
    assert_eq!(ask_http2(server).await, format!("body {CLEAN}"));
}

/// The trailers that the application gets with a configuration.
async fn left(configuration: Option<&str>) -> String {
    let service = TrailersLayer::new().layer(service_fn(show));
    let from_proxy = request(PROXY, "/", &["X-Forwarded-For: 203.0.113.9"]).map(|()| body());
    let response = match configuration {
        Some(text) => {
            ProxyFixLayer::new(config(text))
                .with_rejection_response(|error: &proxyfix::Error| panic!("{error}"))
                .layer(service)
                .oneshot(from_proxy)
                .await
        }
        None => service.oneshot(from_proxy).await,
    };
    response.unwrap().into_body()
}

#[tokio::test]
async fn by_the_configuration() {
    let x = "proxies=10.0.0.0/8 for=1";
    let rows = [
        (None, "x-checksum x-checksum x-country"),
        (Some(x.to_owned()), "x-checksum x-checksum x-country"),
        (Some(format!("{x} headers=keep")), "x-checksum x-checksum x-country"),
        (Some(format!("{x} proto=1 proto-name=X-Checksum missing=peer invalid=peer")), "x-country"),
        (Some(format!("{x} exempt=X-Real-IP")), "x-checksum x-checksum x-country x-real-ip"),
        (Some(format!("{x} exempt=X-Real-IP ; none")), "x-checksum x-checksum x-country x-real-ip"),
    ];
    for (configuration, expected) in rows {
        let left = left(configuration.as_deref()).await;
        assert_eq!(left, format!("body {expected}"), "{configuration:?}");
    }
}

#[tokio::test]
async fn the_body_is_as_it_was() {
    let service = service_fn(|request: Request<CleanTrailers<Full<&'static [u8]>>>| async {
        let body = request.into_body();
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(4), false));
        Ok::<_, Infallible>(Response::new(body.into_inner()))
    });
    let mut service = TrailersLayer::new().layer(service);
    let response = service.ready().await.unwrap().call(Request::new(Full::new(&b"body"[..])));
    let body = response.await.unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "body");

    let empty = TrailersLayer::new().layer(service_fn(
        |request: Request<CleanTrailers<Full<&'static [u8]>>>| {
            assert!(request.body().is_end_stream());
            ready(Ok::<_, Infallible>(Response::new(())))
        },
    ));
    empty.oneshot(Request::new(Full::default())).await.unwrap();
}

/// A service that gives this answer when asked whether it is ready.
struct Asked(Poll<Result<(), &'static str>>);

impl Service<Request<CleanTrailers<()>>> for Asked {
    type Response = ();
    type Error = &'static str;
    type Future = std::future::Ready<Result<(), &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.0
    }

    fn call(&mut self, _: Request<CleanTrailers<()>>) -> Self::Future {
        ready(Err("broken"))
    }
}

#[tokio::test]
async fn the_service_s_own() {
    let mut context = Context::from_waker(Waker::noop());
    for answer in [Poll::Pending, Poll::Ready(Ok(())), Poll::Ready(Err("out of order"))] {
        let mut service = TrailersLayer::new().layer(Asked(answer));
        assert_eq!(service.poll_ready(&mut context), answer);
        assert_eq!(service.call(Request::new(())).await.unwrap_err(), "broken");
    }
}
