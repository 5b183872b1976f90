//! The 33 cases of h1spec, written anew: incomplete requests that a server must wait for, malformed ones that
//! it must refuse, and valid ones that it must answer. All 33 must be right.

use std::time::Duration;

use super::{
    PATIENCE, at_once, front_of,
    wire::{
        client::{Response, send, send_to_end},
        latin1,
        recorder::{Answer, Recorder},
    },
};

/// How long a server is watched that must not answer.
const WATCH: Duration = Duration::from_millis(500);

/// The prefixes of a request at which it must wait: where each of these ends.
const PREFIXES: [&str; 15] = [
    "G",
    "GET ",
    "GET /hello",
    "GET /hello ",
    "GET /hello HTTP",
    "GET /hello HTTP/1.1",
    "GET /hello HTTP/1.1\r",
    "GET /hello HTTP/1.1\r\n",
    "GET /hello HTTP/1.1\r\nHos",
    "GET /hello HTTP/1.1\r\nHost:",
    "GET /hello HTTP/1.1\r\nHost: ",
    "GET /hello HTTP/1.1\r\nHost: app.example",
    "GET /hello HTTP/1.1\r\nHost: app.example\r",
    "GET /hello HTTP/1.1\r\nHost: app.example\r\n",
    "GET /hello HTTP/1.1\r\nHost: app.example\r\n\r",
];

/// Requests that must be refused, with the lowest and the highest status.
const REFUSED: [(&str, u16, u16); 11] = [
    ("GET / \r\n\r\n", 400, 599),
    ("GET / HTTP/1.1\r\nHost: app.example\r\nX-Name[]: 1\r\n\r\n", 400, 499),
    ("GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 400, 499),
    ("GET / HTTP/1.1\r\nHost: app.example\r\nHost: evil.example\r\n\r\n", 400, 499),
    (
        "GET / HTTP/1.1\r\nHost: app.example\r\nContent-Length: -98765432109876543210987654321\r\n\r\n",
        400,
        499,
    ),
    ("GET / HTTP/1.1\r\nHost: app.example\r\nContent-Length: -5\r\n\r\n", 400, 499),
    ("GET / HTTP/1.1\r\nHost: app.example\r\nContent-Length: five\r\n\r\n", 400, 499),
    ("GET / HTTP/1.1\r\nHost: app.example\r\nX-Control: a\x07\r\n\r\n", 400, 499),
    ("GET / HTTP/9.9\r\nHost: app.example\r\n\r\n", 400, 599),
    ("before GET / HTTP/1.1\r\nHost: app.example\r\n\r\n", 400, 599),
    ("GET / HTTP/1.1\r\nHost: app.example\r\n\rX-After: 1\r\n\r\n", 400, 499),
];

/// Requests that must be answered, with the body that upstream echoes.
const ANSWERED: [(&str, &str); 6] = [
    ("GET / HTTP/1.1\r\nHost: app.example\r\nExpect: 100-continue\r\n\r\n", ""),
    ("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n", ""),
    ("GET / HTTP/1.1\r\nhoSt:\tapp.example\r\nempty:\r\n\r\n", ""),
    ("GET / HTTP/1.1\r\nHost: app.example\r\nX-Empty: \r\n\r\n", ""),
    ("POST / HTTP/1.1\r\nHost: app.example\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    (
        "POST / HTTP/1.1\r\nHost: app.example\r\nTransfer-Encoding: chunked\r\n\r\n\
         c\r\nhello, world\r\n0\r\n\r\n",
        "hello, world",
    ),
];

/// A request with two framings. It may be refused, or be read by its chunks, and the connection must end.
const TWO_FRAMINGS: &str = "POST / HTTP/1.1\r\nHost: app.example\r\ncontent-LengtH: 5\r\n\
    TransFer-Encoding: chunked\r\n\r\nc\r\nhello, world\r\n0\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn h1spec() {
    assert_eq!(PREFIXES.len() + REFUSED.len() + ANSWERED.len() + 1, 33);
    let upstream = Recorder::start(|seen| Answer::ok(&latin1(&seen.body))).await;
    let front = front_of(&upstream).await;

    let replies = at_once(
        64,
        PREFIXES.map(|text| async move {
            send(front, text.as_bytes(), WATCH, |bytes| !bytes.is_empty()).await
        }),
    )
    .await;
    for (text, reply) in PREFIXES.iter().zip(&replies) {
        assert!(reply.bytes.is_empty() && !reply.is_closed, "{text:?}: {reply:?}");
    }
    let replies = at_once(
        64,
        REFUSED.map(|(text, ..)| async move {
            send(front, text.as_bytes(), PATIENCE, |bytes| bytes.ends_with(b"\r\n\r\n")).await
        }),
    )
    .await;
    for ((text, least, most), reply) in REFUSED.iter().zip(&replies) {
        assert!((*least..=*most).contains(&reply.status()), "{text:?}: {reply:?}");
        assert!(reply.is_closed || latin1(&reply.bytes).contains("close"), "{text:?}: {reply:?}");
    }
    assert_eq!(upstream.take().len(), 0, "nothing of these reaches upstream");

    for (text, body) in ANSWERED {
        let is_whole = |bytes: &[u8]| {
            Response::parse(bytes, "GET", false).is_some_and(|response| response.is_complete)
        };
        let reply = send(front, text.as_bytes(), PATIENCE, is_whole).await;
        let response = Response::parse(&reply.bytes, "GET", false).expect("a response");
        assert_eq!((response.status, latin1(&response.body).as_str()), (200, body), "{text:?}");
        let seen = upstream.take();
        assert_eq!(seen.len(), 1, "{text:?}");
        assert_eq!(latin1(&seen[0].body), body, "{text:?}");
    }

    let reply = send_to_end(front, TWO_FRAMINGS.as_bytes(), PATIENCE).await;
    assert!(reply.is_closed, "{reply:?}");
    let response = Response::parse(&reply.bytes, "POST", true).expect("a response");
    let seen: Vec<_> = upstream.take().iter().map(|seen| latin1(&seen.body)).collect();
    match response.status {
        200 => assert_eq!(seen, ["hello, world"]),
        400..500 => assert_eq!(seen.len(), 0),
        other => panic!("{other}"),
    }
}
