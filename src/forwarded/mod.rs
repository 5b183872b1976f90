//! `Forwarded` (RFC 7239 §4): lexed from the right, parsed element by element.
//! The lexer is here, the parser is in `element.rs`, and `print.rs` prints our own elements.
//!
//! ```text
//! Forwarded         = 1#forwarded-element
//! forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )
//! forwarded-pair    = token "=" ( token / quoted-string )
//! quoted-string     = DQUOTE *( qdtext / quoted-pair ) DQUOTE
//! ```
//!
//! 1. **From the right.** A `"` outside a string closes one. Its opening quote is the nearest
//!    `"` to the left that directly follows `=`. A `"` after an odd run of backslashes is content.
//!    Any other is malformed. In a well-formed element every string follows a `=`, and every inner
//!    quote follows an odd run of backslashes. So the trusted elements alone determine where they begin,
//!    and nothing that a client wrote to the left of them has an influence on it.
//! 2. A line's start is always an element's start: a string never spans two lines.
//! 3. Parameter names are case-insensitive. If one occurs twice, the element is malformed.
//! 4. Unknown parameters are allowed (§5.5). One element has at most 32 pairs.
//! 5. Deliberately lenient, because deployed routers write these and they move no boundary: `:`, `[` and
//!    `]` in an unquoted value, an empty unquoted value of an unknown parameter, SP and HTAB
//!    around `;`, and empty pairs (`;;`). White space around `=` is not allowed.
//! 6. A quoted value is unescaped only if it contains a backslash.

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
/// This function believes nothing. If you read beyond what trusted proxies wrote, you read a stranger's text.
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
/// A malformed element is an error in its position. If not even the position of the next element is
/// certain (an unclosed quote), the iterator ends after the error.
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

/// Finds where the last element begins: after the last comma outside a quoted-string. See 1 above.
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

/// Finds the opening quote of a quoted-string, and returns the text before it. `content` is the text
/// before the closing quote.
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
    // There is no opening quote, so the fault is at the closing one.
    Err(Fault { found: Some(b'"'), ..Fault::new(ErrorKind::InvalidElement, content.len()) })
}
