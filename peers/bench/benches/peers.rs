//! How long proxyfix, the limit and the peers take for the same requests.
//!
//! They run in short passes, one after the other. So other work on the machine affects all of them alike,
//! and for each the fastest pass counts. The bench also writes the requests to the file that
//! `werkzeug_bench.py` reads.

use std::{hint::black_box, time::Duration};

use criterion::{BatchSize, Criterion};
use proxyfix_benches::{Subject, Visitor, Workload};
use proxyfix_peers_bench::{results, title, visit, workloads};

struct Timer<'a> {
    criterion: &'a mut Criterion,
    workload: Workload,
}

impl Visitor for Timer<'_> {
    fn visit<S: Subject>(&mut self) {
        let Some(state) = S::state(&self.workload) else { return };
        let mut group = self.criterion.benchmark_group(title(&self.workload));
        group.bench_function(S::NAME, |bencher| {
            if size_of::<S::Input>() == 0 {
                let mut input = S::input(&state);
                bencher.iter(|| {
                    black_box(S::run(black_box(&state), &mut input));
                });
            } else {
                // A small batch, because an input may be 64 KiB long.
                let batch = BatchSize::NumIterations(64);
                let run = |input: &mut S::Input| drop(black_box(S::run(&state, input)));
                bencher.iter_batched_ref(|| S::input(&state), run, batch);
            }
        });
        group.finish();
    }
}

fn main() {
    results::write_requests();
    for pass in 0..results::PASSES {
        println!("pass {} of {}", pass + 1, results::PASSES);
        let mut criterion = Criterion::default()
            .sample_size(20)
            .nresamples(1_000)
            .warm_up_time(Duration::from_millis(50))
            .measurement_time(Duration::from_millis(150))
            .configure_from_args()
            .save_baseline(results::pass(pass));
        for workload in workloads() {
            visit(&mut Timer { criterion: &mut criterion, workload });
        }
        criterion.final_summary();
    }
}
