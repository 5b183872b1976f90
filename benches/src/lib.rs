//! What proxyfix costs: the workloads, the subjects that run them, and how they are counted.
//!
//! 1. A [`Workload`] is a request as it arrives, the addresses that are trusted, and the right answer.
//! 2. A [`Subject`] is a program that decides about it: proxyfix, the [cheapest correct code](limit),
//!    and in `peers/bench` the crates of others. Its answer is checked before its cost counts.
//! 3. [`count`] counts instructions and allocations; `resolve.rs` and `peers/bench` measure times.
//!
//! Read in this order: `workload.rs`, `subject.rs`, `ours.rs`, `limit/`, `callgrind.rs`, `count.rs`,
//! `file.rs`, `gate.rs`, `document.rs`, then `bin/counts/`.

mod callgrind;
pub mod count;
pub mod document;
pub mod file;
pub mod gate;
pub mod limit;
pub mod ours;
mod subject;
mod workload;

pub use self::{
    subject::{Answer, Gives, Subject, Verdict, Visitor, poll},
    workload::{Beside, Line, WORKLOADS, Workload},
};
