//! What goes upstream at all, and with which target.

use super::{
    super::{
        cases::Kind,
        wire::{bytes, latin1},
    },
    D,
};

pub(crate) fn dot_segments(d: &D<'_>) -> bool {
    let path = d.case.target.split(['?', '#']).next().unwrap_or_default();
    let path = path.to_ascii_lowercase().replace("%2e", ".");
    let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    path.split('/').any(is_dots) && d.is_refused("400")
}

pub(crate) fn target_characters(d: &D<'_>) -> bool {
    let (path, query) = d.case.target.split_once('?').unwrap_or((&d.case.target, ""));
    (path.contains(['`', '<', '>']) || query.contains(['"', '<', '>'])) && d.is_refused("400")
}

pub(crate) fn target_bytes(d: &D<'_>) -> bool {
    !d.case.target.is_ascii() && d.is_refused_by_them()
}

pub(crate) fn broken_triplet(d: &D<'_>) -> bool {
    matches!(d.case.target.as_str(), "/p/%" | "/p/%zz") && d.is_refused_by_them()
}

pub(crate) fn prefix_alone(d: &D<'_>) -> bool {
    d.case.target == "/p" && d.is_refused_by_them()
}

pub(crate) fn decoded_prefix(d: &D<'_>) -> bool {
    matches!(d.case.target.as_str(), "/p%2Fa" | "//p/a") && d.is_refused("404")
}

pub(crate) fn nominations(d: &D<'_>) -> bool {
    let refused = ["Cookie", "Host", "Content-Type", "X-Forwarded-For", "a b"];
    refused.iter().any(|name| d.asks(&format!("Connection: {name}\r\n"))) && d.is_refused("400")
}

pub(crate) fn expectation(d: &D<'_>) -> bool {
    d.asks("Expect: something-else") && d.is_refused("417")
}

pub(crate) fn expect_without_body(d: &D<'_>) -> bool {
    d.asks("Expect: 100-continue") && d.case.method == "GET" && d.is_refused_by_them()
}

pub(crate) fn expect_dropped(d: &D<'_>) -> bool {
    d.is_field("expect") && d.case.method == "GET" && d.is_dropped_here()
}

pub(crate) fn invalid_host(d: &D<'_>) -> bool {
    d.case.kind == Kind::Host && d.is_refused("400")
}

pub(crate) fn no_host(d: &D<'_>) -> bool {
    d.case.kind == Kind::Host && d.fact == "status" && d.theirs == "500" && d.ours == "400"
}

pub(crate) fn trace(d: &D<'_>) -> bool {
    d.case.method == "TRACE" && d.is_refused("405")
}

pub(crate) fn connect(d: &D<'_>) -> bool {
    d.case.method == "CONNECT" && d.is_refused("501")
}

pub(crate) fn connect_status(d: &D<'_>) -> bool {
    d.case.method == "CONNECT" && d.fact == "status" && d.theirs == "404" && d.ours == "501"
}

pub(crate) fn asterisk(d: &D<'_>) -> bool {
    d.case.target == "*" && d.is_refused("400")
}

pub(crate) fn asterisk_status(d: &D<'_>) -> bool {
    d.case.target == "*" && d.fact == "status" && d.ours == "400"
}

pub(crate) fn method_case(d: &D<'_>) -> bool {
    d.case.method == "get" && d.is_refused_by_them()
}

pub(crate) fn equal_lengths(d: &D<'_>) -> bool {
    d.asks("Content-Length: 5\r\nContent-Length: 5\r\n") && d.is_refused_by_them()
}

pub(crate) fn broken_chunks(d: &D<'_>) -> bool {
    d.case.bytes.ends_with(b"helloXX0\r\n\r\n") && d.is_refused_by_them()
}

pub(crate) fn broken_chunks_status(d: &D<'_>) -> bool {
    d.case.bytes.ends_with(b"helloXX0\r\n\r\n") && d.fact == "status" && d.ours == "400"
}

pub(crate) fn versions(d: &D<'_>) -> bool {
    let is_refused = d.fact == "status" && d.ours == "400" || d.is_refused("400");
    d.case.kind == Kind::Version && is_refused
}

pub(crate) fn identity_coding(d: &D<'_>) -> bool {
    d.asks("Transfer-Encoding: identity") && d.fact == "status" && d.ours == "400"
}

pub(crate) fn refused_outside(d: &D<'_>) -> bool {
    d.case.target == "/../p/a" && d.fact == "status" && d.theirs == "404" && d.ours == "400"
}

pub(crate) fn question_mark(d: &D<'_>) -> bool {
    d.changed_target() == Some(d.ours.as_str())
}

pub(crate) fn empty_query(d: &D<'_>) -> bool {
    d.changed_target().is_some_and(|theirs| format!("{theirs}?") == d.ours)
}

pub(crate) fn slashes(d: &D<'_>) -> bool {
    let mut collapsed = d.ours.clone();
    while collapsed.contains("//") {
        collapsed = collapsed.replace("//", "/");
    }
    // One of the two, or both, are collapsed where a path begins.
    d.ours.contains("//")
        && d.changed_target().is_some_and(|theirs| decoded(theirs) == decoded(&collapsed))
}

pub(crate) fn re_encoded(d: &D<'_>) -> bool {
    let ours = decoded(&d.ours);
    d.changed_target().is_some_and(|theirs| {
        let theirs = decoded(theirs);
        // A byte of Latin-1 may have become UTF-8.
        theirs == ours || theirs == latin1(&ours).into_bytes()
    })
}

pub(crate) fn decoded_twice(d: &D<'_>) -> bool {
    let once = decoded(&d.ours);
    d.ours.contains("%25") && d.changed_target().is_some_and(|theirs| bytes(theirs) == once)
}

pub(crate) fn fragment(d: &D<'_>) -> bool {
    d.case.target.contains('#')
        && d.changed_target().is_some_and(|theirs| theirs.starts_with(&d.ours))
}

/// A path without triplets.
fn decoded(text: &str) -> Vec<u8> {
    let text = bytes(text);
    let mut decoded = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let triplet = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        let hex = triplet.and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}
