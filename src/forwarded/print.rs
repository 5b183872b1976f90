//! Printing a forwarded-element (RFC 7239 §4).
//!
//! A value that is no token is quoted. None has anything to escape: nodes, schemes and hosts are
//! printed from what has passed a parser.

use std::fmt::{self, Write};

use crate::{node::Node, scheme::Scheme};

/// A forwarded-element of ours.
#[derive(Debug)]
pub(crate) struct PrintedElement<'a> {
    pub(crate) r#for: &'a Node,
    pub(crate) proto: Option<Scheme>,
    pub(crate) host: Option<&'a str>,
}

impl fmt::Display for PrintedElement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "for={}", Quoted(self.r#for))?;
        if let Some(proto) = self.proto {
            write!(f, ";proto={proto}")?;
        }
        self.host.map_or(Ok(()), |host| write!(f, ";host={}", Quoted(host)))
    }
}

/// A value as a token, or in quotes where it is none.
struct Quoted<T>(T);

impl<T: fmt::Display> fmt::Display for Quoted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Fails at what no token holds.
        struct Token;

        impl Write for Token {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                if text.bytes().all(is_token) { Ok(()) } else { Err(fmt::Error) }
            }
        }

        let quote = if write!(Token, "{}", self.0).is_ok() { "" } else { "\"" };
        write!(f, "{quote}{}{quote}", self.0)
    }
}

/// Whether a byte may stand in a token.
pub(crate) fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or_default()
}

/// RFC 9110 §5.6.2: letters, digits and ``!#$%&'*+-.^_`|~``. A table, since nearly every byte of an
/// element is looked up.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut slots: &mut [bool] = &mut table;
    let mut byte = 0_u8;
    while let [slot, rest @ ..] = slots {
        *slot = matches!(
            byte,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
                | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        );
        byte = byte.wrapping_add(1);
        slots = rest;
    }
    table
};
