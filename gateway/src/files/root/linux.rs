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
//! 5. A name of one segment that was in memory a moment ago ([`Recent`]) is looked up by `fstatat`, which follows no link
//!    there, and takes a third of the time of opening. It would wait if the kernel had forgotten the name. So it is not
//!    used if the directory changed since, or where a lookup may ask another machine or another program.

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, open, openat2,
        readlinkat, statat,
    },
    io::Errno,
};

use super::{Found, Kind, Opened, Symlinks, beside, recent::Recent};
use crate::files::{
    name::Name,
    stat::{Stat, Time},
};

#[derive(Debug)]
pub(super) struct Root {
    directory: OwnedFd,
    has_cached: bool,
    /// None on file systems that may ask another machine or another program (rule 5).
    recent: Option<Recent>,
}

const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::RDONLY.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// btrfs, ext2 to ext4, f2fs, tmpfs, XFS and ZFS (rule 5): `linux/magic.h`, and ZFS's own. Below overlayfs may be any.
const LOCAL: [u64; 6] = [0x9123_683e, 0xef53, 0xf2f5_2010, 0x0102_1994, 0x5846_5342, 0x2fc1_2fc1];

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
        let is_local = fstatfs(&directory).is_ok_and(|is| LOCAL.contains(&unsigned(is.f_type)));
        Ok(Some(Self { directory, has_cached, recent: is_local.then(Recent::new) }))
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
        let name = path.as_os_str().as_bytes();
        let path = if name.is_empty() { Path::new(".") } else { path };
        let recent = self.recent.as_ref().filter(|_| !may_wait && !name.contains(&b'/'));
        let Some(recent) = recent else {
            let (state, real) = self.state_of(path, symlinks, cached)?;
            return Ok(found(state, real));
        };
        let directory = || fstat(&self.directory).map(|stat| state(&stat).1);
        if recent.has(name, directory)? {
            match statat(&self.directory, path, AtFlags::SYMLINK_NOFOLLOW).map(|stat| state(&stat))
            {
                Ok((FileType::Symlink, _)) => {}
                Ok(state) => return Ok(found(state, None)),
                Err(error) => return Err(error.into()),
            }
        }
        let directory = directory()?;
        let result = self.state_of(path, symlinks, cached);
        match &result {
            Ok(((_, stat), None)) => recent.note(name, &directory, Some(stat)),
            Err(Errno::NOENT) => recent.note(name, &directory, None),
            _ => {}
        }
        let (state, real) = result?;
        Ok(found(state, real))
    }

    fn state_of(
        &self,
        path: &Path,
        symlinks: Symlinks,
        cached: ResolveFlags,
    ) -> rustix::io::Result<((FileType, Stat), Option<Name>)> {
        let (opened, real) = self.resolve(path, symlinks, LOOK, cached)?;
        Ok((state(&fstat(&opened)?), real))
    }

    pub(super) fn read(&self, path: &Path, symlinks: Symlinks) -> io::Result<Option<Opened>> {
        let (found, real) = self.resolve(path, symlinks, LOOK, ResolveFlags::empty())?;
        let (FileType::RegularFile, _) = state(&fstat(&found)?) else { return Ok(None) };
        let (opened, real) = match open(in_proc(&found), READ, Mode::empty()) {
            Ok(opened) => (opened, real),
            Err(Errno::NOENT) => {
                let how = READ | OFlags::NONBLOCK;
                self.resolve(path, symlinks, how, ResolveFlags::empty())?
            }
            Err(error) => return Err(error.into()),
        };
        match state(&fstat(&opened)?) {
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

fn found((kind, stat): (FileType, Stat), real: Option<Name>) -> Option<Found> {
    let kind = match kind {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => return None,
    };
    Some(Found { kind, stat, real })
}

/// The number has another type on each architecture.
fn unsigned(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or_default()
}

fn state(stat: &rustix::fs::Stat) -> (FileType, Stat) {
    let time = |seconds, nanoseconds: u64| Time {
        seconds,
        nanoseconds: nanoseconds.try_into().unwrap_or_default(),
    };
    let own = Stat {
        device: stat.st_dev,
        inode: stat.st_ino,
        links: unsigned(stat.st_nlink),
        size: stat.st_size.try_into().unwrap_or_default(),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        changed: time(stat.st_ctime, stat.st_ctime_nsec),
    };
    (FileType::from_raw_mode(stat.st_mode), own)
}
