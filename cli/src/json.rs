//! JSON, one value on one line.
//!
//! 1. All output is printable ASCII, and everything else is escaped. JSON itself does not escape the control
//!    characters U+007F to U+009F, which terminals obey.
//! 2. A field value is a string with one character for each byte, U+0000 to U+00FF (ISO 8859-1). Nothing is
//!    lost, and it is read back in the same way.

use std::io;

use serde::{Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::ser::Formatter;

/// Writes a value and the end of the line.
pub(crate) fn line(out: &mut impl io::Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Ascii);
    value.serialize(&mut serializer)?;
    writeln!(out)
}

/// Writes JSON without white space, in ASCII.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        for character in fragment.chars() {
            if matches!(character, ' '..='~') {
                writer.write_all(&[character as u8])?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// Bytes as a string with one character for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Bytes {
    /// Reads one byte from each character.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let bytes: Result<_, _> = text.chars().map(u8::try_from).collect();
        bytes.map(Self).map_err(|_| "a character above U+00FF; write one character for each byte")
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().map(|&byte| char::from(byte)).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> serde::Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, line};

    #[test]
    fn ascii_and_back() {
        let bytes = Bytes((0..=255).collect());
        let mut out = Vec::new();
        line(&mut out, &bytes).unwrap();
        assert!(out.strip_suffix(b"\n").unwrap().iter().all(|b| (b' '..=b'~').contains(b)));
        assert_eq!(serde_json::from_slice::<Bytes>(&out).unwrap(), bytes);
        out.clear();
        line(&mut out, &"\u{1f600}\u{9b}").unwrap();
        assert_eq!(out, b"\"\\ud83d\\ude00\\u009b\"\n");
        assert!(serde_json::from_str::<Bytes>("\"\u{100}\"").is_err());
    }
}
