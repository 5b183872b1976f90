//! Requests whose end is in doubt.

use proxyfix::Family;
use proxyfix_gateway::{ProxyOptions, ReverseProxy, Target};

use crate::net::{Step, client::Client, front, upstream::Upstream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

async fn front_of(upstream: &Upstream) -> std::net::SocketAddr {
    let target =
        Target::builder(format!("http://{}/", upstream.address)).methods(["GET", "PUT", "POST"]);
    let options = ProxyOptions::new().pseudonym("front");
    front::serve(ReverseProxy::with_options(target.build().unwrap(), options).unwrap()).await
}

/// HTTP/1.0 without a length has no body. What follows is not part of it.
#[tokio::test]
async fn http10_without_a_length() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(&upstream).await;
    let mut client = Client::connect(address).await;
    client.send(format!("POST / HTTP/1.0\r\nHost: a\r\n\r\n{SMUGGLED}")).await;
    assert_eq!(client.answer(false).await.text(), "ok");
    let seen = upstream.seen().remove(0);
    assert_eq!((seen.body.len(), seen.field("content-length").as_deref()), (0, Some("0")));
}

#[tokio::test]
async fn transfer_codings() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(&upstream).await;
    for codings in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    ] {
        let mut client = Client::connect(address).await;
        client
            .send(format!("POST / HTTP/1.1\r\nHost: a\r\n{codings}\r\n\r\n0\r\n\r\n{SMUGGLED}"))
            .await;
        let answer = client.answer(false).await;
        assert!([400, 501].contains(&answer.status), "{codings}: {}", answer.status);
        // The connection ends, so that what follows is read by nobody.
        assert!(client.is_closed().await, "{codings}");
    }
    assert!(upstream.seen().is_empty());
}

/// A body whose length nobody knows goes on with every method.
#[tokio::test]
async fn chunked_bodies_of_any_method() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(&upstream).await;
    for method in ["GET", "PUT", "POST"] {
        let head = format!("{method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        let answer = Client::once(address, head + "5\r\nhello\r\n0\r\n\r\n").await;
        assert_eq!(answer.text(), "ok", "{method}");
        let seen = upstream.seen().pop().unwrap();
        assert_eq!((seen.body.as_slice(), seen.fault), (&b"hello"[..], None), "{method}");
    }
    // A length has one form: `010` is 8 to who reads octal.
    Client::once(address, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\n\r\nhello").await;
    assert_eq!(upstream.seen().pop().unwrap().field("content-length").as_deref(), Some("5"));
    // Authority form is for CONNECT, and `*` for OPTIONS.
    assert_eq!(Client::once(address, "GET * HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 400);
    assert_eq!(
        Client::once(address, "GET other.example HTTP/1.1\r\nHost: a\r\n\r\n").await.status,
        400
    );
}

/// What may not stand in a head may not come after the body either.
#[tokio::test]
async fn trailers_of_requests_and_answers() {
    let trailers =
        "X-T: 1\r\nX-Hop: 1\r\nX-Forwarded-For: 6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\nKeep-Alive: 1\r\n";
    let named = "Trailer: X-T, X-Hop, X-Forwarded-For, X_Real_IP, Keep-Alive\r\nConnection: X-Hop";
    let chunked =
        format!("Transfer-Encoding: chunked\r\n{named}\r\n\r\n2\r\nok\r\n0\r\n{trailers}\r\n");
    let upstream = Upstream::answering(format!("HTTP/1.1 200 OK\r\n{chunked}")).await;
    let address = front_of(&upstream).await;
    let request = format!("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n{chunked}");
    let answer = Client::once(address, request).await;
    assert_eq!(upstream.last().await.unwrap().trailers, "x-t: 1\r\n");
    // Nobody takes the forwarding headers of an answer for anything.
    let mut kept: Vec<_> = answer.trailers.lines().collect();
    kept.sort_unstable();
    assert_eq!(kept, ["x-forwarded-for: 6.6.6.6", "x-t: 1", "x_real_ip: 6.6.6.6"]);
}

/// A request that is refused before its body was read: the body is never the next request.
#[tokio::test]
async fn a_body_that_nobody_read() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(&upstream).await;
    for head in [
        "DELETE / HTTP/1.1\r\nHost: a",
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: x",
        "PUT /../ HTTP/1.1\r\nHost: a",
    ] {
        let mut client = Client::connect(address).await;
        let length = SMUGGLED.len();
        client.send(format!("{head}\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}")).await;
        assert!(client.answer(false).await.status >= 400);
        client.run(vec![Step::Finish]).await;
        assert_eq!(client.answer(false).await.status, 0, "{head}: a second answer");
    }
    assert!(upstream.seen().is_empty());
}

/// No host adds a parameter to `Forwarded`.
#[tokio::test]
async fn hosts_that_break_out() {
    let upstream = Upstream::answering(OK).await;
    let target = Target::parse(&format!("http://{}/", upstream.address)).unwrap();
    let options = ProxyOptions::new().family(Family::Forwarded);
    let address = front::serve(ReverseProxy::with_options(target, options).unwrap()).await;
    for host in [
        "a\";for=6.6.6.6;x=\"",
        "a;for=6.6.6.6",
        "a, for=6.6.6.6",
        "a b",
        "",
        "user@a",
        "[::1",
        "a:b",
        "a/b",
    ] {
        let answer = Client::once(address, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(answer.status, 400, "{host}");
    }
    assert!(upstream.seen().is_empty());
    Client::once(address, "GET / HTTP/1.1\r\nHost: A.example:81\r\n\r\n").await;
    let told = upstream.seen().remove(0).field("forwarded");
    assert_eq!(told.as_deref(), Some("for=127.0.0.1;proto=http;host=\"a.example:81\""));
}

/// A failure says its type, and nothing of the inside.
#[tokio::test]
async fn failures_tell_nothing() {
    let (_socket, free) = crate::net::refused();
    let target = Target::parse(&format!("http://{free}/secret-path")).unwrap();
    let options = ProxyOptions::new().pseudonym("front");
    let address = front::serve(ReverseProxy::with_options(target, options).unwrap()).await;
    let answer = Client::once(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.text(), "502 Bad Gateway\n");
    assert_eq!(answer.field("proxy-status").as_deref(), Some("front; error=connection_refused"));
    let port = free.port().to_string();
    assert!(
        !answer.head.contains(&port) && !answer.head.contains("secret-path"),
        "{}",
        answer.head
    );
}
