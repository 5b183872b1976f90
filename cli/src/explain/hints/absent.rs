//! Hints about trusted headers that are absent, and about headers that are present and not trusted.

use http::HeaderName;

use super::{Hint, Tried};
use crate::settings::{SINGLE_ADDRESS, Trusted, x_family};

impl Tried<'_> {
    pub(super) fn is_there(&self, name: &str) -> bool {
        self.account.received.headers.contains_key(name)
    }

    /// None of the trusted headers is present: what is present instead.
    pub(super) fn missing(&self) -> Option<Hint> {
        let steps = self.account.explanation.steps();
        steps.iter().find(|step| step.code() == "missing")?;
        self.other_family().or_else(|| self.single_address()).or_else(|| {
            let trusted = self.settings.trusted();
            let names: Vec<_> = trusted.iter().map(|trusted| trusted.header.as_str()).collect();
            Some(Hint {
                code: "absent",
                write: format!("in your proxy, lines that write {}", names.join(", ")),
                reason: "the peer is one of proxies=, and none of the trusted headers is present; right \
                         if the request came through your proxy"
                    .to_owned(),
            })
        })
    }

    /// The headers of the other family that are present.
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
            reason: format!("right if your proxy, not the client, writes {}", names.join(", ")),
        })
    }

    /// The only header with a single address, if no trusted header names the client.
    fn single_address(&self) -> Option<Hint> {
        let lines = self.account.received.lines.iter();
        // Azure Front Door takes the value of this header from the client.
        let is_single = |name: &HeaderName| {
            SINGLE_ADDRESS.contains(&name.as_str()) && name != "x-azure-clientip"
        };
        let mut single = lines.filter(|line| is_single(&line.name));
        let line = single.next().filter(|_| single.next().is_none())?;
        line.value.to_str().ok()?.trim().parse::<std::net::IpAddr>().ok()?;
        let key = ["for", "forwarded", "client-ip"];
        let key = key.into_iter().find(|key| self.settings.get(key).is_some())?;
        Some(Hint {
            code: "single",
            write: format!("client-ip={} instead of {key}=", line.spelling),
            reason: format!(
                "only {} names a client here; right if your proxy overwrites it on every request",
                line.name
            ),
        })
    }

    /// A trusted header that is absent while another one is present.
    pub(super) fn incomplete(&self, trusted: &Trusted) -> Hint {
        let Trusted { key, header } = trusted;
        if *key == "client-ip" && self.settings.get("edge").is_some() {
            return Hint {
                code: "absent",
                write: format!("in your proxy, pass {header} on"),
                reason:
                    "the address that was found is one of edge=, so that header is expected; right \
                         if your CDN writes it"
                        .to_owned(),
            };
        }
        let client = matches!(*key, "for" | "client-ip");
        let single = if client { self.single_address() } else { None };
        single.unwrap_or_else(|| Hint {
            code: "absent",
            write: format!("leave out {key}="),
            reason: format!(
                "right if your proxy does not write {header}; otherwise have your proxy write it on \
                 every request"
            ),
        })
    }

    /// Trusted headers that are absent while others are present, so that our own values were used.
    pub(super) fn absent(&self) -> Vec<Hint> {
        let steps = self.account.explanation.steps();
        if steps.iter().any(|step| step.code() == "missing") {
            return Vec::new();
        }
        let absent = self.settings.trusted().into_iter();
        let past_edge = self.account.says("past-edge");
        let absent = absent.filter(|trusted| {
            let unread = past_edge && trusted.key == "client-ip";
            !unread && !self.is_there(trusted.header.as_str())
        });
        let hint = |trusted: Trusted| match trusted.key {
            "for" | "proto" | "client-ip" => self.incomplete(&trusted),
            key => {
                let own = if key == "host" && self.is_there("host") {
                    ", so the host is that of Host"
                } else {
                    ""
                };
                let header = trusted.header;
                Hint {
                    code: "absent",
                    write: format!("leave out {key}="),
                    reason: format!(
                        "{header} is absent{own}; a client who sends it is believed; right if your \
                         proxy does not write it on every request"
                    ),
                }
            }
        };
        absent.map(hint).collect()
    }

    /// Headers of the family in use that are present and not trusted.
    pub(super) fn not_trusted(&self) -> Vec<Hint> {
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
            reason: format!(
                "right if your proxy writes {name} on every request, and overwrites a client's: see its recipe"
            ),
        };
        x_family().filter(untrusted).map(hint).collect()
    }
}
