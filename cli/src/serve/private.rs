//! Settings are not published: no file that has them lies in a directory that is exported.
//!
//! 1. It holds for every file and every export, whichever of the files that are mounted has it.
//! 2. Links are followed first. A path that does not exist exports nothing.
//! 3. Names that are hidden do not count: a pattern is soon changed.

use std::{fs, path::PathBuf};

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
                "the path \"{path}\" would publish the settings in {source}; export a directory that has only what may be public"
            )));
        }
    }
    Ok(())
}

fn collect<'a>(settings: &'a Settings, sources: &mut Vec<PathBuf>, folders: &mut Vec<&'a Folder>) {
    sources.extend(settings.source.as_ref().and_then(|source| fs::canonicalize(source).ok()));
    folders.extend(&settings.files);
    for mounted in &settings.mounts {
        collect(&mounted.settings, sources, folders);
    }
}
