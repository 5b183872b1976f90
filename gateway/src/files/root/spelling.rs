//! File systems that find a file under other spellings than its own.
//!
//! 1. Some ignore case, some normalize letters or leave characters out (macOS, Windows, `casefold` and vfat on Linux). There
//!    `/SECRET.KEY` finds `secret.key`, past a rule about `*.key`. So a file is there only under the spelling that its
//!    directory lists.
//! 2. On Linux a directory is asked once, when it is opened: is one of its entries there with the other case too, without
//!    being listed so? If it is empty then, or only a directory below it ignores case, that is not seen. Elsewhere every
//!    name is compared with the list.
//! 3. A list is read from the disk on each request, so only such systems pay for it.

use std::ffi::{OsStr, OsString};

use cap_std::fs::Dir;

use crate::files::name::Name;

/// How many entries are tried (rule 2).
const TRIED: usize = 16;
/// How many entries are listed for it. If there are more, a name can look as if it were not listed, which costs only
/// time.
const LISTED: usize = 4096;

/// Whether names have to be compared with the list. `None` if no name of the directory can tell.
pub(super) fn is_loose(directory: &Dir) -> Option<bool> {
    if !cfg!(target_os = "linux") {
        return Some(true);
    }
    let listed: Vec<OsString> = names(directory).take(LISTED).collect();
    let others = listed.iter().filter_map(|name| other_case(name)).take(TRIED);
    let others: Vec<OsString> = others.filter(|other| !listed.contains(other)).collect();
    let is_there = |other: &OsString| directory.symlink_metadata(other).is_ok();
    (!others.is_empty()).then(|| others.iter().any(is_there))
}

/// Whether each segment is listed in its directory (rule 1).
pub(super) fn is_listed(directory: &Dir, name: &Name) -> bool {
    let mut below: Option<Dir> = None;
    let mut segments = name.segments().peekable();
    while let Some(segment) = segments.next() {
        let directory = below.as_ref().unwrap_or(directory);
        let Some(listed) = names(directory).find(|listed| listed.as_encoded_bytes() == segment)
        else {
            return false;
        };
        if segments.peek().is_some() {
            let Ok(next) = directory.open_dir(&listed) else { return false };
            below = Some(next);
        }
    }
    true
}

fn names(directory: &Dir) -> impl Iterator<Item = OsString> {
    let entries = directory.entries().into_iter().flatten();
    entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name()))
}

/// The name with the other case of its ASCII letters, if it has any.
fn other_case(name: &OsStr) -> Option<OsString> {
    let name = name.to_str()?;
    let other: String =
        name.chars()
            .map(|c| {
                if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
            })
            .collect();
    (other != name).then(|| other.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use cap_std::{ambient_authority, fs::Dir};

    use super::{is_listed, is_loose};
    use crate::files::name::Name;

    #[test]
    fn names_and_lists() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("a")).expect("a folder");
        for name in ["a/file", "A", "b", "1"] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        let directory =
            Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("a folder");
        // The one of them is listed as the other case of another.
        assert_eq!(is_loose(&directory), Some(!cfg!(target_os = "linux")));
        for (name, expected) in [
            ("/", true),
            ("/a", true),
            ("/a/file", true),
            ("/A", true),
            ("/B", false),
            ("/a/File", false),
            ("/A/file", false),
            ("/b/file", false),
        ] {
            let name = Name::parse(name).expect("a name");
            assert_eq!(is_listed(&directory, &name), expected, "{name:?}");
        }
    }
}
