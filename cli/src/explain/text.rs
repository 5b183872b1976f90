//! The account of one request for people: a picture of the chain, the header lines that were read, with
//! rulers, what is believed or why not, what was ignored, what the application gets, what to change.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
};

use http::{HeaderName, Request};
use proxyfix::{Error, Resolved, Source, Step, forwarded_elements};

use super::{
    account::Account,
    request::Line,
    ruler::{self, marks},
};
use crate::{
    escape,
    settings::Trusted,
    style::{BAD, FAINT, GOOD, HELP, TITLE, WARN},
};

/// The whole account.
pub(crate) fn report(account: &Account<'_>) -> String {
    let mut out = String::new();
    picture(&mut out, account);
    if let Some((number, of)) = account.settings.place() {
        let proxies = account.settings.get("proxies").unwrap_or("none");
        let _ = writeln!(out, "\n{TITLE}way {number} of {of}{TITLE:#} decides: proxies={proxies}");
    }
    lines(&mut out, account);
    match account.outcome() {
        Ok(resolved) => believed(&mut out, account, resolved),
        Err(error) => {
            let status = error.status().as_u16();
            let _ = writeln!(out, "\n{BAD}rejected{BAD:#} with {status}: {error}");
        }
    }
    ignored(&mut out, account);
    if let Ok(fixed) = &account.fixed {
        head(&mut out, account, fixed);
    }
    if let Some(note) = &account.note {
        let _ = writeln!(out, "\n{WARN}note:{WARN:#} {note}");
    }
    for (at, hint) in account.hints.iter().enumerate() {
        let gap = if at == 0 { "\n" } else { "" };
        let _ = writeln!(out, "{gap}{HELP}help:{HELP:#} {}\n      {}", hint.write, hint.reason);
    }
    out
}

/// Client → hops → peer → application, with the role of each below it.
fn picture(out: &mut String, account: &Account<'_>) {
    let mut nodes = Vec::new();
    let client = account.outcome().map_or_else(|_| "?".to_owned(), |r| r.client().to_string());
    let own = account.outcome().is_ok_and(|resolved| resolved.source().client() == Source::Own);
    let peer = account.peer.map_or_else(|| "?".to_owned(), |peer| peer.to_string());
    // An untrusted peer is the only node before the application.
    let unproved = account.says("secret-missing") && client == "unknown";
    if unproved || account.is_peer_trusted() || account.outcome().is_err() {
        nodes.push((client, "client".to_owned()));
        let hops = hops(account);
        let passed = hops.into_iter().rev().map(|(hop, text)| (text, format!("hop {hop}")));
        nodes.extend(passed);
        nodes.push((peer, "peer".to_owned()));
    } else {
        nodes.push((peer, if own { "client, peer" } else { "peer" }.to_owned()));
    }
    nodes.push(("app".to_owned(), String::new()));
    let (mut top, mut below) = (String::new(), String::new());
    for (at, (text, role)) in nodes.iter().enumerate() {
        let arrow = if at == 0 { "" } else { "  →  " };
        let width = text.chars().count().max(role.len());
        let style = if at == 0 { GOOD } else { TITLE };
        let _ = write!(top, "{arrow}{style}{text}{style:#}{:1$}", "", width - text.chars().count());
        let _ = write!(below, "{:1$}{role:width$}", "", arrow.chars().count());
    }
    let _ = writeln!(out, "{}\n{FAINT}{}{FAINT:#}", top.trim_end(), below.trim_end());
}

/// The elements to the right of the client's, each with its hop and the node that it names.
fn hops(account: &Account<'_>) -> Vec<(usize, String)> {
    let steps = account.explanation.steps().iter();
    let passed = steps.filter(|step| matches!(step.code(), "hop-passed" | "hop-trusted"));
    let name = |step: &Step| {
        let (hop, text) = (step.hop()?, step.text()?);
        let mut elements = forwarded_elements(&account.received.headers);
        let node = match step.header().map(HeaderName::as_str) {
            Some("forwarded") => {
                let element = elements.nth(hop - 1)?.ok();
                let node = element.and_then(|element| element.for_node().ok().flatten());
                node.map_or_else(|| "?".to_owned(), |node| node.to_string())
            }
            _ => escape::shortened(text, 40),
        };
        Some((hop, node))
    };
    passed.filter_map(name).collect()
}

/// The lines of the headers that were read, with rulers.
fn lines(out: &mut String, account: &Account<'_>) {
    let error = account.outcome().err();
    let past_edge = account.says("past-edge");
    let is_read = |trusted: &Trusted| !(past_edge && trusted.key == "client-ip");
    let trusted: Vec<_> = account.settings.trusted().into_iter().filter(is_read).collect();
    let at_fault = error.and_then(Error::header);
    let read = |line: &&Line| {
        account.is_peer_trusted() && trusted.iter().any(|trusted| trusted.header == line.name)
            || at_fault == Some(&line.name)
            || error.is_some_and(|error| error.kind().code() == "nominated")
                && line.name == http::header::CONNECTION
    };
    let received = account.received;
    let mut unread = Few::default();
    for (at, line) in received.lines.iter().filter(read).enumerate() {
        if at == 0 {
            let _ = writeln!(out, "\n{TITLE}read, from the right{TITLE:#}");
        }
        let alone = received.count(&line.name) == 1;
        let marks = marks(line, account.explanation.steps(), error, alone);
        if !marks.is_empty() || unread.has_room(&line.name) {
            ruler::print(out, line, &marks);
        }
    }
    unread.rest(out);
}

/// The number of lines without a mark for each name: only the first few are shown.
#[derive(Default)]
struct Few<'a>(BTreeMap<&'a str, usize>);

/// How many lines without a mark are shown for each name.
const FEW: usize = 8;

impl<'a> Few<'a> {
    /// Counts a line, and returns whether it is shown.
    fn has_room(&mut self, name: &'a HeaderName) -> bool {
        let count = self.0.entry(name.as_str()).or_default();
        *count += 1;
        *count <= FEW
    }

    /// Says how many are not shown.
    fn rest(self, out: &mut String) {
        for (name, count) in self.0.into_iter().filter(|(_, count)| *count > FEW) {
            let _ = writeln!(out, "  {FAINT}{} more of {name}{FAINT:#}", count - FEW);
        }
    }
}

/// The values in effect, and who vouches for each.
fn believed(out: &mut String, account: &Account<'_>, resolved: &Resolved) {
    let sources = resolved.source();
    let host = resolved.host().unwrap_or("none");
    let prefix = if resolved.prefix().is_empty() { "none" } else { resolved.prefix() };
    let rows = [
        ("client", resolved.client().to_string(), sources.client()),
        ("scheme", resolved.scheme().to_string(), sources.scheme()),
        ("host", host.to_owned(), sources.host()),
        ("port", resolved.port().to_string(), sources.port()),
        ("prefix", prefix.to_owned(), sources.prefix()),
    ];
    let width = rows.iter().map(|(_, value, _)| value.len()).max().unwrap_or_default();
    let _ = writeln!(out, "\n{GOOD}believed{GOOD:#}");
    for (field, value, source) in rows {
        let source = match source {
            Source::Own => own(field, account, resolved),
            header => header.to_string(),
        };
        let _ = writeln!(out, "  {field:<6}  {value:<width$}  {FAINT}{source}{FAINT:#}");
    }
}

/// Where one of our own values comes from.
fn own(field: &str, account: &Account<'_>, resolved: &Resolved) -> String {
    if let Some(error) = fallback(field, account) {
        let reason = match error.kind().code() {
            "incomplete" => "the trusted header is absent",
            "short" => "the trusted list is too short",
            _ => "the trusted value is not valid",
        };
        return format!(
            "{reason}: invalid={}",
            account.settings.get("invalid").unwrap_or("reject")
        );
    }
    let reason = match field {
        "client" if account.says("secret-missing") && resolved.client_ip().is_none() => {
            "the peer did not send the secret"
        }
        "client" if account.says("secret-missing") => {
            "the peer, which did not send the secret, because of missing=peer"
        }
        "client" if !account.is_peer_trusted() => "the peer itself, which is not in proxies=",
        "client" if resolved.client_ip().is_some() => "the peer, because of missing=peer",
        "client" if account.says("missing") => "none of the trusted headers is present",
        "client" if account.says("all-trusted") => "every address is one of the proxies",
        "client" => "no trusted header says who it is",
        "scheme" if account.says("scheme-lowered") => "no trusted header says https",
        "scheme" => "what our own socket speaks",
        "host" if account.received.uri.authority().is_some() => "the request's target",
        "host" if resolved.host().is_some() => "the request's Host",
        "host" => "the request has none",
        "port" if resolved.host().is_some() => "the host's, or the scheme's",
        "port" => "the scheme's",
        _ => "no trusted header says it",
    };
    reason.to_owned()
}

/// Why a field has a value of our own, if `invalid=` accepts a value that is not valid.
fn fallback<'a>(field: &str, account: &'a Account<'_>) -> Option<&'a Error> {
    let steps = account.explanation.steps().iter();
    let mut errors = steps.filter(|step| step.code() == "fallback").filter_map(Step::error);
    let keys: &[&str] = match field {
        "client" => &["for", "client-ip"],
        "scheme" => &["proto"],
        "host" => &["host"],
        "port" => &["port"],
        _ => &["prefix"],
    };
    let trusted = account.settings.trusted();
    errors.find(|error| {
        let Some(trusted) = trusted.iter().find(|trusted| Some(&trusted.header) == error.header())
        else {
            return false;
        };
        // An invalid parameter of an element concerns only its own field; any other fault concerns all three.
        match (trusted.key, error.kind().code()) {
            ("forwarded", "invalid-scheme") => field == "scheme",
            ("forwarded", "invalid-host") => field == "host",
            ("forwarded", "invalid-node") => field == "client",
            ("forwarded", _) => matches!(field, "client" | "scheme" | "host"),
            (key, _) => keys.contains(&key),
        }
    })
}

/// The forwarding headers that were not read.
fn ignored(out: &mut String, account: &Account<'_>) {
    let names: HashSet<_> = account.ignored.iter().collect();
    let ignored = |line: &&Line| names.contains(&line.name);
    let mut shown = Few::default();
    for (at, line) in account.received.lines.iter().filter(ignored).enumerate() {
        if at == 0 {
            let _ = writeln!(out, "\n{TITLE}ignored{TITLE:#}");
        }
        if !shown.has_room(&line.name) {
            continue;
        }
        let kept =
            account.fixed.as_ref().is_ok_and(|fixed| fixed.headers().contains_key(&line.name));
        let past_edge = account.says("past-edge")
            && account.settings.header("client-ip").as_ref() == Some(&line.name);
        let reason = match (account.is_peer_trusted(), kept) {
            _ if account.is_secret(&line.name) => {
                "the header of the secret: its value is not shown"
            }
            (_, true) if account.settings.get("headers") == Some("keep") => {
                "not trusted, but kept (headers=keep): the application can read it"
            }
            (_, true) => "not trusted, but kept (exempt=): the application can read it",
            (true, false) if past_edge => "the client bypassed the edge, and wrote it itself",
            (true, false) => "not trusted",
            (false, false) if account.says("secret-missing") => "the peer did not send the secret",
            (false, false) => "the peer is not in proxies=",
        };
        let value = escape::shortened(line.value.as_bytes(), 60);
        let _ = writeln!(out, "  {}: {value}  {FAINT}{reason}{FAINT:#}", line.spelling);
    }
    shown.rest(out);
}

/// The head that the application gets, in the original order and spelling.
fn head(out: &mut String, account: &Account<'_>, fixed: &Request<()>) {
    let _ = writeln!(out, "\n{TITLE}the application gets{TITLE:#}");
    let uri = escape::text(fixed.uri().to_string().as_bytes());
    let _ = writeln!(out, "  {} {uri} {:?}", fixed.method(), fixed.version());
    for (spelling, value) in super::account::fixed_lines(account.received, fixed) {
        let _ = writeln!(out, "  {spelling}: {}", escape::shortened(value, 1000));
    }
}
