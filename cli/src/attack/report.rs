//! The results of the attacks, for people and for programs.

use std::fmt::Write as _;

use proxyfix::{Config, Peer};
use serde::Serialize;

use super::{
    Outcome, Tried,
    honest::{Header, Misread},
    judge::Verdict,
};
use crate::{
    escape,
    json::Bytes,
    model::{Assumed, Chain, Link, assumed},
    style::{BAD, FAINT, GOOD, HELP, TITLE, WARN},
};

/// How many of the attacks with an effect are shown, unless all are asked for.
const SHOWN: usize = 8;

/// The answer for programs.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    outcome: &'static str,
    config: String,
    chain: Vec<Proxy>,
    headers: &'a [Header],
    misread: &'a [Misread],
    attacks: Vec<Done<'a>>,
    help: Vec<String>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Proxy {
    style: String,
    address: String,
    writes: Vec<Assumed>,
}

#[derive(Serialize)]
struct Done<'a> {
    name: &'a str,
    verdict: Verdict,
    detail: &'a str,
    target: String,
    headers: Vec<(&'a str, Bytes)>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(config: &Config, tried: &'a Tried) -> Self {
        let chain = tried.chain.links.iter().zip(&tried.chain.addresses).enumerate();
        let proxy = |(place, (link, peer)): (usize, (&Link, &Peer))| Proxy {
            style: link.name(),
            address: if peer.is_unix() { "unix".to_owned() } else { peer.to_string() },
            writes: assumed(link, place),
        };
        Self {
            outcome: if tried.is_safe() { "safe" } else { "unsafe" },
            config: config.to_string(),
            chain: chain.map(proxy).collect(),
            headers: &tried.headers,
            misread: &tried.misread,
            attacks: tried.attacks.iter().map(Done::from).collect(),
            help: help(tried),
            notes: &tried.notes,
        }
    }
}

impl<'a> From<&'a Outcome> for Done<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        let lines = outcome.sent.headers.iter();
        Self {
            name: &outcome.name,
            verdict: outcome.verdict,
            detail: &outcome.detail,
            target: outcome.sent.uri.to_string(),
            headers: lines.map(|(name, value)| (name.as_str(), value.as_bytes().into())).collect(),
        }
    }
}

/// The report for people.
pub(super) fn text(tried: &Tried, all: bool) -> String {
    let mut out = String::new();
    let proxies = tried.chain.links.iter().zip(&tried.chain.addresses);
    let proxies: Vec<_> = proxies.map(|(link, peer)| format!("{} ({peer})", link.name())).collect();
    let _ = writeln!(out, "{TITLE}client  →  {}  →  app{TITLE:#}", proxies.join("  →  "));
    assumptions(&mut out, &tried.chain);
    headers(&mut out, &tried.headers);
    misread(&mut out, &tried.misread);
    attacks(&mut out, tried, all);
    summary(&mut out, tried);
    for note in &tried.notes {
        let _ = writeln!(out, "{WARN}note:{WARN:#} {note}");
    }
    for help in help(tried) {
        let _ = writeln!(out, "{HELP}help:{HELP:#} {help}");
    }
    out
}

/// What the model assumes of each proxy.
fn assumptions(out: &mut String, chain: &Chain) {
    for (place, link) in chain.links.iter().enumerate() {
        let _ = writeln!(out, "\n{TITLE}assumed of {}{TITLE:#}", link.name());
        let assumed = assumed(link, place);
        let sets = chain.sets.iter().filter(|_| place == 0).map(|(name, _)| name.as_str());
        let secret = chain.secret.iter().filter(|_| place == 0).map(http::HeaderName::as_str);
        let names = assumed.iter().map(|assumed| assumed.header).chain(sets.clone());
        let names = names.chain(secret.clone());
        let width = names.map(str::len).max().unwrap_or_default();
        for Assumed { header, does } in &assumed {
            let _ = writeln!(out, "  {header:<width$}  {does}");
        }
        for name in sets {
            let _ = writeln!(out, "  {name:<width$}  set (--sets)");
        }
        for name in secret {
            let _ = writeln!(out, "  {name:<width$}  the secret, instead of what came in");
        }
        let _ = writeln!(out, "  {FAINT}every other header passes as it came{FAINT:#}");
    }
}

fn headers(out: &mut String, headers: &[Header]) {
    let _ = writeln!(out, "\n{TITLE}trusted, and what these proxies write{TITLE:#}");
    let width =
        |text: fn(&Header) -> &str| headers.iter().map(|h| text(h).len()).max().unwrap_or(0);
    let (name, trusted) = (width(|h| &h.name), width(|h| &h.trusted));
    for header in headers {
        let written = match header.written {
            0 => "nothing: it passes as the client wrote it".to_owned(),
            1 => "1 element".to_owned(),
            n => format!("{n} elements"),
        };
        let (style, excess) = match (header.too_far, header.written) {
            (false, _) => (GOOD, ""),
            (true, 0) => (BAD, ""),
            (true, _) => (BAD, ", and the client wrote the next one"),
        };
        let _ = writeln!(
            out,
            "  {:<name$}  {:<trusted$}  {style}{written}{excess}{style:#}",
            header.name, header.trusted
        );
    }
}

fn misread(out: &mut String, misread: &[Misread]) {
    if misread.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{BAD}honest requests are misread{BAD:#}");
    for Misread { field, got, truth, .. } in misread {
        let _ = writeln!(out, "  {field}: {got}; expected {truth}");
    }
}

fn attacks(out: &mut String, tried: &Tried, all: bool) {
    let mut shown: Vec<_> =
        tried.attacks.iter().filter(|attack| all || attack.verdict >= Verdict::Lost).collect();
    shown.sort_by_key(|attack| std::cmp::Reverse(attack.verdict));
    let hidden = if all { 0 } else { shown.len().saturating_sub(SHOWN) };
    shown.truncate(shown.len() - hidden);
    for (at, attack) in shown.iter().enumerate() {
        if at == 0 {
            let _ = writeln!(out, "\n{TITLE}attacks{TITLE:#}");
        }
        let (style, verdict) = match attack.verdict {
            Verdict::Believed => (BAD, "believed"),
            Verdict::Leaks => (BAD, "leaks"),
            Verdict::Lost => (WARN, "lost"),
            Verdict::Rejected => (FAINT, "rejected"),
            Verdict::Same => (FAINT, "same"),
        };
        let colon = if attack.detail.is_empty() { "" } else { ": " };
        let (name, detail) = (&attack.name, &attack.detail);
        let _ = writeln!(out, "  {style}{verdict:<8}{style:#}  {name}{colon}{detail}");
        if at == 0 && attack.verdict.is_hole() {
            for (name, value) in &attack.sent.headers {
                let value = escape::shortened(value.as_bytes(), 60);
                let _ = writeln!(out, "              {FAINT}{name}: {value}{FAINT:#}");
            }
        }
    }
    if hidden > 0 {
        let _ = writeln!(out, "  … and {hidden} more: --all shows them");
    }
}

fn summary(out: &mut String, tried: &Tried) {
    let (style, outcome) = if tried.is_safe() { (GOOD, "safe") } else { (BAD, "unsafe") };
    let count = |verdict| tried.count(verdict);
    let _ = writeln!(
        out,
        "\n{style}{outcome}{style:#}: {} attacks: {} believed, {} leak, {} lost, {} rejected, {} \
         without effect",
        tried.attacks.len(),
        count(Verdict::Believed),
        count(Verdict::Leaks),
        count(Verdict::Lost),
        count(Verdict::Rejected),
        count(Verdict::Same),
    );
}

/// What to change.
fn help(tried: &Tried) -> Vec<String> {
    let mut help = Vec::new();
    help.extend(tried.unlisted.as_ref().map(|write| {
        format!("{write}: the last of these proxies is not in proxies=, so it is not believed")
    }));
    for Header { name, trusted, written, too_far } in &tried.headers {
        let key = trusted.split('=').next().unwrap_or_default();
        help.extend(too_far.then(|| match written {
            0 if key == "proxy-only" => format!(
                "no proxy here is known to write {name}, so the client writes it; have a proxy set it \
                 on every request (--sets {name} tries that), or leave out {trusted}"
            ),
            0 => format!(
                "leave out {trusted}, or have the edge write {name} on every request (--sets \
                 {name} tries that)"
            ),
            n => format!("{key}={n}: these proxies write no more"),
        }));
    }
    for Misread { field, truth, write, .. } in &tried.misread {
        let known = |write: &String| help.iter().any(|help| help.starts_with(write.as_str()));
        match write {
            Some(write) if known(write) => {}
            Some(write) => help.push(format!("{write} reads the right {field}")),
            None if *field == "scheme" && truth == "https" && tried.unlisted.is_none() => help
                .push(
                    "an inner proxy must pass on the scheme that the edge wrote: \
                     docs/recipes/chains.md"
                        .to_owned(),
                ),
            None => {}
        }
    }
    if tried.count(Verdict::Lost) > 0 {
        help.push(
            "lost values are unknown, not false; missing=reject, or all-trusted=reject with a walk, \
             rejects such requests"
                .to_owned(),
        );
    }
    help
}
