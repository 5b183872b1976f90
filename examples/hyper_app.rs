//! hyper without tower. The service calls `fix_request`, the peer comes from `accept`, and the
//! configuration comes from the environment.
//!
//! ```console
//! $ PROXYFIX='proxies=loopback for=1 proto=1' cargo run --example hyper_app
//! listening on http://127.0.0.1:3000
//! ```
//!
//! This machine is a trusted proxy, so curl plays the proxy here.
//!
//! ```console
//! $ curl -H 'X-Forwarded-For: 6.6.6.6, 203.0.113.9' -H 'X-Forwarded-Proto: https' \
//!        -H 'Host: shop.example' http://127.0.0.1:3000/item
//! 203.0.113.9 asked for https://shop.example/item
//! $ curl -i -H 'X-Forwarded-For: 203.0.113.256' http://127.0.0.1:3000/
//! HTTP/1.1 400 Bad Request
//! cache-control: no-store
//! ...
//!
//! x-forwarded-for, hop 1, byte 0: malformed node, expected an address with an optional port, unknown, or _identifier (IPv6 in brackets if a port follows, and in Forwarded)
//! ```

use std::{convert::Infallible, error::Error};

use http::{HeaderValue, Request, Response, header::CACHE_CONTROL};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use proxyfix::{Config, Peer, Resolved, fix_request};
use tokio::net::TcpListener;

fn answer(mut request: Request<Incoming>, peer: Peer, config: &Config) -> Response<String> {
    request.extensions_mut().insert(peer);
    if let Err(error) = fix_request(&mut request, config) {
        let mut response = Response::new(format!("{error}\n"));
        *response.status_mut() = error.status();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return response;
    }
    let client = request.extensions().get().map(Resolved::client);
    let client = client.map(ToString::to_string).unwrap_or_default();
    Response::new(format!("{client} asked for {}\n", request.uri()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::from_env("PROXYFIX")?;
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, address) = listener.accept().await?;
        let config = config.clone();
        let service = service_fn(move |request| {
            let response = answer(request, Peer::from(address), &config);
            async { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(async move {
            if let Err(error) =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
            {
                eprintln!("{error}");
            }
        });
    }
}
