//! An HTTP/2 connection that refuses requests while many are under way: they move to one other connection, together.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use proxyfix_gateway::{Limits, Protocol, ProxyOptions, ReverseProxy, Target};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

use crate::net::{client::Client, front};

const GET: &str = "GET / HTTP/1.1\r\nHost: app.example\r\n\r\n";

/// Kinds of frames.
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];

/// What upstream does after the first request of its first connection, which it answers. On the others it answers every
/// request, if nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// When this many more came: it goes away, and had no other than the first.
    GoAway(usize),
    /// It refuses the second and, much later, the third.
    RefuseTwo,
    /// It refuses the second, and never answers the third.
    RefuseOne,
    /// It refuses every other one, on each connection.
    RefuseAll,
    /// It admits one at a time, and the second goes on and on.
    Full,
    /// The same, and then the connection ends.
    FullAndGone,
}

struct Connection(TcpStream);

impl Connection {
    async fn send(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &id.to_be_bytes()].concat();
        self.0.write_all(&[&head, payload].concat()).await
    }

    /// Status 200 without a body.
    async fn answer(&mut self, id: u32) -> io::Result<()> {
        self.send(HEADERS, 5, id, b"\x88").await
    }

    async fn refuse(&mut self, id: u32) -> io::Result<()> {
        self.send(RST_STREAM, 0, id, &REFUSED_STREAM).await
    }

    /// The stream of the next request.
    async fn request(&mut self) -> io::Result<u32> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            self.0.read_exact(&mut vec![0; usize::try_from(length).unwrap()]).await?;
            match (head[3], head[4]) {
                (HEADERS, _) => {
                    return Ok(u32::from_be_bytes([head[5], head[6], head[7], head[8]]));
                }
                (SETTINGS, 0) => self.send(SETTINGS, 1, 0, &[]).await?,
                _ => {}
            }
        }
    }

    async fn serve(mut self, is_first: bool, then: Then) -> io::Result<()> {
        // The preface of the connection.
        self.0.read_exact(&mut [0; 24]).await?;
        // At most one stream.
        let is_full = matches!(then, Then::Full | Then::FullAndGone);
        let settings: &[u8] = if is_full { &[0, 3, 0, 0, 0, 1] } else { &[] };
        self.send(SETTINGS, 0, 0, settings).await?;
        let first = self.request().await?;
        self.answer(first).await?;
        match then {
            Then::GoAway(count) if is_first => {
                for _ in 0..count {
                    self.request().await?;
                }
                self.send(GOAWAY, 0, 0, &[first.to_be_bytes(), [0; 4]].concat()).await?;
                sleep(Duration::from_millis(50)).await;
                return Ok(());
            }
            Then::RefuseTwo if is_first => {
                let (second, third) = (self.request().await?, self.request().await?);
                self.refuse(second).await?;
                sleep(Duration::from_millis(300)).await;
                self.refuse(third).await?;
            }
            Then::RefuseOne if is_first => {
                let (second, _) = (self.request().await?, self.request().await?);
                self.refuse(second).await?;
            }
            Then::Full if is_first => {
                let second = self.request().await?;
                self.send(HEADERS, 4, second, b"\x88").await?;
            }
            Then::FullAndGone if is_first => {
                let second = self.request().await?;
                self.send(HEADERS, 4, second, b"\x88").await?;
                sleep(Duration::from_millis(200)).await;
                return Ok(());
            }
            Then::RefuseAll => loop {
                let id = self.request().await?;
                self.refuse(id).await?;
            },
            Then::GoAway(_)
            | Then::RefuseTwo
            | Then::RefuseOne
            | Then::Full
            | Then::FullAndGone => {}
        }
        loop {
            let id = self.request().await?;
            self.answer(id).await?;
        }
    }
}

/// A front of such an upstream, and how many connections upstream got.
async fn front_of(then: Then) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let is_first = count.fetch_add(1, Ordering::SeqCst) == 0;
            tokio::spawn(Connection(stream).serve(is_first, then));
        }
    });
    let limits = Limits::default().head(Duration::from_millis(500));
    let target = Target::builder(url).protocol(Protocol::Http2).limits(limits).build().unwrap();
    let proxy = ReverseProxy::with_options(target, ProxyOptions::new()).unwrap();
    (front::serve(proxy).await, connections)
}

/// The statuses of one request, and then of many at once.
async fn statuses(front: SocketAddr, count: usize) -> Vec<u16> {
    let mut statuses = vec![Client::once(front, GET).await.status];
    let all: Vec<_> = (0..count).map(|_| tokio::spawn(Client::once(front, GET))).collect();
    for one in all {
        statuses.push(one.await.unwrap().status);
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_move_to_one_connection() {
    let (front, connections) = front_of(Then::GoAway(60)).await;
    assert_eq!(statuses(front, 60).await, [200; 61]);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// A request that waited for its turn never left, and is sent again.
#[tokio::test]
async fn a_connection_that_ends_before_a_turn() {
    let (front, connections) = front_of(Then::FullAndGone).await;
    assert_eq!(statuses(front, 2).await, [200; 3]);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// What the old connection refuses late says nothing of the new one.
#[tokio::test]
async fn a_late_refusal() {
    let (front, connections) = front_of(Then::RefuseTwo).await;
    assert_eq!(statuses(front, 2).await, [200; 3]);
    assert_eq!(Client::once(front, GET).await.status, 200);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// Nor does a request over the old one that is not answered in time.
#[tokio::test]
async fn a_late_doubt() {
    let (front, connections) = front_of(Then::RefuseOne).await;
    let mut all = statuses(front, 2).await;
    all.sort_unstable();
    assert_eq!(all, [200, 200, 504]);
    assert_eq!(Client::once(front, GET).await.status, 200);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// A request for which the connection has no stream left waits for one, and the next one makes a new connection.
#[tokio::test]
async fn more_than_the_streams() {
    let (front, connections) = front_of(Then::Full).await;
    assert_eq!(statuses(front, 0).await, [200]);
    let mut long = Client::connect(front).await;
    long.send(GET).await;
    assert_eq!(long.head().await.status, 200);
    let answer = Client::once(front, GET).await;
    assert_eq!((answer.status, answer.error().as_deref()), (504, Some("http_response_timeout")));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert_eq!(Client::once(front, GET).await.status, 200);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// A request that shared the new connection, and was refused there too, gets one of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_for_each_connection() {
    let (front, _) = front_of(Then::RefuseAll).await;
    assert_eq!(statuses(front, 20).await, [200; 21]);
}
