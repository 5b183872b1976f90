//! The server behind the application: it records what it sees.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State, WebSocketUpgrade, ws::WebSocket},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::{net::TcpListener, time::sleep};

/// A running server.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// What it saw since the last call: one text for each request.
    pub(crate) fn seen(&self) -> String {
        let mut seen = self.seen.lock().expect("not poisoned");
        let text = seen.join(" | ");
        seen.clear();
        if text.is_empty() { "nothing".to_owned() } else { text }
    }
}

type Seen = Arc<Mutex<Vec<String>>>;

/// Starts the server.
pub(crate) async fn start() -> io::Result<Upstream> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let seen = Seen::default();
    let app = Router::new()
        .route("/base/upload", any(upload))
        .route("/base/download", any(download))
        .route("/base/events", any(events))
        .route("/base/trailers", any(trailers))
        .route("/base/redirect", any(move || async move { redirect(address) }))
        .route("/base/socket", any(socket))
        .fallback(echo)
        .with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(Upstream { address, seen })
}

fn record(seen: &Seen, text: String) {
    seen.lock().expect("not poisoned").push(text);
}

/// The target, and what the forwarding headers say.
async fn echo(State(seen): State<Seen>, headers: HeaderMap, request: Request) -> Response {
    let told = |name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned()
    };
    let told = format!(
        "{} for={} host={} prefix={}",
        request.uri(),
        told("x-forwarded-for"),
        told("x-forwarded-host"),
        told("x-forwarded-prefix"),
    );
    record(&seen, told);
    ([("set-cookie", "id=1; Path=/base")], "hello").into_response()
}

async fn upload(State(seen): State<Seen>, request: Request) -> String {
    let mut body = request.into_body();
    let (mut length, mut pieces, mut trailer) = (0, 0, String::new());
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            length += data.len();
            pieces += 1;
        } else if let Some(found) = frame.trailers_ref().and_then(|trailers| trailers.get("x-sum"))
        {
            trailer = format!(", x-sum {}", found.to_str().unwrap_or_default());
        }
    }
    let came = if pieces > 1 { "in pieces" } else { "at once" };
    record(&seen, format!("{length} bytes {came}{trailer}"));
    length.to_string()
}

async fn download() -> Response {
    let piece = Bytes::from(vec![b'x'; 64 << 10]);
    let pieces = (0..256).map(move |_| Ok::<_, io::Error>(Frame::data(piece.clone())));
    Body::new(StreamBody::new(futures_util::stream::iter(pieces))).into_response()
}

async fn events() -> Response {
    let events = futures_util::stream::unfold(0, |number| async move {
        if number == 3 {
            return None;
        }
        if number > 0 {
            sleep(Duration::from_millis(200)).await;
        }
        let event = format!("data: {number}\n\n");
        Some((Ok::<_, io::Error>(Frame::data(Bytes::from(event))), number + 1))
    });
    ([("content-type", "text/event-stream")], Body::new(StreamBody::new(events))).into_response()
}

async fn trailers() -> Response {
    let mut last = HeaderMap::new();
    last.insert("x-sum", "42".parse().expect("valid"));
    let frames =
        [Ok::<_, io::Error>(Frame::data(Bytes::from_static(b"hello"))), Ok(Frame::trailers(last))];
    ([("trailer", "x-sum")], Body::new(StreamBody::new(futures_util::stream::iter(frames))))
        .into_response()
}

/// A redirect that names this server, as applications that do not know of the proxy make it.
fn redirect(address: SocketAddr) -> Response {
    let location = format!("http://{address}/base/login");
    (StatusCode::FOUND, [("location", location)]).into_response()
}

async fn socket(State(seen): State<Seen>, upgrade: WebSocketUpgrade) -> Response {
    record(&seen, "a WebSocket".to_owned());
    upgrade.on_upgrade(answer)
}

async fn answer(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}
