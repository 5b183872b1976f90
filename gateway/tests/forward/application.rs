//! The application behind the proxy. It says what it was asked for, and keeps it.

use std::{
    convert::Infallible,
    fmt::Write as _,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Router,
    extract::{FromRequestParts, State, WebSocketUpgrade, ws::Message},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, Version};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt as _;
use proxyfix::{Peer, Resolved};
use proxyfix_gateway::{Body, ProxyRequest};

/// A request as the application saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) proxied: Option<ProxyRequest>,
    pub(crate) peer: Option<Peer>,
    pub(crate) resolved: Option<Resolved>,
    pub(crate) has_upgrade: bool,
}

impl Seen {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    /// Path and query.
    pub(crate) fn path(&self) -> String {
        self.uri.path_and_query().map(ToString::to_string).unwrap_or_default()
    }
}

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// How many bodies that stream were dropped.
    dropped: Arc<AtomicUsize>,
}

impl Log {
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Seen {
        self.all().pop().expect("a request came")
    }

    pub(crate) fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }
}

/// The application.
pub(crate) fn application(log: &Log) -> Router {
    Router::new().fallback(answer).with_state(log.clone())
}

/// What the query says of a parameter.
fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs
        .filter_map(|pair| pair.split_once('='))
        .find(|(found, _)| *found == name)
        .map(|pair| pair.1)
}

async fn answer(State(log): State<Log>, request: axum::extract::Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let seen = Seen {
        method: parts.method.clone(),
        uri: parts.uri.clone(),
        version: parts.version,
        headers: parts.headers.clone(),
        proxied: parts.extensions.get::<ProxyRequest>().cloned(),
        peer: parts.extensions.get::<Peer>().copied(),
        resolved: parts.extensions.get::<Resolved>().cloned(),
        has_upgrade: parts.extensions.get::<hyper::upgrade::OnUpgrade>().is_some(),
    };
    log.seen.lock().unwrap().push(seen.clone());
    let (uri, path) = (seen.uri.clone(), seen.path());
    if path.contains("/websocket") {
        let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => upgrade,
            Err(rejection) => return rejection.into_response(),
        };
        let ignores = parameter(&uri, "ignore_ws").is_some();
        return upgrade.on_upgrade(async move |mut socket| {
            while let Some(Ok(message)) = socket.recv().await {
                let Message::Text(text) = message else { continue };
                if ignores {
                    return;
                }
                let text = format!("WS Request Url: {path} Echo: {text}");
                let _ = socket.send(Message::Text(text.into())).await;
            }
        });
    }
    if let Some(status) = parameter(&uri, "status") {
        return StatusCode::from_bytes(status.as_bytes()).expect("a status").into_response();
    }
    assert!(parameter(&uri, "raise").is_none(), "the application fails, as the test wants");
    if parameter(&uri, "wait").is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    let mut text = format!("Requested Url: {path}");
    if parameter(&uri, "addproxyhost").is_some() {
        let marker = seen.proxied.as_ref().map(|proxied| proxied.proxy_host().to_owned());
        let _ = write!(text, " Proxy Host: {}", marker.unwrap_or_default());
    }
    if seen.method == Method::POST && parameter(&uri, "noread").is_none() {
        match body.collect().await {
            Ok(body) => {
                let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
                let _ = write!(text, " Post Data: {body}");
            }
            Err(_) => return StatusCode::BAD_REQUEST.into_response(),
        }
    }
    if let Some(data) = parameter(&uri, "data") {
        text = data.replace("%20", " ");
    }
    if parameter(&uri, "chunked").is_some() || parameter(&uri, "stream").is_some() {
        return Response::new(axum::body::Body::new(Pieces { text, at: 0, log }));
    }
    text.into_response()
}

/// A body without a length, in pieces of five bytes.
struct Pieces {
    text: String,
    at: usize,
    log: Log,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = Bytes::copy_from_slice(&rest[..rest.len().min(5)]);
        self.at += piece.len();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.log.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// The application of a proxy host of its own.
pub(crate) async fn custom(request: Request<Body>) -> Result<http::Response<Body>, Infallible> {
    let host = request.headers()["host"].to_str().expect("text");
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    if path == "/other" {
        return Ok(proxyfix_gateway::NotMine::response(request));
    }
    Ok(http::Response::new(Body::from(format!("Custom App: {host} req to {path}"))))
}
