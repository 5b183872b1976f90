//! Upstreams of HTTP/2 that refuse, go away, or die.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use proxyfix_gateway::{Body, Limits, Protocol, ProxyOptions, ReverseProxy, Target};
use tokio::net::{TcpListener, TcpStream};

use crate::net::{client::Client, front};

/// What upstream does with its first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Refused,
    GoAway,
    Closed,
    Answered,
}

/// An upstream, and how many requests and connections it saw.
async fn upstream(first: First) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let counts = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (requests, connections) = counts.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, first, Arc::clone(&requests)));
        }
    });
    (address, counts.0, counts.1)
}

/// The second request of all meets the fault: a first one on a new connection is never sent again.
async fn serve(stream: TcpStream, first: First, requests: Arc<AtomicUsize>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let number = requests.fetch_add(1, Ordering::SeqCst);
        assert_eq!(request.version(), http::Version::HTTP_2);
        assert!(!request.headers().contains_key("host"), "Host beside the authority");
        match first {
            First::Refused if number == 1 => respond.send_reset(h2::Reason::REFUSED_STREAM),
            First::GoAway if number == 1 => {
                // Streams up to the one before were processed.
                connection.abrupt_shutdown(h2::Reason::NO_ERROR);
            }
            First::Closed if number == 1 => return,
            _ => {
                let authority = request.uri().authority().unwrap().to_string();
                let mut stream = respond.send_response(Response::new(()), false).unwrap();
                stream.send_data(Bytes::from(authority), true).unwrap();
            }
        }
    }
}

async fn front_of(address: SocketAddr) -> SocketAddr {
    let target =
        Target::builder(format!("http://{address}/")).protocol(Protocol::Http2).build().unwrap();
    front::serve(ReverseProxy::with_options(target, ProxyOptions::new()).unwrap()).await
}

const GET: &str = "GET / HTTP/1.1\r\nHost: app.example\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: app.example\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn one_connection_carries_all() {
    let (address, requests, connections) = upstream(First::Answered).await;
    let front = front_of(address).await;
    let all: Vec<_> = (0..20).map(|_| tokio::spawn(Client::once(front, GET))).collect();
    for one in all {
        assert_eq!(one.await.unwrap().text(), address.to_string());
    }
    assert_eq!((requests.load(Ordering::SeqCst), connections.load(Ordering::SeqCst)), (20, 1));
}

/// A refused request had no effect, so even a POST is sent again. One that upstream may have begun is not.
#[tokio::test]
async fn refused_streams() {
    for (first, request, status, count) in [
        (First::Refused, GET, 200, 3),
        (First::Refused, POST, 200, 3),
        (First::GoAway, GET, 200, 3),
        (First::GoAway, POST, 502, 2),
    ] {
        let (address, requests, _) = upstream(first).await;
        let front = front_of(address).await;
        assert_eq!(Client::once(front, GET).await.status, 200);
        assert_eq!(Client::once(front, request).await.status, status, "{first:?} {request}");
        assert_eq!(requests.load(Ordering::SeqCst), count, "{first:?} {request}");
    }
}

/// A connection that ends without a word may have had an effect.
#[tokio::test]
async fn a_connection_that_ends() {
    for (request, status, count) in [(GET, 200, 3), (POST, 502, 2)] {
        let (address, requests, _) = upstream(First::Closed).await;
        let front = front_of(address).await;
        assert_eq!(Client::once(front, GET).await.status, 200);
        assert_eq!(Client::once(front, request).await.status, status, "{request}");
        assert_eq!(requests.load(Ordering::SeqCst), count, "{request}");
    }
}

/// An idle connection of HTTP/1.1, from an upgrade that was refused, makes room for one of HTTP/2.
#[tokio::test]
async fn room_for_one_connection() {
    let answer = |request: http::Request<hyper::body::Incoming>| async move {
        let mut response = Response::new(Body::from(format!("{:?}", request.version())));
        if request.headers().contains_key("upgrade") {
            *response.status_mut() = http::StatusCode::UPGRADE_REQUIRED;
        }
        Ok(response)
    };
    let upstream = front::serve(tower::service_fn(answer)).await;
    let limits = Limits::default().connections(1).connect(Duration::from_secs(5));
    let target = Target::builder(format!("http://{upstream}/")).protocol(Protocol::Http2);
    let target = target.limits(limits).build().unwrap();
    let front =
        front::serve(ReverseProxy::with_options(target, ProxyOptions::new()).unwrap()).await;
    let handshake = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let refused = Client::once(front, handshake).await;
    assert_eq!((refused.status, refused.text().as_str()), (426, "HTTP/1.1"));
    let answer = Client::once(front, GET).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "HTTP/2.0"));
}
