//! The doctor behind every set-up of the lab: each proxy alone and each chain.
//!
//! 1. The derived line takes the place of the documented one, and the whole matrix must still hold.
//! 2. For each line of a recipe that is taken out, of a proxy alone and of each inner proxy of a chain, the doctor says
//!    what is in the way, or its line is still safe and true. These tests are ignored unless `DOCTOR_LINES=1`, because they take long; `.ci/run doctor` runs a part.
//! 3. `DOCTOR_PART=2/5` runs the second of five parts. Without it, everything runs.
//!
//! If a program is not installed, its tests are ignored and say so in their names. With
//! `INTEROP_ALL_PROXIES=1` they fail.

use std::{env, process::ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use proxyfix_interop::{
    Result,
    doctor::{Case, Without, blocks},
    matrix::family_of,
    program::all_must_be_there,
    programs,
    recipe::{Family, Recipe, chains, rows},
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match cases() {
        Ok(cases) => {
            let mut trials: Vec<_> = cases.iter().cloned().map(trial).collect();
            trials.extend(cases.iter().flat_map(lines));
            let trials = part(trials);
            libtest_mimic::run(&arguments, trials).exit_code()
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Every set-up of the lab.
fn cases() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for program in programs::ALL {
        let recipe = Recipe::read(program.name)?;
        for family in Family::ALL {
            if recipe.snippet(&[family.word()]).is_some() {
                let line = recipe.config(&[family.word()])?.to_owned();
                cases.push(Case { programs: vec![program], family, line });
            }
        }
    }
    for chain in chains()? {
        let known = chain.names.iter().map(|name| programs::named(name).ok_or(name));
        let programs = known.collect::<std::result::Result<Vec<_>, _>>();
        let programs = programs.map_err(|name| format!("chains.md: no program {name}"))?;
        let [line, _] = chain.configs;
        cases.push(Case { programs, family: family_of(&line), line });
    }
    Ok(cases)
}

fn trial(case: Case) -> Trial {
    let mut missing: Vec<&str> =
        case.programs.iter().flat_map(|program| program.missing()).collect();
    missing.sort_unstable();
    missing.dedup();
    let ignored = !missing.is_empty();
    let name = case.name();
    let title = if ignored { format!("{name} (needs {})", missing.join(", ")) } else { name };
    let test = move || {
        if ignored {
            return Err(Failed::from("not installed"));
        }
        run(check(&case)).map_err(|error| Failed::from(error.to_string()))
    };
    Trial::test(title, test).with_ignored_flag(ignored && !all_must_be_there())
}

/// The part of the trials that `DOCTOR_PART` names.
fn part(trials: Vec<Trial>) -> Vec<Trial> {
    let part = env::var("DOCTOR_PART").unwrap_or_default();
    let read =
        |(this, of): (&str, &str)| Some((this.parse::<usize>().ok()?, of.parse::<usize>().ok()?));
    let Some((this, of)) = part.split_once('/').and_then(read).filter(|(_, of)| *of > 0) else {
        return trials;
    };
    let mine = |(number, _): &(usize, Trial)| number % of == this % of;
    trials.into_iter().enumerate().filter(mine).map(|(_, trial)| trial).collect()
}

/// A test for each line of a recipe: of a proxy alone, and of each inner proxy of a chain. The outermost one has its usual
/// recipe, whose lines are taken out where it is alone.
fn lines(case: &Case) -> Vec<Trial> {
    let asked = env::var_os("DOCTOR_LINES").is_some_and(|value| value == "1");
    let missing = case.programs.iter().any(|program| !program.missing().is_empty());
    let hops = if case.programs.len() == 1 { 0..1 } else { 1..case.programs.len() };
    let of = |hop| case.lines(hop).unwrap_or_default().into_iter().map(move |line| (hop, line));
    let trial = |(hop, (number, line)): (usize, (usize, String))| {
        let place = if hop == 0 { String::new() } else { format!("{}: ", case.programs[hop].name) };
        let line = format!("{place}{line}");
        let (name, case) = (format!("{} without {line}", case.name()), case.clone());
        let test = move || match run(case.without(hop, number)) {
            Ok(None) => {
                println!("{}\twithout\t{line}\tdoes not run", case.name());
                Ok(())
            }
            Ok(Some(Without::Blocked(codes))) => {
                println!("{}\twithout\t{line}\t{}", case.name(), codes.join(", "));
                Ok(())
            }
            Ok(Some(Without::Line(derived, wrong))) if wrong.is_empty() => {
                println!("{}\twithout\t{line}\t{derived}", case.name());
                Ok(())
            }
            Ok(Some(Without::Line(derived, wrong))) => {
                println!("{}\twithout\t{line}\tWRONG {derived}", case.name());
                Err(Failed::from(format!("{derived}\n{}", wrong.join("\n"))))
            }
            Err(error) => Err(Failed::from(error.to_string())),
        };
        Trial::test(name, test).with_ignored_flag(!asked || missing)
    };
    hops.flat_map(of).map(trial).collect()
}

fn run<T>(test: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test)
}

async fn check(case: &Case) -> Result<()> {
    let (report, recording) = case.ask().await?;
    if let Some(folder) = env::var_os("DOCTOR_SAVE") {
        let path =
            std::path::Path::new(&folder).join(format!("{}.json", case.name().replace(' ', "-")));
        std::fs::write(path, serde_json::to_vec(&recording)?)?;
    }
    let Some(line) = report.line.as_ref() else {
        let findings: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| blocks(&report).contains(&finding.code))
            .map(|finding| format!("{}: {}", finding.code, finding.seen))
            .collect();
        println!("{}\t{}\tNONE {}", case.name(), case.line, findings.join("; "));
        return Err(format!("no line: {}", findings.join("\n")).into());
    };
    println!("{}\t{}\t{}", case.name(), case.line, line.text);
    // docs/DOCTOR.md lists each difference, with its reason.
    if line.text != case.line {
        let listed = rows("../DOCTOR")?
            .into_iter()
            .any(|row| row.first() == Some(&case.name()) && row.get(2) == Some(&line.text));
        if !listed {
            return Err(
                format!("docs/DOCTOR.md does not list {}: {}", case.name(), line.text).into()
            );
        }
    }
    let wrong = case.matrix(&line.text).await?;
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\n{}", line.text, wrong.join("\n")).into())
    }
}
