//! The layer in servers, over real loopback sockets.
//!
//! 1. hyper, with HTTP/1.1 and HTTP/2, on TCP and Unix sockets: requests arrive rewritten, a rejection
//!    leaves the connection usable, and each of many requests gets its own client.
//! 2. axum: `ConnectInfo` becomes the client's, with the feature `axum`, or with functions without it.
//! 3. `https` in the request's target makes nothing secure, in HTTP/1.1 and HTTP/2.
//! 4. A `Host` that differs from the target's authority is rejected in HTTP/2 and overridden in HTTP/1.1.

#![cfg(feature = "tower")]

mod util;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::SocketAddr,
};

use axum::{Router, extract::ConnectInfo, routing};
use http::{Request, Response, StatusCode, header::HOST};
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use proxyfix::{Peer, ProxyFixLayer, Resolved};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower::{ServiceBuilder, service_fn};
use util::config;

fn layer() -> ProxyFixLayer {
    ProxyFixLayer::new(config("proxies=loopback,unix for=1 host=1"))
}

/// The content of a fixed request: the client, the URI before and after, and `Host`.
fn show<B>(request: &Request<B>) -> String {
    let resolved: &Resolved = request.extensions().get().expect("a fixed request");
    let was = resolved.original().uri();
    let host = request.headers()[HOST].to_str().unwrap();
    format!("{} at {was} is at {}, host {host}", resolved.client(), request.uri())
}

/// Serves one connection with hyper, in the HTTP version that the client begins with.
async fn serve<I>(io: I, layer: ProxyFixLayer)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = |request: Request<Incoming>| -> Ready<Result<_, Infallible>> {
        ready(Ok(Response::new(show(&request))))
    };
    let service = ServiceBuilder::new().layer(layer).service(service_fn(answer));
    let server = auto::Builder::new(TokioExecutor::new());
    // It fails if the client goes away, which does not matter.
    _ = server.serve_connection(TokioIo::new(io), TowerToHyperService::new(service)).await;
}

/// A listener on a free port.
async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A server with hyper.
async fn hyper_server() -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, layer().peer_from(move |_| Some(Peer::from(peer)))));
        }
    });
    address
}

/// One connection to a server.
#[derive(Debug)]
enum Client {
    Http1(http1::SendRequest<String>),
    Http2(http2::SendRequest<String>),
}

impl Client {
    async fn http1<I>(io: I) -> Self
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await.unwrap();
        tokio::spawn(connection);
        Self::Http1(sender)
    }

    async fn http2<I>(io: I) -> Self
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let executor = TokioExecutor::new();
        let (sender, connection) = http2::handshake(executor, TokioIo::new(io)).await.unwrap();
        tokio::spawn(connection);
        Self::Http2(sender)
    }

    /// The status and the body of the server's response.
    async fn get(&mut self, target: &str, lines: &[impl AsRef<[u8]>]) -> (StatusCode, String) {
        let request = util::request("127.0.0.1", target, lines).map(|()| String::new());
        let response = match self {
            Self::Http1(sender) => sender.send_request(request).await.unwrap(),
            Self::Http2(sender) => sender.send_request(request).await.unwrap(),
        };
        let status = response.status();
        if status != StatusCode::OK {
            assert_eq!(response.headers()["cache-control"], "no-store");
        }
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

async fn http1(server: SocketAddr) -> Client {
    Client::http1(TcpStream::connect(server).await.unwrap()).await
}

async fn http2(server: SocketAddr) -> Client {
    Client::http2(TcpStream::connect(server).await.unwrap()).await
}

fn ok(body: &str) -> (StatusCode, String) {
    (StatusCode::OK, body.to_owned())
}

fn bad_request() -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, String::new())
}

/// Sends a request that the server rejects, and then one that it shows.
async fn ask(client: &mut Client, target: &str) {
    let own = ["Host: internal.example", "X-Forwarded-For: 203.0.113.256"];
    assert_eq!(client.get(target, &own).await, bad_request());
    let lines = [
        "Host: internal.example",
        "X-Forwarded-For: 6.6.6.6, 203.0.113.9",
        "X-Forwarded-Host: app.example",
    ];
    let (status, text) = client.get(target, &lines).await;
    let expected = "is at http://app.example/item?q=1, host app.example";
    assert_eq!(text, format!("203.0.113.9 at {target} {expected}"));
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn hyper_over_tcp() {
    let server = hyper_server().await;
    ask(&mut http1(server).await, "/item?q=1").await;
    ask(&mut http1(server).await, "http://internal.example/item?q=1").await;
    ask(&mut http2(server).await, "http://internal.example/item?q=1").await;
}

#[cfg(unix)]
#[tokio::test]
async fn hyper_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, layer().peer_from(|_| Some(Peer::UNIX))));
        }
    });
    let connect = || tokio::net::UnixStream::connect(&path);
    ask(&mut Client::http1(connect().await.unwrap()).await, "/item?q=1").await;
    let mut client = Client::http2(connect().await.unwrap()).await;
    ask(&mut client, "http://internal.example/item?q=1").await;

    // Without a trusted header, the client is unknown: a Unix socket is never the client.
    let (_, text) = client.get("http://internal.example/", &["X-Real-IP: 203.0.113.9"]).await;
    assert!(text.starts_with("unknown at http://internal.example/"), "{text}");
}

#[tokio::test]
async fn https_in_the_target_makes_nothing_secure() {
    let server = hyper_server().await;
    let lines = ["Host: app.example", "X-Forwarded-For: 203.0.113.9"];
    let expected =
        ok("203.0.113.9 at https://app.example/ is at http://app.example/, host app.example");
    for mut client in [http1(server).await, http2(server).await] {
        assert_eq!(client.get("https://app.example/", &lines).await, expected, "{client:?}");
    }
}

/// RFC 9112 §3.2.2.
#[tokio::test]
async fn in_http1_the_target_comes_before_host() {
    let mut client = http1(hyper_server().await).await;
    let lines = ["Host: other.example", "X-Forwarded-For: 203.0.113.9"];
    let (status, text) = client.get("http://app.example/", &lines).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.ends_with("is at http://app.example/, host app.example"), "{text}");
}

#[tokio::test]
async fn in_http2_host_is_the_authority() {
    let mut client = http2(hyper_server().await).await;
    let rows = [
        (&["Host: app.example"][..], true),
        (&["Host: APP.example.:80"], true),
        (&[], true),
        (&["Host: other.example"], false),
        (&["Host: app.example:8080"], false),
        (&["Host: app.example", "Host: app.example"], false),
        (&["Host: other.example", "X-Forwarded-Host: app.example"], false),
    ];
    for (lines, passes) in rows {
        let lines: Vec<_> = lines.iter().chain(&["X-Forwarded-For: 203.0.113.9"]).collect();
        let (status, _) = client.get("http://app.example/", &lines).await;
        let expected = if passes { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(status, expected, "{lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_many_requests_gets_its_own_client() {
    async fn ask(client: &mut Client, number: u8) {
        let lines = [
            "Host: app.example".to_owned(),
            format!("X-Forwarded-For: 198.51.100.{number}, 203.0.113.{number}"),
        ];
        let (_, text) = client.get("http://app.example/", &lines).await;
        assert!(text.starts_with(&format!("203.0.113.{number} at ")), "{text}");
    }

    let server = hyper_server().await;
    let mut tasks = JoinSet::new();
    for connection in 0..5 {
        let (first, second) = (connection * 40, connection * 40 + 20);
        tasks.spawn(async move {
            let mut client = http1(server).await;
            for number in first..second {
                ask(&mut client, number).await;
            }
        });
        let Client::Http2(sender) = http2(server).await else { unreachable!() };
        for number in second..second + 20 {
            let mut client = Client::Http2(sender.clone());
            tasks.spawn(async move { ask(&mut client, number).await });
        }
    }
    assert_eq!(tasks.len(), 5 * 21);
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// An application on axum that shows where its requests come from.
async fn axum_server(layer: ProxyFixLayer) -> SocketAddr {
    let (listener, address) = listen().await;
    let answer = |request: axum::extract::Request| async move {
        let connected = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let address = connected.map(|ConnectInfo(address)| address);
        format!("{address:?} {}", request.uri())
    };
    let app = Router::new().route("/item", routing::get(answer)).layer(layer);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn ask_axum(layer: ProxyFixLayer) {
    let server = axum_server(layer).await;
    for mut client in [http1(server).await, http2(server).await] {
        for (node, expected) in [
            ("203.0.113.9", "Some(203.0.113.9:0)"),
            ("203.0.113.9:5000", "Some(203.0.113.9:5000)"),
            ("unknown", "None"),
        ] {
            let host = "X-Forwarded-Host: app.example".to_owned();
            let lines = [host, format!("X-Forwarded-For: {node}")];
            let answer = client.get("http://internal.example/item", &lines).await;
            assert_eq!(answer, ok(&format!("{expected} http://app.example/item")));
        }
        let bad = ["X-Forwarded-For: 203.0.113.256"];
        assert_eq!(client.get("http://internal.example/item", &bad).await, bad_request());
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_with_its_feature() {
    ask_axum(layer()).await;
}

#[tokio::test]
async fn axum_with_functions() {
    let layer = layer()
        .peer_from(|extensions| {
            extensions.get().map(|ConnectInfo::<SocketAddr>(address)| Peer::from(*address))
        })
        .on_resolved(|resolved, extensions| {
            extensions.remove::<ConnectInfo<SocketAddr>>();
            if let Some(ip) = resolved.client_ip() {
                let port = resolved.client_port().unwrap_or_default();
                extensions.insert(ConnectInfo(SocketAddr::new(ip, port)));
            }
        });
    ask_axum(layer).await;
}
