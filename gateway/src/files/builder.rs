//! The exports and options of a [`FilesLayer`], and what is wrong with them.

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderMap;
use tokio::sync::Semaphore;

use super::{
    cache::Cache,
    embedded::Embedded,
    export::{Dir, Export, File, Source},
    layer::FilesLayer,
    lifetime::Lifetimes,
    mime::Types,
    pattern::Pattern,
    range::MAX_RANGES,
    search::{Filter, Hidden},
    serve::{Files, Hook},
};
use crate::common::error::ConfigError;

/// What [`FilesBuilder::export`] takes: a [`Dir`] or a [`File`].
#[derive(Clone, Debug)]
pub struct Exported(Source);

impl From<Dir> for Exported {
    fn from(dir: Dir) -> Self {
        Self(Source::Dir(dir))
    }
}

impl From<File> for Exported {
    fn from(file: File) -> Self {
        Self(Source::File(file))
    }
}

/// The exports and options of a [`FilesLayer`]. They are checked by [`build`](Self::build).
#[derive(Clone)]
#[must_use]
pub struct FilesBuilder {
    exports: Vec<(String, Source)>,
    disallow: Vec<String>,
    filter: Option<Filter>,
    timeout: Option<Duration>,
    is_cached: bool,
    rules: Vec<(String, Option<String>)>,
    types: Vec<(String, String)>,
    fallback: String,
    nosniff: bool,
    max_ranges: usize,
    hook: Option<Hook>,
    memory: u64,
    waiting: usize,
    off_thread: bool,
}

impl FilesBuilder {
    pub(super) fn new() -> Self {
        Self {
            exports: Vec::new(),
            disallow: Vec::new(),
            filter: None,
            timeout: Some(Duration::from_secs(12 * 60 * 60)),
            is_cached: true,
            rules: Vec::new(),
            types: Vec::new(),
            fallback: "text/plain".to_owned(),
            nosniff: true,
            max_ranges: MAX_RANGES,
            hook: None,
            memory: 32 << 20,
            waiting: 64,
            off_thread: false,
        }
    }

    /// Adds a [`Dir`] under a prefix, or a [`File`] at a path. Exports are tried in this order, and
    /// several may have one prefix.
    pub fn export(mut self, prefix: impl Into<String>, source: impl Into<Exported>) -> Self {
        self.exports.push((prefix.into(), source.into().0));
        self
    }

    /// Adds embedded files under a prefix.
    pub fn embedded(mut self, prefix: impl Into<String>, files: impl Embedded) -> Self {
        self.exports.push((prefix.into(), Source::Embedded(Arc::new(files))));
        self
    }

    /// Hides what matches a pattern of Python's `fnmatch`: `*`, `?`, `[a-z]`, `[!a-z]`. It is compared with each segment
    /// below the prefix and with all of them together, and `*` is any text: `secret*` hides `a/secret/b`.
    pub fn disallow<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.disallow.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Hides what this function says no to. It sees the decoded path below the prefix, and for a link its target. It may be
    /// called several times for a request, also on the thread of the request: it must not wait.
    pub fn filter(self, filter: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { filter: Some(Arc::new(filter)), ..self }
    }

    /// Whether caches may keep files without asking. Default: yes. Otherwise `Cache-Control: no-cache`.
    pub fn cache(self, is_cached: bool) -> Self {
        Self { is_cached, ..self }
    }

    /// How long. Default: 12 h, as the original.
    pub fn cache_timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Lets caches keep files for a year whose names change with their content, such as `assets/*` or
    /// `*-????????.js`.
    pub fn immutable(mut self, pattern: impl Into<String>) -> Self {
        self.rules.push((pattern.into(), None));
        self
    }

    /// Another `Cache-Control` for what matches a pattern. Of several rules, the first that matches counts.
    pub fn cache_control(mut self, pattern: impl Into<String>, value: impl Into<String>) -> Self {
        self.rules.push((pattern.into(), Some(value.into())));
        self
    }

    /// Another type for an extension, such as `("ts", "text/typescript")`.
    pub fn mime(mut self, extension: impl Into<String>, mime: impl Into<String>) -> Self {
        self.types.push((extension.into(), mime.into()));
        self
    }

    /// The type of a file whose extension is unknown. Default: `text/plain`.
    pub fn fallback_mimetype(self, mime: impl Into<String>) -> Self {
        Self { fallback: mime.into(), ..self }
    }

    /// Whether `X-Content-Type-Options: nosniff` is sent. Default: yes.
    pub fn nosniff(self, nosniff: bool) -> Self {
        Self { nosniff, ..self }
    }

    /// Sees the path below the prefix and the head of each response, also of 304, when everything else is done to it:
    /// the place for `Content-Security-Policy`.
    pub fn on_response(self, hook: impl Fn(&str, &mut HeaderMap) + Send + Sync + 'static) -> Self {
        Self { hook: Some(Arc::new(hook)), ..self }
    }

    /// How many bytes of files are kept in memory. Default: 32 MiB. A file of more than an eighth, or of more than 4 MiB, is
    /// not kept. While slow clients take files that gave way to others, it may be twice as much. 0 keeps none.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// How many requests may wait for a disk at once. Default: 64, an eighth of tokio's threads for blocking work.
    pub fn waiting(self, requests: usize) -> Self {
        Self { waiting: requests, ..self }
    }

    /// The most ranges of one answer. Whoever asks for more that are within the file gets the whole file. With 0, `Range` is
    /// ignored, and `Accept-Ranges` says `none`. Default: 16, more than real clients ask for; Apache's `MaxRanges` is 200.
    pub fn max_ranges(self, max_ranges: usize) -> Self {
        Self { max_ranges, ..self }
    }

    /// Whether every file is looked up on a thread that may wait, also if the kernel has it in memory. For network file
    /// systems, where even that may wait. Default: no.
    pub fn off_thread(self, off_thread: bool) -> Self {
        Self { off_thread, ..self }
    }

    /// Checks the options.
    ///
    /// # Errors
    /// [`ConfigError::InvalidPrefix`] for `/a/../b`; [`ConfigError::InvalidExport`] for an index `..`, an index `index.html`
    /// beside `disallow(["*.html"])`, a redirect without an index, `Dir::lazy("")`; [`ConfigError::InvalidEmbeddedName`] for
    /// the embedded files `/app.js`, `a//b`; [`ConfigError::InvalidMimeType`] for `""`, `text`;
    /// [`ConfigError::InvalidHeaderValue`] for a `Cache-Control` with a line break; [`ConfigError::InvalidLimit`] for
    /// `waiting(0)`.
    pub fn build(self) -> Result<FilesLayer, ConfigError> {
        let patterns = self.disallow.iter().map(|pattern| Pattern::new(pattern)).collect();
        let hidden = Hidden { patterns, filter: self.filter };
        let mut exports = Vec::new();
        for (prefix, source) in self.exports {
            exports.push(Export::new(&prefix, source, &hidden)?);
        }
        if self.waiting == 0 || self.waiting > Semaphore::MAX_PERMITS {
            return Err(ConfigError::InvalidLimit { limit: "waiting", expected: "1 or more" });
        }
        let files = Files {
            exports,
            hidden,
            types: Types::new(&self.types, &self.fallback)?,
            lifetimes: Lifetimes::new(self.timeout.filter(|_| self.is_cached), &self.rules)?,
            nosniff: self.nosniff,
            max_ranges: self.max_ranges,
            hook: self.hook,
            cache: Cache::new(self.memory),
            permits: Arc::new(Semaphore::new(self.waiting)),
            off_thread: self.off_thread,
        };
        Ok(FilesLayer { files: Arc::new(files) })
    }
}

impl fmt::Debug for FilesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesBuilder")
            .field("exports", &self.exports)
            .field("disallow", &self.disallow)
            .finish_non_exhaustive()
    }
}
