//! Files inside a directory, and no others.
//!
//! 1. What is opened is what was checked: the kernel resolves the whole name below the directory that is held open
//!    (openat2 with `RESOLVE_BENEATH`). Where it cannot, [`portable`] does it segment by segment.
//! 2. [`Symlinks`] says which links are followed. A link of `/proc` never is, except under `Any` where the kernel cannot
//!    tell.
//! 3. If a link was followed, the real name comes with the file, because rules about names hold for both names.
//! 4. Only plain files and directories are there. Opening never waits for a writer, as a FIFO would make it do.
//! 5. What cannot be reached or read is not there.

#[cfg(target_os = "linux")]
mod linux;
mod portable;

use std::{fs::File, io, path::Path};

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
#[derive(Debug)]
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
}

impl Root {
    /// Opens a directory.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            #[cfg(target_os = "linux")]
            linux: linux::Root::open(path)?,
            portable: portable::Root::open(path)?,
        })
    }

    /// What is at a name. Without `may_wait`, only what the kernel has in memory is looked at.
    pub(super) fn look_up(
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

    /// Opens a plain file. It may wait for a disk.
    pub(super) fn read(&self, name: &Name, symlinks: Symlinks) -> Option<Opened> {
        let path = name.as_path()?;
        #[cfg(target_os = "linux")]
        if let Some(linux) = &self.linux {
            return there(linux.read(path, symlinks)).flatten();
        }
        there(self.portable.read(path, symlinks)).flatten()
    }
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
