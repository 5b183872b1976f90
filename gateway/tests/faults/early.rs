//! Answers that come before the request was sent, and clients that stop, at every byte of a request's body.

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
const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
const GET: &str = "GET / HTTP/1.1\r\nHost: app.example\r\n\r\n";

const UPLOADS: [&str; 2] = [
    "POST /x HTTP/1.1\r\nHost: app.example\r\nContent-Length: 10\r\n\r\n0123456789",
    "POST /x HTTP/1.1\r\nHost: app.example\r\nTransfer-Encoding: chunked\r\n\r\n\
        6\r\n012345\r\n4\r\n6789\r\n0\r\nX-Sum: 10\r\n\r\n",
];

async fn front_of(upstream: &Upstream, limits: Limits) -> SocketAddr {
    let target = Target::builder(format!("http://{}/", upstream.address)).limits(limits);
    front::serve(ReverseProxy::with_options(target.build().unwrap(), ProxyOptions::new()).unwrap())
        .await
}

/// Where the body begins.
fn body_of(upload: &str) -> usize {
    upload.find("\r\n\r\n").unwrap() + 4
}

/// The answer arrives although the rest of the body was not sent, and the rest answers nobody.
#[tokio::test]
async fn an_answer_before_the_rest() {
    let upstream = Upstream::start(Begin::AfterHead, |_, seen| {
        vec![send(if seen.line().starts_with("POST") { REFUSED } else { OK })]
    })
    .await;
    let address = front_of(&upstream, Limits::default()).await;
    for upload in UPLOADS {
        for at in body_of(upload)..upload.len() {
            let mut client = Client::connect(address).await;
            client.send(&upload[..at]).await;
            let answer = client.answer(false).await;
            assert_eq!((answer.status, answer.text().as_str()), (403, "no"), "at {at}");
            // The rest, and another request. Either the connection ended, or each gets what is its own.
            client.send(upload[at..].to_owned() + GET).await;
            let next = client.answer(false).await;
            assert!([0, 200].contains(&next.status), "at {at}: {next:?}");
            assert_eq!(Client::once(address, GET).await.text(), "ok", "at {at}");
        }
    }
    for seen in upstream.seen() {
        let is_known = seen.line().starts_with("POST /x ") || seen.line().starts_with("GET / ");
        assert!(is_known && seen.fault.is_none(), "{seen:?}");
    }
}

/// The client neither goes on nor goes away. The limit of a pause ends it, and upstream never sees a whole body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stalls() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(&upstream, Limits::default().gap(Duration::from_millis(500))).await;
    for upload in UPLOADS {
        let places = body_of(upload)..upload.len();
        let all: Vec<_> = places.map(|at| tokio::spawn(stall(address, upload, at))).collect();
        for one in all {
            one.await.unwrap();
        }
    }
    for seen in upstream.seen() {
        assert!(!seen.is_whole || seen.line().starts_with("GET"), "{seen:?}");
    }
}

async fn stall(address: SocketAddr, upload: &str, at: usize) {
    let mut client = Client::connect(address).await;
    client.send(&upload[..at]).await;
    let answer = client.answer(false).await;
    assert_eq!(
        (answer.status, answer.error().as_deref()),
        (408, Some("http_request_error")),
        "at {at}"
    );
    // What comes too late belongs to nothing.
    client.send(&upload[at..]).await;
    assert!(client.is_closed().await, "at {at}");
    assert_eq!(Client::once(address, GET).await.text(), "ok", "at {at}");
}

/// The client ends its direction, and waits for the answer.
#[tokio::test]
async fn a_client_that_ends_its_direction() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(&upstream, Limits::default()).await;
    for upload in UPLOADS {
        for at in 0..upload.len() {
            let mut client = Client::connect(address).await;
            client.send(&upload[..at]).await;
            client.run(vec![Step::Finish]).await;
            let answer = client.answer(false).await;
            assert!(answer.status == 0 || answer.status >= 400, "at {at}: {answer:?}");
            assert!(client.is_closed().await, "at {at}");
            assert_eq!(Client::once(address, GET).await.text(), "ok", "at {at}");
        }
    }
    for seen in upstream.seen() {
        assert!(!seen.is_whole || seen.line().starts_with("GET"), "{seen:?}");
    }
}

/// Byte by byte, an upload is slow but right.
#[tokio::test]
async fn a_client_that_trickles() {
    let upstream = Upstream::answering(OK).await;
    let address = front_of(&upstream, Limits::default()).await;
    for upload in UPLOADS {
        let mut client = Client::connect(address).await;
        client.run(upload.bytes().flat_map(|byte| [send([byte]), wait(1)]).collect()).await;
        assert_eq!(client.answer(false).await.text(), "ok");
        let seen = upstream.seen().pop().unwrap();
        assert_eq!((seen.body.as_slice(), seen.is_whole), (&b"0123456789"[..], true));
    }
    assert_eq!(upstream.seen().len(), 2);
}

/// The client goes away after so many bytes of the answer.
#[tokio::test]
async fn a_client_that_leaves_the_answer() {
    const LONG: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
        6\r\n012345\r\n4\r\n6789\r\n0\r\nX-Sum: 10\r\n\r\n";
    let upstream = Upstream::start(Begin::AfterBody, |_, seen| {
        if seen.line().contains("/long") {
            let (start, rest) = LONG.split_at(LONG.len() - 20);
            vec![send(start), wait(1), send(rest)]
        } else {
            vec![send(OK)]
        }
    })
    .await;
    let address = front_of(&upstream, Limits::default()).await;
    for is_reset in [false, true] {
        for at in 0..LONG.len() {
            let mut client = Client::connect(address).await;
            client.send("GET /long HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n").await;
            assert_eq!(client.bytes(at).await.len(), at);
            if is_reset {
                client.reset();
            } else {
                drop(client);
            }
            assert_eq!(Client::once(address, GET).await.text(), "ok", "at {at}");
        }
    }
}
