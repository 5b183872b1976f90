//! What is in the way of the client's address.
//!
//! 1. An address that only the user can confirm comes first, then what was not tried.
//! 2. Else the list says it by what becomes of it: written but wrong, conditional, passed, or not there at all.

use std::net::IpAddr;

use super::{
    super::{
        derive::{Derived, Stage, translated},
        headers::{Effect, Header},
        instead::{Done, Needs, Proxies},
    },
    Finding,
    Severity::Blocks,
    blocks::{effect, faults, untried},
};
use crate::{proof::Value, record::Recording};

/// The headers that list clients.
const LISTS: [&str; 2] = ["x-forwarded-for", "forwarded"];

pub(super) fn client(
    recording: &Recording,
    headers: &[Header],
    derived: &Derived,
    proxies: &Proxies,
) -> Finding {
    let unconfirmed = translated(recording, headers);
    if !unconfirmed.is_empty() {
        let list: Vec<_> = unconfirmed.iter().map(IpAddr::to_string).collect();
        return Finding::new(
            "client-unconfirmed",
            Blocks,
            format!(
                "the proxies name {} as the client, and your machine knows itself by another address",
                list.join(" and ")
            ),
            format!(
                "if it is the public address of your network, and of no proxy, ask again with --client-ip {}",
                list.join(",")
            ),
        );
    }
    let of = |is: fn(&Effect) -> bool| {
        LISTS.iter().filter_map(|name| effect(headers, name)).find(|header| is(&header.effect))
    };
    if let Some(untried) = untried(recording, headers, &LISTS) {
        return untried;
    }
    let refused = LISTS.iter().filter_map(|name| effect(headers, name)).find(|header| {
        matches!(header.effect, Effect::Refused { .. } | Effect::Untried)
            && !header.honest.is_empty()
    });
    if let Some(header) = refused {
        return Finding::new(
            "untried",
            Blocks,
            format!(
                "every lie in {} is stopped on its way, so nothing is proved about it",
                header.name
            ),
            "let the prober's address through what stops them, and ask again",
        );
    }
    if let Some(finding) = written(headers, derived, proxies) {
        return finding;
    }
    if let Some(header) =
        of(|effect| matches!(effect, Effect::Conditional { .. } | Effect::Mangled { .. }))
    {
        return Finding::new(
            "client-conditional",
            Blocks,
            format!("{} is {}", header.name, header.effect.text()),
            if header.effect.differs_in_number() {
                format!(
                    "if the ways lead through different numbers of proxies, ask by each alone, and give each a line of \
                     its own (docs/CHOOSING.md, several ways in); else one proxy writes it by some ways only, and must \
                     on every request: {}",
                    proxies.outermost(Needs::Client, Done::Already)
                )
            } else {
                format!(
                    "it must be written on every request, whatever the client sends: {}",
                    proxies.each(Needs::Client)
                )
            },
        );
    }
    if let Some(header) = of(|effect| *effect == Effect::Passed) {
        return Finding::new(
            "client-passed",
            Blocks,
            format!(
                "no proxy writes the client's address; {} arrives as the client wrote it, and whoever trusts it \
                 believes the client",
                header.name
            ),
            proxies.each(Needs::Client),
        );
    }
    Finding::new(
        "client-missing",
        Blocks,
        "no header names the client",
        proxies.each(Needs::Client),
    )
}

/// A list that is written on every request, and wrong.
fn written(headers: &[Header], derived: &Derived, proxies: &Proxies) -> Option<Finding> {
    let written = LISTS
        .iter()
        .filter_map(|name| effect(headers, name))
        .find(|header| header.effect.written().is_some());
    let header = written?;
    let faults = faults(derived, Stage::Client);
    let got = faults.iter().find(|fault| fault.honest && fault.value == Value::Client);
    let lie = faults.iter().find(|fault| !fault.honest);
    let seen = match (got, lie) {
        (Some(fault), _) => format!(
            "{} names {} over {}, and the client is {}",
            header.name, fault.got, fault.way, fault.truth
        ),
        (None, Some(lie)) => {
            format!("{}: {} over {} makes the client {}", header.name, lie.tried, lie.way, lie.got)
        }
        (None, None) => format!("{} does not name the client", header.name),
    };
    Some(Finding::new(
        "client-overwritten",
        Blocks,
        seen,
        if matches!(header.effect, Effect::Appended { .. }) {
            format!(
                "a proxy appends already, and an outer one writes no address, or something before it passes TCP on and \
                 does not say who connected; {}",
                proxies.outermost(Needs::Client, Done::Already)
            )
        } else {
            format!(
                "an inner proxy replaces what the outer one wrote, or the outermost one writes no address: each must \
                 append, {}",
                proxies.each(Needs::Client)
            )
        },
    ))
}
