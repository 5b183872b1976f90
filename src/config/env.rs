//! A configuration from environment variables.
//!
//! 1. One variable holds the whole text form, or each key has a variable of its own: `NAME`, or
//!    `NAME_KEY` in capitals with `_` for `-`. Both at once is an error.
//! 2. What else begins with `NAME_` is an error: a key that is misspelt must not be overlooked.
//! 3. A value that is not Unicode is an error. An empty one is a value like any other.

use std::ffi::OsStr;

use super::{Config, ConfigError, keys, meant};

/// Reads pairs of variable and value.
pub(super) fn read<K, V>(
    name: &str,
    variables: impl IntoIterator<Item = (K, V)>,
) -> Result<Config, ConfigError>
where
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    let mut whole: Option<String> = None;
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for (found, value) in variables {
        // What is not Unicode becomes a character that no variable of ours has.
        let found = found.as_ref().to_string_lossy();
        let text = || {
            let text = value.as_ref().to_str().map(str::to_owned);
            text.ok_or_else(|| ConfigError::NotUnicode { name: found.clone().into_owned() })
        };
        if found == name {
            whole = Some(text()?);
        } else if found.strip_prefix(name).is_some_and(|rest| rest.starts_with('_')) {
            let key = keys::names().find(|key| variable(name, key) == found);
            let key = key.ok_or_else(|| unknown(name, &found))?;
            pairs.push((key, text()?));
        }
    }
    let refused = |name, error, note| ConfigError::Variable { name, error: Box::new(error), note };
    match (whole, pairs.first()) {
        (None, None) => Err(ConfigError::MissingVariable { name: name.to_owned() }),
        (Some(_), Some((key, _))) => {
            let other = variable(name, key);
            Err(ConfigError::TwoForms { name: name.to_owned(), other })
        }
        (Some(text), None) => text.parse().map_err(|error| refused(name.to_owned(), error, "")),
        (None, Some(_)) => keys::read(pairs.iter().map(|(key, value)| (*key, value.as_str())))
            .map_err(|error| {
                refused(variable(name, error.key().unwrap_or("*")), error, OF_ITS_OWN)
            }),
    }
}

/// Added to errors that speak of `key=`.
const OF_ITS_OWN: &str = " (here each key is a variable of its own)";

/// The variable of a key.
fn variable(name: &str, key: &str) -> String {
    format!("{name}_{}", key.to_ascii_uppercase().replace('-', "_"))
}

fn unknown(name: &str, found: &str) -> ConfigError {
    let key = found.get(name.len().saturating_add(1)..).unwrap_or_default();
    let variables = |keys: Vec<&str>| keys.iter().map(|key| variable(name, key)).collect();
    let known: Vec<_> = keys::names().collect();
    let meant: Vec<_> = variables(meant::keys(key, &known));
    let instead = if meant.is_empty() {
        let all: Vec<_> = variables(known);
        format!("expected one of {name}, {}", all.join(", "))
    } else {
        format!("did you mean {}?", meant.join(" or "))
    };
    ConfigError::UnknownVariable { name: found.to_owned(), instead }
}
