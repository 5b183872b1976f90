//! What the tests over real sockets share: an upstream that does exactly what it is told to, a client that does
//! so too, and a front between them.

#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod client;
pub(crate) mod front;
pub(crate) mod upstream;

use std::time::Duration;

/// Long enough for the slowest machine. No test waits this long if all is right.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

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
