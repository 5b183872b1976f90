//! Field lines, read from the right (RFC 9110 §5.3).
//!
//! 1. All field lines of a name form one list, the first line first. It is read from its right
//!    end, starting with the last element of the last line. Lines are never joined.
//! 2. Commas separate elements. SP and HTAB around an element are dropped.
//! 3. An empty element keeps its position: a hop wrote nothing. Deliberately unlike RFC 9110
//!    §5.6.1, whose recipients skip it: a client's element would then move to the position at which a
//!    proxy's element is expected.
//! 4. An element has at most 4 KiB between its commas, so that no reader looks far for its start.
//! 5. Nothing to the left of the requested elements is read.
//!
//! The lines are here; their elements are in `elements.rs`.

mod elements;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, HOST},
};

pub(crate) use self::elements::{
    Element, Elements, MAX_ELEMENT, Missed, last_start, split_at_last, trim, trim_start,
};
use crate::{
    config::{MOST_READ, Plan, Trusted},
    error::{Error, ErrorKind},
};

/// The field lines of one name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldLines<'a> {
    headers: &'a HeaderMap,
    pub(crate) name: &'a HeaderName,
    found: Lines<'a>,
}

/// What one pass over the headers finds for a name: the number of lines, and the last two of them,
/// because few requests have more.
#[derive(Clone, Copy, Debug, Default)]
struct Lines<'a> {
    last: Option<&'a HeaderValue>,
    last_but_one: Option<&'a HeaderValue>,
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
    /// The state before any line is found.
    #[inline]
    pub(crate) fn new(headers: &'a HeaderMap) -> Self {
        Self { headers, lines: [Lines::default(); MOST_READ] }
    }

    /// Finds the lines. Fills in `self`, because a returned value would be moved.
    pub(crate) fn find(&mut self, plan: &Plan) {
        for (name, line) in self.headers {
            if let Some(candidate) = plan.candidate(name) {
                self.add(plan, candidate, name, line);
            }
        }
    }

    /// Adds a line, if its name is read. A separate function, because few lines get here.
    #[inline(never)]
    fn add(&mut self, plan: &Plan, candidate: u8, name: &HeaderName, line: &'a HeaderValue) {
        let Some(place) = plan.place_from(candidate, name) else { return };
        let Some(found) = self.lines.get_mut(place) else { return };
        found.last_but_one = found.last;
        found.last = Some(line);
        found.count = found.count.wrapping_add(1);
    }

    /// All headers of the request.
    pub(crate) fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    pub(crate) fn host(&self) -> FieldLines<'a> {
        let [found, ..] = self.lines;
        FieldLines { headers: self.headers, name: &HOST, found }
    }

    pub(crate) fn has_connection(&self) -> bool {
        let [_, found, ..] = &self.lines;
        found.last.is_some()
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

    /// The text of the `n`th element from the right of a trusted header, split at every comma, in quotes too.
    /// If there is none, [`FieldLines::nth`] says why.
    #[inline]
    pub(crate) fn text<'b, R>(&self, trusted: &'b Trusted<R>, n: usize) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        self.text_at(trusted.place, &trusted.name, n)
    }

    /// The same. It is not inlined into its many callers, and its arguments and result fit into registers.
    #[inline(never)]
    fn text_at<'b>(&self, place: usize, name: &'b HeaderName, n: usize) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        let found = self.lines.get(place).copied()?;
        let lines = FieldLines { headers: self.headers, name, found };
        lines.nth(n).ok().map(|element| element.text)
    }

    /// Whether no trusted header is present.
    #[inline]
    pub(crate) fn none_trusted(&self) -> bool {
        let [_, _, trusted @ ..] = &self.lines;
        trusted.iter().all(|lines| lines.last.is_none())
    }
}

impl<'a> FieldLines<'a> {
    pub(crate) fn of(headers: &'a HeaderMap, name: &'a HeaderName) -> Self {
        let lines = || headers.get_all(name).iter();
        let mut from_right = lines().rev();
        let (last, last_but_one) = (from_right.next(), from_right.next());
        Self { headers, name, found: Lines { last, last_but_one, count: lines().count() } }
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.found.last.is_none()
    }

    /// Whether every element is empty. For a list that is known to be short.
    pub(crate) fn is_blank(self) -> bool {
        self.elements().all(|element| element.is_ok_and(|element| element.text.is_empty()))
    }

    /// All lines, from the left.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a HeaderValue> {
        self.headers.get_all(self.name).iter()
    }

    /// The line, if it is the only one.
    pub(crate) fn alone(&self) -> Option<&'a HeaderValue> {
        self.found.last.filter(|_| self.found.count == 1)
    }

    /// The line of a field that must not have several.
    #[inline]
    pub(crate) fn single(&self) -> Result<Option<&'a HeaderValue>, Error> {
        match self.found.count {
            0 | 1 => Ok(self.found.last),
            _ => Err(Error::in_header(ErrorKind::Repeated, self.name)),
        }
    }
}
