//! The inference: one pure function from a recording to a report. The prober, the page and `judge` share it.
//!
//! 1. [`headers`](Report::headers) says what the proxies make of each header.
//! 2. [`words`](Report::words) and [`line`](Report::line) are what follows. A line without a
//!    [proof](crate::proof) does not exist.
//! 3. [`findings`](Report::findings) say what is in the way, what is dangerous, and what cannot be seen. Each
//!    has a code and a section in `docs/DOCTOR.md`.

mod chain;
mod derive;
mod differences;
mod facts;
mod findings;
#[cfg(test)]
mod followed;
mod headers;
mod instead;
#[cfg(test)]
mod tests;

use serde::Serialize;

use self::derive::Unsent;
pub use self::{
    chain::{PROXIES, Place},
    derive::{Line, Words},
    findings::{CODES, Finding, Severity},
    headers::{Effect, Header},
};
use crate::{
    proof::is_direct,
    record::{Outcome, Recording},
};

/// What was asked by one way, and how much of it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The way, as findings name it.
    pub way: String,
    /// The listener.
    pub url: String,
    /// How many probes were sent.
    pub sent: usize,
    /// How many arrived.
    pub arrived: usize,
}

/// What the doctor says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The URL that was asked for.
    pub url: String,
    /// The chain, from the client to the application.
    pub chain: Vec<Place>,
    /// The names of proxies that showed themselves.
    pub names: Vec<&'static str>,
    /// What was asked.
    pub asked: Vec<Asked>,
    /// What the proxies make of each header.
    pub headers: Vec<Header>,
    /// The words that are proved, each by itself.
    pub words: Words,
    /// The line, if all of it is proved.
    pub line: Option<Line>,
    /// The line that fits what arrived, where this client cannot send all that a proof needs. It is not proved.
    pub unproved: Option<String>,
    /// What is to be said about it, the worst first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether something is in the way of a line.
    pub fn is_blocked(&self) -> bool {
        self.line.is_none()
    }
}

/// Derives everything from a recording.
///
/// ```
/// use proxyfix_doctor::{infer::infer, record::Recording};
///
/// let report = infer(&Recording::new("https://app.example/"));
/// assert!(report.line.is_none());
/// assert_eq!(report.findings[0].code, "no-answer");
/// ```
pub fn infer(recording: &Recording) -> Report {
    let headers = headers::headers(recording);
    let mut derived = derive::derive(recording, &headers, Unsent::Matters);
    // Without the way that clients use, nothing is proved. Where probes differ, no line fits all requests; where the
    // proxies are passed by, none helps.
    let hopeless = findings::is_closed(recording)
        || findings::is_passed(recording, &headers)
        || differences::differences(recording).first_read().is_some();
    if hopeless {
        derived.line = None;
    }
    let mut unproved = None;
    if !hopeless && derived.line.is_none() {
        let likely = derive::derive(recording, &headers, Unsent::Ignored);
        unproved = likely.line.map(|line| line.text);
    }
    derived.unproved.clone_from(&unproved);
    let findings = findings::findings(recording, &headers, &derived);
    let asked = |door: crate::record::Door<'_>| {
        let url = format!("{}://{}/", door.way.scheme, door.way.authority());
        let mut asked = Asked { way: recording.name(door), url, sent: 0, arrived: 0 };
        for exchange in recording.exchanges.iter().filter(|exchange| exchange.door() == door) {
            let sent = exchange.outcome != Outcome::NotSent;
            asked.sent = asked.sent.saturating_add(usize::from(sent));
            let arrived = exchange.outcome.arrived().is_some();
            asked.arrived = asked.arrived.saturating_add(usize::from(arrived));
        }
        asked
    };
    Report {
        url: recording.url.clone(),
        chain: chain::chain(recording, &headers, is_direct(recording)),
        names: chain::names(recording),
        asked: recording.doors().into_iter().map(asked).collect(),
        headers,
        words: derived.words,
        line: derived.line,
        unproved,
        findings,
    }
}
