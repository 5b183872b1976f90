//! An access log with tower-http's `TraceLayer`: the true client in a span around each request.
//!
//! ```console
//! $ cargo run --features axum,tracing --example access_log
//! listening on http://127.0.0.1:3000
//! ```
//!
//! This machine is a trusted proxy, so curl plays the proxy here.
//!
//! ```console
//! $ curl -H 'X-Forwarded-For: 6.6.6.6, 203.0.113.9' -H 'X-Forwarded-Proto: https' \
//!        -H 'Host: shop.example' http://127.0.0.1:3000/item
//! hello
//! $ curl -i -H 'X-Forwarded-For: 203.0.113.9' http://127.0.0.1:3000/
//! HTTP/1.1 400 Bad Request
//! ...
//! ```
//!
//! The log. The layer writes the second line itself:
//!
//! ```text
//!  INFO request{client.address=203.0.113.9 method=GET uri=https://shop.example/item}: answered status=200
//!  WARN request rejected http.response.status_code=400 error=x-forwarded-proto: missing beside another trusted header; the proxy must write it on every request, over plain http too network.peer.address=127.0.0.1 proxyfix.key="proto"
//! ```

use std::{error::Error, net::SocketAddr, time::Duration};

use axum::{Router, extract::Request, response::Response, routing::get};
use proxyfix::{Config, ProxyFixLayer, Resolved};
use tokio::net::TcpListener;
use tower_http::trace::TraceLayer;
use tracing::{Span, field, info, info_span};

fn span(request: &Request) -> Span {
    let client = request.extensions().get().and_then(Resolved::client_ip);
    info_span!(
        "request",
        client.address = client.map(field::display),
        method = %request.method(),
        uri = %request.uri(),
    )
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().without_time().with_ansi(false).with_target(false).init();

    let config: Config = "proxies=loopback for=1 proto=1".parse()?;
    let log = TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(
        |response: &Response, _: Duration, _: &Span| {
            info!(status = response.status().as_u16(), "answered");
        },
    );
    let app = Router::new()
        .route("/item", get(|| async { "hello\n" }))
        .layer(log)
        // Around the log, which would otherwise show what a stranger wrote.
        .layer(ProxyFixLayer::new(config));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
