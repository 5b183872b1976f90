//! Who may speak for the client: [`TrustedProxies`].
//!
//! 1. It is a list of networks (CIDRs), addresses and the names `loopback`, `private`, `linklocal`,
//!    `shared` and `unix`; or `any`, for every peer; or `none`.
//! 2. Host bits in a network are masked: `10.1.2.3/8` is `10.0.0.0/8`.
//! 3. An IPv4-mapped network is the IPv4 one: `::ffff:10.0.0.0/104` is `10.0.0.0/8`. One shorter
//!    than /96 is an error, because it has no IPv4 form.
//! 4. Networks are merged and sorted, so that a look-up is a binary search.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};

use super::{ConfigError, meant};
use crate::{host::number, node::ForwardedFor, peer::Peer};

/// The networks of the names that a list may hold.
const NAMED: [(&str, &[&str]); 4] = [
    ("loopback", &["127.0.0.0/8", "::1/128"]),
    // RFC 1918 and RFC 4193.
    ("private", &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]),
    // RFC 3927 and RFC 4291 §2.5.6.
    ("linklocal", &["169.254.0.0/16", "fe80::/10"]),
    // RFC 6598: carriers, and platforms that give their own proxies such addresses.
    ("shared", &["100.64.0.0/10"]),
];

/// Who may speak for the client: networks, Unix sockets, or everybody.
///
/// ```
/// use std::net::IpAddr;
/// use proxyfix::TrustedProxies;
///
/// let proxies: TrustedProxies = "10.0.0.0/8, loopback, 2001:db8::1".parse()?;
/// assert!(proxies.contains("10.1.2.3".parse::<IpAddr>()?));
/// assert!(proxies.contains("::ffff:10.1.2.3".parse::<IpAddr>()?));
/// assert!(!proxies.contains("192.0.2.1".parse::<IpAddr>()?));
/// assert_eq!(proxies.to_string(), "10.0.0.0/8,127.0.0.0/8,::1,2001:db8::1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    any: bool,
    unix: bool,
    /// Disjoint and sorted, IPv4 first.
    networks: Vec<IpNet>,
    /// The first and the last address of each IPv4 network, as numbers, for look-ups.
    v4: Vec<(u32, u32)>,
    /// The same for each IPv6 network.
    v6: Vec<(u128, u128)>,
}

impl TrustedProxies {
    /// Every peer may speak for the client, as in Werkzeug. Right only if nobody except the proxy
    /// can reach the application.
    pub const fn any() -> Self {
        let mut any = Self::none();
        any.any = true;
        any
    }

    /// Nobody may speak for the client: every forwarding header is ignored and removed.
    pub const fn none() -> Self {
        Self { any: false, unix: false, networks: Vec::new(), v4: Vec::new(), v6: Vec::new() }
    }

    /// Whether this peer may speak for the client.
    #[inline]
    pub fn contains(&self, peer: impl Into<Peer>) -> bool {
        self.any
            || match peer.into().ip() {
                Some(ip) => self.contains_ip(ip),
                None => self.unix,
            }
    }

    pub(crate) fn is_any(&self) -> bool {
        self.any
    }

    /// Whether it holds networks and nothing else.
    pub(super) fn is_of_networks(&self) -> bool {
        let is_all = |network: &IpNet| network.prefix_len() == 0;
        let (some, all) = (!self.networks.is_empty(), self.networks.iter().any(is_all));
        !self.any && !self.unix && some && !all
    }

    /// Whether each peer that the other holds is one of these too.
    pub(super) fn holds_all_of(&self, other: &Self) -> bool {
        let holds = |network: &IpNet| self.networks.iter().any(|own| own.contains(network));
        self.any || !other.any && (self.unix || !other.unix) && other.networks.iter().all(holds)
    }

    /// Adds everything that the other holds.
    pub(super) fn add(&mut self, other: &Self) {
        self.any |= other.any;
        self.unix |= other.unix;
        self.extend(other.networks.iter().copied());
    }

    /// Whether an element names one of the trusted proxies.
    pub(crate) fn contains_hop(&self, hop: &ForwardedFor) -> bool {
        match hop {
            ForwardedFor::Unix => self.any || self.unix,
            ForwardedFor::Node(node) => {
                node.ip().is_some_and(|ip| self.any || self.contains_ip(ip))
            }
        }
    }

    #[inline]
    fn contains_ip(&self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(ip) => holds(&self.v4, ip.into()),
            IpAddr::V6(ip) => holds(&self.v6, ip.into()),
        }
    }
}

/// Whether one of the ranges, which are disjoint and sorted, holds a number. Only the last range that
/// begins at or before the number can.
fn holds<T: Copy + Ord>(ranges: &[(T, T)], number: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= number);
    let candidate = after.checked_sub(1).and_then(|at| ranges.get(at));
    candidate.is_some_and(|(_, last)| number <= *last)
}

impl FromStr for TrustedProxies {
    type Err = ConfigError;

    /// Reads a list such as `10.0.0.0/8, loopback, unix`.
    ///
    /// # Errors
    /// [`ConfigError::InvalidNetwork`] for `10.0.0.0/33`, `localhost`, an empty entry, or `any`
    /// beside others; [`ConfigError::MappedNetwork`] for `::ffff:0:0/90`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse("trusted proxy", text)
    }
}

impl TrustedProxies {
    /// Reads a list of what errors call so.
    pub(super) fn parse(what: &'static str, text: &str) -> Result<Self, ConfigError> {
        match text.trim() {
            "any" => return Ok(Self::any()),
            "none" => return Ok(Self::none()),
            _ => {}
        }
        let mut proxies = Self::none();
        let mut networks = Vec::new();
        for entry in text.split(',').map(str::trim) {
            if entry == "unix" {
                proxies.unix = true;
            } else if let Some((_, named)) = NAMED.iter().find(|(name, _)| *name == entry) {
                networks.extend(named.iter().filter_map(|network| network.parse::<IpNet>().ok()));
            } else {
                networks.push(network(what, entry)?);
            }
        }
        proxies.extend(networks);
        Ok(proxies)
    }
}

/// Reads a network or an address.
fn network(what: &'static str, text: &str) -> Result<IpNet, ConfigError> {
    let invalid = |reason| ConfigError::InvalidNetwork { what, text: meant::shown(text), reason };
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| {
        invalid(match text {
            "" => {
                "an entry is empty; a list takes commas, and in the text form no spaces; for \
                 nobody, write none"
            }
            "any" | "none" => "it must be the only entry",
            _ => meant::network(text).unwrap_or(
                "expected an address without port or brackets, a network such as 10.0.0.0/8, or one \
                 of loopback, private, linklocal, shared, unix; no names are looked up",
            ),
        })
    })?;
    let network = match length {
        None => IpNet::from(address),
        Some(digits) => {
            let length = number(digits.as_bytes()).and_then(|length| u8::try_from(length).ok());
            let network = length.and_then(|length| IpNet::new(address, length).ok());
            network.ok_or_else(|| {
                invalid(match address {
                    IpAddr::V4(_) => {
                        "the prefix length must be a number from 0 to 32; a list takes commas"
                    }
                    IpAddr::V6(_) => {
                        "the prefix length must be a number from 0 to 128; a list takes commas"
                    }
                })
            })?
        }
    };
    canonical(network).ok_or_else(|| ConfigError::MappedNetwork { what, text: text.to_owned() })
}

/// Masks host bits, and turns an IPv4-mapped network into the IPv4 network. `None` if that has no IPv4 form.
fn canonical(network: IpNet) -> Option<IpNet> {
    if let IpNet::V6(v6) = network {
        if let Some(v4) = v6.addr().to_ipv4_mapped() {
            let length = v6.prefix_len().checked_sub(96)?;
            return Ipv4Net::new(v4, length).ok().map(|v4| IpNet::V4(v4.trunc()));
        }
    }
    Some(network.trunc())
}

/// Prints the merged networks, in the form that [`FromStr`] reads.
impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.any || (!self.unix && self.networks.is_empty()) {
            return f.write_str(if self.any { "any" } else { "none" });
        }
        let mut separator = "";
        if self.unix {
            f.write_str("unix")?;
            separator = ",";
        }
        for network in &self.networks {
            f.write_str(separator)?;
            separator = ",";
            if network.prefix_len() == network.max_prefix_len() {
                network.addr().fmt(f)?;
            } else {
                network.fmt(f)?;
            }
        }
        Ok(())
    }
}

/// Adds networks. Adding to `any` changes nothing. An IPv4-mapped network shorter than /96 stays an
/// IPv6 network, which holds no IPv4 address.
impl Extend<IpNet> for TrustedProxies {
    fn extend<I: IntoIterator<Item = IpNet>>(&mut self, networks: I) {
        let added = networks
            .into_iter()
            .map(|network| canonical(network).unwrap_or_else(|| network.trunc()));
        if self.any {
            return;
        }
        self.networks.extend(added);
        self.networks = IpNet::aggregate(&self.networks);
        self.networks.sort_unstable();
        self.v4.clear();
        self.v6.clear();
        for network in &self.networks {
            match network {
                IpNet::V4(net) => self.v4.push((net.network().into(), net.broadcast().into())),
                IpNet::V6(net) => self.v6.push((net.network().into(), net.broadcast().into())),
            }
        }
    }
}

impl FromIterator<IpNet> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let mut proxies = Self::none();
        proxies.extend(networks);
        proxies
    }
}

impl FromIterator<IpAddr> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        addresses.into_iter().map(IpNet::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::TrustedProxies;

    /// What is added takes nothing away.
    #[test]
    fn adding() {
        let unix: TrustedProxies = "unix".parse().expect("proxies");
        let networks: TrustedProxies = "10.0.0.0/8".parse().expect("proxies");
        for first in [TrustedProxies::any(), unix] {
            let mut both = first.clone();
            both.add(&networks);
            assert!(both.holds_all_of(&first) && both.holds_all_of(&networks));
        }
    }
}
