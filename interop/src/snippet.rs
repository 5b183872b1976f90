//! Adapts the documented texts of a recipe to the place where a program runs.
//!
//! 1. Lines with `127.0.0.1` and `3000` contain the address of the application. It is replaced with the
//!    real address of the application or of the next proxy. For a Unix socket, the recipe's own lines for
//!    one replace these lines.
//! 2. `10.0.0.2` is the proxy in front.
//! 3. On the loopback device, the program's table says what it listens on, and each documented text in
//!    the table must be in the recipe. On its own host it listens as documented.
//! 4. `/etc/ssl/app.*` is the certificate.
//!
//! Only a whole number or address counts: `10.0.0.2` is not in `10.0.0.20`, and `3000` is not in `30000`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use crate::{
    Context, Result,
    program::{Place, Program, Site, Upstream, render},
};

/// The snippet, and how its place among other proxies changes it.
#[derive(Clone, Copy, Debug)]
pub struct Snippet<'a> {
    /// The recipe's text. Lines with `127.0.0.1` and `3000` contain the application's address.
    pub text: &'a str,
    /// What replaces those lines if the application is at `/run/app.sock`.
    pub unix: Option<&'a str>,
    /// The proxy in front. The recipe writes `10.0.0.2` for it.
    pub edge: Option<IpAddr>,
    /// The recipe's further texts, by name: another program's configuration, a command.
    pub extra: &'a [(&'a str, &'a str)],
    /// Whether it goes into the configuration of Debian's package. Only the lines that matter are used.
    pub debian: bool,
}

/// The snippet with the addresses of this place, and its further texts.
pub(crate) fn place(
    program: &Program,
    snippet: Snippet<'_>,
    site: Site,
    upstream: &Upstream,
    place: &Place,
) -> Result<(String, BTreeMap<String, String>)> {
    let mut text = match upstream {
        Upstream::Tcp(address) => with_address(snippet.text, *address),
        Upstream::Unix(path) => with_path(
            snippet.text,
            snippet.unix.context("the recipe has no block `unix`")?,
            &path.display().to_string(),
        ),
    };
    let extra = snippet.extra.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let mut extra: BTreeMap<String, String> = extra.collect();
    if let Site::Loopback(_) = site {
        let lacks = |pairs: &[(&'static str, &str)]| -> Vec<&str> {
            let said = |documented: &str| {
                text.contains(documented) || extra.values().any(|it| it.contains(documented))
            };
            pairs.iter().map(|pair| pair.0).filter(|documented| !said(documented)).collect()
        };
        let mut lacking = lacks(program.listening);
        let tls = lacks(program.listening_tls);
        // The inner proxies of a chain do not listen for TLS.
        if tls.len() < program.listening_tls.len() {
            lacking.extend(tls);
        }
        if let Some(documented) = lacking.first() {
            return Err(format!("the recipe does not contain `{documented}`").into());
        }
    }
    for text in extra.values_mut().chain([&mut text]) {
        if let Some(edge) = snippet.edge {
            *text = with_word(text, "10.0.0.2", &edge.to_string());
        }
        if let Site::Loopback(_) = site {
            for (documented, here) in program.listening.iter().chain(program.listening_tls) {
                *text = text.replace(documented, &render(here, place)?);
            }
        }
        for name in ["app.pem", "app.crt", "app.key"] {
            let path = place.tls.join(name).display().to_string();
            *text = text.replace(&format!("/etc/ssl/{name}"), &path);
        }
    }
    Ok((text, extra))
}

/// Whether a line contains the documented address of the application.
fn is_upstream(line: &str) -> bool {
    is_word_of("127.0.0.1", line) && is_word_of("3000", line)
}

/// Replaces the documented address of the application.
fn with_address(text: &str, address: SocketAddr) -> String {
    let line = |line: &str| {
        if is_upstream(line) {
            // `[::1]:3000`, but `::1` if the port is separate.
            let line = line.replace("127.0.0.1:3000", &address.to_string());
            let line = with_word(&line, "127.0.0.1", &address.ip().to_string());
            with_word(&line, "3000", &address.port().to_string())
        } else {
            line.to_owned()
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Replaces the lines for an address with the documented lines for a Unix socket.
fn with_path(text: &str, unix: &str, path: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut replaced = false;
    for line in text.lines() {
        if !is_upstream(line) {
            lines.push(line.to_owned());
        } else if !replaced {
            let indent = line.len() - line.trim_start().len();
            let unix = unix.replace("/run/app.sock", path);
            lines.extend(unix.lines().map(|line| " ".repeat(indent) + line));
            replaced = true;
        }
    }
    lines.join("\n")
}

/// Whether the text contains this number or address as a whole.
pub(crate) fn is_word_of(word: &str, text: &str) -> bool {
    places(word, text).next().is_some()
}

/// Replaces this number or address wherever the text contains it as a whole.
fn with_word(text: &str, word: &str, by: &str) -> String {
    let mut result = String::new();
    let mut done = 0;
    for at in places(word, text) {
        result.extend([&text[done..at], by]);
        done = at + word.len();
    }
    result + &text[done..]
}

fn places<'a>(word: &'a str, text: &'a str) -> impl Iterator<Item = usize> {
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        let goes_on = after.strip_prefix('.').unwrap_or(after).starts_with(is_digit);
        !before.ends_with(|c| is_digit(c) || c == '.') && !goes_on
    })
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_by_themselves() {
        let text = "10.0.0.2 10.0.0.20 110.0.0.2 1.10.0.0.2 10.0.0.2.1 10.0.0.2. (10.0.0.2)";
        let other = "x 10.0.0.20 110.0.0.2 1.10.0.0.2 10.0.0.2.1 x. (x)";
        assert_eq!(with_word(text, "10.0.0.2", "x"), other);
    }

    #[test]
    fn only_the_address_of_the_application_changes() {
        let at = |line| with_address(line, ([127, 0, 0, 3], 44312).into());
        assert_eq!(at("to 127.0.0.1:3000;"), "to 127.0.0.3:44312;");
        assert_eq!(at("backend=127.0.0.1,3000"), "backend=127.0.0.3,44312");
        for other in ["timeout 3000", "to 127.0.0.1:30000", "to 127.0.0.10:3000"] {
            assert_eq!(at(other), other);
        }
    }
}
