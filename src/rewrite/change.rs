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
    /// Whether the header has exactly one line, which is then changed in place.
    pub(super) in_place: bool,
}

/// Reduces a trusted header to one line with its effective value, if it is present and differs from that.
pub(super) fn reduced<'a, V: Value + ?Sized>(
    name: &'a HeaderName,
    lines: FieldLines<'_>,
    value: &V,
) -> Result<Option<Change<'a>>, Error> {
    if lines.is_absent() { Ok(None) } else { changed(name, lines, value) }
}

/// Makes the value the only line of a header, if it is not that already.
pub(super) fn changed<'a, V: Value + ?Sized>(
    name: &'a HeaderName,
    lines: FieldLines<'_>,
    value: &V,
) -> Result<Option<Change<'a>>, Error> {
    let line = lines.alone();
    if line.is_some_and(|line| value.is(line.as_bytes())) {
        return Ok(None);
    }
    // The written value is ASCII that has passed a parser.
    let invalid = |_| Error::in_header(ErrorKind::InvalidHost, name);
    let value = value.make().map_err(invalid)?;
    Ok(Some(Change { name, value, in_place: line.is_some() }))
}

/// Whether the header already says the client's IPv4 address. Such an address has one spelling, so
/// nothing must be printed to compare it.
pub(super) fn says_client(lines: FieldLines<'_>, resolved: &Resolved) -> bool {
    let text = lines.alone().map(HeaderValue::as_bytes);
    text.and_then(address::ipv4).is_some_and(|ip| *resolved.client() == Node::new(ip.into(), None))
}

/// The new value of a header.
pub(super) trait Value {
    /// Whether a line already has this value.
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

/// A value that is printed to make the line.
pub(super) struct Printed<T>(pub(super) T);

impl<T: fmt::Display> Value for Printed<T> {
    /// Compares without storing the printed text.
    fn is(&self, line: &[u8]) -> bool {
        /// The part of the line that is not matched yet.
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
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", self.0);
        HeaderValue::from_str(&text)
    }
}
