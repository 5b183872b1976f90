//! What the tests over real sockets share: an upstream that does exactly what it is told to, a client that does
//! so too, and a front between them.

#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod client;
pub(crate) mod front;
pub(crate) mod upstream;

use std::{net::SocketAddr, time::Duration};

use tokio::net::TcpSocket;

/// Long enough for the slowest machine. No test waits this long if all is right.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An address that refuses connections as long as the socket lives: it is bound, and does not listen. A port that
/// was only free a moment ago may be another test's now.
pub(crate) fn refused() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// What one side of a connection does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Wait(Duration),
    Send(Vec<u8>),
    /// Reads until the other side ends.
    Hold,
    /// Ends its direction, and reads on.
    Finish,
    /// Closes the connection.
    Close,
    /// Closes it with RST.
    Reset,
}

/// One piece.
pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

/// A pause.
pub(crate) fn wait(milliseconds: u64) -> Step {
    Step::Wait(Duration::from_millis(milliseconds))
}

/// The value of a field of a head, in any case. All values, joined by ` | `.
pub(crate) fn field(head: &str, name: &str) -> Option<String> {
    let lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    let values: Vec<_> = lines
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
        .collect();
    (!values.is_empty()).then(|| values.join(" | "))
}
