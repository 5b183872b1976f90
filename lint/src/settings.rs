//! What a configuration says about one way in, key by key. It is read from the text form, which is canonical
//! and public.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Uri};
use proxyfix::{Config, ConfigBuilder, ConfigError, Peer, TrustedProxies, explain, ipnet::IpNet};

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

/// Headers that contain one address. `docs/HEADERS.md` lists them.
pub const SINGLE_ADDRESS: [&str; 32] = [
    "ali-cdn-real-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "client-ip",
    "cloudfront-viewer-address",
    "do-connecting-ip",
    "eo-client-ip",
    "eo-connecting-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "http-client-ip",
    "incap-client-ip",
    "proxy-client-ip",
    "true-client-ip",
    "wl-proxy-client-ip",
    "x-0-client-ip",
    "x-appengine-remote-addr",
    "x-appengine-user-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-fah-client-ip",
    "x-forwarded-client-ip",
    "x-nf-client-connection-ip",
    "x-original-for",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-sucuri-clientip",
];

/// Networks that nobody has on the Internet: RFC 1918, 4193, 3927, 4291, 6598 and loopback.
pub const PRIVATE: [&str; 9] = [
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

/// The headers that contain the scheme as `on` or `off`.
const SWITCHES: [&str; 5] =
    ["front-end-https", "x-forwarded-https", "x-forwarded-ssl", "x-https", "x-proxied-https"];

/// Whether a header of this name, in any spelling, contains the scheme as `on` or `off`.
pub fn is_switch(name: &HeaderName) -> bool {
    SWITCHES.iter().any(|switch| is_spelling(name, switch))
}

/// Whether two names are equal if `_` counts as `-`.
pub fn is_spelling(name: &HeaderName, other: &str) -> bool {
    name.as_str().replace('_', "-") == other.replace('_', "-")
}

/// The secret of every configuration here. It replaces the true secrets, which nothing may print.
pub const SECRET: &str = "(a right secret)";

/// The configuration of a text, with [`SECRET`] if it needs one.
///
/// # Errors
///
/// If the text is no configuration.
pub fn with_secret(text: &str) -> Result<Config, ConfigError> {
    let builder: ConfigBuilder = text.parse()?;
    match builder.clone().build() {
        Err(ConfigError::MissingSecret { .. }) => builder.secret(SECRET).build(),
        built => built,
    }
}

/// The name in an entry of `hosts=`, without its port.
pub fn host_name(entry: &str) -> &str {
    // Colons in brackets belong to an IPv6 address.
    let name = entry.rfind(']').map_or(0, |at| at + 1);
    entry[name..].find(':').map_or(entry, |colon| &entry[..name + colon])
}

/// The port in an entry of `hosts=`, or `*`.
pub fn host_port(entry: &str) -> Option<&str> {
    entry.get(host_name(entry).len() + 1..)
}

/// Whether an address is one that nobody has on the Internet.
pub fn is_private(ip: IpAddr) -> bool {
    PRIVATE.iter().filter_map(|network| network.parse::<IpNet>().ok()).any(|n| n.contains(&ip))
}

/// The keys of the X-Forwarded family, each with the header's usual name.
pub fn x_family() -> impl Iterator<Item = (&'static str, &'static str)> {
    HEADERS.into_iter().take(5)
}

/// The separator of two ways in.
const BETWEEN: &str = " ; ";

/// One way in of a configuration by its keys.
#[derive(Clone, Debug)]
pub struct Settings {
    pairs: Vec<(String, String)>,
    /// The ways before it and after it, as text.
    before: Vec<String>,
    behind: Vec<String>,
}

/// A header that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The key that believes it.
    pub key: &'static str,
    /// Its name.
    pub header: HeaderName,
}

impl Settings {
    /// Each way in of a configuration.
    pub fn of_ways(config: &Config) -> Vec<Self> {
        let text = config.to_string();
        let ways: Vec<_> = text.split(BETWEEN).map(str::to_owned).collect();
        let way = |(at, way): (usize, &String)| {
            let pairs = way.split(' ').filter_map(|word| word.split_once('='));
            let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            Self { pairs, before: ways[..at].to_vec(), behind: ways[at + 1..].to_vec() }
        };
        ways.iter().enumerate().map(way).collect()
    }

    /// The way in that decides about this peer.
    pub fn of_peer(config: &Config, peer: Peer) -> Self {
        let way = explain(peer, &HeaderMap::new(), &Uri::default(), config).way();
        Self::of_ways(config).swap_remove(way)
    }

    /// Which way in this is, from 1, and of how many; `None` if there is only one.
    pub fn place(&self) -> Option<(usize, usize)> {
        let ways = self.before.len() + 1 + self.behind.len();
        (ways > 1).then(|| (self.before.len() + 1, ways))
    }

    /// The same in words.
    pub fn place_in_words(&self) -> Option<String> {
        let proxies = self.get("proxies").unwrap_or("none");
        self.place().map(|(number, of)| format!("way {number} of {of} (proxies={proxies})"))
    }

    /// The value of a key, if it is not the default.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The entries of a list.
    pub fn list(&self, key: &str) -> impl Iterator<Item = &str> {
        self.get(key).into_iter().flat_map(|value| value.split(','))
    }

    /// The count of a key, if its value is one.
    pub fn count(&self, key: &str) -> Option<usize> {
        self.get(key)?.parse().ok()
    }

    /// The key that finds the client in a list, `for` or `forwarded`.
    pub fn client_list(&self) -> Option<&'static str> {
        ["for", "forwarded"].into_iter().find(|key| self.get(key).is_some())
    }

    /// Whether the client is found by a walk.
    pub fn walks(&self) -> bool {
        self.client_list().and_then(|key| self.get(key)) == Some("walk")
    }

    /// The header that a key reads, whether it is trusted or not.
    pub fn header(&self, key: &str) -> Option<HeaderName> {
        let (_, usual) = HEADERS.iter().find(|(name, _)| *name == key)?;
        let renamed = match key {
            "client-ip" => self.get(key),
            _ => self.get(&format!("{key}-name")),
        };
        renamed.unwrap_or(usual).parse().ok()
    }

    /// The headers that are believed. With `forwarded`, the keys `proto` and `host` are about its elements.
    pub fn trusted(&self) -> Vec<Trusted> {
        let by_element =
            |key: &str| self.get("forwarded").is_some() && matches!(key, "proto" | "host");
        let set = HEADERS.iter().filter(|(key, _)| self.get(key).is_some() && !by_element(key));
        set.filter_map(|(key, _)| Some(Trusted { key, header: self.header(key)? })).collect()
    }

    /// The networks of `proxies` or `edge`.
    pub fn networks(&self, key: &str) -> Vec<IpNet> {
        let network = |entry: &str| {
            let address = || entry.parse::<IpAddr>().map(IpNet::from).ok();
            entry.parse().ok().or_else(address)
        };
        self.list(key).filter_map(network).collect()
    }

    /// Who may speak for the client.
    pub fn proxies(&self) -> TrustedProxies {
        self.get("proxies").and_then(|list| list.parse().ok()).unwrap_or_default()
    }

    /// The headers of a key that lists some, or names one.
    pub fn names(&self, key: &str) -> impl Iterator<Item = HeaderName> {
        self.list(key).filter_map(|name| name.parse().ok())
    }

    /// The same with another value for a key, or without it.
    #[must_use]
    pub fn changed(&self, key: &str, value: Option<&str>) -> Self {
        let mut changed = self.clone();
        let pairs = &mut changed.pairs;
        match (pairs.iter_mut().find(|(name, _)| name == key), value) {
            (Some((_, old)), Some(value)) => value.clone_into(old),
            (None, Some(value)) => pairs.push((key.to_owned(), value.to_owned())),
            (_, None) => pairs.retain(|(name, _)| name != key),
        }
        changed
    }

    /// The configuration of all ways in.
    ///
    /// # Errors
    ///
    /// If the keys contradict each other.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let words: Vec<_> =
            self.pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let ways = [&self.before[..], &[words.join(" ")], &self.behind].concat();
        with_secret(&ways.join(BETWEEN))
    }

    /// The configuration with another value for a key, or without it.
    ///
    /// # Errors
    ///
    /// If the keys then contradict each other.
    pub fn with(&self, key: &str, value: Option<&str>) -> Result<Config, ConfigError> {
        self.changed(key, value).config()
    }
}

#[cfg(test)]
mod tests {
    use proxyfix::Peer;

    use super::Settings;

    fn settings(text: &str) -> Settings {
        Settings::of_ways(&super::with_secret(text).unwrap()).remove(0)
    }

    /// The same headers contain `on` and `off` here as in the library.
    #[test]
    fn switches() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/HEADERS.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        let schemes: Vec<_> = rows.filter(|(_, cells)| cells.starts_with("scheme |")).collect();
        assert!(schemes.len() > super::SWITCHES.len());
        for (name, _) in schemes {
            let config = format!("proxies=unix proto=1 proto-name={name}").parse().unwrap();
            let name: http::HeaderName = name.parse().unwrap();
            let headers = [(name.clone(), "on".parse().unwrap())].into_iter().collect();
            let read = proxyfix::resolve(Peer::UNIX, &headers, &http::Uri::default(), &config);
            assert_eq!(super::is_switch(&name), read.is_ok(), "{name}");
        }
    }

    #[test]
    fn ways() {
        let text = "proxies=unix for=1 ; proxies=any forwarded=2 proto=1 secret-header=x-a";
        let config = super::with_secret(text).unwrap();
        let ways = Settings::of_ways(&config);
        let places: Vec<_> = ways.iter().map(Settings::place).collect();
        assert_eq!(places, [Some((1, 2)), Some((2, 2))]);
        assert_eq!(settings("proxies=unix for=1").place(), None);
        let changed = ways[0].with("for", Some("2")).unwrap().to_string();
        let expected = "proxies=unix for=2 ; proxies=any secret-header=x-a proto=1 forwarded=2";
        assert_eq!(changed, expected);
        let keys: Vec<_> = ways[1].trusted().iter().map(|trusted| trusted.key).collect();
        assert_eq!(keys, ["forwarded"]);
        let peer = Peer::from(std::net::IpAddr::from([192, 0, 2, 1]));
        assert_eq!(Settings::of_peer(&config, peer).place(), Some((2, 2)));
    }

    #[test]
    fn keys_and_headers() {
        let settings = settings("proxies=loopback,unix for=2 proto=1 proto-name=X-Scheme");
        let trusted = settings.trusted();
        let names: Vec<_> = trusted.iter().map(|t| (t.key, t.header.as_str())).collect();
        assert_eq!(names, [("for", "x-forwarded-for"), ("proto", "x-scheme")]);
        assert_eq!((settings.count("for"), settings.walks()), (Some(2), false));
        assert_eq!(settings.networks("proxies").len(), 2);
        assert_eq!(settings.header("client-ip"), None);
    }

    /// The canonical form leaves out a usual name.
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
            let port = super::host_port(entry).map_or_else(String::new, |port| format!(":{port}"));
            assert_eq!(format!("{name}{port}"), entry);
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
