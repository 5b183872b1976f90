//! What is trusted, and what happens where nothing is: [`Config`].
//!
//! 1. Everything that can be wrong is found when a configuration is built, never at a request.
//! 2. Trust starts empty: who the proxies are must be said, and each header that is believed.
//! 3. One header family is trusted; there is no fallback from one to the other, for the family
//!    that a proxy does not write passes through it as a stranger wrote it.
//! 4. The text form, the builder and the [environment](mod@env) say the same things; [`keys`] has each
//!    key once.

mod builder;
mod env;
mod error;
mod hosts;
mod keys;
mod meant;
mod names;
mod plan;
mod proxies;
#[cfg(feature = "serde")]
mod serde;
mod settings;

use std::{ffi::OsStr, fmt, str::FromStr, sync::Arc};

#[cfg(feature = "tower")]
pub(crate) use self::settings::MAX_HOPS;
pub use self::{builder::ConfigBuilder, error::ConfigError, proxies::TrustedProxies};
pub(crate) use self::{
    names::MOST_READ,
    plan::{ClientRule, Plan, Trusted},
    settings::{Names, PrefixRule, Reach, ScalarRule, Settings},
};
#[cfg(feature = "tower")]
use crate::scheme::Scheme;

/// How far into a header's list a value is believed.
///
/// A count is the number of proxies that append to the list: with 1, the last element is
/// believed. It converts from `usize`.
///
/// ```
/// use proxyfix::Trust;
///
/// assert_eq!(Trust::from(1), Trust::Count(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trust {
    /// The *n*th element from the right; 0 trusts nothing.
    Count(usize),
    /// Leftwards while the element is one of the proxies; the first that is not is the client.
    /// For the headers that name the client.
    Walk,
    /// The element at the client's own distance from the right. For the other headers.
    Aligned,
}

impl From<usize> for Trust {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

/// What follows where none of the trusted headers is there; and who the client is where no header is
/// trusted to name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnMissing {
    /// The client is unknown, the rest is our own.
    #[default]
    Unknown,
    /// The client is the peer, the rest is our own. For development and trusted networks: a
    /// client who gets a proxy to drop the headers passes for that proxy.
    Peer,
    /// The request is rejected.
    Reject,
}

/// What follows where a trusted value is short, malformed or incomplete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnInvalid {
    /// The request is rejected.
    #[default]
    Reject,
    /// Per field: an unknown client, our own value elsewhere.
    Unknown,
    /// Per field: our own value, which for the client is the peer. A client who can spoil a value
    /// passes for the proxy.
    Peer,
}

/// What follows where a walk finds only trusted proxies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AllTrusted {
    /// The client is unknown: a proxy is never a client.
    #[default]
    Unknown,
    /// The client is the leftmost address. For traffic that starts inside the trusted networks,
    /// whose hosts may then name each other.
    Leftmost,
    /// The request is rejected.
    Reject,
}

/// What becomes of the [forwarding headers](crate#forwarding-headers).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderPolicy {
    /// A trusted header is reduced to its effective value; all others are removed.
    #[default]
    Canonical,
    /// All are removed.
    Strip,
    /// None is touched. What reads them downstream reads what a stranger wrote.
    Keep,
}

/// What becomes of the request's URI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UriPolicy {
    /// It gets the effective scheme and authority.
    #[default]
    Rewrite,
    /// It is left as it was: scheme and authority in it are the client's, and what reads them there
    /// reads what a stranger wrote.
    Keep,
}

/// A valid configuration: cheap to clone, equal where the same was set.
///
/// ```
/// use proxyfix::Config;
///
/// let text: Config = "proxies=10.0.0.0/8,loopback for=1 proto=1 host=1".parse()?;
/// let typed = Config::builder()
///     .proxies("10.0.0.0/8, loopback".parse()?)
///     .x_for(1)
///     .x_proto(1)
///     .x_host(1)
///     .build()?;
/// assert_eq!(text, typed);
/// assert_eq!(text.to_string().parse::<Config>()?, text);
/// # Ok::<(), proxyfix::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Config(Arc<Inner>);

struct Inner {
    settings: Settings,
    plan: Plan,
}

impl Config {
    /// Starts a configuration that trusts nothing yet.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// Starts from this configuration.
    pub fn to_builder(&self) -> ConfigBuilder {
        ConfigBuilder::from(self.settings().clone())
    }

    /// What Werkzeug's `ProxyFix(app, x_for, x_proto, x_host, x_port, x_prefix)` does: any peer is
    /// believed, a missing or malformed value leaves our own, the headers stay, `Connection` is
    /// not looked at.
    ///
    /// It gives parts of the security property up: a client who gets a proxy to drop a header
    /// passes for the proxy, and untrusted headers stay readable. Prefer a list of proxies and
    /// the defaults. All five 0 trusts nothing, and is the one configuration whose text form
    /// cannot be read back.
    ///
    /// ```
    /// use proxyfix::Config;
    ///
    /// let config = Config::werkzeug(1, 1, 0, 0, 0);
    /// assert_eq!(
    ///     config.to_string(),
    ///     "proxies=any for=1 proto=1 missing=peer invalid=peer headers=keep connection=ignore",
    /// );
    /// ```
    pub fn werkzeug(
        x_for: usize,
        x_proto: usize,
        x_host: usize,
        x_port: usize,
        x_prefix: usize,
    ) -> Self {
        Self::builder()
            .proxies(TrustedProxies::any())
            .x_for(x_for)
            .x_proto(x_proto)
            .x_host(x_host)
            .x_port(x_port)
            .x_prefix(x_prefix)
            .on_missing(OnMissing::Peer)
            .on_invalid(OnInvalid::Peer)
            .headers(HeaderPolicy::Keep)
            .ignore_connection()
            .finish()
    }

    /// Reads the configuration from the environment: the text form from the variable `name`, or
    /// each key from a variable of its own, in capitals and with `_` for `-`: with `PROXYFIX`,
    /// from `PROXYFIX_PROXIES`, `PROXYFIX_FOR`, `PROXYFIX_ALL_TRUSTED`.
    ///
    /// Kubernetes sets variables for each service, and for one called `proxyfix` they begin with
    /// `PROXYFIX_`. They are ignored: `PROXYFIX_SERVICE_HOST`, `PROXYFIX_SERVICE_PORT` and what begins with
    /// it, `PROXYFIX_PORT` if its value is like `tcp://192.0.2.1:80`, and `PROXYFIX_PORT_80_TCP` with its
    /// relatives. Any other variable that begins with `PROXYFIX_` is an error.
    ///
    /// # Errors
    /// [`ConfigError::MissingVariable`] where there is none of these variables, to match on where
    /// that means a default; [`ConfigError::TwoForms`] for `PROXYFIX` beside `PROXYFIX_FOR`;
    /// [`ConfigError::UnknownVariable`] for `PROXYFIX_FRO` and `proxyfix_for`;
    /// [`ConfigError::RepeatedVariable`]; [`ConfigError::NotUnicode`]; and [`ConfigError::Variable`] with
    /// what the text form would say.
    ///
    /// ```
    /// use proxyfix::{Config, ConfigError};
    ///
    /// let config = match Config::from_env("MY_APP_PROXY") {
    ///     // On a developer's machine: no proxy.
    ///     Err(ConfigError::MissingVariable { .. }) => "proxies=none for=1".parse()?,
    ///     config => config?,
    /// };
    /// # assert_eq!(config.to_string(), "proxies=none for=1");
    /// # Ok::<(), ConfigError>(())
    /// ```
    pub fn from_env(name: &str) -> Result<Self, ConfigError> {
        Self::from_vars(name, std::env::vars_os())
    }

    /// Reads the configuration from pairs of variable and value, as [`from_env`](Self::from_env)
    /// does from the environment: for a file of variables, and for tests.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    ///
    /// ```
    /// use proxyfix::Config;
    ///
    /// let variables = [("PROXYFIX_PROXIES", "10.0.0.0/8"), ("PROXYFIX_FOR", "1"), ("HOME", "/")];
    /// let config = Config::from_vars("PROXYFIX", variables)?;
    /// assert_eq!(config, "proxies=10.0.0.0/8 for=1".parse()?);
    /// # Ok::<(), proxyfix::ConfigError>(())
    /// ```
    pub fn from_vars<K, V>(
        name: &str,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        env::read(name, variables)
    }

    /// Trusts nothing and rejects for no header: what is there without any configuration.
    #[cfg(feature = "tower")]
    pub(crate) fn nothing(listener: Scheme) -> Self {
        Self::werkzeug(0, 0, 0, 0, 0).to_builder().listener_scheme(listener).finish()
    }

    fn from_settings(settings: Settings) -> Self {
        let plan = Plan::new(&settings);
        Self(Arc::new(Inner { settings, plan }))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.0.plan
    }
}

impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.settings() == other.settings()
    }
}

impl Eq for Config {}

impl FromStr for Config {
    type Err = ConfigError;

    /// Reads the text form: `key=value` words separated by white space.
    ///
    /// # Errors
    /// [`ConfigError`] for `""` (no proxies), `for=1` (no proxies), `proxies=any` (no header),
    /// `proxies=any for=walk`, `proxies=loopback, unix for=1` (a space in a list), `proxies=loopback;for=1`, and whatever
    /// else cannot mean anything; its text says what to write.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut pairs = Vec::new();
        for word in text.split_whitespace() {
            let pair = meant::pair(word);
            let pair = pair.ok_or_else(|| ConfigError::NotKeyValue { word: meant::shown(word) })?;
            // At once: if the key is a misspelt `secret`, the words behind it may be the rest of one.
            pairs.push((keys::known(pair.0)?, pair.1));
        }
        keys::read(pairs)
    }
}

/// Prints the text form, without what is default.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (key, value) in keys::write(self.settings()) {
            write!(f, "{separator}{key}={value}")?;
            separator = " ";
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config({self})")
    }
}
