//! Ways by which nothing arrived.
//!
//! 1. Each way that the user named and that brought nothing is told, whatever the reason: a typing error in a port would
//!    else leave a listener unproved.
//! 2. What to do follows from the reason.

use std::collections::BTreeSet;

use super::{
    Finding,
    Severity::{self, Blocks},
};
use crate::record::{Door, Outcome, Recording, Way};

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
        let instead = causes(&statuses, &reasons);
        let each = statuses.iter().map(|(status, _)| format!("status {status}")).chain(reasons);
        found.push(Finding::new(
            "way-closed",
            if is_only(way) { Blocks } else { Severity::Warning },
            format!(
                "no honest probe arrived over {}: {}",
                recording.name(door),
                each.collect::<Vec<_>>().join(", ")
            ),
            format!(
                "nothing is proved about this way; if clients can use it, make it lead to the receiver and ask again:\n{instead}"
            ),
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

pub(super) fn no_answer(recording: &Recording) -> Finding {
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
    let instead = causes(&statuses, &reasons);
    let statuses = statuses.iter().map(|(status, _)| format!("status {status}"));
    let seen: Vec<_> = statuses.chain(reasons).collect();
    let seen = if seen.is_empty() { "nothing was sent".to_owned() } else { seen.join(", ") };
    Finding::new(
        "no-answer",
        Blocks,
        format!("no honest probe arrived at the receiver: {seen}"),
        instead,
    )
}

/// What may be the cause, a line for each.
fn causes(statuses: &Statuses, reasons: &BTreeSet<String>) -> String {
    let says = |word: &str| reasons.iter().any(|reason| reason.contains(word));
    let answers = |which: fn(u16) -> bool| statuses.iter().any(|(status, _)| which(*status));
    let all = [
        (
            says("certificate"),
            "the certificate is not accepted: name the authority that signed it with --cacert FILE, or accept every one \
             with --insecure",
        ),
        // The second one is curl's.
        (
            says("refused") || says("connect to server"),
            "nobody listens there: is the port right, and does the proxy run?",
        ),
        (
            answers(|status| (200..300).contains(&status)),
            "another server answered: the application is still there, or --bind is not the address that the proxy \
             connects to",
        ),
        (
            answers(|status| status == 404),
            "404: the receiver has another token, or it has expired, or the proxy leads elsewhere",
        ),
        (
            answers(|status| (500..600).contains(&status)),
            "5xx: does the receiver listen at the address that the proxy connects to?",
        ),
    ];
    let lines: Vec<_> = all.into_iter().filter(|(is, _)| *is).map(|(_, line)| line).collect();
    if lines.is_empty() {
        return "is the URL right, and does the proxy lead to the receiver?".to_owned();
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::causes;

    #[test]
    fn each_cause_has_its_remedy() {
        let none = BTreeSet::new();
        for (reason, remedy) in [
            ("invalid peer certificate: UnknownIssuer", "--cacert"),
            ("SSL certificate problem: self-signed certificate", "--insecure"),
            ("Connection refused (os error 111)", "is the port right"),
            ("Failed to connect to a port 1: Couldn't connect to server", "is the port right"),
            ("no answer came in time", "is the URL right"),
        ] {
            let reasons = BTreeSet::from([reason.to_owned()]);
            assert!(causes(&BTreeSet::new(), &reasons).contains(remedy), "{reason}");
        }
        for (status, remedy) in [(200, "--bind"), (404, "token"), (502, "does the receiver listen")]
        {
            let statuses = BTreeSet::from([(status, None)]);
            assert!(causes(&statuses, &none).contains(remedy), "{status}");
        }
    }
}
