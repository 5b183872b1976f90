//! Path prefixes, and the table that finds the longest one of a path.
//!
//! 1. `/p`, `/p/` and `p` are one prefix; `/` and the empty text are the prefix of every path.
//! 2. A prefix matches whole segments, compared unit by unit ([`path`](super::path), rule 4). Case matters.
//! 3. The longest prefix wins, whatever the order of the entries. Two entries on one prefix are an error.
//! 4. A prefix in Unicode stands for its percent-encoded UTF-8.
//! 5. A prefix is also what `X-Forwarded-Prefix` tells the application, so it must be valid there: no dot
//!    segment, no `//`, no comma, no encoded slash, backslash or control character.
//! 6. `*` and an authority are under no prefix.

use proxyfix::MountPath;

use super::{
    error::ConfigError,
    path::{Unit, Units},
};

/// A valid prefix: empty, or `/` and segments, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    units: Vec<Unit>,
    path: MountPath,
    /// The text of `path`, which that one checks whenever it is asked for.
    text: String,
}

impl Prefix {
    /// Reads a prefix as a user writes it.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let invalid = |reason| ConfigError::InvalidPrefix { prefix: text.to_owned(), reason };
        let trimmed = text.strip_prefix('/').unwrap_or(text);
        let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
        if text.starts_with("//") || format!("/{trimmed}/").contains("//") && !trimmed.is_empty() {
            return Err(invalid("has two slashes in a row"));
        }
        if trimmed.contains(['?', '#']) {
            return Err(invalid("has a query or a fragment"));
        }
        let mut units = vec![(b'/', false)];
        units.extend(Units::new(trimmed.as_bytes()));
        let path = MountPath::new(&print(&units))
            .map_err(|_| invalid("has a character or a segment that no prefix may have"))?;
        if path.as_str().is_empty() {
            units.clear();
        }
        let text = path.as_str().to_owned();
        Ok(Self { units, path, text })
    }

    /// As it is told to the application: canonical, without a slash at its end.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The same, as the core knows it.
    pub(crate) fn path(&self) -> &MountPath {
        &self.path
    }

    /// What follows this prefix in a path: nothing, or a text that begins with a slash.
    #[inline]
    pub(crate) fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        // A prefix without triplets, the usual one, in a path without them.
        if let Some(rest) = path.strip_prefix(self.as_str()) {
            return (rest.is_empty() || rest.starts_with('/')).then_some(rest);
        }
        let mut units = Units::new(path.as_bytes());
        for unit in &self.units {
            if units.next() != Some(*unit) {
                return None;
            }
        }
        let start = path.len().checked_sub(units.rest().len())?;
        // A unit of the prefix ends at a character, so this always splits.
        let rest = path.get(start..)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

/// Prints units: what must be encoded as triplets in upper case, the rest as it is.
fn print(units: &[Unit]) -> String {
    const HEXADECIMAL: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| HEXADECIMAL.get(usize::from(value)).copied().unwrap_or('0');
    let mut text = String::with_capacity(units.len());
    for (byte, encoded) in units {
        if *encoded {
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        } else {
            text.push(char::from(*byte));
        }
    }
    text
}

/// Entries by prefix.
#[derive(Clone, Debug)]
pub(crate) struct PrefixTable<T> {
    /// The longest prefix first, so that the first match is the longest.
    entries: Vec<(Prefix, T)>,
}

/// An entry that was found.
#[derive(Debug)]
pub(crate) struct Found<'a, T> {
    pub(crate) prefix: &'a Prefix,
    pub(crate) value: &'a T,
    /// What follows the prefix.
    pub(crate) rest: &'a str,
}

impl<T> PrefixTable<T> {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry.
    pub(crate) fn insert(&mut self, prefix: &str, value: T) -> Result<(), ConfigError> {
        self.insert_with(prefix, |_| value)
    }

    /// Adds an entry that is made of its prefix.
    pub(crate) fn insert_with(
        &mut self,
        prefix: &str,
        value: impl FnOnce(&MountPath) -> T,
    ) -> Result<(), ConfigError> {
        let prefix = Prefix::parse(prefix)?;
        if self.entries.iter().any(|(other, _)| *other == prefix) {
            return Err(ConfigError::RepeatedPrefix {
                prefix: format!("/{}", prefix.as_str().trim_start_matches('/')),
            });
        }
        let value = value(prefix.path());
        let length = prefix.units.len();
        let at = self.entries.partition_point(|(other, _)| other.units.len() >= length);
        self.entries.insert(at, (prefix, value));
        Ok(())
    }

    /// The entry of the longest prefix of a path.
    pub(crate) fn find<'a>(&'a self, path: &'a str) -> Option<Found<'a, T>> {
        if !path.starts_with('/') {
            return None;
        }
        self.entries.iter().find_map(|(prefix, value)| {
            prefix.strip(path).map(|rest| Found { prefix, value, rest })
        })
    }

    /// The entries, the longest prefix first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.entries.iter().map(|(prefix, value)| (prefix.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::{Prefix, PrefixTable};

    #[test]
    fn spellings_of_one_prefix() {
        for text in ["/caf%C3%A9", "/caf%c3%a9/", "caf\u{e9}", "/%63af%C3%A9"] {
            assert_eq!(Prefix::parse(text).expect(text).as_str(), "/caf%C3%A9", "{text}");
        }
        for text in ["", "/"] {
            assert_eq!(Prefix::parse(text).expect("valid").as_str(), "");
        }
    }

    #[test]
    fn no_prefixes() {
        for text in [
            "//", "//a", "/a//b", "a//", "/a/../b", "/%2e%2e", "/a,b", "/a%2Fb", "/a?b", "/a#b",
            "/a b", "/%zz",
        ] {
            assert!(Prefix::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn matches_whole_segments() {
        let prefix = Prefix::parse("/api").expect("valid");
        for (path, rest) in [
            ("/api", Some("")),
            ("/api/", Some("/")),
            ("/api//x", Some("//x")),
            ("/%61pi/%2f", Some("/%2f")),
            ("/apix", None),
            ("/api%2Fy", None),
            ("/API/y", None),
            ("//api/y", None),
            ("/ap", None),
            ("/api;x", None),
        ] {
            assert_eq!(prefix.strip(path), rest, "{path}");
        }
    }

    #[test]
    fn the_longest_wins() {
        let mut table = PrefixTable::new();
        for prefix in ["/a", "/a/b/c", "/", "/a/b"] {
            table.insert(prefix, prefix).expect("valid");
        }
        for (path, found) in
            [("/a/b/c/d", "/a/b/c"), ("/a/b/x", "/a/b"), ("/a", "/a"), ("/x", "/"), ("//a", "/")]
        {
            assert_eq!(table.find(path).map(|found| *found.value), Some(found), "{path}");
        }
        assert!(table.find("*").is_none());
        assert!(table.find("a.example:443").is_none());
        assert!(table.insert("/a/b/", "again").is_err());
    }
}
