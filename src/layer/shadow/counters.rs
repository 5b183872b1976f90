//! How many requests a candidate would decide differently: rule 3 of [shadow mode](super).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Difference, Differs};

/// How many requests were seen, and how many the candidate would have decided differently.
///
/// Each number is right by itself. While requests come in, the numbers may be from different moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests that were compared.
    pub requests: u64,
    /// Of the compared requests, those with any difference.
    pub different: u64,
    /// Of these, those that pass and would be rejected.
    pub rejected: u64,
    /// Those that are rejected and would pass.
    pub accepted: u64,
    /// Those with another client.
    pub client: u64,
    /// Those with another scheme.
    pub scheme: u64,
    /// Those with another host.
    pub host: u64,
    /// Those with another port.
    pub port: u64,
    /// Those with another path prefix.
    pub prefix: u64,
    /// Requests whose peer is not one of the candidate's `proxies`. If your proxies are among these
    /// peers, an address is missing there.
    pub untrusted_peers: u64,
    /// Requests that were not compared, because an outer layer had fixed them. Make this layer the outermost.
    pub already_fixed: u64,
}

/// The numbers while they are counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    requests: AtomicU64,
    different: AtomicU64,
    rejected: AtomicU64,
    accepted: AtomicU64,
    client: AtomicU64,
    scheme: AtomicU64,
    host: AtomicU64,
    port: AtomicU64,
    prefix: AtomicU64,
    untrusted_peers: AtomicU64,
    already_fixed: AtomicU64,
}

pub(super) fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

pub(super) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

impl Counters {
    /// Counts a request that was compared. Returns whether anything differs.
    pub(super) fn count(&self, difference: &Difference<'_>) -> bool {
        add_one(&self.requests);
        let mut any = false;
        for differs in difference.differs() {
            any = true;
            add_one(self.of(differs));
        }
        if any {
            add_one(&self.different);
        }
        any
    }

    fn of(&self, differs: Differs) -> &AtomicU64 {
        match differs {
            Differs::Rejected => &self.rejected,
            Differs::Accepted => &self.accepted,
            Differs::Client => &self.client,
            Differs::Scheme => &self.scheme,
            Differs::Host => &self.host,
            Differs::Port => &self.port,
            Differs::Prefix => &self.prefix,
        }
    }

    pub(super) fn untrusted_peer(&self) {
        add_one(&self.untrusted_peers);
    }

    pub(super) fn already_fixed(&self) {
        add_one(&self.already_fixed);
    }

    pub(super) fn snapshot(&self) -> Counts {
        Counts {
            requests: read(&self.requests),
            different: read(&self.different),
            rejected: read(&self.rejected),
            accepted: read(&self.accepted),
            client: read(&self.client),
            scheme: read(&self.scheme),
            host: read(&self.host),
            port: read(&self.port),
            prefix: read(&self.prefix),
            untrusted_peers: read(&self.untrusted_peers),
            already_fixed: read(&self.already_fixed),
        }
    }
}
