//! Checks that what arrives at the application, before proxyfix, is what the documents say.
//!
//! 1. If a recipe's table says that a proxy *replaces* or *removes* what came in, nothing that the
//!    client sent arrives under that name.
//! 2. If the line for proxyfix trusts a header once for scheme, host or port, that header arrives once
//!    on an honest request: one line with one element. A `Forwarded` has `for` and `proto`; if the table
//!    says who writes `Host`, it has no `host`.
//! 3. `Host` arrives as an honest client wrote it, except for the port. If a host arrives in the target
//!    too, it is the same.
//! 4. No `Upgrade` to HTTP/2 arrives, in any spelling. If the table says that `Upgrade` is the client's,
//!    only a plain `h2c` must not arrive.
//!
//! proxyfix is not misled if one of these fails. But a recipe promises them, and other programs may read
//! these headers too.

use crate::{
    Result,
    app::Arrived,
    certificate,
    recipe::{Family, rows},
    request::{Mode, Request},
};

/// The keys for proxyfix that trust a header once, and their headers.
const TRUSTED: [(&str, &str); 3] = [
    ("proto=1", "X-Forwarded-Proto"),
    ("host=1", "X-Forwarded-Host"),
    ("port=1", "X-Forwarded-Port"),
];

/// What the documents say about the headers.
#[derive(Clone, Debug, Default)]
pub struct Arrives {
    /// Headers in which nothing arrives that the client sent.
    clean: Vec<String>,
    /// Headers that arrive once.
    once: Vec<&'static str>,
    /// Only `Host` carries the host.
    bare: bool,
    /// An `Upgrade` to HTTP/2 may arrive if its spelling is odd.
    upgrades: bool,
}

impl Arrives {
    /// What arrives with this line for proxyfix.
    pub fn by(config: &str) -> Self {
        let trusts = |key: &str| config.split(' ').any(|word| word == key);
        let mut once: Vec<_> =
            TRUSTED.iter().filter(|(key, _)| trusts(key)).map(|(_, name)| *name).collect();
        if config.contains("forwarded=") {
            once.push("Forwarded");
        }
        Self { once, ..Self::default() }
    }

    /// Adds what the tables of `docs/recipes/NAME.md` say about this family.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub fn and_tables(mut self, name: &str, family: Family) -> Result<Self> {
        for row in rows(name)? {
            let [names, who, ..] = row.as_slice() else { continue };
            self.bare |= names == "Host";
            if !["replaces what came in", "removes what came in"].iter().any(|it| who.contains(it))
            {
                continue;
            }
            for name in names.split(", ") {
                // `X-Forwarded-Proto`, `-Host`
                let whole = if name.starts_with('-') { "X-Forwarded" } else { "" };
                if (name == "Forwarded") == (family == Family::Forwarded) {
                    self.clean.push(format!("{whole}{name}"));
                }
            }
        }
        Ok(self)
    }

    /// Adds how these proxies, behind each other, pass on an `Upgrade`.
    ///
    /// # Errors
    ///
    /// If one has no recipe.
    pub fn and_upgrades(mut self, names: impl Iterator<Item = &'static str>) -> Result<Self> {
        self.upgrades = true;
        for name in names {
            self.upgrades &=
                rows(name)?.iter().any(|row| row.first().is_some_and(|name| name == "Upgrade"));
        }
        Ok(self)
    }

    /// Compares with the headers that arrived for this request, and returns what is wrong.
    pub fn check(
        &self,
        Arrived { authority, headers: arrived }: &Arrived,
        request: &Request,
        mode: Mode,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(authority) = authority {
            let hosts: Vec<&str> = values(arrived, "Host").collect();
            if hosts.iter().any(|host| host != authority) {
                wrong.push(format!("a target for {authority} arrives beside the hosts {hosts:?}"));
            }
        }
        let host = values(arrived, "Host").next().unwrap_or_default();
        if request.is_honest() && mode != Mode::Http10 && !host.starts_with(certificate::NAME) {
            wrong.push(format!("Host arrives as {host}"));
        }
        for value in values(arrived, "Upgrade") {
            let upgrades = value.to_ascii_lowercase().contains("h2c");
            if upgrades && (!self.upgrades || value == "h2c") {
                wrong.push(format!("Upgrade: {value} arrives"));
            }
        }
        for name in &self.clean {
            let sent = request.lines.iter().filter(|(sent, _)| sent.eq_ignore_ascii_case(name));
            let sent: Vec<&str> = sent.flat_map(|(_, value)| elements(value)).collect();
            for value in values(arrived, name) {
                if elements(value).any(|element| sent.contains(&element)) {
                    let shown: String = value.chars().take(60).collect();
                    wrong.push(format!("the client's own {name} arrives: {shown}"));
                }
            }
        }
        for name in self.once.iter().filter(|_| request.is_honest()) {
            let values: Vec<&str> = values(arrived, name).collect();
            let said = |value: &&str| {
                let has = |word| value.contains(word);
                let bare = !(self.bare && has("host="));
                *name != "Forwarded" || (has("for=") && has("proto=") && bare)
            };
            let right = match values.as_slice() {
                // If the client names no host, the proxy need not name one.
                [] => mode == Mode::Http10 && *name == "X-Forwarded-Host",
                [value] => elements(value).count() <= 1 && said(value),
                _ => false,
            };
            if !right {
                wrong.push(format!("{name} arrives as {values:?}"));
            }
        }
        wrong
    }
}

fn values<'a>(arrived: &'a [(String, String)], wanted: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = arrived.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
    lines.map(|(_, value)| value.as_str())
}

fn elements(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|element| !element.is_empty())
}
