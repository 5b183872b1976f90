//! How the documented texts of a recipe become those of a place.
//!
//! 1. Lines with `3000` hold the address of the application: the next proxy's or its own stands there,
//!    or, for a Unix socket, the recipe's own lines for one.
//! 2. `10.0.0.2` is the proxy in front.
//! 3. On the loopback device, what a program listens on is as its table says; each of those texts must
//!    be in the recipe. On a host of its own it listens as documented.
//! 4. `/etc/ssl/app.*` is the certificate.

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
    /// As the recipe has it. Lines with `3000` hold the address of the application.
    pub text: &'a str,
    /// What stands for those lines where the application is at `/run/app.sock`.
    pub unix: Option<&'a str>,
    /// The proxy in front, for which the recipe writes `10.0.0.2`.
    pub edge: Option<IpAddr>,
    /// The recipe's further texts, by name: another program's configuration, a command.
    pub extra: &'a [(&'a str, &'a str)],
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
    let listening = match site {
        Site::Loopback(_) => program.listening,
        Site::Host(_) => &[],
    };
    for (documented, _) in listening {
        // The inner proxies of a chain do not listen for TLS.
        let optional = documented.contains("443") || documented.contains("/etc/ssl");
        let said =
            text.contains(documented) || extra.values().any(|text| text.contains(documented));
        if !said && !optional {
            return Err(format!("the recipe does not say `{documented}`").into());
        }
    }
    for text in extra.values_mut().chain([&mut text]) {
        if let Some(edge) = snippet.edge {
            *text = text.replace("10.0.0.2", &edge.to_string());
        }
        for (documented, here) in listening {
            *text = text.replace(documented, &render(here, place)?);
        }
        for name in ["app.pem", "app.crt", "app.key"] {
            let path = place.tls.join(name).display().to_string();
            *text = text.replace(&format!("/etc/ssl/{name}"), &path);
        }
    }
    Ok((text, extra))
}

/// The address of the application in place of the documented one.
fn with_address(text: &str, address: SocketAddr) -> String {
    let line = |line: &str| {
        if line.contains("3000") {
            line.replace("127.0.0.1:3000", &address.to_string())
                .replace("127.0.0.1", &address.ip().to_string())
                .replace("3000", &address.port().to_string())
        } else {
            line.to_owned()
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The documented lines for a Unix socket in place of those for an address.
fn with_path(text: &str, unix: &str, path: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut replaced = false;
    for line in text.lines() {
        if !line.contains("3000") {
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
