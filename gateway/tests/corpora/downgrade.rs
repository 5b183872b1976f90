//! Requests over HTTP/2 that would become two requests, or another one, if their fields were written into HTTP/1.1 as
//! they are. The kinds are those of J. Kettle, "HTTP/2: The Sequel is Always Worse" (2021), and of the HTTP Garden. The
//! frames are written by hand, because no library sends them.
//!
//! 1. What is malformed (RFC 9113 §8.1.1) never reaches upstream.
//! 2. What reaches upstream is one request for `/own` with one clear framing, and a body that is not another one.

use std::time::Duration;

use super::{
    PATIENCE, at_once, front_of, unclear,
    wire::{
        client::send,
        latin1,
        recorder::{Answer, Recorder, Seen},
    },
};

type Field = (&'static str, &'static str);

/// How a request must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing that upstream could answer.
    Refused,
    /// 200. Upstream sees this field line, or none of this name.
    Passed(&'static str, Option<&'static str>),
}
use End::{Passed, Refused};

/// A body that is a request, if something before it ends too early.
const HIDDEN: &str = "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: app.example\r\n\r\n";
/// The length of a part of it.
const PART: Field = ("content-length", "5");

/// The kind, what comes in the place of the usual pseudo-fields, the fields, and the end.
const CASES: &[(&str, &[Field], &[Field], End)] = &[
    ("nothing unusual", &[], &[("x-a", "1")], Passed("x-a", Some("1"))),
    ("a transfer coding", &[], &[("transfer-encoding", "chunked")], Refused),
    ("a length that is too short", &[], &[PART], Refused),
    ("a length that is too long", &[], &[("content-length", "500")], Refused),
    ("a length that is none", &[], &[("content-length", "x")], Refused),
    ("the right length", &[], &[("content-length", "48")], Passed("content-length", Some("48"))),
    ("two lengths", &[], &[("content-length", "48"), ("content-length", "5")], Refused),
    ("a connection field", &[], &[("connection", "x-a"), ("x-a", "1")], Refused),
    ("an upgrade", &[], &[("upgrade", "websocket")], Refused),
    ("a TE other than trailers", &[], &[("te", "gzip")], Refused),
    ("a line break in a value", &[], &[("x-a", "1\r\ntransfer-encoding: chunked")], Refused),
    ("a LF in a value", &[], &[("x-a", "1\ntransfer-encoding: chunked")], Refused),
    ("a CR in a value", &[], &[("x-a", "1\rx-b: 1")], Refused),
    ("a NUL in a value", &[], &[("x-a", "1\0")], Refused),
    ("a line break in a name", &[], &[("x-a: 1\r\ntransfer-encoding", "chunked")], Refused),
    ("a colon in a name", &[], &[("transfer-encoding: chunked\r\nx", "1")], Refused),
    ("a space in a name", &[], &[("transfer-encoding ", "chunked")], Refused),
    ("a capital in a name", &[], &[("Transfer-Encoding", "chunked")], Refused),
    ("an empty name", &[], &[("", "1")], Refused),
    ("an alias", &[], &[("transfer_encoding", "chunked")], Passed("transfer_encoding", None)),
    ("a path with a line break", &[(":path", "/own HTTP/1.1\r\nX-A: 1\r\nX: ")], &[], Refused),
    ("a path with a space", &[(":path", "/own HTTP/1.1")], &[], Refused),
    ("a path without a slash", &[(":path", "own")], &[], Refused),
    ("a path that is a URL", &[(":path", "http://other.example/own")], &[], Refused),
    ("an empty path", &[(":path", "")], &[], Refused),
    ("two paths", &[(":path", "/own"), (":path", "/hidden")], &[], Refused),
    ("a method with a line break", &[(":method", "GET /hidden HTTP/1.1\r\nX: ")], &[], Refused),
    ("a method with a space", &[(":method", "GET /hidden")], &[], Refused),
    ("an authority with a line break", &[(":authority", "app.example\r\nX-A: 1")], &[], Refused),
    ("an authority with userinfo", &[(":authority", "user@app.example")], &[], Refused),
    ("an authority with a path", &[(":authority", "app.example/hidden")], &[], Refused),
    ("a scheme with a path", &[(":scheme", "http://app.example/hidden?")], &[], Refused),
    ("another Host", &[], &[("host", "other.example")], Refused),
    ("two Hosts", &[], &[("host", "app.example"), ("host", "app.example")], Refused),
    (
        "the same Host",
        &[],
        &[("host", "app.example")],
        Passed("x-forwarded-host", Some("app.example")),
    ),
    ("a pseudo-field behind a field", &[], &[("x-a", "1"), (":path", "/hidden")], Refused),
    ("an unknown pseudo-field", &[(":other", "1")], &[], Refused),
    ("a pseudo-field of a response", &[(":status", "200")], &[], Refused),
    ("cookies", &[], &[("cookie", "a=b"), ("cookie", "c=d")], Passed("cookie", Some("a=b; c=d"))),
    (
        "bytes that are not ASCII",
        &[],
        &[("x-a", "caf\u{c3}\u{a9}")],
        Passed("x-a", Some("caf\u{c3}\u{a9}")),
    ),
    (
        "a forwarding header",
        &[],
        &[("x-forwarded-host", "evil.example")],
        Passed("x-forwarded-host", Some("app.example")),
    ),
];

/// A frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags, 0, 0, 0, stream]);
    frame.extend(payload);
    frame
}

/// A literal field without indexing, and without Huffman's code (RFC 7541 §6.2.2).
fn literal((name, value): Field) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        let text = super::wire::bytes(text);
        field.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("short"));
        field.extend(text);
    }
    field
}

/// A connection with one request.
fn request(pseudo: &[Field], fields: &[Field]) -> Vec<u8> {
    let usual = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/own"),
        (":authority", "app.example"),
    ];
    let replaced = |name: &str| pseudo.iter().any(|(found, _)| *found == name);
    let usual = usual.into_iter().filter(|(name, _)| !replaced(name));
    let block: Vec<u8> = usual
        .chain(pseudo.iter().copied())
        .chain(fields.iter().copied())
        .flat_map(literal)
        .collect();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    bytes.extend(frame(1, 4, 1, &block));
    bytes.extend(frame(0, 1, 1, HIDDEN.as_bytes()));
    bytes
}

/// The first thing that ends the request: the status byte of its answer, or a reset.
fn outcome(mut bytes: &[u8]) -> Option<&'static str> {
    while bytes.len() >= 9 {
        let length =
            usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
        let (kind, stream, payload) = (bytes[3], bytes[8], bytes.get(9..9 + length)?);
        match (kind, stream) {
            // `:status: 200` is entry 8 of the static table.
            (1, 1) if payload.first() == Some(&0x88) => return Some("200"),
            (1, 1) => return Some("another status"),
            (3, 1) => return Some("a reset"),
            (7, _) => return Some("the end of the connection"),
            _ => bytes = &bytes[9 + length..],
        }
    }
    None
}

struct Outcome {
    kind: &'static str,
    end: End,
    told: Option<&'static str>,
    seen: Vec<Seen>,
}

impl Outcome {
    fn wrong(&self) -> Option<String> {
        let is_right = match self.end {
            // A body whose length turns out to be wrong is cut, where the head has gone on.
            Refused => self.told != Some("200") && self.seen.iter().all(|seen| !seen.is_complete),
            Passed(name, value) => {
                self.told == Some("200")
                    && self.seen.len() == 1
                    && unclear(&self.seen[0]).is_none()
                    && latin1(&self.seen[0].body) == HIDDEN
                    && self.seen[0].target() == "/own"
                    && self.seen[0].value(name).as_deref() == value
            }
        };
        let is_own = self.seen.iter().all(|seen| seen.target() == "/own") && self.seen.len() < 2;
        let text = || format!("{}: {:?}, {:?}", self.kind, self.told, self.seen);
        (!is_right || !is_own).then(text)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_to_http1() {
    let outcomes = at_once(
        32,
        CASES.iter().map(|&(kind, pseudo, fields, end)| async move {
            let upstream = Recorder::start(|_| Answer::ok("hello")).await;
            let front = front_of(&upstream).await;
            let bytes = request(pseudo, fields);
            let reply = send(front, &bytes, PATIENCE, |bytes| outcome(bytes).is_some()).await;
            // What was passed on in spite of an error would arrive by now.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let told = outcome(&reply.bytes).or_else(|| reply.is_closed.then_some("closed"));
            Outcome { kind, end, told, seen: upstream.settled().await }
        }),
    )
    .await;
    assert!(outcomes.iter().all(|outcome| outcome.told.is_some()), "a request without an end");
    let wrong: Vec<_> = outcomes.iter().filter_map(Outcome::wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
