//! Our proxy: `ours LISTEN UPSTREAM [threads | axum]`.
//!
//! It is served by hyper on one thread; with `threads`, on a runtime with two threads; with `axum`, by `axum::serve`
//! on one thread.

use std::net::SocketAddr;

use axum::{Router, serve::ListenerExt};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use proxyfix::Peer;
use proxyfix_gateway::{Limits, ProxyOptions, ReverseProxy, Target};
use tokio::{net::TcpListener, runtime::Builder};
use tower::{Service, service_fn};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (listen, upstream) = (&arguments[0], &arguments[1]);
    let how = arguments.get(2).map(String::as_str);
    let mut runtime = match how {
        Some("threads") => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.unwrap();
        match how {
            Some("axum") => serve_by_axum(listener, proxy(upstream)).await,
            _ => serve(listener, proxy(upstream)).await,
        }
    });
}

fn proxy(upstream: &str) -> ReverseProxy {
    // As many idle connections as the others keep.
    let limits = Limits::default().idle_connections(512).connections(4096);
    let target = Target::builder(format!("http://{upstream}/")).limits(limits).build().unwrap();
    ReverseProxy::with_options(target, ProxyOptions::new()).unwrap()
}

async fn serve(listener: TcpListener, proxy: ReverseProxy) {
    loop {
        let (stream, peer): (_, SocketAddr) = listener.accept().await.unwrap();
        let _ = stream.set_nodelay(true);
        let proxy = proxy.clone();
        let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(Peer::from(peer));
            proxy.clone().call(request)
        });
        let service = TowerToHyperService::new(service);
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new();
            let _ =
                connection.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }
}

async fn serve_by_axum(listener: TcpListener, proxy: ReverseProxy) {
    let app = Router::new().fallback_service(proxy);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
}
