//! What to change, found by trying other configurations on the same request.
//!
//! 1. A list that is too short: which count fits. A client that is a proxy, or private with a public
//!    address to its left: the same.
//! 2. A peer, or a hop, that is no proxy, though it brings forwarding headers: its address.
//! 3. A trusted header that is absent: what came instead of it, the other family or a header with one
//!    address; else what absence means. A forwarding header that is there and not trusted.
//! 4. A host that is not allowed; proxies of which clients are a part.
//!
//! A hint is never certain: a request cannot say who wrote it. It says on what condition it is
//! right. It holds no text of a stranger, only what has passed a parser.

use http::HeaderName;
use proxyfix::{Config, Error, Resolved, Source, explain};
use serde::Serialize;

use super::account::Account;
use crate::settings::{self, SINGLE_ADDRESS, Settings, Trusted, x_family};

/// What to change, and when that is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Hint {
    pub(crate) code: &'static str,
    /// What to write, in the text form.
    pub(crate) write: String,
    pub(crate) reason: String,
}

/// Counts that are worth trying: beyond, no chain in use has them.
const COUNTS: usize = 16;

/// What could be changed.
pub(crate) fn all(account: &Account<'_>, settings: &Settings) -> Vec<Hint> {
    let tried = Tried { account, settings };
    let mut hints = Vec::new();
    match account.outcome() {
        Err(error) => hints.extend(tried.rejected(error)),
        Ok(resolved) if account.is_peer_trusted() => {
            hints
                .extend(tried.proxy_as_client(resolved).or_else(|| tried.private_client(resolved)));
            hints.extend(tried.missing());
            hints.extend(tried.no_client());
            hints.extend(tried.absent());
            hints.extend(tried.not_trusted());
        }
        Ok(_) => hints.extend(tried.untrusted_peer()),
    }
    hints
}

struct Tried<'a> {
    account: &'a Account<'a>,
    settings: &'a Settings,
}

impl Tried<'_> {
    fn outcome(&self, config: &Config) -> Result<Resolved, Error> {
        let received = self.account.received;
        explain(self.account.peer, &received.headers, &received.uri, config).into_outcome()
    }

    fn trusted_as(&self, header: Option<&HeaderName>) -> Option<Trusted> {
        self.settings.trusted().into_iter().find(|trusted| Some(&trusted.header) == header)
    }

    fn rejected(&self, error: &Error) -> Option<Hint> {
        let trusted = self.trusted_as(error.header());
        match (error.kind().code(), trusted) {
            ("short", Some(trusted)) => self.shorter(&trusted),
            ("untrusted-hop", Some(trusted)) => self.hop(error).or_else(|| self.shorter(&trusted)),
            ("incomplete", Some(trusted)) => Some(self.incomplete(&trusted)),
            ("host-not-allowed", _) => self.host(),
            ("missing", _) => self.missing(),
            ("missing-peer", _) => Some(Hint {
                code: "peer",
                write: "--peer ADDRESS".to_owned(),
                reason: "the address that connects to the application, mostly the last proxy's"
                    .to_owned(),
            }),
            _ => None,
        }
    }

    /// The highest count that the list is long enough for.
    fn shorter(&self, trusted: &Trusted) -> Option<Hint> {
        let (joined, count) = match self.settings.get(trusted.key)?.strip_prefix("join:") {
            Some(count) => ("join:", count.parse().ok()?),
            None => ("", self.settings.count(trusted.key)?),
        };
        let fits = |count: &usize| {
            let config = self.settings.with(trusted.key, Some(&format!("{joined}{count}")));
            let outcome = config.map(|config| self.outcome(&config)).ok()?;
            match outcome {
                Err(error) if error.header() == Some(&trusted.header) => None,
                outcome => Some((*count, outcome.ok())),
            }
        };
        let (count, outcome) = (1..count.min(COUNTS + 1)).rev().find_map(|count| fits(&count))?;
        let believed = outcome.map_or_else(String::new, |resolved| {
            format!(", then {}", value(trusted.key, &resolved))
        });
        Some(Hint {
            code: "count",
            write: format!("{}={joined}{count}", trusted.key),
            reason: format!(
                "fits this request{believed}; right where {} to {}",
                proxies_append(count),
                trusted.header
            ),
        })
    }

    /// The element that `verify=hops` found to be no proxy.
    fn hop(&self, error: &Error) -> Option<Hint> {
        let steps = self.account.explanation.steps();
        let step = steps.iter().find(|step| step.error() == Some(error))?;
        let text = std::str::from_utf8(step.text()?).ok()?;
        let ip: std::net::IpAddr = text.parse().ok()?;
        Some(self.added("hop", ip, "right where that is one of your proxies; else lower the count"))
    }

    fn added(&self, code: &'static str, ip: std::net::IpAddr, reason: &str) -> Hint {
        let proxies = self.settings.get("proxies").filter(|list| *list != "none");
        let list = proxies.map_or_else(|| ip.to_string(), |list| format!("{list},{ip}"));
        Hint { code, write: format!("proxies={list}"), reason: reason.to_owned() }
    }

    fn host(&self) -> Option<Hint> {
        let resolved = self.outcome(&self.settings.with("hosts", None).ok()?).ok()?;
        let allowed: Vec<_> = self.settings.list("hosts").chain(resolved.host()).collect();
        Some(Hint {
            code: "host",
            write: format!("hosts={}", allowed.join(",")),
            reason: "right where that host is yours".to_owned(),
        })
    }

    /// A client by count that is one of the proxies: the count may be too low.
    fn proxy_as_client(&self, resolved: &Resolved) -> Option<Hint> {
        let key = self.settings.client_list()?;
        let (count, proxies) = (self.settings.count(key)?, self.settings.proxies());
        let is_proxy = |resolved: &Resolved| {
            !proxies.contains(std::net::IpAddr::from([0; 4]))
                && resolved.client_ip().is_some_and(|ip| proxies.contains(ip))
        };
        if !is_proxy(resolved) {
            return None;
        }
        let fits = |count: &usize| {
            let config = self.settings.with(key, Some(&count.to_string())).ok()?;
            self.outcome(&config).ok().filter(|resolved| !is_proxy(resolved))
        };
        let mut counts = count + 1..=COUNTS;
        let (count, resolved) = counts.find_map(|count| Some((count, fits(&count)?)))?;
        Some(Hint {
            code: "count",
            write: format!("{key}={count}"),
            reason: format!(
                "the client that was found is itself one of proxies=; then {}; right where {}",
                value(key, &resolved),
                proxies_append(count)
            ),
        })
    }

    fn untrusted_peer(&self) -> Option<Hint> {
        let ip = self.account.peer?.ip();
        let reason = "the peer is none of proxies=, so its forwarding headers are ignored; right \
                      where it is one of your proxies";
        match (self.account.ignored.is_empty(), ip) {
            (true, _) => None,
            (false, Some(ip)) => Some(self.added("peer", ip, reason)),
            (false, None) => {
                let list = self.settings.get("proxies").filter(|list| *list != "none");
                let list = list.map_or_else(String::new, |list| format!(",{list}"));
                let write = format!("proxies=unix{list}");
                Some(Hint { code: "peer", write, reason: reason.to_owned() })
            }
        }
    }

    /// A walk that leaves no client.
    fn no_client(&self) -> Option<Hint> {
        let steps = self.account.explanation.steps();
        steps.iter().find(|step| step.code() == "all-trusted")?;
        Some(Hint {
            code: "proxies",
            write: "proxies= with the addresses of your proxies alone".to_owned(),
            reason: "every address in the list is one of proxies=, and so none is a client's; \
                     right where one of them is"
                .to_owned(),
        })
    }

    /// A client that is private, though a public address is to its left.
    fn private_client(&self, resolved: &Resolved) -> Option<Hint> {
        let key = self.settings.client_list()?;
        let is_private =
            |resolved: &Resolved| resolved.client_ip().is_some_and(settings::is_private);
        let ip = resolved.client_ip().filter(|_| is_private(resolved))?;
        let is_public =
            |resolved: &Resolved| resolved.client_ip().is_some() && !is_private(resolved);
        let fits = |count: usize| {
            let config = self.settings.with(key, Some(&count.to_string())).ok()?;
            self.outcome(&config).ok().filter(is_public).map(|resolved| (count, resolved))
        };
        let hop = resolved.source().client();
        let Source::Header { hop: first, .. } = hop else { return None };
        let (count, found) = (first + 1..=COUNTS).find_map(fits)?;
        let found = value(key, &found);
        if self.settings.walks() {
            let reason = format!(
                "the client that was found is private, with more to its left: with a count of {count}, \
                 {found}; right where {ip} is one of your proxies"
            );
            return Some(self.added("hop", ip, &reason));
        }
        Some(Hint {
            code: "count",
            write: format!("{key}={count}"),
            reason: format!(
                "the client that was found is private, with more to its left; then {found}; right \
                 where {}",
                proxies_append(count)
            ),
        })
    }

    fn is_there(&self, name: &str) -> bool {
        self.account.received.headers.contains_key(name)
    }

    /// None of the trusted headers is there: what came instead.
    fn missing(&self) -> Option<Hint> {
        let steps = self.account.explanation.steps();
        steps.iter().find(|step| step.code() == "missing")?;
        self.other_family().or_else(|| self.single_address()).or_else(|| {
            let trusted = self.settings.trusted();
            let names: Vec<_> = trusted.iter().map(|trusted| trusted.header.as_str()).collect();
            Some(Hint {
                code: "absent",
                write: format!("in your proxy, lines that write {}", names.join(", ")),
                reason: "the peer is one of proxies=, and none of the trusted headers came; right \
                         where the request came through your proxy"
                    .to_owned(),
            })
        })
    }

    /// What came of the other family.
    fn other_family(&self) -> Option<Hint> {
        let (there, instead) = match self.settings.get("forwarded") {
            Some(count) => {
                let there = x_family().filter(|(_, name)| self.is_there(name));
                let word =
                    |key| if key == "for" { format!("for={count}") } else { format!("{key}=1") };
                (there.map(|(key, name)| (word(key), name)).collect(), "forwarded=".to_owned())
            }
            None => {
                let there = self.is_there("forwarded");
                let trusted = self.settings.trusted();
                let keys: Vec<_> = trusted.iter().map(|t| format!("{}=", t.key)).collect();
                let there: Vec<_> =
                    there.then(|| ("forwarded=1".to_owned(), "forwarded")).into_iter().collect();
                (there, keys.join(" "))
            }
        };
        let (words, names): (Vec<_>, Vec<_>) = there.into_iter().unzip();
        (!names.is_empty()).then(|| Hint {
            code: "family",
            write: format!("{} instead of {instead}", words.join(" ")),
            reason: format!(
                "right where your proxy writes {}, and not the client",
                names.join(", ")
            ),
        })
    }

    /// The one header with a single address that came, where no trusted header names the client.
    fn single_address(&self) -> Option<Hint> {
        let lines = self.account.received.lines.iter();
        let mut single = lines.filter(|line| SINGLE_ADDRESS.contains(&line.name.as_str()));
        let line = single.next().filter(|_| single.next().is_none())?;
        line.value.to_str().ok()?.trim().parse::<std::net::IpAddr>().ok()?;
        let key = ["for", "forwarded", "client-ip"];
        let key = key.into_iter().find(|key| self.settings.get(key).is_some())?;
        Some(Hint {
            code: "single",
            write: format!("client-ip={} instead of {key}=", line.spelling),
            reason: format!(
                "only {} names a client here; right where your proxy writes it anew on every request",
                line.name
            ),
        })
    }

    /// A header beside which another trusted one is there.
    fn incomplete(&self, trusted: &Trusted) -> Hint {
        let Trusted { key, header } = trusted;
        let client = matches!(*key, "for" | "client-ip");
        let single = if client { self.single_address() } else { None };
        single.unwrap_or_else(|| Hint {
            code: "absent",
            write: format!("leave out {key}="),
            reason: format!(
                "right where your proxy does not write {header}; else have it write it on every \
                 request"
            ),
        })
    }

    /// Trusted headers that are absent beside others, and in whose place a value of our own was taken.
    fn absent(&self) -> Vec<Hint> {
        let steps = self.account.explanation.steps();
        if steps.iter().any(|step| step.code() == "missing") {
            return Vec::new();
        }
        let absent = self.settings.trusted().into_iter();
        let absent = absent.filter(|trusted| !self.is_there(trusted.header.as_str()));
        let hint = |trusted: Trusted| match trusted.key {
            "for" | "proto" | "client-ip" => self.incomplete(&trusted),
            key => {
                let own = if key == "host" && self.is_there("host") {
                    ", and the host is that of Host"
                } else {
                    ""
                };
                let header = trusted.header;
                Hint {
                    code: "absent",
                    write: format!("leave out {key}="),
                    reason: format!(
                        "{header} did not come{own}; a client who sends it is believed; right where \
                         your proxy does not write it on every request"
                    ),
                }
            }
        };
        absent.map(hint).collect()
    }

    /// Headers of the family in use that are there and not trusted.
    fn not_trusted(&self) -> Vec<Hint> {
        if self.settings.client_list() == Some("forwarded") {
            return Vec::new();
        }
        let by_tls = self.settings.get("listener") == Some("https");
        let client_named = ["for", "client-ip"].iter().any(|key| self.settings.get(key).is_some());
        let untrusted = |(key, name): &(&str, &str)| {
            self.settings.get(key).is_none()
                && !(*key == "for" && client_named)
                && !(*key == "proto" && by_tls)
                && self.account.ignored.iter().any(|ignored| ignored == name)
        };
        let hint = |(key, name): (&str, &str)| Hint {
            code: "not-trusted",
            write: format!("{key}=1"),
            reason: format!("right where your proxy writes {name} on every request"),
        };
        x_family().filter(untrusted).map(hint).collect()
    }
}

/// What a key is about, as it was resolved.
fn value(key: &str, resolved: &Resolved) -> String {
    match key {
        "proto" => format!("the scheme is {}", resolved.scheme()),
        "host" => format!("the host is {}", resolved.host().unwrap_or("unknown")),
        "port" => format!("the port is {}", resolved.port()),
        "prefix" => format!("the prefix is {:?}", resolved.prefix()),
        _ => format!("the client is {}", resolved.client()),
    }
}

fn proxies_append(count: usize) -> String {
    if count == 1 { "one proxy appends".to_owned() } else { format!("{count} proxies append") }
}
