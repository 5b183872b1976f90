//! One connection of a client: HTTP/1.1, or HTTP/2 by prior knowledge.
//!
//! 1. A client must send the head of its first request within [`HEAD`], and hyper wants each later one within the same.
//! 2. A connection without a request for that long is told to end, also if it never had one: hyper-util waits without
//!    a limit for the bytes that tell HTTP/1.1 from HTTP/2. In HTTP/2, a client that is not there any more is found by
//!    pings.
//! 3. When the server stops, a connection ends with the requests that it has.

use std::{
    borrow::Cow,
    convert::Infallible,
    future::pending,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Version, uri::Authority};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::{Bytes, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use proxyfix::Peer;
use proxyfix_gateway::{Body, BoxError};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, watch},
    time::timeout,
};
use tower::{ServiceExt, service_fn};

use super::{
    log::{Line, Log},
    patience::Patience,
    table::Service,
};

/// How long a client may take for the head of a request: `client_header_timeout` of nginx.
pub(super) const HEAD: Duration = Duration::from_secs(60);

/// How long a client may take for the answer to a ping: hyper's default.
const PONG: Duration = Duration::from_secs(20);

/// The most fields of a request, and the most bytes of its head: the gateway's own limits.
const HEAD_FIELDS: usize = 256;
const HEAD_BYTES: u32 = 64 << 10;

/// Serves a connection until it ends.
pub(super) async fn serve<S>(
    stream: S,
    permit: OwnedSemaphorePermit,
    peer: Peer,
    service: Service,
    log: Log,
    mut stop: watch::Receiver<()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (requests, seen) = watch::channel(0);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let open = Open::new(&requests);
        let mut line = Line::begin(request.method(), &path(&request), peer, &log);
        let answer = service.clone().oneshot(request.map(Body::new));
        async move {
            let Ok(response) = answer.await;
            if let Some(line) = &mut line {
                line.answered(&response);
            }
            Ok::<_, Infallible>(response.map(|body| Sent::new(body, line, Some(open))))
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(HEAD_FIELDS)
        .max_buf_size(HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD)
        .keep_alive_timeout(PONG)
        // A client names a long field many times by a byte each (RFC 7541 §7.3), and every head holds it.
        .max_header_list_size(HEAD_BYTES / 4)
        .enable_connect_protocol();
    let stream = TokioIo::new(Patience::new(stream, permit));
    let service = TowerToHyperService::new(service);
    let mut connection = pin!(builder.serve_connection_with_upgrades(stream, service));
    let mut idle = pin!(idle(seen));
    let (mut is_idle, mut is_stopping) = (false, false);
    loop {
        tokio::select! {
            // A client that goes away is no error of ours.
            _ = connection.as_mut() => return,
            _ = stop.changed(), if !is_stopping => is_stopping = true,
            () = idle.as_mut(), if !is_idle => is_idle = true,
        }
        connection.as_mut().graceful_shutdown();
    }
}

/// Ends when there has been no request for too long.
async fn idle(mut requests: watch::Receiver<usize>) {
    loop {
        let open = *requests.borrow_and_update();
        let changed = requests.changed();
        let is_over = if open > 0 {
            changed.await.is_err()
        } else {
            match timeout(HEAD, changed).await {
                Ok(changed) => changed.is_err(),
                Err(_) => return,
            }
        };
        if is_over {
            // The connection is at its end.
            return pending().await;
        }
    }
}

/// A request that is not over.
pub(super) struct Open(watch::Sender<usize>);

impl Open {
    fn new(requests: &watch::Sender<usize>) -> Self {
        requests.send_modify(|open| *open = open.saturating_add(1));
        Self(requests.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}

/// What the log says of a target: its path. Of a request through the proxy, the URL, or what a CONNECT is for.
fn path<B>(request: &Request<B>) -> Cow<'_, str> {
    let uri = request.uri();
    // Over HTTP/2, every target has both.
    let is_absolute = request.version() <= Version::HTTP_11;
    match (uri.scheme_str().filter(|_| is_absolute), uri.authority()) {
        (Some(scheme), Some(authority)) => {
            Cow::Owned(format!("{scheme}://{}{}", bare(authority), uri.path()))
        }
        (None, Some(authority)) if uri.scheme().is_none() => Cow::Borrowed(bare(authority)),
        _ => Cow::Borrowed(uri.path()),
    }
}

/// Without what may be a password.
fn bare(authority: &Authority) -> &str {
    let text = authority.as_str();
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

/// A body on its way to the client. The request is over when it is dropped.
pub(super) struct Sent {
    body: Body,
    line: Option<Line>,
    _open: Option<Open>,
}

impl Sent {
    pub(super) fn new(body: Body, line: Option<Line>, open: Option<Open>) -> Self {
        Self { body, line, _open: open }
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let (Poll::Ready(frame), Some(line)) = (&frame, &mut self.line) {
            match frame {
                None => line.whole(),
                Some(Ok(frame)) => line.sent(frame.data_ref().map_or(0, Bytes::len)),
                Some(Err(error)) => line.broke(&**error),
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        // The server does not ask for what comes after the last piece.
        if let Some(line) = self.line.as_mut().filter(|_| self.body.is_end_stream()) {
            line.whole();
        }
    }
}

#[cfg(test)]
mod tests {
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
}
