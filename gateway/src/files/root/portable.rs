//! Segment by segment, by cap-std, where the kernel has no openat2.
//!
//! 1. The real name is found first, and then opened without following any link. So a link that is made in between
//!    leads nowhere. Under [`Symlinks::Any`], it may lead anywhere.
//! 2. Nothing is known without a disk.
//! 3. What is no plain file and no directory is not opened. If it becomes one in between, opening does not wait for a
//!    writer.

use std::{
    fs::File,
    io,
    path::{Component, Path, PathBuf},
};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions},
};

use super::{Found, Kind, Opened, Symlinks, beside};
use crate::files::{name::Name, stat::Stat};

#[derive(Debug)]
pub(super) struct Root {
    directory: Dir,
    path: PathBuf,
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let directory = Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self { directory, path: std::path::absolute(path)? })
    }

    pub(super) fn directory(&self) -> &Dir {
        &self.directory
    }

    pub(super) fn look_up(&self, path: &Path, symlinks: Symlinks) -> io::Result<Option<Found>> {
        let (file, real) = self.resolve(path, symlinks)?;
        let metadata = file.metadata()?;
        let kind = match (metadata.is_file(), metadata.is_dir()) {
            (true, _) => Kind::File,
            (_, true) => Kind::Directory,
            _ => return Ok(None),
        };
        Ok(Some(Found { kind, stat: Stat::from(&metadata), real }))
    }

    pub(super) fn read(&self, path: &Path, symlinks: Symlinks) -> io::Result<Option<Opened>> {
        let (file, real) = self.resolve(path, symlinks)?;
        let metadata = file.metadata()?;
        let stat = Stat::from(&metadata);
        Ok(metadata.is_file().then_some(Opened { file, stat, real }))
    }

    fn resolve(&self, path: &Path, symlinks: Symlinks) -> io::Result<(File, Option<Name>)> {
        if symlinks == Symlinks::Any {
            return self.anywhere(path);
        }
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let real = self.directory.canonicalize(path)?;
        let is_link = path != Path::new(".") && real != path;
        if is_link && symlinks == Symlinks::None {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = self.open_plainly(&real)?;
        Ok((file, is_link.then(|| Name::of(&real))))
    }

    /// Rules 1 and 3.
    fn open_plainly(&self, real: &Path) -> io::Result<File> {
        let mut directory = self.directory.try_clone()?;
        let mut segments = real.components().filter(|part| *part != Component::CurDir).peekable();
        while let Some(segment) = segments.next() {
            if segments.peek().is_some() {
                directory = directory.open_dir_nofollow(Path::new(&segment))?;
            } else {
                let kind = directory.symlink_metadata(Path::new(&segment))?;
                if !kind.is_file() && !kind.is_dir() {
                    return Err(io::ErrorKind::NotFound.into());
                }
                let mut options = options();
                options.follow(FollowSymlinks::No);
                return directory
                    .open_with(Path::new(&segment), &options)
                    .map(cap_std::fs::File::into_std);
            }
        }
        Ok(directory.into_std_file())
    }

    fn anywhere(&self, path: &Path) -> io::Result<(File, Option<Name>)> {
        let whole = self.path.join(path);
        let real = std::fs::canonicalize(&whole)?;
        let root = std::fs::canonicalize(&self.path)?;
        let kind = std::fs::metadata(&real)?;
        if !kind.is_file() && !kind.is_dir() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.custom_flags(nonblocking());
        }
        let file = options.open(&real)?;
        let name = beside(&root, &real);
        Ok((file, (name != path).then(|| Name::of(name))))
    }
}

/// How a file is opened.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        options.custom_flags(nonblocking());
    }
    options
}

/// A FIFO is opened at once, and then seen to be one.
#[cfg(unix)]
fn nonblocking() -> i32 {
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default()
}
