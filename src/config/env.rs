//! A configuration from environment variables.
//!
//! 1. One variable holds the whole text form, or each key has a variable of its own: `NAME`, or
//!    `NAME_KEY` in capitals with `_` for `-`. Both at once is an error.
//! 2. Any other variable that begins with `NAME_` is an error: a misspelt key must not be overlooked. A
//!    variable of ours in another case, such as `name_for`, is an error too, and so is one that is given
//!    twice.
//! 3. The variables that Kubernetes sets for a service whose name begins like ours are ignored:
//!    `NAME_SERVICE_HOST`, `NAME_SERVICE_PORT`, `NAME_SERVICE_PORT_*`, `NAME_PORT` if its value is like
//!    `tcp://192.0.2.1:80`, `NAME_PORT_80_TCP` (or `UDP`, `SCTP`), and the same with `_PROTO`, `_PORT` or
//!    `_ADDR`. For a service `name-web`, `WEB_` comes before these.
//! 4. A value that is not Unicode is an error. An empty one is a value like any other.
//! 5. Secrets are in `NAME_SECRET`, separated by commas, or in the file that `NAME_SECRET_FILE` names,
//!    one on each line. Both go with either form. No error repeats a secret.

use std::{ffi::OsStr, fs::File, io::Read, iter};

use super::{Config, ConfigBuilder, ConfigError, keys, meant, secret::Secrets};

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
    let mut secrets = Secrets::default();
    let (mut has_secret, mut has_file) = (false, false);
    for (found, value) in variables {
        // Bytes that are not Unicode become a character that no variable of ours has.
        let found = found.as_ref().to_string_lossy();
        let text = || {
            let text = value.as_ref().to_str().map(str::to_owned);
            text.ok_or_else(|| ConfigError::NotUnicode { name: found.clone().into_owned() })
        };
        let twice = || ConfigError::RepeatedVariable { name: found.clone().into_owned() };
        let rest = found.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
        if found == name {
            if whole.replace(text()?).is_some() {
                return Err(twice());
            }
        } else if found == variable(name, SECRET) {
            if std::mem::replace(&mut has_secret, true) {
                return Err(twice());
            }
            add(&mut secrets, &found, text()?.split(','))?;
        } else if found == variable(name, SECRET_FILE) {
            if std::mem::replace(&mut has_file, true) {
                return Err(twice());
            }
            let unread = |reason| ConfigError::SecretFile { name: found.to_string(), reason };
            let file = read_file(&text()?).map_err(unread)?;
            let lines = file.lines().map(str::trim);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            add(&mut secrets, &found, lines)?;
        } else if let Some(rest) = rest {
            if is_of_a_service(rest, &value.as_ref().to_string_lossy()) {
                continue;
            }
            let key = keys::names().find(|key| variable(name, key) == found);
            let key = key.ok_or_else(|| unknown(name, &found))?;
            if pairs.iter().any(|(other, _)| *other == key) {
                return Err(twice());
            }
            pairs.push((key, text()?));
        } else if let Some(ours) = in_another_case(name, &found) {
            let instead = format!("did you mean {ours}?");
            return Err(ConfigError::UnknownVariable { name: found.into_owned(), instead });
        }
    }
    let refused = |name, error, note| ConfigError::Variable { name, error: Box::new(error), note };
    match (whole, pairs.first()) {
        (None, None) => Err(ConfigError::MissingVariable { name: name.to_owned() }),
        (Some(_), Some((key, _))) => {
            let other = variable(name, key);
            Err(ConfigError::TwoForms { name: name.to_owned(), other })
        }
        (Some(text), None) => text
            .parse()
            .and_then(|builder| with_secrets(builder, &secrets, name))
            .map_err(|error| refused(name.to_owned(), error, "")),
        (None, Some(_)) => keys::read(pairs.iter().map(|(key, value)| (*key, value.as_str())))
            .and_then(|builder| with_secrets(builder, &secrets, name))
            .map_err(|error| {
                refused(variable(name, error.key().unwrap_or("*")), error, OF_ITS_OWN)
            }),
    }
}

/// The "key" of the variables with secrets.
const SECRET: &str = "secret";
const SECRET_FILE: &str = "secret-file";

/// The longest file of secrets, in bytes: room for a thousand. A device that never ends is longer.
const LONGEST_FILE: u64 = 64 * 1024;

/// Reads a file with secrets.
fn read_file(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut start = file.take(LONGEST_FILE.saturating_add(1));
    start.read_to_string(&mut text).map_err(|error| error.to_string())?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= LONGEST_FILE) {
        Ok(text)
    } else {
        Err(format!("it is longer than {LONGEST_FILE} bytes"))
    }
}

/// Adds secrets that a variable holds or names.
fn add<'a>(
    secrets: &mut Secrets,
    variable: &str,
    more: impl Iterator<Item = &'a str>,
) -> Result<(), ConfigError> {
    for secret in more {
        secrets.add(secret.trim()).map_err(|error| ConfigError::Variable {
            name: variable.to_owned(),
            error: Box::new(error),
            note: "",
        })?;
    }
    Ok(())
}

/// Builds a configuration with these secrets, in variables that begin with this name.
fn with_secrets(
    builder: ConfigBuilder,
    secrets: &Secrets,
    name: &str,
) -> Result<Config, ConfigError> {
    builder.secrets(secrets).build().map_err(|error| {
        if let ConfigError::MissingSecret { name: header, .. } = error {
            ConfigError::MissingSecret { name: header, variable: name.to_owned() }
        } else {
            error
        }
    })
}

/// Added to errors that mention `key=`.
const OF_ITS_OWN: &str = " (here each key is a variable of its own)";

/// The variable of a key.
fn variable(name: &str, key: &str) -> String {
    format!("{name}_{}", key.to_ascii_uppercase().replace('-', "_"))
}

/// The variable of ours that differs from this one only in case.
fn in_another_case(name: &str, found: &str) -> Option<String> {
    let ours = keys::names().chain([SECRET, SECRET_FILE]).map(|key| variable(name, key));
    iter::once(name.to_owned()).chain(ours).find(|ours| ours.eq_ignore_ascii_case(found))
}

/// Whether Kubernetes sets such a variable for a service. `rest` follows `NAME_`.
/// <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>
fn is_of_a_service(rest: &str, value: &str) -> bool {
    let words: Vec<_> = rest.split('_').collect();
    let is_port = |number: &str, protocol: &str| {
        number.parse::<u16>().is_ok() && matches!(protocol, "TCP" | "UDP" | "SCTP")
    };
    match words.as_slice() {
        [.., "SERVICE", "HOST"] => true,
        [.., "PORT", number, protocol]
        | [.., "PORT", number, protocol, "PROTO" | "PORT" | "ADDR"]
            if is_port(number, protocol) =>
        {
            true
        }
        [.., "PORT"]
            if ["tcp://", "udp://", "sctp://"].iter().any(|url| value.starts_with(url)) =>
        {
            true
        }
        words => words.windows(2).any(|words| words == ["SERVICE", "PORT"]),
    }
}

fn unknown(name: &str, found: &str) -> ConfigError {
    let key = found.get(name.len().saturating_add(1)..).unwrap_or_default();
    let variables = |keys: Vec<&str>| keys.iter().map(|key| variable(name, key)).collect();
    let known: Vec<_> = keys::names().chain([SECRET, SECRET_FILE]).collect();
    let meant: Vec<_> = variables(meant::keys(key, &known));
    let instead = if meant.is_empty() {
        let all: Vec<_> = variables(known);
        format!("expected one of {name}, {}", all.join(", "))
    } else {
        format!("did you mean {}?", meant.join(" or "))
    };
    ConfigError::UnknownVariable { name: found.to_owned(), instead }
}
