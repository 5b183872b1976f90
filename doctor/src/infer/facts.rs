//! What the recording says by itself, before any word is proved: who connects, which path is taken away, whether plain
//! HTTP is closed.

use std::collections::BTreeSet;

use proxyfix::Peer;

use crate::record::{Outcome, Recording};

/// The peers as a list for `proxies=`; `None` if one is not known.
pub(super) fn peers(recording: &Recording) -> Option<BTreeSet<String>> {
    let word = |peer: Peer| match peer.ip() {
        None => "unix".to_owned(),
        // Every process on this machine can have any of these addresses.
        Some(ip) if ip.is_loopback() => "loopback".to_owned(),
        Some(ip) => ip.to_string(),
    };
    let peers: Option<BTreeSet<_>> =
        recording.arrived().map(|(_, arrived)| arrived.peer().map(word)).collect();
    peers.filter(|peers| !peers.is_empty())
}

/// The part of the path that a proxy takes away from every honest probe.
pub(super) fn strips(recording: &Recording) -> Option<String> {
    let stripped: BTreeSet<_> =
        recording.honest().map(|(exchange, _)| exchange.stripped()).collect();
    let mut stripped = stripped.into_iter();
    match (stripped.next(), stripped.next()) {
        (Some(one), None) => one.filter(|prefix| !prefix.is_empty()),
        _ => None,
    }
}

/// Whether plain HTTP was asked, if only without the token, and is closed: by no door does a request arrive, and at one at least somebody
/// refused it, led to https, or did not listen. No answer at all may be an answer to others.
pub(super) fn is_plain_closed(recording: &Recording) -> bool {
    let mut plain = recording
        .exchanges
        .iter()
        .filter(|exchange| exchange.way.scheme == "http" && !exchange.probe.is_lie())
        .peekable();
    plain.peek().is_some() && plain.all(|exchange| is_closed(&exchange.outcome))
}

/// Whether a door is closed to a request, by this answer.
fn is_closed(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Refused { status: 301..=308, location } => {
            location.as_ref().is_some_and(|to| to.starts_with("https://"))
        }
        Outcome::Refused { status, .. } => matches!(status, 400 | 403 | 421 | 426),
        Outcome::Failed(reason) => reason.contains("refused"),
        Outcome::Arrived(_)
        | Outcome::Kept
        | Outcome::Ended
        | Outcome::Closed
        | Outcome::TimedOut
        | Outcome::NotSent => false,
    }
}
