//! A request for each kind of bug that the HTTP Garden found in servers and proxies, in our own words. Each one
//! asks for `/own`; where a lenient parser would find a second request in it, that one asks for `/hidden`.
//!
//! 1. Nothing ever asks upstream for `/hidden`.
//! 2. What is refused is not seen upstream. What is cut is seen upstream without an end.
//! 3. What is passed on arrives with one clear framing.

use super::{
    PATIENCE, at_once, front_of, unclear,
    wire::{
        client::send_to_end,
        latin1,
        recorder::{Answer, Framing, Recorder, Seen},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// 4xx or 5xx, and nothing reaches upstream.
    Refused,
    /// The head may have gone on before the body turned out to be malformed: then upstream's connection is cut.
    Cut,
    /// 200, with this body at upstream.
    Passed(&'static str),
}
use End::{Cut, Passed, Refused};

const HOST: &str = "Host: app.example\r\n";
const CHUNKED: &str = "Host: app.example\r\nTransfer-Encoding: chunked\r\n";
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: app.example\r\n\r\n";

/// The kind of bug, the fields, what follows the empty line, and how it must end.
type Row = (&'static str, &'static str, &'static [u8], &'static [u8], End);

const FIELDS_AND_BODIES: &[Row] = &[
    ("a number with an underscore", HOST, b"Content-Length: 1_0\r\n", b"0123456789", Refused),
    ("a number with a sign", HOST, b"Content-Length: +5\r\n", b"hello", Refused),
    ("a negative number", HOST, b"Content-Length: -16\r\n", b"hello", Refused),
    ("a hexadecimal number", HOST, b"Content-Length: 0x5\r\n", b"hello", Refused),
    ("a number in octal", HOST, b"Content-Length: 0005\r\n", b"hello", Passed("hello")),
    ("a number and more", HOST, b"Content-Length: 5k\r\n", b"hello", Refused),
    ("no number", HOST, b"Content-Length: \r\n", b"hello", Refused),
    ("no number, then one", HOST, b"Content-Length:\r\nContent-Length: 5\r\n", b"hello", Refused),
    (
        "two lengths, the first is less",
        HOST,
        b"Content-Length: 0\r\nContent-Length: 5\r\n",
        b"hello",
        Refused,
    ),
    (
        "two lengths, the last is less",
        HOST,
        b"Content-Length: 5\r\nContent-Length: 0\r\n",
        b"hello",
        Refused,
    ),
    ("a list of lengths", HOST, b"Content-Length: 5, 5\r\n", b"hello", Refused),
    (
        "a length that overflows",
        HOST,
        b"Content-Length: 18446744073709551621\r\n",
        b"hello",
        Refused,
    ),
    ("white space after a name", HOST, b"Content-Length : 5\r\n", b"hello", Refused),
    ("an obsolete fold", HOST, b"X-Fold: a\r\n\tContent-Length: 5\r\n", b"hello", Refused),
    ("a name over two lines", HOST, b"Transfer-\r\nEncoding: chunked\r\n", b"0\r\n\r\n", Refused),
    ("a name without a colon", HOST, b"Content-Length 5\r\n", b"hello", Refused),
    ("an empty name", HOST, b": x\r\n", b"", Refused),
    ("a letter that is not ASCII in a name", HOST, b"\xefbbbf: x\r\n", b"", Refused),
    ("a byte 85 after a name", HOST, b"Content-Length\x85: 5\r\n", b"hello", Refused),
    ("delimiters in a name", HOST, b"a(b)[c]: x\r\n", b"", Refused),
    ("a NUL in a value", HOST, b"X-A: b\0c\r\n", b"", Refused),
    ("a NUL after a value", HOST, b"X-A: b\0\r\n", b"", Refused),
    ("a CR in a value", HOST, b"X-A: b\rX-C: d\r\n", b"", Refused),
    ("a CR before a value", HOST, b"X-A: \rb\r\n", b"", Refused),
    ("a CR in the place of the empty line", HOST, b"\rXGET /hidden: x\r\n", b"", Refused),
    ("byte 85 and A0 around a value", HOST, b"X-A: \x85b\xa0\r\n", b"", Passed("")),
    ("two codings", CHUNKED, b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", Refused),
    (
        "an empty coding in the list",
        HOST,
        b"Transfer-Encoding: ,chunked\r\n",
        b"0\r\n\r\n",
        Refused,
    ),
    ("an unknown coding", HOST, b"Transfer-Encoding: other\r\n", b"0\r\n\r\n", Refused),
    (
        "a byte A0 around a coding",
        HOST,
        b"Transfer-Encoding: \xa0chunked\xa0\r\n",
        b"0\r\n\r\n",
        Refused,
    ),
    (
        "a byte FF around a coding",
        HOST,
        b"Transfer-Encoding: \xffchunked\r\n",
        b"0\r\n\r\n",
        Refused,
    ),
    ("chunks", CHUNKED, b"", b"5\r\nhello\r\n0\r\n\r\n", Passed("hello")),
    ("an extension", CHUNKED, b"", b"5;a=b\r\nhello\r\n0\r\n\r\n", Passed("hello")),
    ("capital hexadecimals", CHUNKED, b"", b"00A\r\n0123456789\r\n0\r\n\r\n", Passed("0123456789")),
    ("a size with an underscore", CHUNKED, b"", b"0_5\r\nhello\r\n0\r\n\r\n", Cut),
    ("a size with 0x", CHUNKED, b"", b"0x5\r\nhello\r\n0\r\n\r\n", Cut),
    ("a size with a sign", CHUNKED, b"", b"+5\r\nhello\r\n0\r\n\r\n", Cut),
    ("a negative size", CHUNKED, b"", b"-0x0\r\n\r\n", Cut),
    ("a size and more", CHUNKED, b"", b"5these\r\nhello\r\n0\r\n\r\n", Cut),
    ("white space before a size", CHUNKED, b"", b" 5\r\nhello\r\n0\r\n\r\n", Cut),
    ("no size", CHUNKED, b"", b"\r\n\r\n", Cut),
    ("no hexadecimal", CHUNKED, b"", b"HELLO\r\nhello\r\n0\r\n\r\n", Cut),
    ("a size that overflows", CHUNKED, b"", b"fffffffffffffffff5\r\nhello\r\n0\r\n\r\n", Cut),
    ("a chunk without its line end", CHUNKED, b"", b"5\r\nhelloXX0\r\n\r\n", Cut),
    ("a CR in an extension", CHUNKED, b"", b"5;a\rb\r\nhello\r\n0\r\n\r\n", Cut),
    ("a LF in an extension", CHUNKED, b"", b"5;a\nhello\r\n0\r\n\r\n", Cut),
    ("a CR and a letter after a size", CHUNKED, b"", b"5\rXhello\r\n0\r\n\r\n", Cut),
    ("letters in the place of the last line end", CHUNKED, b"", b"0\r\nXX", Cut),
];

/// Whole requests, the hidden one included.
const WHOLE: &[(&str, &[u8], End)] = &[
    ("a LF in the place of a space", b"GET /own\nHTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("a version and more", b"GET /own HTTP/1.12\r\nHost: a\r\n\r\n", Refused),
    ("a version that overflows", b"GET /own HTTP/4294967297.1\r\nHost: a\r\n\r\n", Refused),
    ("a version with CR", b"GET /own HTTP/\r1.1\r\nHost: a\r\n\r\n", Refused),
    ("a method with delimiters", b"G=\"[e]\" /own HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("a target that is none", b"GET own HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", Refused),
    ("a NUL as the method", b"\0 /own HTTP/1.1\r\nHost: a\r\n\r\n", Refused),
    ("a NUL in Host", b"GET /own HTTP/1.1\r\nHost: a\0b\r\n\r\n", Refused),
    (
        "Host in bytes that are not ASCII",
        b"GET /own HTTP/1.1\r\nHost: \xffa\xff\r\nConnection: close\r\n\r\n",
        Refused,
    ),
    ("no Host", b"GET /own HTTP/1.1\r\n\r\n", Refused),
    (
        "a field before Host begins with a tab",
        b"GET /own HTTP/1.1\r\n\tX: 1\r\nHost: a\r\n\r\n",
        Refused,
    ),
];

fn cases() -> Vec<(&'static str, Vec<u8>, End)> {
    let mut cases = Vec::new();
    for (kind, first, second, body, end) in FIELDS_AND_BODIES {
        let mut text = b"POST /own HTTP/1.1\r\n".to_vec();
        for part in [first.as_bytes(), second, b"\r\n", body] {
            text.extend(part);
        }
        cases.push((*kind, text, *end));
    }
    cases.extend(WHOLE.iter().map(|(kind, text, end)| (*kind, text.to_vec(), *end)));
    // A request behind what is refused or cut. Behind what is passed on, it would be a request of its own.
    for (_, text, _) in cases.iter_mut().filter(|(.., end)| !matches!(end, Passed(_))) {
        text.extend(HIDDEN.as_bytes());
    }
    for (_, text, _) in cases.iter_mut().filter(|(.., end)| matches!(end, Passed(_))) {
        text.extend(b"GET /next HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n");
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn http_garden() {
    let results = at_once(
        32,
        cases().into_iter().map(|(kind, text, end)| async move {
            let upstream = Recorder::start(|_| Answer::ok("")).await;
            let front = front_of(&upstream).await;
            let reply = send_to_end(front, &text, PATIENCE).await;
            Outcome { kind, end, status: reply.status(), seen: upstream.settled().await }
        }),
    )
    .await;
    let wrong: Vec<_> = results.iter().filter_map(Outcome::wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

struct Outcome {
    kind: &'static str,
    end: End,
    status: u16,
    seen: Vec<Seen>,
}

impl Outcome {
    /// Rules 1 to 3.
    fn wrong(&self) -> Option<String> {
        let seen = &self.seen;
        let is_cut = |seen: &Seen| !seen.is_complete && seen.framing == Framing::Chunked;
        let is_right = match self.end {
            Refused => self.status >= 400 && seen.is_empty(),
            Cut => self.status >= 400 && seen.len() <= 1 && seen.iter().all(is_cut),
            Passed(body) => {
                self.status == 200
                    && seen.len() == 2
                    && latin1(&seen[0].body) == body
                    && seen.iter().all(|seen| unclear(seen).is_none())
                    && seen[1].target() == "/next"
            }
        };
        let is_hidden = seen.iter().any(|seen| seen.target().contains("hidden"));
        (!is_right || is_hidden).then(|| format!("{}: {}, {seen:?}", self.kind, self.status))
    }
}
