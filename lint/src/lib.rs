//! The rules of `proxyfix lint`: what is dangerous in a configuration, and what to write instead.
//!
//! 1. The library refuses a configuration that contradicts itself. These rules are about configurations that
//!    are valid, and may still be wrong for a network.
//! 2. A *danger* believes strangers in every network. A *warning* believes them in some, or gives up a part
//!    of the security property. A *note* is something to know, and is right in many networks.
//! 3. Each finding has a stable code, and a section of that name in `docs/LINT.md`.
//! 4. Each way in is checked by itself, and a finding says which one it is about.
//! 5. `proxies` checks who is believed, `headers` what is believed, `conditional` trust on a condition, and
//!    `policies` the other keys.
//!
//! The program `proxyfix` and the doctor share [`lint`], [`settings`] (what a configuration says, key by key)
//! and [`providers`] (the networks that providers publish). Other programs should not rely on these two.

#![forbid(unsafe_code)]

mod conditional;
mod headers;
mod policies;
pub mod providers;
mod proxies;
pub mod settings;

use proxyfix::Config;
use serde::Serialize;

use crate::settings::Settings;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something to know.
    Note,
    /// Believes strangers in some networks.
    Warning,
    /// Believes strangers in every network.
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
#[non_exhaustive]
pub struct Finding {
    /// Its stable name.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Which way in it is about, from 1, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<usize>,
    /// The words of the configuration that it is about.
    pub at: String,
    /// Why they are wrong.
    pub reason: String,
    /// What to write instead.
    pub instead: String,
    /// Where the documents explain it.
    pub docs: String,
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
pub fn codes() -> Vec<&'static str> {
    rules().map(|rule| rule.code).collect()
}

/// The findings about a configuration, the worst first. `text` is the configuration as it was written.
///
/// ```
/// let text = "proxies=any for=1 proto=1";
/// let findings = proxyfix_lint::lint(text, &text.parse()?);
/// assert_eq!(findings[0].code, "every-peer");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn lint(text: &str, config: &Config) -> Vec<Finding> {
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
