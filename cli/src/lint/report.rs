//! The findings for people and for programs.

use std::fmt::Write as _;

use proxyfix::Config;
use serde::Serialize;

use proxyfix_lint::{Finding, Severity, settings::Settings};

use crate::style::{BAD, FAINT, GOOD, HELP, WARN};

/// The answer for programs.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    config: String,
    findings: &'a [Finding],
}

impl<'a> Answer<'a> {
    pub(super) fn new(config: String, findings: &'a [Finding]) -> Self {
        Self { config, findings }
    }
}

/// The findings for people.
pub(super) fn text(findings: &[Finding], config: &Config) -> String {
    let mut out = String::new();
    let ways: Vec<_> = Settings::of_ways(config).iter().map(Settings::place_in_words).collect();
    for Finding { code, severity, way, at, reason, instead, .. } in findings {
        let (name, style) = match severity {
            Severity::Danger => ("danger", BAD),
            Severity::Warning => ("warning", WARN),
            Severity::Note => ("note", HELP),
        };
        let way = way.and_then(|number| ways[number - 1].as_ref());
        let way = way.map_or_else(String::new, |way| format!("{way}, "));
        let _ = writeln!(out, "{style}{name}[{code}]{style:#} {way}{at}: {reason}");
        let _ = writeln!(out, "  {HELP}instead:{HELP:#} {instead}");
        let _ = writeln!(out, "  {FAINT}more: proxyfix lint --explain {code}{FAINT:#}\n");
    }
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let (dangers, warnings, notes) =
        (count(Severity::Danger), count(Severity::Warning), count(Severity::Note));
    let style = if dangers + warnings == 0 { GOOD } else { BAD };
    let clean = if dangers + warnings == 0 { "clean" } else { "not clean" };
    let _ = writeln!(
        out,
        "{style}{clean}{style:#}: dangers: {dangers}, warnings: {warnings}, notes: {notes}"
    );
    out
}
