//! Every recipe, in front of a real application, honest and attacked.
//!
//! A program that is not installed makes its tests ignored, by name; with
//! `PROXYFIX_ALL_PROXIES=1` it makes them fail.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use proxyfix_interop::{
    Result,
    matrix::{self, Cell},
    program::Program,
    programs,
    recipe::Family,
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for program in programs::ALL {
        for family in Family::ALL {
            let name = format!("{} {}", program.name, family.word());
            trials.push(trial(name, vec![program], move || {
                run(async move { matrix::single(program, family).await })
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(
    name: String,
    programs: Vec<&'static Program>,
    test: impl FnOnce() -> Result<Option<Vec<Cell>>> + Send + 'static,
) -> Trial {
    let missing: Vec<&str> = programs.iter().flat_map(|program| program.missing()).collect();
    let ignored = !missing.is_empty();
    let title = if ignored { format!("{name} (needs {})", missing.join(", ")) } else { name };
    Trial::test(title, move || {
        let cells = test().map_err(|error| Failed::from(error.to_string()))?;
        let Some(cells) = cells else { return Ok(()) };
        let wrong: Vec<String> =
            cells.iter().filter(|cell| !cell.passes()).map(Cell::to_string).collect();
        for cell in &cells {
            if std::env::var_os("SHOW").is_some() {
                eprintln!("{cell}");
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
    })
    .with_ignored_flag(ignored)
}

fn run<T>(test: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test)
}
