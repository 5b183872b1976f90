//! The language of expectations: one line is one check.

use std::net::SocketAddr;

use super::data::bytes;
use crate::net::{client::Answer, upstream::Seen};

/// What happened.
pub(super) struct Outcome {
    /// The first answer.
    pub(super) answer: Answer,
    /// As many as the check `answers` asks for.
    pub(super) answers: Vec<Answer>,
    /// Whether the proxy closed the connection after them, if the check `closed` asks for it.
    pub(super) is_closed: bool,
    /// The last request that upstream saw.
    pub(super) seen: Option<Seen>,
    pub(super) all: Vec<Seen>,
    pub(super) raw: Vec<Vec<u8>>,
    pub(super) upstream: SocketAddr,
}

/// Whether the line holds; otherwise what is there instead.
pub(super) fn check(line: &str, outcome: &Outcome) -> Result<(), String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let answer = &outcome.answer;
    let is = |holds: bool, got: &dyn std::fmt::Debug| {
        if holds { Ok(()) } else { Err(format!("{got:?}")) }
    };
    let seen = || {
        outcome.seen.clone().ok_or_else(|| format!("nothing upstream; answered {}", answer.head))
    };
    let field = |text: &str, got: Option<String>| {
        let (_, value) = text.split_once(": ").unwrap_or((text, ""));
        let value = value.replace("UPSTREAM", &outcome.upstream.to_string());
        let value = value.replace("PORT", &outcome.upstream.port().to_string());
        if got.as_deref() == Some(value.as_str()) { Ok(()) } else { Err(format!("{got:?}")) }
    };
    let name = rest.split(':').next().unwrap_or_default();
    match word {
        "status" => is(answer.status.to_string() == rest, &answer),
        "status-in" => {
            is(rest.split(' ').any(|status| status == answer.status.to_string()), &answer)
        }
        "answers" => {
            let statuses: Vec<_> =
                outcome.answers.iter().map(|answer| answer.status.to_string()).collect();
            is(statuses.join(" ") == rest, &statuses)
        }
        "bodies" => {
            let bodies: Vec<_> = outcome.answers.iter().map(Answer::text).collect();
            is(bodies.join(" | ") == rest, &bodies)
        }
        "closed" => is(outcome.is_closed, &answer),
        "inner" => is(answer.status == 299 && outcome.all.is_empty(), &answer),
        "nothing" => is(outcome.all.is_empty(), &outcome.all),
        "requests" => is(outcome.all.len().to_string() == rest, &outcome.all),
        "requests-at-most" => is(outcome.all.len() <= rest.parse().unwrap(), &outcome.all),
        "framing-once" => is(outcome.all.iter().all(|seen| seen.fault.is_none()), &outcome.all),
        "line" => {
            let seen = seen()?;
            is(seen.line() == rest, &seen.line())
        }
        "line-or-400" => match outcome.seen.as_ref() {
            None => is(answer.status == 400, &answer),
            Some(_) => {
                let start = bytes(rest);
                is(outcome.raw.iter().any(|raw| raw.starts_with(&start)), &outcome.raw)
            }
        },
        "up" => field(rest, seen()?.field(name)),
        "no-up" => {
            let got = seen()?.field(rest);
            is(got.is_none(), &got)
        }
        "upbody" => {
            let seen = seen()?;
            is(seen.body == bytes(rest) && seen.is_whole, &seen)
        }
        "uptrailer" => {
            let trailers = seen()?.trailers;
            is(trailers == format!("{rest}\r\n"), &trailers)
        }
        "raw" => {
            let text = bytes(rest);
            is(
                outcome.raw.iter().any(|raw| raw.windows(text.len()).any(|window| window == text)),
                &outcome.raw,
            )
        }
        "no-raw" => is(
            !outcome
                .raw
                .iter()
                .any(|raw| raw.windows(rest.len()).any(|window| window == rest.as_bytes())),
            &outcome.raw,
        ),
        "got" => field(rest, answer.field(name)),
        "no-got" => {
            let got = answer.field(rest);
            is(got.is_none(), &got)
        }
        "gottrailer" => is(answer.trailers == format!("{rest}\r\n"), &answer.trailers),
        "body" => is(answer.body == bytes(rest), &answer),
        "whole" => is(answer.is_whole, &answer),
        "cut" => is(!answer.is_whole && answer.status == 200, &answer),
        "cut-or-502" => is(!answer.is_whole || answer.status == 502, &answer),
        "error" => is(answer.error().as_deref() == Some(rest), &answer),
        "version" => is(answer.head.starts_with(rest), &answer.head),
        "reason" => {
            is(answer.head.lines().next() == Some(&format!("HTTP/1.1 {rest}")), &answer.head)
        }
        "informational-at-most" => {
            is(answer.informational.len() <= rest.parse().unwrap(), &answer.informational)
        }
        "no-informational" => is(answer.informational.is_empty(), &answer.informational),
        other => panic!("{other} is no check"),
    }
}
