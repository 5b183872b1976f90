//! What is in the way of the scheme, the host and the port.
//!
//! 1. Only the outermost proxy knows the scheme and the port. If somebody writes another one, it is an inner proxy, or
//!    something before the proxy ends TLS or translates ports.
//! 2. Each proxy must pass the host on.

use std::collections::BTreeSet;

use super::{
    super::{
        derive::{Derived, Stage},
        headers::{Effect, Header},
        instead::{Done, Needs, Proxies},
    },
    Finding,
    Severity::Blocks,
    blocks::{effect, faults, untried},
};
use crate::{
    proof::{Fault, Value},
    record::Recording,
};

pub(super) fn scheme(
    recording: &Recording,
    headers: &[Header],
    derived: &Derived,
    proxies: &Proxies,
) -> Finding {
    let add = proxies.outermost(Needs::Scheme, Done::No);
    let name = "x-forwarded-proto";
    let in_elements = derived.words.client.as_ref().is_some_and(|word| word.contains("forwarded="));
    let found = effect(headers, if in_elements { "forwarded" } else { name });
    let schemes = [if in_elements { "forwarded" } else { name }];
    if let Some(untried) = untried(recording, headers, &schemes) {
        return untried;
    }
    let faults = faults(derived, Stage::Scheme);
    let is_true = !faults.iter().any(|fault| fault.honest);
    let lie = faults.iter().find(|fault| !fault.honest).filter(|_| is_true);
    let (code, seen, instead) = match found.map(|header| &header.effect) {
        Some(Effect::Set { .. } | Effect::Appended { .. }) if lie.is_some() => {
            let seen = lie
                .map(|lie| format!("{} over {} makes the scheme {}", lie.tried, lie.way, lie.got));
            ("scheme-conditional", seen.unwrap_or_default(), add)
        }
        Some(Effect::Set { .. } | Effect::Appended { .. }) => {
            let wrong = found.into_iter().flat_map(|header| &header.honest);
            let wrong: Vec<_> = wrong.map(|(way, value)| format!("{value} over {way}")).collect();
            let passes = format!("{} says {}", found.map_or(name, |h| &h.name), wrong.join(", "));
            ("scheme-overwritten", passes, proxies.pass_on(name, Needs::Scheme))
        }
        Some(effect @ (Effect::Conditional { .. } | Effect::Mangled { .. })) => (
            "scheme-conditional",
            format!("{name} is {}", effect.text()),
            format!("it must be set on every request, for http too; {add}"),
        ),
        Some(Effect::Untried) => (
            "untried",
            format!("no lie in {name} came to anything, so nothing is proved about it"),
            "let the prober's address through what stops them, and ask again".to_owned(),
        ),
        Some(Effect::Passed) => (
            "scheme-passed",
            format!("no proxy writes the scheme; {name} arrives as the client wrote it"),
            add,
        ),
        _ => {
            let ways: Vec<_> =
                recording.open_doors().iter().map(|door| recording.name(*door)).collect();
            let seen = format!(
                "no header tells the scheme, and clients come by {}",
                ways.join(" and by ")
            );
            ("scheme-missing", seen, add)
        }
    };
    let tls_alone = recording.doors().iter().all(|door| door.way.scheme == "https");
    let instead = if tls_alone && code != "scheme-overwritten" {
        format!(
            "{instead}\nor, if all clients use TLS, ask with --http too: where nothing arrives, listener=https is right"
        )
    } else {
        instead
    };
    Finding::new(code, Blocks, seen, instead)
}

pub(super) fn authority(
    recording: &Recording,
    headers: &[Header],
    derived: &Derived,
    proxies: &Proxies,
) -> Option<Finding> {
    let words = &derived.words;
    let of =
        |value| faults(derived, Stage::Authority).iter().find(move |fault| fault.value == value);
    if words.host.is_none() {
        let seen = of(Value::Host).map_or_else(
            || "no header names the host that was asked for".to_owned(),
            |fault| format!("{} was asked for, and {} arrives", fault.truth, fault.got),
        );
        return Some(Finding::new("host-lost", Blocks, seen, proxies.each(Needs::Host)));
    }
    if words.port.is_none() {
        let fault = of(Value::Port);
        let seen = fault.map_or_else(
            || "no header names the port that was asked for".to_owned(),
            |fault| {
                let Fault { truth, way, got, .. } = fault;
                if names_port(recording) {
                    format!("port {truth} was asked for over {way}, and {got} arrives")
                } else {
                    format!(
                        "port {truth} was asked for over {way}; no port arrives, so {got} is assumed"
                    )
                }
            },
        );
        let asked = recording.exchanges.first().map_or(443, |exchange| exchange.way.port);
        let port = fault.and_then(|fault| fault.truth.parse().ok()).unwrap_or(asked);
        let header = effect(headers, "x-forwarded-port");
        let header = header.filter(|header| header.effect.written().is_some());
        let asked: BTreeSet<_> =
            recording.open_doors().iter().map(|door| door.way.port.to_string()).collect();
        let needs = Needs::Port(port);
        let instead = match header {
            None => proxies.outermost(needs, Done::No),
            // The number of one listener arrives from another one too.
            Some(header) if header.honest.values().any(|value| asked.contains(value)) => {
                proxies.pass_on("X-Forwarded-Port", needs)
            }
            Some(_) => format!(
                "X-Forwarded-Port is that of an inner proxy, or the port is translated before the outermost one \
                 (docker -p): take the line for it out of every other proxy, and have it set {}",
                proxies.outermost(needs, Done::Otherwise)
            ),
        };
        return Some(Finding::new("port-lost", Blocks, seen, instead));
    }
    None
}

/// Whether anything that a line reads names a port.
fn names_port(recording: &Recording) -> bool {
    recording.honest().any(|(_, arrived)| {
        let hosts = ["host", "x-forwarded-host"].into_iter().flat_map(|name| arrived.values(name));
        let with_port = hosts
            .map(ToString::to_string)
            .any(|host| host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()));
        with_port || arrived.values("x-forwarded-port").next().is_some()
    })
}
