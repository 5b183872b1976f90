//! Where the configuration comes from: the argument `--config` or the environment.
//!
//! 1. It is read as the library reads it. No message repeats a secret.
//! 2. [`SECRET`](settings::SECRET) replaces its secrets, except when `explain` compares with them.

use clap::Args;
use proxyfix::{Config, ConfigError};

use crate::{escape, settings, status::Failure};

/// The configuration that every subcommand takes.
#[derive(Args, Debug)]
pub(crate) struct ConfigArgument {
    /// The configuration in its text form; by default that of the environment, in PROXYFIX or in a
    /// variable for each key
    #[arg(long = "config", short = 'c', value_name = "CONFIG")]
    given: Option<String>,
}

/// The variable with the configuration, if `--config` is absent.
const VARIABLE: &str = "PROXYFIX";

impl ConfigArgument {
    /// The configuration, from the argument or the environment.
    pub(crate) fn read(&self) -> Result<ConfigText, Failure> {
        // clap does not parse this value: its error repeats an invalid value, which may contain a secret.
        if let Some(text) = &self.given {
            let config = settings::with_secret(text).map_err(|error| refused(&error))?;
            return Ok(ConfigText { text: text.clone(), config });
        }
        let config = from_environment()?.to_string();
        let text = std::env::var(VARIABLE).unwrap_or_else(|_| config.clone());
        let config = settings::with_secret(&config).map_err(|error| refused(&error))?;
        Ok(ConfigText { text, config })
    }

    /// The same configuration with its true secrets; `None` if it needs one and none is known. The secrets are
    /// read from the environment, even if the configuration is an argument.
    pub(crate) fn with_secrets(&self) -> Result<Option<Config>, Failure> {
        let Some(text) = &self.given else { return from_environment().map(Some) };
        with_secrets(text, "--config")
    }
}

/// A configuration with its true secrets, from the environment; `None` if it needs one and none is known.
/// Messages name what has its text.
pub(crate) fn with_secrets(text: &str, what: &str) -> Result<Option<Config>, Failure> {
    let refused = |error: &ConfigError| Failure::Usage(escape::lines(&format!("{what}: {error}")));
    match text.parse::<Config>() {
        Err(ConfigError::MissingSecret { .. }) => {}
        parsed => return parsed.map(Some).map_err(|error| refused(&error)),
    }
    let variable = |name: &str| Some((name.to_owned(), std::env::var_os(name)?));
    let secrets: Vec<_> = SECRETS.into_iter().filter_map(variable).collect();
    if secrets.is_empty() {
        return Ok(None);
    }
    let variables = [(VARIABLE.to_owned(), text.into())].into_iter().chain(secrets);
    Config::from_vars(VARIABLE, variables).map(Some).map_err(|error| match error {
        ConfigError::Variable { error, .. } => refused(&error),
        error => Failure::Usage(escape::lines(&error.to_string())),
    })
}

/// The variables from which the library reads secrets.
const SECRETS: [&str; 2] = ["PROXYFIX_SECRET", "PROXYFIX_SECRET_FILE"];

fn from_environment() -> Result<Config, Failure> {
    Config::from_env(VARIABLE).map_err(|error| {
        let missing = matches!(error, ConfigError::MissingVariable { .. });
        let argument = if missing { "no --config, and " } else { "" };
        Failure::Usage(escape::lines(&format!("{argument}{error}")))
    })
}

fn refused(error: &ConfigError) -> Failure {
    Failure::Usage(escape::lines(&format!("--config: {error}")))
}

/// A configuration with [`SECRET`](settings::SECRET) instead of its secrets, and the text that was written.
#[derive(Clone, Debug)]
pub(crate) struct ConfigText {
    pub(crate) text: String,
    pub(crate) config: Config,
}
