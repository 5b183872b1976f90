//! What is in the way of a line.
//!
//! 1. If nothing arrived, that is all there is to say. If honest probes differ, no line fits all of them.
//! 2. Else the first value that no word gives is explained by what the proxies make of its headers.

use std::collections::BTreeSet;

use super::{
    super::{
        derive::{Derived, Stage},
        differences::differences,
        headers::Header,
        instead::Proxies,
    },
    Finding,
    Severity::{self, Blocks},
    client,
    closed::{closed, no_answer},
    past, values,
};
use crate::{
    proof::{Fault, shared_doors},
    record::{Door, Outcome, Recording, Tried, tried},
};

pub(super) fn blocks(recording: &Recording, headers: &[Header], derived: &Derived) -> Vec<Finding> {
    if recording.honest().next().is_none() {
        return vec![no_answer(recording)];
    }
    let proxies = Proxies::of(recording, headers);
    let mut found: Vec<_> =
        closed(recording).into_iter().filter(|finding| finding.severity == Blocks).collect();
    let differences = differences(recording);
    if let Some((way, name, lengths)) = differences.first_read() {
        let lengths: Vec<_> = lengths.iter().map(ToString::to_string).collect();
        found.push(Finding::new(
            "unstable",
            Blocks,
            format!(
                "requests that do not touch it differ over {way}: {name} has {} elements",
                lengths.join(" or ")
            ),
            "two proxies or two versions answer to one name: give each a line of its own (docs/CHOOSING.md, \
             several ways in), or make them alike, and ask again",
        ));
    }
    let (_, shared) = shared_doors(recording);
    if !shared.is_empty() {
        found.push(same_address(recording, &shared, Blocks));
        return found;
    }
    if let Some(line) = &derived.unproved {
        found.push(Finding::new(
            "needs-command",
            Blocks,
            format!(
                "not proved: {line} fits what arrived, but this client cannot send {}",
                unsent(recording)
            ),
            "needs the command line: proxyfix doctor probe sends all probes",
        ));
        return found;
    }
    let past = past::past(recording, headers);
    if !past.is_empty() {
        found.extend(past);
        return found;
    }
    let words = &derived.words;
    if words.client.is_none() {
        found.push(client::client(recording, headers, derived, &proxies));
    } else {
        if words.scheme.is_none() {
            found.push(values::scheme(recording, headers, derived, &proxies));
        }
        // Without the scheme, its usual port is wrong too.
        found.extend(
            values::authority(recording, headers, derived, &proxies)
                .filter(|finding| words.scheme.is_some() || finding.code != "port-lost"),
        );
    }
    if found.is_empty() {
        found.push(lost(derived).unwrap_or_else(|| unproved(derived)));
    }
    found
}

/// The first of these headers that would do, and about which nothing is known at some door.
pub(super) fn untried(
    recording: &Recording,
    headers: &[Header],
    names: &[&str],
) -> Option<Finding> {
    let written = names.iter().filter_map(|name| effect(headers, name));
    let written = written.filter(|header| header.effect.written().is_some());
    written.flat_map(|header| {
        recording.open_doors().into_iter().filter_map(move |door| {
            let what = match tried(recording, &header.name, door) {
                Tried::All => return None,
                Tried::NotSent(what) => format!("this client cannot send {what}"),
                Tried::Nothing(what) => format!("{what} came to nothing"),
            };
            let way = recording.name(door);
            Some(Finding::new(
                "untried",
                Blocks,
                format!("{what} about {} over {way}, so nothing is proved there", header.name),
                "ask by every way with all probes: proxyfix doctor probe; if something limits how many requests you \
                 may send, let the prober through",
            ))
        })
    })
    .next()
}

/// The probes that this client is not able to send.
fn unsent(recording: &Recording) -> String {
    let unsent = recording.exchanges.iter().filter(|each| each.outcome == Outcome::NotSent);
    let kinds: BTreeSet<_> = unsent.map(|exchange| exchange.probe.kind.name()).collect();
    kinds.into_iter().collect::<Vec<_>>().join(", ")
}

/// You and a proxy have the same address at these doors.
pub(super) fn same_address(
    recording: &Recording,
    doors: &BTreeSet<Door<'_>>,
    severity: Severity,
) -> Finding {
    let names: Vec<_> = doors.iter().map(|door| recording.name(*door)).collect();
    Finding::new(
        "same-address",
        severity,
        format!(
            "you and a proxy have the same address over {}, so the probes cannot tell who is who",
            names.join(" and ")
        ),
        "run the prober on another machine; on one machine, name the proxy by 127.0.0.1",
    )
}

/// A client that is lost without having touched the header that names it.
fn lost(derived: &Derived) -> Option<Finding> {
    let (tried, way) = derived.lost.as_ref()?;
    Some(Finding::new(
        "unstable",
        Blocks,
        format!("with {tried} over {way}, no header names the client"),
        "two proxies or two versions answer to one name, or a rule of the proxy leaves the header out: make them \
         alike, and ask again",
    ))
}

pub(super) fn faults(derived: &Derived, stage: Stage) -> &[Fault] {
    derived.faults.get(&stage).map_or(&[], Vec::as_slice)
}

pub(super) fn effect<'a>(headers: &'a [Header], name: &str) -> Option<&'a Header> {
    headers.iter().find(|header| header.name == name)
}

fn unproved(derived: &Derived) -> Finding {
    let seen = match faults(derived, Stage::Whole).first() {
        Some(fault) => format!(
            "with {} over {}, {:?} would be {} and not {}",
            fault.tried, fault.way, fault.value, fault.got, fault.truth
        ),
        None if derived.dangers.is_empty() => "the peer of a connection is not known".to_owned(),
        None => format!("lint finds {}", derived.dangers.join(", ")),
    };
    Finding::new(
        "unproved",
        Blocks,
        seen,
        "save the recording with --save, and compare it with the recipe of your proxy in docs/recipes",
    )
}
