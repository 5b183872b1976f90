//! The requests of http-desync-guardian's tests, with what it says of each: severe, ambiguous, acceptable,
//! compliant.
//!
//! 1. Nothing of a severe request reaches upstream.
//! 2. What reaches upstream of another one is one request with one framing, and the next request on the connection
//!    arrives as it was sent.
//! 3. A compliant or acceptable request is answered, unless a row of [`REFUSED`] says why not.
//!
//! The corpus has heads alone. A body is added where `Content-Length` or `Transfer-Encoding` is as it should be.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    PATIENCE, at_once, front_of, unclear,
    wire::{
        bytes,
        client::send_to_end,
        recorder::{Answer, Recorder, Seen},
    },
};

/// Requests that guardian calls compliant or acceptable and we refuse, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("No TE/CL headers, some others are non-compliant", SPACE_IN_NAME),
    ("TE and some others are non-compliant", SPACE_IN_NAME),
    ("A non-essential header with a non-printable character (x01)", CONTROL),
    ("CL and some others are non-compliant", SPACE_IN_NAME),
    ("Non-RFC, but OK HTTP/0.9", VERSION),
    ("Empty version, which means HTTP/0.9", VERSION),
    ("Unknown but OK HTTP/1.2", VERSION),
    ("Some-Header\\x01", CONTROL),
    ("\\x01Some-Header", CONTROL),
    ("Some-Header: \\x01value", CONTROL),
    ("Some-Header: value\\x01", CONTROL),
    ("Correct TE OK", CODING),
    ("Transfer-Encoding: identity and chunked OK", CODING),
    ("Multiple transfer encoding headers in a single request OK", CODING),
    ("TE with custom parameters OK", PARAMETER),
    ("Different Transfer-Encoding headers", CODING),
    ("Different Transfer-Encoding headers combined", CODING),
    ("Transfer-Encoding with a param: chunked;custom_param", PARAMETER),
    ("Empty URI", "RFC 9112 §3.2: a request target is never empty"),
    ("Extra spaces in version", "RFC 9112 §3: one space between the parts, and none after"),
    ("[space] in URI", "RFC 9112 §3.2: no space in a request target"),
];

const SPACE_IN_NAME: &str = "RFC 9112 §5.1: white space between name and colon is 400";
const CONTROL: &str = "RFC 9110 §5.5: a control character is in no name and no value";
const VERSION: &str = "only HTTP/1.0 and HTTP/1.1 are served";
const CODING: &str =
    "RFC 9112 §6.1: the body would go on encoded, so a coding other than chunked is 501";
const PARAMETER: &str = "RFC 9112 §7: chunked has no parameters";

#[derive(Clone, Deserialize)]
struct Case {
    file: String,
    name: String,
    method: String,
    uri: String,
    version: String,
    headers: Vec<(String, String)>,
    tier: String,
}

impl Case {
    fn values(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).collect()
    }

    /// The target that upstream must see: a fragment goes no further (RFC 9110 §7.1).
    fn target(&self) -> Vec<u8> {
        bytes(self.uri.split('#').next().unwrap_or_default())
    }

    /// The request, and one more on the same connection.
    fn text(&self) -> Vec<u8> {
        let mut text = format!("{} {}", self.method, self.uri);
        if !self.version.is_empty() {
            text.extend([" ", &self.version]);
        }
        text += "\r\n";
        for (name, value) in &self.headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        if self.values("host").is_empty() {
            text += "Host: app.example\r\n";
        }
        text += "\r\n";
        let lengths = self.values("content-length");
        match (lengths.first(), self.values("transfer-encoding").len()) {
            (None, 1) => text += "5\r\nhello\r\n0\r\n\r\n",
            (Some(length), 0) => {
                let length = length.parse().ok().filter(|&length| length < 5_000_000);
                text += &"x".repeat(length.unwrap_or(0));
            }
            _ => {}
        }
        let mut bytes = bytes(&text);
        bytes.extend(b"GET /next HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n");
        bytes
    }
}

struct Outcome {
    case: Case,
    status: u16,
    seen: Vec<Seen>,
}

impl Outcome {
    /// Rules 1 and 2.
    fn wrong(&self) -> Option<String> {
        if self.case.tier == "Severe" {
            return (!self.seen.is_empty()).then(|| "it reached upstream".to_owned());
        }
        if let Some(wrong) = self.seen.iter().find_map(unclear) {
            return Some(wrong);
        }
        let (own, next): (Vec<_>, Vec<_>) =
            self.seen.iter().partition(|seen| seen.target() != "/next");
        if own.len() > 1 || next.len() > 1 {
            return Some("it became more than one request".to_owned());
        }
        let is_altered = |seen: &&Seen| {
            seen.method() != self.case.method || bytes(&seen.target()) != self.case.target()
        };
        let is_misread = own.first().is_some_and(is_altered);
        let is_next_misread = next.first().is_some_and(|seen| seen.method() != "GET");
        (is_misread || is_next_misread).then(|| "another request than was sent".to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_desync_guardian() {
    let lines = include_str!("guardian.jsonl").lines();
    let cases: Vec<Case> = lines.map(|line| serde_json::from_str(line).expect("a case")).collect();
    assert_eq!(cases.len(), 159);
    // An upstream for each case, so that no request can be taken for another's.
    let outcomes = at_once(
        32,
        cases.into_iter().map(|case| async move {
            let upstream = Recorder::start(|_| Answer::ok("hello")).await;
            let front = front_of(&upstream).await;
            let reply = send_to_end(front, &case.text(), PATIENCE).await;
            Outcome { case, status: reply.status(), seen: upstream.settled().await }
        }),
    )
    .await;

    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let (mut wrong, mut refused) = (Vec::new(), Vec::new());
    for outcome in &outcomes {
        let case = &outcome.case;
        if let Some(reason) = outcome.wrong() {
            wrong.push(format!("{} {:?} {}: {reason}", case.file, case.name, outcome.status));
        }
        let is_answered = outcome.seen.iter().any(|seen| seen.target() != "/next");
        let end = if is_answered { "answered" } else { "refused" };
        *counts.entry((&case.tier, end)).or_default() += 1;
        if !is_answered && matches!(case.tier.as_str(), "Compliant" | "Acceptable") {
            refused.push(case.name.as_str());
        }
        assert!(is_answered || outcome.status == 0 || outcome.status >= 400, "{}", case.name);
    }
    println!("{counts:#?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let explained: Vec<_> = REFUSED.iter().map(|(name, _)| *name).collect();
    assert_eq!(refused, explained, "compliant requests that are refused");
}
