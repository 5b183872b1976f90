//! Prints a forwarded-element (RFC 7239 §4), and classifies its bytes.
//!
//! A value that is not a token is quoted. No value needs escapes: nodes, schemes and hosts are
//! printed from values that have passed a parser.

use std::fmt::{self, Write};

use crate::{node::Node, scheme::Scheme};

/// One of our own forwarded-elements.
#[derive(Debug)]
pub(crate) struct PrintedElement<'a> {
    pub(crate) r#for: &'a Node,
    pub(crate) proto: Option<Scheme>,
    pub(crate) host: Option<&'a str>,
}

impl fmt::Display for PrintedElement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("for=")?;
        value(f, self.r#for, self.r#for.is_token())?;
        if let Some(proto) = self.proto {
            f.write_str(";proto=")?;
            f.write_str(proto.as_str())?;
        }
        if let Some(host) = self.host {
            f.write_str(";host=")?;
            value(f, host, host.bytes().all(is_token))?;
        }
        Ok(())
    }
}

/// Prints a value: as it is if it is a token, otherwise in quotes.
fn value(f: &mut fmt::Formatter<'_>, value: impl fmt::Display, is_token: bool) -> fmt::Result {
    if is_token {
        return value.fmt(f);
    }
    f.write_char('"')?;
    value.fmt(f)?;
    f.write_char('"')
}

/// Whether a token may contain a byte.
#[inline]
pub(crate) fn is_token(byte: u8) -> bool {
    CLASSES.get(usize::from(byte)) == Some(&Class::Token)
}

/// Whether we read a byte in an unquoted value. We write fewer bytes unquoted: see 5 of
/// [`Forwarded`](super).
#[inline]
pub(super) fn is_unquoted(byte: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|class| *class != Class::Other)
}

/// The class of a byte in a forwarded-element.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Token,
    /// `:`, `[` or `]`.
    OfAddress,
    Other,
}

/// RFC 9110 §5.6.2: a token is letters, digits and ``!#$%&'*+-.^_`|~``. This is a table because nearly
/// every byte of an element is looked up.
const CLASSES: [Class; 256] = {
    let mut table = [Class::Other; 256];
    let mut slots: &mut [Class] = &mut table;
    let mut byte = 0_u8;
    while let [slot, rest @ ..] = slots {
        *slot = match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'!'
            | b'#'..=b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'..=b'`'
            | b'|'
            | b'~' => Class::Token,
            b':' | b'[' | b']' => Class::OfAddress,
            _ => Class::Other,
        };
        byte = byte.wrapping_add(1);
        slots = rest;
    }
    table
};
