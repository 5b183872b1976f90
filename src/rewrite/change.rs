//! New values of headers: rules 1 and 2 of the [rewriting](super).

use std::fmt::{self, Write};

use http::{HeaderName, HeaderValue, header::InvalidHeaderValue};

use crate::{
    address,
    error::{Error, ErrorKind},
    lines::FieldLines,
    node::Node,
    resolved::Resolved,
};

/// A new value for a header.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) name: &'a HeaderName,
    pub(super) value: HeaderValue,
    /// Whether it is there in one line, which is changed in place.
    pub(super) in_place: bool,
}

/// A trusted header as the one line of its effective value, where it is there and not that already.
pub(super) fn reduced<'a, V: Value + ?Sized>(
    name: &'a HeaderName,
    lines: FieldLines<'_>,
    value: &V,
) -> Result<Option<Change<'a>>, Error> {
    if lines.is_absent() { Ok(None) } else { changed(name, lines, value) }
}

/// The value as the one line of a header, where that is not what is there.
pub(super) fn changed<'a, V: Value + ?Sized>(
    name: &'a HeaderName,
    lines: FieldLines<'_>,
    value: &V,
) -> Result<Option<Change<'a>>, Error> {
    let line = lines.alone();
    if line.is_some_and(|line| value.is(line.as_bytes())) {
        return Ok(None);
    }
    // What is written is ASCII that has passed a parser.
    let invalid = |_| Error::in_header(ErrorKind::InvalidHost, name);
    let value = value.make().map_err(invalid)?;
    Ok(Some(Change { name, value, in_place: line.is_some() }))
}

/// Whether the client's header is its IPv4 address already. That has one spelling, so that there is
/// nothing to print and compare.
pub(super) fn says_client(lines: FieldLines<'_>, resolved: &Resolved) -> bool {
    let text = lines.alone().map(HeaderValue::as_bytes);
    text.and_then(address::ipv4).is_some_and(|ip| *resolved.client() == Node::new(ip.into(), None))
}

/// What a header is to say.
pub(super) trait Value {
    /// Whether this is what a line says.
    fn is(&self, line: &[u8]) -> bool;
    fn make(&self) -> Result<HeaderValue, InvalidHeaderValue>;
}

impl Value for str {
    fn is(&self, line: &[u8]) -> bool {
        self.as_bytes() == line
    }

    fn make(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        HeaderValue::from_str(self)
    }
}

/// What is printed.
pub(super) struct Printed<T>(pub(super) T);

impl<T: fmt::Display> Value for Printed<T> {
    /// Without printing it anywhere.
    fn is(&self, line: &[u8]) -> bool {
        /// What is left to match.
        struct Rest<'a>(&'a [u8]);

        impl Write for Rest<'_> {
            fn write_str(&mut self, printed: &str) -> fmt::Result {
                self.0 = self.0.strip_prefix(printed.as_bytes()).ok_or(fmt::Error)?;
                Ok(())
            }
        }

        let mut rest = Rest(line);
        write!(rest, "{}", self.0).is_ok() && rest.0.is_empty()
    }

    fn make(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        // Room for an element of `Forwarded` with an IPv6 address and a host of usual length.
        let mut text = String::with_capacity(96);
        // A string takes all text.
        let _ = write!(text, "{}", self.0);
        HeaderValue::from_str(&text)
    }
}
