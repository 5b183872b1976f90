//! The file of the authority.
//!
//! 1. A new file is readable by its user alone from its first byte, and so is a folder that is made for it.
//! 2. It is written beside its place, brought to the disk, and linked to its place, which fails if there is one. So
//!    processes that start at once end with the same file, and nobody reads half of one.
//! 3. A file that others may read, or that belongs to another user than root and the process's, is read, and told of
//!    ([`Exposure`]): the operator of a container may not be able to change it.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use ring::rand::{SecureRandom as _, SystemRandom};

/// The longest file, in bytes. A key and a certificate of RSA with 4096 bits have about 6 KiB.
const LONGEST: u64 = 1 << 20;

/// A file that was read.
pub(super) struct Read {
    pub(super) text: String,
    pub(super) exposure: Option<Exposure>,
}

/// Why others than the server's user can read the private key of an authority, and what to do. It is an error, for those who
/// refuse such a file.
///
/// ```
/// use proxyfix_gateway::CertificateAuthority;
///
/// fn private(path: &str) -> Result<CertificateAuthority, Box<dyn std::error::Error>> {
///     let authority = CertificateAuthority::open(path)?;
///     match authority.exposure() {
///         Some(exposure) => Err(exposure.into()),
///         None => Ok(authority),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exposure {
    /// The permissions of the file admit others than its owner.
    Permissions {
        /// The permissions, such as `0o644`.
        mode: u32,
    },
    /// The file belongs to another user, who is not root.
    Owner {
        /// The owner.
        uid: u32,
        /// The user of this process.
        own: u32,
    },
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permissions { mode } => {
                write!(f, "others may read the authority's file (mode {mode:o}); chmod 600 it")
            }
            Self::Owner { uid, own } => {
                write!(f, "the authority's file belongs to the user {uid}; chown it to {own}")
            }
        }
    }
}

impl std::error::Error for Exposure {}

/// Reads the file, or makes it with this text.
pub(super) fn read_or_create(
    path: &Path,
    text: impl FnOnce() -> Result<String, String>,
) -> Result<Read, String> {
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path, &text()?).map_err(|error| format!("it cannot be written: {error}"))?;
            read(path)
        }
        read => read,
    }
    .map_err(|error| format!("it cannot be read: {error}"))
}

fn read(path: &Path) -> io::Result<Read> {
    // A FIFO would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    let file = File::open(path)?;
    let exposure = exposure(&file)?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(Read { text, exposure })
}

/// Rules 1 and 2. That somebody else was faster is no error.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.exists() {
        make_folder(folder)?;
    }
    let draft = draft(path)?;
    let result = write(&draft, text).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    // The link stays. Without one, nothing does.
    let removed = fs::remove_file(&draft);
    result?;
    removed?;
    // A folder cannot be brought to the disk everywhere, and the file is there.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// A name that nobody else writes.
fn draft(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0_u8; 8];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| io::Error::other("the system has no random numbers"))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", u64::from_be_bytes(random)));
    Ok(path.with_file_name(name))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Rule 3.
#[cfg(unix)]
fn exposure(file: &File) -> io::Result<Option<Exposure>> {
    use std::os::unix::fs::MetadataExt as _;
    let found = file.metadata()?;
    Ok(exposure_of(found.mode(), found.uid(), rustix::process::geteuid().as_raw()))
}

/// Whether these permissions and this owner admit others than the user `own`.
#[cfg(unix)]
fn exposure_of(mode: u32, uid: u32, own: u32) -> Option<Exposure> {
    if mode & 0o077 != 0 {
        return Some(Exposure::Permissions { mode: mode & 0o7777 });
    }
    (uid != own && uid != 0).then_some(Exposure::Owner { uid, own })
}

/// Rule 3. The permissions of other systems are not known here.
#[cfg(not(unix))]
fn exposure(_: &File) -> io::Result<Option<Exposure>> {
    Ok(None)
}

#[cfg(all(test, unix))]
mod tests {
    use super::{Exposure, exposure_of};

    #[test]
    fn exposures() {
        for (mode, uid, own, text) in [
            (0o100_600, 1000, 1000, ""),
            (0o100_400, 0, 1000, ""),
            (0o100_600, 0, 0, ""),
            (
                0o100_640,
                1000,
                1000,
                "others may read the authority's file (mode 640); chmod 600 it",
            ),
            (0o100_602, 0, 0, "others may read the authority's file (mode 602); chmod 600 it"),
            (
                0o100_600,
                1001,
                1000,
                "the authority's file belongs to the user 1001; chown it to 1000",
            ),
            (0o100_600, 1001, 0, "the authority's file belongs to the user 1001; chown it to 0"),
        ] {
            let found = exposure_of(mode, uid, own);
            let found = found.as_ref().map(Exposure::to_string).unwrap_or_default();
            assert_eq!(found, text, "{mode:o} {uid} {own}");
        }
    }
}
