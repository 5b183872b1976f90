//! HTTP/2: inside of tunnels, as the tunnel, and directly; and `WebSocket`s.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::{body::Incoming, client::conn::http2::SendRequest, ext::Protocol};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::Role},
};

use super::{
    front::{Front, options},
    wire::{Stream, Wire},
};

type Sender = SendRequest<Full<Bytes>>;

async fn http2<T: Stream + 'static>(stream: T) -> Sender {
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    sender
}

async fn tunnelled(front: &Front, authority: &str) -> Sender {
    let host = authority.rsplit_once(':').unwrap().0;
    let wire = Wire::tunnel(front.address, authority).await;
    let wire = wire.tls(front.tls(&["h2", "http/1.1"]), host).await.unwrap();
    assert_eq!(wire.stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    http2(wire.stream).await
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn get(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

#[tokio::test]
async fn by_alpn() {
    let front = Front::start().await;
    let mut sender = tunnelled(&front, "example.com:443").await;
    let mut request = get("https://example.com/a?b");
    request.headers_mut().append("cookie", "a=1".parse().unwrap());
    request.headers_mut().append("cookie", "b=2".parse().unwrap());
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(text(response).await, "Requested Url: /prefix/https://example.com/a?b");
    let seen = front.log.last();
    assert_eq!((seen.version, seen.field("host")), (Version::HTTP_2, Some("example.com")));
    assert_eq!(seen.field("cookie"), Some("a=1; b=2"));
    assert_eq!(seen.uri.to_string(), "/prefix/https://example.com/a?b");
    // The host of the tunnel, and never the proxy's own.
    let proxied = seen.proxied.unwrap();
    assert_eq!((&*proxied.host(), proxied.port()), ("example.com", 443));
    assert_eq!(proxied.tunnel(), Some(("example.com".to_owned(), 443)));
    assert_eq!((proxied.proxy_host(), proxied.matched_proxy_host()), ("wsgiprox", None));
    // HTTP/1.1 if the client has nothing else.
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let wire = wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap();
    assert_eq!(wire.stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

/// No request leaves the host of its tunnel.
#[tokio::test]
async fn another_authority() {
    let front = Front::start().await;
    let mut sender = tunnelled(&front, "example.com:443").await;
    for (uri, status) in [
        ("https://other.test/", 421),
        ("https://example.com:444/", 421),
        ("http://example.com/", 421),
        ("https://wsgiprox/", 421),
        ("https://EXAMPLE.com.:443/", 200),
    ] {
        let response = sender.send_request(get(uri)).await.unwrap();
        assert_eq!(response.status(), status, "{uri}");
    }
    let mut request = get("https://example.com/");
    request.headers_mut().insert("host", "other.test".parse().unwrap());
    let response = sender.send_request(request).await.unwrap();
    assert!(matches!(response.status().as_u16(), 400 | 421), "{}", response.status());
    assert_eq!(front.log.all().len(), 1);
    // Another tunnel within this one.
    let mut nested = Request::new(Full::default());
    *nested.method_mut() = Method::CONNECT;
    *nested.uri_mut() = Uri::from_static("other.test:443");
    assert_eq!(sender.send_request(nested).await.unwrap().status(), 400);
}

#[tokio::test]
async fn without_tls() {
    let front = Front::start().await;
    let wire = Wire::tunnel(front.address, "example.com:80").await;
    let mut sender = http2(wire.stream).await;
    let response = sender.send_request(get("http://example.com/a")).await.unwrap();
    assert_eq!(text(response).await, "Requested Url: /prefix/http://example.com/a");
}

/// A request over HTTP/2 always has an authority, so it is direct.
#[tokio::test]
async fn direct() {
    let front = Front::start().await;
    let mut sender = http2(TcpStream::connect(front.address).await.unwrap()).await;
    for uri in ["http://wsgiprox/download/pem", "http://example.com/a"] {
        let response = sender.send_request(get(uri)).await.unwrap();
        let path = uri.parse::<Uri>().unwrap().path().to_owned();
        assert_eq!(text(response).await, format!("Requested Url: {path}"));
        assert!(front.log.last().proxied.is_none());
    }
}

/// CONNECT as a stream of HTTP/2, with TLS in it.
#[tokio::test]
async fn a_tunnel_in_a_stream() {
    for front in [Front::start().await, Front::under_axum(options()).await] {
        let stream = TcpStream::connect(front.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(
            TokioExecutor::new(),
            TokioIo::new(stream),
        )
        .await
        .unwrap();
        tokio::spawn(connection);
        let mut connect = Request::new(Empty::new());
        *connect.method_mut() = Method::CONNECT;
        *connect.uri_mut() = Uri::from_static("example.com:443");
        let response = sender.send_request(connect).await.unwrap();
        assert_eq!(response.status(), 200);
        let upgraded = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        let name = "example.com".try_into().unwrap();
        let tls = TlsConnector::from(front.tls(&["h2"])).connect(name, upgraded).await.unwrap();
        let mut sender = http2(tls).await;
        let response = sender.send_request(get("https://example.com/a")).await.unwrap();
        assert_eq!(text(response).await, "Requested Url: /prefix/https://example.com/a");
    }
}

/// Sends a message and reads the echo.
async fn echo<T: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<T>) -> String {
    socket.send(Message::text("hello")).await.unwrap();
    socket.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

#[tokio::test]
async fn websockets() {
    let front = Front::start().await;
    for (connect, url, seen) in [
        (
            "example.com:456",
            "ws://example.com:456/websocket?a=b",
            "/prefix/http://example.com:456/websocket?a=b",
        ),
        ("wsgiprox:80", "ws://wsgiprox/websocket?a=b", "/websocket?a=b"),
    ] {
        let wire = Wire::tunnel(front.address, connect).await;
        let (mut socket, response) = client_async(url, wire.stream).await.unwrap();
        assert!(response.headers().get("transfer-encoding").is_none());
        assert_eq!(echo(&mut socket).await, format!("WS Request Url: {seen} Echo: hello"));
    }
    for (host, seen) in [
        ("example.com", "/prefix/https://example.com/websocket?a=b"),
        ("wsgiprox", "/websocket?a=b"),
    ] {
        let wire = Wire::tunnel(front.address, &format!("{host}:443")).await;
        let wire = wire.tls(front.tls(&["http/1.1"]), host).await.unwrap();
        let url = format!("wss://{host}/websocket?a=b");
        let (mut socket, _) = client_async(url, wire.stream).await.unwrap();
        assert_eq!(echo(&mut socket).await, format!("WS Request Url: {seen} Echo: hello"));
    }
    // The application takes one message, and says nothing.
    let wire = Wire::tunnel(front.address, "wsgiprox:80").await;
    let (mut socket, _) =
        client_async("ws://wsgiprox/websocket?ignore_ws=true", wire.stream).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert!(!matches!(socket.next().await, Some(Ok(Message::Text(_)))));
}

/// In absolute form, without a tunnel. The token has any case.
#[tokio::test]
async fn a_websocket_without_a_tunnel() {
    for front in [Front::start().await, Front::under_axum(options()).await] {
        let mut wire = Wire::connect(front.address).await;
        let answer = wire
            .ask(
                "GET http://example.com/websocket HTTP/1.1\r\nHost: example.com\r\nConnection: keep-alive, UPGRADE\r\n\
                 Upgrade: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            )
            .await;
        assert_eq!(
            (answer.status, answer.field("transfer-encoding")),
            (101, None),
            "{}",
            answer.head
        );
        let mut socket = WebSocketStream::from_raw_socket(wire.stream, Role::Client, None).await;
        let expected = "WS Request Url: /prefix/http://example.com/websocket Echo: hello";
        assert_eq!(echo(&mut socket).await, expected);
    }
}

/// RFC 8441.
#[tokio::test]
async fn a_websocket_over_http2() {
    let front = Front::start().await;
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let wire = wire.tls(front.tls(&["h2"]), "example.com").await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(wire.stream),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    // The settings of the server must be there first.
    let request = Request::get("https://example.com/").body(Empty::new()).unwrap();
    sender.send_request(request).await.unwrap();
    let handshake = |protocol: &'static str| {
        Request::connect("https://example.com/websocket?a=b")
            .extension(Protocol::from_static(protocol))
            .header("sec-websocket-version", "13")
            .body(Empty::new())
            .unwrap()
    };
    let response = sender.send_request(handshake("websocket")).await.unwrap();
    assert_eq!(response.status(), 200);
    let upgraded = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
    let expected = "WS Request Url: /prefix/https://example.com/websocket?a=b Echo: hello";
    assert_eq!(echo(&mut socket).await, expected);
    assert_eq!(front.log.last().proxied.unwrap().url(), "https://example.com/websocket?a=b");
    // Another protocol is not for the application.
    let response = sender.send_request(handshake("connect-udp")).await.unwrap();
    assert_eq!(response.status(), 501);
}

/// With them turned off, nobody is told of extended CONNECT.
#[tokio::test]
async fn websockets_that_are_off() {
    let front = Front::with(options().enable_websockets(false)).await;
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let wire = wire.tls(front.tls(&["h2"]), "example.com").await.unwrap();
    let (sender, connection) = h2::client::handshake(wire.stream).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let request = Request::get("https://example.com/").body(()).unwrap();
    sender.send_request(request, true).unwrap().0.await.unwrap();
    assert!(!sender.is_extended_connect_protocol_enabled());
}

/// A body that the application does not read does not reset the answer.
#[tokio::test]
async fn an_unread_body() {
    let front = Front::start().await;
    let mut sender = tunnelled(&front, "example.com:443").await;
    for _ in 0..50 {
        let request = Request::post("https://example.com/a?noread=true");
        let request = request.body(Full::from(vec![b'x'; 20_000])).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert!(text(response).await.starts_with("Requested"));
    }
}
