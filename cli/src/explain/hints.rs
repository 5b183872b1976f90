//! What to change, found by trying other configurations on the same request.
//!
//! 1. If a list is too short, or a client is a proxy, or a client is private with a public address to its
//!    left: the count that fits.
//! 2. If a peer or a hop that is not a proxy sends forwarding headers: its address.
//! 3. If a trusted header is absent: the other family or a header with one address, if present; otherwise
//!    what absence means. Also a forwarding header that is present and not trusted.
//! 4. A client that is an address of a CDN; a scheme in a nearer element; a secret that is absent.
//! 5. A host that is not allowed; `proxies` that contain clients.
//!
//! A hint is never certain, because a request does not show who wrote its headers. A hint says on what
//! condition it is right. It contains no text of a stranger, except what has passed a parser.

mod absent;

use std::fmt::Write;

use http::HeaderName;
use proxyfix::{Config, Error, Resolved, Source, explain};
use serde::Serialize;

use super::account::Account;
use crate::{
    providers::PROVIDERS,
    settings::{self, Settings, Trusted, host_port},
};

/// What to change, and when that is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Hint {
    pub(crate) code: &'static str,
    /// What to write, in the text form.
    pub(crate) write: String,
    pub(crate) reason: String,
}

/// The highest count that is worth trying: no chain in use is longer.
const COUNTS: usize = 16;

/// What could be changed.
pub(crate) fn all(account: &Account<'_>) -> Vec<Hint> {
    let tried = Tried { account, settings: &account.settings };
    let mut hints = Vec::new();
    match account.outcome() {
        Err(error) => hints.extend(tried.rejected(error)),
        Ok(_) if account.says("secret-missing") => hints.extend(tried.secret()),
        Ok(resolved) if account.is_peer_trusted() => {
            let client = tried.proxy_as_client(resolved);
            let client = client.or_else(|| tried.private_client(resolved));
            hints.extend(client.or_else(|| tried.client_of_provider(resolved)));
            hints.extend(tried.nearer_scheme());
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
            ("missing-secret", _) => self.secret(),
            ("bare-ipv6", _) => Some(Hint {
                code: "ipv6",
                write: "forwarded-ipv6=bare".to_owned(),
                reason: "right if your proxy writes IPv6 addresses without brackets and never with a port"
                    .to_owned(),
            }),
            ("missing-peer", _) => Some(Hint {
                code: "peer",
                write: "--peer ADDRESS".to_owned(),
                reason: "the address that connects to the application, usually the last proxy's"
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
                "fits this request{believed}; right if {} to {}",
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
        Some(self.added(
            "hop",
            ip,
            "right if that is one of your proxies; otherwise lower the count",
        ))
    }

    fn added(&self, code: &'static str, ip: std::net::IpAddr, reason: &str) -> Hint {
        let proxies = self.settings.get("proxies").filter(|list| *list != "none");
        let list = proxies.map_or_else(|| ip.to_string(), |list| format!("{list},{ip}"));
        let write = match self.settings.place() {
            // The address may belong to another way than the one that decides about strangers.
            Some(_) if code == "peer" => {
                format!("{ip} in proxies= of the way that it uses")
            }
            _ => format!("proxies={list}"),
        };
        Hint { code, write, reason: reason.to_owned() }
    }

    fn host(&self) -> Option<Hint> {
        let resolved = self.outcome(&self.settings.with("hosts", None).ok()?).ok()?;
        let mut write = self.settings.get("hosts")?.to_owned();
        let _ = write!(write, ",{}", resolved.host()?);
        // In a list with ports, an entry without one would allow every port.
        if self.settings.list("hosts").any(|entry| host_port(entry).is_some()) {
            let _ = write!(write, ":{}", resolved.port());
        }
        Some(Hint {
            code: "host",
            write: format!("hosts={write}"),
            reason: "right if that host is yours".to_owned(),
        })
    }

    /// A client that a count found and that is one of the proxies: the count may be too low.
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
                "the client that was found is itself one of proxies=; with this count, {}; right if {}",
                value(key, &resolved),
                proxies_append(count)
            ),
        })
    }

    /// A proxy that did not send the secret.
    fn secret(&self) -> Option<Hint> {
        let name = self.settings.get("secret-header")?;
        Some(Hint {
            code: "secret",
            write: format!("in your proxy, a line that sets {name} to the secret"),
            reason:
                "the peer is one of proxies=, and did not send exactly one line with the secret; \
                     right if the request came through your proxy"
                    .to_owned(),
        })
    }

    /// A scheme in a nearer element than the one that is read.
    fn nearer_scheme(&self) -> Option<Hint> {
        let mut steps = self.account.explanation.steps().iter();
        let hop = steps.find(|step| step.code() == "nearer-scheme")?.hop()?;
        Some(Hint {
            code: "nearer",
            write: format!("proto={hop}"),
            reason: format!(
                "the element that is read names no scheme, and the one at hop {hop} does; right if \
                 one of your proxies writes it on every request"
            ),
        })
    }

    /// A client that is an address of a CDN, while the header in which that CDN names the client is present.
    fn client_of_provider(&self, resolved: &Resolved) -> Option<Hint> {
        self.settings.client_list().filter(|_| self.settings.get("edge").is_none())?;
        let ip = resolved.client_ip()?;
        let provider = PROVIDERS.iter().find(|provider| provider.has(ip))?;
        let (spelling, header) = (provider.header?, provider.header?.to_lowercase());
        self.is_there(&header).then(|| Hint {
            code: "edge",
            write: format!("edge=… client-ip={spelling}"),
            reason: format!(
                "the client that was found is an address of {}; with its networks in edge=, the client \
                 is what {header} says, or the address itself for anyone who bypasses the CDN; right if \
                 that CDN is in front of your proxies",
                provider.name
            ),
        })
    }

    fn untrusted_peer(&self) -> Option<Hint> {
        let ip = self.account.peer?.ip();
        let reason = "the peer is not in proxies=, so its forwarding headers are ignored; right \
                      if it is one of your proxies";
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
            write: "proxies= with only the addresses of your proxies".to_owned(),
            reason: "every address in the list is one of proxies=, so none is a client's; \
                     right if one of them is a client's"
                .to_owned(),
        })
    }

    /// A client that is private, although a public address is to its left.
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
                "the client that was found is private, with more addresses to its left: with a count of \
                 {count}, {found}; right if {ip} is one of your proxies"
            );
            return Some(self.added("hop", ip, &reason));
        }
        Some(Hint {
            code: "count",
            write: format!("{key}={count}"),
            reason: format!(
                "the client that was found is private, with more addresses to its left; with this count, \
                 {found}; right if {}",
                proxies_append(count)
            ),
        })
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
