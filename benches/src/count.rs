//! The instructions of one run of a subject.
//!
//! A program that counts runs itself again under callgrind, as a worker: the worker makes the input,
//! and only what is below `counted_run` counts. The allocator of such a program counts allocations,
//! which costs each of them some instructions.

use std::hint::black_box;

use clap::Args;

use crate::{Beside, Subject, Visitor, Workload, callgrind};

/// What a worker runs.
#[derive(Args, Clone, Debug, Default)]
pub struct Work {
    #[arg(long, default_value = "")]
    subject: String,
    #[arg(long, default_value = "")]
    workload: String,
    /// A browser's headers beside the forwarding ones.
    #[arg(long)]
    browser: bool,
    /// What is trusted, in place of what the workload says.
    #[arg(long)]
    trust: Option<String>,
}

/// So that what is called once only, such as the look at what the processor can, costs nothing.
const RUNS: u64 = 50;

#[inline(never)]
fn counted_run<S: Subject>(state: &S::State, input: &mut S::Input) {
    black_box(S::run(black_box(state), input));
}

/// Runs a subject as a worker does, or as what counts allocations does.
pub fn run<S: Subject>(state: &S::State, input: &mut S::Input) {
    black_box(S::run(black_box(state), input));
}

/// The instructions of one run.
///
/// # Panics
/// Where there is no valgrind, or the worker fails.
pub fn instructions<S: Subject>(workload: &Workload) -> u64 {
    let mut arguments = vec!["worker", "--subject", S::NAME, "--workload", &workload.name];
    arguments.extend(["--trust", &workload.trust]);
    if workload.beside == Beside::Browser {
        arguments.push("--browser");
    }
    callgrind::instructions(&arguments, &[], Some("*counted_run*")) / RUNS
}

/// A worker, which does its work when it meets its subject.
#[derive(Debug)]
pub struct Worker(Work);

impl Worker {
    pub fn new(work: Work) -> Self {
        Self(work)
    }
}

impl Visitor for Worker {
    fn visit<S: Subject>(&mut self) {
        let Self(work) = self;
        if work.subject != S::NAME {
            return;
        }
        let beside = if work.browser { Beside::Browser } else { Beside::Ten };
        let mut workload = Workload::new(&work.workload, beside);
        if let Some(trust) = &work.trust {
            workload = workload.trusting(trust);
        }
        let state = S::state(&workload).expect("a subject that can do such work");
        run::<S>(&state, &mut S::input(&state));
        for _ in 0..RUNS {
            counted_run::<S>(&state, &mut S::input(&state));
        }
    }
}
