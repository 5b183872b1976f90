//! HTTP/2 from the client, HTTP/1.1 and HTTP/2 to upstream.

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::{client::conn::http2, ext::Protocol};
use hyper_util::rt::{TokioExecutor, TokioIo};
use proxyfix_gateway::{HostHeader, ProxyOptions, ReverseProxy, Target};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::service_fn;

use crate::net::{
    Step, front, send,
    upstream::{Begin, Seen, Upstream},
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTrailer: x-t\r\n\r\nok";

async fn connect(address: std::net::SocketAddr) -> http2::SendRequest<Empty<Bytes>> {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn front_of(address: std::net::SocketAddr) -> std::net::SocketAddr {
    front::serve(ReverseProxy::new(&format!("http://{address}/")).unwrap()).await
}

#[tokio::test]
async fn to_http1() {
    let upstream = Upstream::answering(OK).await;
    let mut client = connect(front_of(upstream.address).await).await;
    let request = Request::get("http://app.example/x?y")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Empty::new())
        .unwrap();
    let response = client.send_request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
    let seen = upstream.last().await.unwrap();
    assert_eq!(seen.line(), "GET /x?y HTTP/1.1");
    assert_eq!(seen.field("cookie").as_deref(), Some("a=1; b=2"));
    assert_eq!(seen.field("x-forwarded-host").as_deref(), Some("app.example"));
    assert_eq!(seen.field("via").map(|via| via.starts_with("2.0 ")), Some(true));
}

#[tokio::test]
async fn two_authorities() {
    let upstream = Upstream::answering(OK).await;
    let mut client = connect(front_of(upstream.address).await).await;
    let request =
        Request::get("http://x.example/").header("host", "y.example").body(Empty::new()).unwrap();
    assert_eq!(client.send_request(request).await.unwrap().status(), 400);
    assert!(upstream.seen().is_empty());
}

/// The client's host goes into `:authority`, and no `Host` line beside it.
#[tokio::test]
async fn the_clients_host_to_http2() {
    let upstream = front::serve(service_fn(|request: Request<hyper::body::Incoming>| async move {
        let host = request.headers().contains_key("host");
        // Only `TE` itself crosses to HTTP/2 (RFC 9113 §8.2.2).
        let te = request.headers().get("te").map_or("none", |te| te.to_str().unwrap());
        assert!(!request.headers().contains_key("connection"));
        let text = format!("{} {:?} {host} {te}", request.uri(), request.version());
        Ok(http::Response::new(proxyfix_gateway::Body::from(text)))
    }))
    .await;
    let target = Target::builder(format!("http://{upstream}/base"))
        .host(HostHeader::Client)
        .protocol(proxyfix_gateway::Protocol::Http2);
    let proxy = ReverseProxy::with_options(target.build().unwrap(), ProxyOptions::new()).unwrap();
    let address = front::serve(proxy).await;
    let answer = crate::net::client::Client::once(
        address,
        "GET /x?y HTTP/1.1\r\nHost: pub.example:81\r\nTE: trailers\r\n\r\n",
    )
    .await;
    assert_eq!(answer.text(), "http://pub.example:81/base/x?y HTTP/2.0 false trailers");
    let answer = crate::net::client::Client::once(
        address,
        "OPTIONS /x HTTP/1.1\r\nHost: pub.example\r\n\r\n",
    )
    .await;
    assert_eq!(answer.text(), "http://pub.example/base/x HTTP/2.0 false none");
}

/// RFC 8441: a WebSocket over a stream of HTTP/2 becomes one of HTTP/1.1.
#[tokio::test]
async fn extended_connect() {
    let accept = |seen: &Seen| {
        use base64::Engine;
        use sha1::Digest;
        let key = seen.field("sec-websocket-key").unwrap();
        let digest = sha1::Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
        base64::engine::general_purpose::STANDARD.encode(digest)
    };
    let upstream = Upstream::start(Begin::AfterHead, move |_, seen| {
        if seen.line().contains("/plain") {
            return vec![send(OK)];
        }
        let switched = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\nhello",
            accept(seen)
        );
        vec![send(switched), Step::Hold]
    })
    .await;
    let mut client = connect(front_of(upstream.address).await).await;
    // The server says that it has the protocol in its settings, which come before its first answer.
    let plain = Request::get("http://app.example/plain").body(Empty::new()).unwrap();
    assert_eq!(client.send_request(plain).await.unwrap().status(), 200);
    let request = |path: &str, protocol: &'static str| {
        Request::connect(format!("http://app.example{path}"))
            .version(Version::HTTP_2)
            .extension(Protocol::from_static(protocol))
            .header("sec-websocket-version", "13")
            .body(Empty::new())
            .unwrap()
    };
    let response = client.send_request(request("/ws", "websocket")).await.unwrap();
    assert_eq!(response.status(), 200);
    for name in ["upgrade", "connection", "sec-websocket-accept"] {
        assert!(!response.headers().contains_key(name), "{name}");
    }
    let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
    stream.write_all(b"answer").await.unwrap();
    stream.flush().await.unwrap();
    for _ in 0..1000 {
        if upstream.raw().iter().any(|raw| raw.ends_with(b"answer")) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(upstream.raw().iter().any(|raw| raw.ends_with(b"answer")));
    assert_eq!(upstream.seen()[1].line(), "GET /ws HTTP/1.1");
    assert_eq!(upstream.seen()[1].field("upgrade").as_deref(), Some("websocket"));

    // A success that is no switch opens no tunnel; another protocol is not for a gateway.
    assert_eq!(client.send_request(request("/plain", "websocket")).await.unwrap().status(), 502);
    assert_eq!(client.send_request(request("/ws", "other")).await.unwrap().status(), 501);
}

/// What ends at this hop does not reach a client of HTTP/2, trailers do, and a body that is cut ends with a reset.
#[tokio::test]
async fn answers_of_http1() {
    let upstream = Upstream::start(Begin::AfterBody, |_, seen| {
        let fields = match seen.line().split(' ').nth(1).unwrap() {
            "/hop" => {
                "Connection: close, X-Hop\r\nKeep-Alive: timeout=5\r\nUpgrade: foo\r\nX-Hop: 1\r\n\
                 X-Extension: 1\r\nContent-Length: 2\r\n\r\nok"
            }
            "/trailers" => "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
            "/none" => return vec![send("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")],
            "/cut" => "Content-Length: 10\r\n\r\nhello",
            _ => "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        };
        vec![send(format!("HTTP/1.1 200 OK\r\n{fields}")), Step::Close]
    })
    .await;
    let mut client = connect(front_of(upstream.address).await).await;
    let mut get = async |path: &str| {
        let request = Request::get(format!("http://app.example{path}")).header("te", "trailers");
        client.send_request(request.body(Empty::new()).unwrap()).await.unwrap()
    };
    let response = get("/hop").await;
    assert_eq!(response.headers()["x-extension"], "1");
    for name in ["connection", "keep-alive", "upgrade", "x-hop"] {
        assert!(!response.headers().contains_key(name), "{name}");
    }
    // RFC 9110 §8.6: no length with 204.
    let response = get("/none").await;
    assert_eq!((response.status().as_u16(), response.headers().get("content-length")), (204, None));
    // Nobody announced it, and HTTP/2 needs no announcement.
    let body = get("/trailers").await.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-t"], "1");
    for path in ["/cut", "/chunked"] {
        let error = get(path).await.into_body().collect().await.unwrap_err();
        let source = std::error::Error::source(&error).and_then(|error| error.downcast_ref());
        let reason = source.and_then(h2::Error::reason);
        assert!(reason.is_some_and(|reason| reason != h2::Reason::NO_ERROR), "{path}: {error:?}");
    }
}
