//! Static files behind a prefix. When a directory is asked for without its slash, tower-http's
//! `ServeDir` redirects to a URL that it makes from the request's URI.
//!
//! ```console
//! $ cargo run --features axum --example static_files
//! listening on http://127.0.0.1:3000
//! ```
//!
//! This machine is a trusted proxy, so curl plays the proxy here.
//!
//! ```console
//! $ curl -i -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Forwarded-Proto: https' \
//!        -H 'X-Forwarded-Host: shop.example' -H 'X-Forwarded-Prefix: /app' \
//!        http://127.0.0.1:3000/recipes
//! HTTP/1.1 307 Temporary Redirect
//! location: https://shop.example/app/recipes/
//! ...
//!
//! $ curl -i -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Forwarded-Proto: https' \
//!        -H 'X-Forwarded-Host: evil.example' http://127.0.0.1:3000/recipes
//! HTTP/1.1 400 Bad Request
//! ...
//! ```

use std::{error::Error, net::SocketAddr};

use axum::Router;
use proxyfix::{Config, PrefixLayer, ProxyFixLayer};
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The redirect contains the scheme and the host. `proto=1` makes the scheme https, and `hosts=`
    // rejects hosts that are not ours.
    let config: Config =
        "proxies=loopback for=1 proto=1 host=1 prefix=1 hosts=shop.example".parse()?;
    let app = Router::new()
        .fallback_service(ServeDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")))
        .layer(PrefixLayer::new())
        .layer(ProxyFixLayer::new(config));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
