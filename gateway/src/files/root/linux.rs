//! By the kernel: openat2 (Linux 5.6).
//!
//! 1. The kernel is asked once, when the directory is opened, what it can do. A sandbox may forbid openat2.
//! 2. A name is resolved without links first. If it has one, and links are followed, it is resolved again, and
//!    `/proc/self/fd` says where they led. Without `/proc`, nothing is behind a link.
//! 3. `RESOLVE_CACHED` (Linux 5.12) says so instead of waiting for a disk.

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

use super::{Found, Kind, Opened, Symlinks};
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
const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

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
        let (opened, real) = self.resolve(path, symlinks, READ, ResolveFlags::empty())?;
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
        let mut flags = ResolveFlags::NO_MAGICLINKS | cached;
        if symlinks != Symlinks::Any {
            flags |= ResolveFlags::BENEATH;
        }
        let open = |flags| openat2(&self.directory, path, how, Mode::empty(), flags);
        match open(flags | ResolveFlags::NO_SYMLINKS) {
            Ok(opened) => Ok((opened, None)),
            Err(Errno::LOOP) if symlinks != Symlinks::None => {
                let opened = open(flags)?;
                let real = self.real_name(&opened)?;
                Ok((opened, Some(real)))
            }
            Err(error) => Err(error),
        }
    }

    /// The name below the directory. Of a file elsewhere, the last segment.
    fn real_name(&self, opened: &OwnedFd) -> rustix::io::Result<Name> {
        let (root, real) = (path_of(&self.directory)?, path_of(opened)?);
        let below = real.strip_prefix(&root).ok();
        Ok(Name::of(below.or_else(|| real.file_name().map(Path::new)).unwrap_or(&real)))
    }
}

fn path_of(opened: &OwnedFd) -> rustix::io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    let link = readlinkat(CWD, format!("/proc/self/fd/{}", opened.as_raw_fd()), Vec::new())?;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(link.as_bytes())))
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
        size: stat.st_size.try_into().unwrap_or_default(),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        changed: time(stat.st_ctime, stat.st_ctime_nsec),
    };
    Ok((FileType::from_raw_mode(stat.st_mode), own))
}
