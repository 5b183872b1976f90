//! The tables and the plot in `docs/PERFORMANCE.md` that include the peers.
//!
//!     cargo bench --manifest-path peers/bench/Cargo.toml
//!     python3 peers/werkzeug_bench.py
//!     cargo run --release --manifest-path peers/bench/Cargo.toml --bin report -- ratios --write
//!     cargo run --release --manifest-path peers/bench/Cargo.toml --bin report -- growth

mod growth;
mod ratios;

use clap::{Parser, Subcommand};
use proxyfix_benches::count::{Work, Worker};
use proxyfix_peers_bench::visit;

/// Compares the cost of proxyfix and the peers on the same requests
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints the tables of ratios; needs the results of `cargo bench`, and valgrind
    Ratios {
        /// Also writes the tables to docs/PERFORMANCE.md
        #[arg(long)]
        write: bool,
    },
    /// Draws docs/performance/growth.svg; needs valgrind
    Growth,
    /// Runs under callgrind
    Worker(Work),
}

fn main() {
    match Arguments::parse().command {
        Command::Ratios { write } => ratios::run(write),
        Command::Growth => growth::draw().expect("the plot is drawn"),
        Command::Worker(work) => visit(&mut Worker::new(work)),
    }
}
