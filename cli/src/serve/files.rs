//! `--files` and `[[files]]`: directories and files that come before the targets.

use std::path::PathBuf;

use proxyfix_gateway::{ConfigError, Dir, File, FilesBuilder, FilesLayer, FilesService, NotFound};

use super::{
    keys::Keys,
    settings::{Place, Placed},
    table::Shown,
};
use crate::{escape, status::Failure};

/// The keys of `[[files]]`.
pub(super) const FILES: [&str; 10] = [
    "prefix",
    "path",
    "index",
    "redirect",
    "precompressed",
    "dotfiles",
    "disallow",
    "immutable",
    "no-cache",
    "fallback",
];

/// A prefix, and a directory or a file.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    pub(super) prefix: String,
    pub(super) path: PathBuf,
    pub(super) index: Option<String>,
    pub(super) redirect: bool,
    pub(super) precompressed: bool,
    pub(super) dotfiles: bool,
    pub(super) disallow: Vec<String>,
    pub(super) immutable: Vec<String>,
    pub(super) no_cache: bool,
    /// The page of a single-page application.
    pub(super) fallback: Option<String>,
    pub(super) place: Place,
}

impl Folder {
    /// Reads `--files PREFIX=PATH`. A directory has its `index.html`, as with every server that is started for a moment.
    pub(super) fn argument(text: &str) -> Result<Self, Failure> {
        let Some((prefix, path)) = text.split_once('=') else {
            return Err(Failure::Usage(format!(
                "--files {}: expected a prefix and a path, such as /static=./dist",
                escape::text(text.as_bytes())
            )));
        };
        let place = Place::argument(&format!("--files {}", escape::text(text.as_bytes())));
        let folder =
            Self { prefix: prefix.to_owned(), path: path.into(), place, ..Self::default() };
        if folder.is_file() {
            return Ok(folder);
        }
        Ok(Self { index: Some("index.html".to_owned()), redirect: true, ..folder })
    }

    /// Reads a `[[files]]`.
    pub(super) fn table(keys: &mut Keys<'_, '_>) -> Result<Self, Failure> {
        let place = keys.place();
        let missing = |key: &str, example: &str| {
            place.refuse(&format!("this [[files]] has no {key}; write {key} = {example:?}"))
        };
        let prefix = keys.text("prefix", "/static")?.map(|prefix| prefix.value);
        let prefix = prefix.ok_or_else(|| missing("prefix", "/static"))?;
        let path = keys.path("path", "dist")?.ok_or_else(|| missing("path", "dist"))?;
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
            fallback: keys.text("fallback", "index.html")?.map(|page| page.value),
            place,
        })
    }

    fn is_file(&self) -> bool {
        self.path.is_file()
    }

    /// A layer of this alone, because each has options of its own.
    pub(super) fn layer(&self) -> Result<FilesLayer, Failure> {
        let for_directories = self.index.is_some()
            || self.redirect
            || self.precompressed
            || self.dotfiles
            || self.fallback.is_some();
        if self.is_file() && for_directories {
            let text = "index, redirect, precompressed, dotfiles and fallback are for directories, and the path is a file";
            return Err(self.place.refuse(&text));
        }
        let built = self.export().and_then(FilesBuilder::build);
        built.map_err(|error| self.refuse(&error))
    }

    /// The page of `fallback`, at `/`. It is never kept without asking: it names the files of a release.
    pub(super) fn page(&self) -> Result<Option<FilesService<NotFound>>, Failure> {
        let Some(page) = &self.fallback else { return Ok(None) };
        if !self.path.join(page).is_file() {
            let (page, path) = (escape::text(page.as_bytes()), self.shown_path());
            let text = format!("the fallback \"{page}\" is no file in the path \"{path}\"");
            return Err(self.place.refuse(&text));
        }
        let page = self.dir().and_then(|dir| {
            let dir = dir.redirect(false).index(page);
            FilesLayer::builder().cache(false).export("/", dir).build()
        });
        page.map(|layer| Some(layer.service())).map_err(|error| self.refuse(&error))
    }

    fn refuse(&self, error: &ConfigError) -> Failure {
        match error {
            // Its text names what to write in Rust.
            ConfigError::MissingExport { reason, .. } => {
                let path = self.shown_path();
                self.place.refuse(&format!("the path \"{path}\" cannot be exported: {reason}"))
            }
            error => self.place.refuse(error),
        }
    }

    fn shown_path(&self) -> String {
        escape::text(self.path.as_os_str().as_encoded_bytes())
    }

    fn export(&self) -> Result<FilesBuilder, ConfigError> {
        let mut builder =
            FilesLayer::builder().disallow(self.disallow.clone()).cache(!self.no_cache);
        for pattern in &self.immutable {
            builder = builder.immutable(pattern);
        }
        if self.is_file() {
            return Ok(builder.export(&self.prefix, File::open(&self.path)?));
        }
        Ok(builder.export(&self.prefix, self.dir()?))
    }

    fn dir(&self) -> Result<Dir, ConfigError> {
        let dir = Dir::open(&self.path)?
            .redirect(self.redirect)
            .precompressed(self.precompressed)
            .dotfiles(self.dotfiles);
        Ok(match &self.index {
            Some(index) => dir.index(index),
            None => dir,
        })
    }

    /// The line of the table of routes.
    pub(super) fn shown(&self) -> Shown {
        let prefix = escape::text(self.prefix.trim_matches('/').as_bytes());
        let mut shown = Shown::new(format!("/{prefix}"), self.shown_path(), None);
        shown.notes.push("files".to_owned());
        if let Some(page) = &self.fallback {
            shown.notes.push(format!("other paths get {}", escape::text(page.as_bytes())));
        }
        shown
    }
}
