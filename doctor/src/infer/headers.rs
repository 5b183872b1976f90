//! What the proxies make of each header, by the markers that came back.
//!
//! 1. In each way and shape, the marker's element is looked for from the right. If it is not there, the header
//!    is *set* or *dropped*; if elements are right of it, it is *appended* to; else it is *passed*.
//! 2. If the shapes of one way differ, the header is *mangled*. If the ways differ, or a value is set only where
//!    the client sent none, it is *conditional*.
//! 3. A probe that did not arrive says nothing, unless none arrived and one was refused deliberately: then the
//!    header is *refused*. If all came to nothing, it is *untried*.
//! 4. Empty lines, other spellings and `Connection` are findings of their own.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    arrived::Arrived,
    probe::{Kind, PROXY, Probe, Shape},
    record::{Door, Exchange, Outcome, Recording},
};

/// What the proxies make of a header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum Effect {
    /// The marker never survives, and so many elements arrive.
    Set {
        /// How many.
        elements: usize,
    },
    /// So many elements are right of the marker.
    Appended {
        /// How many.
        elements: usize,
    },
    /// The marker arrived as it was. Whoever trusts the header believes the client.
    Passed,
    /// Nothing arrives.
    Dropped,
    /// It depends on the way, or on whether the client sends the header.
    Conditional {
        /// On what, and what happens.
        when: String,
    },
    /// It depends on the shape of the client's value.
    Mangled {
        /// What happens to which.
        how: String,
    },
    /// No probe with it arrived.
    Refused {
        /// The status, if there was one.
        status: Option<u16>,
    },
    /// Honest probes brought it, and no lie in it came to anything.
    Untried,
}

impl Effect {
    /// In a few words.
    pub fn text(&self) -> String {
        let count =
            |n: &usize| if *n == 1 { "1 element".to_owned() } else { format!("{n} elements") };
        match self {
            Self::Set { elements } => format!("set, {}", count(elements)),
            Self::Appended { elements } => format!("appended, {}", count(elements)),
            Self::Passed => "passed".to_owned(),
            Self::Dropped => "dropped".to_owned(),
            Self::Conditional { when } => format!("conditional: {when}"),
            Self::Mangled { how } => format!("mangled: {how}"),
            Self::Refused { status: Some(status) } => format!("refused with {status}"),
            Self::Refused { status: None } => "refused".to_owned(),
            Self::Untried => "not known: no lie in it came to anything".to_owned(),
        }
    }

    /// How many elements the proxies write, if it is the same in all shapes and ways.
    pub fn written(&self) -> Option<usize> {
        match self {
            Self::Set { elements } | Self::Appended { elements } => Some(*elements),
            Self::Passed
            | Self::Dropped
            | Self::Conditional { .. }
            | Self::Mangled { .. }
            | Self::Refused { .. }
            | Self::Untried => None,
        }
    }

    /// Whether the proxies write it by each way, and only the number of elements differs.
    pub(super) fn differs_in_number(&self) -> bool {
        let is_written = |part: &str| part.starts_with("set, ") || part.starts_with("appended, ");
        matches!(self, Self::Conditional { when } if when.split("; ").all(is_written))
    }

    /// Whether a client's value reaches the application as it is, in some way or shape.
    pub fn passes(&self) -> bool {
        match self {
            Self::Passed => true,
            Self::Conditional { when } | Self::Mangled { how: when } => when.contains("passed"),
            Self::Set { .. }
            | Self::Appended { .. }
            | Self::Dropped
            | Self::Refused { .. }
            | Self::Untried => false,
        }
    }
}

/// A header, and what the proxies make of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// What the proxies make of it.
    #[serde(flatten)]
    pub effect: Effect,
    /// What an honest probe brought, escaped, by the name of its way.
    pub honest: BTreeMap<String, String>,
}

/// All headers that were probed, or that an honest probe brought and proxyfix knows.
pub(super) fn headers(recording: &Recording) -> Vec<Header> {
    let probed = recording.exchanges.iter().flat_map(|exchange| exchange.probe.headers());
    let mut names: BTreeSet<String> = probed.map(str::to_owned).collect();
    let known = proxyfix::forwarding_headers();
    let known = known.filter(|name| {
        recording.honest().any(|(_, arrived)| arrived.values(name).next().is_some())
    });
    names.extend(known.map(str::to_owned));
    for no_header in ["host", PROXY] {
        names.remove(no_header);
    }
    names.iter().filter_map(|name| header(recording, name)).collect()
}

fn header(recording: &Recording, name: &str) -> Option<Header> {
    let mut honest = BTreeMap::new();
    let mut by_door = Vec::new();
    for door in recording.open_doors() {
        let first = recording.honest().find(|(exchange, _)| exchange.door() == door);
        let lines = first.map(|(_, arrived)| {
            arrived.values(name).map(ToString::to_string).collect::<Vec<_>>().join(" | ")
        });
        if let Some(lines) = lines.filter(|lines| !lines.is_empty()) {
            honest.insert(recording.name(door), lines);
        }
        if let Some(effect) = in_way(recording, name, door, first.map(|(_, arrived)| arrived)) {
            by_door.push((recording.name(door), effect));
        }
    }
    let effects: BTreeSet<_> = by_door.iter().map(|(_, effect)| effect).collect();
    let effect = match effects.into_iter().collect::<Vec<_>>().as_slice() {
        [] if honest.is_empty() => return None,
        [] => Effect::Untried,
        [one] => (*one).clone(),
        _ => {
            let each = by_door.iter().map(|(way, effect)| format!("{} over {way}", effect.text()));
            Effect::Conditional { when: each.collect::<Vec<_>>().join("; ") }
        }
    };
    Some(Header { name: name.to_owned(), effect, honest })
}

/// The shapes whose marker must be found again if the header is not set.
const PLAIN: [Shape; 6] =
    [Shape::Once, Shape::Twice, Shape::List, Shape::OpenQuote, Shape::Long, Shape::Second];

fn in_way(
    recording: &Recording,
    name: &str,
    door: Door<'_>,
    honest: Option<&Arrived>,
) -> Option<Effect> {
    let is_about = |exchange: &&Exchange| {
        let plain = matches!(exchange.probe.kind, Kind::Headers(shape) if PLAIN.contains(&shape));
        exchange.door() == door && plain && exchange.probe.lies_in(name)
    };
    let mut by_effect: BTreeMap<Effect, Vec<&str>> = BTreeMap::new();
    let mut refused = None;
    for exchange in recording.exchanges.iter().filter(is_about) {
        match &exchange.outcome {
            Outcome::Arrived(arrived) => {
                let effect = one(&exchange.probe, name, arrived, honest);
                by_effect.entry(effect).or_default().push(exchange.probe.kind.name());
            }
            Outcome::Refused { status, .. }
                if exchange.outcome.is_evidence_about(exchange.probe.kind) =>
            {
                refused = Some(Some(*status));
            }
            Outcome::Refused { .. }
            | Outcome::Ended
            | Outcome::Closed
            | Outcome::TimedOut
            | Outcome::Kept
            | Outcome::Failed(_)
            | Outcome::NotSent => {}
        }
    }
    // Some proxies append to what is well-formed and replace the rest. Their own elements are the last ones
    // in both cases.
    let counts: Option<BTreeSet<_>> = by_effect.keys().map(Effect::written).collect();
    if let Some([elements]) = counts.map(|counts| counts.into_iter().collect::<Vec<_>>()).as_deref()
    {
        if by_effect.len() > 1 {
            return Some(Effect::Appended { elements: *elements });
        }
    }
    let only = by_effect.keys().next().cloned();
    match by_effect.len() {
        0 => refused.map(|status| Effect::Refused { status }),
        1 => only.map(|effect| {
            let sets = honest.is_some_and(|honest| honest.values(name).next().is_some());
            if effect == Effect::Passed && sets {
                let when = "set only if the client sends none, passed otherwise".to_owned();
                return Effect::Conditional { when };
            }
            effect
        }),
        _ => {
            let each = by_effect.iter().map(|(effect, shapes)| {
                let mut shapes = shapes.clone();
                shapes.dedup();
                format!("{} with {}", effect.text(), shapes.join(", "))
            });
            Some(Effect::Mangled { how: each.collect::<Vec<_>>().join("; ") })
        }
    }
}

/// What became of the markers of one probe in this header.
pub(super) fn one(
    probe: &Probe,
    name: &str,
    arrived: &Arrived,
    honest: Option<&Arrived>,
) -> Effect {
    let elements = arrived.elements(name);
    if elements.is_empty() {
        return Effect::Dropped;
    }
    let length = elements.len();
    // A scheme that is wrong in honest requests too was written by a proxy.
    if honest.is_some_and(|honest| honest.elements(name) == elements) {
        return Effect::Set { elements: length };
    }
    let markers = probe.markers.iter().filter(|marker| marker.header == name);
    let markers: Vec<_> = markers.filter(|marker| !marker.text.is_empty()).collect();
    let is_marked = |element: &&[u8]| {
        markers.iter().any(|marker| {
            let text = marker.text.as_bytes();
            let quoted = element.strip_prefix(b"\"").unwrap_or(element);
            if marker.is_common {
                quoted.eq_ignore_ascii_case(text)
            } else {
                element.windows(text.len()).any(|part| part == text)
            }
        })
    };
    match elements.iter().position(is_marked) {
        Some(0) => Effect::Passed,
        Some(right) => Effect::Appended { elements: right },
        None => Effect::Set { elements: length },
    }
}
