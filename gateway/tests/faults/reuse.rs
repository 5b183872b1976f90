//! Connections that are used again, and requests that are sent again.

use proxyfix_gateway::{ProxyOptions, ReverseProxy, Target};

use crate::net::{
    Step,
    client::Client,
    front, send,
    upstream::{Begin, Upstream},
    wait,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn front_of(upstream: &Upstream) -> std::net::SocketAddr {
    let proxy = ReverseProxy::new(&format!("http://{}/", upstream.address)).unwrap();
    front::serve(proxy).await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: app.example\r\n\r\n")
}

/// One connection serves requests that follow each other.
#[tokio::test]
async fn one_connection() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(&upstream).await;
    let mut client = Client::connect(address).await;
    for _ in 0..50 {
        client.send(get("/")).await;
        assert_eq!(client.answer(false).await.text(), "ok");
    }
    assert_eq!(upstream.raw().len(), 1);
}

/// Trailers are the end of a body, so the request is whole, and its connection is used again.
#[tokio::test]
async fn requests_with_trailers() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(&upstream).await;
    let mut client = Client::connect(address).await;
    for _ in 0..3 {
        let head =
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n";
        client.send(format!("{head}3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n")).await;
        assert_eq!(client.answer(false).await.text(), "ok");
    }
    let seen = upstream.seen();
    assert!(seen.iter().all(|seen| seen.trailers.eq_ignore_ascii_case("x-t: 1\r\n")), "{seen:?}");
    assert_eq!((seen.len(), upstream.raw().len()), (3, 1));
}

/// Upstream closes the connection when the answer is out, without saying so: each next request may meet a connection that is
/// about to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_connection() {
    let upstream = Upstream::start(Begin::AfterBody, |_, _| vec![send(OK), Step::Close]).await;
    let address = front_of(&upstream).await;
    let mut client = Client::connect(address).await;
    for number in 0..2_000 {
        client.send(get("/")).await;
        let answer = client.answer(false).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"), "request {number}");
    }
}

/// An idle connection that upstream resets as the next request comes.
#[tokio::test]
async fn a_connection_that_ends_under_the_next_request() {
    // The second request on a connection gets nothing: GET is sent again, POST is not.
    let upstream = Upstream::start(Begin::AfterBody, |_, seen| {
        if seen.connection == 0 && seen.line().contains("/second") {
            vec![Step::Close]
        } else {
            vec![send(OK)]
        }
    })
    .await;
    let address = front_of(&upstream).await;
    let mut client = Client::connect(address).await;
    client.send(get("/first")).await;
    assert_eq!(client.answer(false).await.status, 200);
    client.send(get("/second")).await;
    assert_eq!(client.answer(false).await.status, 200);
    let lines: Vec<_> =
        upstream.seen().iter().map(|seen| (seen.connection, seen.line().to_owned())).collect();
    let line = |path| format!("GET {path} HTTP/1.1");
    assert_eq!(lines, [(0, line("/first")), (0, line("/second")), (1, line("/second"))]);
}

/// The answer had begun, so the request had an effect.
#[tokio::test]
async fn an_answer_that_began() {
    let upstream = Upstream::start(Begin::AfterBody, |_, seen| {
        if seen.line().contains("/second") {
            vec![send("HTTP/1.1 200 OK\r\nContent-"), Step::Close]
        } else {
            vec![send(OK)]
        }
    })
    .await;
    let address = front_of(&upstream).await;
    let mut client = Client::connect(address).await;
    client.send(get("/first")).await;
    assert_eq!(client.answer(false).await.status, 200);
    client.send(get("/second")).await;
    assert_eq!(client.answer(false).await.status, 502);
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn a_post_is_sent_once() {
    let upstream = Upstream::start(Begin::AfterBody, |_, seen| {
        if seen.line().starts_with("POST") { vec![Step::Close] } else { vec![send(OK)] }
    })
    .await;
    let address = front_of(&upstream).await;
    let mut client = Client::connect(address).await;
    client.send(get("/")).await;
    assert_eq!(client.answer(false).await.status, 200);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
    let answer = client.answer(false).await;
    assert_eq!((answer.status, answer.error().as_deref()), (502, Some("connection_terminated")));
    let posts = upstream.seen().iter().filter(|seen| seen.line().starts_with("POST")).count();
    assert_eq!(posts, 1);
}

/// An idempotent request whose body was sent is not sent again either: its body is gone.
#[tokio::test]
async fn a_put_with_a_body_is_sent_once() {
    let upstream = Upstream::start(Begin::AfterBody, |_, seen| {
        if seen.line().starts_with("PUT") { vec![Step::Close] } else { vec![send(OK)] }
    })
    .await;
    let address = front_of(&upstream).await;
    let mut client = Client::connect(address).await;
    client.send(get("/")).await;
    assert_eq!(client.answer(false).await.status, 200);
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").await;
    assert_eq!(client.answer(false).await.status, 502);
    let puts = upstream.seen().iter().filter(|seen| seen.line().starts_with("PUT")).count();
    assert_eq!(puts, 1);
}

/// A GET on a *new* connection is not sent again: upstream means it.
#[tokio::test]
async fn a_new_connection_is_no_reason_to_send_again() {
    let upstream = Upstream::start(Begin::AfterBody, |_, _| vec![Step::Close]).await;
    let address = front_of(&upstream).await;
    assert_eq!(Client::once(address, get("/")).await.status, 502);
    assert_eq!(upstream.seen().len(), 1);
}

/// What comes after an answer answers nobody.
#[tokio::test]
async fn surplus_bytes() {
    let poison = format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    let upstream = Upstream::start(Begin::AfterBody, move |number, _| match number {
        0 => vec![send(&poison)],
        _ => vec![send(OK)],
    })
    .await;
    let address = front_of(&upstream).await;
    let mut client = Client::connect(address).await;
    client.send(get("/") + &get("/")).await;
    assert_eq!(client.answer(false).await.text(), "ok");
    assert_eq!(client.answer(false).await.text(), "ok");
    let connections: Vec<_> = upstream.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 1]);
}

/// A connection whose answer came before the request was read is not used again.
#[tokio::test]
async fn an_early_answer() {
    let refused = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
    let upstream = Upstream::start(Begin::AfterHead, move |_, seen| {
        if seen.line().starts_with("POST") { vec![send(refused)] } else { vec![send(OK)] }
    })
    .await;
    let address = front_of(&upstream).await;
    let mut client = Client::connect(address).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\nstart").await;
    // The rest of the upload never comes, and the answer is there all the same.
    assert_eq!(client.head().await.status, 413);
    assert_eq!(Client::once(address, get("/")).await.text(), "ok");
    assert_eq!(upstream.raw().len(), 2);
}

/// An upgrade that was refused leaves an ordinary connection.
#[tokio::test]
async fn a_refused_upgrade() {
    let upstream = Upstream::start(Begin::AfterBody, |_, seen| match seen.field("upgrade") {
        Some(_) => {
            vec![wait(20), send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")]
        }
        None => vec![send(OK)],
    })
    .await;
    let target = Target::parse(&format!("http://{}/", upstream.address)).unwrap();
    let address =
        front::serve(ReverseProxy::with_options(target, ProxyOptions::new()).unwrap()).await;
    let mut client = Client::connect(address).await;
    let handshake = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    client.send(handshake.to_owned() + &get("/smuggled")).await;
    assert_eq!(client.answer(false).await.status, 426);
    assert_eq!(client.answer(false).await.text(), "ok");
    let second = upstream.seen().pop().unwrap();
    // It came through the proxy, as a request of its own.
    assert_eq!(second.line(), "GET /smuggled HTTP/1.1");
    assert_eq!(second.field("x-forwarded-for").as_deref(), Some("127.0.0.1"));
}
