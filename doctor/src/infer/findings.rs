//! Findings: what is in the way of a line, what is dangerous, and what the doctor cannot see.
//!
//! 1. Each has a code, a line of what was seen, and what to do; `docs/DOCTOR.md` has a section for each code.
//! 2. *Blocks*: there is no line until it is changed. *Warning*: the line may be wrong elsewhere. *Note*: good to
//!    know.
//! 3. `blocks`, `closed`, `client`, `values` and `past` say what is in the way, `notes` the rest.

mod blocks;
mod client;
mod closed;
mod gateway;
mod notes;
mod past;
mod values;

use serde::Serialize;

use super::{derive::Derived, headers::Header};
use crate::record::Recording;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// The line may be wrong elsewhere, or at another time.
    Warning,
    /// There is no line because of it.
    Blocks,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its stable name.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was seen, in one line.
    pub seen: String,
    /// What to do, in a line or a few.
    pub instead: String,
    /// Where the documents explain it.
    pub docs: String,
}

impl Finding {
    fn new(
        code: &'static str,
        severity: Severity,
        seen: impl Into<String>,
        instead: impl Into<String>,
    ) -> Self {
        let (seen, instead) = (seen.into(), instead.into());
        Self { code, severity, seen, instead, docs: format!("docs/DOCTOR.md#{code}") }
    }
}

/// The codes of all findings, in the order of the document.
pub const CODES: [&str; 35] = [
    "no-answer",
    "way-closed",
    "login",
    "untried",
    "needs-command",
    "same-address",
    "tunnel",
    "proxy-protocol",
    "unstable",
    "client-unconfirmed",
    "client-passed",
    "client-conditional",
    "client-overwritten",
    "client-missing",
    "scheme-passed",
    "scheme-conditional",
    "scheme-overwritten",
    "scheme-missing",
    "host-lost",
    "port-lost",
    "unproved",
    "conditional",
    "several-peers",
    "several-instances",
    "shared-gateway",
    "kept",
    "prefix-lost",
    "passed",
    "underscores",
    "connection",
    "target-relayed",
    "refused",
    "redirects",
    "not-asked",
    "unseen",
];

/// Everything that is to be said, the worst first.
pub(super) fn findings(
    recording: &Recording,
    headers: &[Header],
    derived: &Derived,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if derived.line.is_none() {
        findings.extend(blocks::blocks(recording, headers, derived));
    }
    if recording.honest().next().is_some() {
        let closed = closed::closed(recording).into_iter();
        findings.extend(closed.filter(|finding| finding.severity != Severity::Blocks));
    }
    findings.extend(notes::notes(recording, headers, derived));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Whether a client gets past the proxies, so that no line can help.
pub(super) fn is_passed(recording: &Recording, headers: &[Header]) -> bool {
    !past::past(recording, headers).is_empty()
}

/// Whether the way that clients use is closed.
pub(super) fn is_closed(recording: &Recording) -> bool {
    closed::closed(recording).iter().any(|finding| finding.severity == Severity::Blocks)
}
