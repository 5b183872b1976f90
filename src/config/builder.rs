//! The typed form of a configuration.

use http::HeaderName;

use super::{
    AllTrusted, Config, ConfigError, HeaderPolicy, OnInvalid, OnMissing, PrefixRule, Reach,
    ScalarRule, Trust, TrustedProxies, UriPolicy, check::check_ways, hosts::HostPattern, meant,
    names, secret::Secrets, settings::Settings,
};
use crate::scheme::Scheme;

/// Builds a [`Config`]. The first mistake is kept and reported by [`build`](Self::build).
///
/// Each method has a key of the text form, named in its documentation.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ConfigBuilder {
    settings: Settings,
    /// The ways in after this one.
    more: Vec<Settings>,
    /// For each way in that has a header for them.
    secrets: Secrets,
    error: Option<ConfigError>,
}

impl ConfigBuilder {
    /// Starts from several ways in. The builder changes the first of them.
    pub(super) fn from_ways(mut ways: impl Iterator<Item = Settings>) -> Self {
        let settings = ways.next().unwrap_or_default();
        Self { settings, more: ways.collect(), ..Self::default() }
    }

    /// Adds the ways in of another builder after these.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.more.push(other.settings);
        self.more.extend(other.more);
        self.secrets.extend(&other.secrets);
        self.error = self.error.or(other.error);
        self
    }

    fn try_set<T>(
        mut self,
        value: Result<T, ConfigError>,
        set: impl FnOnce(&mut Settings, T),
    ) -> Self {
        match value {
            Ok(value) => set(&mut self.settings, value),
            Err(error) => self.error = self.error.or(Some(error)),
        }
        self
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self
    }

    /// `proxies=`: who may speak for the client. Required.
    pub fn proxies(self, proxies: TrustedProxies) -> Self {
        self.set(|s| s.proxies = Some(proxies))
    }

    /// `secret-header=NAME`: one of `proxies` is believed only if it sends one of the
    /// [secrets](Self::secret) in this header. The header is always removed.
    pub fn secret_header(self, name: impl AsRef<str>) -> Self {
        self.try_set(header("secret-header", name.as_ref()), |s, name| s.secret_header = Some(name))
    }

    /// Adds a secret that the proxy may send in its [header](Self::secret_header). Set two while one
    /// replaces the other. A secret has no text form, and nothing prints it: read it from the
    /// environment ([`Config::from_env`]) or from a file. It has at least 16 bytes: use 128 random bits, such as a UUID.
    pub fn secret(mut self, secret: impl AsRef<str>) -> Self {
        if let Err(error) = self.secrets.add(secret.as_ref()) {
            self.error = self.error.or(Some(error));
        }
        self
    }

    /// Adds secrets that were checked.
    pub(super) fn secrets(mut self, secrets: &Secrets) -> Self {
        self.secrets.extend(secrets);
        self
    }

    /// `for=N` or `for=walk`: believe `X-Forwarded-For`.
    pub fn x_for(self, trust: impl Into<Trust>) -> Self {
        self.try_set(reach("for", trust.into()), |s, reach| s.x_for = reach)
    }

    /// `proto=N` or `proto=aligned`: believe `X-Forwarded-Proto`. Beside
    /// [`forwarded`](Self::forwarded), the *n*th element of `Forwarded` names the scheme.
    pub fn x_proto(self, trust: impl Into<Trust>) -> Self {
        self.try_set(scalar("proto", trust.into()), |s, rule| s.x_proto = rule)
    }

    /// `host=N` or `host=aligned`: believe `X-Forwarded-Host`. Beside
    /// [`forwarded`](Self::forwarded), the *n*th element of `Forwarded` names the host.
    pub fn x_host(self, trust: impl Into<Trust>) -> Self {
        self.try_set(scalar("host", trust.into()), |s, rule| s.x_host = rule)
    }

    /// `port=N` or `port=aligned`: believe `X-Forwarded-Port`, which replaces the host's port.
    pub fn x_port(self, trust: impl Into<Trust>) -> Self {
        self.try_set(scalar("port", trust.into()), |s, rule| s.x_port = rule)
    }

    /// `prefix=N` or `prefix=aligned`: believe `X-Forwarded-Prefix`.
    pub fn x_prefix(self, trust: impl Into<Trust>) -> Self {
        self.try_set(scalar("prefix", trust.into()), |s, rule| {
            s.x_prefix = rule.map(PrefixRule::One);
        })
    }

    /// `prefix=join:N`: believe the last `count` elements of `X-Forwarded-Prefix`, joined,
    /// outermost first. For chains in which each proxy strips a prefix of its own.
    pub fn x_prefix_joined(self, count: usize) -> Self {
        self.set(|s| s.x_prefix = (count > 0).then_some(PrefixRule::Joined(count)))
    }

    /// `forwarded=N` or `forwarded=walk`: believe `Forwarded` (RFC 7239), instead of the
    /// X-Forwarded family.
    pub fn forwarded(self, trust: impl Into<Trust>) -> Self {
        self.try_set(reach("forwarded", trust.into()), |s, reach| s.forwarded = reach)
    }

    /// `forwarded-ipv6=bare`: read IPv6 without brackets in `Forwarded` as an address, because some gateways
    /// write it. By default it is malformed, because other proxies write a port after it.
    pub fn bare_forwarded_ipv6(self) -> Self {
        self.set(|s| s.bare_ipv6 = true)
    }

    /// `client-ip=NAME`: believe a header with a single address that the edge writes, such as
    /// `CF-Connecting-IP`. Use it instead of `for`, or together with `for` if there is an
    /// [`edge`](Self::edge).
    pub fn client_ip_header(self, name: impl AsRef<str>) -> Self {
        self.try_set(header("client-ip", name.as_ref()), |s, name| s.client_ip = Some(name))
    }

    /// `edge=LIST`: the networks of a CDN in front of our own proxies. If the address that
    /// [`x_for`](Self::x_for) or [`forwarded`](Self::forwarded) finds is one of these, the CDN has
    /// connected, and the header of [`client_ip_header`](Self::client_ip_header) says who the client is.
    /// Any other address has bypassed the CDN and is the client itself. The header is then a stranger's and
    /// is removed.
    ///
    /// Of the headers that only the CDN writes, this is the one that is removed. Do not list others of them
    /// in [`proxy_only`](Self::proxy_only), unless our own proxies remove them from requests past the CDN.
    pub fn edge(self, networks: TrustedProxies) -> Self {
        self.set(|s| s.edge = Some(networks))
    }

    /// `for-name=`: read this header instead of `X-Forwarded-For`.
    pub fn x_for_name(self, name: impl AsRef<str>) -> Self {
        self.try_set(header("for-name", name.as_ref()), |s, name| s.names.r#for = name)
    }

    /// `proto-name=`: read this header instead of `X-Forwarded-Proto`. In `X-Forwarded-Ssl`,
    /// `X-Forwarded-Https`, `X-Https`, `X-Proxied-Https` and `Front-End-Https`, `on` and `off` are read.
    pub fn x_proto_name(self, name: impl AsRef<str>) -> Self {
        self.try_set(header("proto-name", name.as_ref()), |s, name| s.names.proto = name)
    }

    /// `host-name=`: read this header instead of `X-Forwarded-Host`.
    pub fn x_host_name(self, name: impl AsRef<str>) -> Self {
        self.try_set(header("host-name", name.as_ref()), |s, name| s.names.host = name)
    }

    /// `port-name=`: read this header instead of `X-Forwarded-Port`.
    pub fn x_port_name(self, name: impl AsRef<str>) -> Self {
        self.try_set(header("port-name", name.as_ref()), |s, name| s.names.port = name)
    }

    /// `prefix-name=`: read this header instead of `X-Forwarded-Prefix`.
    pub fn x_prefix_name(self, name: impl AsRef<str>) -> Self {
        self.try_set(header("prefix-name", name.as_ref()), |s, name| s.names.prefix = name)
    }

    /// `hosts=`: the only hosts a request may have, no matter where its host comes from: `example.com`,
    /// `*.example.com`, `example.com:443` with one port, `example.com:*` with any. At least one. A second
    /// call replaces the list.
    pub fn allowed_hosts<I>(self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let patterns: Result<Vec<_>, _> =
            patterns.into_iter().map(|pattern| HostPattern::parse(pattern.as_ref())).collect();
        let some = |patterns: Vec<_>| {
            if patterns.is_empty() { Err(ConfigError::EmptyHosts) } else { Ok(patterns) }
        };
        self.try_set(patterns.and_then(some), |s, patterns| {
            s.hosts = patterns;
            s.hosts.sort();
            s.hosts.dedup();
        })
    }

    /// `listener=`: what our own socket speaks. Default: `http`.
    pub fn listener_scheme(self, scheme: Scheme) -> Self {
        self.set(|s| s.listener = scheme)
    }

    /// `missing=`: what to do if none of the trusted headers is present. Default: the client
    /// is unknown.
    pub fn on_missing(self, policy: OnMissing) -> Self {
        self.set(|s| s.missing = policy)
    }

    /// `invalid=`: what to do if a trusted value is short, malformed or incomplete. Default:
    /// the request is rejected.
    pub fn on_invalid(self, policy: OnInvalid) -> Self {
        self.set(|s| s.invalid = policy)
    }

    /// `all-trusted=`: what to do if a walk finds only trusted proxies. Default: the client
    /// is unknown.
    pub fn all_trusted(self, policy: AllTrusted) -> Self {
        self.set(|s| s.all_trusted = policy)
    }

    /// `verify=hops`: with a count, the elements nearer than the client's must be addresses of
    /// trusted proxies. This detects a count that is too high.
    pub fn verify_hops(self) -> Self {
        self.set(|s| s.verify_hops = true)
    }

    /// `headers=`: what happens to forwarding headers. Default: `canonical`.
    pub fn headers(self, policy: HeaderPolicy) -> Self {
        self.set(|s| s.headers = policy)
    }

    /// `uri=`: what happens to the request's URI. Default: `rewrite`.
    pub fn rewrite_uri(self, policy: UriPolicy) -> Self {
        self.set(|s| s.uri = policy)
    }

    /// `max-hops=`: the most trusted proxies that a walk passes, from 1. Default: 16.
    pub fn max_hops(self, hops: usize) -> Self {
        let hops =
            if hops > 0 { Ok(hops) } else { Err(invalid("max-hops", "0", "a number from 1")) };
        self.try_set(hops, |s, hops| s.max_hops = hops)
    }

    /// `strip-also=`: one more header to treat as a forwarding header that nobody trusts.
    pub fn strip_also(self, name: impl AsRef<str>) -> Self {
        self.try_set(header("strip-also", name.as_ref()), |s, name| insert(&mut s.strip_also, name))
    }

    /// `proxy-only=`: a header, such as `Remote-User`, that stays if a trusted peer sent it and is removed
    /// from anyone else. Every other spelling with `_` for `-` is always removed.
    pub fn proxy_only(self, name: impl AsRef<str>) -> Self {
        self.try_set(header("proxy-only", name.as_ref()), |s, name| insert(&mut s.proxy_only, name))
    }

    /// `exempt=`: a forwarding header to leave alone, in this spelling, although it is not trusted.
    /// Code downstream that reads it reads what a stranger wrote.
    pub fn exempt(self, name: impl AsRef<str>) -> Self {
        self.try_set(header("exempt", name.as_ref()), |s, name| insert(&mut s.exempt, name))
    }

    /// `connection=ignore`: do not reject a request whose `Connection` names a trusted header. A
    /// client can then make some proxies drop it.
    pub fn ignore_connection(self) -> Self {
        self.set(|s| s.ignore_connection = true)
    }

    /// `connection=check`, the default: reverts [`ignore_connection`](Self::ignore_connection).
    ///
    /// ```
    /// use proxyfix::{Config, TrustedProxies};
    ///
    /// let proxies: TrustedProxies = "loopback".parse()?;
    /// let config = Config::werkzeug(1, 1, 0, 0, 0).to_builder().proxies(proxies);
    /// let config = config.check_connection().build()?;
    /// assert!(!config.to_string().contains("connection=ignore"));
    /// # Ok::<(), proxyfix::ConfigError>(())
    /// ```
    pub fn check_connection(self) -> Self {
        self.set(|s| s.ignore_connection = false)
    }

    /// Checks all settings together and makes the configuration.
    ///
    /// # Errors
    /// [`ConfigError`] for the first value that was not valid, for a configuration without
    /// [`proxies`](Self::proxies), and for settings that contradict each other.
    pub fn build(self) -> Result<Config, ConfigError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut ways: Vec<_> = [self.settings].into_iter().chain(self.more).collect();
        if !self.secrets.is_empty() && ways.iter().all(|way| way.secret_header.is_none()) {
            return Err(ConfigError::SecretWithoutHeader);
        }
        for way in &mut ways {
            if way.secret_header.is_some() {
                way.secrets.extend(&self.secrets);
            }
            way.check()?;
        }
        check_ways(&ways)?;
        Ok(Config::from_ways(ways))
    }

    /// Makes the configuration of settings that cannot be wrong.
    pub(super) fn finish(self) -> Config {
        Config::from_ways(vec![self.settings])
    }
}

fn insert(names: &mut Vec<HeaderName>, name: HeaderName) {
    if let Err(at) = names.binary_search_by(|other| other.as_str().cmp(name.as_str())) {
        names.insert(at, name);
    }
}

pub(super) fn invalid(key: &'static str, value: &str, expected: &'static str) -> ConfigError {
    ConfigError::InvalidValue { key, value: meant::shown(value), expected }
}

/// The values that a key of trust takes.
pub(super) fn expected(key: &str) -> &'static str {
    match key {
        "for" | "forwarded" => "a count or walk",
        "prefix" => "a count, aligned, or join:N",
        _ => "a count or aligned",
    }
}

fn reach(key: &'static str, trust: Trust) -> Result<Option<Reach>, ConfigError> {
    match trust {
        Trust::Count(0) => Ok(None),
        Trust::Count(count) => Ok(Some(Reach::Count(count))),
        Trust::Walk => Ok(Some(Reach::Walk)),
        Trust::Aligned => Err(invalid(key, "aligned", expected(key))),
    }
}

fn scalar(key: &'static str, trust: Trust) -> Result<Option<ScalarRule>, ConfigError> {
    match trust {
        Trust::Count(0) => Ok(None),
        Trust::Count(count) => Ok(Some(ScalarRule::Count(count))),
        Trust::Aligned => Ok(Some(ScalarRule::Aligned)),
        Trust::Walk => Err(invalid(key, "walk", expected(key))),
    }
}

/// Reads the name of a header that may carry a forwarded value.
fn header(key: &'static str, text: &str) -> Result<HeaderName, ConfigError> {
    let name: Option<HeaderName> = text.parse().ok().filter(|_| !meant::is_no_header(key, text));
    let name = name
        .ok_or_else(|| ConfigError::InvalidHeaderName { key, text: meant::shown_of(key, text) })?;
    // `Forwarded` has a key of its own, but it may be exempt from removal.
    if names::is_reserved(&name) || (name == http::header::FORWARDED && key != "exempt") {
        return Err(ConfigError::ReservedHeader { key, name });
    }
    Ok(name)
}
