//! What the receiver saw of a request: its peer, its target, and every field line
//! ([RFC 9110 §5](https://www.rfc-editor.org/rfc/rfc9110#section-5)).
//!
//! 1. Nothing is interpreted. Values are bytes, and [`Octets`] prints them as printable ASCII that can be read
//!    back.
//! 2. Lines of one name keep their order, which decides who wrote what. HTTP libraries store the lines by name
//!    and in lower case. Neither the case nor the order of different names has a meaning (RFC 9110 §5.1, §5.3).
//! 3. The request can be made again, with its peer, so that the core decides about exactly what arrived.
//! 4. Credentials and cookies are dots: nobody has to see them. They are known by the names of their fields.

use std::{fmt, net::SocketAddr};

use http::{HeaderName, HeaderValue, Request};
use proxyfix::Peer;
use serde::{Deserialize, Serialize};

use crate::escape;

/// Bytes of a stranger. As text, every byte that is not printable ASCII is `\xNN`, and a backslash is doubled.
///
/// ```
/// use proxyfix_doctor::arrived::Octets;
///
/// let octets = Octets::from(&b"a\xff\\"[..]);
/// assert_eq!(octets.to_string(), r"a\xff\\");
/// assert_eq!(r"a\xff\\".parse::<Octets>()?, octets);
/// # Ok::<(), proxyfix_doctor::arrived::NotEscaped>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Octets(Vec<u8>);

impl Octets {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the text occurs in the bytes, in any case of ASCII letters.
    pub fn has(&self, text: &str) -> bool {
        let text = text.as_bytes();
        !text.is_empty() && self.0.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text))
    }
}

impl Octets {
    /// Replaces a text by as many dots, in any case of ASCII letters.
    pub fn hide(&mut self, text: &str) {
        let text = text.as_bytes();
        let mut rest = self.0.as_mut_slice();
        while let Some((here, _)) =
            rest.split_at_mut_checked(text.len()).filter(|_| !text.is_empty())
        {
            let is_it = here.eq_ignore_ascii_case(text);
            if is_it {
                here.fill(b'.');
            }
            let step = if is_it { text.len() } else { 1 };
            rest = std::mem::take(&mut rest).get_mut(step..).unwrap_or_default();
        }
    }
}

/// What stands for so many bytes of a secret.
fn dots(length: usize) -> Octets {
    Octets(vec![b'.'; length])
}

impl From<&[u8]> for Octets {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for Octets {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<Octets> for String {
    fn from(octets: Octets) -> Self {
        octets.to_string()
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape::text(&self.0))
    }
}

/// A text that is not the escaped form of any bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(r"expected printable ASCII, with \\ for a backslash and \xNN for any other byte")]
pub struct NotEscaped;

impl std::str::FromStr for Octets {
    type Err = NotEscaped;

    fn from_str(text: &str) -> Result<Self, NotEscaped> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((&first, behind)) = rest.split_first() {
            let (byte, behind) = match (first, behind) {
                (b'\\', [b'\\', behind @ ..]) => (b'\\', behind),
                (b'\\', [b'x', high, low, behind @ ..]) => (hex(*high)? << 4 | hex(*low)?, behind),
                (b' '..=b'~', _) if first != b'\\' => (first, behind),
                _ => return Err(NotEscaped),
            };
            rest = behind;
            bytes.push(byte);
        }
        Ok(Self(bytes))
    }
}

fn hex(digit: u8) -> Result<u8, NotEscaped> {
    let value = char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    value.ok_or(NotEscaped)
}

impl TryFrom<String> for Octets {
    type Error = NotEscaped;

    fn try_from(text: String) -> Result<Self, NotEscaped> {
        text.parse()
    }
}

/// One field line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name, as it is written.
    pub name: String,
    /// Its value.
    pub value: Octets,
}

impl Field {
    /// A line of text.
    pub fn new(name: impl Into<String>, value: &str) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// What arrived at the receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// The other end of the receiver's connection, `ADDRESS:PORT` or `unix`, if it is known.
    pub peer: Option<String>,
    /// The version of HTTP in which it arrived, such as `HTTP/1.1`.
    pub version: String,
    /// The method.
    pub method: String,
    /// The request target, as far as the receiver's HTTP library keeps it.
    pub target: Octets,
    /// The field lines.
    pub fields: Vec<Field>,
    /// A random name of the process that answered, which tells two instances of an application apart.
    #[serde(default)]
    pub instance: String,
}

impl Arrived {
    /// What arrived with this request from this peer.
    ///
    /// ```
    /// use proxyfix_doctor::arrived::Arrived;
    ///
    /// let request = http::Request::get("/x").header("x-real-ip", "192.0.2.1").body(())?;
    /// let arrived = Arrived::of(&request, Some(proxyfix::Peer::UNIX), "a");
    /// assert_eq!(arrived.peer.as_deref(), Some("unix"));
    /// assert_eq!(arrived.values("X-Real-IP").next().unwrap().as_bytes(), b"192.0.2.1");
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn of<B>(request: &Request<B>, peer: Option<Peer>, instance: &str) -> Self {
        let field = |(name, value): (&HeaderName, &HeaderValue)| Field {
            name: name.as_str().to_owned(),
            value: if is_secret(name) { dots(value.len()) } else { value.as_bytes().into() },
        };
        let peer = peer.map(|peer| if peer.is_unix() { UNIX.to_owned() } else { peer.to_string() });
        Self {
            peer,
            version: format!("{:?}", request.version()),
            method: request.method().to_string(),
            target: request.uri().to_string().as_str().into(),
            fields: request.headers().iter().map(field).collect(),
            instance: instance.to_owned(),
        }
    }

    /// The values of a header, in any case of its name, the first line first.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Octets> {
        let lines = self.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        lines.map(|field| &field.value)
    }

    /// The elements of a header that is a list, from the right: the one that was written last comes first.
    pub fn elements<'a>(&'a self, name: &'a str) -> Vec<&'a [u8]> {
        let lines: Vec<_> = self.values(name).collect();
        let elements = |line: &&'a Octets| {
            line.0.rsplit(|&byte| byte == b',').map(<[u8]>::trim_ascii).collect::<Vec<_>>()
        };
        lines.iter().rev().flat_map(elements).collect()
    }

    /// The other end of the receiver's connection.
    pub fn peer(&self) -> Option<Peer> {
        let text = self.peer.as_deref()?;
        let address = text.parse::<SocketAddr>().map(Peer::from).ok();
        let ip = || text.parse::<std::net::IpAddr>().map(Peer::from).ok();
        address.or_else(ip).or_else(|| (text == UNIX).then_some(Peer::UNIX))
    }

    /// The path of the target, without the scheme, the authority and the query that it may have.
    pub fn path(&self) -> String {
        let target = self.target.to_string();
        let behind = target.split_once("://").map(|(_, rest)| rest);
        let path = match behind {
            Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
            None => &target,
        };
        path.split('?').next().unwrap_or_default().to_owned()
    }

    /// Replaces a secret in the target, and in every value, by as many dots.
    pub fn hide(&mut self, secret: &str) {
        self.target.hide(secret);
        self.fields.iter_mut().for_each(|field| field.value.hide(secret));
    }

    /// Replaces the values of a header by as many dots.
    pub fn hide_header(&mut self, name: &str) {
        for field in self.fields.iter_mut().filter(|field| field.name.eq_ignore_ascii_case(name)) {
            field.value = dots(field.value.as_bytes().len());
        }
    }

    /// The request made again, with its peer in its extensions; `None` if no HTTP library would take it.
    pub fn request(&self) -> Option<Request<()>> {
        if self.fields.len() > LINES {
            return None;
        }
        let mut request = Request::new(());
        *request.uri_mut() = http::Uri::try_from(self.target.as_bytes()).ok()?;
        for field in &self.fields {
            let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
            let value = HeaderValue::from_bytes(field.value.as_bytes()).ok()?;
            request.headers_mut().try_append(name, value).ok()?;
        }
        request.extensions_mut().insert(self.peer()?);
        Some(request)
    }
}

/// The most lines of a request that is made again: as many as the receiver takes.
pub(crate) const LINES: usize = 256;

/// Words in the names of fields whose values are secrets. Proxies write such fields too, behind a login.
const SECRETS: [&str; 10] = [
    "assertion",
    "authorization",
    "cookie",
    "credential",
    "jwt",
    "key",
    "passw",
    "secret",
    "session",
    "token",
];

/// Whether nobody has to see the value of a field. Nothing is derived from it.
fn is_secret(name: &HeaderName) -> bool {
    SECRETS.iter().any(|word| name.as_str().contains(word)) && !proxyfix::is_forwarding_header(name)
}

/// How a Unix socket is written.
const UNIX: &str = "unix";

#[cfg(test)]
mod tests {
    use super::{Arrived, Field, Octets};

    #[test]
    fn octets_and_back() {
        let all: Vec<u8> = (0..=255).collect();
        let octets = Octets::from(&all[..]);
        let json = serde_json::to_string(&octets).unwrap();
        assert!(json.is_ascii());
        assert_eq!(serde_json::from_str::<Octets>(&json).unwrap(), octets);
        for wrong in ["\\", "\\x", "\\x1", "\\xg0", "\n", "é"] {
            assert!(wrong.parse::<Octets>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn secrets_are_dots() {
        let request = http::Request::get("/").header("Authorization", "Bearer abc");
        let request = request.header("cookie", "id=1").header("x-a", "1");
        let request = request.header("X-Forwarded-Access-Token", "abc").header("x-api-key", "k");
        let request = request.body(()).unwrap();
        let arrived = Arrived::of(&request, None, "a");
        let value = |name: &str| arrived.values(name).next().unwrap().to_string();
        assert_eq!((value("authorization"), value("cookie")), (".".repeat(10), "....".to_owned()));
        assert_eq!(
            (value("x-forwarded-access-token"), value("x-api-key")),
            ("...".into(), ".".into())
        );
        assert_eq!(value("x-a"), "1");
    }

    #[test]
    fn what_is_hidden() {
        let mut octets = Octets::from("aSecret\\secre, SECRET");
        octets.hide("secret");
        assert_eq!(octets, "a......\\secre, ......".into());
        octets.hide("");
        octets.hide(&"x".repeat(100));
        octets.hide("a......\\secre, ......");
        assert_eq!(octets.to_string(), ".".repeat(21));
        let mut octets = Octets::from("aaa");
        octets.hide("aa");
        assert_eq!(octets, "..a".into());
        let fields = vec![Field::new("X-Pass", "1"), Field::new("x-a", "1")];
        let mut arrived = Arrived { fields, ..Arrived::default() };
        arrived.hide_header("x-pass");
        assert_eq!(arrived.values("x-pass").next().unwrap().as_bytes(), b".");
        assert_eq!(arrived.values("x-a").next().unwrap().as_bytes(), b"1");
    }

    #[test]
    fn more_lines_than_any_request_has() {
        let fields = (0..40_000).map(|at| Field::new(format!("x-{at}"), "1")).collect();
        let peer = Some("127.0.0.1:1".to_owned());
        let mut arrived = Arrived { fields, peer, target: "/".into(), ..Arrived::default() };
        assert!(arrived.request().is_none());
        arrived.fields.truncate(256);
        assert!(arrived.request().is_some());
    }

    #[test]
    fn elements_from_the_right() {
        let fields = vec![
            Field::new("X-Forwarded-For", "a, b"),
            Field::new("host", "h"),
            Field::new("x-forwarded-for", "c,,d "),
        ];
        let arrived = Arrived { fields, ..Arrived::default() };
        let elements = arrived.elements("x-forwarded-for");
        assert_eq!(elements, [&b"d"[..], b"", b"c", b"b", b"a"]);
        assert!(arrived.elements("forwarded").is_empty());
    }

    #[test]
    fn paths() {
        for (target, path) in
            [("/a?b", "/a"), ("https://h/a/b", "/a/b"), ("http://h", "/"), ("*", "*")]
        {
            let arrived = Arrived { target: target.into(), ..Arrived::default() };
            assert_eq!(arrived.path(), path);
        }
    }
}
