//! The application: axum, with the layer around it.
//!
//! It answers each request with what it received and what it believes.

use std::net::SocketAddr;

use axum::{
    Extension, Router, extract::Request, http::HeaderMap, middleware::map_request,
    response::IntoResponse,
};
use proxyfix::{Config, Error, ProxyFixLayer, Resolved};
use tokio::net::TcpListener;

use crate::{
    answer::{Answer, Claim},
    error::{Context, Result},
};

/// One proxy on this machine writes these four headers on every request.
pub(crate) const CONFIG: &str = "proxies=loopback for=1 proto=1 host=1 port=1";

/// Starts the application on a free port.
pub(crate) async fn start() -> Result<SocketAddr> {
    let config: Config = CONFIG.parse()?;
    let layer = ProxyFixLayer::new(config)
        // Without this line a rejection has an empty body.
        .with_rejection_response(|error: &Error| {
            (error.status(), format!("{error}\n")).into_response()
        });
    let app = Router::new()
        .fallback(answer)
        // Around the whole application: anything outside it sees what a stranger wrote.
        .layer(layer)
        // Only this demonstration has something outside, to show what arrived.
        .layer(map_request(remember_received))
        // The layer must know who connected.
        .into_make_service_with_connect_info::<SocketAddr>();

    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for the app")?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// The headers before the layer has touched them.
#[derive(Clone)]
struct Received(HeaderMap);

async fn remember_received(mut request: Request) -> Request {
    let received = Received(request.headers().clone());
    request.extensions_mut().insert(received);
    request
}

async fn answer(
    Extension(Received(received)): Extension<Received>,
    resolved: Resolved,
    request: Request,
) -> String {
    let source = resolved.source();
    let answer = Answer {
        client: Claim::new(resolved.client(), source.client()),
        scheme: Claim::new(&resolved.scheme(), source.scheme()),
        host: Claim::new(&resolved.host().unwrap_or_default(), source.host()),
        port: Claim::new(&resolved.port(), source.port()),
        url: request.uri().to_string(),
        received: lines(&received),
        handler_sees: lines(request.headers()),
    };
    answer.to_string()
}

/// `Host` and the forwarding headers in every spelling, as `name: value`.
fn lines(headers: &HeaderMap) -> Vec<String> {
    let wanted = |name: &str| {
        let name = name.replace('_', "-");
        matches!(name.as_str(), "host" | "forwarded" | "x-real-ip")
            || name.starts_with("x-forwarded-")
    };
    headers
        .iter()
        .filter(|(name, _)| wanted(name.as_str()))
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect()
}
