//! What proxyfix and the peers cost on the same requests.
//!
//! The requests and proxyfix itself are in `benches/` of proxyfix. Each peer is asked through its own
//! public entry point, is told to trust what the workload trusts where it can be told, and is handed
//! what it takes: a crate that reads one text gets the lines of the header joined, as its caller would
//! have to. That a peer answers wrongly, or cannot tell, does not keep it from being measured; the
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

/// The workloads of the tables.
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

/// Whether a workload is about `Forwarded`, and not about `X-Forwarded-For`.
fn reads_forwarded(workload: &Workload) -> bool {
    workload.trust.starts_with("forwarded=")
}
