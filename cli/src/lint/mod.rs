//! `proxyfix lint`: what is dangerous in a configuration, and what to write instead.
//!
//! 1. The library refuses a configuration that contradicts itself. `lint` is about configurations that are
//!    valid, and may still be wrong for a network.
//! 2. A *danger* believes strangers in every network. A *warning* believes them in some, or gives up a part
//!    of the security property. A *note* is something to know, and is right in many networks.
//! 3. Each finding has a stable code, and a section of that name in `docs/LINT.md`, which `--explain`
//!    prints.
//! 4. Each way in is checked by itself, and a finding says which one it is about.
//! 5. [`proxies`] checks who is believed, [`headers`] what is believed, [`conditional`] trust on a
//!    condition, and [`policies`] the other keys.

mod conditional;
mod headers;
mod policies;
mod proxies;
mod report;

use std::io::{self, Write};

use proxyfix::Config;
use serde::Serialize;

use crate::{
    args::Lint,
    json,
    settings::Settings,
    status::{Failure, Status},
};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Note,
    Warning,
    Danger,
}

/// What one rule looks for.
struct Rule {
    code: &'static str,
    severity: Severity,
    check: Check,
}

/// How it is found.
enum Check {
    /// By looking at several keys.
    Find(fn(&Subject<'_>) -> Vec<Found>),
    /// By one key, and by its value if one is given.
    Setting {
        key: &'static str,
        value: Option<&'static str>,
        reason: &'static str,
        instead: &'static str,
    },
}

impl Check {
    fn run(&self, subject: &Subject<'_>) -> Vec<Found> {
        match self {
            Self::Find(find) => find(subject),
            Self::Setting { key, value, reason, instead } => {
                let set = subject.settings.get(key);
                let set = set.filter(|set| value.is_none_or(|value| value == *set));
                let found = |set| Found::new(format!("{key}={set}"), *reason, *instead);
                set.map(found).into_iter().collect()
            }
        }
    }
}

/// The way in that is checked.
struct Subject<'a> {
    /// The whole configuration as it was written.
    text: &'a str,
    settings: Settings,
}

/// What a rule found.
struct Found {
    /// The words of the configuration.
    at: String,
    reason: String,
    instead: String,
    /// The severity, if it is worse than that of the rule.
    severity: Option<Severity>,
}

impl Found {
    fn new(at: impl Into<String>, reason: impl Into<String>, instead: impl Into<String>) -> Self {
        let (at, reason, instead) = (at.into(), reason.into(), instead.into());
        Self { at, reason, instead, severity: None }
    }

    fn with_severity(self, severity: Severity) -> Self {
        Self { severity: Some(severity), ..self }
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    code: &'static str,
    severity: Severity,
    /// Which way in it is about, from 1, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<usize>,
    at: String,
    reason: String,
    instead: String,
    docs: String,
}

/// All rules.
fn rules() -> impl Iterator<Item = Rule> {
    proxies::RULES
        .into_iter()
        .chain(headers::RULES)
        .chain(policies::RULES)
        .chain(conditional::RULES)
}

/// The codes of all findings.
pub(crate) fn codes() -> Vec<&'static str> {
    rules().map(|rule| rule.code).collect()
}

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

/// The findings about a configuration, the worst first.
fn lint(text: &str, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for settings in Settings::of_ways(config) {
        let way = settings.place().map(|(number, _)| number);
        let subject = Subject { text, settings };
        for rule in rules() {
            for Found { at, reason, instead, severity } in rule.check.run(&subject) {
                let docs = format!("docs/LINT.md#{}", rule.code);
                let (code, severity) = (rule.code, severity.unwrap_or(rule.severity));
                findings.push(Finding { code, severity, way, at, reason, instead, docs });
            }
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

#[cfg(test)]
mod tests;
