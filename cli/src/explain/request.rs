//! Reading a request: a raw head, header lines, what `curl -v` prints, or an object of JSON.
//!
//! 1. A head is a request line and header lines, with or without CR. The empty line at the end may be
//!    absent; the body after it is not read.
//! 2. Its form is that of HTTP/1 (RFC 9112), read strictly. The version may also be `HTTP/2` or
//!    `HTTP/3`, as tools print such requests.
//! 3. If the first line is a header line, the request is `GET / HTTP/1.1`.
//! 4. If a line begins with `>`, and the first is neither a request line nor a header line, it is the
//!    output of `curl -v`: those lines are the head, and all others are skipped. The last of several
//!    requests is used, which is the one after a redirect or a `CONNECT`.
//! 5. The lines keep their order and spelling. A name is a token and therefore printable.

use std::{borrow::Cow, collections::HashMap};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use proxyfix::Peer;

use crate::escape;

/// One header line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The name as it was written.
    pub(crate) spelling: String,
    pub(crate) name: HeaderName,
    /// Which line of that name, from 1.
    pub(crate) number: usize,
    pub(crate) value: HeaderValue,
}

/// A request as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) lines: Vec<Line>,
    pub(crate) headers: HeaderMap,
    /// How many lines each name has. Counting them again for each line would be quadratic.
    counts: HashMap<HeaderName, usize>,
}

impl Default for Received {
    fn default() -> Self {
        Self {
            method: Method::GET,
            uri: Uri::from_static("/"),
            version: Version::HTTP_11,
            lines: Vec::new(),
            headers: HeaderMap::new(),
            counts: HashMap::new(),
        }
    }
}

impl Received {
    /// Reads a raw head, only header lines, or what `curl -v` prints.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let (head, added) = head(text);
        let (head, version) = version(&head);
        let mut room = 64;
        loop {
            let mut headers = vec![httparse::EMPTY_HEADER; room];
            let mut request = httparse::Request::new(&mut headers);
            match request.parse(&head) {
                Err(httparse::Error::TooManyHeaders) => room *= 2,
                Err(error) => return Err(not_a_head(&at_line(&head, room, added, error))),
                Ok(httparse::Status::Partial) => return Err(not_a_head("it is not complete")),
                Ok(httparse::Status::Complete(_)) => return Self::from_parsed(&request, version),
            }
        }
    }

    fn from_parsed(
        request: &httparse::Request<'_, '_>,
        version: Option<Version>,
    ) -> Result<Self, String> {
        let older = if request.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
        let mut received = Self {
            method: method(request.method.unwrap_or_default())?,
            uri: uri(request.path.unwrap_or_default())?,
            version: version.unwrap_or(older),
            ..Self::default()
        };
        for header in request.headers.iter() {
            received.add(header.name, header.value)?;
        }
        Ok(received)
    }

    /// Adds a header line.
    pub(crate) fn add(&mut self, spelling: &str, value: &[u8]) -> Result<(), String> {
        let shown = || escape::shortened(spelling.as_bytes(), 40);
        let name: HeaderName =
            spelling.parse().map_err(|_| format!("{}: not a header name", shown()))?;
        let value = HeaderValue::from_bytes(value).map_err(|_| {
            format!("{}: a header value must not contain control characters", shown())
        })?;
        let full = |_| "more header lines than can be read".to_owned();
        self.headers.try_append(&name, value.clone()).map_err(full)?;
        let count = self.counts.entry(name.clone()).or_default();
        *count += 1;
        let number = *count;
        self.lines.push(Line { spelling: spelling.to_owned(), name, number, value });
        Ok(())
    }

    /// Replaces the values of some headers.
    pub(crate) fn replace(&mut self, is_meant: impl Fn(&HeaderName) -> bool, value: &HeaderValue) {
        for line in self.lines.iter_mut().filter(|line| is_meant(&line.name)) {
            line.value.clone_from(value);
        }
        for (_, old) in self.headers.iter_mut().filter(|(name, _)| is_meant(name)) {
            old.clone_from(value);
        }
    }

    /// The request, from this peer.
    pub(crate) fn request(&self, peer: Option<Peer>) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers.clone();
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        request
    }

    /// How many lines a header has.
    pub(crate) fn count(&self, name: &HeaderName) -> usize {
        self.counts.get(name).copied().unwrap_or_default()
    }
}

/// The head in a text, and how many lines were added to the text.
fn head(text: &[u8]) -> (Cow<'_, [u8]>, usize) {
    let mut lines = text.split_inclusive(|&b| b == b'\n');
    let first = lines.next().unwrap_or_default().trim_ascii_end();
    let name = first.split(|&b| b == b':').next().filter(|name| name.len() < first.len());
    if name.is_some_and(|name| HeaderName::from_bytes(name).is_ok()) {
        return (Cow::Owned([b"GET / HTTP/1.1\r\n", text].concat()), 1);
    }
    let is_sent = |line: &&[u8]| line.starts_with(b">");
    if is_request_line(first) || !text.split_inclusive(|&b| b == b'\n').any(|line| is_sent(&line)) {
        return (Cow::Borrowed(text), 0);
    }
    let (mut head, mut ended) = (Vec::new(), false);
    for line in text.split_inclusive(|&b| b == b'\n').filter(is_sent) {
        let line = line[1..].trim_ascii_start();
        if is_request_line(line.trim_ascii_end()) {
            (head, ended) = (Vec::new(), false);
        }
        ended |= line.is_empty();
        if !ended {
            head.extend_from_slice(line);
        }
    }
    (Cow::Owned(head), 0)
}

/// Whether a line has a method, a target and a version, and is not a header line.
fn is_request_line(line: &[u8]) -> bool {
    let mut words = line.split(|&b| b == b' ');
    let is_method = words.next().is_some_and(|word| Method::from_bytes(word).is_ok());
    is_method && words.next_back().is_some_and(|word| word.starts_with(b"HTTP/"))
}

/// An error with the number of its line: the first line that makes the head invalid.
fn at_line(head: &[u8], room: usize, added: usize, error: httparse::Error) -> String {
    let ends: Vec<_> = (1..=head.len()).filter(|&end| head[end - 1] == b'\n').collect();
    let is_read = |end: &usize| {
        let mut headers = vec![httparse::EMPTY_HEADER; room];
        httparse::Request::new(&mut headers).parse(&head[..*end]).is_ok()
    };
    format!("line {}, {error}", ends.partition_point(is_read) + 1 - added)
}

fn not_a_head(reason: &str) -> String {
    format!(
        "not the head of a request: {reason}; expected a line such as GET / HTTP/1.1, then header \
         lines; or header lines alone; or what curl -v prints"
    )
}

pub(crate) fn method(text: &str) -> Result<Method, String> {
    text.parse().map_err(|_| format!("{}: not a method", escape::shortened(text.as_bytes(), 40)))
}

pub(crate) fn uri(text: &str) -> Result<Uri, String> {
    let shown = || escape::shortened(text.as_bytes(), 40);
    text.parse().map_err(|error| format!("{}: not a request target, {error}", shown()))
}

/// The head with its end, and its version if HTTP/1 has no request line for it.
fn version(head: &[u8]) -> (Cow<'_, [u8]>, Option<Version>) {
    const NAMES: [(&[u8], Version); 4] = [
        (b" HTTP/2", Version::HTTP_2),
        (b" HTTP/2.0", Version::HTTP_2),
        (b" HTTP/3", Version::HTTP_3),
        (b" HTTP/3.0", Version::HTTP_3),
    ];
    let end = head.iter().position(|&b| b == b'\n').unwrap_or(head.len());
    let (first, rest) = head.split_at(end);
    let line = first.trim_ascii_end();
    let ended = |parts: &[&[u8]]| Cow::Owned([&parts.concat()[..], b"\r\n\r\n"].concat());
    match NAMES.iter().find_map(|(name, version)| Some((line.strip_suffix(*name)?, *version))) {
        Some((line, version)) => (ended(&[line, b" HTTP/1.1", rest]), Some(version)),
        None => (ended(&[head]), None),
    }
}

#[cfg(test)]
mod tests {
    use super::Received;

    /// What `curl -v` printed, with its standard output below.
    const CURL: &str = "\
*   Trying 127.0.0.1:8080...
* Connected to 127.0.0.1 (127.0.0.1) port 8080
> GET /a HTTP/1.1\r
> Host: first\r
> \r
< HTTP/1.1 301 Moved\r
< Location: /b\r
< X-Forwarded-For: 6.6.6.6\r
<\u{20}
* Issue another request to this URL: 'http://127.0.0.1:8080/b'
> GET /b HTTP/2\r
> Host: 127.0.0.1:8080\r
> X-Forwarded-For: 203.0.113.9\r
> A: x HTTP/1.1\r
>\u{20}
* Request completely sent off
< HTTP/2 200\u{20}
{ [6 bytes data]
> not: sent
hello
";

    #[test]
    fn other_forms() {
        let read = |text: &str| {
            let received = Received::parse(text.as_bytes()).unwrap();
            let lines = received.lines.iter();
            let lines: Vec<_> =
                lines.map(|l| format!("{}: {}", l.spelling, l.value.to_str().unwrap())).collect();
            (received.uri.to_string(), received.version, lines.join("; "))
        };
        let (http1, http2) = (http::Version::HTTP_11, http::Version::HTTP_2);
        for text in ["Host: x\r\nA: 1\r\n\r\nB: 2", "Host: x\nA: 1", "Host:x\nA:1\n\n> B: 2"] {
            assert_eq!(read(text), ("/".to_owned(), http1, "Host: x; A: 1".to_owned()), "{text}");
        }
        let last = "Host: 127.0.0.1:8080; X-Forwarded-For: 203.0.113.9; A: x HTTP/1.1".to_owned();
        assert_eq!(read(CURL), ("/b".to_owned(), http2, last));
        let first = CURL.split_once("* Issue").unwrap().0;
        assert_eq!(read(first), ("/a".to_owned(), http1, "Host: first".to_owned()));
        let sent = "> GET /a HTTP/1.1\n> Host: first\n";
        assert_eq!(read(sent), ("/a".to_owned(), http1, "Host: first".to_owned()));
        let quoted = "POST /a HTTP/1.1\nHost: x\n\n> GET /b HTTP/1.1\n";
        assert_eq!(read(quoted), ("/a".to_owned(), http1, "Host: x".to_owned()));
    }

    #[test]
    fn heads() {
        let read = |head: &str| Received::parse(head.as_bytes());
        for head in [
            "GET /a HTTP/1.1\r\nHost: x\r\nA: 1\r\nhost: y\r\n\r\nbody: no",
            "GET /a HTTP/1.1\nHost: x\nA: 1\nhost: y",
            "GET /a HTTP/2\nHost: x\nA: 1\nhost: y\n",
        ] {
            let received = read(head).unwrap();
            let lines: Vec<_> =
                received.lines.iter().map(|l| format!("{} {}", l.spelling, l.number)).collect();
            assert_eq!(lines, ["Host 1", "A 1", "host 2"], "{head}");
            assert_eq!(received.uri, "/a");
        }
        assert_eq!(read("GET / HTTP/2").unwrap().version, http::Version::HTTP_2);
        assert_eq!(read("GET / HTTP/1.0").unwrap().version, http::Version::HTTP_10);
        let many = format!("GET / HTTP/1.1\n{}", "A: 1\n".repeat(300));
        assert_eq!(read(&many).unwrap().lines.len(), 300);
        for (head, line) in [
            ("GET / HTTP/1.1\r\nA: b\r\nB : c\r\nD: e", 3),
            ("GET / HTTP/1.1\nA: \x1b\nB: c", 2),
            (&format!("{many}x y"), 302),
            ("A: b\nB : c", 2),
            ("A: \x1b", 1),
            ("> GET / HTTP/1.1\n* x\n> A : 1\n>", 2),
        ] {
            let error = read(head).unwrap_err();
            assert!(error.contains(&format!(" line {line}, ")), "{error}");
        }
        for wrong in
            ["", "* x", ">", "> x", "GET / HTTP/1.1\nA : 1", "GET / HTTP/1.1\nA: \x1b", "G@T\n"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
