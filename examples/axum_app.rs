//! An axum app that a proxy mounts at a prefix. It shows what handlers may believe, and how redirects
//! and cookies work for the client.
//!
//! ```console
//! $ cargo run --features axum --example axum_app
//! listening on http://127.0.0.1:3000
//! ```
//!
//! This machine is a trusted proxy, so curl plays the proxy here. The first address is a lie that the
//! client wrote.
//!
//! ```console
//! $ curl -H 'X-Forwarded-For: 6.6.6.6, 203.0.113.9' -H 'X-Forwarded-Proto: https' \
//!        -H 'X-Forwarded-Host: shop.example' -H 'X-Forwarded-Prefix: /app' \
//!        http://127.0.0.1:3000/item?id=1
//! 203.0.113.9 asked for https://shop.example/app/item?id=1
//! $ curl -i -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Forwarded-Proto: https' \
//!        -H 'X-Forwarded-Prefix: /app' http://127.0.0.1:3000/
//! HTTP/1.1 303 See Other
//! ...
//! location: /app/item?id=1
//! set-cookie: seen=1; Path=/app
//! ...
//! $ curl http://127.0.0.1:3000/item
//! the client's address is not known, and this resource needs it; no trusted proxy named one
//! ```

use std::{error::Error, net::SocketAddr};

use axum::{
    Router,
    http::header::SET_COOKIE,
    response::{IntoResponse, Redirect},
    routing::get,
};
use proxyfix::{
    Config, PrefixLayer, ProxyFixLayer,
    extract::{ClientIp, ExternalUrl},
};
use tokio::net::TcpListener;

async fn item(ClientIp(ip): ClientIp, ExternalUrl(url): ExternalUrl) -> String {
    format!("{ip} asked for {url}\n")
}

/// This handler does not know the prefix.
async fn home() -> impl IntoResponse {
    ([(SET_COOKIE, "seen=1; Path=/")], Redirect::to("/item?id=1"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config: Config = "proxies=loopback for=1 proto=1 host=1 prefix=1".parse()?;
    let app = Router::new()
        .route("/", get(home))
        .route("/item", get(item))
        .layer(PrefixLayer::new())
        // Added last, so it is around everything else.
        .layer(ProxyFixLayer::new(config));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
