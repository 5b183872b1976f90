//! The chain as the probes show it, from the client to the application.
//!
//! 1. The elements that proxies wrote into the client's list, from the left: the client, then each proxy as the
//!    next one saw it. The peer of the application comes last.
//! 2. Names come from `Server` and `Via`, from headers that only one program writes, and from the user, the outermost
//!    first. They are hints.

use serde::Serialize;

use super::headers::Header;
use crate::record::Recording;

/// One place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// `you`, `proxy` or `application`.
    pub role: &'static str,
    /// Its address, if it is known.
    pub address: Option<String>,
}

/// The names of proxies that the doctor knows.
pub const PROXIES: [&str; 13] = [
    "nginx",
    "haproxy",
    "apache",
    "caddy",
    "envoy",
    "traefik",
    "varnish",
    "squid",
    "h2o",
    "lighttpd",
    "nghttpx",
    "trafficserver",
    "cloudflare",
];

/// The names of proxies: those that the user named, then those that answers and requests show.
pub(super) fn names(recording: &Recording) -> Vec<&'static str> {
    let mut texts: Vec<String> =
        recording.exchanges.iter().flat_map(|exchange| exchange.servers.clone()).collect();
    texts.extend(recording.honest().flat_map(|(_, arrived)| {
        let via = arrived.values("via").map(ToString::to_string);
        let own = arrived.fields.iter().filter(|field| field.name.starts_with("x-envoy-"));
        via.chain(own.map(|_| "envoy".to_owned())).collect::<Vec<_>>()
    }));
    let texts: Vec<_> = texts.iter().map(|text| text.to_ascii_lowercase()).collect();
    let is_there = |word: &str| texts.iter().any(|text| text.contains(word));
    let mut names = told(recording);
    for name in PROXIES {
        // Apache Traffic Server says `ATS/` and its version.
        let word = if name == "trafficserver" { "ats/" } else { name };
        if is_there(word) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The proxies that the user named, the outermost first.
pub(super) fn told(recording: &Recording) -> Vec<&'static str> {
    let known = |text: &String| PROXIES.into_iter().find(|name| text.eq_ignore_ascii_case(name));
    recording.proxies.iter().filter_map(known).collect()
}

/// The chain of the first honest probe.
pub(super) fn chain(recording: &Recording, headers: &[Header], direct: bool) -> Vec<Place> {
    let Some((exchange, arrived)) = recording.honest().next() else { return Vec::new() };
    let place = |role, address: Option<String>| Place { role, address };
    let from = exchange.from.map(|from| from.ip().to_string());
    let application = place("application", None);
    if direct {
        return vec![place("you", from), application];
    }
    let list = headers.iter().find(|header| header.name == "x-forwarded-for");
    let written = list.and_then(|header| header.effect.written()).unwrap_or_default();
    let mut elements = arrived.elements("x-forwarded-for");
    elements.truncate(written);
    let mut texts = elements.iter().rev().map(|element| crate::escape::shortened(element, 45));
    let seen = texts.next();
    let mut chain = vec![place("you", from.or(seen))];
    chain.extend(texts.map(|text| place("proxy", Some(text))));
    let peer = arrived
        .peer()
        .map(|peer| peer.ip().map_or_else(|| "unix socket".to_owned(), |ip| ip.to_string()));
    chain.push(place("proxy", peer));
    chain.push(application);
    chain
}
