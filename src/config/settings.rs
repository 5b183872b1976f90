//! What was set, and what can be wrong between settings that are each valid.

use http::HeaderName;

use super::{
    AllTrusted, ConfigError, HeaderPolicy, OnInvalid, OnMissing, TrustedProxies, UriPolicy,
    hosts::HostPattern, names::same,
};
use crate::scheme::Scheme;

/// How the client is found in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Count(usize),
    Walk,
}

/// Which element of a list holds a scheme, host, port or prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarRule {
    Count(usize),
    Aligned,
}

/// Which elements hold the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrefixRule {
    One(ScalarRule),
    /// That many, outermost first.
    Joined(usize),
}

/// The names of the X-Forwarded family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) r#for: HeaderName,
    pub(crate) proto: HeaderName,
    pub(crate) host: HeaderName,
    pub(crate) port: HeaderName,
    pub(crate) prefix: HeaderName,
}

impl Names {
    pub(crate) fn all(&self) -> [&HeaderName; 5] {
        [&self.r#for, &self.proto, &self.host, &self.port, &self.prefix]
    }
}

impl Default for Names {
    fn default() -> Self {
        Self {
            r#for: HeaderName::from_static("x-forwarded-for"),
            proto: HeaderName::from_static("x-forwarded-proto"),
            host: HeaderName::from_static("x-forwarded-host"),
            port: HeaderName::from_static("x-forwarded-port"),
            prefix: HeaderName::from_static("x-forwarded-prefix"),
        }
    }
}

/// What was set, each value valid by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) proxies: Option<TrustedProxies>,
    pub(crate) x_for: Option<Reach>,
    pub(crate) x_proto: Option<ScalarRule>,
    pub(crate) x_host: Option<ScalarRule>,
    pub(crate) x_port: Option<ScalarRule>,
    pub(crate) x_prefix: Option<PrefixRule>,
    pub(crate) forwarded: Option<Reach>,
    pub(crate) client_ip: Option<HeaderName>,
    pub(crate) names: Names,
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) listener: Scheme,
    pub(crate) missing: OnMissing,
    pub(crate) invalid: OnInvalid,
    pub(crate) all_trusted: AllTrusted,
    pub(crate) verify_hops: bool,
    pub(crate) headers: HeaderPolicy,
    pub(crate) uri: UriPolicy,
    pub(crate) max_hops: usize,
    pub(crate) strip_also: Vec<HeaderName>,
    pub(crate) exempt: Vec<HeaderName>,
    pub(crate) ignore_connection: bool,
}

/// The default bound of a walk: four times the longest chain in common use (CDN, load balancer,
/// ingress, sidecar).
pub(crate) const MAX_HOPS: usize = 16;

impl Default for Settings {
    fn default() -> Self {
        Self {
            proxies: None,
            x_for: None,
            x_proto: None,
            x_host: None,
            x_port: None,
            x_prefix: None,
            forwarded: None,
            client_ip: None,
            names: Names::default(),
            hosts: Vec::new(),
            listener: Scheme::Http,
            missing: OnMissing::Unknown,
            invalid: OnInvalid::Reject,
            all_trusted: AllTrusted::Unknown,
            verify_hops: false,
            headers: HeaderPolicy::Canonical,
            uri: UriPolicy::Rewrite,
            max_hops: MAX_HOPS,
            strip_also: Vec::new(),
            exempt: Vec::new(),
            ignore_connection: false,
        }
    }
}

impl Settings {
    /// The trusted headers, each with its key.
    fn trusted(&self) -> impl Iterator<Item = (&'static str, &HeaderName)> {
        let names = &self.names;
        [
            self.x_for.is_some().then_some(("for", &names.r#for)),
            self.x_proto.is_some().then_some(("proto", &names.proto)),
            self.x_host.is_some().then_some(("host", &names.host)),
            self.x_port.is_some().then_some(("port", &names.port)),
            self.x_prefix.is_some().then_some(("prefix", &names.prefix)),
            self.client_ip.as_ref().map(|name| ("client-ip", name)),
            self.forwarded.is_some().then_some(("forwarded", &http::header::FORWARDED)),
        ]
        .into_iter()
        .flatten()
    }

    /// What is wrong between settings that are each valid.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let proxies = self.proxies.as_ref().ok_or(ConfigError::MissingProxies)?;
        let keys = || self.trusted().map(|(key, _)| key);
        if self.client_ip.is_some() {
            if let Some(other) = keys().find(|key| matches!(*key, "for" | "forwarded")) {
                return Err(ConfigError::ClientIpBeside { other });
            }
        }
        if self.forwarded.is_some() {
            if let Some(other) = keys().find(|key| *key != "forwarded") {
                return Err(ConfigError::TwoFamilies { other });
            }
        }
        if keys().next().is_none() {
            return Err(ConfigError::NothingTrusted);
        }
        if proxies.is_any() && [self.x_for, self.forwarded].contains(&Some(Reach::Walk)) {
            return Err(ConfigError::WalkWithAny);
        }
        let counts = |reach| matches!(reach, Some(Reach::Count(_)));
        if self.verify_hops && (proxies.is_any() || !(counts(self.x_for) || counts(self.forwarded)))
        {
            return Err(ConfigError::VerifyWithoutCount);
        }
        let prefix = match self.x_prefix {
            Some(PrefixRule::One(rule)) => Some(rule),
            Some(PrefixRule::Joined(_)) | None => None,
        };
        let scalars = [
            ("proto", self.x_proto),
            ("host", self.x_host),
            ("port", self.x_port),
            ("prefix", prefix),
        ];
        if self.x_for.is_none() {
            if let Some((key, _)) =
                scalars.iter().find(|(_, rule)| *rule == Some(ScalarRule::Aligned))
            {
                return Err(ConfigError::AlignedWithoutDistance { key });
            }
        }
        self.check_names()
    }

    /// What is wrong between the names of headers.
    fn check_names(&self) -> Result<(), ConfigError> {
        for (at, (first, name)) in self.trusted().enumerate() {
            let mut later = self.trusted().skip(at.saturating_add(1));
            if let Some((second, _)) = later.find(|(_, other)| same(name.as_str(), other.as_str()))
            {
                return Err(ConfigError::SharedHeader { name: name.clone(), first, second });
            }
            for (key, names) in [("exempt", &self.exempt), ("strip-also", &self.strip_also)] {
                if let Some(name) = names.iter().find(|n| same(n.as_str(), name.as_str())) {
                    return Err(ConfigError::TrustedBeside { key, name: name.clone() });
                }
            }
        }
        match self.exempt.iter().find(|name| self.strip_also.contains(name)) {
            Some(name) => Err(ConfigError::ExemptAndStripped { name: name.clone() }),
            None => Ok(()),
        }
    }
}
