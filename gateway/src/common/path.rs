//! Paths as bytes (RFC 3986 §3.3, §5.2.4, §6.2.2).
//!
//! 1. A segment ends at `/` alone. `%2F` is data within a segment.
//! 2. A dot segment is `.` or `..`, with each dot written as it is or as `%2e`. Deliberately, one with
//!    parameters (`..;x`), and one between encoded slashes or backslashes (`..%2f`, `..\`), is one
//!    too: an upstream may resolve it, and no browser sends it.
//! 3. A path with a dot segment is refused by default. `Normalize` removes those of RFC 3986 and refuses
//!    the other spellings; `Pass` leaves all.
//! 4. Everything is compared unit by unit: triplets of unreserved characters equal these characters, other
//!    triplets are equal in either case, and a raw byte above 0x7f equals its triplet.
//! 5. A join puts one slash between a base and what follows, and changes nothing else.

use std::borrow::Cow;

/// What happens to a path with a dot segment (`..`, `%2e%2e`, `.;x`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DotSegments {
    /// The request gets 400. Browsers never send a dot segment.
    #[default]
    Reject,
    /// Dot segments are removed before the path is compared and forwarded (RFC 3986 §5.2.4). Spellings
    /// that only some servers resolve, such as `..;x` and `..%2f`, get 400. A request under no prefix keeps its path.
    Normalize,
    /// They go on as they came. **Upstream may resolve them**, and then a request leaves the prefix.
    Pass,
}

/// In the extensions of a request whose path ends where a service is mounted: `/app`, not `/app/`. The service sees
/// `/` in both cases. One that redirects to the slash needs to know which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WithoutSlash;

/// A path that has a dot segment, and may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DotSegment;

impl DotSegments {
    /// The path to compare and to forward.
    pub(crate) fn apply(self, path: &str) -> Result<Cow<'_, str>, DotSegment> {
        if self == Self::Pass || !has_dot_segment(path.as_bytes()) {
            return Ok(Cow::Borrowed(path));
        }
        match self {
            Self::Normalize => {
                let normal = remove_dot_segments(path);
                if has_dot_segment(normal.as_bytes()) {
                    Err(DotSegment)
                } else {
                    Ok(Cow::Owned(normal))
                }
            }
            Self::Reject | Self::Pass => Err(DotSegment),
        }
    }
}

/// One unit of a path: a byte, and whether it stands for an encoded one.
pub(crate) type Unit = (u8, bool);

/// The units of a text (rule 4).
#[derive(Clone, Debug)]
pub(crate) struct Units<'a>(&'a [u8]);

impl<'a> Units<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        let (&byte, after) = self.0.split_first()?;
        self.0 = after;
        if byte == b'%' {
            if let Some((digits, after)) = after.split_at_checked(2) {
                if let Some(decoded) = triplet(digits) {
                    self.0 = after;
                    return Some((decoded, !is_unreserved(decoded)));
                }
            }
        }
        Some((byte, !byte.is_ascii()))
    }
}

/// The byte that two hexadecimal digits stand for.
fn triplet(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let high = char::from(*high).to_digit(16)?;
    let low = char::from(*low).to_digit(16)?;
    u8::try_from(high.wrapping_mul(16).wrapping_add(low)).ok()
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether a path has a dot segment in any spelling (rule 2).
pub(crate) fn has_dot_segment(path: &[u8]) -> bool {
    // Most paths have no dot that begins a segment, and need no look at their units.
    if !path.windows(2).any(|pair| matches!(pair, b"/." | b"\\." | b"/%" | b"\\%" | b"%2" | b"%5"))
    {
        return path.first() == Some(&b'.') && dots_at_start(path);
    }
    let mut rest = path;
    loop {
        if dots_at_start(rest) {
            return true;
        }
        let mut units = Units::new(rest);
        match units.find(|unit| is_separator(*unit)) {
            Some(_) => rest = units.rest(),
            None => return false,
        }
    }
}

/// Whether a text begins with one or two dots, and what follows ends them.
fn dots_at_start(text: &[u8]) -> bool {
    let mut units = Units::new(text);
    if units.next() != Some((b'.', false)) {
        return false;
    }
    let after = match units.next() {
        Some((b'.', false)) => units.next(),
        other => other,
    };
    after.is_none_or(|unit| is_separator(unit) || matches!(unit, (b';', _)))
}

/// Whether some server ends a segment here.
fn is_separator(unit: Unit) -> bool {
    matches!(unit, (b'/' | b'\\', _))
}

/// Removes the dot segments of RFC 3986, each dot as it is or as `%2e`.
fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_dots = false;
    for segment in path.split('/').skip(1) {
        let dots = dots_of(segment);
        ends_in_dots = dots.is_some();
        match dots {
            None => kept.push(segment),
            Some(1) => {}
            Some(_) => {
                kept.pop();
            }
        }
    }
    // A dot segment at the end stands for a directory.
    if ends_in_dots {
        kept.push("");
    }
    let length = kept.iter().map(|segment| segment.len().saturating_add(1)).sum();
    let mut normal = String::with_capacity(length);
    for segment in kept {
        normal.push('/');
        normal.push_str(segment);
    }
    if normal.is_empty() {
        normal.push('/');
    }
    normal
}

/// How many dots a segment consists of, if it is a dot segment.
fn dots_of(segment: &str) -> Option<usize> {
    let mut dots = 0_usize;
    for unit in Units::new(segment.as_bytes()) {
        if unit != (b'.', false) {
            return None;
        }
        dots = dots.saturating_add(1);
    }
    (1..=2).contains(&dots).then_some(dots)
}

/// Puts what follows a prefix after a base (rule 5). `rest` is empty or begins with a slash.
pub(crate) fn join(base: &str, rest: &str) -> String {
    let mut path = String::with_capacity(base.len().saturating_add(rest.len()).saturating_add(1));
    if rest.is_empty() {
        path.push_str(base);
    } else {
        path.push_str(base.strip_suffix('/').unwrap_or(base));
        path.push_str(rest);
    }
    if path.is_empty() {
        path.push('/');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::{DotSegments, Units, has_dot_segment, join};

    #[test]
    fn dot_segments_in_every_spelling() {
        for path in [
            "/.",
            "/..",
            "/./",
            "/../",
            "/a/..",
            "/a/../b",
            "/a/.",
            "/%2e",
            "/%2E%2e",
            "/.%2e/x",
            "/a/%2e./",
            "/..;x",
            "/..;/x",
            "/.;x/y",
            "/..%3bx",
            "/a/..%2fb",
            "/..%2Fb",
            "/a%2f..",
            "/a%2f../b",
            "/..%5cb",
            "/..\\b",
            "/a\\..",
            "/a\\.\\b",
            "/%2e%2e%2f",
            "..",
            ".",
            "./a",
        ] {
            assert!(has_dot_segment(path.as_bytes()), "{path}");
        }
        for path in [
            "",
            "/",
            "/a.b",
            "/...",
            "/.a",
            "/..a",
            "/a..",
            "/.well-known/x",
            "/a/..b/c",
            "/%2ea",
            "/%252e%252e/",
            "/a;..",
            "/a%2fb",
            "/....//",
            "/%",
            "/%2",
            "/%2e%",
            "/a.",
            "/a./b",
            ".a",
            "...",
            "*",
            "/a%5cb",
            "/.%2ea",
        ] {
            assert!(!has_dot_segment(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn normal_paths() {
        for (path, normal) in [
            ("/a/../b", Some("/b")),
            ("/a/b/..", Some("/a/")),
            ("/a/.", Some("/a/")),
            ("/../../a", Some("/a")),
            ("/..", Some("/")),
            ("/a/%2E%2e/b//c", Some("/b//c")),
            ("/a//../b", Some("/a/b")),
            ("/a/..;x/b", None),
            ("/a/..%2f", None),
            ("/a%2fb", Some("/a%2fb")),
        ] {
            assert_eq!(DotSegments::Normalize.apply(path).ok().as_deref(), normal, "{path}");
        }
        assert!(DotSegments::Reject.apply("/a/../b").is_err());
        assert_eq!(DotSegments::Pass.apply("/a/../b").ok().as_deref(), Some("/a/../b"));
    }

    #[test]
    fn units() {
        let units = |text: &str| Units::new(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(units("/%7Ea"), units("/~a"));
        assert_eq!(units("/%c3%a9"), units("/\u{e9}"));
        assert_eq!(units("/%2f"), units("/%2F"));
        assert_ne!(units("/%2f"), units("//"));
        assert_ne!(units("/%3b"), units("/;"));
        assert_eq!(units("%zz"), [(b'%', false), (b'z', false), (b'z', false)]);
    }

    #[test]
    fn joins() {
        for (base, rest, joined) in [
            ("", "", "/"),
            ("/", "", "/"),
            ("", "/x", "/x"),
            ("/", "/x", "/x"),
            ("/base", "", "/base"),
            ("/base/", "", "/base/"),
            ("/base", "/", "/base/"),
            ("/base/", "/", "/base/"),
            ("/base/", "//x", "/base//x"),
            ("/base//", "/x", "/base//x"),
        ] {
            assert_eq!(join(base, rest), joined, "{base} {rest}");
        }
    }
}
