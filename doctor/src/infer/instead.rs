//! What to write into which proxy.
//!
//! 1. The lines are those of `docs/recipes/`. The user names the proxies, the outermost first; else those are named that
//!    showed themselves, and else the commonest six.
//! 2. Only the outermost proxy sees who connects, by which scheme and at which port. Many of them never show themselves,
//!    so one that did need not be the outermost, and that is said.
//! 3. What somebody on the way already does is not advised again to whom may be the one that does it.
//! 4. A proxy behind another one passes on what the outer one wrote; the recipes have such lines under *Behind
//!    another proxy*.

use super::{chain, headers::Header};
use crate::record::Recording;

/// What a proxy must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Client,
    Scheme,
    Host,
    /// The port that was asked for.
    Port(u16),
}

/// Whether the proxies do it already, and not well enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// Nobody does it.
    No,
    /// Somebody does, but what arrives is not true: an inner proxy writes its own, or something before the outermost one
    /// changes it.
    Otherwise,
    /// Another one does: see rule 3.
    Already,
}

/// The six proxies that are named if none showed itself.
const COMMON: [&str; 6] = ["nginx", "haproxy", "apache", "caddy", "envoy", "traefik"];

/// The proxies, as far as they are known.
pub(super) struct Proxies {
    /// Those that the user named, the outermost first.
    told: Vec<&'static str>,
    /// The others that showed themselves. Their order is not known.
    seen: Vec<&'static str>,
    /// Whether there are several for certain.
    several: bool,
    /// Whether a port was asked for that is not the scheme's own.
    odd_port: bool,
}

impl Proxies {
    pub(super) fn of(recording: &Recording, headers: &[Header]) -> Self {
        let told = chain::told(recording);
        let seen: Vec<_> =
            chain::names(recording).into_iter().filter(|name| !told.contains(name)).collect();
        let appended = headers
            .iter()
            .find(|header| header.name == "x-forwarded-for")
            .and_then(|header| header.effect.written());
        let several =
            told.len().saturating_add(seen.len()) > 1 || appended.is_some_and(|count| count > 1);
        let odd = |door: crate::record::Door<'_>| door.way.port != door.way.scheme().default_port();
        let odd_port = recording.doors().into_iter().any(odd);
        Self { told, seen, several, odd_port }
    }

    /// The line for the outermost proxy, which alone can write this.
    pub(super) fn outermost(&self, needs: Needs, done: Done) -> String {
        let alone = self.told.len() == 1 && self.seen.is_empty();
        let mut named: Vec<_> = match self.told.first() {
            Some(edge) if done != Done::Already || !alone => vec![*edge],
            None if done != Done::Already => self.seen.clone(),
            _ => Vec::new(),
        };
        let mut text = "in the outermost proxy, which clients connect to:".to_owned();
        if self.told.is_empty() {
            named.retain(|name| self.line(name, needs, done, false).is_some());
            let condition = if self.several { ", if it is the outermost" } else { "" };
            for name in &named {
                text.push_str(&self.told_to(name, condition, needs, done, false));
            }
            if self.several || named.is_empty() {
                let is_other = |name: &&str| {
                    let other = !self.told.contains(name) && !self.seen.contains(name);
                    other && (done != Done::Already || *name != "nginx")
                };
                named = COMMON.iter().copied().filter(is_other).collect();
            } else {
                named.clear();
            }
        } else if named.is_empty() {
            named = COMMON.iter().copied().filter(|name| !self.told.contains(name)).collect();
        }
        for name in named {
            text.push_str(&self.told_to(name, "", needs, done, false));
        }
        text.push_str(&self.hint(done));
        text
    }

    /// The lines for each proxy: the outermost sets it, and each other one appends to it or passes it on.
    pub(super) fn each(&self, needs: Needs) -> String {
        let mut text = "in each proxy, the outermost too:".to_owned();
        let mut named: Vec<_> = self.told.iter().chain(&self.seen).copied().collect();
        if self.told.is_empty() {
            named.retain(|name| self.line(name, needs, Done::No, false).is_some());
        }
        named.dedup();
        if named.is_empty() {
            named = COMMON.to_vec();
        }
        for (number, name) in named.into_iter().enumerate() {
            let inner = !self.told.is_empty() && number > 0;
            text.push_str(&self.told_to(name, "", needs, Done::No, inner));
        }
        text.push_str(&self.hint(Done::No));
        text
    }

    /// A header that an inner proxy writes anew.
    pub(super) fn pass_on(&self, header: &str, needs: Needs) -> String {
        let inner = self.told.iter().skip(1).chain(&self.seen).copied().collect::<Vec<_>>();
        let inner = match inner.as_slice() {
            [one] => (*one).to_owned(),
            _ => "the inner one".to_owned(),
        };
        let outermost = self.outermost(needs, Done::Already);
        format!(
            "only the outermost proxy may set {header}: take the line for it out of {inner}, or let it pass on what \
             comes (docs/recipes/chains.md), and have it set {outermost}"
        )
    }

    fn told_to(
        &self,
        name: &str,
        condition: &str,
        needs: Needs,
        done: Done,
        inner: bool,
    ) -> String {
        match self.line(name, needs, done, inner) {
            Some(line) => format!("\n{name}{condition}: {line} (docs/recipes/{name}.md)"),
            None => format!("\n{name}{condition}: docs/recipes/{name}.md"),
        }
    }

    /// Who else may be on the way.
    fn hint(&self, done: Done) -> String {
        let name = "name the proxies with --proxy, the outermost first";
        match (self.told.as_slice(), self.seen.as_slice()) {
            ([], []) => format!("\n{name}, to see their lines alone"),
            ([], [one]) if done == Done::Already => {
                format!("\nonly {one} showed itself, and another proxy is outside of it: {name}")
            }
            ([], [one]) => format!(
                "\nonly {one} showed itself; if another proxy is outside of it, the line goes there: {name}"
            ),
            ([], seen) => {
                format!("\n{} showed themselves, and not their order: {name}", seen.join(" and "))
            }
            ([one], []) if done == Done::Already => {
                format!("\n{one} does it already, or another proxy is outside of it: {name}")
            }
            _ => String::new(),
        }
    }

    /// The line for a proxy, which may be known to be an inner one.
    fn line(&self, proxy: &str, needs: Needs, done: Done, inner: bool) -> Option<String> {
        let line = match (proxy, needs) {
            ("nginx", Needs::Host) if inner => "proxy_set_header Host $http_host;",
            // `$host` has no port.
            ("nginx", Needs::Host) if self.odd_port || self.several => {
                "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Host $http_host;"
            }
            // `$server_port` is another one behind a port that is translated (`docker -p`).
            ("nginx", Needs::Port(port)) => {
                return Some(format!(
                    "proxy_set_header X-Forwarded-Port {port}; in the server block for that port"
                ));
            }
            ("haproxy", Needs::Port(port)) if done != Done::No => {
                return Some(format!(
                    "http-request set-header X-Forwarded-Port %[dst_port]; {port} instead, if something before it \
                     translates ports"
                ));
            }
            ("nginx", Needs::Client) => {
                "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
            }
            ("nginx", Needs::Scheme) => "proxy_set_header X-Forwarded-Proto $scheme;",
            ("nginx", Needs::Host) => {
                "proxy_set_header Host $host; proxy_set_header X-Forwarded-Host $host;"
            }
            ("haproxy", Needs::Client) => "option forwardfor",
            ("haproxy", Needs::Scheme) => {
                "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]"
            }
            ("haproxy", Needs::Host) => "http-request set-header X-Forwarded-Host %[req.hdr(Host)]",
            ("haproxy", Needs::Port(_)) => "http-request set-header X-Forwarded-Port %[dst_port]",
            ("apache", Needs::Client) => "ProxyAddHeaders On",
            ("apache", Needs::Scheme) => {
                "RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}"
            }
            ("apache", Needs::Host | Needs::Port(_)) => "ProxyPreserveHost On",
            ("caddy", _) => "reverse_proxy sets it, if no header_up line removes it",
            ("envoy", Needs::Client | Needs::Scheme) => "use_remote_address: true",
            ("envoy", Needs::Host) => "no host_rewrite_literal on the route",
            ("envoy", Needs::Port(_)) => {
                "request_headers_to_add: X-Forwarded-Port with %DOWNSTREAM_LOCAL_PORT%"
            }
            ("traefik", Needs::Client | Needs::Scheme | Needs::Port(_)) => {
                "it writes the header by itself; behind another proxy, forwardedHeaders.trustedIPs"
            }
            ("traefik", Needs::Host) => "passHostHeader: true",
            _ => return None,
        };
        Some(line.to_owned())
    }
}
