//! The table in `docs/COMPARISON.md`.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::case::Case;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/COMPARISON.md");

pub fn markdown(cases: &[Case]) -> String {
    let mut text = String::from(
        "| # | Field lines as received | Truth | Who answers what | proxyfix | Our test |\n\
         |---|---|---|---|---|---|\n",
    );
    for (index, case) in cases.iter().enumerate() {
        writeln!(
            text,
            "| {} | {} | {} | {} | `{}`: {} | `peers::{}` |",
            index + 1,
            code_lines(&case.lines),
            case.truth,
            answers(case),
            case.config,
            case.proxyfix,
            case.name,
        )
        .expect("a string takes all text");
    }
    text
}

fn code_lines(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("`{line}`")).collect();
    lines.join("<br>")
}

/// One line for each different answer, the right one first.
fn answers(case: &Case) -> String {
    if case.expected.is_empty() {
        return "as in the row above".to_owned();
    }
    let mut by_answer: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (label, answer) in &case.expected {
        by_answer.entry(answer).or_default().push(label);
    }
    let mut groups: Vec<_> = by_answer.into_iter().collect();
    groups.sort_by_key(|(answer, _)| *answer != case.truth);
    let groups: Vec<String> = groups
        .into_iter()
        .map(|(answer, labels)| format!("{} → `{answer}`", labels.join(", ")))
        .collect();
    groups.join("<br>")
}

/// Checks that the document has every row of this table.
pub fn check_document(cases: &[Case]) -> Vec<String> {
    let Ok(document) = std::fs::read_to_string(DOCUMENT) else {
        return vec![format!("{DOCUMENT} cannot be read")];
    };
    markdown(cases)
        .lines()
        .filter(|row| !document.lines().any(|line| line == *row))
        .map(|row| format!("COMPARISON.md lacks this row (see --table): {row}"))
        .collect()
}
