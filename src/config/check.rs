//! Finds mistakes between settings that are each valid.
//!
//! 1. In one way in: keys that contradict each other, or that have no effect if that leaves a hole.
//! 2. Between several ways: one that no peer can reach, and a header that one way removes from
//!    strangers but another leaves to them.

use http::{HeaderName, header::FORWARDED};

use super::{
    ConfigError, Names, PrefixRule, Reach, ScalarRule, Settings, TrustedProxies, names::same,
};

impl Settings {
    /// The trusted headers, each with its key.
    fn trusted(&self) -> impl Iterator<Item = (&'static str, &HeaderName)> {
        let names = &self.names;
        // With `forwarded`, the counts of `proto` and `host` select elements of `Forwarded`.
        let own = self.forwarded.is_none();
        [
            self.x_for.is_some().then_some(("for", &names.r#for)),
            (own && self.x_proto.is_some()).then_some(("proto", &names.proto)),
            (own && self.x_host.is_some()).then_some(("host", &names.host)),
            self.x_port.is_some().then_some(("port", &names.port)),
            self.x_prefix.is_some().then_some(("prefix", &names.prefix)),
            self.client_ip.as_ref().map(|name| ("client-ip", name)),
            self.forwarded.is_some().then_some(("forwarded", &FORWARDED)),
        ]
        .into_iter()
        .flatten()
    }

    /// Checks one way in.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let proxies = self.proxies.as_ref().ok_or(ConfigError::MissingProxies)?;
        let keys = || self.trusted().map(|(key, _)| key);
        self.check_edge()?;
        if self.forwarded.is_some() {
            self.check_forwarded()?;
        }
        if keys().next().is_none() && *proxies != TrustedProxies::none() {
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
        if self.x_for.is_none() {
            if let Some(key) = self.aligned() {
                return Err(ConfigError::AlignedWithoutDistance { key });
            }
        }
        match (&self.secret_header, self.secrets.is_empty()) {
            (Some(name), true) => Err(ConfigError::missing_secret(name)),
            (None, false) => Err(ConfigError::SecretWithoutHeader),
            (Some(_), false) | (None, true) => self.check_names(),
        }
    }

    /// `client-ip` says who the client is, and so do `for` and `forwarded`. With an edge, both are needed.
    /// Without one, they contradict each other.
    fn check_edge(&self) -> Result<(), ConfigError> {
        let list = [("for", self.x_for), ("forwarded", self.forwarded)];
        let list = list.iter().find(|(_, reach)| reach.is_some()).map(|(key, _)| *key);
        match (&self.edge, &self.client_ip, list) {
            (None, Some(_), Some(other)) => Err(ConfigError::ClientIpBeside { other }),
            (Some(edge), Some(_), Some(_)) if !edge.is_of_networks() => Err(ConfigError::EdgeOfAll),
            (Some(_), None, _) | (Some(_), _, None) => Err(ConfigError::EdgeWithout),
            (None, _, _) | (Some(_), Some(_), Some(_)) => Ok(()),
        }
    }

    /// Checks the keys that do not go with `forwarded`.
    fn check_forwarded(&self) -> Result<(), ConfigError> {
        let other = self.trusted().map(|(key, _)| key);
        let other = other.filter(|key| !matches!(*key, "forwarded" | "client-ip"));
        if let Some(other) = other.chain(self.names.renamed()).next() {
            return Err(ConfigError::TwoFamilies { other });
        }
        match self.aligned() {
            Some(key) => Err(ConfigError::AlignedInForwarded { key }),
            None => Ok(()),
        }
    }

    /// The first key that is `aligned`.
    fn aligned(&self) -> Option<&'static str> {
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
        let aligned = scalars.iter().find(|(_, rule)| *rule == Some(ScalarRule::Aligned));
        aligned.map(|(key, _)| *key)
    }

    /// Checks the names of headers against each other.
    fn check_names(&self) -> Result<(), ConfigError> {
        let secret = || self.secret_header.iter().map(|name| ("secret-header", name));
        for (at, (first, name)) in self.trusted().chain(secret()).enumerate() {
            let mut later = self.trusted().chain(secret()).skip(at.saturating_add(1));
            if let Some((second, _)) = later.find(|(_, other)| is_same(name, other)) {
                return Err(ConfigError::SharedHeader { name: name.clone(), first, second });
            }
            for (key, names) in self.lists() {
                if let Some(name) = names.iter().find(|other| is_same(name, other)) {
                    let name = name.clone();
                    return Err(match first {
                        "secret-header" => ConfigError::InTwoKeys { name, first, second: key },
                        _ => ConfigError::TrustedBeside { key, name },
                    });
                }
            }
        }
        for (at, (first, names)) in self.lists().into_iter().enumerate() {
            for (second, others) in self.lists().into_iter().skip(at.saturating_add(1)) {
                let both = |name: &&HeaderName| match second {
                    // `exempt` names one spelling, and may be another spelling of a name in `strip-also`.
                    "exempt" if first == "strip-also" => others.contains(name),
                    _ => others.iter().any(|other| is_same(name, other)),
                };
                if let Some(name) = names.iter().find(both) {
                    return Err(ConfigError::InTwoKeys { name: name.clone(), first, second });
                }
            }
        }
        Ok(())
    }

    /// The keys that list headers.
    fn lists(&self) -> [(&'static str, &Vec<HeaderName>); 3] {
        [
            ("strip-also", &self.strip_also),
            ("proxy-only", &self.proxy_only),
            ("exempt", &self.exempt),
        ]
    }

    /// The key, except for `secret-header`, that has a header in some spelling.
    fn key_of(&self, name: &HeaderName) -> Option<&'static str> {
        let trusted = self.trusted().find(|(_, other)| is_same(name, other)).map(|(key, _)| key);
        let listed = || {
            let has = |names: &[HeaderName]| names.iter().any(|other| is_same(name, other));
            self.lists().into_iter().find(|(_, names)| has(names)).map(|(key, _)| key)
        };
        trusted.or_else(listed)
    }

    /// The headers that only a proxy may send, or that nobody may see.
    pub(super) fn guarded(&self) -> impl Iterator<Item = &HeaderName> {
        self.secret_header.iter().chain(&self.proxy_only)
    }

    /// The headers that carry a forwarded value, trusted or not.
    pub(super) fn forwarding(&self) -> impl Iterator<Item = &HeaderName> {
        self.names.all().into_iter().chain(&self.client_ip).chain(&self.strip_also)
    }
}

impl Names {
    /// The key of the first name that is not the usual one.
    fn renamed(&self) -> Option<&'static str> {
        const KEYS: [&str; 5] = ["for-name", "proto-name", "host-name", "port-name", "prefix-name"];
        let usual = Self::default();
        let mut pairs = KEYS.into_iter().zip(self.all().into_iter().zip(usual.all()));
        pairs.find(|(_, (name, usual))| name != usual).map(|(key, _)| key)
    }
}

fn is_same(name: &HeaderName, other: &HeaderName) -> bool {
    same(name.as_str(), other.as_str())
}

/// The most ways in. Each request may try all of them, and a listener has only a few.
const MAX_WAYS: usize = 64;

/// Checks several ways in against each other.
pub(super) fn check_ways(ways: &[Settings]) -> Result<(), ConfigError> {
    if ways.len() > MAX_WAYS {
        return Err(ConfigError::TooManyWays { most: MAX_WAYS });
    }
    let mut reached = TrustedProxies::none();
    for (at, way) in ways.iter().enumerate() {
        let Some(proxies) = &way.proxies else { return Err(ConfigError::MissingProxies) };
        let is_last = at.saturating_add(1) == ways.len();
        let is_reached = if *proxies == TrustedProxies::none() {
            is_last
        } else {
            !reached.holds_all_of(proxies)
        };
        if !is_reached {
            return Err(ConfigError::UnreachableWay { proxies: proxies.to_string() });
        }
        reached.add(proxies);
        for other in ways {
            let secret =
                other.secret_header.iter().find_map(|name| Some((name, way.key_of(name)?)));
            if let Some((name, first)) = secret {
                let (name, second) = (name.clone(), "secret-header");
                return Err(ConfigError::InTwoKeys { name, first, second });
            }
            let left = |name: &&HeaderName| way.exempt.iter().any(|exempt| is_same(exempt, name));
            if let Some(name) = other.guarded().find(left) {
                let first = "exempt";
                let second = if other.secret_header.as_ref() == Some(name) {
                    "secret-header"
                } else {
                    "proxy-only"
                };
                return Err(ConfigError::InTwoKeys { name: name.clone(), first, second });
            }
        }
    }
    Ok(())
}
