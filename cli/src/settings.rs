//! What a configuration says, key by key: read from its text form, which is canonical and public.

use std::net::IpAddr;

use http::HeaderName;
use proxyfix::{Config, ConfigError, TrustedProxies, ipnet::IpNet};

/// The keys of the headers that may be believed, each with the header's usual name. Those with a
/// `-name` key come first.
const HEADERS: [(&str, &str); 7] = [
    ("for", "x-forwarded-for"),
    ("proto", "x-forwarded-proto"),
    ("host", "x-forwarded-host"),
    ("port", "x-forwarded-port"),
    ("prefix", "x-forwarded-prefix"),
    ("forwarded", "forwarded"),
    ("client-ip", ""),
];

/// Headers that hold one address.
pub(crate) const SINGLE_ADDRESS: [&str; 11] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "fastly-client-ip",
    "fly-client-ip",
    "true-client-ip",
    "x-azure-socketip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-nf-client-connection-ip",
    "x-real-ip",
];

/// Networks that are nobody's on the Internet: RFC 1918, 4193, 3927, 4291, 6598 and loopback.
pub(crate) const PRIVATE: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
    "169.254.0.0/16",
    "fe80::/10",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "::1/128",
];

/// The name in an entry of `hosts=`, without its port.
pub(crate) fn host_name(entry: &str) -> &str {
    // Colons in brackets are those of an IPv6 address.
    let name = entry.rfind(']').map_or(0, |at| at + 1);
    entry[name..].find(':').map_or(entry, |colon| &entry[..name + colon])
}

/// Whether an address is nobody's on the Internet.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    PRIVATE.iter().filter_map(|network| network.parse::<IpNet>().ok()).any(|n| n.contains(&ip))
}

/// The keys of the X-Forwarded family, each with the header's usual name.
pub(crate) fn x_family() -> impl Iterator<Item = (&'static str, &'static str)> {
    HEADERS.into_iter().take(5)
}

/// A configuration by its keys.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pairs: Vec<(String, String)>,
}

/// A header that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trusted {
    pub(crate) key: &'static str,
    pub(crate) header: HeaderName,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let text = config.to_string();
        let pairs = text.split(' ').filter_map(|word| word.split_once('='));
        Self { pairs: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect() }
    }
}

impl Settings {
    /// The value of a key, where it is not the default.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The entries of a list.
    pub(crate) fn list(&self, key: &str) -> impl Iterator<Item = &str> {
        self.get(key).into_iter().flat_map(|value| value.split(','))
    }

    /// The count of a key, where it is one.
    pub(crate) fn count(&self, key: &str) -> Option<usize> {
        self.get(key)?.parse().ok()
    }

    /// The key that finds the client in a list, `for` or `forwarded`.
    pub(crate) fn client_list(&self) -> Option<&'static str> {
        ["for", "forwarded"].into_iter().find(|key| self.get(key).is_some())
    }

    /// Whether the client is found by a walk.
    pub(crate) fn walks(&self) -> bool {
        self.client_list().and_then(|key| self.get(key)) == Some("walk")
    }

    /// The header that a key reads, whether it is trusted or not.
    pub(crate) fn header(&self, key: &str) -> Option<HeaderName> {
        let (_, usual) = HEADERS.iter().find(|(name, _)| *name == key)?;
        let renamed = match key {
            "client-ip" => self.get(key),
            _ => self.get(&format!("{key}-name")),
        };
        renamed.unwrap_or(usual).parse().ok()
    }

    /// The headers that are believed.
    pub(crate) fn trusted(&self) -> Vec<Trusted> {
        let set = HEADERS.iter().filter(|(key, _)| self.get(key).is_some());
        set.filter_map(|(key, _)| Some(Trusted { key, header: self.header(key)? })).collect()
    }

    /// The networks of `proxies`.
    pub(crate) fn networks(&self) -> Vec<IpNet> {
        let network = |entry: &str| {
            let address = || entry.parse::<IpAddr>().map(IpNet::from).ok();
            entry.parse().ok().or_else(address)
        };
        self.list("proxies").filter_map(network).collect()
    }

    /// Who may speak for the client.
    pub(crate) fn proxies(&self) -> TrustedProxies {
        self.get("proxies").and_then(|list| list.parse().ok()).unwrap_or_default()
    }

    /// The configuration with another value for a key, or without it.
    pub(crate) fn with(&self, key: &str, value: Option<&str>) -> Result<Config, ConfigError> {
        let mut pairs = self.pairs.clone();
        match (pairs.iter_mut().find(|(name, _)| name == key), value) {
            (Some((_, old)), Some(value)) => value.clone_into(old),
            (None, Some(value)) => pairs.push((key.to_owned(), value.to_owned())),
            (_, None) => pairs.retain(|(name, _)| name != key),
        }
        let words: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        words.join(" ").parse()
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    fn settings(text: &str) -> Settings {
        Settings::from(&text.parse::<proxyfix::Config>().unwrap())
    }

    #[test]
    fn keys_and_headers() {
        let settings = settings("proxies=loopback,unix for=2 proto=1 proto-name=X-Scheme");
        let trusted = settings.trusted();
        let names: Vec<_> = trusted.iter().map(|t| (t.key, t.header.as_str())).collect();
        assert_eq!(names, [("for", "x-forwarded-for"), ("proto", "x-scheme")]);
        assert_eq!((settings.count("for"), settings.walks()), (Some(2), false));
        assert_eq!(settings.networks().len(), 2);
        assert_eq!(settings.header("client-ip"), None);
    }

    /// The canonical form leaves out a name that is the usual one.
    #[test]
    fn usual_names() {
        for (key, usual) in super::x_family() {
            let plain = format!("proxies=unix {key}=1");
            let named: proxyfix::Config = format!("{plain} {key}-name={usual}").parse().unwrap();
            assert_eq!(named.to_string(), plain);
        }
    }

    #[test]
    fn host_names() {
        for (entry, name) in [
            ("a.example", "a.example"),
            ("*.a.example:443", "*.a.example"),
            ("a.example:*", "a.example"),
            ("[::1]", "[::1]"),
            ("[::1]:443", "[::1]"),
        ] {
            assert_eq!(super::host_name(entry), name);
        }
    }

    #[test]
    fn changed() {
        let settings = settings("proxies=loopback for=2");
        let with = |key, value| settings.with(key, value).map(|config| config.to_string());
        assert_eq!(with("for", Some("1")).unwrap(), "proxies=127.0.0.0/8,::1 for=1");
        assert_eq!(with("proto", Some("1")).unwrap(), "proxies=127.0.0.0/8,::1 for=2 proto=1");
        assert!(with("for", None).is_err());
    }
}
