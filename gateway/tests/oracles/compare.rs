//! One request through two proxies: what upstream received and what the client got, field by field.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cases::Case,
    wire::{client::Response, latin1, recorder::Seen},
};

/// What one proxy made of one request.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) seen: Vec<Seen>,
    pub(crate) response: Option<Response>,
}

/// Fields of an answer that each server writes for its own connection, or by its own clock.
const OF_THE_SERVER: [&str; 3] = ["date", "keep-alive", "transfer-encoding"];

impl Outcome {
    /// What happened, by field. `upstream` is the authority to which the proxy connects.
    pub(crate) fn facts(&self, upstream: &str) -> BTreeMap<String, String> {
        let mut facts = BTreeMap::new();
        let mut fact = |name: String, value: String| {
            let value = value.replace(upstream, "UPSTREAM");
            let value = if value.len() > 300 { format!("{} bytes", value.len()) } else { value };
            facts.insert(name, value);
        };
        match self.seen.as_slice() {
            [] => fact("reached".to_owned(), "no".to_owned()),
            [seen] => {
                fact("reached".to_owned(), "yes".to_owned());
                fact("request method".to_owned(), seen.method());
                fact("request target".to_owned(), seen.target());
                fact("request version".to_owned(), seen.version());
                let body = if seen.is_complete { latin1(&seen.body) } else { "unclear".to_owned() };
                fact("request body".to_owned(), body);
                fact("request trailers".to_owned(), latin1(&seen.trailers).to_ascii_lowercase());
                for (name, values) in joined(&seen.fields()) {
                    fact(format!("request field {name}"), values);
                }
            }
            more => fact("reached".to_owned(), format!("{} times", more.len())),
        }
        let Some(response) = &self.response else {
            fact("status".to_owned(), "none".to_owned());
            return facts;
        };
        fact("status".to_owned(), response.status.to_string());
        if self.seen.is_empty() {
            // The proxy's own answer. Its text and fields are its own too.
            return facts;
        }
        fact("reason".to_owned(), response.reason.clone());
        fact("body".to_owned(), latin1(&response.body));
        fact("trailers".to_owned(), latin1(&response.trailers).to_ascii_lowercase());
        let end = if response.is_complete { "yes" } else { "cut" };
        fact("complete".to_owned(), end.to_owned());
        for (name, mut values) in joined(&response.fields) {
            if name == "connection" {
                // Whether its own connection goes on is each server's choice. A nomination is not.
                let names = values.split(", ").filter(|name| {
                    !name.eq_ignore_ascii_case("close") && !name.eq_ignore_ascii_case("keep-alive")
                });
                values = names.collect::<Vec<_>>().join(", ");
            }
            let is_own = OF_THE_SERVER.contains(&name.as_str());
            let is_nothing = name == "connection" && values.is_empty();
            if !is_own && !is_nothing {
                fact(format!("field {name}"), values);
            }
        }
        facts
    }
}

/// The lines of each field, in order.
fn joined(fields: &[(String, String)]) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in fields {
        match joined.get_mut(name) {
            Some(values) => values.extend([" | ", value]),
            None => _ = joined.insert(name.clone(), value.clone()),
        }
    }
    joined
}

/// A fact that differs. `-` stands for none.
#[derive(Debug)]
pub(crate) struct Difference<'a> {
    pub(crate) case: &'a Case,
    pub(crate) oracle: super::Oracle,
    pub(crate) fact: String,
    pub(crate) theirs: String,
    pub(crate) ours: String,
    /// All that happened with ours.
    pub(crate) all_ours: &'a BTreeMap<String, String>,
}

/// What differs. If only one of the two went upstream, that says all. If the statuses differ, so do the answers, and
/// the statuses say all of them.
pub(crate) fn differences<'a>(
    case: &'a Case,
    oracle: super::Oracle,
    theirs: &'a BTreeMap<String, String>,
    ours: &'a BTreeMap<String, String>,
) -> Vec<Difference<'a>> {
    let get = |facts: &BTreeMap<String, String>, fact: &str| {
        facts.get(fact).cloned().unwrap_or_else(|| "-".to_owned())
    };
    let difference = |fact: &str| Difference {
        case,
        oracle,
        fact: fact.to_owned(),
        theirs: get(theirs, fact),
        ours: get(ours, fact),
        all_ours: ours,
    };
    for decisive in ["reached", "status"] {
        if get(theirs, decisive) != get(ours, decisive) {
            let mut differences = vec![difference(decisive)];
            if decisive == "status" {
                let facts = theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>();
                let differ = facts.into_iter().filter(|fact| {
                    fact.starts_with("request ") && get(theirs, fact) != get(ours, fact)
                });
                differences.extend(differ.map(|fact| difference(fact)));
            }
            return differences;
        }
    }
    let all: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    let differ = all.into_iter().filter(|fact| get(theirs, fact) != get(ours, fact));
    differ.map(|fact| difference(fact)).collect()
}
