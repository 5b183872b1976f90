//! Settings are not published: no file that has them lies in a directory that is exported.
//!
//! 1. It holds for every file and every export, whichever of the files that are mounted has it.
//! 2. Links are followed first. A path that does not exist exports nothing.
//! 3. Names that are hidden do not count: a pattern is soon changed.
//! 4. The same holds for the authority of the forward proxy, whose private key would make every website somebody's. Its file
//!    may be made later.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{files::Folder, settings::Settings};
use crate::{escape, status::Failure};

/// Refuses an export that has a file of settings in it.
pub(super) fn check(settings: &Settings) -> Result<(), Failure> {
    let (mut sources, mut folders) = (Vec::new(), Vec::new());
    collect(settings, &mut sources, &mut folders);
    for folder in folders {
        let Ok(exported) = fs::canonicalize(&folder.path) else { continue };
        let inside = sources.iter().find(|source| source.starts_with(&exported));
        if let Some(source) = inside {
            let shown = |path: &PathBuf| escape::text(path.as_os_str().as_encoded_bytes());
            let (path, source) = (shown(&folder.path), shown(source));
            return Err(folder.place.refuse(&format!(
                "the path \"{path}\" would publish {source}, which is not for strangers; export a directory that has only what may be public"
            )));
        }
    }
    Ok(())
}

fn collect<'a>(settings: &'a Settings, sources: &mut Vec<PathBuf>, folders: &mut Vec<&'a Folder>) {
    sources.extend(settings.source.as_ref().and_then(|source| fs::canonicalize(source).ok()));
    sources.extend(settings.forward.as_ref().map(|forward| place(&forward.authority)));
    folders.extend(&settings.files);
    for mounted in &settings.mounts {
        collect(&mounted.settings, sources, folders);
    }
}

/// Where a file is, or will be.
fn place(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for above in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (fs::canonicalize(above), path.strip_prefix(above)) {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path
}
