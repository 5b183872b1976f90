//! Where requests come in if they bypass some of the proxies.
//!
//! 1. Past an edge: straight to the second proxy, the first of our own. The right client is then the address
//!    that connects to that proxy.
//! 2. Straight to the application, from an address that is in no `proxies`. The right client is that address.
//! 3. Straight to the application, from the address of the last proxy, without the secret. The client is then
//!    unknown.

use std::net::IpAddr;

use proxyfix::{Config, Peer};

use super::{
    honest::{node, truth},
    judge::{Got, Value},
    requests::Target,
};
use crate::{
    model::{Chain, Client, Link, Sent},
    settings::Settings,
};

/// A way past proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    PastEdge,
    Stranger(IpAddr),
    Unproved(Peer),
}

/// Addresses of strangers, the documentation ranges first. Usually at least one of them is in no list.
const STRANGERS: [&str; 6] =
    ["192.0.2.66", "198.51.100.66", "203.0.113.66", "2001:db8::66", "10.66.66.66", "1.1.1.1"];

/// The ways past these proxies that are worth trying.
pub(super) fn entries(config: &Config, settings: &Settings, chain: &Chain) -> Vec<Entry> {
    let ways = Settings::of_ways(config);
    let mut entries = Vec::new();
    if settings.get("edge").is_some() && chain.links.len() > 1 {
        entries.push(Entry::PastEdge);
    }
    let mut addresses = STRANGERS.into_iter().filter_map(|ip| ip.parse::<IpAddr>().ok());
    let is_conditional = ways.len() > 1
        || ["secret-header", "proxy-only"].iter().any(|key| settings.get(key).is_some());
    let stranger = addresses.clone().find(|ip| ways.iter().all(|way| !way.proxies().contains(*ip)));
    entries.extend(stranger.filter(|_| is_conditional).map(Entry::Stranger));
    if settings.get("secret-header").is_some() {
        let everybody = settings.get("proxies") == Some("any");
        let listed = chain.addresses.last().filter(|peer| settings.proxies().contains(**peer));
        let peer = if everybody { addresses.next().map(Peer::from) } else { listed.copied() };
        entries.extend(peer.map(Entry::Unproved));
    }
    entries
}

impl Entry {
    /// The beginning of the names of attacks that are sent this way.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PastEdge => "past the edge",
            Self::Stranger(_) => "straight to the application",
            Self::Unproved(_) => "without the secret",
        }
    }

    /// The note that says what is sent this way.
    pub(super) fn note(self, chain: &Chain) -> String {
        match self {
            Self::PastEdge => {
                let second = chain.links.get(1).map(Link::name).unwrap_or_default();
                format!("each attack is also sent past the edge, straight to {second}")
            }
            Self::Stranger(ip) => format!(
                "each attack is also sent straight to the application, from {ip}, which is in no proxies="
            ),
            Self::Unproved(peer) => format!(
                "each attack is also sent straight to the application, from {peer}, without the secret"
            ),
        }
    }

    /// What the application gets of a request that is sent this way.
    pub(super) fn got(self, chain: &Chain, config: &Config, sent: &Sent, client: Client) -> Got {
        let (first, from) = match self {
            Self::PastEdge => (1, Peer::from(client.ip)),
            Self::Stranger(ip) => (chain.links.len(), Peer::from(ip)),
            Self::Unproved(peer) => (chain.links.len(), peer),
        };
        Got::of(chain.pass_from(first, sent, from, client.scheme), config)
    }

    /// What may be believed of any request that is sent this way; `honest` is the result of one without lies.
    pub(super) fn expected(
        self,
        honest: &Got,
        target: &Target<'_>,
        chain: &Chain,
        client: Client,
    ) -> Vec<Value> {
        let mut expected = honest.values();
        if expected.is_empty() {
            expected = truth(client, target.host, chain);
        }
        let by_missing = |peer: Peer| {
            let ip = peer.ip().filter(|_| target.settings.get("missing") == Some("peer"));
            ip.map_or_else(|| "unknown".to_owned(), node)
        };
        for value in &mut expected {
            match (value.field, self) {
                // If the edge sends a secret, a request past the edge has none, and its client is unknown.
                ("client", Self::PastEdge) if value.text == "unknown" => {}
                ("client", Self::PastEdge) => value.text = node(client.ip),
                ("client", Self::Stranger(ip)) => value.text = node(ip),
                ("client", Self::Unproved(peer)) => value.text = by_missing(peer),
                _ => {}
            }
        }
        expected
    }
}
