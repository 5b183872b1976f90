//! The bytes that a client or an upstream may send, well-formed and not.

use std::fmt;

use proptest::{collection::vec, prelude::*, sample::select};

/// A request within other bodies, which nobody may take for one.
pub(crate) const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// What a client sends on one connection.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) bytes: Vec<u8>,
    /// Whether each request is as it must be, so that each is answered.
    pub(crate) is_innocent: bool,
    /// Where the client pauses.
    pub(crate) cut: usize,
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.bytes.split_at(self.cut);
        write!(f, "\"{}\" then \"{}\"", first.escape_ascii(), second.escape_ascii())
    }
}

/// The bytes of a connection. Usually one thing is wrong.
pub(crate) fn connection() -> impl Strategy<Value = Sent> {
    let innocent = vec(innocent(), 1..4).prop_map(|all| (all.concat(), true));
    let hostile = (vec(innocent_or_hostile(), 1..4), proptest::option::weighted(0.4, mutation()))
        .prop_map(|(all, mutation)| (mutated(all.concat(), mutation), false));
    let bytes = prop_oneof![1 => innocent, 4 => hostile];
    (bytes, any::<prop::sample::Index>()).prop_map(|((bytes, is_innocent), cut)| {
        let cut = cut.index(bytes.len() + 1);
        Sent { bytes, is_innocent, cut }
    })
}

fn innocent_or_hostile() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![innocent(), hostile()]
}

/// The bytes of a body. Some are requests.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let text =
        select(vec!["", "x", "hello", "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "\r\n", SMUGGLED]);
    prop_oneof![
        4 => text.prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..40),
    ]
}

/// The same in chunks.
fn chunked() -> impl Strategy<Value = Vec<u8>> {
    let extension = select(vec!["", "", "", ";x", ";x=\"y\"", " ", ";x=0"]);
    let trailer = select(vec![
        "",
        "",
        "X-Sum: 1\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
    ]);
    (vec((content(), extension), 0..3), trailer).prop_map(|(chunks, trailer)| {
        let mut body = Vec::new();
        for (data, extension) in chunks.iter().filter(|(data, _)| !data.is_empty()) {
            body.extend(format!("{:x}{extension}\r\n", data.len()).into_bytes());
            body.extend([data, &b"\r\n"[..]].concat());
        }
        body.extend(format!("0\r\n{trailer}\r\n").into_bytes());
        body
    })
}

fn method() -> impl Strategy<Value = &'static str> {
    select(vec!["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY"])
}

fn path() -> impl Strategy<Value = String> {
    "[a-c]{1,3}(\\?[a-c]{0,2})?".prop_map(|path| format!("/{path}"))
}

/// Fields that say nothing of the body.
fn others() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "Accept: */*\r\n",
        "Connection: keep-alive\r\n",
        "TE: trailers\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ])
}

/// A request as it must be.
fn innocent() -> impl Strategy<Value = Vec<u8>> {
    let plain = (path(), others()).prop_map(|(path, others)| {
        format!("GET {path} HTTP/1.1\r\nHost: a\r\n{others}\r\n").into_bytes()
    });
    let sized = (method(), path(), content()).prop_map(|(method, path, body)| {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        [head.into_bytes(), body].concat()
    });
    let chunked = (method(), path(), chunked()).prop_map(|(method, path, body)| {
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        [head.into_bytes(), body].concat()
    });
    prop_oneof![plain, sized, chunked]
}

/// Field lines about the body, in which recipients differ.
const FRAMINGS: [&str; 40] = [
    "Content-Length: 5",
    "Content-Length: 0",
    "Content-Length: 37",
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 5, 5",
    "Content-Length: 5, 0",
    "Content-Length: 0x5",
    "Content-Length: 005",
    "Content-Length: 5 5",
    "Content-Length: 5\x0b",
    "Content-Length: 18446744073709551621",
    "Content-Length:",
    "Content-Length : 5",
    "content_length: 5",
    "Content-Length: 5\r\n ",
    "Content-Length\t: 5",
    "\tContent-Length: 5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding:\x0bchunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: chunked;x=y",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked\0",
    "Transfer-Encoding:",
    "Transfer-Encoding : chunked",
    " Transfer-Encoding: chunked",
    "Transfer-Encoding\r\n : chunked",
    "Transfer-Encoding:\r\n chunked",
    "transfer_encoding: chunked",
    "X: y\nTransfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    "Connection: close, Content-Length",
    "Connection: Transfer-Encoding",
];

/// Bodies that are no chunks, or only for some.
const CHUNKS: [&str; 16] = [
    "5\r\nhello\r\n0\r\n\r\n",
    "5\nhello\n0\n\n",
    "5\r\nhello0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "05\r\nhello\r\n00\r\n\r\n",
    "5;\nx\r\nhello\r\n0\r\n\r\n",
    "5;\rx\r\nhello\r\n0\r\n\r\n",
    "g\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nContent-Length: 5\n\r\n",
    "5\r\nhelloXX0\r\n\r\n",
    "5\r\nhello\r\n0\r\n",
];

/// A request of which recipients may differ.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let lines = vec(select(FRAMINGS.to_vec()), 0..3);
    let body = prop_oneof![
        2 => select(CHUNKS.to_vec()).prop_map(|body| body.as_bytes().to_vec()),
        1 => chunked(),
        1 => content(),
    ];
    let version = select(vec!["1.1", "1.1", "1.1", "1.0", "0.9", "1.2", "2.0"]);
    (method(), path(), version, lines, others(), body).prop_map(
        |(method, path, version, lines, others, body)| {
            let lines: Vec<_> = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let lines = lines.concat();
            let head = format!("{method} {path} HTTP/{version}\r\nHost: a\r\n{others}{lines}\r\n");
            [head.into_bytes(), body].concat()
        },
    )
}

/// A place, and what happens to the byte there.
type Mutation = (prop::sample::Index, u8, u8);

fn mutation() -> impl Strategy<Value = Mutation> {
    let byte = select(b"\r\n\0 :,;\t\x0b\x80\xff01+-_a".to_vec());
    (any::<prop::sample::Index>(), 0..3_u8, byte)
}

fn mutated(mut bytes: Vec<u8>, mutation: Option<Mutation>) -> Vec<u8> {
    if let Some((place, kind, byte)) = mutation {
        let at = place.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

/// An answer of which recipients may differ, and what comes after it.
pub(crate) fn answer() -> impl Strategy<Value = Vec<u8>> {
    let version = select(vec!["1.1", "1.1", "1.1", "1.0", "0.9", "2.0"]);
    let status = select(vec!["200 OK", "200 OK", "200", "204 No Content", "304 Not Modified"]);
    let lines = prop_oneof![
        1 => Just(Vec::new()),
        3 => select(FRAMINGS.to_vec()).prop_map(|line| vec![line]),
        1 => vec(select(FRAMINGS.to_vec()), 2..3),
    ];
    let body = prop_oneof![
        1 => select(CHUNKS.to_vec()).prop_map(|body| body.as_bytes().to_vec()),
        2 => chunked(),
        2 => content(),
    ];
    let surplus =
        select(vec!["", "", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", "\r\n"]);
    let whole = (version, status, lines, body, surplus).prop_map(
        |(version, status, lines, body, surplus)| {
            let lines: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
            let head = format!("HTTP/{version} {status}\r\nX-First: 1\r\n{lines}\r\n");
            [head.as_bytes(), &body, surplus.as_bytes()].concat()
        },
    );
    (whole, proptest::option::weighted(0.3, mutation()))
        .prop_map(|(bytes, mutation)| mutated(bytes, mutation))
}
