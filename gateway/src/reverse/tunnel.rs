//! The bytes after an upgrade.
//!
//! 1. Bytes go both ways as they are. Where one side ends, the other side is told, and may go on.
//! 2. The tunnel ends if nothing goes either way for the limit `upgraded_idle`, or if one side breaks off.

use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};
use tokio_util::io::{InspectReader, InspectWriter};

use crate::common::clock::Clock;

/// The buffer of each direction, in bytes. Most WebSocket messages are shorter.
const BUFFER: usize = 4096;

/// Starts a tunnel between two connections that are being upgraded.
pub(super) fn start(client: OnUpgrade, upstream: OnUpgrade, idle: Duration) {
    tokio::spawn(async move {
        // If one of them fails, dropping the other one ends it.
        if let (Ok(client), Ok(upstream)) = (client.await, upstream.await) {
            run(client, upstream, idle).await;
        }
    });
}

async fn run(client: Upgraded, upstream: Upgraded, idle: Duration) {
    let clock = Clock::new();
    let mut client = watched(client, &clock);
    let mut upstream = watched(upstream, &clock);
    tokio::select! {
        _ = copy_bidirectional_with_sizes(&mut client, &mut upstream, BUFFER, BUFFER) => {}
        () = clock.idle(idle) => {}
    }
}

/// A stream that tells the clock what it reads and writes.
fn watched(stream: Upgraded, clock: &Clock) -> impl AsyncRead + AsyncWrite + Unpin {
    let (reads, writes) = (clock.clone(), clock.clone());
    let inner = InspectWriter::new(TokioIo::new(stream), move |_: &[u8]| writes.tick());
    InspectReader::new(inner, move |_: &[u8]| reads.tick())
}
