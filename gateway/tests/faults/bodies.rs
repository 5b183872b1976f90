//! Bodies that flow while both sides are open: 100 Continue, streams, tunnels.

use std::{net::SocketAddr, time::Duration};

use proxyfix_gateway::{Limits, ProxyOptions, ReverseProxy, Target};

use crate::net::{
    Step,
    client::Client,
    front, send,
    upstream::{Begin, Upstream},
    wait,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const EXPECTS: &str =
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

async fn front_of(address: SocketAddr, limits: Limits) -> SocketAddr {
    let target = Target::builder(format!("http://{address}/")).limits(limits).build().unwrap();
    front::serve(ReverseProxy::with_options(target, ProxyOptions::new()).unwrap()).await
}

/// The client is told to go on when upstream says so.
#[tokio::test]
async fn continue_by_upstream() {
    let upstream = Upstream::start(Begin::AfterHead, |_, _| {
        vec![wait(100), send("HTTP/1.1 100 Continue\r\n\r\n"), wait(300), send(OK)]
    })
    .await;
    // The limit is far away, so that only upstream can open the gate.
    let address =
        front_of(upstream.address, Limits::default().expect(Duration::from_secs(60))).await;
    let mut client = Client::connect(address).await;
    client.send(EXPECTS).await;
    assert_eq!(client.bytes(25).await, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello").await;
    let answer = client.answer(false).await;
    assert_eq!((answer.text().as_str(), answer.informational.len()), ("ok", 0));
    let seen = upstream.last().await.unwrap();
    assert_eq!(
        (seen.body.as_slice(), seen.field("expect").as_deref()),
        (&b"hello"[..], Some("100-continue"))
    );
}

/// An upstream that says nothing is waited for as long as the limit.
#[tokio::test]
async fn continue_after_the_limit() {
    let upstream = Upstream::answering(OK).await;
    let address =
        front_of(upstream.address, Limits::default().expect(Duration::from_millis(50))).await;
    let mut client = Client::connect(address).await;
    client.send(EXPECTS).await;
    assert_eq!(client.bytes(25).await, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello").await;
    assert_eq!(client.answer(false).await.text(), "ok");
}

/// An answer without a 100: the client is never told to go on, and the connection to upstream ends.
#[tokio::test]
async fn refused_instead_of_continue() {
    let refused = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno";
    let upstream = Upstream::start(Begin::AfterHead, move |_, seen| match seen.field("expect") {
        Some(_) => vec![send(refused)],
        None => vec![send(OK)],
    })
    .await;
    let address =
        front_of(upstream.address, Limits::default().expect(Duration::from_millis(300))).await;
    let mut client = Client::connect(address).await;
    client.send(EXPECTS).await;
    let answer = client.answer(false).await;
    assert_eq!((answer.status, answer.text().as_str()), (417, "no"));
    assert!(answer.informational.is_empty());
    assert!(client.is_closed().await);
    assert_eq!(Client::once(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.text(), "ok");
    assert_eq!(upstream.raw().len(), 2);
}

/// The connection to upstream ends with the answer, because the request never will.
#[tokio::test]
async fn a_refusal_ends_the_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = Limits::default().expect(Duration::from_secs(60));
    let address = front_of(listener.local_addr().unwrap(), limits).await;
    let mut client = Client::connect(address).await;
    client.send(EXPECTS).await;
    let (mut stream, _) = listener.accept().await.unwrap();
    for (piece, is_last) in
        [("HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno", false), ("no", true)]
    {
        tokio::io::AsyncWriteExt::write_all(&mut stream, piece.as_bytes()).await.unwrap();
        if is_last {
            assert_eq!(client.answer(false).await.text(), "nono");
        }
    }
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
    tokio::time::timeout(crate::net::PATIENCE, read).await.expect("the connection ends").unwrap();
}

/// An answer that takes longer than the limit of the wait: the body is not sent, although the client sends it.
#[tokio::test]
async fn a_slow_refusal() {
    let start = "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno";
    let upstream =
        Upstream::start(Begin::AfterHead, move |_, _| vec![send(start), wait(400), send("no")])
            .await;
    let limits = Limits::default().expect(Duration::from_millis(100));
    let address = front_of(upstream.address, limits).await;
    let mut client = Client::connect(address).await;
    client.send(EXPECTS.to_owned() + "hello").await;
    let answer = client.answer(false).await;
    assert_eq!((answer.status, answer.text().as_str()), (403, "nono"));
    assert!(!upstream.raw()[0].ends_with(b"hello"));
}

#[tokio::test]
async fn another_expectation() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(upstream.address, Limits::default()).await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n";
    assert_eq!(Client::once(address, request).await.status, 417);
    assert!(upstream.seen().is_empty());
}

/// Each piece of an upload reaches upstream before the next one is sent.
#[tokio::test]
async fn an_upload_streams() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(upstream.address, Limits::default()).await;
    let mut client = Client::connect(address).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n").await;
    for piece in ["first", "secon", "third"] {
        client.send(piece).await;
        let arrived = || upstream.raw().iter().any(|raw| raw.ends_with(piece.as_bytes()));
        for _ in 0..1000 {
            if arrived() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(arrived(), "{piece} waits for more");
    }
    assert_eq!(client.answer(false).await.text(), "ok");
}

/// The client goes away before the answer: upstream's connection ends at once.
#[tokio::test]
async fn a_client_that_goes_away() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = front_of(listener.local_addr().unwrap(), Limits::default()).await;
    let mut client = Client::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (mut stream, _) = listener.accept().await.unwrap();
    drop(client);
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
    tokio::time::timeout(crate::net::PATIENCE, read).await.expect("upstream is told").unwrap();
}

/// A tunnel: bytes that come early wait for the switch, and each side may end before the other.
#[tokio::test]
async fn a_tunnel() {
    let upstream = Upstream::start(Begin::AfterHead, |_, _| {
        vec![wait(50), send(SWITCHED), send("early"), wait(100), send("late"), Step::Finish]
    })
    .await;
    let address = front_of(upstream.address, Limits::default()).await;
    let mut client = Client::connect(address).await;
    client.send(HANDSHAKE.to_owned() + "before the switch").await;
    let answer = client.head().await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.field("upgrade").as_deref(), Some("websocket"));
    assert_eq!(client.bytes(9).await, b"earlylate");
    assert!(client.is_closed().await);
    let raw = upstream.raw().remove(0);
    let head = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(&raw[head..], b"before the switch");
}

/// A tunnel through which nothing goes ends.
#[tokio::test]
async fn an_idle_tunnel() {
    let upstream =
        Upstream::start(Begin::AfterHead, |_, _| vec![send(SWITCHED), wait(60_000)]).await;
    let limits = Limits::default().upgraded_idle(Duration::from_millis(150));
    let address = front_of(upstream.address, limits).await;
    let mut client = Client::connect(address).await;
    client.send(HANDSHAKE).await;
    assert_eq!(client.head().await.status, 101);
    assert!(client.is_closed().await);
}

/// Switches that were not asked for, or not in this way.
#[tokio::test]
async fn false_switches() {
    let plain = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let other = HANDSHAKE.replace("Upgrade: websocket", "Upgrade: tcp");
    for (request, answer) in [
        (plain, SWITCHED.to_owned()),
        (HANDSHAKE, SWITCHED.replace("WebSocket\r\n", "other\r\n")),
        (HANDSHAKE, SWITCHED.replace("s3pPLM", "AAAAAA")),
        (HANDSHAKE, SWITCHED.replace("Connection: upgrade", "X: y")),
        (&other, SWITCHED.to_owned()),
    ] {
        let upstream = Upstream::answering(&answer).await;
        let address = front_of(upstream.address, Limits::default()).await;
        let got = Client::once(address, request).await;
        assert_eq!(
            (got.status, got.error().as_deref()),
            (502, Some("http_upgrade_failed")),
            "{request}{answer}"
        );
    }
}
