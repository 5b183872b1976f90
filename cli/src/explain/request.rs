//! Reading a request: a raw head, header lines, or an object of JSON.
//!
//! 1. A head is a request line and header lines, with or without CR, and without the empty line at
//!    the end too; what stands behind that line, the body, is not looked at.
//! 2. Its form is that of HTTP/1 (RFC 9112), read strictly. The version may also be `HTTP/2` or
//!    `HTTP/3`, as tools print such requests.
//! 3. The lines are kept in order and in their spelling, which is a token and so printable.

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
    /// How many lines each name has: to count them anew for each line would be quadratic.
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
    /// Reads a raw head.
    pub(crate) fn parse(head: &[u8]) -> Result<Self, String> {
        let (head, version) = version(head);
        let mut room = 64;
        loop {
            let mut headers = vec![httparse::EMPTY_HEADER; room];
            let mut request = httparse::Request::new(&mut headers);
            match request.parse(&head) {
                Err(httparse::Error::TooManyHeaders) => room *= 2,
                Err(error) => return Err(not_a_head(&at_line(&head, room, error))),
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
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| format!("{}: a header value has no control characters", shown()))?;
        let full = |_| "more header lines than can be read".to_owned();
        self.headers.try_append(&name, value.clone()).map_err(full)?;
        let count = self.counts.entry(name.clone()).or_default();
        *count += 1;
        let number = *count;
        self.lines.push(Line { spelling: spelling.to_owned(), name, number, value });
        Ok(())
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

/// An error with the number of its line: the first with which the lines before it are refused.
fn at_line(head: &[u8], room: usize, error: httparse::Error) -> String {
    let ends: Vec<_> = (1..=head.len()).filter(|&end| head[end - 1] == b'\n').collect();
    let is_read = |end: &usize| {
        let mut headers = vec![httparse::EMPTY_HEADER; room];
        httparse::Request::new(&mut headers).parse(&head[..*end]).is_ok()
    };
    format!("line {}, {error}", ends.partition_point(is_read) + 1)
}

fn not_a_head(reason: &str) -> String {
    format!(
        "not the head of a request: {reason}; expected a line such as GET / HTTP/1.1, then header lines"
    )
}

pub(crate) fn method(text: &str) -> Result<Method, String> {
    text.parse().map_err(|_| format!("{}: not a method", escape::shortened(text.as_bytes(), 40)))
}

pub(crate) fn uri(text: &str) -> Result<Uri, String> {
    let shown = || escape::shortened(text.as_bytes(), 40);
    text.parse().map_err(|error| format!("{}: not a request target, {error}", shown()))
}

/// The head with its end, and its version where HTTP/1 has no line for it.
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
            ("Host: x", 1),
            ("GET / HTTP/1.1\r\nA: b\r\nB : c\r\nD: e", 3),
            ("GET / HTTP/1.1\nA: \x1b\nB: c", 2),
            (&format!("{many}x y"), 302),
        ] {
            let error = read(head).unwrap_err();
            assert!(error.contains(&format!(" line {line}, ")), "{error}");
        }
        for wrong in ["", "Host: x", "GET / HTTP/1.1\nA : 1", "GET / HTTP/1.1\nA: \x1b", "G@T\n"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
