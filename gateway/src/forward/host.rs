//! Hosts and origins that clients ask for (RFC 9110 §4.2, RFC 9112 §3.2).
//!
//! 1. A host is a name or an address, by the core's rules: no userinfo, no wildcard, no escape; `127.1` is none.
//! 2. A name is in lower case, without a dot at its end, so that one host has one spelling. It has 253 bytes at
//!    most, and each label 63 (RFC 1035 §2.3.4), because a certificate is made for it.
//! 3. An IPv6 address is in brackets where it is written, and without where it is a host.
//! 4. A port is from 1 to 65535, without zeros before it. A colon without a port means none.
//! 5. The default port of the scheme is left out where an origin is written.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use proxyfix::Scheme;

use crate::common::authority;

/// The longest name of a host, in bytes: 255 in the form of the DNS.
const LONGEST: usize = 253;
/// The longest label of a name (RFC 1035 §2.3.4).
const LONGEST_LABEL: usize = 63;

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Host {
    Name(Arc<str>),
    Address(IpAddr),
}

impl Host {
    /// Reads a host as it stands in an authority (rules 1 to 3).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        authority::check(text.as_bytes()).ok()?;
        if let Some(inside) = text.strip_prefix('[') {
            let address: Ipv6Addr = inside.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Address(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_name = |label: &str| {
            (1..=LONGEST_LABEL).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        // `192.0.2.1.` is an address with a dot, and would be another host than without.
        let is_number = name.parse::<Ipv4Addr>().is_ok();
        (name.len() <= LONGEST && name.split('.').all(is_name) && !is_number)
            .then(|| Self::Name(name.into()))
    }

    /// Without the brackets of an address.
    pub(crate) fn bare(&self) -> String {
        match self {
            Self::Name(name) => name.to_string(),
            Self::Address(address) => address.to_string(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Reads a host with or without a port.
pub(crate) fn host_and_port(authority: &str) -> Option<(Host, Option<u16>)> {
    let end_of_address = authority.rfind(']').unwrap_or_default();
    let colon = authority.rfind(':').filter(|&colon| colon > end_of_address);
    let Some(colon) = colon else { return Some((Host::parse(authority)?, None)) };
    let (host, port) = authority.split_at_checked(colon)?;
    let port = match port.get(1..)? {
        "" => None,
        port => Some(read_port(port)?),
    };
    Some((Host::parse(host)?, port))
}

/// Rule 4.
fn read_port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_number)
}

/// Where a request wants to go: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

impl Origin {
    /// Host and port, as `Host` has them (rule 5).
    pub(crate) fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether an authority of a request names this host and port.
    pub(crate) fn is_named_by(&self, authority: &str) -> bool {
        host_and_port(authority).is_some_and(|(host, port)| {
            host == self.host && port.unwrap_or_else(|| self.scheme.default_port()) == self.port
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use proxyfix::Scheme;

    use super::{Host, Origin, host_and_port};

    #[test]
    fn authorities() {
        let long = ["a"; 127].join(".");
        for (text, host, port) in [
            ("example.com", "example.com", None),
            ("EXAMPLE.com.:80", "example.com", Some(80)),
            ("example.com:", "example.com", None),
            ("a_b.test:65535", "a_b.test", Some(65535)),
            ("10.0.1.10:7890", "10.0.1.10", Some(7890)),
            ("[::1]:443", "[::1]", Some(443)),
            ("[2001:DB8::0]", "[2001:db8::]", None),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
            (&long, &long, None),
        ] {
            let (found, stated) = host_and_port(text).expect(text);
            assert_eq!((found.to_string().as_str(), stated), (host, port), "{text}");
        }
        let label = "a".repeat(64);
        for text in [
            "",
            ":80",
            ".",
            "..",
            "a..b",
            ".a",
            "*.example.com",
            "a b",
            "a,b",
            "user@a",
            "a/b",
            "a%61",
            "[::1",
            "::1",
            "[::1]x",
            "[::1%25lo]",
            "a:0",
            "a:0443",
            "a:99999",
            "a:+1",
            "a:abc",
            "a:-1",
            "127.1",
            "0x7f.1",
            "256.1.1.1",
            "192.0.2.1.",
            &label,
            "b\u{fc}cher.example",
            "[v1.a]",
            "a:80:80",
            "a\\b",
        ] {
            assert!(host_and_port(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn origins() {
        let origin = |scheme, text: &str, port| Origin {
            scheme,
            host: Host::parse(text).expect(text),
            port,
        };
        let https = origin(Scheme::Https, "[::1]", 443);
        assert_eq!(https.to_string(), "https://[::1]");
        assert!(https.is_named_by("[0:0::1]") && https.is_named_by("[::1]:443"));
        let odd = origin(Scheme::Https, "a.test", 80);
        assert_eq!(odd.to_string(), "https://a.test:80");
        assert!(odd.is_named_by("A.test.:80"));
        for other in ["a.test", "a.test:443", "b.test:80", "", "x@a.test:80"] {
            assert!(!odd.is_named_by(other), "{other}");
        }
    }
}
