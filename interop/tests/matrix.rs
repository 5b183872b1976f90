//! Every recipe, in front of a real application, honest and attacked.
//!
//! 1. Each proxy is tested alone, in each mode, with its recipe for each family.
//! 2. Chains are tested by count and by walk.
//! 3. Inner proxies refuse everyone except the proxy in front, and withstand what that relays.
//! 4. Recipes also work beside the lines of Debian's packages.
//! 5. `docs/INTEROP.md` says what was seen. `INTEROP_WRITE=1` writes it.
//!
//! If a program is not installed, its tests are ignored and say so in their names. With
//! `INTEROP_ALL_PROXIES=1` they fail. The test fails if the table has other rows for the same versions.
//! Rows for other versions fail it only with `INTEROP_ALL_PROXIES=1`. `SHOW=1` shows each cell.

use std::{
    env,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Instant,
};

use libtest_mimic::{Arguments, Failed, Trial};
use proxyfix_interop::{
    Result,
    cell::{Cell, Seen, Verdict},
    debian, matrix,
    program::{Ability, Program, all_must_be_there},
    programs,
    recipe::{Chain, Family, Recipe, chains},
    relayed,
    report::{self, Row, Stale, Table},
};

/// The results so far.
type Rows = Arc<Mutex<Vec<Row>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let rows = Rows::default();
    let trials = match trials(&rows) {
        Ok(trials) => trials,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let start = Instant::now();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if whole {
        eprintln!("the whole matrix took {} s", start.elapsed().as_secs());
    }
    if whole && !conclusion.has_failed() {
        let rows = rows.lock().map(|rows| rows.clone()).unwrap_or_default();
        if let Err(error) = keep(&rows, conclusion.num_ignored == 0) {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    conclusion.exit_code()
}

fn trials(rows: &Rows) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for program in programs::ALL {
        let recipe = Recipe::read(program.name)?;
        for family in Family::ALL {
            if recipe.snippet(&[family.word()]).is_none() {
                continue;
            }
            let keep = keeper(rows, Table::Recipes, trials.len(), &[program]);
            let name = format!("{} {}", program.name, family.word());
            trials.push(trial(name, &[program], move || {
                let seen = run(matrix::single(program, family))?.unwrap_or_default();
                let recipe = format!("[{}](recipes/{}.md)", family.word(), program.name);
                keep(vec![program.title.to_owned(), program.version()?, recipe], &seen.cells)?;
                Ok(wrong(&seen, Cell::passes))
            }));
        }
    }
    for Chain { names, configs } in chains()? {
        let known = names.iter().map(|name| programs::named(name).ok_or(name));
        let known = known.collect::<std::result::Result<Vec<_>, _>>();
        let known = known.map_err(|name| format!("chains.md: no program {name}"))?;
        for config in configs {
            let keep = keeper(rows, Table::Chains, trials.len(), &known);
            let how = if config.contains("walk") { "walk" } else { "count" };
            let of = if config.contains("forwarded=") { " of Forwarded" } else { "" };
            let name = format!("{}, by {how}{of}", names.join(" and "));
            let (title, programs) = (names.join(" → "), known.clone());
            trials.push(trial(name, &known, move || {
                let seen = run(matrix::chain(&programs, &config))?;
                keep(vec![title, format!("`{config}`")], &seen.cells)?;
                Ok(wrong(&seen, Cell::passes))
            }));
        }
    }
    for name in debian::NAMES {
        let program = programs::named(name).ok_or(name)?;
        for family in Family::ALL {
            let name = format!("{name} on Debian, {}", family.word());
            trials.push(trial(name, &[program], move || {
                Ok(wrong(&run(debian::edge(program, family))?, Cell::passes))
            }));
        }
    }
    for program in programs::ALL {
        if program.can(Ability::Restrict) {
            let name = format!("{} refuses strangers", program.name);
            trials.push(trial(name, &[program], move || {
                // Here a proxy may hang up, because the client is not the proxy in front.
                let refused = |cell: &Cell| {
                    matches!(cell.verdict, Verdict::Refused(None | Some(101 | 400..500)))
                };
                Ok(wrong(&run(matrix::stranger(program))?, refused))
            }));
        }
        trials.push(trial(format!("{} behind a relay", program.name), &[program], move || {
            Ok(wrong(&run(relayed::relayed(program))?, |cell| {
                let becomes = cell.verdict == Verdict::Refused(Some(101));
                // One proxy has no option against the upgrade, and its document says so.
                let upgrades =
                    !program.can(Ability::Stay) && cell.request.starts_with("an upgrade");
                if upgrades { becomes } else { !becomes && cell.passes() }
            }))
        }));
    }
    Ok(trials)
}

/// A test of these programs. It returns what is wrong.
fn trial(
    name: String,
    programs: &[&'static Program],
    test: impl FnOnce() -> Result<Vec<String>> + Send + 'static,
) -> Trial {
    let mut missing: Vec<&str> = programs.iter().flat_map(|program| program.missing()).collect();
    missing.sort_unstable();
    missing.dedup();
    let missing = missing.join(", ");
    let ignored = !missing.is_empty();
    let title = if ignored { format!("{name} (needs {missing})") } else { name };
    let test = move || {
        if ignored {
            return Err(Failed::from(format!("not installed: {missing}")));
        }
        match test() {
            Ok(wrong) if wrong.is_empty() => Ok(()),
            Ok(wrong) => Err(wrong.join("\n").into()),
            Err(error) => Err(error.to_string().into()),
        }
    };
    Trial::test(title, test).with_ignored_flag(ignored && !all_must_be_there())
}

fn run<T>(test: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test)
}

fn wrong(seen: &Seen, right: impl Fn(&Cell) -> bool) -> Vec<String> {
    if env::var_os("SHOW").is_some() {
        for cell in &seen.cells {
            eprintln!("{cell}");
        }
    }
    seen.wrong(right)
}

/// Makes a function that keeps a row about these programs, for this place in this table.
fn keeper(
    rows: &Rows,
    table: Table,
    order: usize,
    programs: &[&'static Program],
) -> impl FnOnce(Vec<String>, &[Cell]) -> Result<()> + use<> {
    let (rows, programs) = (Arc::clone(rows), programs.to_vec());
    move |what, cells| {
        let versions = programs.iter().map(|program| Ok((program.title, program.version()?)));
        let programs = versions.collect::<Result<_>>()?;
        if let Ok(mut rows) = rows.lock() {
            rows.push(Row { order, table, programs, what, cells: cells.to_vec() });
        }
        Ok(())
    }
}

/// Writes the table, or compares it. Different rows for other versions of the programs are only a note,
/// unless all programs must be installed.
fn keep(rows: &[Row], complete: bool) -> Result<()> {
    if env::var_os("INTEROP_WRITE").is_some_and(|value| value == "1") {
        return if complete {
            report::write(rows)
        } else {
            Err("docs/INTEROP.md is not written: not every program is installed".into())
        };
    }
    let Stale { changed, newer } = report::stale(rows)?;
    let more = complete && report::has_more(rows)?;
    let stale = !changed.is_empty() || (more && newer.is_empty());
    if newer.is_empty() && !stale {
        return Ok(());
    }
    let text = format!(
        "docs/INTEROP.md is stale; INTEROP_WRITE=1 writes it. It lacks:\n{}",
        [changed, newer].concat().join("\n")
    );
    if stale || all_must_be_there() {
        return Err(text.into());
    }
    eprintln!("{text}");
    Ok(())
}
