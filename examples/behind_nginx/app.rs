//! The application: axum, with the layer around it.
//!
//! It answers every request with what it received and what it believes, as JSON.

use std::net::SocketAddr;

use axum::{
    Extension, Router,
    extract::{ConnectInfo, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    middleware::map_request,
    response::{IntoResponse, Response},
};
use proxyfix::{Config, Error, Peer, ProxyFixLayer, Resolved, Source};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::error::{Context, Result};

/// One proxy stands in front, on this machine, and writes these four headers on every request.
pub(crate) const CONFIG: &str = "proxies=loopback for=1 proto=1 host=1 port=1";

/// Starts the application on a port of its own.
pub(crate) async fn start() -> Result<SocketAddr> {
    let config: Config = CONFIG.parse()?;
    let layer = ProxyFixLayer::new(config)
        // With the feature `axum` the layer finds `ConnectInfo` by itself, and this line goes.
        .peer_from(|ext| ext.get::<ConnectInfo<SocketAddr>>().map(|c| Peer::from(c.0)))
        // Without this line a rejection has an empty body.
        .with_rejection_response(|error: &Error| {
            (error.status(), format!("{error}\n")).into_response()
        });
    let app = Router::new()
        .fallback(answer)
        // Around the whole application: whatever stands outside sees what a stranger wrote.
        .layer(layer)
        // For this demonstration alone, something does stand outside, and writes that down.
        .layer(map_request(remember_received))
        // The layer must know who connected.
        .into_make_service_with_connect_info::<SocketAddr>();

    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen for the app")?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// What the application answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) client: Claim,
    pub(crate) scheme: Claim,
    pub(crate) host: Claim,
    pub(crate) port: Claim,
    pub(crate) url: String,
    /// `Host` and the forwarding headers as they came in over the wire.
    pub(crate) received: Vec<String>,
    /// The same headers as the handler sees them.
    pub(crate) handler_sees: Vec<String>,
}

/// A value that is believed, and why.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) value: String,
    pub(crate) vouched_for_by: String,
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
    Extension(resolved): Extension<Resolved>,
    request: Request,
) -> Answer {
    let source = resolved.source();
    Answer {
        client: claim(resolved.client(), source.client()),
        scheme: claim(&resolved.scheme(), source.scheme()),
        host: claim(&resolved.host().unwrap_or_default(), source.host()),
        port: claim(&resolved.port(), source.port()),
        url: request.uri().to_string(),
        received: lines(&received),
        handler_sees: lines(request.headers()),
    }
}

/// As axum's `Json`, but for people's eyes.
impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match serde_json::to_string_pretty(&self) {
            Ok(json) => ([(CONTENT_TYPE, "application/json")], json + "\n").into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

fn claim(value: &impl ToString, source: Source<'_>) -> Claim {
    Claim { value: value.to_string(), vouched_for_by: source.to_string() }
}

/// `Host` and the forwarding headers, however they are spelt, as `name: value`.
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
