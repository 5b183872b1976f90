//! The floor: hyper's server and hyper's client with one idle connection for each client, and no rule of a proxy at all.
//! What this costs, any proxy over hyper costs: `bare LISTEN UPSTREAM`.

use hyper::{client::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(&arguments[0], &arguments[1]));
}

async fn serve(listen: &str, upstream: &str) {
    let listener = TcpListener::bind(listen).await.unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = stream.set_nodelay(true);
        let upstream = upstream.to_owned();
        tokio::spawn(async move {
            let up = TcpStream::connect(&upstream).await.unwrap();
            let _ = up.set_nodelay(true);
            let (sender, connection) = http1::handshake(TokioIo::new(up)).await.unwrap();
            tokio::spawn(connection);
            let sender = Mutex::new(sender);
            let service = service_fn(async |request: http::Request<hyper::body::Incoming>| {
                let mut sender = sender.lock().await;
                sender.ready().await?;
                sender.send_request(request).await
            });
            let server = hyper::server::conn::http1::Builder::new();
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
