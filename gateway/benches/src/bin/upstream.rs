//! The upstream for big bodies and upgrades: `upstream LISTEN`.
//!
//! `/down/MEBIBYTES` sends a body, `/up/MEBIBYTES` says whether it received one, `/ws` echoes.

use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, WebSocketUpgrade, ws::WebSocket},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use proxyfix_gateway_benches::{Check, Pieces};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listen = std::env::args().nth(1).unwrap();
    let app = Router::new()
        .route("/down/{mebibytes}", get(down))
        .route("/up/{mebibytes}", post(up))
        .route("/ws", any(socket));
    let listener = tokio::net::TcpListener::bind(listen).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}

async fn down(Path(mebibytes): Path<u64>) -> Response {
    let length = mebibytes << 20;
    let pieces = Pieces::new(length).map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
    let body = Body::new(StreamBody::new(stream::iter(pieces)));
    ([("content-length", length.to_string())], body).into_response()
}

async fn up(Path(mebibytes): Path<u64>, request: Request) -> String {
    let (mut body, mut check) = (request.into_body(), Check::default());
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            check.read(data);
        }
    }
    check.verdict(mebibytes << 20)
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
