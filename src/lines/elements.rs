//! The elements of a field's lines: rules 1 to 5 of [field lines](super).

use std::iter::{Rev, Skip};

use http::{HeaderName, HeaderValue, header::ValueIter};

use super::FieldLines;
use crate::error::{Error, ErrorKind, Fault};

/// The longest element in bytes: half of what common servers allow for all header lines together
/// (8 KiB in nginx and Apache httpd).
pub(crate) const MAX_ELEMENT: usize = 4096;

impl<'a> FieldLines<'a> {
    /// The elements from the right, split at every comma, in quotes too.
    pub(crate) fn elements(self) -> Elements<'a, impl LastStart> {
        self.elements_by(last_start)
    }

    /// The elements from the right, whose starts `last_start` finds.
    pub(crate) fn elements_by<S: LastStart>(self, last_start: S) -> Elements<'a, S> {
        Elements {
            field: self,
            line: self.found.count,
            unread: self.found.last.map(HeaderValue::as_bytes),
            earlier: None,
            hop: 0,
            last_start,
        }
    }

    /// The `n`th element from the right, from 1.
    #[inline]
    pub(crate) fn nth(&self, n: usize) -> Result<Element<'a>, Missed> {
        self.nth_by(last_start, n)
    }

    /// The same, with the starts that `last_start` finds.
    #[inline]
    pub(crate) fn nth_by(
        &self,
        last_start: impl LastStart,
        n: usize,
    ) -> Result<Element<'a>, Missed> {
        let mut elements = self.elements_by(last_start);
        loop {
            match elements.next() {
                Some(Ok(element)) if element.hop < n => {}
                Some(Ok(element)) => return Ok(element),
                Some(Err(fault)) => return Err(Missed { fault: Some(fault), hop: elements.hop }),
                None => return Err(Missed { fault: None, hop: n }),
            }
        }
    }

    /// The error of a missing element, or of a line in which its place is not certain.
    #[cold]
    pub(crate) fn missed(&self, missed: Missed) -> Error {
        match missed.fault {
            Some(fault) => fault.in_header(self.name),
            None => Error::in_header(ErrorKind::Short, self.name),
        }
        .at_hop(missed.hop)
    }
}

/// Why an element is missing: the list is short, or malformed at that hop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Missed {
    pub(crate) fault: Option<Fault>,
    pub(crate) hop: usize,
}

/// Finds where the last element of a line begins: after the last comma that separates elements, or at 0.
pub(crate) trait LastStart: Fn(&[u8]) -> Result<usize, Fault> {}

impl<S: Fn(&[u8]) -> Result<usize, Fault>> LastStart for S {}

/// One element of a list, without the white space around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) name: &'a HeaderName,
    pub(crate) text: &'a [u8],
    /// The byte of its field line at which it begins.
    pub(crate) start: usize,
    /// The number of its field line among those of that name, from 1.
    pub(crate) line: usize,
    /// The number of the element from the right, from 1.
    pub(crate) hop: usize,
}

impl Element<'_> {
    /// Turns a fault in the element's text into an error with its place.
    #[cold]
    pub(crate) fn error(self, fault: Fault) -> Error {
        fault.shift(self.start).in_header(self.name).at_hop(self.hop)
    }
}

/// The elements of a field's lines, from the right. The iterator ends after the first error, because
/// the place of anything to the left of it is not certain.
#[derive(Debug)]
pub(crate) struct Elements<'a, S> {
    field: FieldLines<'a>,
    /// The number of the line being read, from 1.
    line: usize,
    /// The part of that line that is not read yet.
    unread: Option<&'a [u8]>,
    /// The lines before the last but one.
    earlier: Option<Earlier<'a>>,
    hop: usize,
    last_start: S,
}

impl<S> Elements<'_, S> {
    /// The error with which the iterator ends.
    #[cold]
    pub(crate) fn error(&self, fault: Fault) -> Error {
        self.field.missed(Missed { fault: Some(fault), hop: self.hop })
    }
}

/// The lines before the last but one, from the right.
type Earlier<'a> = Skip<Rev<ValueIter<'a, HeaderValue>>>;

/// The line before this one, which is not the last. Takes and returns `earlier` by value, so that a field
/// of one or two lines is kept in registers.
#[cold]
fn earlier_line<'a>(
    line: usize,
    field: FieldLines<'a>,
    mut earlier: Option<Earlier<'a>>,
) -> (Option<&'a HeaderValue>, Option<Earlier<'a>>) {
    if line <= 1 {
        return (None, earlier);
    }
    let lines = || field.headers.get_all(field.name).iter().rev().skip(2);
    (earlier.get_or_insert_with(lines).next(), earlier)
}

impl<'a, S: LastStart> Iterator for Elements<'a, S> {
    type Item = Result<Element<'a>, Fault>;

    #[expect(clippy::inline_always, reason = "a call moves each element twice")]
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let unread = match self.unread.take() {
            Some(unread) => unread,
            None => {
                let line = if self.line == self.field.found.count {
                    self.field.found.last_but_one
                } else {
                    let earlier = self.earlier.take();
                    let (line, earlier) = earlier_line(self.line, self.field, earlier);
                    self.earlier = earlier;
                    line
                };
                self.line = self.line.saturating_sub(1);
                line?.as_bytes()
            }
        };
        self.hop = self.hop.saturating_add(1);
        let (before, element) = match split_last_element(unread, &self.last_start) {
            Ok(split) => split,
            Err(fault) => {
                // Nothing follows an error.
                self.line = 0;
                return Some(Err(fault));
            }
        };
        self.unread = before;
        let text = trim_start(element);
        Some(Ok(Element {
            name: self.field.name,
            text: trim_end(text),
            start: unread.len().saturating_sub(text.len()),
            line: self.line,
            hop: self.hop,
        }))
    }
}

/// Splits off the last element, with the white space around it. Returns the text left of its comma too.
#[inline]
fn split_last_element<'a>(
    unread: &'a [u8],
    last_start: &impl LastStart,
) -> Result<(Option<&'a [u8]>, &'a [u8]), Fault> {
    // The tail has room for the longest element and for the comma before it.
    let (cut, tail) = match unread.split_last_chunk::<{ MAX_ELEMENT + 1 }>() {
        Some((cut, tail)) => (cut.len(), tail.as_slice()),
        None => (0, unread),
    };
    let start = last_start(tail).map_err(|fault| fault.shift(cut))?;
    match start.checked_sub(1) {
        Some(comma) => {
            let comma = cut.saturating_add(comma);
            let (before, element) = unread.split_at_checked(comma).unwrap_or((b"", unread));
            Ok((Some(before), element.get(1..).unwrap_or_default()))
        }
        None if tail.len() <= MAX_ELEMENT => Ok((None, unread)),
        None => Err(Fault::new(ErrorKind::TooLong, cut)),
    }
}

/// Finds where the last element begins: after the last comma.
#[inline]
#[expect(clippy::unnecessary_wraps, reason = "of the form of one that knows quotes")]
pub(crate) fn last_start(text: &[u8]) -> Result<usize, Fault> {
    Ok(split_at_last(text, [b',']).map_or(0, |(_, before)| before.len().saturating_add(1)))
}

/// Finds the last of some bytes, and returns it with the text to the left of it. It compares eight bytes
/// at a time, because every byte of an element is compared: this takes a third of the instructions.
#[inline]
pub(crate) fn split_at_last<const N: usize>(text: &[u8], bytes: [u8; N]) -> Option<(u8, &[u8])> {
    let mut rest = text;
    while let Some((before, eight)) = rest.split_last_chunk() {
        let eight = u64::from_ne_bytes(*eight);
        if bytes.iter().fold(!0, |all, byte| all & others(eight, *byte)) != !0 {
            break;
        }
        rest = before;
    }
    while let [before @ .., byte] = rest {
        if bytes.contains(byte) {
            return Some((*byte, before));
        }
        rest = before;
    }
    None
}

/// Compares each of eight bytes with one byte. A byte that differs becomes 0xff, an equal one 0x7f.
#[inline]
fn others(eight: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    // The difference is 0 where a byte is equal, and only there the highest bit stays clear.
    let difference = eight ^ u64::from_ne_bytes([byte; 8]);
    (difference & LOW).wrapping_add(LOW) | difference | LOW
}

/// Drops SP and HTAB, the only white space of field values (RFC 9110 §5.6.3), from the left.
#[inline]
pub(crate) fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [byte, rest @ ..] = text {
        if !is_space(*byte) {
            break;
        }
        text = rest;
    }
    text
}

/// The same from the right.
#[inline]
fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., byte] = text {
        if !is_space(*byte) {
            break;
        }
        text = rest;
    }
    text
}

/// The same from both sides.
#[inline]
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    match text {
        // The usual case: servers trim values when they read a request.
        [first, .., last] if !is_space(*first) && !is_space(*last) => text,
        _ => trim_end(trim_start(text)),
    }
}

#[inline]
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
