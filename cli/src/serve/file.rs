//! The file of `--config`, in TOML.
//!
//! 1. Its keys are the arguments without the dashes. A key that is unknown is an error.
//! 2. An error names the file and the line.

use std::{fs, path::Path};

use serde::Deserialize;

use super::settings::{
    AccessLog, Bind, FamilyChoice, Route, RouteOptions, SchemeChoice, Settings, Transparent,
};
use crate::{escape, status::Failure};

/// The longest file that is read, in bytes: more than any table needs.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    bind: Option<String>,
    trust: Option<String>,
    family: FamilyChoice,
    listener: SchemeChoice,
    pseudonym: Option<String>,
    access_log: AccessLog,
    proxy: Vec<Table>,
    transparent: Option<Transparent>,
}

/// `[[proxy]]`. The fields of the options stand beside these: flattening would hide unknown keys.
#[derive(Debug, Deserialize)]
struct Table(toml::Table);

impl Table {
    fn into_route(mut self) -> Result<Route, String> {
        let mut text = |key: &str, example: &str| match self.0.remove(key) {
            Some(toml::Value::String(text)) => Ok(text),
            Some(_) => Err(format!("{key} is no text; write {key} = {example:?}")),
            None => Err(format!("a [[proxy]] has no {key}; write {key} = {example:?}")),
        };
        let prefix = text("prefix", "/api")?;
        let url = text("url", "http://127.0.0.1:5001/")?;
        let options = RouteOptions::deserialize(self.0)
            .map_err(|error| format!("the [[proxy]] of {prefix:?}: {}", error.message()))?;
        Ok(Route { prefix, url, options })
    }
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Settings, Failure> {
    let name = escape::text(path.as_os_str().as_encoded_bytes());
    let failed = |text: &dyn std::fmt::Display| {
        Failure::Usage(format!("{name}: {}", escape::lines(text.to_string().trim_end())))
    };
    let size = fs::metadata(path).map_err(|error| failed(&error))?.len();
    if size > LONGEST {
        return Err(failed(&format!("{size} bytes are more than a table of targets needs")));
    }
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let file: File = toml::from_str(&text).map_err(|error| failed(&error))?;
    let bind = file.bind.map(|bind| bind.parse::<Bind>()).transpose();
    let bind = bind.map_err(|error| failed(&format!("bind: {error}")))?;
    let routes: Result<Vec<_>, _> = file.proxy.into_iter().map(Table::into_route).collect();
    Ok(Settings {
        bind: bind.unwrap_or_default(),
        trust: file.trust,
        family: file.family.into(),
        listener: file.listener.into(),
        pseudonym: file.pseudonym,
        access_log: file.access_log,
        routes: routes.map_err(|error| failed(&error))?,
        transparent: file.transparent,
    })
}
