//! What the page asks the receiver for: probes, and the inference.
//!
//! 1. The page names each probe by its id. The probes themselves are made again here, from the same catalogue.
//! 2. The page cannot deceive anybody but its own user: what it sends is judged, answered and forgotten.
//! 3. An answer that no receiver can have given, because it is over its limits, is refused: to judge takes time.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use proxyfix::Scheme;
use serde::{Deserialize, Serialize};

use super::{
    HEAD,
    answer::{json, plain},
};
use crate::{
    arrived::{Arrived, LINES},
    infer::infer,
    page,
    probe::{Catalogue, Fetch, Probe, STANDARD, fetch},
    record::{Exchange, Outcome, Protocol, Recording, Way},
};

/// How often an honest probe is sent.
const HONEST: usize = 5;

/// What the page asks for, and later sends.
#[derive(Debug, Deserialize)]
struct Judged {
    /// Where the page is, without the token.
    url: String,
    scheme: String,
    host: String,
    port: u16,
    /// The known headers that honest probes brought.
    #[serde(default)]
    with: Vec<String>,
    #[serde(default)]
    client: Vec<IpAddr>,
    answers: Vec<Judgeable>,
}

#[derive(Debug, Deserialize)]
struct Judgeable {
    id: String,
    path: String,
    outcome: Outcome,
    #[serde(default)]
    servers: Vec<String>,
}

#[derive(Serialize)]
struct Plan<'a> {
    probes: Vec<Fetch<'a>>,
}

/// All probes for a page, in order. Those of the first round do not depend on `with`.
fn probes(scheme: Scheme, with: &[String]) -> (Vec<Probe>, Vec<Probe>) {
    let mut catalogue = Catalogue::new(scheme, "w");
    let first = catalogue.honest(HONEST);
    let mut alone: Vec<&str> = STANDARD.into();
    let known = proxyfix::forwarding_headers();
    alone.extend(
        known.filter(|name| !STANDARD.contains(name) && with.iter().any(|other| other == name)),
    );
    let mut rest = catalogue.alone(alone.iter().copied());
    let except: BTreeSet<_> = alone.iter().map(|name| (*name).to_owned()).collect();
    rest.extend(catalogue.others(&except));
    rest.extend(catalogue.targets());
    (first, rest)
}

fn scheme_of(text: &str) -> Scheme {
    if text == "https" { Scheme::Https } else { Scheme::Http }
}

/// The probes that the page is to send: `scheme=…`, and after the first round `with=NAME,NAME`.
pub(super) fn plan(query: &str) -> Response<Full<Bytes>> {
    let value = |key: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    };
    let with: Option<Vec<String>> =
        value("with").map(|list| list.split(',').map(str::to_owned).collect());
    let (first, rest) =
        probes(scheme_of(value("scheme").unwrap_or_default()), with.as_deref().unwrap_or_default());
    let probes = if with.is_some() { &rest } else { &first };
    json(&Plan { probes: probes.iter().filter_map(fetch).collect() })
}

/// The report on what the page got.
pub(super) fn judge(body: &[u8]) -> Response<Full<Bytes>> {
    let Ok(judged) = serde_json::from_slice::<Judged>(body) else {
        return plain(StatusCode::BAD_REQUEST, "this is not what the page sends\n");
    };
    let is_possible = |answer: &Judgeable| answer.outcome.arrived().is_none_or(is_within_limits);
    if !judged.answers.iter().all(is_possible) || !matches!(&*judged.scheme, "http" | "https") {
        return plain(StatusCode::BAD_REQUEST, "no receiver gives such answers\n");
    }
    let (first, rest) = probes(scheme_of(&judged.scheme), &judged.with);
    let way = Way {
        scheme: judged.scheme,
        protocol: Protocol::Browser,
        ipv6: false,
        host: judged.host.to_ascii_lowercase(),
        port: judged.port,
    };
    let mut answers: BTreeMap<String, Judgeable> =
        judged.answers.into_iter().map(|answer| (answer.id.clone(), answer)).collect();
    let mut recording = Recording::new(judged.url);
    recording.client = judged.client;
    for probe in first.into_iter().chain(rest) {
        let answer = answers.remove(&probe.id);
        let (path, outcome, servers) = match answer {
            Some(answer) => (answer.path, answer.outcome, answer.servers),
            None => (String::new(), Outcome::NotSent, Vec::new()),
        };
        let way = way.clone();
        recording.exchanges.push(Exchange {
            probe,
            way,
            path,
            from: None,
            to: None,
            outcome,
            servers,
        });
    }
    let report = infer(&recording);
    json(&page::view(&report))
}

/// Rule 3.
fn is_within_limits(arrived: &Arrived) -> bool {
    let sizes = arrived.fields.iter();
    let sizes = sizes.map(|field| field.name.len().saturating_add(field.value.as_bytes().len()));
    arrived.fields.len() <= LINES && sizes.fold(0_usize, usize::saturating_add) <= HEAD
}
