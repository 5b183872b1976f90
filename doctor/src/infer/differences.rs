//! Probes that should be alike and are not: two proxies behind one name, a rolling deployment.
//!
//! 1. The probes at one door are compared that have an ordinary target, do not lie in a header and do not name it in
//!    `Connection`: how many elements it has must be the same. Differences are reported, never averaged.
//! 2. A proxy may write what it finds in `X-Forwarded-*` into `Forwarded` (lighttpd), so a lie in one of them is one in
//!    the other.
//! 3. An address of a load balancer may change from probe to probe; lists of the same length are alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    probe::{Kind, STANDARD, Shape},
    record::Recording,
};

/// The differences between the probes at each door.
#[derive(Clone, Debug, Default)]
pub(super) struct Differences {
    /// How many elements arrive, by door and header, where it is not always the same number.
    pub(super) lengths: BTreeMap<(String, String), BTreeSet<usize>>,
    /// The instances that answered.
    pub(super) instances: usize,
    /// The addresses of the peers.
    pub(super) peers: BTreeSet<String>,
}

pub(super) fn differences(recording: &Recording) -> Differences {
    let mut lengths: BTreeMap<(String, String), BTreeSet<usize>> = BTreeMap::new();
    let (mut instances, mut peers) = (BTreeSet::new(), BTreeSet::new());
    for (exchange, arrived) in recording.arrived() {
        // A second request on a connection is about that connection.
        let is_alike = match exchange.probe.kind {
            Kind::Headers(shape) => shape != Shape::Second,
            kind => kind == Kind::Honest,
        };
        if !is_alike {
            continue;
        }
        let door = recording.name(exchange.door());
        for name in proxyfix::forwarding_headers() {
            let touches = |header: &&str| *header == name || is_translated(header, name);
            if exchange.probe.headers().iter().any(touches) || exchange.probe.nominates(name) {
                continue;
            }
            let at = (door.clone(), name.to_owned());
            lengths.entry(at).or_default().insert(arrived.elements(name).len());
        }
    }
    for (_, arrived) in recording.arrived() {
        instances.insert(arrived.instance.as_str());
        let peer = arrived
            .peer()
            .map(|peer| peer.ip().map_or_else(|| "unix".to_owned(), |ip| ip.to_string()));
        peers.extend(peer);
    }
    lengths.retain(|_, lengths| lengths.len() > 1);
    Differences { lengths, instances: instances.len(), peers }
}

/// Rule 2.
fn is_translated(one: &str, other: &str) -> bool {
    let is = |a: &str, b: &str| a == "forwarded" && b.starts_with("x-forwarded-");
    is(one, other) || is(other, one)
}

impl Differences {
    /// The first difference in a header that a line reads, with its door and the numbers of elements.
    pub(super) fn first_read(&self) -> Option<(&str, &str, &BTreeSet<usize>)> {
        let read = |name: &str| STANDARD.contains(&name);
        let mut odd = self.lengths.iter().filter(|((_, name), _)| read(name));
        odd.next().map(|((door, name), lengths)| (door.as_str(), name.as_str(), lengths))
    }
}
