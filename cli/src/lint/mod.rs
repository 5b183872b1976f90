//! `proxyfix lint`: the findings of [`proxyfix_lint`] about a configuration. `--explain` prints their sections in
//! `docs/LINT.md`.

mod report;

use std::io::{self, Write};

pub(crate) use proxyfix_lint::codes;
use proxyfix_lint::{Severity, lint};

use crate::{
    args::Lint,
    json,
    status::{Failure, Status},
};

/// The document with a section for each finding, by a symbolic link to the file in `docs/`.
const SECTIONS: &str = include_str!("LINT.md");

/// What the document says of a finding.
fn section(code: &str) -> Option<&'static str> {
    let mut sections = SECTIONS.split("\n## ").skip(1);
    sections.find(|section| section.lines().next() == Some(code)).map(str::trim_end)
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Lint) -> Result<Status, Failure> {
    let mut out = anstream::stdout().lock();
    if let Some(code) = &arguments.explain {
        let section = section(code).unwrap_or_default();
        return Status::Good.written(writeln!(out, "{section}"));
    }
    let given = arguments.config.read()?;
    let mut findings = lint(&given.text, &given.config);
    findings.retain(|finding| !arguments.allow.contains(&finding.code.to_owned()));
    let bad = findings.iter().any(|finding| finding.severity >= Severity::Warning);
    let status = if bad { Status::Found } else { Status::Good };
    status.written(if arguments.json {
        let answer = report::Answer::new(given.config.to_string(), &findings);
        json::line(&mut io::stdout().lock(), &answer)
    } else {
        out.write_all(report::text(&findings, &given.config).as_bytes())
    })
}

#[cfg(test)]
mod tests;
