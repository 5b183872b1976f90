//! `--mount` and `[[mount]]`: the settings of another file, under a prefix.
//!
//! 1. What holds for the whole server (`bind`, `trust`, `access-log`) is not for a file that is mounted.
//! 2. A file that mounts itself is an error, and so are mounts that are more than [`DEEPEST`] deep. What is wrong within a
//!    mount is told with the places of all mounts around it.
//! 3. Mounts come before targets, and after files.

use std::path::{Path, PathBuf};

use super::{
    file,
    keys::Keys,
    settings::{Place, Settings},
};
use crate::{escape, status::Failure};

/// The keys of `[[mount]]`.
pub(super) const MOUNT: [&str; 2] = ["prefix", "config"];

/// More than any site needs.
const DEEPEST: usize = 8;

/// A prefix, and the settings under it.
#[derive(Debug)]
pub(super) struct Mounted {
    pub(super) prefix: String,
    pub(super) settings: Settings,
    pub(super) place: Place,
}

impl Mounted {
    /// Reads `--mount PREFIX=FILE`.
    pub(super) fn argument(text: &str) -> Result<Self, Failure> {
        let Some((prefix, path)) = text.split_once('=') else {
            return Err(Failure::Usage(format!(
                "--mount {}: expected a prefix and a file, such as /admin=admin.toml",
                escape::text(text.as_bytes())
            )));
        };
        let shown = escape::text(text.as_bytes());
        if ["http://", "https://", "unix:"].iter().any(|scheme| path.starts_with(scheme)) {
            return Err(Failure::Usage(format!(
                "--mount {shown}: a mount has a TOML file; for a server write --proxy {shown}"
            )));
        }
        let place = Place::argument(&format!("--mount {shown}"));
        Self::read(prefix.to_owned(), Path::new(path), &[PathBuf::new()], place)
    }

    /// Reads a `[[mount]]`. `within` are the files in which it is.
    pub(super) fn table(keys: &mut Keys<'_, '_>, within: &[PathBuf]) -> Result<Self, Failure> {
        let place = keys.place();
        let missing = |key: &str, example: &str| {
            place.refuse(&format!("this [[mount]] has no {key}; write {key} = {example:?}"))
        };
        let prefix = keys.text("prefix", "/admin")?.map(|prefix| prefix.value);
        let prefix = prefix.ok_or_else(|| missing("prefix", "/admin"))?;
        let path = keys.path("config", "admin.toml")?;
        let path = path.ok_or_else(|| missing("config", "admin.toml"))?;
        if within.len() > DEEPEST {
            return Err(place.refuse(&format!("more than {DEEPEST} files mount each other")));
        }
        Self::read(prefix, &path, within, place)
    }

    fn read(
        prefix: String,
        path: &Path,
        within: &[PathBuf],
        place: Place,
    ) -> Result<Self, Failure> {
        let settings = file::read(path, within).map_err(|failure| place.around(failure))?;
        Ok(Self { prefix, settings, place })
    }
}
