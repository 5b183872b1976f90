//! A server on a Unix socket, to which only the proxy has access.
//!
//! ```console
//! $ cargo run --features axum --example unix_socket
//! listening on /tmp/proxyfix.socket
//! ```
//!
//! nginx would say `proxy_pass http://unix:/tmp/proxyfix.socket;`. Here curl plays the proxy.
//!
//! ```console
//! $ curl --unix-socket /tmp/proxyfix.socket -H 'X-Forwarded-For: 6.6.6.6, 203.0.113.9' \
//!        http://shop.example/
//! hello 203.0.113.9
//! $ curl --unix-socket /tmp/proxyfix.socket http://shop.example/
//! hello unknown
//! ```

#[cfg(unix)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use axum::{Router, routing::get};
    use proxyfix::{Config, Peer, ProxyFixLayer, Resolved};
    use tokio::net::UnixListener;

    let config: Config = "proxies=unix for=1".parse()?;
    // Whoever connects comes over the socket, so nothing has to be looked up.
    let layer = ProxyFixLayer::new(config).peer_from(|_| Some(Peer::UNIX));
    let hello = |resolved: Resolved| async move { format!("hello {}\n", resolved.client()) };
    let app = Router::new().route("/", get(hello)).layer(layer);

    let path = std::env::args().nth(1).unwrap_or_else(|| "/tmp/proxyfix.socket".into());
    let listener = UnixListener::bind(&path)?;
    println!("listening on {path}");
    tokio::select! {
        result = axum::serve(listener, app) => result?,
        result = tokio::signal::ctrl_c() => result?,
    }
    std::fs::remove_file(path)?;
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    eprintln!("this needs a system with Unix sockets");
}
