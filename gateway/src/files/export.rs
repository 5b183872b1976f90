//! What is exported: directories, single files, and embedded files.
//!
//! 1. A directory or file that is missing is an error when it is opened, unless it is lazy. An empty path is an error
//!    too: it would export the working directory.
//! 2. A directory is held open. It stays the same one whatever becomes of its path, unless its path is asked again for each
//!    request.
//! 3. Names that begin with a dot are not there, except `.well-known` (RFC 8615), unless they are admitted.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use super::{
    embedded::Embedded,
    name::Name,
    root::{Reopened, Root, Symlinks, WouldWait},
    search::{Hidden, Names},
};
use crate::common::{error::ConfigError, prefix::Prefix};

/// A directory to export.
///
/// ```no_run
/// use proxyfix_gateway::{Dir, FilesLayer};
///
/// let dist = Dir::open("dist")?.index("index.html").precompressed(true);
/// let layer = FilesLayer::builder().export("/", dist).build()?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Dir {
    pub(super) place: Place,
    pub(super) symlinks: Symlinks,
    pub(super) dotfiles: bool,
    pub(super) index: Option<String>,
    pub(super) redirect: bool,
    pub(super) precompressed: bool,
    pub(super) growing: bool,
}

impl Dir {
    /// Opens a directory, and keeps it open.
    ///
    /// # Errors
    /// [`ConfigError::MissingExport`] for `""`, and for what is no directory or cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Place::held(path.as_ref()).map(Self::at)
    }

    /// A directory that may be missing now. Until it is there, its files are not.
    pub fn lazy(path: impl Into<PathBuf>) -> Self {
        Self::at(Place::Lazy { path: path.into(), root: Arc::default() })
    }

    /// A directory whose path is asked for each request: a link that is pointed at another release is seen by the next one.
    /// Each request then waits for the disk on another thread, as with
    /// [`off_thread`](crate::FilesBuilder::off_thread). Beside what HTTP takes, that is about seven times as long as for an
    /// open directory, however many files there are. Between two requests, the directory of the last one stays open.
    pub fn reopened(path: impl Into<PathBuf>) -> Self {
        Self::at(Place::Reopened { path: path.into(), last: Arc::default() })
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            symlinks: Symlinks::Inside,
            dotfiles: false,
            index: None,
            redirect: false,
            precompressed: false,
            growing: false,
        }
    }

    /// Which symbolic links are followed. Default: those that stay inside the directory.
    pub fn symlinks(self, symlinks: Symlinks) -> Self {
        Self { symlinks, ..self }
    }

    /// Whether names that begin with a dot are there, such as `.env`. Default: only `.well-known` is. The original has
    /// all of them.
    pub fn dotfiles(self, dotfiles: bool) -> Self {
        Self { dotfiles, ..self }
    }

    /// The file that stands for its directory, where the path ends with a slash. Default: none.
    pub fn index(self, index: impl Into<String>) -> Self {
        Self { index: Some(index.into()), ..self }
    }

    /// Whether the path of a directory without a slash is redirected to the one with it, if the directory has its
    /// [`index`](Self::index). Default: it is the inner service's.
    pub fn redirect(self, redirect: bool) -> Self {
        Self { redirect, ..self }
    }

    /// Whether `app.js.br`, `app.js.zst` and `app.js.gz` are sent for `app.js` to clients that accept them. Default: no.
    pub fn precompressed(self, precompressed: bool) -> Self {
        Self { precompressed, ..self }
    }

    /// Whether files grow at their end while they are sent, as logs do. What is appended meanwhile is not sent. Default: no.
    /// Then a file that is written while it is sent breaks the response off, so that nobody gets half of each.
    pub fn growing(self, growing: bool) -> Self {
        Self { growing, ..self }
    }

    /// Why it cannot work.
    fn fault(&self, hidden: &Hidden) -> Option<&'static str> {
        let is_file = |index: &String| {
            let name = Name::parse(index).filter(|name| name.segments().count() == 1);
            name.is_some_and(|name| name.as_bytes() == index.as_bytes() && !self.hides(&name))
        };
        match &self.index {
            None if self.redirect => Some("it redirects to an index; add index(\"index.html\")"),
            Some(index) if !is_file(index) => {
                Some("its index is no name of a file; write it like index.html")
            }
            Some(index) if hidden.has_everywhere(&Name::of(Path::new(index)), self.names()) => {
                Some("disallow hides its index; name another index, or leave out the pattern")
            }
            _ => self.place.fault(),
        }
    }

    pub(super) fn names(&self) -> Names {
        Names { dotfiles: self.dotfiles, precompressed: self.precompressed }
    }

    /// Rule 3.
    pub(super) fn hides(&self, name: &Name) -> bool {
        !self.dotfiles && is_dotfile(name)
    }
}

/// Rule 3.
pub(super) fn is_dotfile(name: &Name) -> bool {
    let is_hidden = |segment: &[u8]| segment.starts_with(b".") && segment != b".well-known";
    name.segments().any(is_hidden)
}

/// A single file to export.
///
/// ```no_run
/// use proxyfix_gateway::{File, FilesLayer};
///
/// let robots = File::open("static/robots.txt")?;
/// let layer = FilesLayer::builder().export("/robots.txt", robots).build()?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct File {
    pub(super) place: Place,
    pub(super) name: Name,
    pub(super) growing: bool,
}

impl File {
    /// A file that is there. If it is removed later, its path is the inner service's.
    ///
    /// # Errors
    /// [`ConfigError::MissingExport`] for `""`, and for what is no plain file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let missing = |reason: &str| ConfigError::missing_export(path, reason);
        let metadata = std::fs::metadata(path).map_err(|error| missing(&error.to_string()))?;
        if !metadata.is_file() {
            return Err(missing("it is no plain file"));
        }
        let (parent, name) = split(path).ok_or_else(|| missing("it has no name"))?;
        Ok(Self { place: Place::held(&parent)?, name, growing: false })
    }

    /// A file that may be missing now.
    ///
    /// # Errors
    /// [`ConfigError::MissingExport`] for `""` and `..`, which name no file.
    pub fn lazy(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let missing = || ConfigError::missing_export(path, "it has no name");
        let (parent, name) = split(path).ok_or_else(missing)?;
        let place = Place::Lazy { path: parent, root: Arc::default() };
        Ok(Self { place, name, growing: false })
    }

    /// Whether the file grows at its end while it is sent, as [`Dir::growing`].
    pub fn growing(self, growing: bool) -> Self {
        Self { growing, ..self }
    }
}

/// The folder of a file, and its name there.
fn split(path: &Path) -> Option<(PathBuf, Name)> {
    let name = Name::of(Path::new(path.file_name()?));
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Some((parent.unwrap_or_else(|| Path::new(".")).to_owned(), name))
}

/// A directory, and when it is opened.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Held(Arc<Root>),
    Lazy { path: PathBuf, root: Arc<OnceLock<Arc<Root>>> },
    Reopened { path: PathBuf, last: Arc<Reopened> },
}

impl Place {
    /// Rules 1 and 2.
    fn held(path: &Path) -> Result<Self, ConfigError> {
        let missing = |reason: &str| ConfigError::missing_export(path, reason);
        if path.as_os_str().is_empty() {
            return Err(missing("an empty path would be the working directory"));
        }
        let root = Root::open(path).map_err(|error| missing(&error.to_string()))?;
        Ok(Self::Held(Arc::new(root)))
    }

    /// Rule 1, of a directory that is opened later.
    fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Lazy { path, .. } | Self::Reopened { path, .. }
                if path.as_os_str().is_empty() =>
            {
                Some("an empty path would be the working directory; write .")
            }
            Self::Held(_) | Self::Lazy { .. } | Self::Reopened { .. } => None,
        }
    }

    /// The directory. `None` if it is not there.
    pub(super) fn root(&self, may_wait: bool) -> Result<Option<Arc<Root>>, WouldWait> {
        match self {
            Self::Held(root) => Ok(Some(Arc::clone(root))),
            Self::Lazy { root, .. } if root.get().is_some() => Ok(root.get().cloned()),
            _ if !may_wait => Err(WouldWait),
            Self::Lazy { path, root } => Ok(Root::open(path)
                .ok()
                .map(|opened| Arc::clone(root.get_or_init(|| Arc::new(opened))))),
            Self::Reopened { path, last } => Ok(last.open(path).ok()),
        }
    }
}

/// Where the files of an export are.
#[derive(Clone)]
pub(super) enum Source {
    Dir(Dir),
    File(File),
    Embedded(Arc<dyn Embedded>),
}

/// A source under a prefix.
pub(super) struct Export {
    pub(super) prefix: Prefix,
    pub(super) source: Source,
}

impl Export {
    /// Whether what follows the prefix is nothing. At the root, that is a slash.
    pub(super) fn is_exact(&self, rest: &str) -> bool {
        rest.is_empty() || (rest == "/" && self.prefix.as_str().is_empty())
    }

    /// Checks that a request can find something.
    pub(super) fn new(text: &str, source: Source, hidden: &Hidden) -> Result<Self, ConfigError> {
        let prefix = Prefix::parse(text)?;
        let reason = match &source {
            Source::Dir(dir) => dir.fault(hidden),
            Source::File(file) => file.place.fault(),
            Source::Embedded(files) => {
                match files.names().into_iter().find(|name| !Name::is_asked_for(name)) {
                    Some(name) => {
                        return Err(ConfigError::InvalidEmbeddedName { name: name.to_owned() });
                    }
                    None => None,
                }
            }
        };
        match reason {
            None => Ok(Self { prefix, source }),
            Some(reason) => Err(ConfigError::InvalidExport { prefix: text.to_owned(), reason }),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(dir) => dir.fmt(f),
            Self::File(file) => file.fmt(f),
            Self::Embedded(_) => f.write_str("Embedded"),
        }
    }
}
