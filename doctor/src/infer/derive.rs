//! The candidates for each word of the line, and which of them are proved.
//!
//! 1. The words are found one after another: who may speak, the client, the scheme, host and port, the prefix.
//!    For each, the first candidate counts that the [proof](crate::proof) admits on every recorded probe.
//! 2. A header is a candidate only if a client's lies in it were tried at every door that is open, and if the
//!    proxies write the same number of elements each time. The count is that number: the leftmost element that
//!    a proxy wrote is what the outermost of them saw.
//! 3. The list of addresses is preferred to a header with a single one, and `X-Forwarded-*` to `Forwarded`.
//! 4. A walk is never a candidate, because its safety depends on addresses that no probe shows.
//! 5. The whole line must be proved, and `lint` must have nothing worse than a note on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use proxyfix::Config;
use proxyfix_lint::{Severity, lint, settings::SINGLE_ADDRESS};
use serde::Serialize;

use super::{
    facts::{is_plain_closed, peers, strips},
    headers::{Effect, Header},
};
use crate::{
    probe::{Kind, Shape},
    proof::{Fault, Proof, Value, is_direct, prove, shared_doors, unknown},
    record::{Exchange, Recording, Tried, tried},
};

/// Headers besides the standard one that say the scheme.
const SCHEMES: [&str; 12] = [
    "x-forwarded-scheme",
    "x-forwarded-protocol",
    "x-forwarded-ssl",
    "x-forwarded-https",
    "front-end-https",
    "x-url-scheme",
    "x-scheme",
    "x-https",
    "x-client-scheme",
    "x-appservice-proto",
    "cloudfront-forwarded-proto",
    "fly-forwarded-proto",
];

/// Headers besides the standard one that say the host.
const HOSTS: [&str; 4] = ["x-original-host", "x-host", "x-proxyhost", "disguised-host"];

/// A line that is proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The text form of the configuration.
    pub text: String,
    /// What was proved.
    pub proof: Proof,
    /// The codes of the notes that `lint` has on it.
    pub notes: Vec<&'static str>,
}

/// The words that were found; `None` is what is in the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Words {
    /// Who may speak for the client.
    pub proxies: Option<String>,
    /// What names the client.
    pub client: Option<String>,
    /// What names the scheme. Empty: it is always `http`.
    pub scheme: Option<String>,
    /// What names the host. Empty: `Host` does.
    pub host: Option<String>,
    /// What names the port. Empty: the host has it.
    pub port: Option<String>,
    /// What names the prefix. Empty: there is none, or nothing names it.
    pub prefix: Option<String>,
    /// What becomes of a request without any trusted header, if a client can bring that about.
    pub missing: Option<String>,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Client,
    Scheme,
    Authority,
    Prefix,
    Whole,
}

/// What was derived.
#[derive(Clone, Debug, Default)]
pub(super) struct Derived {
    pub(super) words: Words,
    pub(super) line: Option<Line>,
    /// What the first candidate for a value fails on; under [`Stage::Whole`], the whole line.
    pub(super) faults: BTreeMap<Stage, Vec<Fault>>,
    /// The probe that left the client unknown although it lies in nothing that the line reads, and its way.
    pub(super) lost: Option<(&'static str, String)>,
    /// The line that only lacks probes which this client cannot send.
    pub(super) unproved: Option<String>,
    /// What `lint` has against it.
    pub(super) dangers: Vec<&'static str>,
}

/// What this client cannot send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// It leaves a gap, and nothing is proved.
    Matters,
    /// The line would be this one, if all of it came to nothing.
    Ignored,
}

/// Derives the line.
pub(super) fn derive(recording: &Recording, headers: &[Header], unsent: Unsent) -> Derived {
    let mut derived = Derived::default();
    if is_direct(recording) {
        let words = &mut derived.words;
        words.proxies = Some("proxies=none".to_owned());
        words.client = Some("for=1".to_owned());
        (words.scheme, words.host) = (Some(String::new()), Some(String::new()));
        (words.port, words.prefix) = (Some(String::new()), Some(String::new()));
        finish(recording, &mut derived);
        return derived;
    }
    let Some(peers) = peers(recording).filter(|_| shared_doors(recording).1.is_empty()) else {
        return derived;
    };
    let peers: Vec<_> = peers.into_iter().collect();
    let proxies = format!("proxies={}", peers.join(","));
    derived.words.proxies = Some(proxies.clone());
    let search = Search { recording, headers, unsent };

    let mut found = None;
    for client in search.clients() {
        let mut attempt = derived.clone();
        if search.first(Stage::Client, &proxies, vec![client.clone()], &mut attempt).is_none() {
            for (stage, faults) in attempt.faults {
                derived.faults.entry(stage).or_insert(faults);
            }
            continue;
        }
        search.rest(&format!("{proxies} {client}"), client, &mut attempt);
        if attempt.line.is_some() {
            return attempt;
        }
        // The first one says best what is in the way.
        found = found.or(Some(attempt));
    }
    found.unwrap_or(derived)
}

fn join(line: &str, word: &str) -> String {
    format!("{line} {word}").trim_end().to_owned()
}

/// Proves the whole line. If a client can have its headers dropped, and so be unknown, such a request is
/// rejected; all honest ones have the headers.
fn finish(recording: &Recording, derived: &mut Derived) {
    let Words { proxies, client, scheme, host, port, prefix, .. } = &derived.words;
    let words = [proxies, client, scheme, host, port, prefix];
    let words = words.into_iter().flatten().filter(|word| !word.is_empty());
    let text = words.cloned().collect::<Vec<_>>().join(" ");
    prove_whole(recording, derived, &text);
    let vanishes = derived.line.as_ref().is_some_and(|line| line.proof.unknown > 0);
    if vanishes {
        derived.line = None;
        // Whoever names a header in Connection, or asks for an odd target, can have it dropped. If it is not there
        // for another reason, honest clients may come that way too.
        let config = text.parse::<Config>();
        let usual = |exchange: &&&Exchange| matches!(exchange.probe.kind, Kind::Headers(shape) if shape != Shape::Nominated);
        derived.lost = config.ok().and_then(|config| {
            unknown(&config, recording)
                .iter()
                .find(|exchange| usual(exchange))
                .map(|exchange| (exchange.probe.kind.name(), recording.way_name(&exchange.way)))
        });
        if derived.lost.is_some() {
            return;
        }
        derived.words.missing = Some("missing=reject".to_owned());
        prove_whole(recording, derived, &format!("{text} missing=reject"));
    }
}

fn prove_whole(recording: &Recording, derived: &mut Derived, text: &str) {
    let Ok(config) = text.parse::<Config>() else { return };
    let all =
        [Value::Client, Value::Scheme, Value::Host, Value::Port, Value::Prefix, Value::Markers];
    match prove(&config, recording, &all) {
        Err(faults) => {
            derived.faults.insert(Stage::Whole, faults);
        }
        Ok(proof) => {
            let (notes, worse): (Vec<_>, Vec<_>) = lint(text, &config)
                .into_iter()
                .partition(|finding| finding.severity == Severity::Note);
            derived.dangers = worse.iter().map(|finding| finding.code).collect();
            if worse.is_empty() {
                let notes = notes.iter().map(|finding| finding.code).collect();
                derived.line = Some(Line { text: text.to_owned(), proof, notes });
            }
        }
    }
}

struct Search<'a> {
    recording: &'a Recording,
    headers: &'a [Header],
    unsent: Unsent,
}

impl Search<'_> {
    /// The first of these words that is proved behind the others.
    fn first(
        &self,
        stage: Stage,
        so_far: &str,
        words: Vec<String>,
        derived: &mut Derived,
    ) -> Option<String> {
        let values: &[Value] = match stage {
            Stage::Client => &[Value::Client],
            Stage::Scheme => &[Value::Client, Value::Scheme],
            Stage::Authority | Stage::Whole => &[Value::Client, Value::Host, Value::Port],
            Stage::Prefix => &[Value::Client, Value::Prefix],
        };
        for word in words {
            let Ok(config) = join(so_far, &word).parse::<Config>() else { continue };
            match prove(&config, self.recording, values) {
                Ok(_) => return Some(word),
                Err(faults) => {
                    derived.faults.entry(stage).or_insert(faults);
                }
            }
        }
        None
    }

    /// The number of elements that the proxies write into a header, if the header is a candidate.
    fn count(&self, name: &str) -> Option<usize> {
        let header = self.headers.iter().find(|header| header.name == name)?;
        let doors = self.recording.open_doors();
        let is_tried = doors.into_iter().all(|door| match tried(self.recording, name, door) {
            Tried::All => true,
            Tried::NotSent(_) => self.unsent == Unsent::Ignored,
            Tried::Nothing(_) => false,
        });
        header.effect.written().filter(|count| is_tried && *count > 0)
    }

    /// `KEY=COUNT`, if the header is a candidate.
    fn counted(&self, key: &str, name: &str) -> Vec<String> {
        self.count(name).map(|count| format!("{key}={count}")).into_iter().collect()
    }

    /// Finds everything behind the client.
    fn rest(&self, so_far: &str, client: String, derived: &mut Derived) {
        let in_elements = client.starts_with("forwarded=");
        derived.words.client = Some(client);

        let schemes = self.schemes(in_elements);
        let scheme = self.first(Stage::Scheme, so_far, schemes, derived);
        let so_far = join(so_far, scheme.as_deref().unwrap_or_default());

        let (host, port) = self.authority(&so_far, in_elements, derived);
        let so_far = join(&so_far, host.as_deref().unwrap_or_default());
        let so_far = join(&so_far, port.as_deref().unwrap_or_default());

        let mut prefixes = self.counted("prefix", "x-forwarded-prefix");
        if strips(self.recording).is_none() {
            prefixes.clear();
        }
        prefixes.push(String::new());
        let prefix = self.first(Stage::Prefix, &so_far, prefixes, derived);
        let words = &mut derived.words;
        (words.scheme, words.host, words.port, words.prefix) = (scheme, host, port, prefix);
        if [&words.scheme, &words.host, &words.port].iter().all(|word| word.is_some()) {
            finish(self.recording, derived);
        }
    }

    fn clients(&self) -> Vec<String> {
        let mut words = self.counted("for", "x-forwarded-for");
        let forwarded = self.counted("forwarded", "forwarded");
        // Some gateways write IPv6 addresses without brackets; the proof says whether that is so.
        words.extend(forwarded.iter().cloned());
        words.extend(forwarded.iter().map(|word| format!("{word} forwarded-ipv6=bare")));
        // `client-ip` reads one line with one value.
        let single = SINGLE_ADDRESS.into_iter().filter(|name| self.is_set_once(name));
        // The commonest of them first.
        let (common, others): (Vec<&str>, Vec<&str>) =
            single.partition(|name| *name == "x-real-ip");
        words.extend(common.iter().chain(&others).map(|name| format!("client-ip={name}")));
        words
    }

    fn is_set_once(&self, name: &str) -> bool {
        let header = self.headers.iter().find(|header| header.name == name);
        let once = header.is_some_and(|header| header.effect == Effect::Set { elements: 1 });
        once && self.count(name).is_some()
    }

    fn schemes(&self, in_elements: bool) -> Vec<String> {
        let doors = self.recording.open_doors();
        let mut words = Vec::new();
        if in_elements {
            // The element that names the client, then the nearest one.
            words.extend([String::new(), "proto=1".to_owned()]);
            return words;
        }
        words.extend(self.counted("proto", "x-forwarded-proto"));
        for name in SCHEMES {
            let counted = self.counted("proto", name);
            words.extend(counted.iter().map(|word| format!("{word} proto-name={name}")));
        }
        if doors.iter().all(|door| door.way.scheme == "https") && is_plain_closed(self.recording) {
            words.push("listener=https".to_owned());
        }
        if doors.iter().all(|door| door.way.scheme == "http") {
            words.push(String::new());
        }
        words
    }

    /// What names the host and the port. Both together are best; else what names the host alone.
    fn authority(
        &self,
        so_far: &str,
        in_elements: bool,
        derived: &mut Derived,
    ) -> (Option<String>, Option<String>) {
        // A header that the edge sets says more than `Host`: inner proxies may change that, and the port in it is
        // the client's choice.
        let mut hosts = Vec::new();
        if !in_elements {
            hosts.extend(self.counted("host", "x-forwarded-host"));
        }
        hosts.push(String::new());
        for name in HOSTS.iter().filter(|_| !in_elements) {
            let counted = self.counted("host", name);
            hosts.extend(counted.iter().map(|word| format!("{word} host-name={name}")));
        }
        let mut ports = Vec::new();
        if in_elements {
            hosts.push("host=1".to_owned());
        } else {
            ports = self.counted("port", "x-forwarded-port");
        }
        ports.push(String::new());
        for host in &hosts {
            let with_host = join(so_far, host);
            if let Some(port) = self.first(Stage::Authority, &with_host, ports.clone(), derived) {
                return (Some(host.clone()), Some(port));
            }
        }
        let names = |word: &String| {
            let config = join(so_far, word).parse::<Config>();
            let values = [Value::Client, Value::Host];
            config.is_ok_and(|config| prove(&config, self.recording, &values).is_ok())
        };
        (hosts.into_iter().find(names), None)
    }
}

/// The addresses that can be the client's, if it is translated on the way: see
/// [`Sight`](crate::record::Sight).
pub(super) fn translated(recording: &Recording, headers: &[Header]) -> Vec<IpAddr> {
    use crate::record::Sight;

    let mut found = BTreeSet::new();
    for (exchange, arrived) in recording.honest() {
        for header in headers {
            for element in arrived.elements(&header.name) {
                let text = String::from_utf8_lossy(element);
                let text = text.trim_start_matches("for=").trim_matches(['"', '[', ']']);
                let ip = text.parse::<IpAddr>().ok();
                let is = |ip: &IpAddr| exchange.sight(*ip, &recording.client) == Sight::Translated;
                found.extend(ip.filter(is));
            }
        }
    }
    let works = |ip: &IpAddr| {
        let client = recording.client.iter().copied().chain([*ip]).collect();
        let recording = Recording { client, ..recording.clone() };
        derive(&recording, headers, Unsent::Ignored).words.client.is_some()
    };
    // Proxies write few addresses into an honest request.
    found.into_iter().take(16).filter(works).collect()
}
