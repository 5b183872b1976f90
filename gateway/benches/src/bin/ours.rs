//! Our proxy: `ours LISTEN UPSTREAM [THREADS]`.

use std::net::SocketAddr;

use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use proxyfix::Peer;
use proxyfix_gateway::{Limits, ProxyOptions, ReverseProxy, Target};
use tokio::net::TcpListener;
use tower::{Service, service_fn};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (listen, upstream) = (arguments[0].clone(), arguments[1].clone());
    let threads = arguments.get(2).map_or(0, |threads| threads.parse().unwrap());
    let mut builder = match threads {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 0 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().unwrap().block_on(serve(&listen, &upstream));
}

async fn serve(listen: &str, upstream: &str) {
    // As many idle connections as the others keep.
    let limits = Limits::default().idle_connections(512).connections(4096);
    let target = Target::builder(format!("http://{upstream}/")).limits(limits).build().unwrap();
    let proxy = ReverseProxy::with_options(target, ProxyOptions::new()).unwrap();
    let listener = TcpListener::bind(listen).await.unwrap();
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
