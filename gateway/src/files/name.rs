//! The name of a file that a path asks for (RFC 3986 §2.1, §3.3).
//!
//! 1. Triplets are decoded once, to bytes. Names need not be UTF-8.
//! 2. A path has one file, and a file has one path, except for triplets of characters that need none. So an empty
//!    segment, a dot segment in any spelling, an encoded slash, a NUL, a raw byte above 0x7f and a malformed triplet
//!    name no file.
//! 3. On Windows, what that system reads as another name names no file either: drives, streams, devices, a dot or a
//!    space at the end.
//! 4. A slash at the end asks for a directory.
//! 5. A name that is longer than any system admits names no file, so that no rule about names has to read it.

use std::{borrow::Cow, ffi::OsStr, path::Path};

use percent_encoding::percent_decode;

/// The longest path of Linux (`PATH_MAX`). Other systems have shorter ones.
const MAX_NAME: usize = 4096;

/// The longest name of a file: 255 bytes (`NAME_MAX`), and 255 units of UTF-16 on Windows, which are three times as many
/// bytes at most.
const MAX_SEGMENT: usize = if cfg!(windows) { 765 } else { 255 };

/// A name below a root: segments with slashes between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    bytes: Vec<u8>,
    pub(super) is_directory: bool,
}

impl Name {
    /// Reads what follows a prefix: nothing, or a text that begins with a slash. `None` if it names no file.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        if rest.starts_with('/') {
            return None;
        }
        let is_directory = rest.is_empty() || rest.ends_with('/');
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut bytes = Vec::with_capacity(rest.len());
        if !rest.is_empty() {
            for segment in rest.split('/') {
                let segment = decode(segment)?;
                if !is_name(&segment, cfg!(windows)) {
                    return None;
                }
                if !bytes.is_empty() {
                    bytes.push(b'/');
                }
                bytes.extend_from_slice(&segment);
                if segment.len() > MAX_SEGMENT || bytes.len() > MAX_NAME {
                    return None;
                }
            }
        }
        Some(Self { bytes, is_directory })
    }

    /// A name of our own, such as that of a link's target.
    pub(super) fn of(path: &Path) -> Self {
        let bytes = path.as_os_str().as_encoded_bytes().to_vec();
        Self { bytes, is_directory: false }
    }

    /// Whether a path asks for a file of this name, as it is without triplets.
    pub(super) fn is_asked_for(name: &str) -> bool {
        let is_right =
            |part: &str| is_name(part.as_bytes(), cfg!(windows)) && part.len() <= MAX_SEGMENT;
        name.len() <= MAX_NAME && name.split('/').all(is_right)
    }

    /// The segments, from the root.
    pub(super) fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|&byte| byte == b'/').filter(|segment| !segment.is_empty())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As a path. `None` if the system has no such names.
    pub(super) fn as_path(&self) -> Option<&Path> {
        path_of(&self.bytes)
    }

    /// As text, for embedded files.
    pub(super) fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// The file of this name in the directory.
    pub(super) fn join(&self, file: &str) -> Self {
        let slash: &[u8] = if self.bytes.is_empty() { b"" } else { b"/" };
        let bytes = [self.bytes.as_slice(), slash, file.as_bytes()].concat();
        Self { bytes, is_directory: false }
    }

    /// The file whose name ends before the suffix.
    pub(super) fn without_suffix(&self, suffix: &str) -> Option<Self> {
        let bytes = self.bytes.strip_suffix(suffix.as_bytes())?.to_vec();
        Some(Self { bytes, is_directory: self.is_directory })
    }

    /// The file whose name goes on, such as `app.js.br`.
    pub(super) fn with_suffix(&self, suffix: &str) -> Self {
        let bytes = [self.bytes.as_slice(), suffix.as_bytes()].concat();
        Self { bytes, is_directory: false }
    }
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "not every system has names of any bytes")]
fn path_of(bytes: &[u8]) -> Option<&Path> {
    use std::os::unix::ffi::OsStrExt;
    Some(Path::new(OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Option<&Path> {
    std::str::from_utf8(bytes).ok().map(OsStr::new).map(Path::new)
}

/// Rule 1, and the encodings of rule 2.
fn decode(segment: &str) -> Option<Cow<'_, [u8]>> {
    let bytes = segment.as_bytes();
    let is_triplet = |at: usize| {
        let digits = bytes.get(at.saturating_add(1)..at.saturating_add(3));
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let is_right = |(at, byte): (usize, &u8)| byte.is_ascii() && (*byte != b'%' || is_triplet(at));
    bytes.iter().enumerate().all(is_right).then(|| percent_decode(bytes).into())
}

/// Rules 2 and 3.
fn is_name(segment: &[u8], is_windows: bool) -> bool {
    if matches!(segment, b"" | b"." | b"..") || segment.iter().any(|byte| matches!(byte, 0 | b'/'))
    {
        return false;
    }
    !is_windows || is_windows_name(segment)
}

fn is_windows_name(segment: &[u8]) -> bool {
    const DEVICES: [&[u8]; 6] = [b"con", b"prn", b"aux", b"nul", b"conin$", b"conout$"];
    let stem = segment.split(|&byte| byte == b'.').next().unwrap_or_default();
    let stem = stem.trim_ascii_end().to_ascii_lowercase();
    let port = stem.strip_prefix(b"com").or_else(|| stem.strip_prefix(b"lpt"));
    // COM1 to COM9, also with superscript digits.
    let is_port = port.is_some_and(|rest| {
        matches!(rest, [b'0'..=b'9']) || matches!(rest, b"\xc2\xb9" | b"\xc2\xb2" | b"\xc2\xb3")
    });
    let is_forbidden = |byte: &u8| byte.is_ascii_control() || b"\\:*?\"<>|".contains(byte);
    !segment.iter().any(is_forbidden)
        && !matches!(segment.last(), Some(b'.' | b' '))
        && !is_port
        && !DEVICES.contains(&stem.as_slice())
}

#[cfg(test)]
mod tests {
    use super::{Name, is_name};

    #[test]
    fn names() {
        for (rest, name) in [
            ("/a", "a"),
            ("/a/b.txt", "a/b.txt"),
            ("/%61", "a"),
            ("/a%20b", "a b"),
            ("/a%252fb", "a%2fb"),
            ("/100%25", "100%"),
            ("/..a/...", "..a/..."),
            ("/a;v=1", "a;v=1"),
            ("/..;", "..;"),
            ("/caf%C3%A9", "caf\u{e9}"),
            ("/n%0Al", "n\nl"),
            ("/%5C", "\\"),
        ] {
            let read = Name::parse(rest).expect(rest);
            assert_eq!((read.as_str(), read.is_directory), (Some(name), false), "{rest}");
        }
        assert_eq!(Name::parse("/l%E9").expect("bytes").as_bytes(), b"l\xe9");
        for (rest, name) in [("", ""), ("/", ""), ("/a/", "a"), ("/a/b/", "a/b")] {
            let read = Name::parse(rest).expect(rest);
            assert_eq!((read.as_str(), read.is_directory), (Some(name), true), "{rest}");
        }
    }

    #[test]
    fn no_names() {
        for rest in [
            "//", "//a", "/a//b", "/a//", "/.", "/..", "/a/..", "/%2e", "/.%2E/a", "/a/./b",
            "/%2f", "/a%2Fb", "/a%00", "/%", "/%zz", "/%4", "/\u{e9}",
        ] {
            assert_eq!(Name::parse(rest), None, "{rest}");
        }
    }

    #[test]
    fn names_that_paths_ask_for() {
        for name in ["a", "css/site.css", "a b", "100%", "caf\u{e9}", ".env", "a%2fb"] {
            assert!(Name::is_asked_for(name), "{name}");
        }
        let long = "a".repeat(256);
        for name in ["", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "../a", "a\0b", &long] {
            assert!(!Name::is_asked_for(name) || cfg!(windows) && name == long, "{name}");
        }
        assert!(!Name::is_asked_for(&"a/".repeat(2048)));
    }

    #[test]
    fn names_that_are_too_long() {
        let segment = "a".repeat(255);
        assert!(Name::parse(&format!("/{segment}")).is_some());
        let path = format!("{}/{}", format!("/{segment}").repeat(15), "a".repeat(254));
        assert_eq!(Name::parse(&path).map(|name| name.as_bytes().len()), Some(4094));
        assert!(Name::parse(&format!("{path}/a")).is_some());
        assert!(Name::parse(&format!("{path}/aa")).is_none());
        if !cfg!(windows) {
            assert!(Name::parse(&format!("/{segment}a")).is_none());
        }
    }

    #[test]
    fn names_of_windows() {
        for name in [
            "c:",
            "a\\b",
            "file.txt::$DATA",
            "file.txt:x",
            "file.txt.",
            "file.txt ",
            "nul",
            "NUL.txt",
            "com1",
            "Com9.log",
            "lpt0",
            "com\u{b9}",
            "con ",
            "con .txt",
            "conin$",
            "a*",
            "a\n",
        ] {
            assert!(!is_name(name.as_bytes(), true), "{name}");
            assert!(is_name(name.as_bytes(), false), "{name}");
        }
        for name in ["a", "a.b", "common", "com", "com10", "console", "nullable.txt", ".env"] {
            assert!(is_name(name.as_bytes(), true), "{name}");
        }
    }
}
