//! A server on a Unix socket. It believes anyone who may write to the socket: its own user and group.
//! So add the proxy to that group, and put the socket into a folder that others cannot write to (with
//! systemd, `RuntimeDirectory=` makes one in `/run`).
//!
//! ```console
//! $ cargo run --features axum --example unix_socket
//! listening on /tmp/proxyfix.socket
//! ```
//!
//! With nginx, write `proxy_pass http://unix:/tmp/proxyfix.socket;`. Here curl plays the proxy.
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
    use tokio::signal::unix::{SignalKind, signal};

    let config: Config = "proxies=unix for=1".parse()?;
    // Everyone connects over the socket, so there is nothing to look up.
    let layer = ProxyFixLayer::new(config).peer_from(|_| Some(Peer::UNIX));
    let hello = |resolved: Resolved| async move { format!("hello {}\n", resolved.client()) };
    let app = Router::new().route("/", get(hello)).layer(layer);

    let mut terminated = signal(SignalKind::terminate())?;
    let path = std::env::args().nth(1).unwrap_or_else(|| "/tmp/proxyfix.socket".into());
    let listener = bind(&path)?;
    println!("listening on {path}");
    tokio::select! {
        result = axum::serve(listener, app) => result?,
        result = tokio::signal::ctrl_c() => result?,
        _ = terminated.recv() => {}
    }
    std::fs::remove_file(path)?;
    Ok(())
}

/// Listens on a socket that belongs to our user and group. If a socket exists and nobody listens on
/// it, a killed server left it, and it is replaced.
#[cfg(unix)]
fn bind(path: &str) -> std::io::Result<tokio::net::UnixListener> {
    use std::{
        fs::{self, Permissions},
        io::ErrorKind,
        os::unix::{fs::PermissionsExt, net::UnixStream},
    };

    if let Err(error) = UnixStream::connect(path) {
        if error.kind() == ErrorKind::ConnectionRefused {
            fs::remove_file(path)?;
        }
    }
    let listener = tokio::net::UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o660))?;
    Ok(listener)
}

#[cfg(not(unix))]
fn main() {
    eprintln!("this needs a system with Unix sockets");
}
