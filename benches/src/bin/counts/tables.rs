//! The tables of `docs/PERFORMANCE.md` that come from the counts.

use proxyfix_benches::{
    WORKLOADS,
    document::{self, grouped, table},
    file::{Counts, ratio},
};

/// The parts of the document, by name.
fn parts(counts: &Counts) -> [(&'static str, String); 3] {
    [("counts", decisions(counts)), ("rewriting", rewriting(counts)), ("steps", steps(counts))]
}

pub(crate) fn write(counts: &Counts) {
    for (name, text) in parts(counts) {
        document::replace(name, &text);
    }
}

/// The parts that differ from the file.
pub(crate) fn stale(counts: &Counts) -> Vec<String> {
    let stale = parts(counts).into_iter().filter(|(name, text)| document::part(name) != *text);
    stale.map(|(name, _)| format!("docs/PERFORMANCE.md, {name}: not what the file says")).collect()
}

fn head<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

/// The decision beside the limit.
fn decisions(counts: &Counts) -> String {
    let titles = head([
        "name",
        "workload",
        "instructions",
        "allocations",
        "limit",
        "ratio",
        "first probe",
        "ratio to it",
        "browser",
    ]);
    let rows = WORKLOADS.iter().map(|(name, about)| {
        let ours = counts.row("resolve", name, "ten");
        let limit = counts.find("limit", name, "ten");
        let number = |number: Option<u64>| number.map_or_else(String::new, grouped);
        let ratio =
            |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        vec![
            (*name).to_owned(),
            (*about).to_owned(),
            grouped(ours.instructions),
            ours.allocations.to_string(),
            number(limit.map(|limit| limit.instructions)),
            ratio(limit.map(|limit| self::ratio(ours.instructions, limit.instructions))),
            number(ours.limit),
            ratio(ours.ratio),
            grouped(counts.row("resolve", name, "browser").instructions),
        ]
    });
    table([titles].into_iter().chain(rows))
}

/// The rewriting and the layer; instructions, and allocations in brackets.
fn rewriting(counts: &Counts) -> String {
    let subjects = ["fix_request", "fix_request, keep", "layer", "no layer", "limit, rewritten"];
    let titles = ["name"].into_iter().chain(subjects).map(str::to_owned).collect();
    let rows = WORKLOADS.iter().map(|(name, _)| {
        let cells = subjects.map(|subject| {
            counts.find(subject, name, "ten").map_or_else(String::new, |row| {
                format!("{} ({})", grouped(row.instructions), row.allocations)
            })
        });
        [(*name).to_owned()].into_iter().chain(cells).collect::<Vec<_>>()
    });
    table([titles].into_iter().chain(rows))
}

fn signed(number: i64) -> String {
    format!("{}{}", if number < 0 { "-" } else { "" }, grouped(number.unsigned_abs()))
}

fn steps(counts: &Counts) -> String {
    let titles = head(["step", "instructions", "allocations"]);
    let rows = counts.steps.iter().map(|step| {
        vec![step.step.clone(), signed(step.instructions), step.allocations.to_string()]
    });
    table([titles].into_iter().chain(rows))
}
