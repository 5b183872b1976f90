//! Runs the real peer crates on the inputs in `cases/`, prints every answer, and fails if one differs from
//! the recorded answer.

mod case;
mod peers;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cases = case::load();
    let peers = peers::all();

    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        None => {}
        Some("--table") => {
            print!("{}", table::markdown(&cases));
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            eprintln!("unknown argument {other:?}; the only one is --table");
            return ExitCode::FAILURE;
        }
    }

    set_hook(Box::new(|_| {})); // the panics are answers, not noise
    let mut answers = 0;
    let mut failures = Vec::new();

    for case in &cases {
        println!("{}: {}", case.name, case.lines.join(" | "));
        let lines = case.parsed_lines();
        for peer in &peers {
            let label = peer.label();
            let Some(expected) = case.expected.get(&label) else {
                continue;
            };
            let answer = catch_unwind(AssertUnwindSafe(|| (peer.ask)(&lines)))
                .unwrap_or_else(|_| "panic".to_owned());
            let verdict = case.verdict(&answer);
            println!(
                "    {label}, {call}: {answer} (truth {truth}): {verdict}",
                call = peer.call,
                truth = case.truth,
            );
            answers += 1;
            if answer != *expected {
                failures.push(format!("{}: {label}: recorded {expected}, got {answer}", case.name));
            }
        }
        for label in case.expected.keys() {
            let known = peers.iter().any(|peer| peer.label() == *label);
            let by_script = label.starts_with("werkzeug ") || label.starts_with("express ");
            if !known && !by_script {
                failures.push(format!("{}: no peer is called {label}", case.name));
            }
        }
    }

    failures.extend(peers.iter().filter_map(peers::Peer::check_version));
    failures.extend(table::check_document(&cases));

    println!("{} cases, {answers} answers, {} failures", cases.len(), failures.len());
    for failure in &failures {
        println!("FAILED {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
