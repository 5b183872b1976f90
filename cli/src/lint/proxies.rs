//! Who is believed: `proxies`.
//!
//! 1. Everybody, by `any` or by a network of all addresses.
//! 2. Public networks: strangers may have an address in them. Larger ones than a single owner's are
//!    worse. Providers publish theirs; all of a provider's customers come from there.
//! 3. Private networks under a walk: a client in them is passed over, and what it wrote is believed.

use proxyfix::ipnet::IpNet;

use super::{Check, Found, Rule, Severity, Subject};
use crate::settings::PRIVATE;

pub(super) const RULES: [Rule; 9] = [
    Rule { code: "every-peer", severity: Severity::Danger, check: Check::Find(every_peer) },
    Rule { code: "every-address", severity: Severity::Danger, check: Check::Find(every_address) },
    Rule { code: "large-network", severity: Severity::Warning, check: Check::Find(large_network) },
    Rule { code: "public-network", severity: Severity::Note, check: Check::Find(public_network) },
    Rule {
        code: "provider-network",
        severity: Severity::Note,
        check: Check::Find(provider_network),
    },
    Rule {
        code: "private-clients",
        severity: Severity::Warning,
        check: Check::Find(private_clients),
    },
    Rule { code: "private-walk", severity: Severity::Note, check: Check::Find(private_walk) },
    Rule { code: "host-bits", severity: Severity::Warning, check: Check::Find(host_bits) },
    Rule { code: "nobody", severity: Severity::Note, check: Check::Find(nobody) },
];

const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// What providers publish, as it stands in the recipes.
const PROVIDERS: [(&str, &str, &[&str]); 3] = [
    (
        "Cloudflare",
        "https://www.cloudflare.com/ips/",
        &[
            "173.245.48.0/20",
            "103.21.244.0/22",
            "103.22.200.0/22",
            "103.31.4.0/22",
            "141.101.64.0/18",
            "108.162.192.0/18",
            "190.93.240.0/20",
            "188.114.96.0/20",
            "197.234.240.0/22",
            "198.41.128.0/17",
            "162.158.0.0/15",
            "104.16.0.0/13",
            "104.24.0.0/14",
            "172.64.0.0/13",
            "131.0.72.0/22",
            "2400:cb00::/32",
            "2606:4700::/32",
            "2803:f800::/32",
            "2405:b500::/32",
            "2405:8100::/32",
            "2a06:98c0::/29",
            "2c0f:f248::/32",
        ],
    ),
    (
        "Fastly",
        "https://api.fastly.com/public-ip-list",
        &[
            "23.235.32.0/20",
            "43.249.72.0/22",
            "103.244.50.0/24",
            "103.245.222.0/23",
            "103.245.224.0/24",
            "104.156.80.0/20",
            "140.248.64.0/18",
            "140.248.128.0/17",
            "146.75.0.0/17",
            "151.101.0.0/16",
            "157.52.64.0/18",
            "167.82.0.0/17",
            "167.82.128.0/20",
            "167.82.160.0/20",
            "167.82.224.0/20",
            "172.111.64.0/18",
            "185.31.16.0/22",
            "199.27.72.0/21",
            "199.232.0.0/16",
            "2a04:4e40::/32",
            "2a04:4e42::/32",
        ],
    ),
    (
        "Google Cloud's load balancers",
        "https://cloud.google.com/load-balancing/docs/firewall-rules",
        &["35.191.0.0/16", "130.211.0.0/22"],
    ),
];

/// The shortest prefix of a network that has one owner, mostly: what registries give to one
/// (a /16 of IPv4, a /32 of IPv6).
const ONE_OWNER: (u8, u8) = (16, 32);
/// Shorter networks than one link's (a /24, a /64) have room for clients beside the proxies.
const ONE_LINK: (u8, u8) = (24, 64);

fn shorter(network: &IpNet, (v4, v6): (u8, u8)) -> bool {
    network.prefix_len() < if network.addr().is_ipv4() { v4 } else { v6 }
}

fn within(network: &IpNet, networks: &[&str]) -> bool {
    networks.iter().filter_map(|text| text.parse::<IpNet>().ok()).any(|n| n.contains(network))
}

fn provider(network: &IpNet) -> Option<(&'static str, &'static str)> {
    let found = PROVIDERS.iter().find(|(_, _, networks)| within(network, networks));
    found.map(|(name, list, _)| (*name, *list))
}

/// The public networks of more than one address.
fn public(subject: &Subject<'_>) -> impl Iterator<Item = IpNet> {
    let several = |network: &IpNet| network.prefix_len() < network.max_prefix_len();
    let networks = subject.settings.networks().into_iter();
    networks.filter(move |n| several(n) && n.prefix_len() > 0 && !within(n, &PRIVATE))
}

fn found(at: &IpNet, reason: &str, instead: &str) -> Found {
    Found::new(format!("{at} in proxies="), reason, instead)
}

/// The whole list, where it is this word.
fn whole(subject: &Subject<'_>, word: &str, reason: &str, instead: &str) -> Vec<Found> {
    let set = subject.settings.get("proxies") == Some(word);
    let found = || Found::new(format!("proxies={word}"), reason, instead);
    set.then(found).into_iter().collect()
}

fn every_peer(subject: &Subject<'_>) -> Vec<Found> {
    if subject.settings.get("secret-header").is_some() {
        return Vec::new();
    }
    whole(
        subject,
        "any",
        "whoever can connect to the application writes its own address, scheme and host",
        "proxies= with the addresses that your proxies connect from, such as proxies=loopback, \
         proxies=unix or proxies=10.0.1.0/24",
    )
}

fn nobody(subject: &Subject<'_>) -> Vec<Found> {
    whole(
        subject,
        "none",
        "no header is ever believed, and the peer is the client: for development, or where no \
         proxy is",
        "behind a proxy, proxies= with its address",
    )
}

fn every_address(subject: &Subject<'_>) -> Vec<Found> {
    let networks = subject.settings.networks().into_iter().filter(|n| n.prefix_len() == 0);
    let reason = "every address is a proxy, and so is every client";
    networks.map(|n| found(&n, reason, "the addresses that your proxies connect from")).collect()
}

fn large_network(subject: &Subject<'_>) -> Vec<Found> {
    let large = public(subject).filter(|n| shorter(n, ONE_OWNER) && provider(n).is_none());
    let reason = |n: &IpNet| {
        format!("a public network of /{} has many owners, and each is believed", n.prefix_len())
    };
    let instead = "the addresses of your proxies, or the list that their provider publishes";
    large.map(|n| found(&n, &reason(&n), instead)).collect()
}

fn public_network(subject: &Subject<'_>) -> Vec<Found> {
    let small = public(subject).filter(|n| !shorter(n, ONE_OWNER) && provider(n).is_none());
    let reason = "whoever has a public address in this network is believed";
    let instead = "the addresses of your proxies, unless all of the network is yours";
    small.map(|n| found(&n, reason, instead)).collect()
}

fn provider_network(subject: &Subject<'_>) -> Vec<Found> {
    let trusted = subject.settings.networks();
    let of = |(name, list, networks): &(&str, &str, &[&str])| {
        let first = trusted.iter().find(|network| within(network, networks))?;
        let reason = format!(
            "published by {name}: every customer of theirs reaches you from there, and the list \
             changes"
        );
        let instead = format!(
            "the current list, {list}, and a secret or a certificate that proves your own account"
        );
        Some(found(first, &reason, &instead))
    };
    PROVIDERS.iter().filter_map(of).collect()
}

/// The private networks of more than one address that a walk passes over.
fn walked(subject: &Subject<'_>) -> impl Iterator<Item = IpNet> {
    let networks = subject.settings.networks().into_iter().filter(|_| subject.settings.walks());
    let several = |network: &IpNet| network.prefix_len() < network.max_prefix_len();
    networks.filter(move |n| several(n) && within(n, &PRIVATE) && !within(n, &LOOPBACK))
}

fn private_clients(subject: &Subject<'_>) -> Vec<Found> {
    let reason = "a walk passes over every client in this network (office, VPN, other services), \
                  and believes what it wrote";
    let instead = "the addresses of the proxies alone, or a count";
    let wide = walked(subject).filter(|n| shorter(n, ONE_LINK));
    wide.map(|n| found(&n, reason, instead)).collect()
}

fn private_walk(subject: &Subject<'_>) -> Vec<Found> {
    let reason = "a walk passes over clients in this network too, and believes what they wrote";
    let instead = "the addresses of the proxies alone, or a count, unless nobody else is in it";
    let small = walked(subject).filter(|n| !shorter(n, ONE_LINK));
    small.map(|n| found(&n, reason, instead)).collect()
}

/// What was written with bits beyond its length: one address was meant, perhaps.
fn host_bits(subject: &Subject<'_>) -> Vec<Found> {
    let words = subject.text.split_whitespace();
    let list = words.filter_map(|word| word.strip_prefix("proxies=")).flat_map(|l| l.split(','));
    let networks = list.filter_map(|text| Some((text, text.parse::<IpNet>().ok()?)));
    let masked = networks.filter(|(_, network)| network.addr() != network.network());
    masked
        .map(|(text, network)| {
            let (address, whole) = (network.addr(), network.trunc());
            let reason = format!("this is the whole network {whole}");
            let instead = format!("{address} for the one address, {whole} for all");
            Found::new(format!("{text} in proxies="), reason, instead)
        })
        .collect()
}
