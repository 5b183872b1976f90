//! Patterns of names, as Python's `fnmatch` has them.
//!
//! 1. `*` is any text, also with slashes and line breaks; `?` is one character; `[a-z]` is one of them, `[!a-z]` none of
//!    them. Everything else is itself: `^`, `\` and `{}` too.
//! 2. `]` is itself right after `[` or `[!`. A `[` without an end is itself. A range that runs backwards is empty.
//! 3. Case matters, except on systems whose names ignore it (Windows and macOS).
//! 4. The work grows with the length of the name times that of the pattern, never faster.

/// A pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Any,
    One(Set),
}

/// Which characters match.
#[derive(Clone, Debug)]
enum Set {
    All,
    Char(char),
    Ranges { ranges: Vec<(char, char)>, is_inverted: bool },
}

impl Set {
    fn has(&self, character: char) -> bool {
        match self {
            Self::All => true,
            Self::Char(own) => *own == character,
            Self::Ranges { ranges, is_inverted } => {
                let is_in = |(first, last): &(char, char)| (*first..=*last).contains(&character);
                ranges.iter().any(is_in) != *is_inverted
            }
        }
    }
}

/// Rule 3.
fn folded(text: &str) -> Vec<char> {
    if cfg!(any(windows, target_os = "macos")) {
        text.chars().flat_map(char::to_lowercase).collect()
    } else {
        text.chars().collect()
    }
}

impl Pattern {
    /// Every text is a pattern.
    pub(super) fn new(text: &str) -> Self {
        let characters = folded(text);
        let mut rest = characters.as_slice();
        let mut parts = Vec::new();
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            let set = match first {
                '*' => {
                    if !matches!(parts.last(), Some(Part::Any)) {
                        parts.push(Part::Any);
                    }
                    continue;
                }
                '?' => Set::All,
                '[' => match class(after) {
                    Some((set, after)) => {
                        rest = after;
                        set
                    }
                    None => Set::Char('['),
                },
                other => Set::Char(other),
            };
            parts.push(Part::One(set));
        }
        Self(parts)
    }

    /// Whether the whole name matches. A byte that is not UTF-8 is one character.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        let mut characters = Vec::new();
        for chunk in name.utf8_chunks() {
            characters.extend(folded(chunk.valid()));
            characters.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
        }
        // When a part does not match, the last `*` takes one character more. An earlier one never has to.
        let (mut at, mut part) = (0_usize, 0_usize);
        let mut last: Option<(usize, usize)> = None;
        while at < characters.len() || part < self.0.len() {
            match (self.0.get(part), characters.get(at)) {
                (Some(Part::Any), _) => {
                    part = part.saturating_add(1);
                    last = Some((at, part));
                    continue;
                }
                (Some(Part::One(set)), Some(character)) if set.has(*character) => {
                    at = at.saturating_add(1);
                    part = part.saturating_add(1);
                    continue;
                }
                _ => {}
            }
            match last {
                Some((start, after)) if start < characters.len() => {
                    at = start.saturating_add(1);
                    part = after;
                    last = Some((at, after));
                }
                _ => return false,
            }
        }
        true
    }
}

/// A class after its `[`, and what follows it.
fn class(text: &[char]) -> Option<(Set, &[char])> {
    let (is_inverted, text) = match text.split_first() {
        Some(('!', rest)) => (true, rest),
        _ => (false, text),
    };
    let end = text.iter().skip(1).position(|character| *character == ']')?.saturating_add(1);
    let (mut members, after) = text.split_at_checked(end)?;
    let mut ranges = Vec::new();
    while let Some((&first, rest)) = members.split_first() {
        members = match rest {
            ['-', last, rest @ ..] => {
                ranges.push((first, *last));
                rest
            }
            _ => {
                ranges.push((first, first));
                rest
            }
        };
    }
    Some((Set::Ranges { ranges, is_inverted }, after.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn as_fnmatch() {
        for (pattern, name, is_match) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "a.txt.gz", false),
            ("*.txt", "d/a.txt", true),
            ("*.txt", "n\nl.txt", true),
            (".*", ".env", true),
            (".*", "a.b", false),
            ("dir/*", "dir/index.html", true),
            ("*/index.html", "dir/index.html", true),
            ("[!t]*", "a.txt", true),
            ("[!t]*", "test.txt", false),
            ("[^t]*", "test.txt", true),
            ("[^t]*", "a.txt", false),
            ("{a,b}.txt", "a.txt", false),
            ("{a,b}.txt", "{a,b}.txt", true),
            ("**", "a", true),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("[", "[", true),
            ("[", "a", false),
            ("[a", "[a", true),
            ("[!", "[!", true),
            ("[z-a]", "m", false),
            ("[!z-a]", "m", true),
            ("[]]", "]", true),
            ("[!]]", "]", false),
            ("[!]]", "a", true),
            ("[a-c]x", "bx", true),
            ("[a-]", "-", true),
            ("[-a]", "-", true),
            ("[a-c-e]", "e", true),
            ("[a-c-e]", "d", false),
            ("\\*", "\\x", true),
            ("\\*", "*", false),
            ("?", "\u{e9}", true),
            ("??", "\u{e9}", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("*-????????.*", "app-0a1b2c3d.js", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(name.as_bytes()),
                is_match,
                "{pattern} {name}"
            );
        }
        assert!(Pattern::new("?.txt").matches(b"\xff.txt"));
    }

    #[test]
    fn many_stars() {
        let pattern = Pattern::new(&"*a".repeat(500));
        assert!(!pattern.matches("a".repeat(499).as_bytes()));
        assert!(!pattern.matches("ab".repeat(400).as_bytes()));
    }
}
