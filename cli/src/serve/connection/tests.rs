//! Time is not real: it jumps when every task waits.

use std::sync::Arc;

use http::Response;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tower::{service_fn, util::BoxCloneSyncService};

use super::{
    super::{log::Log, patience::SEND, settings::AccessLog},
    Body, Duration, HEAD, Infallible, Peer, Request, serve,
};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: app.example\r\n\r\n";
const LONG: usize = 100_000;
/// Longer than all limits.
const NEVER: Duration = Duration::from_secs(100_000);

fn permit() -> OwnedSemaphorePermit {
    Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap()
}

/// A connection, whose requests get a body of some length after a pause.
fn connection(length: usize, pause: Duration) -> (DuplexStream, JoinHandle<()>) {
    let (client, server) = duplex(1000);
    let service = BoxCloneSyncService::new(service_fn(move |_: Request<Body>| async move {
        sleep(pause).await;
        Ok::<_, Infallible>(Response::new(Body::from("a".repeat(length))))
    }));
    let (log, _) = Log::to_stdout(AccessLog::Off);
    let (keep, stop) = watch::channel(());
    let task = tokio::spawn(async move {
        serve(server, permit(), Peer::UNIX, service, log, stop).await;
        drop(keep);
    });
    (client, task)
}

/// How long a connection lasts for a client that sends these bytes, and then reads and is silent.
async fn lasts(sent: &[u8], pause: Duration) -> (Duration, String) {
    let (mut client, task) = connection(2, pause);
    let start = Instant::now();
    client.write_all(sent).await.unwrap();
    let mut bytes = Vec::new();
    timeout(NEVER, client.read_to_end(&mut bytes)).await.expect("a limit").unwrap();
    task.await.unwrap();
    (start.elapsed(), String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_no_request() {
    for sent in [
        &b""[..],
        b"G",
        b"PRI * HT",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\0\0\0\0\x01\x82",
        b"GET / HTTP/1.1\r\nHost:",
    ] {
        let (time, _) = lasts(sent, Duration::ZERO).await;
        assert!((HEAD..2 * HEAD).contains(&time), "{sent:?}: {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_no_second_request() {
    let (time, text) = lasts(REQUEST, Duration::ZERO).await;
    assert!(text.ends_with("aa"), "{text}");
    assert!((HEAD..2 * HEAD).contains(&time), "{time:?}");
}

/// The time of a request does not count.
#[tokio::test(start_paused = true)]
async fn a_request_that_takes_long() {
    let pause = 10 * HEAD;
    let (time, text) = lasts(REQUEST, pause).await;
    assert!(text.ends_with("aa"), "{text}");
    assert!((pause + HEAD..pause + 2 * HEAD).contains(&time), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing() {
    let (mut client, task) = connection(LONG, Duration::ZERO);
    let start = Instant::now();
    client.write_all(REQUEST).await.unwrap();
    timeout(NEVER, task).await.expect("a limit").unwrap();
    assert!((SEND..2 * SEND).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly() {
    let (mut client, _task) = connection(LONG, Duration::ZERO);
    client.write_all(REQUEST).await.unwrap();
    let mut read = Vec::new();
    while read.len() < LONG {
        sleep(SEND * 9 / 10).await;
        let mut buffer = [0; 1000];
        let count = client.read(&mut buffer).await.unwrap();
        assert_ne!(count, 0, "cut after {} bytes", read.len());
        read.extend_from_slice(&buffer[..count]);
    }
}

/// A connection that was upgraded counts until its bytes are gone.
#[tokio::test]
async fn upgraded() {
    let (mut client, server) = duplex(1000);
    let (hold, mut bytes) = mpsc::unbounded_channel();
    let service = BoxCloneSyncService::new(service_fn(move |mut request: Request<Body>| {
        let (upgrade, hold) = (hyper::upgrade::on(&mut request), hold.clone());
        tokio::spawn(async move { hold.send(upgrade.await.unwrap()).unwrap() });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
        std::future::ready(Ok::<_, Infallible>(response))
    }));
    let (log, _) = Log::to_stdout(AccessLog::Off);
    let (_keep, stop) = watch::channel(());
    let permits = Arc::new(Semaphore::new(1));
    let permit = Arc::clone(&permits).try_acquire_owned().unwrap();
    let task = tokio::spawn(serve(server, permit, Peer::UNIX, service, log, stop));
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: a\r\n\r\n";
    client.write_all(request).await.unwrap();
    let upgraded = bytes.recv().await.unwrap();
    task.await.unwrap();
    assert_eq!(permits.available_permits(), 0);
    drop(upgraded);
    assert_eq!(permits.available_permits(), 1);
}

/// In HTTP/2, a client that answers pings and asks for nothing.
#[tokio::test(start_paused = true)]
async fn http_2_without_requests() {
    let (client, task) = connection(2, Duration::ZERO);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client))
            .await
            .unwrap();
    let client = tokio::spawn(connection);
    let start = Instant::now();
    let request = Request::get("http://app.example/").body(Body::empty()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    timeout(NEVER, task).await.expect("a limit").unwrap();
    assert!((HEAD..2 * HEAD).contains(&start.elapsed()), "{:?}", start.elapsed());
    client.await.unwrap().unwrap();
}
/// A tunnel in a stream of HTTP/2 keeps its connection, which takes requests all the time.
#[tokio::test(start_paused = true)]
async fn http_2_with_a_tunnel() {
    let (client, server) = duplex(1000);
    let service = BoxCloneSyncService::new(service_fn(|mut request: Request<Body>| {
        let is_tunnel = request.method() == http::Method::CONNECT;
        let upgrade = is_tunnel.then(|| hyper::upgrade::on(&mut request));
        tokio::spawn(async move {
            if let Some(upgrade) = upgrade {
                let mut bytes = TokioIo::new(upgrade.await.unwrap());
                let _ = bytes.read_u8().await;
            }
        });
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    }));
    let (log, _) = Log::to_stdout(AccessLog::Off);
    let (_keep, stop) = watch::channel(());
    let task = tokio::spawn(serve(server, permit(), Peer::UNIX, service, log, stop));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client))
            .await
            .unwrap();
    tokio::spawn(connection);
    let connect = Request::connect("a.example:443").body(Body::empty()).unwrap();
    let tunnel = sender.send_request(connect).await.unwrap();
    let tunnel = hyper::upgrade::on(tunnel).await.unwrap();
    for _ in 0..5 {
        sleep(10 * HEAD).await;
        let request = Request::get("http://app.example/").body(Body::empty()).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    }
    let start = Instant::now();
    drop(tunnel);
    timeout(NEVER, task).await.expect("a limit").unwrap();
    assert!((HEAD..2 * HEAD).contains(&start.elapsed()), "{:?}", start.elapsed());
}
