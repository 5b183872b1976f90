//! `WebSocket`s and other streams that stay open: they count, and they end by the limits.

use std::time::Duration;

use proxyfix_gateway::ForwardLimits;
use tokio::time::sleep;

use super::{
    front::{Front, options, quick},
    tunnels::no_tunnels,
    wire::{Answer, Wire},
};

/// A handshake for a target.
fn handshake(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

async fn ask(front: &Front, target: &str) -> (Answer, Wire) {
    let mut wire = Wire::connect(front.address).await;
    (wire.ask(handshake(target)).await, wire)
}

/// Outside of tunnels, they count as tunnels: with and without a URL.
#[tokio::test]
async fn places() {
    let front = Front::with(options().limits(ForwardLimits::default().tunnels(2))).await;
    let mut open = Vec::new();
    for target in ["http://example.com/websocket", "/websocket"] {
        let (answer, wire) = ask(&front, target).await;
        assert_eq!(answer.status, 101, "{target}");
        open.push(wire);
    }
    for target in ["http://example.com/websocket", "/websocket"] {
        let (answer, _) = ask(&front, target).await;
        assert_eq!(answer.status, 503, "{target}");
        assert!(answer.field("proxy-status").unwrap().ends_with("connection_limit_reached"));
    }
    let mut wire = Wire::connect(front.address).await;
    assert_eq!(wire.ask_for_tunnel("example.com:443", "").await.status, 503);
    drop(open);
    no_tunnels(&front).await;
    assert_eq!(ask(&front, "http://example.com/websocket").await.0.status, 101);
}

/// They end if nothing goes through them, and at a shutdown.
#[tokio::test]
async fn ends() {
    let front = Front::with(options().limits(quick())).await;
    let (answer, mut wire) = ask(&front, "http://example.com/websocket").await;
    assert_eq!(answer.status, 101);
    wire.rest().await;
    no_tunnels(&front).await;

    let limits = ForwardLimits::default().drain(Duration::from_millis(300));
    let mut front = Front::with(options().limits(limits)).await;
    let (answer, mut wire) = ask(&front, "http://example.com/websocket").await;
    assert_eq!(answer.status, 101);
    sleep(Duration::from_millis(50)).await;
    front.stop();
    wire.rest().await;
    let tunnels = front.layer.tunnels();
    front.ended().await;
    assert_eq!(tunnels.open(), 0);
}
