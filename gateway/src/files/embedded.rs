//! Files inside the program.
//!
//! 1. They have no times. Their tag is that of their content.
//! 2. Names are those of the folder that was embedded, with slashes. What is not in it is not there: no name leads to
//!    code or to a disk.

#[cfg(feature = "rust-embed")]
use std::borrow::Cow;
use std::{collections::HashMap, fmt};

use bytes::Bytes;
use http::HeaderValue;

use super::stat::{tag_of_content, tag_of_digest};

/// A set of files inside the program. Features `include-dir` and `rust-embed` implement it for those crates.
///
/// ```
/// use proxyfix_gateway::{EmbeddedFile, EmbeddedFiles, FilesLayer};
///
/// let mut files = EmbeddedFiles::new();
/// files.insert("app.js", &b"start()"[..]);
/// let layer = FilesLayer::builder().embedded("/assets", files).build()?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
pub trait Embedded: Send + Sync + 'static {
    /// The file of this name, such as `css/site.css`. The name has no slash at its start, and no dot segment.
    fn get(&self, name: &str) -> Option<EmbeddedFile>;

    /// The names that [`FilesBuilder::build`](crate::FilesBuilder::build) checks: one that no path asks for, such as
    /// `/app.js`, is an error. Default: none.
    fn names(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// A file inside the program.
#[derive(Clone, Debug)]
#[must_use]
pub struct EmbeddedFile {
    pub(super) content: Bytes,
    pub(super) etag: Option<HeaderValue>,
}

impl EmbeddedFile {
    /// A file with this content. Its tag is made now, which takes time: keep the file.
    pub fn new(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let etag = tag_of_content(&content);
        Self { content, etag }
    }

    /// A file whose digest is known. Two files with one digest must have one content.
    pub fn with_digest(content: impl Into<Bytes>, digest: &[u8]) -> Self {
        Self { content: content.into(), etag: tag_of_digest(digest) }
    }
}

/// Files in a table: what [`Embedded`] is without another crate.
#[derive(Clone, Default)]
pub struct EmbeddedFiles {
    files: HashMap<String, EmbeddedFile>,
}

impl EmbeddedFiles {
    /// No file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file. The content is a constant (`include_bytes!`), or bytes. A name is written like `css/site.css`; one that
    /// no path asks for (`/app.js`, `a//b`, `../a`, `""`) is an error of
    /// [`FilesBuilder::build`](crate::FilesBuilder::build).
    pub fn insert(&mut self, name: impl Into<String>, content: impl Into<Bytes>) -> &mut Self {
        self.files.insert(name.into(), EmbeddedFile::new(content));
        self
    }
}

impl fmt::Debug for EmbeddedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.files.keys()).finish()
    }
}

impl Embedded for EmbeddedFiles {
    fn get(&self, name: &str) -> Option<EmbeddedFile> {
        self.files.get(name).cloned()
    }

    fn names(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }
}

/// What `include_dir!` embeds.
#[cfg(feature = "include-dir")]
impl From<&'static include_dir::Dir<'static>> for EmbeddedFiles {
    fn from(dir: &'static include_dir::Dir<'static>) -> Self {
        let mut files = Self::new();
        let mut dirs = vec![dir];
        while let Some(dir) = dirs.pop() {
            for file in dir.files() {
                if let Some(name) = file.path().to_str() {
                    files.insert(name.replace('\\', "/"), file.contents());
                }
            }
            dirs.extend(dir.dirs());
        }
        files
    }
}

/// What `#[derive(RustEmbed)]` embeds: `Folder::<Assets>::new()`. In a debug build, rust-embed reads the disk for each
/// request.
#[cfg(feature = "rust-embed")]
pub struct Folder<T>(std::marker::PhantomData<fn() -> T>);

#[cfg(feature = "rust-embed")]
impl<T> Folder<T> {
    /// The files of the type.
    pub fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

#[cfg(feature = "rust-embed")]
impl<T> Default for Folder<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "rust-embed")]
impl<T> fmt::Debug for Folder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Folder")
    }
}

#[cfg(feature = "rust-embed")]
impl<T: rust_embed::RustEmbed + 'static> Embedded for Folder<T> {
    fn get(&self, name: &str) -> Option<EmbeddedFile> {
        let file = T::get(name)?;
        let content = match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Some(EmbeddedFile::with_digest(content, &file.metadata.sha256_hash()))
    }
}
