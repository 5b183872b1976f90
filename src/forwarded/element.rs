//! The parser of one forwarded-element: rules 3 to 6 of [`Forwarded`](super).

use std::borrow::Cow;

use http::uri::Authority;

use super::print::{is_token, is_unquoted};
use crate::{
    error::{Error, ErrorKind, Fault},
    host::{Host, HostPort},
    lines::{Element, trim_start},
    node::Node,
    scheme::Scheme,
};

/// The most pairs in one element. RFC 7239 defines four parameters, and each pair is compared
/// with all before it.
const MAX_PAIRS: usize = 32;

/// One forwarded-element: what one proxy said about one request.
///
/// Its values are borrowed from the header's own bytes.
#[derive(Clone, Debug)]
pub struct ForwardedElement<'a> {
    element: Element<'a>,
    parameters: Parameters<'a>,
}

impl<'a> ForwardedElement<'a> {
    pub(crate) fn parse(element: Element<'a>) -> Result<Self, Error> {
        let mut parameters = Parameters::default();
        parameters.read(element.text).map_err(|fault| element.error(fault))?;
        Ok(Self { element, parameters })
    }

    /// The node that made the request to the proxy (§5.2).
    ///
    /// # Errors
    /// [`ErrorKind::BareIpv6`] for `for="2001:db8::7"` (IPv6 without brackets),
    /// [`ErrorKind::InvalidNode`] for `for=x`.
    pub fn for_node(&self) -> Result<Option<Node>, Error> {
        self.parameters.for_node().map_err(|fault| self.element.error(fault))
    }

    /// The interface at which the proxy received the request (§5.1).
    ///
    /// # Errors
    /// Those of [`for_node`](Self::for_node).
    pub fn by_node(&self) -> Result<Option<Node>, Error> {
        self.parameters.by_node().map_err(|fault| self.element.error(fault))
    }

    /// The `Host` that the proxy received (§5.3). `None` if it is missing or empty.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidHost`] for `host="a, b"`, `host="user@example.com"`.
    pub fn host(&self) -> Result<Option<Authority>, Error> {
        let host = self.parameters.host(|host| HostPort::from(host).to_string());
        let Some(host) = host.map_err(|fault| self.element.error(fault))? else { return Ok(None) };
        let invalid = |_| Error::in_header(ErrorKind::InvalidHost, self.element.name);
        Authority::try_from(host).map(Some).map_err(invalid)
    }

    /// The scheme of the request that the proxy received (§5.4).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidScheme`] for `proto=javascript`.
    pub fn proto(&self) -> Result<Option<Scheme>, Error> {
        self.parameters.proto().map_err(|fault| self.element.error(fault))
    }

    /// The value of any parameter, by its name in any case, without quotes and escapes.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let mut pairs = Pairs::of(self.element.text).flatten();
        let pair = pairs.find(|pair| pair.name.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(pair.value.text())
    }

    /// The element as it is in its field line.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.element.text
    }
}

/// The parameters of one element, of those that RFC 7239 defines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters<'a> {
    r#for: Option<Value<'a>>,
    by: Option<Value<'a>>,
    host: Option<Value<'a>>,
    proto: Option<Value<'a>>,
    has_any: bool,
    /// Whether IPv6 without brackets is read as an address.
    bare_ipv6: bool,
}

impl<'a> Parameters<'a> {
    /// The state before any element is read.
    pub(crate) fn new(bare_ipv6: bool) -> Self {
        Self { bare_ipv6, ..Self::default() }
    }

    /// Reads an element. It replaces the one that was read before.
    pub(crate) fn read(&mut self, element: &'a [u8]) -> Result<(), Fault> {
        *self = Self::new(self.bare_ipv6);
        // The unknown names, each at the position of its pair.
        let mut unknown: Option<[&[u8]; MAX_PAIRS]> = None;
        for (at, pair) in Pairs::of(element).enumerate() {
            let pair = pair?;
            self.has_any = true;
            let repeated = match Known::of(pair.name) {
                Some(known) => self.value_of(known).replace(pair.value).is_some(),
                None => {
                    let names = unknown.get_or_insert([b""; MAX_PAIRS]);
                    let mut earlier = names.iter().take(at);
                    let repeated = earlier.any(|name| name.eq_ignore_ascii_case(pair.name));
                    if let Some(name) = names.get_mut(at) {
                        *name = pair.name;
                    }
                    repeated
                }
            };
            if repeated {
                return Err(Fault::new(ErrorKind::DuplicateParameter, pair.start));
            }
            if at >= MAX_PAIRS {
                return Err(Fault::new(ErrorKind::InvalidElement, pair.start));
            }
        }
        Ok(())
    }

    #[inline]
    fn value_of(&mut self, parameter: Known) -> &mut Option<Value<'a>> {
        match parameter {
            Known::By => &mut self.by,
            Known::For => &mut self.r#for,
            Known::Host => &mut self.host,
            Known::Proto => &mut self.proto,
        }
    }

    /// Whether the element has any parameter, known or not. If it has none, the hop wrote nothing.
    pub(crate) fn has_any(&self) -> bool {
        self.has_any
    }

    pub(crate) fn for_node(&self) -> Result<Option<Node>, Fault> {
        let r#for = self.r#for.as_ref();
        if self.bare_ipv6 { parse(r#for, Node::parse_bare) } else { parse(r#for, Node::parse) }
    }

    fn by_node(&self) -> Result<Option<Node>, Fault> {
        parse(self.by.as_ref(), Node::parse)
    }

    pub(crate) fn proto(&self) -> Result<Option<Scheme>, Fault> {
        parse(self.proto.as_ref(), Scheme::parse)
    }

    /// Passes the host to `keep`. A host with escapes is unescaped into a copy that does not outlive the
    /// call.
    pub(crate) fn host<T>(&self, keep: impl FnOnce(Host<'_>) -> T) -> Result<Option<T>, Fault> {
        let host = self.host.as_ref().filter(|host| !host.is_empty_string());
        parse(host, |text| Host::parse(text).map(keep))
    }
}

/// A parameter that RFC 7239 defines (§5).
#[derive(Clone, Copy)]
enum Known {
    By,
    For,
    Host,
    Proto,
}

impl Known {
    /// The parameter of this name, in any case.
    #[inline]
    fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"for" => Some(Self::For),
            b"proto" => Some(Self::Proto),
            b"host" => Some(Self::Host),
            _ => Self::of_unusual(name),
        }
    }

    /// The same for an unusual spelling or an unusual parameter.
    fn of_unusual(name: &[u8]) -> Option<Self> {
        match name.len() {
            2 if name.eq_ignore_ascii_case(b"by") => Some(Self::By),
            3 if name.eq_ignore_ascii_case(b"for") => Some(Self::For),
            4 if name.eq_ignore_ascii_case(b"host") => Some(Self::Host),
            5 if name.eq_ignore_ascii_case(b"proto") => Some(Self::Proto),
            _ => None,
        }
    }
}

/// Parses a value, if there is one.
fn parse<T>(
    value: Option<&Value<'_>>,
    parse: impl FnOnce(&[u8]) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let Some(value) = value else { return Ok(None) };
    parse(&value.text()).map(Some).map_err(|fault| fault.shift(value.start))
}

/// A parameter's value.
#[derive(Clone, Copy, Debug)]
struct Value<'a> {
    /// The value without its quotes. Its escapes are still there.
    raw: &'a [u8],
    form: Form,
    /// Where `raw` begins in the element.
    start: usize,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Token,
    Quoted,
    /// In quotes, with backslashes.
    Escaped,
}

impl<'a> Value<'a> {
    fn is_empty_string(&self) -> bool {
        self.form == Form::Quoted && self.raw.is_empty()
    }

    #[inline]
    fn text(&self) -> Cow<'a, [u8]> {
        if self.form == Form::Escaped { self.unescaped() } else { Cow::Borrowed(self.raw) }
    }

    #[cold]
    fn unescaped(&self) -> Cow<'a, [u8]> {
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

/// The pairs of an element, from the left. The iterator ends after the first fault.
#[derive(Clone, Debug)]
struct Pairs<'a> {
    element: &'a [u8],
    unread: &'a [u8],
}

impl<'a> Pairs<'a> {
    fn of(element: &'a [u8]) -> Self {
        Self { element, unread: element }
    }

    /// The offset in the element of `rest`, which is an end of the element.
    fn offset(&self, rest: &[u8]) -> usize {
        self.element.len().saturating_sub(rest.len())
    }

    fn fault(&self, rest: &[u8]) -> Fault {
        Fault::at(ErrorKind::InvalidElement, self.element, self.offset(rest))
    }

    #[inline]
    fn pair(&self, text: &'a [u8]) -> Result<(Pair<'a>, &'a [u8]), Fault> {
        let (name, rest) = split_while(text, is_token);
        let value = match rest {
            [b'=', value @ ..] if !name.is_empty() => value,
            _ => return Err(self.fault(rest)),
        };
        let start = self.offset(text);
        if let [b'"', content @ ..] = value {
            let (raw, form, rest) = self.quoted(content)?;
            let value = Value { raw, form, start: self.offset(content) };
            return Ok((Pair { name, value, start }, rest));
        }
        let (raw, rest) = split_while(value, is_unquoted);
        if raw.is_empty() && Known::of(name).is_some() {
            return Err(self.fault(rest));
        }
        let value = Value { raw, form: Form::Token, start: self.offset(value) };
        Ok((Pair { name, value, start }, rest))
    }

    /// Reads the rest of a quoted-string, and returns its content and the text after it. It may contain any
    /// byte that a `HeaderValue` holds (RFC 9110 §5.6.4).
    #[inline]
    fn quoted(&self, content: &'a [u8]) -> Result<(&'a [u8], Form, &'a [u8]), Fault> {
        let mut form = Form::Quoted;
        let mut rest = content;
        loop {
            rest = match rest {
                [b'"', after @ ..] => {
                    let length = content.len().saturating_sub(rest.len());
                    return Ok((content.get(..length).unwrap_or_default(), form, after));
                }
                [b'\\', _, after @ ..] => {
                    form = Form::Escaped;
                    after
                }
                [] => return Err(self.fault(b"")),
                [_, after @ ..] => after,
            };
        }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<Pair<'a>, Fault>;

    #[expect(clippy::inline_always, reason = "a call moves each pair twice")]
    #[inline(always)]
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

#[inline]
fn split_while(text: &[u8], accept: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !accept(*byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, b""))
}
