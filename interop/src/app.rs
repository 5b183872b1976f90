//! The application behind the proxies: axum with the layer, on a TCP or a Unix socket.
//!
//! Its answer is JSON: what it believes, every header that its handler sees, and every header that
//! arrived. The header [`ANSWERED`] tells its answers from a proxy's own, and [`REJECTED`] marks a
//! rejection by the layer. Caches may keep only the answers below [`KEPT`], and perhaps the one at
//! [`SILENT`].

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::Path,
};

use axum::{
    Extension, Json, Router,
    body::Body,
    extract::{Request, connect_info::Connected},
    http::{HeaderMap, HeaderName, HeaderValue, Response, header::CACHE_CONTROL},
    middleware::{Next, from_fn},
    response::{AppendHeaders, IntoResponse},
    serve::{IncomingStream, Listener},
};
use proxyfix::{Config, Error, Peer, ProxyFixLayer, Resolved};
use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinHandle,
};

use crate::{Context, Result};

/// The header with the reason for a rejection by the layer.
pub const REJECTED: &str = "x-rejected-by-proxyfix";

/// The header that every answer of the application has.
pub const ANSWERED: &str = "x-answered-by-the-app";

/// A cache may keep the answers below this path.
pub const KEPT: &str = "/kept";

/// The answer at this path does not say whether a cache may keep it.
pub const SILENT: &str = "/silent";

/// What the application believes.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Answer {
    /// The client as a node (RFC 7239 §6).
    pub client: String,
    /// Its address, if known.
    pub client_ip: Option<IpAddr>,
    /// `http` or `https`.
    pub scheme: String,
    /// Without its port.
    pub host: Option<String>,
    /// The host's port, or the default port of the scheme.
    pub port: u16,
    /// The path that proxies stripped.
    pub prefix: String,
    /// The request target as the handler sees it.
    pub uri: String,
    /// Every header that the handler sees.
    pub headers: Vec<(String, String)>,
    /// What arrived, before the layer.
    pub arrived: Arrived,
}

/// What arrived at the application, before the layer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Arrived {
    /// The authority in the request's target.
    pub authority: Option<String>,
    /// Every header.
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
/// If no socket can be opened.
pub async fn on_tcp(config: Config, ip: IpAddr) -> Result<(App, SocketAddr)> {
    let listener = TcpListener::bind((ip, 0)).await.context("the app cannot listen")?;
    let address = listener.local_addr()?;
    Ok((serve(config, listener), address))
}

/// Starts the application on a Unix socket at this path, for everybody on this machine.
///
/// # Errors
///
/// If the path is taken or too long.
pub fn on_unix(config: Config, path: &Path) -> Result<App> {
    use std::{fs, os::unix::fs::PermissionsExt};

    let listener = UnixListener::bind(path).context("the app cannot listen")?;
    // Proxies run as other users.
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
    Router::new().fallback(answer).layer(layer).layer(from_fn(arrive))
}

async fn arrive(mut request: Request, next: Next) -> impl IntoResponse {
    let authority = request.uri().authority().map(ToString::to_string);
    let arrived = Arrived { authority, headers: texts(request.headers()) };
    request.extensions_mut().insert(arrived);
    next.run(request).await
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

async fn answer(
    resolved: Resolved,
    Extension(arrived): Extension<Arrived>,
    request: Request,
) -> impl IntoResponse {
    let answer = Answer {
        client: resolved.client().to_string(),
        client_ip: resolved.client_ip(),
        scheme: resolved.scheme().to_string(),
        host: resolved.host().map(str::to_owned),
        port: resolved.port(),
        prefix: resolved.prefix().to_owned(),
        uri: request.uri().to_string(),
        headers: texts(request.headers()),
        arrived,
    };
    let cache = match request.uri().path() {
        SILENT => None,
        path if path.starts_with(KEPT) => Some((CACHE_CONTROL, "max-age=60")),
        _ => Some((CACHE_CONTROL, "no-store")),
    };
    ([(ANSWERED, "yes")], AppendHeaders(cache), Json(answer))
}
