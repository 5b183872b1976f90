//! The report for people.
//!
//! 1. A recording may be anybody's, so everything that comes from it is shown as printable ASCII on one line.

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
        let _ = writeln!(out, "{FAINT}{}{FAINT:#}", shown(asked));
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
        let seen = wrapped(&shown(&finding.seen), head.len() + 1, 2);
        let _ = writeln!(out, "\n{style}{head}{style:#} {seen}");
        let instead = finding.instead.lines().map(|line| wrapped(&shown(line), 6, 6));
        let instead: Vec<_> = instead.collect();
        let _ = writeln!(out, "  {HELP}do:{HELP:#} {}", instead.join("\n      "));
    }
    let _ =
        writeln!(out, "\n{FAINT}proxyfix doctor explain CODE says more about a finding{FAINT:#}");
    out
}

/// Rule 1. The mark of a cut stays.
fn shown(text: &str) -> String {
    let is_shown = |character: char| matches!(character, ' '..='~' | escape::CUT);
    let character = |character: char| {
        if is_shown(character) {
            character.to_string()
        } else {
            character.escape_unicode().to_string()
        }
    };
    text.chars().map(character).collect()
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
        let (title, detail) = (format!("[ {} ]", shown(&node.title)), shown(&node.detail));
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
        let (header, effect) = (shown(&row.header), shown(&row.effect));
        let _ = write!(out, "  {header:width$}  {style}{effect}{style:#}");
        if !row.honest.is_empty() {
            let space = effects.saturating_sub(row.effect.len());
            let _ = write!(out, "{:space$}  {FAINT}{}{FAINT:#}", "", shown(&row.honest));
        }
        out.push('\n');
    }
}

fn words(out: &mut String, view: &View<'_>) {
    let _ = writeln!(out, "\n{TITLE}What follows{TITLE:#}");
    for word in &view.words {
        let _ = match &word.word {
            Some(text) => writeln!(out, "  {:14} {}", word.value, shown(text)),
            None => writeln!(out, "  {:14} {BAD}{}{BAD:#}", word.value, word.why),
        };
    }
}
