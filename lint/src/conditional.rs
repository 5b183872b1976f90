//! Trust on a condition: secrets, edges, headers of proxies alone, and elements of `Forwarded`.

use super::{Check, Found, Rule, Severity, Subject};
use crate::providers::{PROVIDERS, Provider};

pub(crate) const RULES: [Rule; 6] = [
    Rule {
        code: "secret-missing-peer",
        severity: Severity::Note,
        check: Check::Find(secret_missing_peer),
    },
    Rule {
        code: "edge-in-proxies",
        severity: Severity::Warning,
        check: Check::Find(edge_in_proxies),
    },
    Rule { code: "provider-edge", severity: Severity::Note, check: Check::Find(provider_edge) },
    Rule {
        code: "proxy-only",
        severity: Severity::Note,
        check: Check::Setting {
            key: "proxy-only",
            value: None,
            reason: "a value that a client sends also stays, if the proxy passes it on",
            instead: "a line in your proxy that sets or removes each of these on every request; \
                      proxyfix attack tests it, with --sets for those that have such a line",
        },
    },
    Rule { code: "nearer-proto", severity: Severity::Note, check: Check::Find(nearer_proto) },
    Rule { code: "bare-ipv6", severity: Severity::Note, check: Check::Find(bare_ipv6) },
];

fn secret_missing_peer(subject: &Subject<'_>) -> Vec<Found> {
    let settings = &subject.settings;
    let name = settings.get("secret-header").filter(|_| settings.get("missing") == Some("peer"));
    let found = |name| {
        Found::new(
            format!("secret-header={name} missing=peer"),
            "without the secret, the client is the peer: anyone who connects from one of proxies= is \
             mistaken for that proxy",
            "leave out missing= (the client is then unknown), or missing=reject",
        )
    };
    name.map(found).into_iter().collect()
}

fn edge_in_proxies(subject: &Subject<'_>) -> Vec<Found> {
    let (edge, proxies) = (subject.settings.networks("edge"), subject.settings.networks("proxies"));
    let is_shared = |network: &&proxyfix::ipnet::IpNet| {
        proxies.iter().any(|other| other.contains(*network) || network.contains(other))
    };
    let shared = edge.iter().find(is_shared).filter(|_| subject.settings.walks());
    let found = |network| {
        Found::new(
            format!("{network} in edge="),
            "it is also in proxies=: the walk passes over the CDN's address, and edge= never applies to it",
            "proxies= with only the addresses of your own proxies",
        )
    };
    shared.map(found).into_iter().collect()
}

fn provider_edge(subject: &Subject<'_>) -> Vec<Found> {
    let edge = subject.settings.networks("edge");
    let of = |provider: &Provider| {
        let first = edge.iter().find(|network| provider.holds(network))?;
        let Provider { name, list, .. } = provider;
        Some(Found::new(
            format!("{first} in edge="),
            format!(
                "published by {name}: each of its customers can send you requests from there, and the \
                 list changes"
            ),
            format!(
                "the current list, {list}; and a secret, if only your own account may send requests"
            ),
        ))
    };
    PROVIDERS.iter().filter_map(of).collect()
}

fn nearer_proto(subject: &Subject<'_>) -> Vec<Found> {
    let settings = &subject.settings;
    let far = settings.get("forwarded").filter(|value| *value != "1");
    let found = |value| {
        Found::new(
            format!("forwarded={value}"),
            "the scheme is read in the client's element: if only a nearer one names it, https becomes http",
            "also proto=1, if the last proxy's element names the scheme (and host=1, if it names the host)",
        )
    };
    far.filter(|_| settings.get("proto").is_none()).map(found).into_iter().collect()
}

fn bare_ipv6(subject: &Subject<'_>) -> Vec<Found> {
    let settings = &subject.settings;
    let bare = settings.get("forwarded-ipv6").filter(|_| settings.get("forwarded").is_some());
    let found = |value| {
        Found::new(
            format!("forwarded-ipv6={value}"),
            "for=2001:db8::9:4711 is then read as an address, even if a proxy meant the port 4711",
            "leave it out, unless your proxy writes IPv6 addresses without brackets and never with a port",
        )
    };
    bare.map(found).into_iter().collect()
}
