//! Shared gateways: addresses of which a host translates many clients into one.
//!
//! 1. As the peer, everything that the host forwards comes from there, also for strangers.
//! 2. As the client that a proxy names, all clients are one: the proxy does not see who connects.
//! 3. They are known by the defaults of the programs that make such networks. An address does not prove it.

use std::{collections::BTreeSet, net::IpAddr};

use super::{super::headers::Header, Finding, Severity::Warning};
use crate::{arrived::Arrived, record::Recording};

/// What a shared gateway looks like, by the default networks of each program.
fn looks_like(ip: IpAddr) -> Option<&'static str> {
    let IpAddr::V4(ip) = ip.to_canonical() else {
        // Docker and Podman give a network of unique local addresses its first address as the gateway.
        let IpAddr::V6(ip) = ip else { return None };
        let is_first = ip.segments().get(2..) == Some(&[0, 0, 0, 0, 0, 1]) || {
            ip.segments().get(4..) == Some(&[0, 0, 0, 1])
        };
        return (ip.is_unique_local() && is_first).then_some("the bridge of a container network");
    };
    Some(match ip.octets() {
        // Docker's default-address-pools.
        [172, 16..=31, _, 1] => "the bridge of a Docker network",
        // containers.conf(5): default_subnet and default_subnet_pools.
        [10, 88, 0, 1] | [10, 89, _, 1] => "the bridge of a Podman network",
        // slirp4netns(1), QEMU's `-netdev user` and VirtualBox's NAT; 10.0.2.100 is what rootless Podman's ports show.
        [10, 0, 2, 2 | 100] => {
            "the gateway of a user-mode network (rootless Podman, QEMU, VirtualBox)"
        }
        [192, 168, 65, _] => "the gateway of Docker Desktop",
        [192, 168, 127, 1 | 254] => "the gateway of a Podman machine",
        [192, 168, 5, 2] | [192, 168, 64, 1] => {
            "the gateway of a virtual machine on macOS (Lima, Colima)"
        }
        [192, 168, 122, 1] => "the bridge of libvirt",
        [10, 0, 3, 1] => "the bridge of LXC",
        // The pod networks of k3s, and of kubeadm with flannel and of kind: the first address is the node's.
        [10, 42 | 244, _, 1] => "a node of Kubernetes, which translates addresses",
        _ => return None,
    })
}

/// The peer of the application.
pub(super) fn peer(recording: &Recording) -> Option<Finding> {
    let peers = recording.arrived().filter_map(|(_, arrived)| arrived.peer()?.ip());
    let (ip, what) = peers.into_iter().find_map(|ip| Some((ip, looks_like(ip)?)))?;
    Some(Finding::new(
        "shared-gateway",
        Warning,
        format!("the application is connected from {ip}, which looks like {what}"),
        "everything that the host forwards comes from there; publish the port on 127.0.0.1 only \
         (docs/CHOOSING.md, question 2)",
    ))
}

/// The client that proxies name, and that is not you.
pub(super) fn client(recording: &Recording, headers: &[Header]) -> Option<Finding> {
    let named = |arrived: &Arrived, header: &Header| {
        let count = header.effect.written()?;
        let elements = arrived.elements(&header.name);
        let element = elements.get(count.checked_sub(1)?)?;
        let text = String::from_utf8_lossy(element).into_owned();
        text.trim_matches(['"', '[', ']']).parse::<IpAddr>().ok()
    };
    let lists = ["x-forwarded-for", "x-real-ip"];
    let lists = headers.iter().filter(|header| lists.contains(&header.name.as_str()));
    let found: BTreeSet<_> = lists
        .flat_map(|header| {
            recording.honest().map(move |(exchange, arrived)| (header, exchange, arrived))
        })
        .filter_map(|(header, exchange, arrived)| {
            let ip = named(arrived, header)?;
            let is_own = exchange.from.is_some_and(|from| from.ip().to_canonical() == ip)
                || recording.client.contains(&ip);
            Some((header.name.as_str(), ip, looks_like(ip).filter(|_| !is_own)?))
        })
        .collect();
    let (header, ip, what) = found.first()?;
    Some(Finding::new(
        "shared-gateway",
        Warning,
        format!(
            "{header} names {ip} as the client, which looks like {what}: a proxy behind it sees all clients as one"
        ),
        "let the outermost proxy see who connects: run it in the network of the host, or let what is before it tell \
         the address (docs/CHOOSING.md, question 2)",
    ))
}

#[cfg(test)]
mod tests {
    use super::looks_like;

    #[test]
    fn gateways() {
        for (ip, what) in [
            ("172.17.0.1", "Docker"),
            ("172.31.9.1", "Docker"),
            ("::ffff:172.17.0.1", "Docker"),
            ("10.88.0.1", "Podman"),
            ("10.89.3.1", "Podman"),
            ("10.0.2.2", "user-mode"),
            ("10.0.2.100", "user-mode"),
            ("192.168.65.1", "Docker Desktop"),
            ("192.168.127.1", "Podman machine"),
            ("192.168.64.1", "macOS"),
            ("192.168.122.1", "libvirt"),
            ("10.0.3.1", "LXC"),
            ("10.244.1.1", "Kubernetes"),
            ("fd00:1:2::1", "container"),
            ("fd12:3456:789a:1::1", "container"),
        ] {
            let found = looks_like(ip.parse().unwrap());
            assert!(found.is_some_and(|found| found.contains(what)), "{ip}: {found:?}");
        }
        for ip in [
            "172.17.0.2",
            "172.15.0.1",
            "172.32.0.1",
            "10.0.0.1",
            "10.0.2.15",
            "192.168.1.1",
            "127.0.0.1",
            "203.0.113.1",
            "fd00:1:2::2",
            "2001:db8::1",
            "fe80::1",
            "::1",
        ] {
            assert_eq!(looks_like(ip.parse().unwrap()), None, "{ip}");
        }
    }
}
