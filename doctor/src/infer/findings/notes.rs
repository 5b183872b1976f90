//! Findings beside the line: what must not be trusted, what differs, and what cannot be seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{
    super::{
        derive::Derived,
        differences::differences,
        facts::{is_plain_closed, strips},
        headers::{Effect, Header},
    },
    Finding,
    Severity::{Note, Warning},
    gateway,
};
use crate::{
    probe::{Kind, STANDARD, Shape},
    proof::{is_direct, shared_doors},
    record::{Outcome, Recording},
};

/// Whether a line would read this header.
pub(super) fn is_read(name: &str) -> bool {
    STANDARD.contains(&name)
}

pub(super) fn notes(recording: &Recording, headers: &[Header], derived: &Derived) -> Vec<Finding> {
    let mut found = Vec::new();
    if recording.honest().next().is_some() {
        found.extend(conditional(headers));
        found.extend(peers(recording));
        if !is_direct(recording) {
            found.extend(gateway::peer(recording));
        }
        found.extend(gateway::client(recording, headers));
        found.extend(prefix(recording, derived));
        found.extend(passed(headers));
        found.extend(underscores(recording));
        found.extend(connection(recording, headers));
        found.extend(targets(recording));
        found.extend(not_asked(recording));
        let (shared, blocking) = shared_doors(recording);
        if !shared.is_empty() && blocking.is_empty() && !is_direct(recording) {
            found.push(super::blocks::same_address(recording, &shared, Warning));
        }
        found.push(Finding::new(
            "unseen",
            Note,
            "only the ways above were asked, from one network, by GET, with one User-Agent and below one path; rules of \
             a proxy for other methods, User-Agents, paths or source networks, headers with private names, and a \
             client who can connect to the application past the proxies are not seen from here; a proxy that appends \
             nothing and does not show itself is not drawn",
            "let only the proxies connect to the application, by a firewall or a Unix socket; have them refuse CONNECT and \
             upgrades to h2c, as the recipes do; ask again for every other name and way in",
        ));
    }
    found.extend(connect(recording));
    found.extend(kept(recording));
    found.extend(refused(recording));
    found.extend(redirects(recording));
    found
}

fn conditional(headers: &[Header]) -> Vec<Finding> {
    let odd = headers.iter().filter(|header| {
        is_read(&header.name)
            && matches!(header.effect, Effect::Conditional { .. } | Effect::Mangled { .. })
    });
    let found = |header: &Header| {
        Finding::new(
            "conditional",
            Warning,
            format!("{} is {}", header.name, header.effect.text()),
            "do not trust it; if you want to, make the proxy set it on every request",
        )
    };
    odd.map(found).collect()
}

fn peers(recording: &Recording) -> Vec<Finding> {
    let differences = differences(recording);
    let mut found = Vec::new();
    if differences.peers.len() > 1 {
        let list: Vec<_> = differences.peers.iter().cloned().collect();
        found.push(Finding::new(
            "several-peers",
            Warning,
            format!("the application is connected from {}", list.join(", ")),
            "are these all? Ask again some times, and write the network if nobody else is in it",
        ));
    }
    let one = differences.peers.iter().filter_map(|peer| peer.parse::<IpAddr>().ok());
    let one: Vec<_> = one.filter(|ip| !ip.is_loopback()).collect();
    if let ([ip], false) = (one.as_slice(), is_direct(recording)) {
        found.push(Finding::new(
            "several-peers",
            Note,
            format!("every probe was passed on by {ip}"),
            "if the last proxy is one of several, or its address changes, ask again some times, or write its network",
        ));
    }
    if differences.instances > 1 {
        found.push(Finding::new(
            "several-instances",
            Warning,
            format!("{} instances of the receiver answered", differences.instances),
            "ask each alone, if they may be of different versions",
        ));
    }
    found
}

fn prefix(recording: &Recording, derived: &Derived) -> Option<Finding> {
    let stripped = strips(recording)?;
    let silent = derived.words.prefix.as_ref().is_none_or(String::is_empty);
    silent.then(|| {
        Finding::new(
            "prefix-lost",
            Warning,
            format!("a proxy takes {stripped} away from the path, and no header says so"),
            "have it set X-Forwarded-Prefix on every request, or name the prefix in the application \
             (docs/PREFIX.md)",
        )
    })
}

fn passed(headers: &[Header]) -> Option<Finding> {
    let passed = headers.iter().filter(|header| header.effect == Effect::Passed);
    let (standard, others): (Vec<&Header>, Vec<&Header>) =
        passed.partition(|header| is_read(&header.name));
    let mut names: Vec<_> = standard.iter().map(|header| header.name.clone()).collect();
    match (names.is_empty(), others.as_slice()) {
        (_, []) => {}
        (true, [one]) => names.push(one.name.clone()),
        (true, [first, rest @ ..]) => {
            names.push(first.name.clone());
            names.push(format!("{} others", rest.len()));
        }
        (false, others) => names.push(format!("{} others", others.len())),
    }
    (!names.is_empty()).then(|| {
        Finding::new(
            "passed",
            Note,
            format!("these arrive as the client wrote them: {}", names.join(", ")),
            "trust none of them; proxyfix removes them",
        )
    })
}

fn underscores(recording: &Recording) -> Option<Finding> {
    let mut names = BTreeSet::new();
    for (exchange, arrived) in recording.arrived() {
        if exchange.probe.kind == Kind::Headers(Shape::Underscore) {
            for header in exchange.probe.headers() {
                let name = header.replace('-', "_");
                if arrived.values(&name).next().is_some() {
                    names.insert(name);
                }
            }
        }
    }
    let first = names.first()?.clone();
    Some(Finding::new(
        "underscores",
        Note,
        format!("names with underscores arrive, such as {first}"),
        "many frameworks take them for the header with hyphens; proxyfix removes them",
    ))
}

fn connection(recording: &Recording, headers: &[Header]) -> Vec<Finding> {
    let (mut dropped, mut relayed) = (BTreeSet::new(), false);
    for (exchange, arrived) in recording.arrived() {
        if exchange.probe.kind != Kind::Headers(Shape::Nominated) {
            continue;
        }
        relayed |= arrived
            .values("connection")
            .any(|value| exchange.probe.headers().iter().any(|header| value.has(header)));
        let written = headers.iter().filter(|header| header.effect.written().is_some());
        for header in written.filter(|header| exchange.probe.lies_in(&header.name)) {
            if arrived.values(&header.name).next().is_none() {
                dropped.insert(header.name.clone());
            }
        }
    }
    let mut found = Vec::new();
    if !dropped.is_empty() {
        let list: Vec<_> = dropped.into_iter().collect();
        found.push(Finding::new(
            "connection",
            Note,
            format!("a client can have {} dropped by naming it in Connection", list.join(", ")),
            "proxyfix rejects such a request, or its client is unknown; other programs may believe their default",
        ));
    } else if relayed {
        found.push(Finding::new(
            "connection",
            Note,
            "Connection arrives with the names that the client wrote into it",
            "a proxy between here and there may drop the headers that it names; proxyfix rejects such a request",
        ));
    }
    found
}

fn targets(recording: &Recording) -> Option<Finding> {
    let relayed = recording.arrived().find(|(exchange, arrived)| {
        let kind = exchange.probe.kind;
        let lie = format!("{}://", exchange.way.lie());
        kind == Kind::OtherScheme && arrived.target.has(&lie)
    });
    relayed.filter(|_| !is_direct(recording)).map(|(exchange, arrived)| {
        Finding::new(
            "target-relayed",
            Note,
            format!(
                "the target arrives as the client wrote it, with its scheme: {} over {}",
                crate::escape::shortened(arrived.target.as_bytes(), 60),
                recording.way_name(&exchange.way)
            ),
            "believe no scheme in a target; proxyfix does not",
        )
    })
}

/// CONNECT that is passed on and answered with success, but leads nowhere.
fn connect(recording: &Recording) -> Option<Finding> {
    let passed = recording.exchanges.iter().find(|exchange| {
        let success = matches!(exchange.outcome, Outcome::Refused { status: 200..=299, .. });
        success && exchange.probe.kind == Kind::Tunnel
    })?;
    Some(Finding::new(
        "tunnel",
        Warning,
        format!(
            "over {} a proxy passes CONNECT on to the application",
            recording.way_name(&passed.way)
        ),
        "what a client sends behind it got no answer here; have the proxy refuse CONNECT, as the recipes do",
    ))
}

fn kept(recording: &Recording) -> Option<Finding> {
    let kept = recording.exchanges.iter().filter(|exchange| exchange.outcome == Outcome::Kept);
    let count = kept.count();
    (count > 0).then(|| {
        Finding::new(
            "kept",
            Warning,
            format!("{count} answers were about another probe: something on the way keeps answers"),
            "the answers say no-store; a cache that ignores that also gives one client's answer to another",
        )
    })
}

fn refused(recording: &Recording) -> Option<Finding> {
    let mut by_status: BTreeMap<String, usize> = BTreeMap::new();
    for exchange in recording.exchanges.iter().filter(|exchange| exchange.probe.is_lie()) {
        let what = match &exchange.outcome {
            Outcome::Refused { status, .. } => format!("status {status}"),
            Outcome::Closed => "the connection closed".to_owned(),
            Outcome::TimedOut => "no answer".to_owned(),
            Outcome::Failed(reason) => reason.clone(),
            Outcome::Arrived(_) | Outcome::Ended | Outcome::Kept | Outcome::NotSent => continue,
        };
        let count = by_status.entry(what).or_default();
        *count = count.saturating_add(1);
    }
    let each: Vec<_> = by_status.iter().map(|(what, count)| format!("{count} ({what})")).collect();
    (!each.is_empty()).then(|| {
        Finding::new(
            "refused",
            Note,
            format!("probes that did not arrive: {}", each.join(", ")),
            "what is refused cannot mislead; the line follows from what arrived",
        )
    })
}

fn redirects(recording: &Recording) -> Option<Finding> {
    let open = recording.open_doors();
    let redirected = recording.exchanges.iter().find(|exchange| {
        let to_https = matches!(&exchange.outcome, Outcome::Refused { status: 301..=308, location: Some(to) }
            if to.starts_with("https://"));
        to_https && exchange.way.scheme == "http" && !open.contains(&exchange.door())
    })?;
    Some(Finding::new(
        "redirects",
        Note,
        format!(
            "{} only leads to https: no request arrives that way",
            recording.name(redirected.door())
        ),
        "good: all clients use TLS",
    ))
}

fn not_asked(recording: &Recording) -> Vec<Finding> {
    let mut found = Vec::new();
    let asked = |scheme: &str| recording.doors().iter().any(|door| door.way.scheme == scheme);
    let mut missing = |what: &str, how: &str| {
        found.push(Finding::new("not-asked", Warning, what.to_owned(), how.to_owned()));
    };
    if !is_direct(recording) {
        if !asked("http") && !is_plain_closed(recording) {
            let answers = if recording.knocks().next().is_some() {
                ", and something answers at port 80"
            } else {
                ""
            };
            missing(
                &format!(
                    "plain http was not asked{answers}: a proxy may write other headers there"
                ),
                "--http http://HOST/, if clients can use it; the token and the lines of --header then go \
                 there unencrypted",
            );
        }
        if !asked("https") {
            missing(
                "https was not asked: a proxy may write other headers there",
                "ask the https URL, with --http for this one, if clients use TLS",
            );
        }
    }
    let sent = |exchange: &&crate::record::Exchange| exchange.outcome == Outcome::NotSent;
    let unsent: BTreeSet<_> = recording
        .exchanges
        .iter()
        .filter(sent)
        .map(|exchange| exchange.probe.kind.name())
        .collect();
    if !unsent.is_empty() {
        let list: Vec<_> = unsent.into_iter().collect();
        missing(
            &format!("this client cannot send: {}", list.join(", ")),
            "proxyfix doctor probe sends them too",
        );
    }
    found
}
