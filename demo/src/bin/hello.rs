//! The program of README, which `tests/readme.rs` compares. The address is an argument here.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use proxyfix::{Config, ProxyFixLayer, Resolved};

async fn hello(resolved: Resolved) -> String {
    let scheme = resolved.scheme();
    match resolved.client_ip() {
        Some(ip) => format!("hello {ip}, you came by {scheme}\n"),
        None => format!("hello stranger, you came by {scheme}\n"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Who may speak for the client, and how many proxies append to each header.
    let config: Config = "proxies=loopback for=1 proto=1 host=1 port=1".parse()?;

    let app = Router::new()
        .route("/", get(hello))
        // Last, and so around everything else.
        .layer(ProxyFixLayer::new(config));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // This gives the layer the address of the peer. Without it, every answer is 500.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
