//! Which addresses a proxy may dial (RFC 6890, RFC 6052).
//!
//! 1. The target of a reverse proxy is the operator's choice, so any address may be dialled.
//! 2. A transparent proxy dials what a client names. It dials public addresses alone, and those that are listed.
//! 3. Not public: unspecified, loopback, private, shared, link-local, benchmarking, documentation, multicast, reserved,
//!    broadcast, and the addresses of the clouds' metadata services.
//! 4. An IPv6 address that stands for an IPv4 address (mapped, compatible, NAT64, 6to4) counts as that address.
//!    Teredo and local NAT64 are not public.
//! 5. The address that was checked is the one that is dialled, so a name that changes its answer gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// Which addresses may be dialled.
#[derive(Clone, Debug, Default)]
pub(crate) enum AddressPolicy {
    /// Every address.
    #[default]
    Any,
    /// Public addresses, and these networks.
    Public(Vec<IpNet>),
}

impl AddressPolicy {
    /// Whether an address may be dialled.
    pub(crate) fn admits(&self, address: SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Public(listed) => {
                let ip = address.ip().to_canonical();
                listed.iter().any(|network| network.contains(&ip)) || is_public(ip)
            }
        }
    }
}

/// Rules 3 and 4.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // The metadata services of Azure; those of the others are link-local, shared or in 192.0.0.0/24.
        [168, 63, 129, 16]
        | [0 | 10 | 127 | 224..=255, ..]
        | [100, 64..=127, ..]
        | [169, 254, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(ip) = embedded(ip) {
        return is_public_v4(ip);
    }
    let special = match ip.segments() {
        // Local NAT64, Teredo and other protocol assignments, documentation.
        [0x64, 0xff9b, 1, ..] | [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => true,
        // Only 2000::/3 is global unicast: not unique local, link-local, site-local or multicast.
        [first, ..] => first >> 13 != 1,
    };
    !special
}

/// Rule 4: the IPv4 address that an IPv6 address stands for.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => pair(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::AddressPolicy;

    fn admits(policy: &AddressPolicy, ip: &str) -> bool {
        policy.admits(SocketAddr::new(ip.parse().expect(ip), 80))
    }

    #[test]
    fn public_addresses() {
        let policy = AddressPolicy::Public(Vec::new());
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "::ffff:0:127.0.0.1",
            "4000::1",
        ] {
            assert!(!admits(&policy, ip), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert!(admits(&policy, ip), "{ip}");
        }
    }

    #[test]
    fn listed_networks() {
        let policy = AddressPolicy::Public(vec!["10.1.0.0/16".parse().expect("valid")]);
        assert!(admits(&policy, "10.1.2.3"));
        assert!(admits(&policy, "::ffff:10.1.2.3"));
        assert!(!admits(&policy, "10.2.2.3"));
        assert!(admits(&AddressPolicy::Any, "127.0.0.1"));
    }
}
