//! Guesses what a mistake was meant to say: the advice in [`ConfigError`](super::ConfigError).
//!
//! 1. Advice depends only on the text that was written, not on other settings.
//! 2. A near miss is at most one edit in three letters away: a letter that is missing, added, changed or
//!    swapped with the next. If several are equally near, all of them are named.
//! 3. The text after `secret=` or the like is never shown.

use std::net::IpAddr;

use http::HeaderName;
use ipnet::IpNet;

/// What other programs, and some users, call a key.
const OTHER_NAMES: [(&str, &str); 11] = [
    ("allowed-hosts", "hosts"),
    ("client", "client-ip"),
    ("protocol", "proto"),
    ("proxy", "proxies"),
    ("real-ip", "client-ip"),
    ("scheme", "proto"),
    ("trust", "proxies"),
    ("trust-proxy", "proxies"),
    ("trusted", "proxies"),
    ("trusted-proxies", "proxies"),
    ("trusted-proxy", "proxies"),
];

const QUOTES: [char; 7] = ['"', '\'', '`', '“', '”', '‘', '’'];

/// Splits a word of the text form at its `=`. `None` if the word can only be a mistake: no value contains
/// a `=` or a semicolon, or ends with a comma.
pub(super) fn pair(word: &str) -> Option<(&str, &str)> {
    let whole = !is_quoted(word) && !word.contains(';') && !word.ends_with(',');
    let pair = word.split_once('=').filter(|_| whole);
    pair.filter(|(key, value)| {
        !key.is_empty() && !key.starts_with(',') && !value.contains('=') && !is_quoted(value)
    })
}

/// What to write instead of a word that is not `key=value`.
pub(super) fn word(word: &str) -> &'static str {
    if is_quoted(word) || word.split_once('=').is_some_and(|(_, value)| is_quoted(value)) {
        "leave out the quotes"
    } else if word.contains(';') {
        "words are separated by spaces, without semicolons; a semicolon with spaces around it \
         separates two ways"
    } else if word.contains(',') {
        "words are separated by spaces, without commas; a list takes commas and no spaces, such as \
         proxies=10.0.0.0/8,loopback"
    } else {
        "write no spaces around =, and none in a list, which takes commas: \
         proxies=10.0.0.0/8,loopback"
    }
}

/// The keys that an unknown one may stand for. It may be the name of a header or of a method, such as
/// `X-Forwarded-For` or `x_for`, another name, or a near miss. `X-Client-IP` and `X-Forwarded` are
/// headers of their own.
pub(super) fn keys<'a>(text: &str, known: &[&'a str]) -> Vec<&'a str> {
    let text = text.to_ascii_lowercase().replace('_', "-");
    let short = text.trim_start_matches('-').trim_start_matches("x-");
    let short = short.trim_start_matches("forwarded-");
    if text.starts_with("x-") && matches!(short, "client-ip" | "forwarded") {
        return Vec::new();
    }
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == short);
    let short = other.map_or(short, |(_, key)| *key);
    near(short, known)
}

/// What to write instead of an unknown key.
pub(super) fn key(text: &str, known: &[&str]) -> String {
    if is_secret(text) {
        return "write secret-header=NAME with the name of the header; the secret itself goes into a \
                variable, such as PROXYFIX_SECRET"
            .to_owned();
    }
    let keys = keys(text, known);
    if keys.is_empty() {
        return format!("expected one of {}", known.join(", "));
    }
    let keys: Vec<_> = keys.iter().map(|key| format!("{key}=")).collect();
    format!("did you mean {}?", keys.join(" or "))
}

/// What to write instead of a value, if there is such advice.
pub(super) fn value(key: &str, value: &str, expected: &str) -> String {
    let lower = value.to_ascii_lowercase();
    if is_quoted(value) {
        return "; leave out the quotes".to_owned();
    }
    if !expected.starts_with("a count") {
        return choice(key, &lower, expected);
    }
    let usual = match lower.as_str() {
        "forwarded" => Some("forwarded"),
        "true" | "yes" | "on" => Some(key),
        name => name.strip_prefix("x-forwarded-"),
    };
    if let Some(key) = usual {
        return format!("; for one proxy, write {key}=1");
    }
    let is_header = value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value.contains('-')
        && value.parse::<HeaderName>().is_ok();
    let is_network = value.parse::<IpNet>().is_ok() || value.parse::<IpAddr>().is_ok();
    match (key, lower.as_str()) {
        ("for" | "forwarded", _) if is_network => {
            format!("; for the addresses of your proxies, write proxies={value}")
        }
        ("proto", "http" | "https") => {
            format!(
                "; if your proxy writes the header, write proto=1; for the scheme that our own socket \
                 speaks, listener={lower}"
            )
        }
        ("host", _) if value.contains('.') => {
            format!("; for the hosts that are allowed, write hosts={value}")
        }
        ("for" | "forwarded", _) if is_header => {
            format!("; for a header with one address, write client-ip={value}")
        }
        ("proto" | "host" | "port" | "prefix", _) if is_header => {
            format!("; for another header, write {key}=1 {key}-name={value}")
        }
        _ => choice(key, &lower, expected),
    }
}

/// The expected word that a value nearly is.
fn choice(key: &str, value: &str, expected: &str) -> String {
    let words = expected.split([' ', ',']);
    let words = words
        .filter(|word| !matches!(*word, "" | "a" | "or" | "count" | "number" | "from" | "join:N"));
    let words: Vec<_> = words.collect();
    let near: Vec<_> = near(value, &words).iter().map(|word| format!("{key}={word}")).collect();
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

/// The key that takes the count which was written instead of a header's name. In a list of names, digits
/// are a name.
fn counted<'a>(key: &'a str, text: &str) -> Option<&'a str> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let counted = if key == "client-ip" { Some("for") } else { key.strip_suffix("-name") };
    counted.filter(|_| is_number || matches!(text, "walk" | "aligned"))
}

/// Whether a text that could be a header's name is a mistake: a count, or a name in quotes.
pub(super) fn is_no_header(key: &str, text: &str) -> bool {
    is_quoted(text) || counted(key, text).is_some()
}

/// What is wrong with a text that is not a header name, and what to write instead.
pub(super) fn header(key: &str, text: &str) -> String {
    match counted(key, text) {
        _ if is_quoted(text) => "leave out the quotes".to_owned(),
        Some(counted) => {
            let sample = if key == "client-ip" { "X-Real-IP" } else { "X-Header" };
            format!("a count is not a header; write {counted}={text}, or a name: {key}={sample}")
        }
        None => "not a header name; expected one such as X-Forwarded-For".to_owned(),
    }
}

/// What to write instead of an entry of `hosts=`, if there is such advice.
pub(super) fn host(text: &str) -> &'static str {
    if is_quoted(text) {
        "; leave out the quotes"
    } else if text == "*" {
        "; to allow every host, leave hosts= out"
    } else if !text.is_ascii() {
        "; write it in punycode: xn--..."
    } else if text.contains('/') {
        "; write the host alone, without scheme and path"
    } else if text.contains([' ', ';']) {
        "; a list takes commas"
    } else {
        ""
    }
}

/// What to write instead of an entry of `proxies=`, if there is such advice.
pub(super) fn network(text: &str) -> Option<&'static str> {
    Some(match text {
        "*" => {
            "for your own proxies, write a list such as 10.0.0.0/8,loopback; any is every peer, and right \
             only if nobody else can connect"
        }
        "localhost" => "no names are looked up; write loopback",
        _ if text.contains('…') => "it is a placeholder; write the addresses",
        _ if is_quoted(text) => "leave out the quotes",
        _ if text.contains('*') => "write a network with its length, such as 10.0.0.0/8",
        _ if text.contains([' ', ';']) => "a list takes commas",
        _ => return None,
    })
}

/// The text without a possible secret: anything after `secret` and a sign.
pub(super) fn shown(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let secret = lower.split_once("secret").and_then(|(_, rest)| rest.split_once(['=', ':']));
    match secret.and_then(|(_, secret)| text.get(..text.len().saturating_sub(secret.len()))) {
        Some(before) => format!("{before}..."),
        None => text.to_owned(),
    }
}

/// The same of what is written for a key: behind the name of the secret's header, some write the secret.
pub(super) fn shown_of(key: &str, text: &str) -> String {
    if key == "secret-header" { "...".to_owned() } else { shown(text) }
}

/// Whether a key asks for a secret, which the text form does not hold.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('_', "-");
    (key.contains("secret") && key != "secret-header") || !near(&key, &["secret"]).is_empty()
}

fn is_quoted(text: &str) -> bool {
    text.starts_with(QUOTES) || text.ends_with(QUOTES)
}

/// The nearest known words: one, or several that are equally near.
fn near<'a>(text: &str, known: &[&'a str]) -> Vec<&'a str> {
    let within = |edits| {
        let near = |word: &&str| is_near(text.as_bytes(), word.as_bytes(), edits);
        known.iter().copied().filter(near).collect::<Vec<_>>()
    };
    // No key has more than 18 letters.
    let most = (text.len() / 3).min(6);
    (0..=most).map(within).find(|near| !near.is_empty()).unwrap_or_default()
}

/// Whether this many edits turn one text into the other.
fn is_near(a: &[u8], b: &[u8], edits: usize) -> bool {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
    if a.len().abs_diff(b.len()) > edits {
        return false;
    }
    let Some(edits) = edits.checked_sub(1) else { return a.is_empty() };
    match (a, b) {
        ([], _) | (_, []) => true,
        ([x, behind_a @ ..], [y, behind_b @ ..]) => {
            let swapped = match (behind_a, behind_b) {
                ([x2, a @ ..], [y2, b @ ..]) if x == y2 && y == x2 => is_near(a, b, edits),
                _ => false,
            };
            swapped
                || is_near(behind_a, behind_b, edits)
                || is_near(behind_a, b, edits)
                || is_near(a, behind_b, edits)
        }
    }
}
