//! The application behind the proxies: axum with the layer, on a TCP or a Unix socket.
//!
//! It answers with what it believes, and with every header that its handler sees, as JSON. Its answer is
//! told from a proxy's own by the header [`ANSWERED`], and a rejection by the layer by [`REJECTED`].
//! Nobody may keep an answer, but those below [`KEPT`].

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::Path,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, connect_info::Connected},
    http::{HeaderName, HeaderValue, Response, header::CACHE_CONTROL},
    response::IntoResponse,
    serve::{IncomingStream, Listener},
};
use proxyfix::{Config, Error, Peer, ProxyFixLayer, Resolved};
use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinHandle,
};

use crate::{Context, Result};

/// A rejection by the layer carries its reason here.
pub const REJECTED: &str = "x-rejected-by-proxyfix";

/// An answer of the application has this header.
pub const ANSWERED: &str = "x-answered-by-the-app";

/// What is below this path may be kept by a cache.
pub const KEPT: &str = "/kept";

/// What the application believes.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Answer {
    /// The client as a node (RFC 7239 §6).
    pub client: String,
    /// Its address, where it is known.
    pub client_ip: Option<IpAddr>,
    /// `http` or `https`.
    pub scheme: String,
    /// Without its port.
    pub host: Option<String>,
    /// The host's, or the scheme's.
    pub port: u16,
    /// The path that proxies stripped.
    pub prefix: String,
    /// The request target as the handler sees it.
    pub uri: String,
    /// Every header that the handler sees.
    pub headers: Vec<(String, String)>,
}

/// A running application. It ends when this is dropped.
#[derive(Debug)]
pub struct App(JoinHandle<()>);

impl Drop for App {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts the application on a port of this address.
///
/// # Errors
///
/// Where no socket is to be had.
pub async fn on_tcp(config: Config, ip: IpAddr) -> Result<(App, SocketAddr)> {
    let listener = TcpListener::bind((ip, 0)).await.context("the app cannot listen")?;
    let address = listener.local_addr()?;
    Ok((serve(config, listener), address))
}

/// Starts the application on a Unix socket at this path, for everybody on this machine.
///
/// # Errors
///
/// Where the path is taken or too long.
pub fn on_unix(config: Config, path: &Path) -> Result<App> {
    use std::{fs, os::unix::fs::PermissionsExt};

    let listener = UnixListener::bind(path).context("the app cannot listen")?;
    // Proxies serve as users of their own.
    fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
    Ok(serve(config, listener))
}

fn serve<L>(config: Config, listener: L) -> App
where
    L: Listener<Addr: fmt::Debug>,
    Caller: for<'a> Connected<IncomingStream<'a, L>>,
{
    let service = router(config).into_make_service_with_connect_info::<Caller>();
    App(tokio::spawn(async move { axum::serve(listener, service).await.unwrap_or_default() }))
}

/// The peer, from either listener.
#[derive(Clone, Copy, Debug)]
struct Caller(Peer);

impl Connected<IncomingStream<'_, TcpListener>> for Caller {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self((*stream.remote_addr()).into())
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Caller {
    fn connect_info(_: IncomingStream<'_, UnixListener>) -> Self {
        Self(Peer::UNIX)
    }
}

fn router(config: Config) -> Router {
    let layer = ProxyFixLayer::new(config)
        .peer_from(|extensions| {
            extensions.get::<axum::extract::ConnectInfo<Caller>>().map(|info| info.0.0)
        })
        .with_rejection_response(|error: &Error| {
            let mut response = Response::new(Body::from(format!("{error}\n")));
            *response.status_mut() = error.status();
            let reason = HeaderValue::try_from(error.to_string());
            let reason = reason.unwrap_or(HeaderValue::from_static("?"));
            response.headers_mut().insert(HeaderName::from_static(REJECTED), reason);
            response
        });
    Router::new().fallback(answer).layer(layer)
}

async fn answer(resolved: Resolved, request: Request) -> impl IntoResponse {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let kept = request.uri().path().starts_with(KEPT);
    let answer = Answer {
        client: resolved.client().to_string(),
        client_ip: resolved.client_ip(),
        scheme: resolved.scheme().to_string(),
        host: resolved.host().map(str::to_owned),
        port: resolved.port(),
        prefix: resolved.prefix().to_owned(),
        uri: request.uri().to_string(),
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
    };
    let cache = if kept { "max-age=60" } else { "no-store" };
    ([(ANSWERED, "yes"), (CACHE_CONTROL.as_str(), cache)], Json(answer))
}
