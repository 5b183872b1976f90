//! `--files` and `[[files]]`: directories and files that come before the targets.

use std::path::Path;

use proxyfix_gateway::{ConfigError, Dir, File, FilesBuilder, FilesLayer};

use super::{
    keys::Keys,
    settings::{Place, Placed},
    table::Shown,
};
use crate::{escape, status::Failure};

/// The keys of `[[files]]`.
pub(super) const FILES: [&str; 9] = [
    "prefix",
    "path",
    "index",
    "redirect",
    "precompressed",
    "dotfiles",
    "disallow",
    "immutable",
    "no-cache",
];

/// A prefix, and a directory or a file.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    pub(super) prefix: String,
    pub(super) path: String,
    pub(super) index: Option<String>,
    pub(super) redirect: bool,
    pub(super) precompressed: bool,
    pub(super) dotfiles: bool,
    pub(super) disallow: Vec<String>,
    pub(super) immutable: Vec<String>,
    pub(super) no_cache: bool,
    pub(super) place: Place,
}

impl Folder {
    /// Reads `--files PREFIX=PATH`.
    pub(super) fn argument(text: &str) -> Result<Self, Failure> {
        let Some((prefix, path)) = text.split_once('=') else {
            return Err(Failure::Usage(format!(
                "--files {}: expected a prefix and a path, such as /static=./dist",
                escape::text(text.as_bytes())
            )));
        };
        Ok(Self { prefix: prefix.to_owned(), path: path.to_owned(), ..Self::default() })
    }

    /// Reads a `[[files]]`.
    pub(super) fn table(keys: &mut Keys<'_, '_>) -> Result<Self, Failure> {
        let mut needed = |key, example: &str| {
            let found = keys.text(key, example)?;
            found.map(|found| found.value).ok_or_else(|| {
                let text = format!("this [[files]] has no {key}; write {key} = {example:?}");
                keys.place().refuse(&text)
            })
        };
        let (prefix, path) = (needed("prefix", "/static")?, needed("path", "./dist")?);
        Ok(Self {
            prefix,
            path,
            index: keys.text("index", "index.html")?.map(|index: Placed<String>| index.value),
            redirect: keys.flag("redirect")?,
            precompressed: keys.flag("precompressed")?,
            dotfiles: keys.flag("dotfiles")?,
            disallow: keys.list("disallow", "*.map")?.unwrap_or_default(),
            immutable: keys.list("immutable", "assets/*")?.unwrap_or_default(),
            no_cache: keys.flag("no-cache")?,
            place: keys.place(),
        })
    }

    /// A layer of this alone, because each has options of its own.
    pub(super) fn layer(&self) -> Result<FilesLayer, Failure> {
        let built = self.export().and_then(FilesBuilder::build);
        built.map_err(|error| match &error {
            // Its text names what to write in Rust.
            ConfigError::MissingExport { reason, .. } => {
                let path = escape::text(self.path.as_bytes());
                self.place.refuse(&format!("{path} cannot be exported: {reason}"))
            }
            error => self.place.refuse(error),
        })
    }

    fn export(&self) -> Result<FilesBuilder, ConfigError> {
        let mut builder =
            FilesLayer::builder().disallow(self.disallow.clone()).cache(!self.no_cache);
        for pattern in &self.immutable {
            builder = builder.immutable(pattern);
        }
        if Path::new(&self.path).is_file() {
            return Ok(builder.export(&self.prefix, File::open(&self.path)?));
        }
        let mut dir = Dir::open(&self.path)?
            .redirect(self.redirect)
            .precompressed(self.precompressed)
            .dotfiles(self.dotfiles);
        if let Some(index) = &self.index {
            dir = dir.index(index);
        }
        Ok(builder.export(&self.prefix, dir))
    }

    /// The line of the table of routes.
    pub(super) fn shown(&self) -> Shown {
        let prefix = escape::text(self.prefix.trim_matches('/').as_bytes());
        let mut shown = Shown::new(format!("/{prefix}"), escape::text(self.path.as_bytes()), None);
        shown.notes.push("files");
        shown
    }
}
