//! How an oracle reads the lines, as far as the names need it: how it splits a list, and how it takes a
//! value out of it.

use super::{
    Oracle::{self, Hypercorn, HypercornModern, Uvicorn, Werkzeug},
    cases::Case,
    reading::{OWN_HOST, PEER, elements, is_proxy, lines, nth, split, trim},
    reference,
};

/// Two answers for one field of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Difference<'a> {
    pub(crate) case: &'a Case,
    pub(crate) oracle: Oracle,
    pub(crate) field: &'static str,
    pub(crate) theirs: &'a str,
    pub(crate) ours: &'a str,
}

/// How to split a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Splitting {
    /// At every comma, as we do.
    Commas,
    /// The same, but empty elements are dropped.
    NonEmpty,
    /// As Werkzeug does: at commas outside quotes. Empty elements and the quotes are dropped.
    Quotes,
}

impl<'a> Difference<'a> {
    /// The headers that the field comes from, each with its count.
    pub(crate) fn headers(&self) -> Vec<(&'static str, usize)> {
        const X: [(&str, &str); 5] = [
            ("client", "x-forwarded-for"),
            ("scheme", "x-forwarded-proto"),
            ("host", "x-forwarded-host"),
            ("port", "x-forwarded-port"),
            ("prefix", "x-forwarded-prefix"),
        ];
        let case = self.case;
        let at = X.iter().position(|(field, _)| *field == self.field).expect("a field");
        match self.oracle {
            HypercornModern => vec![("forwarded", case.hops)],
            Hypercorn => vec![(X[at].1, case.hops)],
            Uvicorn => vec![(X[at].1, 1)],
            Werkzeug if self.field == "port" => {
                vec![(X[3].1, case.counts[3]), (X[2].1, case.counts[2])]
            }
            Werkzeug => vec![(X[at].1, case.counts[at])],
        }
    }

    /// The text that the count selects in each header.
    pub(crate) fn texts(&self) -> Vec<Option<&'a str>> {
        let text = |(name, n): &(&str, usize)| nth(&elements(self.case, name), *n);
        self.headers().iter().map(text).collect()
    }

    /// The text that the answer should come from.
    pub(crate) fn text(&self) -> &'a str {
        match self.oracle {
            HypercornModern => self.part().unwrap_or_default(),
            Uvicorn if self.field == "client" => self.stop().unwrap_or_default(),
            _ => self.texts()[0].unwrap_or_default(),
        }
    }

    /// Whether their answer is exactly that text.
    pub(crate) fn verbatim(&self) -> bool {
        let text = self.text();
        let found = match (self.oracle, self.field) {
            (Uvicorn, "client") => self.uvicorn_reads(text),
            (Werkzeug, "host") => self.theirs == split(text).0,
            _ => self.theirs == text,
        };
        found && !text.is_empty()
    }

    /// The answer if no header gives one.
    pub(crate) fn own(&self) -> &'static str {
        match (self.oracle, self.field) {
            (Uvicorn, "client") => "10.0.0.1 4711",
            (_, "client") => PEER,
            (_, "scheme") => "http",
            (_, "host") => OWN_HOST,
            (_, "port") => "80",
            _ => "",
        }
    }

    /// The result of Werkzeug's rules for lists that are split in this way.
    pub(crate) fn werkzeug_counts(&self, splitting: Splitting) -> String {
        let texts = self.headers().into_iter().map(|(name, n)| {
            let elements = elements(self.case, name).into_iter().map(|text| trim(text).to_owned());
            let list: Vec<_> = match splitting {
                Splitting::Commas => elements.collect(),
                Splitting::NonEmpty => elements.filter(|text| !text.is_empty()).collect(),
                Splitting::Quotes => quoted_list(&lines(self.case, name).join(",")),
            };
            let at = list.len().checked_sub(n);
            at.and_then(|at| list.get(at)).cloned().unwrap_or_default()
        });
        let texts: Vec<_> = texts.collect();
        let text = match self.field {
            "host" => split(&texts[0]).0,
            "port" if texts[0].is_empty() => match split(&texts[1]).1 {
                Some(port) => return port.to_owned(),
                None => "",
            },
            _ => &texts[0],
        };
        if text.is_empty() { self.own().to_owned() } else { text.to_owned() }
    }

    /// The field's value in what Hypercorn takes for the element of `Forwarded`.
    pub(crate) fn part(&self) -> Option<&'a str> {
        let start = match self.field {
            "client" => "for=",
            "scheme" => "proto=",
            _ => "host=",
        };
        let piece = nth(&elements(self.case, "forwarded"), self.case.hops)?.trim();
        piece.split(';').filter_map(|part| part.strip_prefix(start)).map(str::trim).next_back()
    }

    /// Whether Hypercorn's answer is that value, or our own if it has none.
    pub(crate) fn is_part(&self) -> bool {
        self.theirs == self.part().unwrap_or_else(|| self.own())
    }

    /// The first element from the right that is not simply one of uvicorn's trusted hosts.
    fn stop(&self) -> Option<&'a str> {
        let plain = |text: &str| {
            let (ip, port) = split(text);
            let valid = reference::node(text, true).is_some();
            valid && is_proxy(ip) && !ip.contains(':') && !port.is_some_and(|p| p.starts_with('_'))
        };
        let list = elements(self.case, "x-forwarded-for");
        list.into_iter().rev().map(trim).find(|text| !plain(text))
    }

    /// Whether uvicorn's answer is this element: all of it, or the address and the number after it.
    pub(crate) fn uvicorn_reads(&self, element: &str) -> bool {
        let (ip, port) = split(element);
        let literal = ip.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let port = port.and_then(|text| text.trim().parse::<i64>().ok()).unwrap_or(0);
        self.theirs == format!("{element} 0")
            || self.theirs == format!("{} {port}", literal.unwrap_or(ip))
    }

    /// Whether uvicorn's answer is somewhere in the list.
    pub(crate) fn is_listed(&self) -> bool {
        let list = elements(self.case, "x-forwarded-for");
        self.theirs == self.own() || list.iter().any(|text| self.uvicorn_reads(text.trim()))
    }
}

/// Splits a list as Werkzeug does: commas in quotes separate nothing, and an unclosed quote voids the list.
fn quoted_list(text: &str) -> Vec<String> {
    let (mut items, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().expect("an item").push(c);
    }
    let unquote = |item: &str| {
        let inner = item.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let Some(inner) = inner else { return item.to_owned() };
        let mut escaped = false;
        let kept = |c: &char| {
            escaped = *c == '\\' && !escaped;
            !escaped
        };
        inner.chars().filter(kept).collect()
    };
    let items = items.iter().map(|item| trim(item)).filter(|item| !item.is_empty()).map(unquote);
    if quoted { Vec::new() } else { items.collect() }
}
