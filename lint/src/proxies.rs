//! Who is believed: `proxies`.
//!
//! 1. Everyone, by `any` or by a network of all addresses.
//! 2. Public networks: strangers may have an address in them. Networks larger than a single owner's are
//!    worse. Providers publish their networks; all customers of a provider come from there.
//! 3. Private networks under a walk: a client in them is passed over, and what it wrote is believed.

use proxyfix::ipnet::IpNet;

use super::{Check, Found, Rule, Severity, Subject};
use crate::{
    providers::{PROVIDERS, Provider},
    settings::PRIVATE,
};

pub(crate) const RULES: [Rule; 9] = [
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

/// The shortest prefix of a network that usually has one owner: what registries give to one owner
/// (a /16 of IPv4, a /32 of IPv6).
const ONE_OWNER: (u8, u8) = (16, 32);
/// Networks with a shorter prefix than one link's (a /24, a /64) have room for clients beside the proxies.
const ONE_LINK: (u8, u8) = (24, 64);

fn shorter(network: &IpNet, (v4, v6): (u8, u8)) -> bool {
    network.prefix_len() < if network.addr().is_ipv4() { v4 } else { v6 }
}

fn within(network: &IpNet, networks: &[&str]) -> bool {
    networks.iter().filter_map(|text| text.parse::<IpNet>().ok()).any(|n| n.contains(network))
}

fn is_of_provider(network: &IpNet) -> bool {
    PROVIDERS.iter().any(|provider| provider.holds(network))
}

/// The public networks of more than one address, if an address is enough to be believed.
fn public(subject: &Subject<'_>) -> impl Iterator<Item = IpNet> {
    let several = |network: &IpNet| network.prefix_len() < network.max_prefix_len();
    let networks = subject.settings.networks("proxies").into_iter();
    let networks = networks.filter(|_| !is_proved(subject));
    networks.filter(move |n| several(n) && n.prefix_len() > 0 && !within(n, &PRIVATE))
}

fn found(at: &IpNet, reason: &str, instead: &str) -> Found {
    Found::new(format!("{at} in proxies="), reason, instead)
}

/// Whether an address alone is not enough to be believed: a secret proves that a request came through the
/// proxy. A walk also passes over addresses that prove nothing.
fn is_proved(subject: &Subject<'_>) -> bool {
    subject.settings.get("secret-header").is_some() && !subject.settings.walks()
}

/// The whole list, if it is this word.
fn whole(subject: &Subject<'_>, word: &str, reason: &str, instead: &str) -> Vec<Found> {
    let set = subject.settings.get("proxies") == Some(word);
    let found = || Found::new(format!("proxies={word}"), reason, instead);
    set.then(found).into_iter().collect()
}

fn every_peer(subject: &Subject<'_>) -> Vec<Found> {
    if is_proved(subject) {
        return Vec::new();
    }
    whole(
        subject,
        "any",
        "anyone who can connect to the application chooses its own address, scheme and host",
        "proxies= with the addresses that your proxies connect from, such as proxies=loopback, \
         proxies=unix or proxies=10.0.1.0/24",
    )
}

fn nobody(subject: &Subject<'_>) -> Vec<Found> {
    // After other ways in, `none` is the way of strangers.
    if subject.settings.place().is_some() {
        return Vec::new();
    }
    whole(
        subject,
        "none",
        "no header is believed, and the peer is the client: for development, or without a proxy",
        "behind a proxy, proxies= with its address",
    )
}

fn every_address(subject: &Subject<'_>) -> Vec<Found> {
    let networks = subject.settings.networks("proxies").into_iter();
    let networks = networks.filter(|n| n.prefix_len() == 0 && !is_proved(subject));
    let reason = "every address is believed to be a proxy, so every client is too";
    networks.map(|n| found(&n, reason, "the addresses that your proxies connect from")).collect()
}

fn large_network(subject: &Subject<'_>) -> Vec<Found> {
    let large = public(subject).filter(|n| shorter(n, ONE_OWNER) && !is_of_provider(n));
    let reason = |n: &IpNet| {
        format!("a public network of /{} has many owners, and each is believed", n.prefix_len())
    };
    let instead = "the addresses of your proxies, or the list that their provider publishes";
    large.map(|n| found(&n, &reason(&n), instead)).collect()
}

fn public_network(subject: &Subject<'_>) -> Vec<Found> {
    let small = public(subject).filter(|n| !shorter(n, ONE_OWNER) && !is_of_provider(n));
    let reason = "anyone who has a public address in this network is believed";
    let instead = "the addresses of your proxies, unless all of the network is yours";
    small.map(|n| found(&n, reason, instead)).collect()
}

fn provider_network(subject: &Subject<'_>) -> Vec<Found> {
    if is_proved(subject) {
        return Vec::new();
    }
    let trusted = subject.settings.networks("proxies");
    let of = |provider: &Provider| {
        let first = trusted.iter().find(|network| provider.holds(network))?;
        let Provider { name, list, .. } = provider;
        let reason = format!(
            "published by {name}: each of its customers can send you requests from there, and the \
             list changes"
        );
        let instead = format!(
            "the current list, {list}, and a proof that requests come from your own account: \
             secret-header=, or a certificate"
        );
        Some(found(first, &reason, &instead))
    };
    PROVIDERS.iter().filter_map(of).collect()
}

/// The private networks of more than one address that a walk passes over.
fn walked(subject: &Subject<'_>) -> impl Iterator<Item = IpNet> {
    let networks =
        subject.settings.networks("proxies").into_iter().filter(|_| subject.settings.walks());
    let several = |network: &IpNet| network.prefix_len() < network.max_prefix_len();
    networks.filter(move |n| several(n) && within(n, &PRIVATE) && !within(n, &LOOPBACK))
}

fn private_clients(subject: &Subject<'_>) -> Vec<Found> {
    let reason = "a walk passes over every client in this network (office, VPN, other services), \
                  and believes what the client wrote";
    let instead = "only the addresses of the proxies, or a count";
    let wide = walked(subject).filter(|n| shorter(n, ONE_LINK));
    wide.map(|n| found(&n, reason, instead)).collect()
}

fn private_walk(subject: &Subject<'_>) -> Vec<Found> {
    let reason = "a walk also passes over clients in this network, and believes what they wrote";
    let instead =
        "only the addresses of the proxies, or a count, unless nobody else is in this network";
    let small = walked(subject).filter(|n| !shorter(n, ONE_LINK));
    small.map(|n| found(&n, reason, instead)).collect()
}

/// Entries with bits beyond their length: perhaps one address was meant.
fn host_bits(subject: &Subject<'_>) -> Vec<Found> {
    // Each way in has one of these words.
    let words = subject
        .text
        .split_whitespace()
        .filter(|word| *word == "none" || word.starts_with("proxies="));
    let number = subject.settings.place().map_or(1, |(number, _)| number);
    let list = words.skip(number - 1).take(1);
    let list = list.filter_map(|word| word.strip_prefix("proxies=")).flat_map(|l| l.split(','));
    let networks = list.filter_map(|text| Some((text, text.parse::<IpNet>().ok()?)));
    let masked = networks.filter(|(_, network)| network.addr() != network.network());
    masked
        .map(|(text, network)| {
            let (address, whole) = (network.addr(), network.trunc());
            let reason = format!("this is the whole network {whole}");
            let instead =
                format!("{address} for the one address, or {whole} for the whole network");
            Found::new(format!("{text} in proxies="), reason, instead)
        })
        .collect()
}
