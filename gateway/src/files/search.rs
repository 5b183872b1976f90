//! Which file a request asks for.
//!
//! 1. Only GET and HEAD ask for files. Everything else is the inner service's.
//! 2. The exports are tried in their order. The first one that has the file wins, not the longest prefix.
//! 3. A file export has one path. A directory has those of its files.
//! 4. What is disallowed is hidden in every export: under the name in the path, and under the real one. The path below the
//!    prefix, and each of its segments, is compared. Where compressed files are sent, one is hidden with the file that it
//!    stands for, also under the name of a link to it.
//! 5. A compressed file is looked for beside the one that was asked for, and only if that one exists and is not newer.
//! 6. The index of a directory is for the path with a slash. In a mount, the path that ends where the mount is has none.
//! 7. A file that is there, but cannot be read, is not there: the search goes on behind it.

use std::sync::Arc;

use http::{Method, request};

use super::{
    embedded::{Embedded, EmbeddedFile},
    encoding::{self, Coding},
    export::{Dir, Export, File, Source, is_dotfile},
    name::Name,
    pattern::Pattern,
    root::{Found, Kind, Root, Symlinks, WouldWait},
    stat::Stat,
};
use crate::common::slash;

/// What a request asks for.
pub(super) enum Asked {
    /// The inner service knows.
    NotOurs,
    /// The path with a slash at its end, for the directory of this name.
    Redirect(String, Name),
    File(Hit),
}

/// A file that is there.
pub(super) struct Hit {
    /// By it, the type is known, and what the cache rules say.
    pub(super) name: Name,
    pub(super) coding: Option<Coding>,
    /// Whether another client may get another coding.
    pub(super) varies: bool,
    pub(super) source: HitSource,
}

pub(super) enum HitSource {
    Embedded(EmbeddedFile),
    Disk(OnDisk),
}

/// Where a file is on the disk, and its state when it was looked up.
pub(super) struct OnDisk {
    /// The number of its export.
    pub(super) export: usize,
    pub(super) root: Arc<Root>,
    pub(super) symlinks: Symlinks,
    /// Below the root, with the suffix of a coding.
    pub(super) name: Name,
    pub(super) stat: Stat,
    pub(super) names: Names,
    pub(super) may_grow: bool,
}

/// The rule of the application: whether a path below an export is served.
pub(super) type Filter = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What is hidden.
#[derive(Clone, Default)]
pub(super) struct Hidden {
    pub(super) patterns: Vec<Pattern>,
    pub(super) filter: Option<Filter>,
}

impl Hidden {
    /// Rule 4.
    pub(super) fn has(&self, name: &Name, names: Names) -> bool {
        let is_allowed = |name: &Name| {
            let filter = self.filter.as_ref();
            filter.is_none_or(|filter| filter(&String::from_utf8_lossy(name.as_bytes())))
        };
        names.with_originals(name, |name| self.matches(name) || !is_allowed(name))
    }

    /// Whether a pattern hides a file of this name in every directory.
    pub(super) fn has_everywhere(&self, file: &Name, names: Names) -> bool {
        names.with_originals(file, |name| self.matches(name))
    }

    /// Whether a link may lead to this name.
    pub(super) fn admits(&self, real: &Name, names: Names) -> bool {
        (names.dotfiles || !is_dotfile(real)) && !self.has(real, names)
    }

    fn matches(&self, name: &Name) -> bool {
        let is_match = |text: &[u8]| self.patterns.iter().any(|pattern| pattern.matches(text));
        is_match(name.as_bytes()) || name.segments().any(is_match)
    }
}

/// How often a file may be compressed, so that no name takes long to read.
const MAX_CODINGS: usize = 4;

/// What the names of an export mean.
#[derive(Clone, Copy)]
pub(super) struct Names {
    /// Whether those that begin with a dot are there.
    pub(super) dotfiles: bool,
    /// Whether `app.js.gz` stands for `app.js`.
    pub(super) precompressed: bool,
}

impl Names {
    /// Those of a single file or of embedded files: each is what it is.
    const PLAIN: Self = Self { dotfiles: true, precompressed: false };

    /// Whether something holds for a name, or for a file that it stands for: `app.js.gz.br` stands for `app.js.gz`, and that
    /// for `app.js`. It holds for what was compressed more often than anybody does.
    fn with_originals(self, name: &Name, holds: impl Fn(&Name) -> bool) -> bool {
        if holds(name) {
            return true;
        }
        let original = |name: &Name| {
            Coding::ALL.iter().find_map(|coding| name.without_suffix(coding.suffix()))
        };
        let mut next = original(name).filter(|_| self.precompressed);
        for _ in 0..MAX_CODINGS {
            let Some(name) = next else { return false };
            if holds(&name) {
                return true;
            }
            next = original(&name);
        }
        next.is_some()
    }
}

/// A file that cannot be read: the number of its export, and its name there.
pub(super) type Lost = (usize, Name);

/// A search for the file of a request.
pub(super) struct Search<'a> {
    pub(super) exports: &'a [Export],
    pub(super) hidden: &'a Hidden,
    pub(super) request: &'a request::Parts,
    pub(super) may_wait: bool,
    /// What was found before, and cannot be read (rule 7).
    pub(super) lost: &'a [Lost],
}

/// A directory that is searched.
#[derive(Clone, Copy)]
struct Place<'a> {
    export: usize,
    dir: &'a Dir,
    root: &'a Arc<Root>,
}

impl Search<'_> {
    /// Rules 1 and 2.
    pub(super) fn run(&self) -> Result<Asked, WouldWait> {
        if !matches!(self.request.method, Method::GET | Method::HEAD) {
            return Ok(Asked::NotOurs);
        }
        let path = self.request.uri.path();
        if !path.starts_with('/') {
            return Ok(Asked::NotOurs);
        }
        for (number, export) in self.exports.iter().enumerate() {
            let Some(rest) = export.prefix.strip(path) else { continue };
            let found = match &export.source {
                Source::File(file) if export.is_exact(rest) => self.of_file(number, file)?,
                Source::File(_) => None,
                Source::Dir(dir) => self.of_dir(number, dir, rest)?,
                Source::Embedded(files) => self.of_embedded(&**files, rest),
            };
            if let Some(asked) = found {
                return Ok(asked);
            }
        }
        Ok(Asked::NotOurs)
    }

    fn of_embedded(&self, files: &dyn Embedded, rest: &str) -> Option<Asked> {
        let name = Name::parse(rest).filter(|name| !name.is_directory && !is_dotfile(name))?;
        if self.hidden.has(&name, Names::PLAIN) {
            return Some(Asked::NotOurs);
        }
        let source = HitSource::Embedded(files.get(name.as_str()?)?);
        Some(Asked::File(Hit { name, coding: None, varies: false, source }))
    }

    /// The file of a file export. The operator named it, so any link leads to it.
    fn of_file(&self, export: usize, file: &File) -> Result<Option<Asked>, WouldWait> {
        let names = [Name::parse(self.request.uri.path()), Some(file.name.clone())];
        if names.iter().flatten().any(|name| self.hidden.has(name, Names::PLAIN)) {
            return Ok(Some(Asked::NotOurs));
        }
        if self.is_lost(export, &file.name) {
            return Ok(None);
        }
        let Some(root) = file.place.root(self.may_wait)? else { return Ok(None) };
        let found = root.look_up(&file.name, Symlinks::Any, self.may_wait)?;
        let Some(found) = found.filter(|found| found.kind == Kind::File) else { return Ok(None) };
        if found.real.is_some_and(|real| !self.hidden.admits(&real, Names::PLAIN)) {
            return Ok(Some(Asked::NotOurs));
        }
        let (name, symlinks) = (file.name.clone(), Symlinks::Any);
        let source = HitSource::Disk(OnDisk {
            export,
            root,
            symlinks,
            name: name.clone(),
            stat: found.stat,
            names: Names::PLAIN,
            may_grow: file.growing,
        });
        Ok(Some(Asked::File(Hit { name, coding: None, varies: false, source })))
    }

    /// A file of a directory.
    fn of_dir(&self, export: usize, dir: &Dir, rest: &str) -> Result<Option<Asked>, WouldWait> {
        let Some(mut name) = Name::parse(rest) else { return Ok(None) };
        if self.hidden.has(&name, dir.names()) {
            return Ok(Some(Asked::NotOurs));
        }
        let has_slash = !rest.is_empty() && name.is_directory && !slash::is_mount(self.request);
        let Some(root) = &dir.place.root(self.may_wait)? else { return Ok(None) };
        let place = Place { export, dir, root };
        if name.is_directory {
            match &dir.index {
                Some(index) if has_slash => name = name.join(index),
                _ => return self.redirect(place, &name, has_slash),
            }
            if self.hidden.has(&name, dir.names()) {
                return Ok(Some(Asked::NotOurs));
            }
        }
        match self.visible(place, &name)? {
            None => Ok(None),
            Some(found) if found.kind == Kind::File => {
                self.choose(place, name, found.stat).map(Some)
            }
            Some(_) => self.redirect(place, &name, has_slash),
        }
    }

    fn is_lost(&self, export: usize, name: &Name) -> bool {
        self.lost.iter().any(|(lost, own)| *lost == export && own == name)
    }

    /// What is at a name, if both its names may be seen.
    fn visible(&self, place: Place<'_>, name: &Name) -> Result<Option<Found>, WouldWait> {
        let Place { export, dir, root } = place;
        if dir.hides(name) || self.is_lost(export, name) {
            return Ok(None);
        }
        let found = root.look_up(name, dir.symlinks, self.may_wait)?;
        let is_visible = |real: &Name| self.hidden.admits(real, dir.names());
        Ok(found.filter(|found| found.real.as_ref().is_none_or(is_visible)))
    }

    /// The redirect to the slash of a directory that has an index.
    fn redirect(
        &self,
        place: Place<'_>,
        directory: &Name,
        has_slash: bool,
    ) -> Result<Option<Asked>, WouldWait> {
        let dir = place.dir;
        let (Some(index), true) = (&dir.index, dir.redirect && !has_slash) else {
            return Ok(None);
        };
        let index = directory.join(index);
        if self.hidden.has(&index, dir.names()) {
            return Ok(None);
        }
        let found = self.visible(place, &index)?.filter(|found| found.kind == Kind::File);
        let location = found.and_then(|_| slash::location(self.request));
        Ok(location.map(|location| Asked::Redirect(location, directory.clone())))
    }

    /// Rule 5.
    fn choose(&self, place: Place<'_>, name: Name, stat: Stat) -> Result<Asked, WouldWait> {
        let Place { export, dir, root } = place;
        let codings =
            if dir.precompressed { encoding::accepted(&self.request.headers) } else { Vec::new() };
        let mut chosen = None;
        for coding in codings {
            let compressed = name.with_suffix(coding.suffix());
            if self.hidden.has(&compressed, dir.names()) {
                continue;
            }
            let found = self.visible(place, &compressed)?;
            let is_usable =
                |found: &Found| found.kind == Kind::File && found.stat.modified >= stat.modified;
            if let Some(found) = found.filter(is_usable) {
                chosen = Some((coding, compressed, found.stat));
                break;
            }
        }
        let (coding, file, stat) = match chosen {
            Some((coding, file, stat)) => (Some(coding), file, stat),
            None => (None, name.clone(), stat),
        };
        let source = HitSource::Disk(OnDisk {
            export,
            root: Arc::clone(root),
            symlinks: dir.symlinks,
            name: file,
            stat,
            names: dir.names(),
            may_grow: dir.growing,
        });
        Ok(Asked::File(Hit { name, coding, varies: dir.precompressed, source }))
    }
}
