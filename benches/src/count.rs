//! The instructions of one run of a subject.
//!
//! A program that counts runs itself again under callgrind, as a worker. The worker makes the input,
//! and only instructions inside `counted_run` count. The allocator of such a program counts
//! allocations, which costs some instructions for each of them.

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
    /// What is trusted, instead of what the workload says.
    #[arg(long)]
    trust: Option<String>,
}

/// So many that work done only once, such as detecting the features of the processor, costs nothing.
pub const RUNS: u64 = 50;

/// The instructions of one run inside `counted_run`, if this program runs it so often when it is called with
/// these arguments.
///
/// # Panics
/// If there is no valgrind, or the program fails.
pub fn instructions_of(arguments: &[&str]) -> u64 {
    callgrind::instructions(arguments, &[], Some("*counted_run*")) / RUNS
}

#[inline(never)]
fn counted_run<S: Subject>(state: &S::State, input: &mut S::Input) {
    black_box(S::run(black_box(state), input));
}

/// Runs a subject in the same way for a worker and for the count of allocations.
pub fn run<S: Subject>(state: &S::State, input: &mut S::Input) {
    black_box(S::run(black_box(state), input));
}

/// The instructions of one run.
///
/// # Panics
/// If there is no valgrind, or the worker fails.
pub fn instructions<S: Subject>(workload: &Workload) -> u64 {
    let mut arguments = vec!["worker", "--subject", S::NAME, "--workload", &workload.name];
    arguments.extend(["--trust", &workload.trust]);
    if workload.beside == Beside::Browser {
        arguments.push("--browser");
    }
    instructions_of(&arguments)
}

/// A worker. It does its work when it meets its subject.
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
