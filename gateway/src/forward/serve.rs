//! [`serve`]: a server for a forward proxy.
//!
//! 1. `TCP_NODELAY` is set. Without it, the first request of a tunnel waits 40 ms: the answer to CONNECT and the TLS
//!    handshake are two small writes, and the second waits for the acknowledgment of the first (RFC 896, RFC 1122 §4.2.3.2).
//! 2. At a shutdown, connections and tunnels finish their requests within the limit `drain`.
//! 3. The peer's address is in the extensions, as a [`Peer`].
//! 4. A connection that is upgraded (a WebSocket outside of tunnels) counts as a tunnel, and has its limits. Without a place
//!    for it, the answer is 503 instead of 101.

use std::{
    fmt,
    future::{IntoFuture, pending, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use proxyfix::Peer;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tower_service::Service;

use super::{
    connection,
    front::Front,
    layer::ForwardProxyService,
    stream::{Held, Seat},
    tunnel::failed,
    tunnels::Told,
};
use crate::common::{
    body::{Body, BoxError},
    failure::{Failure, FailureKind},
};

/// How long the listener waits after an error that is not of one connection, such as too many open files.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves a forward proxy on a listener: HTTP/1.1 and HTTP/2, with `TCP_NODELAY`, until the end of the process or the
/// [shutdown](Serve::with_graceful_shutdown).
///
/// ```no_run
/// # use axum::Router;
/// # use proxyfix_gateway::{CertificateAuthority, ForwardProxyLayer, serve};
/// # use tower::Layer;
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let authority = CertificateAuthority::open("ca/proxyfix-ca.pem")?;
/// let proxy = ForwardProxyLayer::builder(authority).build()?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// serve(listener, proxy.layer(Router::new()))
///     .with_graceful_shutdown(async { _ = tokio::signal::ctrl_c().await })
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn serve<S>(listener: TcpListener, app: ForwardProxyService<S>) -> Serve<S> {
    Serve { listener, app, shutdown: Box::pin(pending()) }
}

/// A server of a forward proxy. It runs when it is awaited.
#[must_use = "a server does nothing unless it is awaited"]
pub struct Serve<S> {
    listener: TcpListener,
    app: ForwardProxyService<S>,
    shutdown: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<S> Serve<S> {
    /// Ends the server when this future ends: nobody is accepted any more, and requests may finish within the limit
    /// [`drain`](crate::ForwardLimits::drain).
    pub fn with_graceful_shutdown(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self { shutdown: Box::pin(shutdown), ..self }
    }
}

impl<S> fmt::Debug for Serve<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl<S, R> IntoFuture for Serve<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(run(self))
    }
}

async fn run<S, R>(serve: Serve<S>) -> io::Result<()>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let Serve { listener, app, mut shutdown } = serve;
    let (tunnels, limits) = (app.front.tunnels.clone(), app.front.limits);
    let most = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    let permits = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&permits).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|accepted| (permit, accepted))
        };
        let accepted = tokio::select! {
            () = shutdown.as_mut() => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((permit, (stream, peer))) => {
                let served = one(app.clone(), stream, peer);
                tokio::spawn(async move {
                    served.await;
                    drop(permit);
                });
            }
            Err(error) if is_gone(&error) => {}
            Err(error) => {
                #[cfg(feature = "tracing")]
                tracing::warn!(%error, "no connection can be accepted");
                #[cfg(not(feature = "tracing"))]
                let _ = error;
                sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    tunnels.tell(Told::Finish);
    // Connections end within the same limit, and so do those that begin a tunnel just now.
    let connections = timeout(tunnels.limit(), permits.acquire_many(most));
    let _ = tokio::join!(tunnels.drain(), connections);
    tunnels.tell(Told::End);
    Ok(())
}

/// Whether only one connection is gone.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Serves one connection.
async fn one<S, R>(app: ForwardProxyService<S>, stream: TcpStream, peer: SocketAddr)
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    // A socket that cannot have it is slower, and works.
    let _ = stream.set_nodelay(true);
    let (limits, websockets) = (app.front.limits, app.front.websockets);
    let told = app.front.tunnels.told();
    let seat = Arc::new(Seat::default());
    let stream = Held::new(stream, &limits, told.clone(), Arc::clone(&seat));
    let filled = Arc::clone(&seat);
    let handle = move |mut request: Request<Incoming>| {
        let (mut app, seat, version) = (app.clone(), Arc::clone(&filled), request.version());
        request.extensions_mut().insert(Peer::from(peer));
        async move {
            poll_fn(|context| Service::<Request<Incoming>>::poll_ready(&mut app, context))
                .await
                .map_err(failed)?;
            let response = app.call(request).await.map_err(failed)?;
            Ok(match upgraded(&app.front, &seat, &response) {
                Ok(()) => response,
                Err(failure) => app.front.failed(failure, version),
            })
        }
    };
    connection::serve(stream, &limits, websockets, told, handle).await;
    // After CONNECT, the bytes are those of a tunnel, which has a place and limits of its own.
    if seat.is_filled() {
        seat.upgraded();
    }
}

/// Gives a connection that is upgraded a place (rule 4).
fn upgraded(front: &Front, seat: &Seat, response: &Response<Body>) -> Result<(), Failure> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    let full = || Failure::new(FailureKind::ConnectionLimit, "no room for a WebSocket").and_close();
    seat.fill(front.tunnels.begin().ok_or_else(full)?);
    Ok(())
}
