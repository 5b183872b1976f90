//! Field lines, read from the right (RFC 9110 §5.3).
//!
//! 1. All field lines of a name form one list, the first line first. It is read from its right
//!    end: the last line, the last element. Lines are never joined.
//! 2. Commas separate elements. SP and HTAB around an element are dropped.
//! 3. An empty element keeps its position: a hop wrote nothing. Deliberately unlike RFC 9110
//!    §5.6.1, whose recipients skip it: a client's element would then slide to where a proxy's
//!    is looked for.
//! 4. An element is at most 4 KiB between its commas, so that no reader looks far for its start.
//! 5. Nothing left of the elements asked for is looked at.

use std::iter::{Rev, Skip};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, HOST, ValueIter},
};

use crate::{
    config::Plan,
    error::{Error, ErrorKind, Fault},
};

/// The longest element in bytes: half of what common servers allow all header lines together
/// (8 KiB in nginx and Apache httpd).
pub(crate) const MAX_ELEMENT: usize = 4096;

/// The field lines of one name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldLines<'a> {
    headers: &'a HeaderMap,
    pub(crate) name: &'a HeaderName,
    pub(crate) last: Option<&'a HeaderValue>,
    pub(crate) count: usize,
}

/// The field lines that decide about a request, found in one pass over its headers.
#[derive(Debug)]
pub(crate) struct RequestLines<'a> {
    pub(crate) host: FieldLines<'a>,
    pub(crate) connection: FieldLines<'a>,
    pub(crate) client: Option<FieldLines<'a>>,
    pub(crate) proto: Option<FieldLines<'a>>,
    pub(crate) x_host: Option<FieldLines<'a>>,
    pub(crate) port: Option<FieldLines<'a>>,
    pub(crate) prefix: Option<FieldLines<'a>>,
}

impl<'a> RequestLines<'a> {
    pub(crate) fn find(headers: &'a HeaderMap, plan: &'a Plan) -> Self {
        let empty = |name| FieldLines { headers, name, last: None, count: 0 };
        let mut lines = Self {
            host: empty(&HOST),
            connection: empty(&CONNECTION),
            client: plan.client.as_ref().map(|t| empty(&t.name)),
            proto: plan.proto.as_ref().map(|t| empty(&t.name)),
            x_host: plan.host.as_ref().map(|t| empty(&t.name)),
            port: plan.port.as_ref().map(|t| empty(&t.name)),
            prefix: plan.prefix.as_ref().map(|t| empty(&t.name)),
        };
        for (name, value) in headers {
            if let Some(field) = lines.all_mut().find(|field| field.name == name) {
                field.last = Some(value);
                field.count = field.count.saturating_add(1);
            }
        }
        lines
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut FieldLines<'a>> {
        [Some(&mut self.host), Some(&mut self.connection)]
            .into_iter()
            .chain([
                self.client.as_mut(),
                self.proto.as_mut(),
                self.x_host.as_mut(),
                self.port.as_mut(),
                self.prefix.as_mut(),
            ])
            .flatten()
    }

    /// The field lines of the trusted headers.
    pub(crate) fn trusted(&self) -> impl Iterator<Item = &FieldLines<'a>> {
        [&self.client, &self.proto, &self.x_host, &self.port, &self.prefix].into_iter().flatten()
    }
}

impl<'a> FieldLines<'a> {
    pub(crate) fn of(headers: &'a HeaderMap, name: &'a HeaderName) -> Self {
        let lines = headers.get_all(name);
        Self { headers, name, last: lines.iter().next_back(), count: lines.iter().count() }
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.last.is_none()
    }

    /// Whether every element is empty. For a list that is known to be short.
    pub(crate) fn is_blank(self) -> bool {
        self.elements().all(|element| element.is_ok_and(|element| element.text.is_empty()))
    }

    /// The only line of a field that must not have several.
    pub(crate) fn single(&self) -> Result<Option<&'a HeaderValue>, Error> {
        match self.count {
            0 | 1 => Ok(self.last),
            _ => Err(Error::in_header(ErrorKind::Repeated, self.name)),
        }
    }

    /// The elements between commas, from the right. They know no quotes.
    pub(crate) fn elements(self) -> Elements<'a> {
        self.elements_by(|tail| Ok(tail.iter().rposition(|&byte| byte == b',')))
    }

    /// The elements between the commas that `last_comma` finds, from the right.
    pub(crate) fn elements_by(self, last_comma: LastComma) -> Elements<'a> {
        Elements {
            field: self,
            line: self.count,
            unread: self.last.map(HeaderValue::as_bytes),
            earlier: None,
            hop: 0,
            last_comma,
        }
    }

    /// The `n`th element from the right, from 1.
    pub(crate) fn nth(self, n: usize) -> Result<Element<'a>, Error> {
        let mut elements = self.elements();
        loop {
            match elements.next() {
                Some(Ok(element)) if element.hop < n => {}
                Some(element) => return element,
                None => return Err(Error::in_header(ErrorKind::Short, self.name).at_hop(n)),
            }
        }
    }
}

/// Finds the last comma that separates elements.
pub(crate) type LastComma = fn(&[u8]) -> Result<Option<usize>, Fault>;

/// One element of a list, without the white space around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) name: &'a HeaderName,
    pub(crate) text: &'a [u8],
    /// Where it begins in its field line.
    pub(crate) start: usize,
    /// Which field line of that name, from 1.
    pub(crate) line: usize,
    /// Which element from the right, from 1.
    pub(crate) hop: usize,
}

impl Element<'_> {
    /// A fault in the element's text, as an error with its place.
    pub(crate) fn error(&self, fault: Fault) -> Error {
        fault.shift(self.start).in_header(self.name).at_hop(self.hop)
    }
}

/// The elements of a field's lines, from the right. Ends behind the first error, for what stands
/// left of it has no certain place.
#[derive(Debug)]
pub(crate) struct Elements<'a> {
    field: FieldLines<'a>,
    /// The number of the line being read, from 1.
    line: usize,
    /// What of that line is unread.
    unread: Option<&'a [u8]>,
    /// The lines before the last.
    earlier: Option<Skip<Rev<ValueIter<'a, HeaderValue>>>>,
    hop: usize,
    last_comma: LastComma,
}

impl<'a> Elements<'a> {
    /// What is unread of the next line to the left that has something.
    fn unread(&mut self) -> Option<&'a [u8]> {
        if self.unread.is_none() && self.line > 1 {
            let field = self.field;
            let lines = || field.headers.get_all(field.name).iter().rev().skip(1);
            self.unread = self.earlier.get_or_insert_with(lines).next().map(HeaderValue::as_bytes);
            self.line = self.line.saturating_sub(1);
        }
        self.unread.take()
    }

    fn end(&mut self) {
        self.unread = None;
        self.line = 0;
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let unread = self.unread()?;
        self.hop = self.hop.saturating_add(1);
        // One byte more than the longest element, for its comma.
        let cut = unread.len().saturating_sub(MAX_ELEMENT.saturating_add(1));
        let tail = unread.get(cut..).unwrap_or(unread);
        let comma = match (self.last_comma)(tail) {
            Ok(None) if tail.len() > MAX_ELEMENT => Err(Fault::new(ErrorKind::TooLong, 0)),
            found => found,
        };
        let comma = match comma {
            Ok(comma) => comma,
            Err(fault) => {
                self.end();
                let error = fault.shift(cut).in_header(self.field.name).at_hop(self.hop);
                return Some(Err(error));
            }
        };
        let start = comma.map_or(0, |comma| cut.saturating_add(comma).saturating_add(1));
        self.unread = comma.and_then(|comma| unread.get(..cut.saturating_add(comma)));
        let text = trim_start(unread.get(start..).unwrap_or_default());
        Some(Ok(Element {
            name: self.field.name,
            text: trim_end(text),
            start: unread.len().saturating_sub(text.len()),
            line: self.line,
            hop: self.hop,
        }))
    }
}

/// Drops SP and HTAB, the only white space of field values (RFC 9110 §5.6.3), from the left.
pub(crate) fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

/// The same from the right.
pub(crate) fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}
