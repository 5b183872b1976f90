//! Handshakes.

use proxyfix_gateway::{ProxyOptions, ReverseProxy, Target};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower::ServiceExt;

use crate::net::{
    PATIENCE, Step,
    client::Client,
    front, send,
    upstream::{Begin, Upstream},
    wait,
};

const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade, X-Hop\r\nUpgrade: websocket\r\n\
    X-Hop: 1\r\nX-End: 1\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

async fn proxy(options: ProxyOptions, answer: &'static str) -> (std::net::SocketAddr, Upstream) {
    let upstream =
        Upstream::start(Begin::AfterHead, move |_, _| vec![send(answer), wait(50), Step::Hold])
            .await;
    let target = Target::parse(&format!("http://{}/", upstream.address)).unwrap();
    (front::serve(ReverseProxy::with_options(target, options).unwrap()).await, upstream)
}

/// What ends here goes from the 101 too, and a hook sees it.
#[tokio::test]
async fn fields_of_the_switch() {
    let options = ProxyOptions::new().on_response(|parts| {
        parts.headers.insert("x-hook", parts.status.as_u16().into());
        Ok(())
    });
    let (address, upstream) = proxy(options, SWITCHED).await;
    let mut client = Client::connect(address).await;
    client.send(HANDSHAKE).await;
    let answer = client.head().await;
    assert_eq!((answer.status, answer.field("x-hook").as_deref()), (101, Some("101")));
    assert_eq!((answer.field("x-hop"), answer.field("x-end").as_deref()), (None, Some("1")));
    assert_eq!(answer.field("connection").as_deref(), Some("upgrade"));
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(seen.field("connection").as_deref(), Some("upgrade"));
    assert_eq!(seen.field("te"), None);
    assert_eq!(seen.field("sec-websocket-key").as_deref(), Some("dGhlIHNhbXBsZSBub25jZQ=="));
}

/// `TE` is named in the line that names `Upgrade` (RFC 9110 §10.1.4).
#[tokio::test]
async fn trailers_and_a_switch() {
    let (address, upstream) = proxy(ProxyOptions::new(), SWITCHED).await;
    let request = HANDSHAKE.replace("Host: a\r\n", "Host: a\r\nTE: gzip, trailers\r\n");
    assert_eq!(Client::once(address, request).await.status, 101);
    let seen = upstream.seen().pop().unwrap();
    assert_eq!(seen.field("connection").as_deref(), Some("upgrade, TE"));
    assert_eq!(seen.field("te").as_deref(), Some("trailers"));
}

#[tokio::test]
async fn a_protocol_that_is_not_printable() {
    let (address, upstream) = proxy(ProxyOptions::new(), SWITCHED).await;
    let mut request = HANDSHAKE.as_bytes().to_vec();
    let at = HANDSHAKE.find("websocket\r\n").unwrap();
    request[at] = 0xe9;
    assert_eq!(Client::once(address, request).await.status, 400);
    assert!(upstream.seen().is_empty());
}

/// Another protocol may be allowed; without that, the request goes on as an ordinary one.
#[tokio::test]
async fn other_protocols() {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const TCP: &str =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n";
    let request = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c, tcp\r\n\r\n";
    let (address, upstream) = proxy(ProxyOptions::new().upgrades(["TCP"]), TCP).await;
    assert_eq!(Client::once(address, request).await.status, 101);
    assert_eq!(upstream.seen()[0].field("upgrade").as_deref(), Some("tcp"));

    let (address, upstream) = proxy(ProxyOptions::new(), OK).await;
    assert_eq!(Client::once(address, request).await.status, 200);
    assert_eq!(upstream.seen()[0].field("upgrade"), None);

    let (address, upstream) = proxy(ProxyOptions::new().upgrades([""; 0]), OK).await;
    assert_eq!(Client::once(address, HANDSHAKE).await.status, 200);
    assert_eq!(upstream.seen()[0].field("upgrade"), None);

    for never in ["h2c", "H2C", "HTTP/2.0", "TLS/1.3", "a b", ""] {
        let target = Target::parse("http://a.example/").unwrap();
        let built = ReverseProxy::with_options(target, ProxyOptions::new().upgrades([never]));
        assert!(built.is_err(), "{never}");
    }
}

/// What a layer around the proxy adds to the 101 reaches the client, and the tunnel is the same.
#[tokio::test]
async fn fields_of_outer_layers() {
    let upstream =
        Upstream::start(Begin::AfterHead, |_, _| vec![send(SWITCHED), send("hello"), Step::Finish])
            .await;
    let proxy = ReverseProxy::new(&format!("http://{}/", upstream.address)).unwrap();
    let service = tower::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let proxy = proxy.clone();
        async move {
            let mut response = proxy.oneshot(request).await?;
            response.headers_mut().insert("x-outer", http::HeaderValue::from_static("1"));
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let mut client = Client::connect(front::serve(service).await).await;
    client.send(HANDSHAKE.replace("websocket", "WebSocket")).await;
    let answer = client.head().await;
    assert_eq!((answer.status, answer.field("x-outer").as_deref()), (101, Some("1")));
    assert_eq!(client.bytes(5).await, b"hello");
}

/// Nobody asked for a switch, so it is a failure, and what comes after it is read by nobody: the connection is closed.
#[tokio::test]
async fn a_switch_that_nobody_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let address = front::serve(ReverseProxy::new(&url).unwrap()).await;
    let mut client = Client::connect(address).await;
    client.send("GET /p/x HTTP/1.1\r\nHost: pub.example\r\n\r\n").await;
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    let switched =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\n";
    stream.write_all(switched.as_bytes()).await.unwrap();
    let answer = client.answer(false).await;
    assert_eq!((answer.status, answer.error().as_deref()), (502, Some("http_upgrade_failed")));
    let mut rest = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    end.expect("the connection is closed").unwrap();
    assert!(rest.is_empty(), "{rest:?}");
}
