//! The report for people.

use std::fmt::Write as _;

use proxyfix_doctor::{
    escape,
    infer::{Report, Severity},
    view::{Node, View, view},
};

use crate::style::{BAD, FAINT, GOOD, HELP, TITLE, WARN};

/// The whole report.
pub(super) fn text(report: &Report) -> String {
    let view = view(report);
    let mut out = String::new();
    if !view.chain.is_empty() {
        picture(&mut out, &view.chain);
    }
    for asked in &view.asked {
        let _ = writeln!(out, "{FAINT}{asked}{FAINT:#}");
    }
    if !view.table.is_empty() {
        table(&mut out, &view);
        words(&mut out, &view);
    }
    match (view.line, &view.proof) {
        (Some(line), Some(proof)) => {
            let _ = writeln!(out, "\n{TITLE}The line{TITLE:#}\n\n  {GOOD}{line}{GOOD:#}\n");
            let proof = wrapped(&format!("proved: {proof}."), 2, 2);
            let _ = writeln!(out, "  {proof}");
        }
        _ => {
            let _ = writeln!(out, "\n{BAD}There is no line yet{BAD:#}: see what is in the way.");
        }
    }
    for finding in view.findings {
        let (name, style) = match finding.severity {
            Severity::Blocks => ("in the way", BAD),
            Severity::Warning => ("warning", WARN),
            Severity::Note => ("note", HELP),
        };
        let head = format!("{name}[{}]", finding.code);
        let seen = wrapped(&escape::lines(&finding.seen), head.len() + 1, 2);
        let _ = writeln!(out, "\n{style}{head}{style:#} {seen}");
        let instead = escape::lines(&finding.instead);
        let instead: Vec<_> = instead.lines().map(|line| wrapped(line, 6, 6)).collect();
        let _ = writeln!(out, "  {HELP}do:{HELP:#} {}", instead.join("\n      "));
    }
    let _ =
        writeln!(out, "\n{FAINT}proxyfix doctor explain CODE says more about a finding{FAINT:#}");
    out
}

/// The widest line of a text.
const WIDTH: usize = 100;

/// A text in lines of at most [`WIDTH`] columns. Its first line begins after so many columns, the others after so many
/// spaces.
fn wrapped(text: &str, first: usize, others: usize) -> String {
    let (mut out, mut column) = (String::new(), first);
    for word in text.split(' ') {
        let width = word.chars().count();
        if column + width > WIDTH && !out.is_empty() {
            out.pop();
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', others));
            column = others;
        }
        out.push_str(word);
        out.push(' ');
        column += width + 1;
    }
    out.pop();
    out
}

/// The chain, with the address of each below it.
fn picture(out: &mut String, chain: &[Node]) {
    let (mut top, mut bottom) = (String::new(), String::new());
    for (number, node) in chain.iter().enumerate() {
        if number > 0 {
            top.push_str(" → ");
            bottom.push_str("   ");
        }
        let (title, detail) = (format!("[ {} ]", node.title), &node.detail);
        let width = title.len().max(detail.len());
        let _ = write!(top, "{title:^width$}");
        let _ = write!(bottom, "{detail:^width$}");
    }
    let _ = writeln!(out, "{TITLE}{}{TITLE:#}\n{}\n", top.trim_end(), bottom.trim_end());
}

fn table(out: &mut String, view: &View<'_>) {
    let _ = writeln!(out, "\n{TITLE}What becomes of each header{TITLE:#}");
    let width = view.table.iter().map(|row| row.header.len()).max().unwrap_or_default();
    let effects = view.table.iter().map(|row| row.effect.len());
    let effects = effects.filter(|length| *length < 24).max().unwrap_or_default();
    for row in &view.table {
        let style = if row.passes { WARN } else { GOOD };
        let _ = write!(out, "  {:width$}  {style}{}{style:#}", row.header, row.effect);
        if !row.honest.is_empty() {
            let space = effects.saturating_sub(row.effect.len());
            let _ = write!(out, "{:space$}  {FAINT}{}{FAINT:#}", "", row.honest);
        }
        out.push('\n');
    }
}

fn words(out: &mut String, view: &View<'_>) {
    let _ = writeln!(out, "\n{TITLE}What follows{TITLE:#}");
    for word in &view.words {
        let _ = match &word.word {
            Some(text) => writeln!(out, "  {:14} {text}", word.value),
            None => writeln!(out, "  {:14} {BAD}in the way{BAD:#}", word.value),
        };
    }
}
