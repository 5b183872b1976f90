//! The requests, and what upstream answers to each: one thing is unusual in each, so that a difference has one
//! cause.

/// A request, and upstream's answer.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// What is unusual, and how.
    pub(crate) kind: Kind,
    pub(crate) method: String,
    pub(crate) target: String,
    /// Field lines beside `Host` and `X-Case`.
    pub(crate) fields: String,
    /// The request as it is sent.
    pub(crate) bytes: Vec<u8>,
    pub(crate) answer: Vec<u8>,
    pub(crate) closes: bool,
}

impl Case {
    /// The request, in the pieces in which it is sent: what is broken comes after what is not.
    pub(crate) fn pieces(&self) -> Vec<&[u8]> {
        let broken = self.bytes.len().saturating_sub(BROKEN_CHUNK.len());
        if self.bytes.ends_with(BROKEN_CHUNK.as_bytes()) {
            vec![&self.bytes[..broken], &self.bytes[broken..]]
        } else {
            vec![&self.bytes]
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Path,
    Query,
    Field,
    Host,
    Method,
    Body,
    Version,
    Answer,
    Combined,
}

use super::lists::{
    ANSWERS, BODIES, BROKEN_CHUNK, FIELDS, HEAD_ANSWERS, HOSTS, METHODS, OK, PATHS, QUERIES,
};

/// All requests.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Cases::default();
    let ok = (OK, false);
    for path in PATHS {
        cases.add(Kind::Path, "GET", path, "", "", ok);
    }
    for query in QUERIES {
        cases.add(Kind::Query, "GET", &format!("/p/a{query}"), "", "", ok);
    }
    for fields in FIELDS {
        cases.add(Kind::Field, "GET", "/p/a", fields, "", ok);
    }
    for host in HOSTS {
        cases.add_raw(
            Kind::Host,
            "GET",
            "/p/a",
            "HTTP/1.1",
            &format!("{host}X-Case: "),
            "",
            "",
            ok,
        );
    }
    for method in METHODS {
        cases.add(Kind::Method, method, "/p/a", "", "", ok);
    }
    cases.add(Kind::Method, "OPTIONS", "*", "", "", ok);
    cases.add(Kind::Method, "CONNECT", "app.example:80", "", "", ok);
    for (method, fields, body) in BODIES {
        cases.add(Kind::Body, method, "/p/a", fields, body, ok);
    }
    cases.add(Kind::Body, "POST", "/p/a", "Content-Length: 100000\r\n", &"x".repeat(100_000), ok);
    for (version, fields) in [
        ("HTTP/1.0", ""),
        ("HTTP/1.0", "Connection: keep-alive\r\n"),
        ("HTTP/1.2", "Connection: close\r\n"),
        ("HTTP/2.0", "Connection: close\r\n"),
    ] {
        let host = "Host: app.example\r\nX-Case: ";
        cases.add_raw(Kind::Version, "GET", "/p/a", version, host, fields, "", ok);
    }
    for answer in ANSWERS {
        cases.add(Kind::Answer, "GET", "/p/a", "", "", *answer);
    }
    let many: Vec<_> = (0..90).map(|number| format!("X-{number}: 1\r\n")).collect();
    let many = many.concat();
    let long = "y".repeat(20_000);
    cases.add(Kind::Field, "GET", "/p/a", &many, "", ok);
    for (fields, body) in [(many.as_str(), "ok".to_owned()), ("", "z".repeat(1 << 20))] {
        let answer =
            format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len());
        cases.add(Kind::Answer, "GET", "/p/a", "", "", (&answer, false));
    }
    let answer = format!("HTTP/1.1 200 OK\r\nX-Long: {long}\r\nContent-Length: 2\r\n\r\nok");
    cases.add(Kind::Answer, "GET", "/p/a", "", "", (&answer, false));
    let trailers = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
        5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
    cases.add(Kind::Answer, "GET", "/p/a", "TE: trailers\r\n", "", (trailers, false));
    for answer in HEAD_ANSWERS {
        cases.add(Kind::Answer, "HEAD", "/p/a", "", "", (answer, false));
    }
    for method in ["POST", "DELETE", "PATCH"] {
        for (path, query) in [("/p/", "?a"), ("/p/b/c", ""), ("/p/a%2Fb", "?c=%2F"), ("/q", "")] {
            let fields = "Content-Length: 3\r\nCookie: a=b\r\nX-A: 1\r\n";
            let target = format!("{path}{query}");
            cases.add(Kind::Combined, method, &target, fields, "abc", ok);
        }
    }
    cases.0
}

#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    fn add(
        &mut self,
        kind: Kind,
        method: &str,
        target: &str,
        fields: &str,
        body: &str,
        answer: (&str, bool),
    ) {
        let host = "Host: app.example\r\nX-Case: ";
        self.add_raw(kind, method, target, "HTTP/1.1", host, fields, body, answer);
    }

    #[allow(clippy::too_many_arguments, reason = "they are the parts of a request")]
    fn add_raw(
        &mut self,
        kind: Kind,
        method: &str,
        target: &str,
        version: &str,
        host: &str,
        fields: &str,
        body: &str,
        (answer, closes): (&str, bool),
    ) {
        let id = self.0.len();
        let text = format!("{method} {target} {version}\r\n{host}{id}\r\n{fields}\r\n{body}");
        self.0.push(Case {
            kind,
            method: method.to_owned(),
            target: target.to_owned(),
            fields: if kind == Kind::Host { host.to_owned() } else { fields.to_owned() },
            bytes: super::wire::bytes(&text),
            answer: super::wire::bytes(answer),
            closes,
        });
    }
}
