//! Tunnels: how they begin, what runs in them, and how they end.

use std::time::Duration;

use proxyfix_gateway::{Credentials, ForwardLimits};
use tokio::time::{Instant, sleep};

use super::{
    front::{Front, options, quick},
    wire::Wire,
};

const GET: &str = "GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n";

#[tokio::test]
async fn several_requests() {
    let front = Front::start().await;
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let mut wire = wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap();
    for _ in 0..3 {
        assert_eq!(wire.ask(GET).await.status, 200);
    }
    let keep_alive = "GET /a HTTP/1.1\r\nHost: example.com\r\nConnection: Keep-Alive\r\n\r\n";
    for _ in 0..3 {
        assert_eq!(wire.ask(keep_alive).await.status, 200);
    }
    let mut plain = Wire::connect(front.address).await;
    for _ in 0..2 {
        let answer =
            plain.ask("GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n").await;
        assert_eq!((answer.status, answer.field("proxy-connection")), (200, None));
    }
}

/// A body that nobody reads is never a request.
#[tokio::test]
async fn an_unread_body() {
    let front = Front::start().await;
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let mut wire = wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap();
    let body = "GET /smuggled HTTP/1.1\r\nHost: example.com\r\n\r\n".repeat(3);
    let length = body.len();
    let post = format!(
        "POST /a?noread=true HTTP/1.1\r\nHost: example.com\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    assert_eq!(wire.ask(post).await.status, 200);
    wire.ask(GET).await;
    assert!(front.log.all().iter().all(|seen| !seen.path().contains("smuggled")));
}

/// Nothing that is left of a tunnel is read by the server outside.
#[tokio::test]
async fn what_is_left_of_a_tunnel() {
    let front = Front::start().await;
    let outer = "GET /OUTER-REACHED HTTP/1.1\r\nHost: wsgiprox\r\n\r\n";
    for junk in [0, 1, 5, 16, 64, 200] {
        for first in [b'\x16', b'\x80', b'\n'] {
            let mut wire = Wire::tunnel(front.address, "example.com:443").await;
            let mut bytes = vec![first; junk];
            bytes.extend(outer.as_bytes());
            wire.send(bytes).await;
            wire.stream.readable().await.unwrap();
            let rest = wire.rest_within(Duration::from_secs(2)).await;
            assert!(!rest.starts_with(b"HTTP/1.1 200"), "{junk} {first}");
        }
    }
    // A handshake that breaks off, and a request that follows in plain text.
    let mut wire = Wire::tunnel(front.address, "example.com:443").await;
    wire.send(b"\x16\x03\x01\x00\x05hello").await;
    wire.send(outer).await;
    assert!(!wire.rest().await.starts_with(b"HTTP"));
    for seen in front.log.all() {
        assert_ne!(seen.path(), "/OUTER-REACHED");
        // Without TLS, it is a request of the tunnel, for another host than its own.
        assert!(seen.proxied.is_some(), "{seen:?}");
    }
}

/// After the end of a tunnel nothing comes, and the connection is closed.
#[tokio::test]
async fn the_end_of_a_tunnel() {
    let front = Front::start().await;
    let close = "GET /a HTTP/1.1\r\nHost: example.com:80\r\nConnection: close\r\n\r\n";
    let mut wire = Wire::tunnel(front.address, "example.com:80").await;
    assert_eq!(wire.ask(close).await.status, 200);
    wire.send("GET /OUTER-REACHED HTTP/1.1\r\nHost: wsgiprox\r\n\r\n").await;
    assert_eq!(wire.rest().await, b"");
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let mut wire = wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap();
    assert_eq!(wire.ask(close.replace(":80", "")).await.status, 200);
    assert_eq!(wire.rest().await, b"");
    assert_eq!(front.log.all().len(), 2);
}

#[tokio::test]
async fn head() {
    let front = Front::start().await;
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let mut wire = wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap();
    wire.send(GET.replace("GET", "HEAD")).await;
    let answer = wire.head().await;
    assert_eq!(answer.status, 200);
    // What follows is the next answer, so there was no body.
    assert!(wire.ask(GET).await.text().starts_with("Requested Url"));
}

#[tokio::test]
async fn an_application_that_fails() {
    let front = Front::start().await;
    for is_plain in [true, false] {
        let wire = Wire::tunnel(front.address, "example.com:443").await;
        let request = "GET /a?raise=true HTTP/1.1\r\nHost: example.com\r\n\r\n";
        if is_plain {
            let mut wire = wire;
            assert_eq!(wire.ask(request.replace("example.com", "example.com:443")).await.status, 0);
        } else {
            let mut wire = wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap();
            assert_eq!(wire.ask(request).await.status, 0);
        }
    }
    no_tunnels(&front).await;
}

/// What follows a CONNECT that is refused is meant for the tunnel, and is no request.
#[tokio::test]
async fn after_a_refused_connect() {
    let credentials = Credentials::users("tests", [("ada", "pw")]).unwrap();
    let limits = ForwardLimits::default().guests(1);
    let front = options().credentials(credentials).limits(limits).ports([80, 443]);
    let front = Front::with(front).await;
    let _guest = Wire::tunnel(front.address, "wsgiprox:443").await;
    for (authority, fields, status) in [
        ("example.com:80", "", "407"),
        ("example.com:22", "", "403"),
        ("wsgiprox:443", "", "503"),
        ("example.com", "", "400"),
        ("example.com:80", "Content-Length: 5\r\n", "400"),
    ] {
        let mut wire = Wire::connect(front.address).await;
        wire.send(format!(
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n\
             GET /hidden HTTP/1.1\r\nHost: example.com\r\n\r\n"
        ))
        .await;
        let rest = String::from_utf8(wire.rest().await).unwrap();
        assert!(rest.starts_with(&format!("HTTP/1.1 {status} ")), "{authority}: {rest}");
        assert_eq!(rest.matches("HTTP/1.1 ").count(), 1, "{authority}: {rest}");
    }
    assert!(front.log.all().is_empty());
}

/// No session is resumed: each handshake shows which name it is for.
#[tokio::test]
async fn no_session_is_resumed() {
    let front = Front::start().await;
    let tls = front.tls(&["http/1.1"]);
    for _ in 0..2 {
        let wire = Wire::tunnel(front.address, "example.com:443").await;
        let mut wire = wire.tls(tls.clone(), "example.com").await.unwrap();
        // A ticket would come before the answer.
        assert_eq!(wire.ask(GET).await.status, 200);
        let kind = wire.stream.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(rustls::HandshakeKind::Full));
    }
}

/// A handshake for another name than that of the CONNECT.
#[tokio::test]
async fn another_name_in_the_handshake() {
    // A proxy host may be an address too.
    let front = Front::with(options().alias("192.0.2.9").download_host("get.test")).await;
    for (connect, name, is_right) in [
        ("a.test:443", "b.test", false),
        ("a.test:443", "wsgiprox", false),
        ("a.test:443", "x.a.test", false),
        ("a.test.:443", "A.test", true),
        ("192.0.2.1:443", "b.test", true),
        ("[2001:db8::1]:443", "b.test", true),
        ("192.0.2.1:443", "wsgiprox", false),
        ("192.0.2.1:443", "proxy-app-1", false),
        ("192.0.2.1:443", "get.test", false),
        ("192.0.2.9:443", "b.test", false),
        ("192.0.2.9:443", "192.0.2.9", true),
        ("get.test:443", "get.test", true),
    ] {
        let wire = Wire::tunnel(front.address, connect).await;
        let result = wire.tls(front.tls(&[]), name).await;
        assert_eq!(result.is_ok(), is_right, "{connect} {name}");
    }
    assert!(front.log.all().is_empty());
}

#[tokio::test]
async fn a_head_that_is_too_large() {
    let front = Front::start().await;
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let mut wire = wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap();
    let long = "a".repeat(300_000);
    let answer =
        wire.ask(format!("GET / HTTP/1.1\r\nHost: example.com\r\nX-A: {long}\r\n\r\n")).await;
    assert!(matches!(answer.status, 0 | 431), "{}", answer.status);
    assert!(front.log.all().is_empty());
}

/// Waits until there are no tunnels.
pub(super) async fn no_tunnels(front: &Front) {
    let start = Instant::now();
    while front.layer.tunnels().open() > 0 {
        assert!(start.elapsed() < super::wire::PATIENCE, "{:?}", front.layer.tunnels());
        sleep(Duration::from_millis(10)).await;
    }
}

/// Clients that are silent, slow, or speak something else.
#[tokio::test]
async fn silence() {
    let limits = quick();
    let front = Front::with(options().limits(limits)).await;
    for bytes in [
        &b""[..],
        b"S",
        b"SSH-2.0-x\r\n",
        b"PRI * HT",
        b"\x16",
        b"\x16\x03\x01\x02\x00",
        b"GET / HT",
    ] {
        let mut wire = Wire::tunnel(front.address, "example.com:22").await;
        let start = Instant::now();
        wire.send(bytes).await;
        let rest = wire.rest().await;
        assert!(
            !rest.starts_with(b"HTTP/1.1 200") && start.elapsed() < super::wire::PATIENCE,
            "{bytes:?}"
        );
    }
    // After a request, and in the middle of a body.
    for request in [
        GET.to_owned(),
        "POST /a HTTP/1.1\r\nHost: example.com\r\nContent-Length: 9\r\n\r\nabc".to_owned(),
        "GET /websocket HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            .to_owned(),
    ] {
        let wire = Wire::tunnel(front.address, "example.com:443").await;
        let mut wire = wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap();
        wire.send(request).await;
        wire.rest().await;
    }
    no_tunnels(&front).await;
    assert!(front.log.all().len() == 3);
}

/// Clients that take nothing.
#[tokio::test]
async fn clients_that_do_not_read() {
    let front = Front::with(options().limits(quick())).await;
    let wire = Wire::tunnel(front.address, "example.com:443").await;
    let mut wire = wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap();
    let long = "b".repeat(30_000);
    let request = format!("GET /a?data={long} HTTP/1.1\r\nHost: example.com\r\n\r\n");
    // Until the buffers of both sides are full.
    while wire.send_within(&request, Duration::from_millis(200)).await {}
    no_tunnels(&front).await;
}

#[tokio::test]
async fn as_many_as_the_limit_says() {
    let front = Front::with(options().limits(ForwardLimits::default().tunnels(2))).await;
    let first = Wire::tunnel(front.address, "example.com:443").await;
    let _second = Wire::tunnel(front.address, "example.com:443").await;
    let mut third = Wire::connect(front.address).await;
    let answer = third.ask_for_tunnel("example.com:443", "").await;
    assert_eq!(answer.status, 503);
    assert!(answer.field("proxy-status").unwrap().ends_with("connection_limit_reached"));
    drop(first);
    while front.layer.tunnels().open() > 1 {
        sleep(Duration::from_millis(10)).await;
    }
    Wire::tunnel(front.address, "example.com:443").await;
}

/// Tunnels to the download host need no credentials. They do not take the places of those who have some.
#[tokio::test]
async fn guests() {
    let credentials = Credentials::users("tests", [("ada", "pw")]).unwrap();
    let limits = ForwardLimits::default().tunnels(4).guests(2);
    let front = Front::with(options().credentials(credentials).limits(limits)).await;
    let first = Wire::tunnel(front.address, "wsgiprox:443").await;
    let _second = Wire::tunnel(front.address, "wsgiprox:443").await;
    let ask = async |authority, fields| {
        let mut wire = Wire::connect(front.address).await;
        let answer = wire.ask_for_tunnel(authority, fields).await;
        (answer.status, wire)
    };
    assert_eq!(ask("wsgiprox:443", "").await.0, 503);
    let with = "Proxy-Authorization: Basic YWRhOnB3\r\n";
    let mut open = Vec::new();
    for authority in ["example.com:443", "wsgiprox:443"] {
        let (status, wire) = ask(authority, with).await;
        assert_eq!(status, 200, "{authority}");
        open.push(wire);
    }
    assert_eq!(ask("example.com:443", with).await.0, 503);
    drop(first);
    while front.layer.tunnels().open() > 3 {
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(ask("wsgiprox:443", "").await.0, 200);
}

/// At a shutdown, requests finish, silent tunnels end, and what does not end in time is cut.
#[tokio::test]
async fn a_shutdown() {
    let limits = ForwardLimits::default().drain(Duration::from_millis(800));
    let mut front = Front::with(options().limits(limits)).await;
    let open = async || {
        let wire = Wire::tunnel(front.address, "example.com:443").await;
        wire.tls(front.tls(&["http/1.1"]), "example.com").await.unwrap()
    };
    let (mut busy, mut idle, mut socket) = (open().await, open().await, open().await);
    assert_eq!(idle.ask(GET).await.status, 200);
    let handshake = "GET /websocket HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    assert_eq!(socket.ask(handshake).await.status, 101);
    busy.send("GET /a?wait=true HTTP/1.1\r\nHost: example.com\r\n\r\n").await;
    while front.log.all().len() < 3 {
        sleep(Duration::from_millis(10)).await;
    }
    front.stop();
    assert_eq!(idle.rest().await, b"");
    assert_eq!(busy.answer().await.status, 200);
    assert_eq!(busy.rest().await, b"");
    // A WebSocket is the application's, so it is cut.
    assert_eq!(socket.rest().await, b"");
    let tunnels = front.layer.tunnels();
    front.ended().await;
    assert_eq!(tunnels.open(), 0);
}
