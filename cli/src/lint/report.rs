//! The findings for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Finding, Severity};
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
pub(super) fn text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for Finding { code, severity, at, reason, instead, .. } in findings {
        let (name, style) = match severity {
            Severity::Danger => ("danger", BAD),
            Severity::Warning => ("warning", WARN),
            Severity::Note => ("note", HELP),
        };
        let _ = writeln!(out, "{style}{name}[{code}]{style:#} {at}: {reason}");
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
