//! `Forwarded` (RFC 7239 §4): lexed from the right, parsed element by element.
//! The lexer is here, the parser in `element.rs`, what we write in `print.rs`.
//!
//! ```text
//! Forwarded         = 1#forwarded-element
//! forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )
//! forwarded-pair    = token "=" ( token / quoted-string )
//! quoted-string     = DQUOTE *( qdtext / quoted-pair ) DQUOTE
//! ```
//!
//! 1. **From the right.** A `"` met outside a string closes one. Its opening quote is the nearest
//!    `"` to the left that directly follows `=`; a `"` after an odd run of backslashes is content;
//!    any other is malformed. In a well-formed element every string follows a `=` and every inner
//!    quote an odd run of backslashes, so where the trusted elements begin follows from them
//!    alone, whatever a client wrote left of them.
//! 2. A line's start is always an element's start: a string never spans two lines.
//! 3. Parameter names are case-insensitive; one that occurs twice makes the element malformed.
//! 4. Unknown parameters are allowed (§5.5); one element has 32 pairs at the most.
//! 5. Deliberately lenient, for deployed routers write it and it moves no boundary: `:`, `[` and
//!    `]` in an unquoted value, an empty unquoted value of an unknown parameter, SP and HTAB
//!    around `;`, and empty pairs (`;;`). No white space around `=`.
//! 6. A quoted value is unescaped only where it contains a backslash.

mod element;
mod print;

use http::{HeaderMap, header::FORWARDED};

pub use self::element::ForwardedElement;
pub(crate) use self::{
    element::Parameters,
    print::{PrintedElement, is_token},
};
use crate::{
    error::{Error, ErrorKind, Fault},
    lines::{Elements, FieldLines, split_at_last},
};

/// Reads the elements of `Forwarded` without deciding about any, nearest hop first.
///
/// Nothing is believed here: whoever reads on past what trusted proxies wrote reads a stranger.
///
/// ```
/// use http::HeaderMap;
/// use proxyfix::{forwarded_elements, Scheme};
///
/// let mut headers = HeaderMap::new();
/// headers.append("forwarded", "for=_hidden, for=198.51.100.7".parse()?);
/// headers.append("forwarded", r#"for="[2001:db8::7]:4711";proto=https"#.parse()?);
///
/// let mut elements = forwarded_elements(&headers);
/// let nearest = elements.next().unwrap()?;
/// assert_eq!(nearest.for_node()?.unwrap().to_string(), "[2001:db8::7]:4711");
/// assert_eq!(nearest.proto()?, Some(Scheme::Https));
/// assert_eq!(elements.count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn forwarded_elements(headers: &HeaderMap) -> ForwardedElements<'_> {
    let lexer: LastStartFn = last_start;
    ForwardedElements(FieldLines::of(headers, &FORWARDED).elements_by(lexer))
}

/// The elements of `Forwarded`, nearest hop first. See [`forwarded_elements`].
///
/// A malformed element is an error at its place. Where not even the place of the next element is
/// certain (an unclosed quote), the iterator ends behind the error.
#[derive(Debug)]
#[must_use]
pub struct ForwardedElements<'a>(Elements<'a, LastStartFn>);

type LastStartFn = fn(&[u8]) -> Result<usize, Fault>;

impl<'a> Iterator for ForwardedElements<'a> {
    type Item = Result<ForwardedElement<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let element = self.0.next()?;
        Some(element.map_err(|fault| self.0.error(fault)).and_then(ForwardedElement::parse))
    }
}

/// Finds where the last element begins, behind the last comma outside a quoted-string; see 1 above.
pub(crate) fn last_start(line: &[u8]) -> Result<usize, Fault> {
    let mut rest = line;
    while let Some((byte, before)) = split_at_last(rest, [b',', b'"']) {
        if byte == b',' {
            return Ok(before.len().saturating_add(1));
        }
        rest = before_string(before)?;
    }
    Ok(0)
}

/// What stands left of the quoted-string of which `content` is all that stands left of its
/// closing quote.
fn before_string(content: &[u8]) -> Result<&[u8], Fault> {
    let mut rest = content;
    while let Some((_, before)) = split_at_last(rest, [b'"']) {
        if before.last() == Some(&b'=') {
            return Ok(before);
        }
        let backslashes = before.iter().rev().take_while(|&&b| b == b'\\').count();
        if backslashes % 2 == 0 {
            return Err(Fault::at(ErrorKind::InvalidElement, content, before.len()));
        }
        rest = before;
    }
    // No opening quote: the fault is at the closing one.
    Err(Fault { found: Some(b'"'), ..Fault::new(ErrorKind::InvalidElement, content.len()) })
}
