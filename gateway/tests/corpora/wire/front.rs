//! A proxy on a real socket, as an application would serve it.

use std::{convert::Infallible, net::SocketAddr};

use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use proxyfix::Peer;
use proxyfix_gateway::Body;
use tokio::net::TcpListener;
use tower::{Service, ServiceExt};

/// Serves this proxy with HTTP/1.1 and, by prior knowledge, HTTP/2.
pub(crate) async fn serve<S>(proxy: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            stream.set_nodelay(true).expect("an option of TCP");
            let proxy = proxy.clone();
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer::from(peer));
                proxy.clone().oneshot(request)
            });
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                // What a hostile client does to its own connection is no failure of a test.
                let _ = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}
