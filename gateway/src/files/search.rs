//! Which file a request asks for.
//!
//! 1. Only GET and HEAD ask for files. Everything else is the inner service's.
//! 2. The exports are tried in their order. The first one that has the file wins, not the longest prefix.
//! 3. A file export has one path. A directory has those of its files.
//! 4. What is disallowed is hidden in every export: under the name in the path, and under the real one. The path below the
//!    prefix, and each of its segments, is compared. Nothing is looked up for it.
//! 5. A compressed file is looked for beside the one that was asked for, and only if that one exists and is not newer.

use std::sync::Arc;

use http::{Method, request};
use proxyfix::{MountPath, Resolved, is_own_path};

use super::{
    embedded::EmbeddedFile,
    encoding::{self, Coding},
    export::{Dir, Export, File, Source, is_dotfile},
    name::Name,
    pattern::Pattern,
    root::{Found, Kind, Root, Symlinks, WouldWait},
    stat::Stat,
};

/// What a request asks for.
pub(super) enum Asked {
    /// The inner service knows.
    NotOurs,
    /// The path with a slash at its end.
    Redirect(String),
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
    pub(super) root: Arc<Root>,
    pub(super) symlinks: Symlinks,
    /// Below the root, with the suffix of a coding.
    pub(super) name: Name,
    pub(super) stat: Stat,
    pub(super) admits_dotfiles: bool,
}

impl OnDisk {
    /// Whether a link may lead to this name.
    pub(super) fn may_be(&self, real: &Name, hidden: &Hidden) -> bool {
        !hidden.has(real) && (self.admits_dotfiles || !is_dotfile(real))
    }
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
    pub(super) fn has(&self, name: &Name) -> bool {
        let is_match = |text: &[u8]| self.patterns.iter().any(|pattern| pattern.matches(text));
        is_match(name.as_bytes())
            || name.segments().any(is_match)
            || self
                .filter
                .as_ref()
                .is_some_and(|filter| !filter(&String::from_utf8_lossy(name.as_bytes())))
    }
}

/// Rules 1 and 2.
pub(super) fn search(
    exports: &[Export],
    hidden: &Hidden,
    request: &request::Parts,
    may_wait: bool,
) -> Result<Asked, WouldWait> {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Ok(Asked::NotOurs);
    }
    let path = request.uri.path();
    if !path.starts_with('/') {
        return Ok(Asked::NotOurs);
    }
    for export in exports {
        let Some(rest) = export.prefix.strip(path) else { continue };
        let found = match &export.source {
            Source::File(file) if rest.is_empty() => of_file(file, hidden, path, may_wait)?,
            Source::File(_) => continue,
            Source::Dir(dir) => of_dir(dir, hidden, rest, request, may_wait)?,
            Source::Embedded(files) => {
                let name = Name::parse(rest).filter(|name| !name.is_directory);
                match name {
                    Some(name) if hidden.has(&name) => Some(Asked::NotOurs),
                    Some(name) => name.as_str().and_then(|name| files.get(name)).map(|file| {
                        let source = HitSource::Embedded(file);
                        Asked::File(Hit { name, coding: None, varies: false, source })
                    }),
                    None => None,
                }
            }
        };
        if let Some(asked) = found {
            return Ok(asked);
        }
    }
    Ok(Asked::NotOurs)
}

/// The file of a file export. The operator named it, so any link leads to it.
fn of_file(
    file: &File,
    hidden: &Hidden,
    path: &str,
    may_wait: bool,
) -> Result<Option<Asked>, WouldWait> {
    let names = [Name::parse(path), Some(file.name.clone())];
    if names.iter().flatten().any(|name| hidden.has(name)) {
        return Ok(Some(Asked::NotOurs));
    }
    let Some(root) = file.place.root(may_wait)? else { return Ok(None) };
    let found = root.look_up(&file.name, Symlinks::Any, may_wait)?;
    Ok(found.filter(|found| found.kind == Kind::File).map(|found| {
        let (name, stat, symlinks) = (file.name.clone(), found.stat, Symlinks::Any);
        let source = HitSource::Disk(OnDisk {
            root,
            symlinks,
            name: name.clone(),
            stat,
            admits_dotfiles: true,
        });
        Asked::File(Hit { name, coding: None, varies: false, source })
    }))
}

/// A file of a directory.
fn of_dir(
    dir: &Dir,
    hidden: &Hidden,
    rest: &str,
    request: &request::Parts,
    may_wait: bool,
) -> Result<Option<Asked>, WouldWait> {
    let Some(mut name) = Name::parse(rest) else { return Ok(None) };
    if hidden.has(&name) {
        return Ok(Some(Asked::NotOurs));
    }
    if name.is_directory {
        match &dir.index {
            Some(index) if !rest.is_empty() => name = name.join(index),
            _ => return index_of(dir, hidden, &name, rest, request, may_wait),
        }
        if hidden.has(&name) {
            return Ok(Some(Asked::NotOurs));
        }
    }
    let Some(root) = dir.place.root(may_wait)? else { return Ok(None) };
    match visible(dir, hidden, &root, &name, may_wait)? {
        None => Ok(None),
        Some(found) if found.kind == Kind::File => {
            choose(dir, hidden, root, name, found.stat, request, may_wait).map(Some)
        }
        Some(_) => index_of(dir, hidden, &name, rest, request, may_wait),
    }
}

/// What is at a name, if both its names may be seen.
fn visible(
    dir: &Dir,
    hidden: &Hidden,
    root: &Root,
    name: &Name,
    may_wait: bool,
) -> Result<Option<Found>, WouldWait> {
    if dir.hides(name) {
        return Ok(None);
    }
    let found = root.look_up(name, dir.symlinks, may_wait)?;
    let is_visible = |real: &Name| !dir.hides(real) && !hidden.has(real);
    Ok(found.filter(|found| found.real.as_ref().is_none_or(is_visible)))
}

/// The redirect to the slash of a directory that has an index.
fn index_of(
    dir: &Dir,
    hidden: &Hidden,
    name: &Name,
    rest: &str,
    request: &request::Parts,
    may_wait: bool,
) -> Result<Option<Asked>, WouldWait> {
    let (Some(index), true) = (&dir.index, dir.redirect && !rest.ends_with('/')) else {
        return Ok(None);
    };
    let index = name.join(index);
    let Some(root) = dir.place.root(may_wait)? else { return Ok(None) };
    let found =
        visible(dir, hidden, &root, &index, may_wait)?.filter(|found| found.kind == Kind::File);
    Ok(found.and_then(|_| with_slash(request)).map(Asked::Redirect))
}

/// The path with a slash, as the client sees it.
fn with_slash(request: &request::Parts) -> Option<String> {
    let path = request.uri.path();
    if !is_own_path(path.as_bytes()) {
        return None;
    }
    let mut target = match request.extensions.get::<Resolved>() {
        Some(resolved) => resolved.external_path(path),
        None => format!("{}{path}", MountPath::entered(&request.extensions)),
    };
    target.push('/');
    if let Some(query) = request.uri.query() {
        target.push('?');
        target.push_str(query);
    }
    Some(target)
}

/// Rule 5.
fn choose(
    dir: &Dir,
    hidden: &Hidden,
    root: Arc<Root>,
    name: Name,
    stat: Stat,
    request: &request::Parts,
    may_wait: bool,
) -> Result<Asked, WouldWait> {
    let codings = if dir.precompressed { encoding::accepted(&request.headers) } else { Vec::new() };
    let mut chosen = None;
    for coding in codings {
        let compressed = name.with_suffix(coding.suffix);
        if hidden.has(&compressed) {
            continue;
        }
        let found = visible(dir, hidden, &root, &compressed, may_wait)?;
        let is_usable =
            |found: &Found| found.kind == Kind::File && found.stat.modified >= stat.modified;
        if let Some(found) = found.filter(is_usable) {
            chosen = Some((coding, compressed, found.stat));
            break;
        }
    }
    let symlinks = dir.symlinks;
    let (coding, file, stat) = match chosen {
        Some((coding, file, stat)) => (Some(coding), file, stat),
        None => (None, name.clone(), stat),
    };
    let admits_dotfiles = dir.dotfiles;
    let source = HitSource::Disk(OnDisk { root, symlinks, name: file, stat, admits_dotfiles });
    Ok(Asked::File(Hit { name, coding, varies: dir.precompressed, source }))
}
