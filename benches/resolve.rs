//! How long a decision takes, beside the cheapest code that is correct:
//! `cargo bench -p proxyfix-benches`. `peers/bench` has the crates of others too.

use divan::{AllocProfiler, Bencher};
use proxyfix_benches::{Beside, Subject, WORKLOADS, Workload, limit, ours};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

#[divan::bench(
    types = [ours::Resolve, limit::Limit, ours::Fix<false>, ours::Fix<true>, limit::Rewritten],
    args = WORKLOADS.map(|(name, _)| name),
)]
fn run<S: Subject>(bencher: Bencher<'_, '_>, name: &str) {
    let workload = Workload::new(name, Beside::Ten);
    let Some(state) = S::state(&workload) else { return };
    bencher.with_inputs(|| S::input(&state)).bench_local_refs(|input| drop(S::run(&state, input)));
}

fn main() {
    divan::main();
}
