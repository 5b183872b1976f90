//! `WebSocket`s and other streams that stay open: they count, and they end by the limits.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proxyfix_gateway::ForwardLimits;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    front::{Front, options, quick},
    tunnels::no_tunnels,
    wire::{Answer, PATIENCE, Wire},
};

/// A handshake for a target.
fn handshake(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

async fn ask(front: &Front, target: &str) -> (Answer, Wire) {
    let mut wire = Wire::connect(front.address).await;
    (wire.ask(handshake(target)).await, wire)
}

/// Outside of tunnels, they count as tunnels: with and without a URL.
#[tokio::test]
async fn places() {
    let front = Front::with(options().limits(ForwardLimits::default().tunnels(2))).await;
    let mut open = Vec::new();
    for target in ["http://example.com/websocket", "/websocket"] {
        let (answer, wire) = ask(&front, target).await;
        assert_eq!(answer.status, 101, "{target}");
        open.push(wire);
    }
    for target in ["http://example.com/websocket", "/websocket"] {
        let (answer, _) = ask(&front, target).await;
        assert_eq!(answer.status, 503, "{target}");
        assert!(answer.field("proxy-status").unwrap().ends_with("connection_limit_reached"));
    }
    let mut wire = Wire::connect(front.address).await;
    assert_eq!(wire.ask_for_tunnel("example.com:443", "").await.status, 503);
    drop(open);
    no_tunnels(&front).await;
    assert_eq!(ask(&front, "http://example.com/websocket").await.0.status, 101);
}

/// They end if nothing goes through them, and at a shutdown.
#[tokio::test]
async fn ends() {
    let front = Front::with(options().limits(quick())).await;
    let (answer, mut wire) = ask(&front, "http://example.com/websocket").await;
    assert_eq!(answer.status, 101);
    wire.rest().await;
    no_tunnels(&front).await;

    let limits = ForwardLimits::default().drain(Duration::from_millis(300));
    let mut front = Front::with(options().limits(limits)).await;
    let (answer, mut wire) = ask(&front, "http://example.com/websocket").await;
    assert_eq!(answer.status, 101);
    sleep(Duration::from_millis(50)).await;
    front.stop();
    wire.rest().await;
    let tunnels = front.layer.tunnels();
    front.ended().await;
    assert_eq!(tunnels.open(), 0);
}

/// A connection over HTTP/2 to the proxy itself is in use as long as its tunnels are.
#[tokio::test]
async fn tunnels_in_streams() {
    let short = Duration::from_millis(500);
    let front = Front::with(options().limits(quick().idle(short).head(20 * short))).await;
    let stream = TcpStream::connect(front.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(stream),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    let mut tunnel = async || {
        let connect = Request::connect("example.com:80").body(Empty::new()).unwrap();
        let response = sender.send_request(connect).await.unwrap();
        assert_eq!(response.status(), 200);
        Wire::on(TokioIo::new(hyper::upgrade::on(response).await.unwrap()))
    };
    let mut first = tunnel().await;
    let get = "GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n";
    for _ in 0..8 {
        sleep(short / 3).await;
        assert_eq!(first.ask(get).await.status, 200);
    }
    // It was not told to end.
    assert_eq!(tunnel().await.ask(get).await.status, 200);
    drop(first);
    no_tunnels(&front).await;
}

/// A CONNECT over HTTP/2 with a body ends its own connection at most.
#[tokio::test]
async fn a_connect_with_a_body() {
    let front = Front::start().await;
    let mut other = Wire::tunnel(front.address, "example.com:80").await;
    let stream = TcpStream::connect(front.address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let connect =
        Request::connect("example.com:80").header("content-length", "5").body(()).unwrap();
    let (response, mut body) = sender.send_request(connect, false).unwrap();
    let _ = body.send_data(Bytes::from_static(b"hello"), true);
    let status = timeout(PATIENCE, response).await.unwrap().map(|response| response.status());
    assert!(status.is_err() || status.is_ok_and(|status| status == 400));
    let get = "GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n";
    assert_eq!(other.ask(get).await.status, 200);
    assert_eq!(front.layer.tunnels().open(), 1);
}

/// A client over HTTP/2 that takes nothing, in a tunnel: the tunnel ends, though it answers pings.
#[tokio::test]
async fn a_closed_window() {
    let front = Front::with(options().limits(quick())).await;
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let wire = wire.tls(front.tls(&["h2"]), "example.com").await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let (sender, connection) = builder.handshake::<_, Bytes>(wire.stream).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let request = Request::get("https://example.com/a").body(()).unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    let body = response.await.unwrap().into_body();
    no_tunnels(&front).await;
    drop(body);
}
