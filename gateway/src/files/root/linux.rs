//! By the kernel: openat2 (Linux 5.6).
//!
//! 1. The kernel is asked once, when the directory is opened, what it can do. A sandbox may forbid openat2.
//! 2. A name is resolved without links first. If it has one, and links are followed, it is resolved again, and
//!    `/proc/self/fd` says where they led. That name is proven: it is resolved without links, and must be the same file.
//!    A file whose name cannot be proven, because the directory is renamed or the file is replaced meanwhile, is looked up
//!    again, and in the end is not there. Without `/proc`, nothing is behind a link.
//! 3. `RESOLVE_CACHED` (Linux 5.12) says so instead of waiting for a disk.
//! 4. A file is looked up first, and then opened by what was found, not by its name. So no device is ever opened, and no
//!    FIFO. If another program holds a lease on the file, opening waits until it gives it up. Without `/proc`, the name is
//!    resolved once more.

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2, readlinkat},
    io::Errno,
};

use super::{Found, Kind, Opened, Symlinks, beside};
use crate::files::{
    name::Name,
    stat::{Stat, Time},
};

#[derive(Debug)]
pub(super) struct Root {
    directory: OwnedFd,
    has_cached: bool,
}

const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::RDONLY.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// How often a name is resolved that changes meanwhile. openat2 fails with `EAGAIN` for `..` whenever anything on the
/// machine is renamed at that moment.
const ATTEMPTS: usize = 64;

impl Root {
    /// `None` if the kernel cannot do it (rule 1).
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let directory = open(path, LOOK | OFlags::DIRECTORY, Mode::empty())?;
        let probe =
            |flags| openat2(&directory, ".", LOOK, Mode::empty(), ResolveFlags::BENEATH | flags);
        if probe(ResolveFlags::empty()).is_err() {
            return Ok(None);
        }
        let has_cached = probe(ResolveFlags::CACHED).is_ok();
        Ok(Some(Self { directory, has_cached }))
    }

    pub(super) fn look_up(
        &self,
        path: &Path,
        symlinks: Symlinks,
        may_wait: bool,
    ) -> io::Result<Option<Found>> {
        let cached = if may_wait {
            ResolveFlags::empty()
        } else if self.has_cached {
            ResolveFlags::CACHED
        } else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let (opened, real) = self.resolve(path, symlinks, LOOK, cached)?;
        let (kind, stat) = match state(&opened)? {
            (FileType::RegularFile, stat) => (Kind::File, stat),
            (FileType::Directory, stat) => (Kind::Directory, stat),
            _ => return Ok(None),
        };
        Ok(Some(Found { kind, stat, real }))
    }

    pub(super) fn read(&self, path: &Path, symlinks: Symlinks) -> io::Result<Option<Opened>> {
        let (found, real) = self.resolve(path, symlinks, LOOK, ResolveFlags::empty())?;
        let (FileType::RegularFile, _) = state(&found)? else { return Ok(None) };
        let (opened, real) = match open(in_proc(&found), READ, Mode::empty()) {
            Ok(opened) => (opened, real),
            Err(Errno::NOENT) => {
                let how = READ | OFlags::NONBLOCK;
                self.resolve(path, symlinks, how, ResolveFlags::empty())?
            }
            Err(error) => return Err(error.into()),
        };
        match state(&opened)? {
            (FileType::RegularFile, stat) => {
                Ok(Some(Opened { file: File::from(opened), stat, real }))
            }
            _ => Ok(None),
        }
    }

    /// Rule 2.
    fn resolve(
        &self,
        path: &Path,
        symlinks: Symlinks,
        how: OFlags,
        cached: ResolveFlags,
    ) -> rustix::io::Result<(OwnedFd, Option<Name>)> {
        let is_cached = !cached.is_empty();
        let mut flags = ResolveFlags::NO_MAGICLINKS | cached;
        if symlinks != Symlinks::Any {
            flags |= ResolveFlags::BENEATH;
        }
        let open = |flags| openat2(&self.directory, path, how, Mode::empty(), flags);
        let mut result = Err(Errno::NOENT);
        for _ in 0..ATTEMPTS {
            result = match open(flags | ResolveFlags::NO_SYMLINKS) {
                Ok(opened) => return Ok((opened, None)),
                Err(Errno::LOOP) if symlinks != Symlinks::None => open(flags),
                Err(error) => Err(error),
            };
            match result {
                Ok(ref opened) => match self.real_name(opened, symlinks, cached) {
                    Ok(Some(real)) => return result.map(|opened| (opened, Some(real))),
                    // It moved meanwhile.
                    Ok(None) => result = Err(Errno::NOENT),
                    Err(error) => result = Err(error),
                },
                Err(Errno::AGAIN) if !is_cached => {}
                Err(_) => return result.map(|opened| (opened, None)),
            }
            if is_cached {
                // On a thread that may wait, it is tried again.
                return Err(Errno::AGAIN);
            }
        }
        result.map(|opened| (opened, None))
    }

    /// The name of a file below the directory, or under [`Symlinks::Any`] beside it. `None` if no name can be proven (rule 2).
    fn real_name(
        &self,
        opened: &OwnedFd,
        symlinks: Symlinks,
        cached: ResolveFlags,
    ) -> rustix::io::Result<Option<Name>> {
        let (root, real) = (path_of(&self.directory)?, path_of(opened)?);
        let flags = ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS | cached;
        let (proof, name) = match real.strip_prefix(&root) {
            Ok(below) => {
                let path = if below.as_os_str().is_empty() { Path::new(".") } else { below };
                let flags = flags | ResolveFlags::BENEATH;
                (openat2(&self.directory, path, LOOK, Mode::empty(), flags), below)
            }
            Err(_) if symlinks == Symlinks::Any => {
                (openat2(CWD, &real, LOOK, Mode::empty(), flags), beside(&root, &real))
            }
            Err(_) => return Ok(None),
        };
        let identity = |file: &OwnedFd| fstat(file).map(|stat| (stat.st_dev, stat.st_ino));
        match proof {
            Ok(proof) if identity(&proof)? == identity(opened)? => Ok(Some(Name::of(name))),
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn path_of(opened: &OwnedFd) -> rustix::io::Result<PathBuf> {
    let link = readlinkat(CWD, in_proc(opened), Vec::new())?;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(link.as_bytes())))
}

fn in_proc(opened: &OwnedFd) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", opened.as_raw_fd())
}

/// The number has another type on each architecture.
fn links(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or_default()
}

fn state(opened: &OwnedFd) -> rustix::io::Result<(FileType, Stat)> {
    let stat = fstat(opened)?;
    let time = |seconds, nanoseconds: u64| Time {
        seconds,
        nanoseconds: nanoseconds.try_into().unwrap_or_default(),
    };
    let own = Stat {
        device: stat.st_dev,
        inode: stat.st_ino,
        links: links(stat.st_nlink),
        size: stat.st_size.try_into().unwrap_or_default(),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        changed: time(stat.st_ctime, stat.st_ctime_nsec),
    };
    Ok((FileType::from_raw_mode(stat.st_mode), own))
}
