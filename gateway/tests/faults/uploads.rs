//! Bodies of requests over HTTP/2 that upstream neither reads nor refuses.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use h2::server::SendResponse;
use http::Response;
use proxyfix_gateway::{Limits, Protocol, ProxyOptions, ReverseProxy, Target};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

use crate::net::{PATIENCE, client::Client, front};

/// How many requests upstream takes at once.
const STREAMS: u32 = 3;
const GAP: Duration = Duration::from_millis(300);
const GET: &str = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

#[derive(Default)]
struct Counts {
    opened: AtomicUsize,
    closed: AtomicUsize,
}

async fn upstream() -> (SocketAddr, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let counts = Arc::new(Counts::default());
    let seen = Arc::clone(&counts);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            seen.opened.fetch_add(1, Ordering::SeqCst);
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                serve(stream).await;
                seen.closed.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    (address, counts)
}

/// Keeps the bodies, and gives no window back.
async fn serve(stream: TcpStream) {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(STREAMS);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let mut held = Vec::new();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let path = request.uri().path().to_owned();
        let answer = |respond: &mut SendResponse<Bytes>, is_end: bool| {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            stream.send_data(Bytes::from("ok"), is_end).unwrap();
            stream
        };
        let stream = match path.as_str() {
            "/silent" => None,
            "/begun" => Some(answer(&mut respond, false)),
            _ => Some(answer(&mut respond, true)),
        };
        if path != "/next" {
            held.push((request.into_body(), respond, stream));
        }
    }
}

#[tokio::test]
async fn that_nobody_takes() {
    // Before the answer begins, hyper ends such a request by itself.
    for (path, ends) in [("/answered", 1), ("/begun", 1), ("/silent", 0)] {
        let (address, counts) = upstream().await;
        let limits = Limits::default().head(PATIENCE).gap(GAP);
        let target = Target::builder(format!("http://{address}/"));
        let target = target.protocol(Protocol::Http2).limits(limits).build().unwrap();
        let front =
            front::serve(ReverseProxy::with_options(target, ProxyOptions::new()).unwrap()).await;
        let mut clients = Vec::new();
        for _ in 0..STREAMS {
            let mut client = Client::connect(front).await;
            let head =
                format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
            client.send(&head).await;
            client.send(&"x".repeat(200_000)).await;
            if path != "/silent" {
                assert_eq!(client.head().await.status, 200, "{path}");
            }
            clients.push(client);
        }
        drop(clients);
        sleep(3 * GAP).await;
        let next = tokio::time::timeout(PATIENCE / 2, Client::once(front, GET)).await;
        assert_eq!(next.expect("all streams are in use").text(), "ok", "{path}");
        let seen = || [&counts.opened, &counts.closed].map(|count| count.load(Ordering::SeqCst));
        for _ in 0..200 {
            if seen() == [1 + ends, ends] {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(seen(), [1 + ends, ends], "{path}");
    }
}
