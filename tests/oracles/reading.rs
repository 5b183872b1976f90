//! What we should answer, by an independent reading: it reads whole lists from the left, with the parsers
//! of `tests/laws/reference.rs`. A difference is explained only if this is our answer.

use std::net::IpAddr;

use super::{Answers, Oracle, cases::Case, reference};

pub(crate) const PEER: &str = "10.0.0.1";
pub(crate) const OWN_HOST: &str = "own.example";
/// The longest element, as in `docs/DEVIATIONS.md`.
const LONGEST: usize = 4096;

/// The values of a header's lines.
pub(crate) fn lines<'a>(case: &'a Case, name: &str) -> Vec<&'a str> {
    let named = |line: &&(String, String)| line.0.eq_ignore_ascii_case(name);
    case.lines.iter().filter(named).map(|(_, value)| value.as_str()).collect()
}

/// Everything between commas, also empty elements, from the left.
pub(crate) fn elements<'a>(case: &'a Case, name: &str) -> Vec<&'a str> {
    lines(case, name).iter().flat_map(|line| line.split(',')).collect()
}

pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// The `n`th element from the right. `None` for 0.
pub(crate) fn nth<'a>(elements: &[&'a str], n: usize) -> Option<&'a str> {
    elements.get(elements.len().checked_sub(n)?).copied().map(trim)
}

/// Whether our reading stops at an element that is too long.
pub(crate) fn too_long(elements: &[&str], n: usize) -> bool {
    elements.iter().rev().take(n).any(|element| element.chars().count() > LONGEST)
}

fn x<'a>(case: &'a Case, name: &str, n: usize) -> Option<&'a str> {
    let elements = elements(case, name);
    nth(&elements, n).filter(|_| !too_long(&elements, n))
}

/// The host and the port of a node or an authority in canonical form.
pub(crate) fn split(text: &str) -> (&str, Option<&str>) {
    match text.rfind(':') {
        Some(colon) if !text.ends_with(']') => (&text[..colon], Some(&text[colon + 1..])),
        _ => (text, None),
    }
}

/// The name of a node as applications write it: IPv6 without brackets.
fn name(node: &str) -> &str {
    split(node).0.trim_matches(['[', ']'])
}

fn default_port(scheme: &str) -> &'static str {
    if scheme == "https" { "443" } else { "80" }
}

/// What we should answer, with the configuration for this oracle.
pub(crate) fn expected(case: &Case, oracle: Oracle) -> Answers {
    match oracle {
        Oracle::Werkzeug => werkzeug(case),
        Oracle::Uvicorn => uvicorn(case),
        Oracle::Hypercorn => {
            let [node, scheme, host] = ["for", "proto", "host"]
                .map(|name| x(case, &format!("x-forwarded-{name}"), case.hops));
            let node = node.and_then(|text| reference::node(text, true));
            three(node.as_deref(), scheme, host)
        }
        Oracle::HypercornModern => match said(case) {
            None => three(None, None, None),
            Some(said) => {
                let node = match said.node.as_deref() {
                    None => Some("unknown".into()),
                    Some(text) => reference::node(text, false),
                };
                three(node.as_deref(), said.proto.as_deref(), said.host.as_deref())
            }
        },
    }
}

fn three(node: Option<&str>, scheme: Option<&str>, host: Option<&str>) -> Answers {
    let scheme = scheme.and_then(reference::scheme).unwrap_or("http");
    let host = host.and_then(|text| reference::authority(text, scheme));
    Answers::from([
        ("client", node.map_or(PEER, name).to_owned()),
        ("scheme", scheme.to_owned()),
        ("host", host.unwrap_or_else(|| OWN_HOST.into())),
    ])
}

fn werkzeug(case: &Case) -> Answers {
    let [x_for, x_proto, x_host, x_port, x_prefix] = case.counts;
    let node = x(case, "x-forwarded-for", x_for).and_then(|text| reference::node(text, true));
    let host = x(case, "x-forwarded-host", x_host);
    let mut answers = three(node.as_deref(), x(case, "x-forwarded-proto", x_proto), host);
    let host = answers["host"].clone();
    let (name, stated) = split(&host);
    let number =
        x(case, "x-forwarded-port", x_port).and_then(reference::port).map(|port| port.to_string());
    let default = default_port(&answers["scheme"]);
    let number = number.as_deref().or(stated).unwrap_or(default);
    answers.insert("port", number.to_owned());
    answers.insert("host", name.to_owned());
    let prefix =
        x(case, "x-forwarded-prefix", x_prefix).and_then(reference::prefix).unwrap_or_default();
    answers.insert("prefix", prefix.to_owned());
    answers
}

/// Whether a node is one of uvicorn's trusted hosts.
pub(crate) fn is_proxy(node: &str) -> bool {
    matches!(name(node).parse(), Ok(IpAddr::V4(ip)) if ip.octets()[0] == 10)
}

fn uvicorn(case: &Case) -> Answers {
    let list = elements(case, "x-forwarded-for");
    let mut client = None;
    for element in list.iter().rev() {
        client = reference::node(trim(element), true).filter(|_| !too_long(&[element], 1));
        if !client.as_deref().is_some_and(is_proxy) {
            break;
        }
    }
    let client = client.map_or_else(
        || format!("{PEER} 4711"),
        |node| {
            let port = split(&node).1.filter(|port| !port.starts_with('_'));
            format!("{} {}", name(&node), port.map_or(0, |port| port.parse().unwrap_or(0)))
        },
    );
    let scheme = x(case, "x-forwarded-proto", 1);
    let mut answers = three(None, scheme, None);
    answers.insert("client", client);
    answers.remove("host");
    answers
}

/// The element of `Forwarded` that Hypercorn's count selects. Commas in quotes separate nothing.
pub(crate) fn forwarded_element(case: &Case) -> Option<String> {
    let mut hop = 0;
    for line in lines(case, "forwarded").into_iter().rev() {
        let pieces: Vec<_> = line.split(',').collect();
        let mut end = pieces.len();
        while end > 0 {
            // The shortest run with only closed strings. A run that begins within a quoted-string and
            // contains its end is never closed, because each quote in a string follows a backslash.
            let closed = |start: &usize| closed(&pieces[*start..end].join(","));
            let start = (0..end).rev().find(closed)?;
            hop += 1;
            let text = pieces[start..end].join(",");
            if hop == case.hops {
                return Some(trim(&text).to_owned());
            }
            end = start;
        }
    }
    None
}

/// Whether each quoted-string follows a `=` and is closed.
fn closed(text: &str) -> bool {
    let (mut quoted, mut escaped, mut before) = (false, false, ' ');
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' if !quoted && before != '=' => return false,
            '"' => quoted = !quoted,
            _ => {}
        }
        before = c;
    }
    !quoted
}

/// The content of that element, if it is well-formed.
pub(crate) fn said(case: &Case) -> Option<reference::Said> {
    let elements = elements(case, "forwarded");
    parse(&forwarded_element(case)?).filter(|_| !too_long(&elements, case.hops))
}

/// Reads an element. First it turns what `docs/DEVIATIONS.md` allows into what the RFC allows: white space
/// around `;`, and `:`, `[`, `]` without quotes.
fn parse(element: &str) -> Option<reference::Said> {
    let (mut quoted, mut escaped) = (false, false);
    let separates = |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => {}
        }
        c == ';' && !quoted
    };
    let strict = |pair: &str| {
        let pair = trim(pair);
        let known = |name: &str| {
            ["for", "by", "host", "proto"].iter().any(|known| name.eq_ignore_ascii_case(known))
        };
        match pair.split_once('=') {
            Some((name, value)) if !pair.contains('"') => {
                let licence = value.contains([':', '[', ']']) || value.is_empty() && !known(name);
                let token = !value
                    .contains(|c: char| !c.is_ascii_graphic() || "(),/;<=>?@\\{}".contains(c));
                if licence && token { format!("{name}=\"{value}\"") } else { pair.to_owned() }
            }
            _ => pair.to_owned(),
        }
    };
    let pairs: Vec<_> = element.split(separates).map(strict).collect();
    let bytes: Vec<u8> =
        pairs.join(";").chars().map(|c| u8::try_from(c).expect("a byte")).collect();
    let [said] = <[_; 1]>::try_from(reference::forwarded_list(&[&bytes])?).ok()?;
    (!said.repeats).then_some(said)
}
