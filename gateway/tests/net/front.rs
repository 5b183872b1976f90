//! A server around a service of the gateway.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicBool, AtomicU8, Ordering},
};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use proxyfix::Peer;
use proxyfix_gateway::Body;
use tokio::net::TcpListener;
use tower::{Service, service_fn, util::BoxCloneSyncService};

/// Whether each listener has an address of its own.
static IS_SPREAD: AtomicBool = AtomicBool::new(false);

/// Gives each listener an address that is not the clients'. Otherwise, the thousands of connections of a law would
/// leave no port free for a minute (`TIME_WAIT`). Only Linux has more than one loopback address from the start.
#[allow(dead_code, reason = "only the laws make so many")]
pub(crate) fn spread() {
    IS_SPREAD.store(cfg!(target_os = "linux"), Ordering::Relaxed);
}

/// Where to listen.
pub(crate) fn own_address() -> (Ipv4Addr, u16) {
    static LAST: AtomicU8 = AtomicU8::new(0);
    let is_spread = IS_SPREAD.load(Ordering::Relaxed);
    let last = if is_spread { LAST.fetch_add(1, Ordering::Relaxed) % 250 + 2 } else { 1 };
    (Ipv4Addr::new(127, 0, 0, last), 0)
}

/// Serves HTTP/1.1 and HTTP/2 on a port of its own, and says which.
pub(crate) async fn serve<S>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let listener = TcpListener::bind(own_address()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let service = service.clone();
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer::from(peer));
                let mut service = service.clone();
                async move {
                    std::future::poll_fn(|context| service.poll_ready(context)).await?;
                    service.call(request).await
                }
            });
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new());
            builder.http2().timer(TokioTimer::new()).enable_connect_protocol();
            let service = TowerToHyperService::new(service);
            let io = TokioIo::new(stream);
            tokio::spawn(async move { builder.serve_connection_with_upgrades(io, service).await });
        }
    });
    address
}

/// What is behind the layer: it answers 299, which no test's upstream does.
pub(crate) fn inner() -> BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible> {
    BoxCloneSyncService::new(service_fn(|_: Request<Incoming>| async {
        let mut response = Response::new(Body::from("inner"));
        *response.status_mut() = StatusCode::from_u16(299).unwrap();
        Ok(response)
    }))
}
