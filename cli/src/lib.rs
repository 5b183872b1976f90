//! The program `proxyfix`: what is believed of a request and why, what is dangerous in a
//! configuration, whether spoofed requests get through, and a reverse proxy. Its manual is `docs/CLI.md`. This
//! library exists only for the program and has no public interface of its own.
//!
//! 1. The answers are the library's: `explain` and `attack` run [`proxyfix::explain`] and
//!    [`proxyfix::fix_request`], and decide nothing themselves.
//! 2. What a stranger wrote reaches the terminal and JSON as printable ASCII (`escape`, `json`).
//! 3. No secret is printed: one of ours replaces it (`config`, `explain::secret`).
//! 4. Status 0 is good, 1 means that something was found, 2 is a fault of the call (`status`).
//!
//! Read `args` and `config` first, then the package `proxyfix-lint` (what a configuration says, and what is
//! dangerous in it), then the folder of each subcommand.

#![forbid(unsafe_code)]

mod args;
mod attack;
mod config;
mod doctor;
mod explain;
mod json;
mod keys;
mod lint;
mod model;
mod serve;
mod status;
mod style;

use std::process::ExitCode;

use proxyfix_doctor::escape;
use proxyfix_lint::{providers, settings};

use crate::args::{Arguments, Command};

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::of_process();
    arguments.color.write_global();
    let done = match &arguments.command {
        Command::Attack(attack) => attack::run(attack),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Explain(explain) => explain::run(explain),
        Command::Lint(lint) => lint::run(lint),
        Command::Serve(serve) => serve::run(serve),
    };
    done.unwrap_or_else(|failure| failure.report()).into()
}
