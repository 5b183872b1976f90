//! What is believed of a request, and what the request looks like downstream.

use std::{collections::BTreeMap, net::Ipv6Addr};

use http::{HeaderName, Request, header};
use proxyfix::{Resolved, Scheme};

use super::{
    head::{Head, OTHER, STRIPPED, Target},
    proxy::{Kind, scheme_text},
    scenario::Scenario,
    settings::Choice,
};

/// What is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// As a node.
    pub(crate) client: String,
    pub(crate) scheme: Scheme,
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
    pub(crate) prefix: String,
}

impl Answer {
    pub(crate) fn of(resolved: &Resolved) -> Self {
        Self {
            client: resolved.client().to_string(),
            scheme: resolved.scheme(),
            host: resolved.host().map(str::to_owned),
            port: resolved.port(),
            prefix: resolved.prefix().to_owned(),
        }
    }

    /// Host and port, without the scheme's default port; empty if no host is known.
    pub(crate) fn authority(&self) -> String {
        match &self.host {
            None => String::new(),
            Some(host) if self.port == self.scheme.default_port() => host.clone(),
            Some(host) => format!("{host}:{}", self.port),
        }
    }
}

/// The headers of a request except those that name nothing, the number of [`Head::others`] among those, and the
/// target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Downstream {
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    pub(crate) others: usize,
    pub(crate) target: String,
}

impl Downstream {
    pub(crate) fn of(request: &Request<()>, scenario: &Scenario) -> Self {
        let stays = |name: &HeaderName| {
            matches!(name.as_str(), "via" | "accept" | "connection" | "upgrade")
                || name.as_str().replace('_', "-") == STRIPPED && !scenario.has(Choice::StripAlso)
        };
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut others = 0;
        for (name, value) in request.headers().iter().filter(|(name, _)| !stays(name)) {
            if name.as_str().starts_with(OTHER) {
                others += 1;
                continue;
            }
            let value = value.as_bytes().escape_ascii().to_string().replace("\\\"", "\"");
            headers.entry(name.to_string()).or_default().push(value);
        }
        Self { headers, others, target: target(request.uri()) }
    }

    /// The lines that name a client, a scheme, a host or a prefix downstream of this answer: each trusted
    /// header if it was `believed`, and otherwise none.
    pub(crate) fn expected(
        scenario: &Scenario,
        head: &Head,
        answer: &Answer,
        believed: bool,
    ) -> Self {
        let authority = answer.authority();
        let mut headers = BTreeMap::new();
        let mut say = |name: &HeaderName, value: String| {
            headers.insert(name.to_string(), vec![value]);
        };
        if answer.host.is_some() {
            say(&header::HOST, authority.clone());
        }
        if let Some((name, value)) = scenario.guarded.as_ref().filter(|_| believed) {
            say(name, (*value).to_owned());
        }
        if believed && !scenario.has(Choice::Strip) {
            let chain = &scenario.chain;
            if let Some(edge) = scenario.by_edge() {
                say(edge, x_node(&answer.client));
            }
            if chain.kind == Kind::Forwarded {
                say(&header::FORWARDED, element(answer, &authority));
            } else {
                let values = [
                    x_node(&answer.client),
                    scheme_text(&chain.names[1], answer.scheme).to_owned(),
                    authority.clone(),
                    answer.port.to_string(),
                    answer.prefix.clone(),
                ];
                for ((name, rule), value) in chain.names.iter().zip(scenario.rules).zip(values) {
                    if rule.is_some() {
                        say(name, value);
                    }
                }
            }
        }
        let origin = match &answer.host {
            Some(_) => format!("{}://{authority}", answer.scheme),
            None => String::new(),
        };
        let target = match head.target {
            Target::Origin | Target::Absolute(_) => format!("{origin}{}", head.path.as_str()),
            Target::AsteriskWithAuthority => format!("{origin}*"),
            Target::Asterisk => "*".to_owned(),
            Target::Authority => head.authority.0.to_owned(),
        };
        Self { headers, others: head.others, target }
    }
}

/// A target with its exact path. `Uri` itself prints a slash before a query.
pub(crate) fn target(uri: &http::Uri) -> String {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}{path}"),
        (None, Some(authority)) => authority.to_string(),
        _ => path.to_owned(),
    }
}

/// A forwarded-element in canonical form.
fn element(answer: &Answer, authority: &str) -> String {
    let quoted = |text: &str| {
        if text.contains([':', '[']) { format!("\"{text}\"") } else { text.to_owned() }
    };
    let host =
        if authority.is_empty() { String::new() } else { format!(";host={}", quoted(authority)) };
    format!("for={};proto={}{host}", quoted(&answer.client), answer.scheme)
}

/// A node in the form of `X-Forwarded-For`, where an address without a port needs no brackets.
fn x_node(node: &str) -> String {
    let bare = node.strip_prefix('[').and_then(|node| node.strip_suffix(']'));
    match bare.map(str::parse::<Ipv6Addr>) {
        Some(Ok(ip)) => ip.to_string(),
        _ => node.to_owned(),
    }
}
