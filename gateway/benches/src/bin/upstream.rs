//! The upstream for big bodies and WebSockets: `upstream LISTEN`.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, WebSocketUpgrade, ws::WebSocket},
    response::{IntoResponse, Response},
    routing::any,
};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

/// 1 GiB in pieces of 64 KiB.
const PIECES: usize = 1 << 14;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listen = std::env::args().nth(1).unwrap();
    let app =
        Router::new().route("/big", any(big)).route("/sink", any(sink)).route("/ws", any(socket));
    let listener = tokio::net::TcpListener::bind(listen).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}

async fn big() -> Response {
    let piece = Bytes::from(vec![b'x'; 1 << 16]);
    let pieces = (0..PIECES).map(move |_| Ok::<_, Infallible>(Frame::data(piece.clone())));
    let body = Body::new(StreamBody::new(futures_util::stream::iter(pieces)));
    ([("content-length", (PIECES << 16).to_string())], body).into_response()
}

async fn sink(request: Request) -> String {
    let (mut body, mut length) = (request.into_body(), 0_usize);
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, Bytes::len);
    }
    length.to_string()
}

async fn socket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}
