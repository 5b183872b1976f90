//! What is in the way of a line.
//!
//! 1. If nothing arrived, that is all there is to say. If honest probes differ, no line fits all of them.
//! 2. Else the first value that no word gives is explained by what the proxies make of its headers.

use std::collections::BTreeSet;

use super::{
    super::{
        chain,
        derive::{Derived, Stage},
        differences::differences,
        headers::{Effect, Header},
        instead::{self, Needs},
    },
    Finding,
    Severity::{self, Blocks},
    client, past,
};
use crate::{
    proof::{Fault, Value, shared_doors},
    record::{Door, Outcome, Recording, Tried, Way, tried},
};

pub(super) fn blocks(recording: &Recording, headers: &[Header], derived: &Derived) -> Vec<Finding> {
    if recording.honest().next().is_none() {
        return vec![no_answer(recording)];
    }
    let names = chain::names(recording);
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
        found.push(client::client(recording, headers, derived, &names));
    } else {
        if words.scheme.is_none() {
            found.push(scheme(recording, headers, derived, &names));
        }
        // Without the scheme, its usual port is wrong too.
        found.extend(
            authority(derived, &names)
                .filter(|finding| words.scheme.is_some() || finding.code != "port-lost"),
        );
    }
    if found.is_empty() {
        found.push(lost(derived).unwrap_or_else(|| unproved(derived)));
    }
    found
}

/// The ways by which no honest probe arrived, unless they only lead to https. The first way is the one that
/// clients use, and no line is proved without it.
pub(super) fn closed(recording: &Recording) -> Vec<Finding> {
    let open = recording.open_doors();
    let first = recording.exchanges.first().map(|exchange| &exchange.way);
    // A listener may speak HTTP/2 alone, or answer by one family of addresses alone.
    let place = |way: &Way| (way.scheme.clone(), way.host.clone(), way.port);
    let is_only = |way: &Way| {
        first.is_some_and(|first| place(first) == place(way))
            && !open.iter().any(|open| place(open.way) == place(way))
    };
    let mut found = Vec::new();
    for door in recording.doors().into_iter().filter(|door| !open.contains(door)) {
        let way = door.way;
        let (statuses, reasons) = reasons(recording, Some(door));
        let leads = |(status, location): &(u16, Option<String>)| {
            let to = location.as_deref().unwrap_or_default();
            matches!(status, 301..=308) && to.starts_with("https://")
        };
        if reasons.is_empty() && !statuses.is_empty() && statuses.iter().all(leads) {
            continue;
        }
        // Nobody listens for plain HTTP: it need not be asked.
        let nobody = statuses.is_empty()
            && !reasons.is_empty()
            && reasons.iter().all(|reason| reason.contains("refused"));
        if way.scheme == "http" && !is_only(way) && nobody {
            continue;
        }
        let each = statuses.iter().map(|(status, _)| format!("status {status}")).chain(reasons);
        found.push(Finding::new(
            "way-closed",
            if is_only(way) { Blocks } else { Severity::Warning },
            format!(
                "no honest probe arrived over {}: {}",
                recording.name(door),
                each.collect::<Vec<_>>().join(", ")
            ),
            "nothing is proved about this way; if clients can use it, make it lead to the receiver and ask again",
        ));
    }
    found
}

type Statuses = BTreeSet<(u16, Option<String>)>;

/// Why honest probes did not arrive: statuses with where they lead, and other reasons.
fn reasons(recording: &Recording, door: Option<Door<'_>>) -> (Statuses, BTreeSet<String>) {
    let mut statuses = BTreeSet::new();
    let mut reasons = BTreeSet::new();
    let asked = recording.exchanges.iter().filter(|exchange| {
        exchange.probe.is_honest() && door.is_none_or(|door| exchange.door() == door)
    });
    for exchange in asked {
        let reason = match &exchange.outcome {
            Outcome::Refused { status, location } => {
                statuses.insert((*status, location.clone()));
                continue;
            }
            Outcome::Failed(reason) => reason.as_str(),
            Outcome::Ended | Outcome::Closed => "the connection ended without an answer",
            Outcome::TimedOut => "no answer came in time",
            Outcome::Kept => "the answer was about another request",
            Outcome::Arrived(_) | Outcome::NotSent => continue,
        };
        reasons.insert(reason.to_owned());
    }
    (statuses, reasons)
}

fn no_answer(recording: &Recording) -> Finding {
    let (statuses, reasons) = reasons(recording, None);
    let is_login = |(status, location): &(u16, Option<String>)| {
        matches!(status, 401 | 403 | 407) || matches!(status, 301..=308) && location.is_some()
    };
    if !statuses.is_empty() && statuses.iter().all(is_login) {
        let each = statuses.iter().map(|(status, location)| {
            let to = location.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
            format!("{status}{to}")
        });
        return Finding::new(
            "login",
            Blocks,
            format!("every probe is stopped on its way: {}", each.collect::<Vec<_>>().join(", ")),
            "give the prober what lets it through: --header 'Authorization: …' or --header 'Cookie: …'; if it is \
             a redirect, ask for the URL that it leads to",
        );
    }
    let statuses = statuses.iter().map(|(status, _)| format!("status {status}"));
    let seen: Vec<_> = statuses.chain(reasons).collect();
    let seen = if seen.is_empty() { "nothing was sent".to_owned() } else { seen.join(", ") };
    Finding::new(
        "no-answer",
        Blocks,
        format!("no honest probe arrived at the receiver: {seen}"),
        "does the proxy lead to the receiver (404: another token, or it has expired; 502: nothing listens at the \
         address that the proxy connects to)?",
    )
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

fn scheme(
    recording: &Recording,
    headers: &[Header],
    derived: &Derived,
    names: &BTreeSet<&'static str>,
) -> Finding {
    let add = instead::lines(names, Needs::Scheme);
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
            ("scheme-overwritten", passes, instead::pass_on(name))
        }
        Some(effect @ (Effect::Conditional { .. } | Effect::Mangled { .. })) => (
            "scheme-conditional",
            format!("{name} is {}", effect.text()),
            format!("the edge must set it on every request, for http too:\n{add}"),
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

fn authority(derived: &Derived, names: &BTreeSet<&'static str>) -> Option<Finding> {
    let words = &derived.words;
    let of =
        |value| faults(derived, Stage::Authority).iter().find(move |fault| fault.value == value);
    if words.host.is_none() {
        let seen = of(Value::Host).map_or_else(
            || "no header names the host that was asked for".to_owned(),
            |fault| format!("{} was asked for, and {} arrives", fault.truth, fault.got),
        );
        return Some(Finding::new("host-lost", Blocks, seen, instead::lines(names, Needs::Host)));
    }
    if words.port.is_none() {
        let seen = of(Value::Port).map_or_else(
            || "no header names the port that was asked for".to_owned(),
            |fault| {
                format!(
                    "port {} was asked for over {}, and {} arrives",
                    fault.truth, fault.way, fault.got
                )
            },
        );
        return Some(Finding::new("port-lost", Blocks, seen, instead::lines(names, Needs::Port)));
    }
    None
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
