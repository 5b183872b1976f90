//! Files inside a directory, and no others.
//!
//! 1. What is opened is what was checked: the kernel resolves the whole name below the directory that is held open
//!    (openat2 with `RESOLVE_BENEATH`). Where it cannot, [`portable`] does it segment by segment.
//! 2. [`Symlinks`] says which links are followed. A link of `/proc` never is, except under `Any` where the kernel cannot
//!    tell.
//! 3. If a link was followed, the real name comes with the file, because rules about names hold for both names. It begins at
//!    the directory, or for a file elsewhere at the nearest directory above both.
//! 4. Only plain files and directories are there. Nothing else is opened, so nothing waits for the writer of a FIFO.
//! 5. What cannot be reached or read is not there.
//! 6. Where a system finds a file under several spellings, it is there under its own one alone ([`spelling`]).

#[cfg(target_os = "linux")]
mod linux;
mod portable;
#[cfg(target_os = "linux")]
mod recent;
mod reopened;
mod spelling;

use std::{fs::File, io, path::Path};

pub(super) use reopened::Reopened;

use super::{name::Name, stat::Stat};

/// Which symbolic links are followed below a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Symlinks {
    /// None. A file behind a link is not there.
    None,
    /// Those whose target is below the same directory. A link with an absolute target is not, wherever it leads.
    #[default]
    Inside,
    /// All. **Anybody who can make a link in the directory can publish any file that the server can read.**
    Any,
}

/// What is at a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
}

/// Something that is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) stat: Stat,
    /// Where links led to (rule 3).
    pub(super) real: Option<Name>,
}

/// A file to read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) stat: Stat,
    pub(super) real: Option<Name>,
}

/// The answer needs a disk, and this thread must not wait for one.
#[derive(Debug)]
pub(super) struct WouldWait;

/// A directory that is held open.
#[derive(Debug)]
pub(super) struct Root {
    #[cfg(target_os = "linux")]
    linux: Option<linux::Root>,
    portable: portable::Root,
    /// Whether names have to be compared with the list of the directory (rule 6).
    is_loose: bool,
    /// Whether it will not be otherwise when it has more names.
    is_spelling_known: bool,
}

impl Root {
    /// Opens a directory.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let portable = portable::Root::open(path)?;
        let is_loose = spelling::is_loose(portable.directory());
        Ok(Self {
            #[cfg(target_os = "linux")]
            linux: linux::Root::open(path)?,
            is_loose: is_loose.unwrap_or(false),
            is_spelling_known: is_loose.is_some(),
            portable,
        })
    }

    /// What is at a name. Without `may_wait`, only what the kernel has in memory is looked at.
    pub(super) fn look_up(
        &self,
        name: &Name,
        symlinks: Symlinks,
        may_wait: bool,
    ) -> Result<Option<Found>, WouldWait> {
        if self.is_loose && !may_wait {
            return Err(WouldWait);
        }
        let found = self.found(name, symlinks, may_wait)?;
        Ok(found.filter(|found| self.is_spelled(name, found.real.as_ref(), symlinks)))
    }

    fn found(
        &self,
        name: &Name,
        symlinks: Symlinks,
        may_wait: bool,
    ) -> Result<Option<Found>, WouldWait> {
        let Some(path) = name.as_path() else { return Ok(None) };
        #[cfg(target_os = "linux")]
        if let Some(linux) = &self.linux {
            return match linux.look_up(path, symlinks, may_wait) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(WouldWait),
                result => Ok(there(result).flatten()),
            };
        }
        if !may_wait {
            return Err(WouldWait);
        }
        Ok(there(self.portable.look_up(path, symlinks)).flatten())
    }

    /// Rule 6. Under [`Symlinks::Any`] a link may lead to where there is no list.
    fn is_spelled(&self, name: &Name, real: Option<&Name>, symlinks: Symlinks) -> bool {
        let is_listed = |name: &Name| spelling::is_listed(self.portable.directory(), name);
        let is_real = || symlinks == Symlinks::Any || real.is_none_or(is_listed);
        !self.is_loose || is_listed(name) && is_real()
    }

    /// Opens a plain file. It may wait for a disk.
    pub(super) fn read(&self, name: &Name, symlinks: Symlinks) -> Option<Opened> {
        let opened = self.opened(name, symlinks)?;
        self.is_spelled(name, opened.real.as_ref(), symlinks).then_some(opened)
    }

    fn opened(&self, name: &Name, symlinks: Symlinks) -> Option<Opened> {
        let path = name.as_path()?;
        #[cfg(target_os = "linux")]
        if let Some(linux) = &self.linux {
            return there(linux.read(path, symlinks)).flatten();
        }
        there(self.portable.read(path, symlinks)).flatten()
    }
}

/// The name of a file from the nearest directory that is above it and at or above the root (rule 3).
fn beside<'a>(root: &Path, real: &'a Path) -> &'a Path {
    let above = root.ancestors().find_map(|above| real.strip_prefix(above).ok());
    above.unwrap_or(real)
}

/// Rule 5.
fn there<T>(result: io::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            #[cfg(feature = "tracing")]
            if is_trouble(&error) {
                tracing::warn!(%error, "a file cannot be reached");
            }
            let _ = error;
            None
        }
    }
}

/// Whether it is the machine's fault, and not only that nothing is there.
#[cfg(feature = "tracing")]
fn is_trouble(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound, PermissionDenied};
    let is_usual =
        matches!(error.kind(), InvalidInput | NotADirectory | NotFound | PermissionDenied);
    #[cfg(unix)]
    let is_usual = is_usual
        || [rustix::io::Errno::LOOP, rustix::io::Errno::NAMETOOLONG, rustix::io::Errno::XDEV]
            .iter()
            .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
    !is_usual
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::{Kind, Root, Symlinks, portable};
    use crate::files::name::Name;

    /// Both ways to look, with the same answers.
    fn roots(path: &Path) -> Vec<Root> {
        let by_segments = Root {
            #[cfg(target_os = "linux")]
            linux: None,
            portable: portable::Root::open(path).expect("a directory"),
            is_loose: true,
            is_spelling_known: true,
        };
        vec![Root::open(path).expect("a directory"), by_segments]
    }

    fn name(path: &str) -> Name {
        Name::parse(path).expect(path)
    }

    #[test]
    fn what_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("root/a/b")).expect("folders");
        fs::create_dir_all(at("elsewhere/.a")).expect("folders");
        for name in ["root/file", "root/a/b/file", "outside", "elsewhere/.a/b"] {
            fs::write(at(name), name).expect("a file");
        }
        for (link, target) in [
            ("root/inside", "file"),
            ("root/a/up", "../file"),
            ("root/folder", "a/b"),
            ("root/out", "../outside"),
            ("root/far", "../elsewhere/.a/b"),
            ("root/nowhere", "missing"),
            ("root/loop", "loop"),
        ] {
            symlink(target, at(link)).expect("a link");
        }
        symlink(at("root/file"), at("root/absolute")).expect("a link");
        let fifo = std::process::Command::new("mkfifo").arg(at("root/fifo")).status();
        assert!(fifo.expect("mkfifo").success());

        // The path; what is there without links, with those inside, and with all; and the real name.
        for (path, none, inside, any, real) in [
            ("/file", "root/file", "root/file", "root/file", None),
            ("/a/b/file", "root/a/b/file", "root/a/b/file", "root/a/b/file", None),
            ("/inside", "", "root/file", "root/file", Some("file")),
            ("/a/up", "", "root/file", "root/file", Some("file")),
            ("/folder/file", "", "root/a/b/file", "root/a/b/file", Some("a/b/file")),
            ("/out", "", "", "outside", Some("outside")),
            ("/far", "", "", "elsewhere/.a/b", Some("elsewhere/.a/b")),
            ("/absolute", "", "", "root/file", Some("file")),
            ("/nowhere", "", "", "", None),
            ("/loop", "", "", "", None),
            ("/fifo", "", "", "", None),
            ("/file/x", "", "", "", None),
            ("/missing", "", "", "", None),
            ("/a", "", "", "", None),
        ] {
            let policies =
                [(Symlinks::None, none), (Symlinks::Inside, inside), (Symlinks::Any, any)];
            for (number, root) in roots(&at("root")).into_iter().enumerate() {
                for (symlinks, content) in policies {
                    let case = format!("{path} {symlinks:?} {number}");
                    let found = root.look_up(&name(path), symlinks, true).expect("it may wait");
                    let is_file = found.as_ref().is_some_and(|found| found.kind == Kind::File);
                    assert_eq!(is_file, !content.is_empty(), "{case}");
                    // The first one looks as if it were new, the second one knows that it is in memory.
                    for _ in 0..2 {
                        if let Ok(at_once) = root.look_up(&name(path), symlinks, false) {
                            assert_eq!(at_once, found, "{case}");
                        }
                    }
                    let opened = root.read(&name(path), symlinks);
                    assert_eq!(opened.is_some(), !content.is_empty(), "{case}");
                    let Some(opened) = opened else { continue };
                    let read = std::io::read_to_string(&opened.file).expect("text");
                    assert_eq!(read, content, "{case}");
                    let found = found.expect("it was there");
                    assert_eq!(opened.stat, found.stat, "{case}");
                    let target = real.map(|real| Name::of(Path::new(real)));
                    assert_eq!((&opened.real, &found.real), (&target, &target), "{case}");
                }
            }
        }
        for root in roots(&at("root")) {
            let found = root.look_up(&name("/a"), Symlinks::Inside, true).expect("it may wait");
            assert_eq!(found.map(|found| found.kind), Some(Kind::Directory));
            let itself = root.look_up(&name("/"), Symlinks::Inside, true).expect("it may wait");
            assert_eq!(itself.map(|found| found.kind), Some(Kind::Directory));
        }
    }
}
