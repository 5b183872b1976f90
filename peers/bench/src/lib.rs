//! The cost of proxyfix and the peers on the same requests.
//!
//! The requests and the side of proxyfix are in `benches/` of proxyfix. Each peer is called through its
//! own public entry point. It trusts what the workload trusts, if it has a setting for that. It gets the
//! input that it takes: a crate that reads one text gets the joined lines of the header, because its
//! caller would have to join them too. A peer is measured even if it answers wrongly or not at all; the
//! tables say so.

mod axum_side;
mod parsers;
pub mod results;
mod walkers;

use proxyfix_benches::{Beside, Visitor, WORKLOADS, Workload, limit, ours};

/// Shows proxyfix, the limit, and every peer.
pub fn visit(visitor: &mut impl Visitor) {
    ours::visit(visitor);
    limit::visit(visitor);
    visit_peers(visitor);
}

/// Shows every peer.
pub fn visit_peers(visitor: &mut impl Visitor) {
    walkers::visit(visitor);
    axum_side::visit(visitor);
    parsers::visit(visitor);
}

/// The workloads in the tables.
pub fn workloads() -> impl Iterator<Item = Workload> {
    let ten = WORKLOADS.iter().map(|(name, _)| Workload::new(name, Beside::Ten));
    ten.chain([Workload::new("one", Beside::Browser)])
}

/// The name of a workload's column.
pub fn title(workload: &Workload) -> String {
    match workload.beside {
        Beside::Ten => workload.name.clone(),
        Beside::Browser => format!("{}, browser", workload.name),
    }
}

/// Whether a workload is about `Forwarded` instead of `X-Forwarded-For`.
fn reads_forwarded(workload: &Workload) -> bool {
    workload.trust.starts_with("forwarded=")
}
