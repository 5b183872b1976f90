//! Probes that should be alike and are not: two proxies behind one name, a rolling deployment.
//!
//! 1. The honest probes of one way are compared: the peer, the instance that answered, and how many elements each
//!    known header has. Differences are reported, never averaged.
//! 2. An address of a load balancer may change from probe to probe; lists of the same length are alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::Recording;

/// The differences between the honest probes of each way.
#[derive(Clone, Debug, Default)]
pub(super) struct Differences {
    /// How many elements arrive, by way and header, where it is not always the same number.
    pub(super) lengths: BTreeMap<(String, String), BTreeSet<usize>>,
    /// The instances that answered.
    pub(super) instances: usize,
    /// The addresses of the peers.
    pub(super) peers: BTreeSet<String>,
}

pub(super) fn differences(recording: &Recording) -> Differences {
    let mut lengths: BTreeMap<(String, String), BTreeSet<usize>> = BTreeMap::new();
    let (mut instances, mut peers) = (BTreeSet::new(), BTreeSet::new());
    for (exchange, arrived) in recording.honest() {
        for name in proxyfix::forwarding_headers() {
            let at = (exchange.way.name(), name.to_owned());
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
