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
    config::{MOST_READ, Plan, Trusted},
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
    found: Lines<'a>,
}

/// What one pass over the headers finds of a name.
#[derive(Clone, Copy, Debug, Default)]
struct Lines<'a> {
    last: Option<&'a HeaderValue>,
    count: usize,
}

/// The field lines that decide about a request, found in one pass over its headers.
#[derive(Debug)]
pub(crate) struct RequestLines<'a> {
    headers: &'a HeaderMap,
    /// In the order of [`Plan::place`].
    lines: [Lines<'a>; MOST_READ],
}

impl<'a> RequestLines<'a> {
    pub(crate) fn find(headers: &'a HeaderMap, plan: &Plan) -> Self {
        let mut request = Self { headers, lines: [Lines::default(); MOST_READ] };
        for (name, value) in headers {
            if let Some(found) = plan.place(name).and_then(|place| request.lines.get_mut(place)) {
                *found = Lines { last: Some(value), count: found.count.saturating_add(1) };
            }
        }
        request
    }

    pub(crate) fn host(&self) -> FieldLines<'a> {
        let [found, ..] = self.lines;
        FieldLines { headers: self.headers, name: &HOST, found }
    }

    pub(crate) fn connection(&self) -> FieldLines<'a> {
        let [_, found, ..] = self.lines;
        FieldLines { headers: self.headers, name: &CONNECTION, found }
    }

    /// The lines of a trusted header.
    pub(crate) fn of<'b, R>(&self, trusted: &'b Trusted<R>) -> FieldLines<'b>
    where
        'a: 'b,
    {
        let found = self.lines.get(trusted.place).copied().unwrap_or_default();
        FieldLines { headers: self.headers, name: &trusted.name, found }
    }

    /// Whether none of the trusted headers is there.
    pub(crate) fn none_trusted(&self) -> bool {
        let [_, _, trusted @ ..] = &self.lines;
        trusted.iter().all(|lines| lines.last.is_none())
    }
}

impl<'a> FieldLines<'a> {
    pub(crate) fn of(headers: &'a HeaderMap, name: &'a HeaderName) -> Self {
        let lines = headers.get_all(name);
        let found = Lines { last: lines.iter().next_back(), count: lines.iter().count() };
        Self { headers, name, found }
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.found.last.is_none()
    }

    /// Whether every element is empty. For a list that is known to be short.
    pub(crate) fn is_blank(self) -> bool {
        self.elements().all(|element| element.is_ok_and(|element| element.text.is_empty()))
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a HeaderValue> {
        self.headers.get_all(self.name).iter()
    }

    /// The line, where it is the only one.
    pub(crate) fn alone(&self) -> Option<&'a HeaderValue> {
        self.found.last.filter(|_| self.found.count == 1)
    }

    /// The only line of a field that must not have several.
    pub(crate) fn single(&self) -> Result<Option<&'a HeaderValue>, Error> {
        match self.found.count {
            0 | 1 => Ok(self.found.last),
            _ => Err(Error::in_header(ErrorKind::Repeated, self.name)),
        }
    }

    /// The elements between commas, from the right. They know no quotes.
    pub(crate) fn elements(self) -> Elements<'a, impl LastComma> {
        self.elements_by(last_comma)
    }

    /// The elements between the commas that `last_comma` finds, from the right.
    pub(crate) fn elements_by<C: LastComma>(self, last_comma: C) -> Elements<'a, C> {
        Elements {
            field: self,
            line: self.found.count,
            unread: self.found.last.map(HeaderValue::as_bytes),
            earlier: None,
            hop: 0,
            last_comma,
        }
    }

    /// The `n`th element from the right, from 1.
    pub(crate) fn nth(self, n: usize) -> Result<Element<'a>, Error> {
        self.nth_by(last_comma, n, |_| Ok(()))
    }

    /// The same by the commas that `last_comma` finds. Each element nearer than it has to `pass`.
    #[inline]
    pub(crate) fn nth_by(
        self,
        last_comma: impl LastComma,
        n: usize,
        mut pass: impl FnMut(&Element<'a>) -> Result<(), Error>,
    ) -> Result<Element<'a>, Error> {
        let mut elements = self.elements_by(last_comma);
        loop {
            match elements.next() {
                Some(Ok(element)) if element.hop < n => pass(&element)?,
                Some(element) => return element,
                None => return Err(Error::in_header(ErrorKind::Short, self.name).at_hop(n)),
            }
        }
    }
}

/// Finds the last comma that separates elements.
pub(crate) trait LastComma: Fn(&[u8]) -> Result<Option<usize>, Fault> {}

impl<C: Fn(&[u8]) -> Result<Option<usize>, Fault>> LastComma for C {}

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
    #[cold]
    pub(crate) fn error(&self, fault: Fault) -> Error {
        fault.shift(self.start).in_header(self.name).at_hop(self.hop)
    }
}

/// The elements of a field's lines, from the right. Ends behind the first error, for what stands
/// left of it has no certain place.
#[derive(Debug)]
pub(crate) struct Elements<'a, C> {
    field: FieldLines<'a>,
    /// The number of the line being read, from 1.
    line: usize,
    /// What of that line is unread.
    unread: Option<&'a [u8]>,
    /// The lines before the last.
    earlier: Option<Skip<Rev<ValueIter<'a, HeaderValue>>>>,
    hop: usize,
    last_comma: C,
}

impl<'a, C> Elements<'a, C> {
    /// The next line to the left.
    #[cold]
    fn earlier_line(&mut self) -> Option<&'a [u8]> {
        if self.line <= 1 {
            return None;
        }
        let field = self.field;
        let lines = || field.headers.get_all(field.name).iter().rev().skip(1);
        self.line = self.line.saturating_sub(1);
        self.earlier.get_or_insert_with(lines).next().map(HeaderValue::as_bytes)
    }

    /// An error behind which there is nothing.
    #[cold]
    fn fail(&mut self, fault: Fault) -> Error {
        self.unread = None;
        self.line = 0;
        fault.in_header(self.field.name).at_hop(self.hop)
    }
}

impl<'a, C: LastComma> Iterator for Elements<'a, C> {
    type Item = Result<Element<'a>, Error>;

    #[expect(clippy::inline_always, reason = "a call moves each element twice")]
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let unread = self.unread.take().or_else(|| self.earlier_line())?;
        self.hop = self.hop.saturating_add(1);
        // One byte more than the longest element, for its comma.
        let cut = unread.len().saturating_sub(MAX_ELEMENT.saturating_add(1));
        let tail = unread.get(cut..).unwrap_or(unread);
        let comma = match (self.last_comma)(tail) {
            Ok(None) if tail.len() > MAX_ELEMENT => {
                return Some(Err(self.fail(Fault::new(ErrorKind::TooLong, cut))));
            }
            Ok(comma) => comma,
            Err(fault) => return Some(Err(self.fail(fault.shift(cut)))),
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

/// Finds the last comma.
#[inline]
#[expect(clippy::unnecessary_wraps, reason = "of the form of one that knows quotes")]
pub(crate) fn last_comma(text: &[u8]) -> Result<Option<usize>, Fault> {
    let after = text.iter().rev().position(|&byte| byte == b',');
    Ok(after.and_then(|after| text.len().checked_sub(after)?.checked_sub(1)))
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
