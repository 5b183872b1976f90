//! Ways past the proxies: what a client gets through when it does not send one request alone. No line can help.

use super::{
    super::headers::{Effect, Header, one},
    Finding,
    Severity::Blocks,
};
use crate::{
    arrived::Arrived,
    probe::{Kind, Probe},
    record::Recording,
};

/// Everything that passes the proxies by.
pub(super) fn past(recording: &Recording, headers: &[Header]) -> Vec<Finding> {
    tunnel(recording, headers).into_iter().chain(claimed(recording)).collect()
}

/// A line of the PROXY protocol whose address arrives. The request behind it says nothing about an address.
fn claimed(recording: &Recording) -> Option<Finding> {
    let arrives = |probe: &Probe, arrived: &Arrived| {
        probe.markers.iter().any(|marker| {
            let peer = arrived.peer().and_then(|peer| peer.ip());
            peer.is_some_and(|peer| marker.text == peer.to_string())
                || arrived.fields.iter().any(|field| field.value.has(&marker.text))
        })
    };
    let (exchange, _) = recording.arrived().find(|(exchange, arrived)| {
        exchange.probe.kind == Kind::Proxy && arrives(&exchange.probe, arrived)
    })?;
    Some(Finding::new(
        "proxy-protocol",
        Blocks,
        format!(
            "over {} a proxy believes the PROXY protocol from you: a client chooses the address that it has",
            recording.way_name(&exchange.way)
        ),
        "no line can help; let the listener take the PROXY protocol only from the load balancer before it, by its \
         address or by a firewall, or not at all",
    ))
}

/// A request behind CONNECT whose lies get further than they do alone.
fn tunnel(recording: &Recording, headers: &[Header]) -> Option<Finding> {
    let (exchange, _) = recording.arrived().find(|(exchange, arrived)| {
        exchange.probe.kind == Kind::Tunnel && gets_further(&exchange.probe, arrived, headers)
    })?;
    Some(Finding::new(
        "tunnel",
        Blocks,
        format!(
            "over {} a proxy opens a tunnel for CONNECT: a client writes to the next program itself, from the proxy's \
             address",
            recording.way_name(&exchange.way)
        ),
        "no line can help; have the proxy refuse CONNECT, as the recipes do (docs/recipes)",
    ))
}

/// Whether fewer elements are right of a lie than are right of the same lie alone.
fn gets_further(probe: &Probe, arrived: &Arrived, headers: &[Header]) -> bool {
    headers.iter().filter(|header| probe.lies_in(&header.name)).any(|header| {
        // An honest scheme can be equal to a lie.
        let is_common = |name: &str| {
            probe.markers.iter().any(|marker| marker.header == name && marker.is_common)
        };
        let here = match one(probe, &header.name, arrived, None) {
            Effect::Passed => 0,
            Effect::Appended { elements } => elements,
            _ => return false,
        };
        match header.effect {
            Effect::Appended { elements } => here < elements,
            Effect::Set { .. } | Effect::Dropped => !is_common(&header.name),
            _ => false,
        }
    })
}
