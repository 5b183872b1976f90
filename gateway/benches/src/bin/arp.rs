//! axum-reverse-proxy, served as ours is: `arp LISTEN UPSTREAM`.

use axum::Router;
use axum_reverse_proxy::ReverseProxy;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::net::TcpListener;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(&arguments[0], &arguments[1]));
}

async fn serve(listen: &str, upstream: &str) {
    let proxy = ReverseProxy::new("/", format!("http://{upstream}"));
    let app: Router = proxy.into();
    let listener = TcpListener::bind(listen).await.unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new();
            let _ =
                connection.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }
}
