//! The proof: a candidate line, run by the core on every recorded probe.
//!
//! 1. Each honest probe gives the truth: the client's address, the scheme, the host and the port that were asked
//!    for, and the prefix that a proxy took away, or none.
//! 2. A probe that lies gives the same truth, an unknown client, or a rejection. Nothing else.
//! 3. No marker is left in a forwarding header of the rewritten request.
//! 4. The client chooses the host. A probe that names several hosts, or none, proves only that the host is none that
//!    it wrote into another header.
//! 5. An address proves nothing at a door where the client shares it with a proxy. For each listener at least one door
//!    must tell them apart.

use std::{collections::BTreeSet, net::IpAddr};

use proxyfix::{Config, Resolved, fix_request, is_forwarding_header};
use serde::Serialize;

use crate::{
    arrived::{Arrived, Octets},
    record::{Door, Exchange, Outcome, Recording, Sight},
};

/// What is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// The client's address.
    Client,
    /// The scheme that it spoke.
    Scheme,
    /// The host that it asked for.
    Host,
    /// Its port.
    Port,
    /// The path that a proxy took away.
    Prefix,
    /// What the application sees in forwarding headers.
    Markers,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What is wrong.
    pub value: Value,
    /// The probe.
    pub probe: String,
    /// What it tried.
    pub tried: &'static str,
    /// The way by which it was sent.
    pub way: String,
    /// Whether it was honest.
    pub honest: bool,
    /// What came out.
    pub got: String,
    /// What is true.
    pub truth: String,
}

/// What was proved, in numbers of probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Honest ones that gave the truth.
    pub honest: usize,
    /// Lies in spite of which the truth came out.
    pub withstood: usize,
    /// Lies with which the client is unknown.
    pub unknown: usize,
    /// Lies that the line rejects.
    pub rejected: usize,
    /// Lies that did not arrive.
    pub stopped: usize,
}

/// Runs a configuration on every recorded probe, and looks at these values.
///
/// # Errors
///
/// Everything that is wrong: what an honest probe does not give, and what a lie gives.
pub fn prove(
    config: &Config,
    recording: &Recording,
    values: &[Value],
) -> Result<Proof, Vec<Fault>> {
    let (mut proof, mut faults) = (Proof::default(), Vec::new());
    for exchange in &recording.exchanges {
        let honest = exchange.probe.is_honest();
        let Some(arrived) = exchange.outcome.arrived() else {
            let lies = exchange.probe.is_lie() && exchange.outcome != Outcome::NotSent;
            proof.stopped = proof.stopped.saturating_add(usize::from(lies));
            continue;
        };
        let (verdict, wrong) = judge(config, recording, exchange, arrived);
        let count = match verdict {
            Verdict::True if honest => &mut proof.honest,
            Verdict::True => &mut proof.withstood,
            Verdict::Unknown => &mut proof.unknown,
            Verdict::Rejected => &mut proof.rejected,
        };
        *count = count.saturating_add(1);
        faults.extend(wrong.into_iter().filter(|fault| values.contains(&fault.value)));
    }
    if faults.is_empty() { Ok(proof) } else { Err(faults) }
}

/// What came out of one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    True,
    Unknown,
    Rejected,
}

fn judge(
    config: &Config,
    recording: &Recording,
    exchange: &Exchange,
    arrived: &Arrived,
) -> (Verdict, Vec<Fault>) {
    let honest = exchange.probe.is_honest();
    let fault = |value, got: String, truth: String| Fault {
        value,
        probe: exchange.probe.id.clone(),
        tried: exchange.probe.kind.name(),
        way: recording.way_name(&exchange.way),
        honest,
        got,
        truth,
    };
    let rejected = |reason: String| {
        // An honest request is never rejected, whatever is looked at.
        let all = [Value::Client, Value::Scheme, Value::Host, Value::Port, Value::Prefix];
        let faults =
            all.map(|value| fault(value, format!("rejected: {reason}"), "an answer".to_owned()));
        (Verdict::Rejected, if honest { faults.into() } else { Vec::new() })
    };
    let Some(mut request) = arrived.request() else {
        return rejected("no request of HTTP".to_owned());
    };
    if let Err(error) = fix_request(&mut request, config) {
        return rejected(error.to_string());
    }
    let Some(resolved) = request.extensions().get::<Resolved>() else {
        return rejected("nothing was resolved".to_owned());
    };
    let mut faults = Vec::new();
    let client = client(recording, exchange, resolved);
    let verdict = match client {
        Client::True => Verdict::True,
        Client::Unknown if !honest => Verdict::Unknown,
        Client::Unknown => {
            faults.push(fault(Value::Client, "unknown".to_owned(), own(exchange)));
            Verdict::Unknown
        }
        Client::Other(ip) => {
            faults.push(fault(Value::Client, ip.to_string(), own(exchange)));
            Verdict::True
        }
    };
    // Without any trusted header, everything is our own.
    if verdict == Verdict::True {
        let (way, asks) = (&exchange.way, exchange.probe.kind.names_its_host());
        if resolved.scheme() != way.scheme() {
            let got = resolved.scheme().to_string();
            faults.push(fault(Value::Scheme, got, way.scheme.clone()));
        }
        let host = resolved.host().unwrap_or("none");
        let lies = |text: &str| {
            exchange.probe.markers.iter().any(|marker| !marker.is_common && marker.text == text)
        };
        if asks && host != way.host || lies(host) {
            faults.push(fault(Value::Host, host.to_owned(), way.host.clone()));
        }
        if asks && resolved.port() != way.port || lies(&resolved.port().to_string()) {
            let got = resolved.port().to_string();
            faults.push(fault(Value::Port, got, way.port.to_string()));
        }
    }
    let stripped = exchange.stripped().unwrap_or_default();
    if !resolved.prefix().is_empty() && resolved.prefix() != stripped {
        faults.push(fault(Value::Prefix, resolved.prefix().to_owned(), stripped));
    }
    let unique = exchange.probe.markers.iter().filter(|marker| !marker.is_common);
    let unique: Vec<_> = unique.map(|marker| marker.text.as_str()).collect();
    for (name, value) in request.headers() {
        let value = Octets::from(value.as_bytes());
        if is_forwarding_header(name) && unique.iter().any(|marker| value.has(marker)) {
            faults.push(fault(Value::Markers, format!("{name}: {value}"), "removed".to_owned()));
        }
    }
    (verdict, faults)
}

enum Client {
    True,
    Unknown,
    Other(IpAddr),
}

fn client(recording: &Recording, exchange: &Exchange, resolved: &Resolved) -> Client {
    let Some(ip) = resolved.client_ip() else { return Client::Unknown };
    let is_marker = exchange.probe.markers.iter().any(|marker| marker.text.parse() == Ok(ip));
    match exchange.sight(ip, &recording.client) {
        Sight::Own if !is_marker => Client::True,
        _ => Client::Other(ip),
    }
}

/// The client's own address, as far as it is known.
fn own(exchange: &Exchange) -> String {
    exchange.from.map_or_else(|| "your address".to_owned(), |from| from.ip().to_string())
}

/// The exchanges that leave the client unknown.
pub(crate) fn unknown<'a>(config: &Config, recording: &'a Recording) -> Vec<&'a Exchange> {
    let is_unknown = |(exchange, arrived): &(&Exchange, &Arrived)| {
        judge(config, recording, exchange, arrived).0 == Verdict::Unknown
    };
    recording.arrived().filter(is_unknown).map(|(exchange, _)| exchange).collect()
}

/// The doors at which the client shares its address with a proxy: see rule 5. The second ones are those of a scheme
/// for which no other door tells them apart.
pub(crate) fn shared_doors(recording: &Recording) -> (BTreeSet<Door<'_>>, BTreeSet<Door<'_>>) {
    let tells = |(exchange, arrived): &(&Exchange, &Arrived)| {
        let Some(from) = exchange.from.map(|from| from.ip().to_canonical()) else { return true };
        let peer = arrived.peer().and_then(|peer| peer.ip());
        let to = exchange.to.map(|to| to.ip().to_canonical());
        peer != Some(from) && to != Some(from)
    };
    let told: BTreeSet<_> =
        recording.honest().filter(tells).map(|(exchange, _)| exchange.door()).collect();
    let shared: BTreeSet<_> =
        recording.open_doors().into_iter().filter(|door| !told.contains(door)).collect();
    let alone = |door: &Door<'_>| {
        let same = |other: &Door<'_>| {
            (&other.way.scheme, other.way.port) == (&door.way.scheme, door.way.port)
        };
        !told.iter().any(same)
    };
    let blocking = shared.iter().copied().filter(alone).collect();
    (shared, blocking)
}

/// Whether the receiver is connected to the client itself, with nothing between that reads HTTP.
pub fn is_direct(recording: &Recording) -> bool {
    let mut honest = recording.honest().peekable();
    honest.peek().is_some()
        && honest.all(|(exchange, arrived)| {
            let peer = arrived.peer();
            let from =
                exchange.from.map(|from| (Some(from.ip().to_canonical()), Some(from.port())));
            from.is_some() && from == peer.map(|peer| (peer.ip(), peer.port()))
        })
}
