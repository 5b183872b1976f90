//! The parser of one forwarded-element: rules 3 to 6 of [`Forwarded`](super).

use std::borrow::Cow;

use http::uri::Authority;

use super::print::is_token;
use crate::{
    error::{Error, ErrorKind, Fault},
    host::HostPort,
    lines::{Element, trim_start},
    node::Node,
    scheme::Scheme,
};

/// The most pairs in one element: RFC 7239 defines four parameters, and each pair is compared
/// with those before it.
const MAX_PAIRS: usize = 32;

/// One forwarded-element: what one proxy said of one request.
///
/// Its values are borrowed from the header's own bytes.
#[derive(Clone, Debug)]
pub struct ForwardedElement<'a> {
    element: Element<'a>,
    r#for: Option<Value<'a>>,
    by: Option<Value<'a>>,
    host: Option<Value<'a>>,
    proto: Option<Value<'a>>,
    is_empty: bool,
}

impl<'a> ForwardedElement<'a> {
    pub(crate) fn parse(element: Element<'a>) -> Result<Self, Error> {
        let mut parsed =
            Self { element, r#for: None, by: None, host: None, proto: None, is_empty: true };
        let fault = |fault| element.error(fault);
        for (at, pair) in Pairs::of(element.text).enumerate() {
            let pair = pair.map_err(fault)?;
            parsed.is_empty = false;
            let repeated = match parsed.known(pair.name) {
                Some(known) => known.replace(pair.value).is_some(),
                None => Pairs::of(element.text)
                    .take(at)
                    .flatten()
                    .any(|earlier| earlier.name.eq_ignore_ascii_case(pair.name)),
            };
            if repeated {
                return Err(fault(Fault::new(ErrorKind::DuplicateParameter, pair.start)));
            }
            if at >= MAX_PAIRS {
                return Err(fault(Fault::new(ErrorKind::InvalidElement, pair.start)));
            }
        }
        Ok(parsed)
    }

    fn known(&mut self, name: &[u8]) -> Option<&mut Option<Value<'a>>> {
        match name.len() {
            2 if name.eq_ignore_ascii_case(b"by") => Some(&mut self.by),
            3 if name.eq_ignore_ascii_case(b"for") => Some(&mut self.r#for),
            4 if name.eq_ignore_ascii_case(b"host") => Some(&mut self.host),
            5 if name.eq_ignore_ascii_case(b"proto") => Some(&mut self.proto),
            _ => None,
        }
    }

    /// The node that made the request to the proxy (§5.2).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidNode`] for `for="2001:db8::7"` (IPv6 without brackets), `for=x`.
    pub fn for_node(&self) -> Result<Option<Node>, Error> {
        self.read(self.r#for.as_ref(), Node::parse)
    }

    /// The interface at which the proxy received the request (§5.1).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidNode`], as [`for_node`](Self::for_node).
    pub fn by_node(&self) -> Result<Option<Node>, Error> {
        self.read(self.by.as_ref(), Node::parse)
    }

    /// The `Host` that the proxy received (§5.3); `None` where it is missing or empty.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidHost`] for `host="a, b"`, `host="user@example.com"`.
    pub fn host(&self) -> Result<Option<Authority>, Error> {
        let Some(host) = self.host_port()? else { return Ok(None) };
        let authority = Authority::try_from(host.to_string());
        authority.map(Some).map_err(|_| Error::in_header(ErrorKind::InvalidHost, self.element.name))
    }

    /// The scheme of the request that the proxy received (§5.4).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidScheme`] for `proto=javascript`.
    pub fn proto(&self) -> Result<Option<Scheme>, Error> {
        self.read(self.proto.as_ref(), Scheme::parse)
    }

    /// The value of any parameter, by its name in any case, without quotes and escapes.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let mut pairs = Pairs::of(self.element.text).flatten();
        let pair = pairs.find(|pair| pair.name.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(pair.value.text())
    }

    /// The element as it stands in its field line.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.element.text
    }

    pub(crate) fn element(&self) -> &Element<'a> {
        &self.element
    }

    /// Whether it has no parameter at all: the hop wrote nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    pub(crate) fn host_port(&self) -> Result<Option<HostPort>, Error> {
        let host = self.host.as_ref().filter(|host| !host.is_empty_string());
        self.read(host, HostPort::parse)
    }

    fn read<T>(
        &self,
        value: Option<&Value<'a>>,
        parse: impl Fn(&[u8]) -> Result<T, Fault>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = value else { return Ok(None) };
        let parsed = parse(&value.text());
        parsed.map(Some).map_err(|fault| self.element.error(fault.shift(value.start)))
    }
}

/// A parameter's value.
#[derive(Clone, Copy, Debug)]
struct Value<'a> {
    /// Without quotes, with escapes.
    raw: &'a [u8],
    quoted: bool,
    /// Where `raw` begins in the element.
    start: usize,
}

impl<'a> Value<'a> {
    fn is_empty_string(&self) -> bool {
        self.quoted && self.raw.is_empty()
    }

    fn text(&self) -> Cow<'a, [u8]> {
        if !self.quoted || !self.raw.contains(&b'\\') {
            return Cow::Borrowed(self.raw);
        }
        let mut escaped = false;
        let unescaped = |byte: &u8| {
            escaped = *byte == b'\\' && !escaped;
            !escaped
        };
        Cow::Owned(self.raw.iter().copied().filter(unescaped).collect())
    }
}

/// A forwarded-pair.
#[derive(Clone, Copy, Debug)]
struct Pair<'a> {
    name: &'a [u8],
    value: Value<'a>,
    /// Where it begins in the element.
    start: usize,
}

/// The pairs of an element, from the left. Ends behind the first fault.
#[derive(Clone, Debug)]
struct Pairs<'a> {
    element: &'a [u8],
    unread: &'a [u8],
}

impl<'a> Pairs<'a> {
    fn of(element: &'a [u8]) -> Self {
        Self { element, unread: element }
    }

    /// Where `rest`, an end of the element, begins.
    fn offset(&self, rest: &[u8]) -> usize {
        self.element.len().saturating_sub(rest.len())
    }

    fn fault(&self, rest: &[u8]) -> Fault {
        Fault::at(ErrorKind::InvalidElement, self.element, self.offset(rest))
    }

    fn pair(&self, text: &'a [u8]) -> Result<(Pair<'a>, &'a [u8]), Fault> {
        let (name, rest) = split_while(text, is_token);
        let value = match rest.split_first() {
            Some((b'=', value)) if !name.is_empty() => value,
            _ => return Err(self.fault(rest)),
        };
        let start = self.offset(text);
        if let Some((b'"', content)) = value.split_first() {
            let (raw, rest) = self.quoted(content)?;
            let value = Value { raw, quoted: true, start: self.offset(content) };
            return Ok((Pair { name, value, start }, rest));
        }
        let (raw, rest) =
            split_while(value, |byte| is_token(byte) || matches!(byte, b':' | b'[' | b']'));
        let known: [&[u8]; 4] = [b"for", b"by", b"host", b"proto"];
        if raw.is_empty() && known.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            return Err(self.fault(rest));
        }
        let value = Value { raw, quoted: false, start: self.offset(value) };
        Ok((Pair { name, value, start }, rest))
    }

    /// Reads the rest of a quoted-string: its content, and what follows it. Any byte that a
    /// `HeaderValue` holds may stand in it (RFC 9110 §5.6.4).
    fn quoted(&self, content: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Fault> {
        let mut start = 0_usize;
        loop {
            let rest = content.get(start..).unwrap_or_default();
            let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            match at.and_then(|at| rest.split_at_checked(at)) {
                Some((before, [b'"', after @ ..])) => {
                    let length = start.saturating_add(before.len());
                    return Ok((content.get(..length).unwrap_or_default(), after));
                }
                // The backslash and what it escapes.
                Some((before, _)) => start = start.saturating_add(before.len()).saturating_add(2),
                None => return Err(self.fault(b"")),
            }
        }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<Pair<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut text = trim_start(self.unread);
        while let [b';', rest @ ..] = text {
            text = trim_start(rest);
        }
        if text.is_empty() {
            self.unread = text;
            return None;
        }
        let pair = self.pair(text).and_then(|(pair, rest)| match trim_start(rest) {
            rest @ ([] | [b';', ..]) => Ok((pair, rest)),
            rest => Err(self.fault(rest)),
        });
        self.unread = pair.map_or(b"", |(_, rest)| rest);
        Some(pair.map(|(pair, _)| pair))
    }
}

fn split_while(text: &[u8], accept: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| !accept(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, b""))
}
