//! The tables and the plot of `docs/PERFORMANCE.md` that have the peers in them.
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

/// What proxyfix and the peers cost on the same requests
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints the tables of ratios; needs what `cargo bench` has left, and valgrind
    Ratios {
        /// Writes the tables of docs/PERFORMANCE.md too
        #[arg(long)]
        write: bool,
    },
    /// Draws docs/performance/growth.svg; needs valgrind
    Growth,
    /// What runs under callgrind
    Worker(Work),
}

fn main() {
    match Arguments::parse().command {
        Command::Ratios { write } => ratios::run(write),
        Command::Growth => growth::draw().expect("the plot is drawn"),
        Command::Worker(work) => visit(&mut Worker::new(work)),
    }
}
