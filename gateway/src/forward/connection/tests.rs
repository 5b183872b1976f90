//! Time is not real: it jumps when every task waits.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use http::{Method, Request, Response};
use http_body::Frame;
use hyper::body::Incoming;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    super::{limits::ForwardLimits, tunnels::Tunnels},
    Body, BoxError, Failure, HttpBody, PIECE, serve,
};

/// Longer than all limits.
const NEVER: Duration = Duration::from_secs(1_000_000);
const IDLE: Duration = Duration::from_secs(50);
const GAP: Duration = Duration::from_secs(70);
const UPGRADED: Duration = Duration::from_secs(900);
const LONG: usize = 300_000;

fn limits() -> ForwardLimits {
    ForwardLimits::default().idle(IDLE).head(GAP).gap(GAP).upgraded_idle(UPGRADED)
}

/// A body whose pieces are sent to it.
struct Channel(mpsc::UnboundedReceiver<Bytes>);

impl HttpBody for Channel {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    Ok(match request.uri().path() {
        "/short" => Response::new(Body::from("short")),
        "/long" => Response::new(Body::from(Bytes::from(vec![b'a'; LONG]))),
        "/slow" => {
            let (sender, pieces) = mpsc::unbounded_channel();
            tokio::spawn(async move {
                for _ in 0..3 {
                    sleep(GAP.saturating_mul(10)).await;
                    // The client may be gone.
                    let _ = sender.send(Bytes::from_static(b"piece"));
                }
            });
            Response::new(Body::new(Channel(pieces)))
        }
        // A WebSocket or a tunnel, which sends back what it gets.
        _ => {
            tokio::spawn(async move {
                let upgraded = hyper::upgrade::on(request).await.expect("an upgrade");
                let (mut read, mut write) =
                    tokio::io::split(hyper_util::rt::TokioIo::new(upgraded));
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
            Response::new(Body::empty())
        }
    })
}

/// A client whose streams have this window, and the task of the server's side.
async fn client(window: u32) -> (SendRequest<Bytes>, JoinHandle<()>) {
    let (client, server) = duplex(100_000);
    let tunnels = Tunnels::new(1, 1, Duration::ZERO);
    let task = tokio::spawn(async move {
        serve(server, &limits(), true, tunnels.told(), answer).await;
    });
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(window);
    let (sender, connection) = builder.handshake(client).await.expect("a connection");
    // It answers pings.
    tokio::spawn(connection);
    (sender.ready().await.expect("a connection"), task)
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("https://app.example{path}")).body(()).expect("a request")
}

async fn body(sender: &mut SendRequest<Bytes>, path: &str) -> RecvStream {
    let (response, _) = sender.send_request(get(path), true).expect("a request");
    response.await.expect("an answer").into_body()
}

/// How long the connection lasts.
async fn lasts(start: Instant, task: JoinHandle<()>) -> Duration {
    timeout(NEVER, task).await.expect("a limit").expect("no panic");
    start.elapsed()
}

/// A client that never opens its window loses the stream, and the rest of the connection is as ever.
#[tokio::test(start_paused = true)]
async fn a_closed_window() {
    for window in [0, 1, 65_535] {
        let (mut sender, task) = client(window).await;
        let start = Instant::now();
        let mut long = body(&mut sender, "/long").await;
        let end = async {
            while let Some(data) = long.data().await {
                data?;
            }
            Ok::<_, h2::Error>(())
        };
        let end = timeout(NEVER, end).await.expect("a limit");
        assert_eq!(end.unwrap_err().reason(), Some(h2::Reason::CANCEL), "{window}");
        let after = start.elapsed();
        assert!((GAP..2 * GAP).contains(&after), "{window}: {after:?}");
        let time = lasts(start, task).await;
        assert!((GAP + IDLE..2 * GAP + IDLE).contains(&time), "{window}: {time:?}");
    }
}

/// So it is with an answer that hyper has taken, because the window has a little room.
#[tokio::test(start_paused = true)]
async fn an_answer_that_stays() {
    let (mut sender, task) = client(1).await;
    let start = Instant::now();
    let _body = body(&mut sender, "/short").await;
    let time = lasts(start, task).await;
    assert!((GAP + IDLE..2 * GAP + IDLE).contains(&time), "{time:?}");
}

/// A client that takes a little within each `gap` gets all.
#[tokio::test(start_paused = true)]
async fn a_slow_client() {
    let window = u32::try_from(PIECE).expect("a window");
    let (mut sender, _task) = client(window).await;
    let mut long = body(&mut sender, "/long").await;
    let mut read = 0;
    while let Some(data) = long.data().await {
        let data = data.expect("it is not cut");
        read += data.len();
        sleep(GAP * 9 / 10).await;
        let _ = long.flow_control().release_capacity(data.len());
    }
    assert_eq!(read, LONG);
}

/// The time of the application does not count.
#[tokio::test(start_paused = true)]
async fn a_slow_application() {
    let (mut sender, _task) = client(65_535).await;
    let mut slow = body(&mut sender, "/slow").await;
    let mut text = Vec::new();
    while let Some(data) = slow.data().await {
        text.extend_from_slice(&data.expect("it is not cut"));
    }
    assert_eq!(text, b"piecepiecepiece");
}

/// Opens a stream that is upgraded.
async fn upgraded(sender: &mut SendRequest<Bytes>) -> (RecvStream, h2::SendStream<Bytes>) {
    // The settings of the server must be there first.
    drop(body(sender, "/short").await);
    let mut request = get("/socket");
    *request.method_mut() = Method::CONNECT;
    request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    let (response, stream) = sender.send_request(request, false).expect("a request");
    (response.await.expect("an answer").into_body(), stream)
}

/// Streams that were upgraded keep a connection as long as they are in use, and it takes requests.
#[tokio::test(start_paused = true)]
async fn an_upgraded_stream_in_use() {
    let (mut sender, task) = client(65_535).await;
    let (mut read, mut write) = upgraded(&mut sender).await;
    for _ in 0..10 {
        sleep(UPGRADED * 9 / 10).await;
        write.send_data(Bytes::from_static(b"hello"), false).expect("room");
        let data = read.data().await.expect("an echo").expect("an echo");
        assert_eq!(data, "hello");
        assert!(body(&mut sender, "/short").await.data().await.is_some());
    }
    let start = Instant::now();
    drop((read, write));
    let time = lasts(start, task).await;
    assert!((IDLE..2 * IDLE).contains(&time), "{time:?}");
}

/// One that nobody uses ends, though its client answers pings.
#[tokio::test(start_paused = true)]
async fn an_upgraded_stream_without_use() {
    let (mut sender, task) = client(65_535).await;
    let (mut read, _write) = upgraded(&mut sender).await;
    let start = Instant::now();
    let time = lasts(start, task).await;
    assert!((UPGRADED..UPGRADED + IDLE).contains(&time), "{time:?}");
    assert!(!matches!(read.data().await, Some(Ok(_))));
}

/// Over HTTP/1.1, an answer is sent as it is.
#[tokio::test(start_paused = true)]
async fn http_1() {
    let (mut client, server) = duplex(100_000);
    let tunnels = Arc::new(Tunnels::new(1, 1, Duration::ZERO));
    let task = tokio::spawn(async move {
        serve(server, &limits(), true, tunnels.told(), answer).await;
    });
    let start = Instant::now();
    client.write_all(b"GET /long HTTP/1.1\r\nHost: app.example\r\n\r\n").await.expect("room");
    let mut text = Vec::new();
    client.read_to_end(&mut text).await.expect("an answer");
    assert!(text.len() > LONG);
    let time = lasts(start, task).await;
    assert!((IDLE..2 * IDLE).contains(&time), "{time:?}");
}
