//! Servers of files: `files LISTEN FOLDER ours | servedir | app EXPORTS`, each on one thread of hyper.
//!
//! Before the application there are one or three exports of the folder, of which the last has the files. `app` is the
//! application alone: it answers every path with `x`, 1024 times.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use proxyfix_gateway::{Dir, FilesLayer};
use tokio::net::TcpListener;
use tower::{Layer, Service, service_fn, util::BoxCloneSyncService};
use tower_http::services::ServeDir;

type App = BoxCloneSyncService<Request<Incoming>, Response<Full<Bytes>>, Infallible>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let listener = TcpListener::bind(&arguments[0]).await.unwrap();
    let folder = &arguments[1];
    let text = Bytes::from("x".repeat(1024));
    let app: App = BoxCloneSyncService::new(service_fn(move |_: Request<Incoming>| {
        let response = Response::new(Full::new(text.clone()));
        async { Ok(response) }
    }));
    let names = if arguments[3] == "1" { &["html"][..] } else { &["one", "two", "html"] };
    let other = |name: &str| format!("{folder}/{name}");
    match arguments[2].as_str() {
        "ours" => {
            let mut files = FilesLayer::builder();
            for name in names {
                files = files.export("/", Dir::open(other(name)).unwrap());
            }
            serve(listener, files.build().unwrap().layer(app)).await;
        }
        "servedir" => {
            let files = ServeDir::new(other("html")).fallback(app);
            if names.len() == 1 {
                return serve(listener, files).await;
            }
            let files = ServeDir::new(other("two")).fallback(files);
            serve(listener, ServeDir::new(other("one")).fallback(files)).await;
        }
        _ => serve(listener, app).await,
    }
}

async fn serve<S, B>(listener: TcpListener, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new();
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
