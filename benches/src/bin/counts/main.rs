//! The gate of counts: compares instructions under callgrind and allocations, for each subject and
//! workload, with `benches/counts.toml`.
//!
//!     cargo run --release --locked -p proxyfix-benches --bin counts              # compares
//!     cargo run --release --locked -p proxyfix-benches --bin counts -- --write   # records
//!
//! [`proxyfix_benches::gate`] says what fails. The tables of `docs/PERFORMANCE.md` that are made from the
//! file must also match it.

mod measure;
mod tables;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use proxyfix_benches::{
    count::{Work, Worker},
    file::{Counts, File},
    gate::{self, Compared},
};

/// Compares instructions and allocations of proxyfix with benches/counts.toml
#[derive(Parser)]
struct Arguments {
    /// Records the counts, and writes the tables of docs/PERFORMANCE.md
    #[arg(long)]
    write: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs one subject under callgrind
    Worker(Work),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Command::Worker(work)) = arguments.command {
        measure::visit(&mut Worker::new(work));
        return ExitCode::SUCCESS;
    }
    let found = measure::all();
    if arguments.write {
        found.write(File::Core);
        tables::write(&found);
        return ExitCode::SUCCESS;
    }
    let recorded = Counts::read();
    let Compared { mut failures, notes } = gate::compare(&recorded, &found);
    for note in notes {
        println!("{note}");
    }
    failures.extend(tables::stale(&recorded));
    println!("{} counts, {} failures", found.counts.len(), failures.len());
    for failure in &failures {
        println!("FAILED {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
