//! Who takes nothing holds nobody else up: an upstream that does not read, and clients that do not.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Incoming;
use proxyfix_gateway::{Body, Limits, Protocol, ProxyOptions, ReverseProxy, Target};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tower::service_fn;

use crate::net::{
    PATIENCE, Step,
    client::Client,
    front,
    upstream::{Begin, Upstream},
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &str = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

/// More than the buffers of two sockets.
const LONG: usize = 32 << 20;

/// One connection at most, and short limits.
fn limits() -> Limits {
    let short = Duration::from_millis(1_500);
    let limits = Limits::default().connections(1).connect(PATIENCE).head(Duration::from_secs(2));
    limits.gap(short).send(short)
}

async fn front_of(address: SocketAddr, limits: Limits, protocol: Protocol) -> SocketAddr {
    let target = Target::builder(format!("http://{address}/")).limits(limits).protocol(protocol);
    let options = ProxyOptions::new();
    front::serve(ReverseProxy::with_options(target.build().unwrap(), options).unwrap()).await
}

/// An upstream whose first connection says this, and reads nothing. The others answer.
async fn deaf(says: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        first.write_all(says.as_bytes()).await.unwrap();
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    stream.write_all(OK.as_bytes()).await.unwrap();
                }
            });
        }
        drop(first);
    });
    address
}

/// Sends a long body, and says what came back. With a limit, the client leaves then.
async fn upload(front: SocketAddr, leaves: bool) -> String {
    let stream = TcpStream::connect(front).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let writing = tokio::spawn(async move {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LONG}\r\n\r\n");
        let _ = writer.write_all(head.as_bytes()).await;
        let _ = writer.write_all(&vec![b'x'; LONG]).await;
        writer
    });
    let mut got = vec![0; 4096];
    let read = if leaves {
        sleep(Duration::from_millis(300)).await;
        0
    } else {
        reader.read(&mut got).await.unwrap_or(0)
    };
    writing.abort();
    String::from_utf8_lossy(&got[..read]).into_owned()
}

#[tokio::test]
async fn an_upstream_that_does_not_read() {
    for (says, leaves, answer) in
        [("", true, ""), ("", false, "HTTP/1.1 504 "), (OK, false, "HTTP/1.1 200 ")]
    {
        let front = front_of(deaf(says).await, limits(), Protocol::Auto).await;
        let got = upload(front, leaves).await;
        assert!(got.starts_with(answer), "{says:?}: {got}");
        let next = Client::once(front, GET).await;
        assert_eq!((next.status, next.text().as_str()), (200, "ok"), "{says:?} {leaves}");
    }
}

/// An endless answer.
async fn endless(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    if request.uri().path() == "/next" {
        return Ok(Response::new(Body::from("ok")));
    }
    let pieces =
        stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![0; 16 << 10]))));
    Ok(Response::new(Body::new(StreamBody::new(pieces))))
}

#[tokio::test]
async fn a_client_that_does_not_read() {
    let front = front_of(front::serve(service_fn(endless)).await, limits(), Protocol::Auto).await;
    let mut client = Client::connect(front).await;
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.head().await;
    assert_eq!(Client::once(front, GET).await.text(), "ok");
    drop(client);
}

/// Over HTTP/2, such a client is alive: it answers pings.
#[tokio::test]
async fn a_client_without_a_window() {
    let front = front_of(front::serve(service_fn(endless)).await, limits(), Protocol::Auto).await;
    let stream = TcpStream::connect(front).await.unwrap();
    let (client, connection) = h2::client::Builder::new()
        .initial_window_size(0)
        .handshake::<_, Bytes>(stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = Request::get("http://a/endless").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let held = response.await.unwrap();
    assert_eq!(Client::once(front, GET).await.text(), "ok");
    drop(held);
}

/// Clients that read take as long as they like, if they take something now and then.
#[tokio::test]
async fn a_client_that_reads_slowly() {
    let front = front_of(front::serve(service_fn(endless)).await, limits(), Protocol::Auto).await;
    let mut client = Client::connect(front).await;
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.head().await;
    for _ in 0..8 {
        sleep(Duration::from_millis(250)).await;
        assert_eq!(client.bytes(8 << 20).await.len(), 8 << 20);
    }
}

/// A client that takes little, but all the time, is not told from one that takes nothing before the limit `send` is over:
/// the buffers of its server are full, so that nobody asks for more.
#[tokio::test]
async fn a_client_that_reads_little() {
    let limits = Limits::default().gap(Duration::from_millis(500)).head(Duration::from_millis(500));
    let front = front_of(front::serve(service_fn(endless)).await, limits, Protocol::Auto).await;
    let mut client = Client::connect(front).await;
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.head().await;
    for _ in 0..40 {
        sleep(Duration::from_millis(50)).await;
        assert_eq!(client.bytes(2_000).await.len(), 2_000);
    }
    // More than all buffers hold.
    assert_eq!(client.bytes(LONG).await.len(), LONG);
}

/// One connection carries all, and those that wait for their client do not use up its window.
#[tokio::test]
async fn streams_beside_each_other() {
    let limits = Limits::default().gap(PATIENCE);
    let front = front_of(front::serve(service_fn(endless)).await, limits, Protocol::Http2).await;
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut client = Client::connect(front).await;
        client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
        client.head().await;
        held.push(client);
    }
    sleep(Duration::from_millis(300)).await;
    let next = tokio::time::timeout(PATIENCE / 2, Client::once(front, GET)).await;
    assert_eq!(next.expect("the window is used up").text(), "ok");
}

/// An upgrade is no way around the list of methods, nor for a body.
#[tokio::test]
async fn upgrades_of_other_methods() {
    let upstream = Upstream::start(Begin::AfterBody, |_, _| vec![Step::Send(OK.into())]).await;
    let target = Target::builder(format!("http://{}/", upstream.address)).methods(["GET", "POST"]);
    let options = ProxyOptions::new();
    let front =
        front::serve(ReverseProxy::with_options(target.build().unwrap(), options).unwrap()).await;
    let upgrade = "Host: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let refused = Client::once(front, format!("DELETE / HTTP/1.1\r\n{upgrade}\r\n")).await;
    assert_eq!((refused.status, refused.field("allow").as_deref()), (405, Some("GET, POST")));
    for (line, body) in
        [("POST /", ""), ("POST /", "Content-Length: 1\r\n"), ("GET /", "Content-Length: 1\r\n")]
    {
        let end = if body.is_empty() { "" } else { "x" };
        let answer =
            Client::once(front, format!("{line} HTTP/1.1\r\n{upgrade}{body}\r\n{end}")).await;
        assert_eq!(answer.status, 200, "{line} {body}");
        assert_eq!(upstream.last().await.unwrap().field("upgrade"), None, "{line} {body}");
    }
}
