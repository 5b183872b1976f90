//! What stays behind: no task, no descriptor, no memory.

mod net;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use proxyfix_gateway::{Body, Limits, Protocol, ProxyOptions, ReverseProxy, Target};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tower::service_fn;

use crate::net::{
    Step,
    client::Client,
    front, send,
    upstream::{Begin, Upstream},
};

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The tests of this file measure the whole process, so they run one after the other, from the start of their runtime
/// to its end.
fn alone(test: impl Future<Output = ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(test);
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The resident memory, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Waits until a count is back where it was.
async fn settles(what: &str, most: usize, count: impl Fn() -> usize) {
    for _ in 0..1_000 {
        if count() <= most {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: {} are left, {most} were there before", count());
}

async fn front_of(address: SocketAddr) -> SocketAddr {
    let limits = Limits::default().idle_time(Duration::from_millis(100));
    let target = Target::builder(format!("http://{address}/")).limits(limits).build().unwrap();
    front::serve(ReverseProxy::with_options(target, ProxyOptions::new()).unwrap()).await
}

/// 10,000 connections that are dropped before, in and after each part of an exchange.
#[test]
fn connections_that_are_dropped() {
    alone(async {
        let upstream = Upstream::start(Begin::AfterHead, |_, seen| {
            if seen.line().contains("/ws") {
                vec![send(SWITCHED), Step::Hold]
            } else if seen.line().contains("/never") {
                vec![Step::Hold]
            } else {
                vec![
                    send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nstart"),
                    Step::Hold,
                    Step::Close,
                ]
            }
        })
        .await;
        let address = front_of(upstream.address).await;
        let before = (tasks(), descriptors());
        let mut memory = 0;
        for round in 0..100 {
            let clients: Vec<_> =
                (0..100).map(|number| tokio::spawn(drop_at(address, number % 8))).collect();
            for client in clients {
                client.await.unwrap();
            }
            if round == 10 {
                memory = resident();
            }
        }
        // What the upstream of the test still does ends with its connections.
        settles("tasks", before.0, tasks).await;
        settles("descriptors", before.1, descriptors).await;
        let grown = resident().saturating_sub(memory);
        // 9,000 connections more. A leak of one head each would be 9 MiB; the test's own records are about 3.
        assert!(grown < 8 << 10, "{grown} KiB more");
    });
}

async fn drop_at(address: SocketAddr, place: usize) {
    let mut client = Client::connect(address).await;
    let never = "GET /never HTTP/1.1\r\nHost: a\r\n\r\n";
    match place {
        0 => {}
        1 => client.send(&never[..20]).await,
        2 => client.send(never).await,
        3 => {
            client.send("POST /never HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome").await;
        }
        4 => {
            client.send("GET /body HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(client.head().await.status, 200);
        }
        5 => {
            client.send(HANDSHAKE).await;
            assert_eq!(client.head().await.status, 101);
            client.send("some bytes").await;
        }
        6 => {
            client.send(HANDSHAKE).await;
            assert_eq!(client.head().await.status, 101);
            client.reset();
        }
        _ => {
            client.send(never).await;
            client.reset();
        }
    }
}

/// A body of so many bytes, made as it is asked for.
struct Endless {
    left: usize,
    piece: Bytes,
    made: &'static AtomicUsize,
}

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(left) = self.left.checked_sub(self.piece.len()) else {
            return std::task::Poll::Ready(None);
        };
        self.left = left;
        self.made.fetch_add(self.piece.len(), Ordering::Relaxed);
        std::task::Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }
}

const GIB: usize = 1 << 30;

/// An upstream that sends 1 GiB to whoever asks, and counts what it is sent.
async fn big(made: &'static AtomicUsize) -> SocketAddr {
    front::serve(service_fn(move |request: Request<Incoming>| async move {
        if request.method() == http::Method::POST {
            let (mut body, mut length) = (request.into_body(), 0);
            while let Some(Ok(frame)) = body.frame().await {
                length += frame.data_ref().map_or(0, Bytes::len);
            }
            return Ok(Response::new(Body::from(length.to_string())));
        }
        let piece = Bytes::from(vec![b'x'; 64 << 10]);
        Ok::<_, Infallible>(Response::new(Body::new(Endless { left: GIB, piece, made })))
    }))
    .await
}

/// A client that reads nothing holds upstream up, and memory does not grow.
#[test]
fn a_slow_reader() {
    alone(async {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let address = front_of(big(&MADE).await).await;
        let before = resident();
        let mut client = Client::connect(address).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        let first = client.bytes(1 << 20).await;
        assert!(first.starts_with(b"HTTP/1.1 200 "));
        let mut last = 0;
        // It stops when the buffers of all sockets are full.
        loop {
            sleep(Duration::from_millis(200)).await;
            let made = MADE.load(Ordering::Relaxed);
            if made == last {
                break;
            }
            last = made;
        }
        assert!(last < 64 << 20, "{last} bytes were made for a client that reads nothing");
        let grown = resident().saturating_sub(before);
        assert!(grown < 64 << 10, "{grown} KiB more");
        // And goes on when it reads.
        client.bytes(64 << 20).await;
        assert!(MADE.load(Ordering::Relaxed) > last);
    });
}

/// 1 GiB each way passes through, and memory stays flat.
#[test]
fn a_gibibyte_each_way() {
    alone(async {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let address = front_of(big(&MADE).await).await;
        let before = resident();

        let mut client = Client::connect(address).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        let (mut length, mut most) = (0, 0);
        loop {
            let read = client.bytes(1 << 20).await.len();
            if read == 0 {
                break;
            }
            length += read;
            most = most.max(resident());
        }
        assert!(length > GIB);
        assert!(most.saturating_sub(before) < 64 << 10, "{} KiB more", most.saturating_sub(before));

        let mut client = Client::connect(address).await;
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {GIB}\r\n\r\n")).await;
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..GIB >> 20 {
            client.send(&piece).await;
            most = most.max(resident());
        }
        assert_eq!(client.answer(false).await.text(), GIB.to_string());
        assert!(most.saturating_sub(before) < 64 << 10, "{} KiB more", most.saturating_sub(before));
    });
}

/// An upstream that reads nothing holds the client up, and memory does not grow.
#[test]
fn a_slow_upstream() {
    alone(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = front_of(listener.local_addr().unwrap()).await;
        let before = resident();
        let mut client = Client::connect(address).await;
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {GIB}\r\n\r\n")).await;
        let (mut upstream, _) = listener.accept().await.unwrap();
        let piece = vec![b'x'; 64 << 10];
        let mut sent = 0;
        // It stops when the buffers of all sockets are full.
        while timeout(Duration::from_secs(1), client.send(&piece)).await.is_ok() {
            sent += piece.len();
            assert!(sent < 64 << 20, "{sent} bytes were taken for an upstream that reads nothing");
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 64 << 10, "{grown} KiB more");
        // And goes on when it reads.
        let reads = tokio::spawn(async move {
            let mut buffer = vec![0; 64 << 10];
            while upstream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        });
        timeout(net::PATIENCE, client.send(vec![b'x'; 64 << 20])).await.expect("it goes on");
        drop(client);
        reads.await.unwrap();
    });
}

/// 10,000 streams of HTTP/2 that are reset before, in and after each part of an exchange, over upstreams of both
/// versions.
#[test]
fn streams_that_are_reset() {
    alone(async {
        let upstream = front::serve(service_fn(unfinished)).await;
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let limits = Limits::default().idle_time(Duration::from_millis(100));
            let target = Target::builder(format!("http://{upstream}/")).limits(limits);
            let target = target.protocol(protocol).build().unwrap();
            let proxy = ReverseProxy::with_options(target, ProxyOptions::new()).unwrap();
            let address = front::serve(proxy).await;
            let before = (tasks(), descriptors());
            let mut memory = 0;
            for round in 0..50 {
                let clients: Vec<_> =
                    (0..10).map(|_| tokio::spawn(reset_streams(address))).collect();
                for client in clients {
                    client.await.unwrap();
                }
                if round == 10 {
                    memory = resident();
                }
            }
            settles("tasks", before.0, tasks).await;
            settles("descriptors", before.1, descriptors).await;
            let grown = resident().saturating_sub(memory);
            // 4,000 streams more. A leak of 4 KiB each would be 16 MiB.
            assert!(grown < 8 << 10, "{protocol:?}: {grown} KiB more");
        }
    });
}

/// Answers `/body` with a body that has no end, and nothing else. It ends if the request breaks off.
async fn unfinished(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let is_answered = request.uri().path() == "/body";
    let mut body = request.into_body();
    let broken = async move {
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return Err("the request broke off");
            }
        }
        std::future::pending().await
    };
    let mut response = Response::new(Body::empty());
    if is_answered {
        let start = stream::iter([Ok(Frame::data(Bytes::from("start")))]);
        *response.body_mut() = Body::new(StreamBody::new(start.chain(stream::once(broken))));
    } else {
        let _: Result<Frame<Bytes>, _> = broken.await;
    }
    Ok(response)
}

/// Ten streams on one connection.
async fn reset_streams(address: SocketAddr) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    for place in 0..10 {
        sender = sender.ready().await.unwrap();
        let path = if place % 2 == 0 { "/never" } else { "/body" };
        let method = if place < 4 { http::Method::POST } else { http::Method::GET };
        let request = Request::builder().method(method.clone()).uri(format!("http://a{path}"));
        let (response, mut body) =
            sender.send_request(request.body(()).unwrap(), method == http::Method::GET).unwrap();
        if place < 4 {
            body.send_data(Bytes::from("some"), false).unwrap();
        }
        if path == "/body" {
            let mut body = response.await.unwrap().into_body();
            assert_eq!(body.data().await.unwrap().unwrap(), "start");
        } else if place % 4 == 0 {
            // Some of the requests are on their way, and some are not.
            sleep(Duration::from_millis(1)).await;
        }
    }
    drop(sender);
    connection.abort();
}
