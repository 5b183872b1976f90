//! Limits of time, size and number.

use std::{net::SocketAddr, time::Duration};

use proxyfix_gateway::{Limits, ProxyOptions, Resolve, ResolveFuture, ReverseProxy, Target};

use crate::net::{
    Step,
    client::Client,
    front, send,
    upstream::{Begin, Upstream},
    wait,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &str = "GET / HTTP/1.1\r\nHost: app.example\r\n\r\n";
const SHORT: Duration = Duration::from_millis(150);

async fn front_of(address: SocketAddr, limits: Limits) -> SocketAddr {
    let target = Target::builder(format!("http://{address}/")).limits(limits).build().unwrap();
    front::serve(ReverseProxy::with_options(target, ProxyOptions::new()).unwrap()).await
}

#[tokio::test]
async fn no_answer() {
    let upstream = Upstream::start(Begin::AfterBody, |_, _| vec![wait(60_000)]).await;
    let address = front_of(upstream.address, Limits::default().head(SHORT)).await;
    let answer = Client::once(address, GET).await;
    assert_eq!((answer.status, answer.error().as_deref()), (504, Some("http_response_timeout")));
}

/// After trailers, too, upstream is awaited for its answer, and no longer for the next piece.
#[tokio::test]
async fn no_answer_to_trailers() {
    let upstream = Upstream::start(Begin::AfterBody, |_, _| vec![wait(60_000)]).await;
    let limits = Limits::default().head(SHORT).gap(SHORT * 20);
    let address = front_of(upstream.address, limits).await;
    let answer = Client::once(
        address,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n\
         3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
    )
    .await;
    assert_eq!((answer.status, answer.error().as_deref()), (504, Some("http_response_timeout")));
}

struct Slow(SocketAddr);

impl Resolve for Slow {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> ResolveFuture<'a> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(vec![self.0])
        })
    }
}

/// The longest time is no limit.
#[tokio::test]
async fn no_limits_of_time() {
    let upstream = Upstream::answering(OK).await;
    for limits in [
        Limits::default().head(Duration::MAX).gap(Duration::MAX),
        Limits::default().idle_time(Duration::MAX).expect(Duration::MAX),
    ] {
        let address = front_of(upstream.address, limits).await;
        assert_eq!(Client::once(address, GET).await.text(), "ok", "{limits:?}");
    }
    // A look-up that takes a moment sees whether there is time for a connection.
    let url = format!("http://up.example:{}/", upstream.address.port());
    let target = Target::builder(url).resolver(Slow(upstream.address)).timeout(Duration::MAX);
    let proxy = ReverseProxy::with_options(target.build().unwrap(), ProxyOptions::new()).unwrap();
    assert_eq!(Client::once(front::serve(proxy).await, GET).await.text(), "ok");
}

/// An upload that takes longer than the limit of the head is no late answer.
#[tokio::test]
async fn a_slow_upload() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(upstream.address, Limits::default().head(SHORT)).await;
    let mut client = Client::connect(address).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").await;
    for _ in 0..5 {
        client.run(vec![wait(100), send("x")]).await;
    }
    assert_eq!(client.answer(false).await.text(), "ok");
}

#[tokio::test]
async fn a_client_that_pauses() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(upstream.address, Limits::default().gap(SHORT)).await;
    let mut client = Client::connect(address).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel").await;
    let answer = client.answer(false).await;
    assert_eq!((answer.status, answer.error().as_deref()), (408, Some("http_request_error")));
    assert!(!upstream.seen()[0].is_whole);
}

#[tokio::test]
async fn an_upstream_that_stops_reading() {
    // Nothing is read after the head, so the connection fills.
    let upstream = Upstream::start(Begin::AfterHead, |_, _| vec![wait(60_000)]).await;
    let address = front_of(upstream.address, Limits::default().gap(SHORT)).await;
    let mut client = Client::connect(address).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n";
    client.send(head).await;
    let upload = async {
        let (piece, mut client) = (vec![b'x'; 1 << 20], client);
        // The answer may come while the upload is under way.
        let _ = tokio::time::timeout(Duration::from_secs(2), async {
            for _ in 0..95 {
                client.send(&piece).await;
            }
        })
        .await;
        client.head().await
    };
    let answer = upload.await;
    assert_eq!((answer.status, answer.error().as_deref()), (504, Some("connection_write_timeout")));
}

#[tokio::test]
async fn a_pause_in_the_answer() {
    let start = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    let upstream =
        Upstream::start(Begin::AfterBody, move |_, _| vec![send(start), wait(60_000)]).await;
    let address = front_of(upstream.address, Limits::default().gap(SHORT)).await;
    let answer = Client::once(address, GET).await;
    assert_eq!((answer.status, answer.text().as_str(), answer.is_whole), (200, "hello", false));
}

#[tokio::test]
async fn a_body_over_the_limit() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(upstream.address, Limits::default().body_bytes(10)).await;
    for (request, status) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789", 200),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n0123456789a", 413),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
            200,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n",
            413,
        ),
    ] {
        let answer = Client::once(address, request).await;
        assert_eq!(answer.status, status, "{request}");
        let error = (status == 413).then(|| "http_request_error".to_owned());
        assert_eq!(answer.error(), error);
    }
}

/// All connections are in use: a request waits for one, and no longer than the limit.
#[tokio::test]
async fn the_number_of_connections() {
    let upstream = Upstream::start(Begin::AfterBody, |_, seen| {
        if seen.line().contains("/long") { vec![wait(60_000)] } else { vec![wait(20), send(OK)] }
    })
    .await;
    let limits = Limits::default().connections(2).connect(Duration::from_secs(5));
    let address = front_of(upstream.address, limits).await;
    let requests: Vec<_> = (0..20).map(|_| tokio::spawn(Client::once(address, GET))).collect();
    for request in requests {
        assert_eq!(request.await.unwrap().text(), "ok");
    }
    assert_eq!(upstream.raw().len(), 2);

    let address = front_of(upstream.address, limits.connect(SHORT)).await;
    let mut holders = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(address).await;
        client.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n").await;
        holders.push(client);
    }
    while upstream.seen().iter().filter(|seen| seen.line().contains("/long")).count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = Client::once(address, GET).await;
    assert_eq!((answer.status, answer.error().as_deref()), (503, Some("connection_limit_reached")));
    // They go away, and there is room.
    drop(holders);
    for _ in 0..100 {
        if Client::once(address, GET).await.status == 200 {
            return;
        }
    }
    panic!("the connections of clients that went away are still in use");
}

/// A tunnel is a connection as long as it is open.
#[tokio::test]
async fn tunnels_count() {
    let switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let upstream = Upstream::start(Begin::AfterHead, move |_, seen| match seen.field("upgrade") {
        Some(_) => vec![send(switched), Step::Hold],
        None => vec![send(OK)],
    })
    .await;
    let limits = Limits::default().connections(1).connect(SHORT);
    let address = front_of(upstream.address, limits).await;
    let mut client = Client::connect(address).await;
    client
        .send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
        .await;
    client
        .send("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status, 101);
    assert_eq!(Client::once(address, GET).await.status, 503);
    drop(client);
    for _ in 0..100 {
        if Client::once(address, GET).await.status == 200 {
            return;
        }
    }
    panic!("the tunnel of a client that went away is still there");
}

#[tokio::test]
async fn heads_over_the_limits() {
    let long =
        format!("HTTP/1.1 200 OK\r\nX-L: {}\r\nContent-Length: 2\r\n\r\nok", "a".repeat(70_000));
    let many =
        format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", "X-A: 1\r\n".repeat(300));
    let some =
        format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", "X-A: 1\r\n".repeat(150));
    for (head, status) in [(long, 502), (many, 502), (some, 200)] {
        let upstream = Upstream::answering(head).await;
        let address = front_of(upstream.address, Limits::default()).await;
        let answer = Client::once(address, GET).await;
        assert_eq!(answer.status, status);
        let error = (status == 502).then(|| "http_response_header_section_size".to_owned());
        assert_eq!(answer.error(), error);
    }
    let upstream = Upstream::answering(OK).await;
    let address = front_of(upstream.address, Limits::default().head_fields(5)).await;
    for (fields, status) in [(4, 200), (5, 431)] {
        let fields = "X-A: 1\r\n".repeat(fields);
        let answer =
            Client::once(address, format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).await;
        assert_eq!(answer.status, status);
    }
}

/// Idle connections end by themselves.
#[tokio::test]
async fn idle_connections() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(upstream.address, Limits::default().idle_time(SHORT)).await;
    assert_eq!(Client::once(address, GET).await.text(), "ok");
    tokio::time::sleep(SHORT * 3).await;
    assert_eq!(Client::once(address, GET).await.text(), "ok");
    assert_eq!(upstream.raw().len(), 2);

    let address = front_of(upstream.address, Limits::default().idle_connections(0)).await;
    for _ in 0..3 {
        assert_eq!(Client::once(address, GET).await.text(), "ok");
    }
    assert_eq!(upstream.raw().len(), 5);
}
