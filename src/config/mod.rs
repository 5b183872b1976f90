//! What is trusted, and what happens without trust: [`Config`].
//!
//! 1. Every mistake is found when a configuration is built, never at a request.
//! 2. Trust starts empty: you must say who the proxies are, and which headers are believed.
//! 3. Only one header family is trusted. There is no fallback from one to the other, because the family
//!    that a proxy does not write passes through it as a stranger wrote it.
//! 4. The text form, the builder and the [environment](mod@env) say the same things; [`keys`] has each
//!    key once.
//! 5. If requests come in by several ways, the first way whose proxies include the peer decides. If none
//!    does, the last one decides. Nothing except the peer selects the way.

mod builder;
mod check;
mod env;
mod error;
mod hosts;
mod keys;
mod meant;
mod names;
mod plan;
mod proxies;
mod secret;
#[cfg(feature = "serde")]
mod serde;
mod settings;
mod text;
mod ways;

use std::{ffi::OsStr, sync::Arc};

#[cfg(feature = "tower")]
pub(crate) use self::settings::MAX_HOPS;
pub use self::{
    builder::ConfigBuilder, error::ConfigError, names::forwarding_headers,
    names::is_forwarding_header, proxies::TrustedProxies,
};
pub(crate) use self::{
    names::MOST_READ,
    plan::{ClientRule, Edge, Plan, Trusted},
    settings::{Names, PrefixRule, Reach, ScalarRule, Settings},
    ways::Way,
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
    /// The first element from the right that is not one of the proxies: it is the client.
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

/// What to do if none of the trusted headers is present, and who the client is if no header is
/// trusted to name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnMissing {
    /// The client is unknown, and the other values are our own.
    #[default]
    Unknown,
    /// The client is the peer, and the other values are our own. For development and trusted networks: a
    /// client who gets a proxy to drop the headers passes for that proxy.
    Peer,
    /// The request is rejected.
    Reject,
}

/// What to do if a trusted value is short, malformed or incomplete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnInvalid {
    /// The request is rejected.
    #[default]
    Reject,
    /// For each field: an unknown client; our own value for the others.
    Unknown,
    /// For each field: our own value, which for the client is the peer. A client who can spoil a value
    /// passes for the proxy, and for a client by `https` if our own connection speaks it.
    Peer,
}

/// What to do if a walk finds only trusted proxies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AllTrusted {
    /// The client is unknown: a proxy is never a client.
    #[default]
    Unknown,
    /// The client is the leftmost address. For traffic that starts inside the trusted networks. Their
    /// hosts can then claim each other's addresses.
    Leftmost,
    /// The request is rejected.
    Reject,
}

/// What happens to the [forwarding headers](crate#forwarding-headers).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderPolicy {
    /// A trusted header is reduced to its effective value; all others are removed.
    #[default]
    Canonical,
    /// All are removed, except for [`proxy-only`](crate::ConfigBuilder::proxy_only) headers of a trusted peer.
    Strip,
    /// None is touched, except for [`proxy-only`](crate::ConfigBuilder::proxy_only) headers of strangers and
    /// secrets. Code downstream that reads them reads what a stranger wrote.
    Keep,
}

/// What happens to the request's URI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UriPolicy {
    /// It gets the effective scheme and authority.
    #[default]
    Rewrite,
    /// It stays as it was. Its scheme and authority are the client's, and code that reads them
    /// reads what a stranger wrote.
    Keep,
}

/// A valid configuration. It is cheap to clone. Two are equal if the same was set.
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
pub struct Config(Arc<ways::Inner>);

impl Config {
    /// Starts a configuration that trusts nothing yet.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// Starts from this configuration. If there are several ways in, the builder changes the first.
    pub fn to_builder(&self) -> ConfigBuilder {
        ConfigBuilder::from_ways(self.all().map(|way| way.settings.clone()))
    }

    /// Adds another way in, for peers that are not among these proxies. A tunnel through a Unix socket, a
    /// CDN, and direct clients may all come in over one listener.
    ///
    /// The first way whose proxies include the peer decides. If no way does, the peer is a stranger,
    /// and the last way says what happens to the request. Forwarding headers of one way are removed from
    /// requests of another.
    ///
    /// # Errors
    /// [`ConfigError::UnreachableWay`] if no peer can reach the other way: after `proxies=any` or
    /// `proxies=none`, or if all its networks are in an earlier way's list.
    ///
    /// ```
    /// use proxyfix::Config;
    ///
    /// let tunnel: Config = "proxies=unix client-ip=CF-Connecting-IP".parse()?;
    /// let balancer: Config = "proxies=10.0.1.0/24 for=1 proto=1".parse()?;
    /// let config = tunnel.or(&balancer)?;
    ///
    /// let text = "proxies=unix client-ip=cf-connecting-ip ; proxies=10.0.1.0/24 for=1 proto=1";
    /// assert_eq!(config.to_string(), text);
    /// assert_eq!(text.parse::<Config>()?, config);
    /// # Ok::<(), proxyfix::ConfigError>(())
    /// ```
    pub fn or(&self, other: &Self) -> Result<Self, ConfigError> {
        self.to_builder().and(other.to_builder()).build()
    }

    /// The ways in, each as a configuration of its own.
    pub fn ways(&self) -> impl Iterator<Item = Self> + '_ {
        self.all().map(|way| Self::from_ways(vec![way.settings.clone()]))
    }

    /// Does what Werkzeug's `ProxyFix(app, x_for, x_proto, x_host, x_port, x_prefix)` does: any peer is
    /// believed, a missing or malformed value leaves our own, the headers stay, and `Connection` is
    /// ignored.
    ///
    /// It gives up parts of the security property: a client who gets a proxy to drop a header
    /// passes for the proxy, and untrusted headers stay readable. Prefer a list of proxies and
    /// the defaults. With all five counts 0 it trusts nothing, and is the only configuration whose text form
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
    /// each key from a variable of its own, in capitals and with `_` for `-`. With `PROXYFIX`, these are
    /// `PROXYFIX_PROXIES`, `PROXYFIX_FOR`, `PROXYFIX_ALL_TRUSTED` and so on.
    ///
    /// Kubernetes sets variables for each service. For a service called `proxyfix` they begin with
    /// `PROXYFIX_`. These are ignored: `PROXYFIX_SERVICE_HOST`; `PROXYFIX_SERVICE_PORT` and names that begin
    /// with it; `PROXYFIX_PORT` if its value is like `tcp://192.0.2.1:80`; and `PROXYFIX_PORT_80_TCP` and
    /// related names. Any other variable that begins with `PROXYFIX_` is an error.
    ///
    /// # Errors
    /// [`ConfigError::MissingVariable`] if none of these variables is set; match on it if that means a
    /// default for you. [`ConfigError::TwoForms`] for `PROXYFIX` beside `PROXYFIX_FOR`.
    /// [`ConfigError::UnknownVariable`] for `PROXYFIX_FRO` and `proxyfix_for`.
    /// [`ConfigError::RepeatedVariable`] and [`ConfigError::NotUnicode`]. [`ConfigError::Variable`] with the
    /// error that the text form would give.
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

    /// Reads the configuration from pairs of variable and value, in the same way as
    /// [`from_env`](Self::from_env). For a file of variables, and for tests.
    ///
    /// # Errors
    /// Those of [`from_env`](Self::from_env).
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

    /// Trusts nothing, and rejects no request because of a forwarding header. For use where no configuration
    /// is set.
    #[cfg(feature = "tower")]
    pub(crate) fn nothing(listener: Scheme) -> Self {
        Self::werkzeug(0, 0, 0, 0, 0).to_builder().listener_scheme(listener).finish()
    }
}
