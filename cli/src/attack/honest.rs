//! Whether an honest request is read right, and how much of each trusted header the chain writes.

use http::HeaderMap;
use proxyfix::Peer;
use serde::Serialize;

use super::{
    hosts,
    judge::{Got, Value},
};
use crate::{
    model::{Chain, Client, Sent},
    settings::{Settings, host_name, host_port},
};

/// The prefix that an edge strips, if it sets one.
pub(super) const PREFIX: &str = "/app";

/// Counts that are worth trying.
const COUNTS: std::ops::RangeInclusive<usize> = 1..=8;

/// A trusted header, and how many elements the chain writes into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Header {
    pub(super) name: String,
    /// What the configuration says of it.
    pub(super) trusted: String,
    pub(super) written: usize,
    /// Whether the configuration reads more elements than are written.
    pub(super) too_far: bool,
}

/// A wrong value of an honest request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Misread {
    pub(super) field: &'static str,
    pub(super) got: String,
    pub(super) truth: String,
    /// The words of a configuration that would read the right value.
    pub(super) write: Option<String>,
}

impl Misread {
    /// Whether it is the same fault, perhaps with another client.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.field == other.field && self.write == other.write
    }
}

/// The right values for a request from this client.
pub(super) fn truth(client: Client, host: &str, chain: &Chain) -> Vec<Value> {
    let (name, port) = (host_name(host), host_port(host));
    let value = |field, text| Value { field, text, own: false };
    vec![
        value("client", node(client.ip)),
        value("scheme", client.scheme.to_string()),
        value("host", name.to_owned()),
        value("port", port.map_or_else(|| client.scheme.default_port().to_string(), str::to_owned)),
        value("prefix", if chain.strips() { PREFIX } else { "none" }.to_owned()),
    ]
}

/// An address as a client is printed.
pub(super) fn node(ip: std::net::IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

/// How much of each trusted header the chain writes.
pub(super) fn headers(
    chain: &Chain,
    settings: &Settings,
    sent: &Sent,
    client: Client,
) -> Vec<Header> {
    let came = chain.pass(sent, client);
    let header = |trusted: crate::settings::Trusted| {
        let value = settings.get(trusted.key).unwrap_or_default();
        let written = elements(came.headers(), trusted.header.as_str());
        let count = value.trim_start_matches("join:").parse().unwrap_or(1);
        Header {
            name: trusted.header.to_string(),
            trusted: format!("{}={value}", trusted.key),
            written,
            // With `proxies=none` nothing is read.
            too_far: count > written && settings.get("proxies") != Some("none"),
        }
    };
    let trusted = settings.trusted().into_iter().map(header);
    let of_proxies = |name: http::HeaderName| {
        let written = elements(came.headers(), name.as_str());
        Header {
            trusted: format!("proxy-only={name}"),
            name: name.to_string(),
            written,
            too_far: written == 0,
        }
    };
    trusted.chain(settings.names("proxy-only").map(of_proxies)).collect()
}

/// How many elements a header has. Honest proxies write no commas in quotes.
fn elements(headers: &HeaderMap, name: &str) -> usize {
    let lines = headers.get_all(name).iter();
    lines.map(|line| line.as_bytes().split(|&b| b == b',').count()).sum()
}

/// The values that are misread.
pub(super) fn misread(
    chain: &Chain,
    settings: &Settings,
    sent: &Sent,
    client: Client,
    truth: &[Value],
    honest: &Got,
) -> Vec<Misread> {
    let reads = |key: &str, value: &str, field: &str| {
        let Ok(config) = settings.with(key, Some(value)) else { return false };
        let got = Got::new(chain, &config, sent, client);
        match got.error() {
            // Another header is at fault.
            Some(error) => error.header() != settings.header(key).as_ref(),
            None => is_true(&got, field, truth, client),
        }
    };
    let fits = |key: &'static str, field: &str| {
        let counts = || COUNTS.into_iter().find(|count| reads(key, &count.to_string(), field));
        let count = || counts().map(|count| format!("{key}={count}"));
        match settings.get(key) {
            Some("walk") => {
                let all = all_proxies(&chain.addresses, settings);
                let listed = reads("proxies", &all, field).then(|| format!("proxies={all}"));
                let inside = settings.proxies().contains(client.ip);
                let without =
                    || Some(format!("proxies= without the client's network, or {}", count()?));
                listed.or_else(|| without().filter(|_| inside))
            }
            Some(value) if value.parse::<usize>().is_ok() => count(),
            _ => None,
        }
    };
    if let Some(error) = honest.error() {
        // `hosts=` has no port of this scheme: it is meant to reject such clients.
        if error.kind().code() == "host-not-allowed"
            && hosts::asked(settings, client.scheme).is_none()
        {
            return Vec::new();
        }
        let trusted = settings.trusted();
        let at = trusted.iter().find(|trusted| Some(&trusted.header) == error.header());
        let field = at.map_or("request", |trusted| field(trusted.key));
        return vec![Misread {
            field,
            got: format!("rejected: {error}"),
            truth: text(truth, field).unwrap_or("an honest request").to_owned(),
            write: at.and_then(|trusted| fits(trusted.key, field)),
        }];
    }
    let mut found = Vec::new();
    for value in honest.values() {
        if !is_claimed(honest, settings, &value) || is_true(honest, value.field, truth, client) {
            continue;
        }
        let key =
            settings.trusted().into_iter().map(|t| t.key).find(|key| field(key) == value.field);
        found.push(Misread {
            field: value.field,
            got: value.text,
            truth: text(truth, value.field).unwrap_or_default().to_owned(),
            write: key.and_then(|key| fits(key, value.field)),
        });
    }
    found
}

/// The list of proxies, with all of these.
pub(super) fn all_proxies(addresses: &[Peer], settings: &Settings) -> String {
    let proxies = settings.proxies();
    let unlisted = addresses.iter().filter(|peer| !proxies.contains(**peer));
    let unlisted =
        unlisted.map(|peer| peer.ip().map_or_else(|| "unix".to_owned(), |ip| ip.to_string()));
    let listed = settings.list("proxies").filter(|entry| *entry != "none").map(str::to_owned);
    listed.chain(unlisted).collect::<Vec<_>>().join(",")
}

/// The field that a key is about.
fn field(key: &str) -> &'static str {
    match key {
        "proto" => "scheme",
        "host" => "host",
        "port" => "port",
        "prefix" => "prefix",
        _ => "client",
    }
}

fn text<'a>(values: &'a [Value], field: &str) -> Option<&'a str> {
    values.iter().find(|value| value.field == field).map(|value| value.text.as_str())
}

/// Whether this value must be right: a trusted header says it, or would say it if the last proxy were in
/// `proxies`. Our own value is not a misreading, except for the client.
fn is_claimed(honest: &Got, settings: &Settings, value: &Value) -> bool {
    let client_trusted = settings.trusted().iter().any(|trusted| field(trusted.key) == "client");
    let untrusted = honest.resolved().is_some_and(|resolved| !resolved.is_peer_trusted());
    let port_by_host = value.field == "port"
        && honest.resolved().is_some_and(|r| r.source().port() == r.source().host())
        && settings.get("port").is_none();
    match value.field {
        "client" => client_trusted || untrusted,
        "scheme" if untrusted => true,
        _ => !value.own && !port_by_host,
    }
}

fn is_true(got: &Got, field: &str, truth: &[Value], client: Client) -> bool {
    match field {
        // With or without its port.
        "client" => got.resolved().is_some_and(|resolved| resolved.client_ip() == Some(client.ip)),
        _ => text(&got.values(), field) == text(truth, field),
    }
}
