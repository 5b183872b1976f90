//! The report in the words in which it is shown, in a terminal and on the page alike.
//!
//! 1. The table has the standard headers, and all others that a proxy does something with. Those that only pass
//!    are one row.
//! 2. Each value of the line has a row: the word that is proved, or why there is none.

use serde::Serialize;

use crate::{
    infer::{Effect, Finding, Header, Report, Severity},
    probe::STANDARD,
};

/// One box of the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// What it is.
    pub title: String,
    /// Its address, as the next one saw it.
    pub detail: String,
}

/// One row of the table of headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The header.
    pub header: String,
    /// What the proxies make of it.
    pub effect: String,
    /// Whether a client's value gets through.
    pub passes: bool,
    /// What an honest request brought.
    pub honest: String,
}

/// One value of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Word {
    /// Which value.
    pub value: &'static str,
    /// The word, or what stands in its place; `None` if there is none.
    pub word: Option<String>,
    /// Why there is none.
    pub why: &'static str,
}

/// Everything that is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View<'a> {
    /// The picture, from the client to the application.
    pub chain: Vec<Node>,
    /// What was asked, a sentence for each way.
    pub asked: Vec<String>,
    /// The table of headers.
    pub table: Vec<Row>,
    /// The values of the line.
    pub words: Vec<Word>,
    /// The line, if it is proved.
    pub line: Option<&'a str>,
    /// The line that fits what arrived, and is not proved.
    pub unproved: Option<&'a str>,
    /// What was proved, in a sentence.
    pub proof: Option<String>,
    /// The findings, the worst first.
    pub findings: &'a [Finding],
}

/// Puts a report into words.
///
/// ```
/// use proxyfix_doctor::{infer::infer, record::Recording, view::view};
///
/// let report = infer(&Recording::new("https://app.example/"));
/// assert_eq!(view(&report).line, None);
/// ```
pub fn view(report: &Report) -> View<'_> {
    let asked = report
        .asked
        .iter()
        .map(|asked| format!("{}: {} of {} probes arrived", asked.way, asked.arrived, asked.sent));
    let proof = report.line.as_ref().map(|line| {
        let proof = &line.proof;
        format!(
            "{} honest probes give the truth; of the lies, {} change nothing, {} are rejected, {} make the client \
             unknown, {} did not arrive",
            proof.honest, proof.withstood, proof.rejected, proof.unknown, proof.stopped
        )
    });
    View {
        chain: chain(report),
        asked: asked.collect(),
        table: table(report),
        words: words(report),
        line: report.line.as_ref().map(|line| line.text.as_str()),
        unproved: report.unproved.as_deref(),
        proof,
        findings: &report.findings,
    }
}

fn chain(report: &Report) -> Vec<Node> {
    let proxies = report.chain.iter().filter(|place| place.role == "proxy").count();
    let mut number = 0_usize;
    let node = |place: &crate::infer::Place| {
        let title = match place.role {
            "proxy" => {
                number = number.saturating_add(1);
                match (proxies, report.names.as_slice()) {
                    (1, [name]) => (*name).to_owned(),
                    (1, _) => "proxy".to_owned(),
                    _ => format!("proxy {number}"),
                }
            }
            role => role.to_owned(),
        };
        Node { title, detail: place.address.clone().unwrap_or_default() }
    };
    report.chain.iter().map(node).collect()
}

fn table(report: &Report) -> Vec<Row> {
    let is_shown = |header: &&Header| {
        STANDARD.contains(&header.name.as_str())
            || !matches!(header.effect, Effect::Passed | Effect::Dropped)
    };
    let row = |header: &Header| {
        let mut honest: Vec<String> = Vec::new();
        for value in header.honest.values() {
            let value = crate::escape::shortened(value.as_bytes(), 48).replace(r"\\", r"\");
            if !honest.contains(&value) {
                honest.push(value);
            }
        }
        Row {
            header: header.name.clone(),
            effect: header.effect.text(),
            passes: header.effect.passes(),
            honest: honest.join("  or  "),
        }
    };
    let mut rows: Vec<Row> = report.headers.iter().filter(is_shown).map(row).collect();
    rows.sort_by_key(|row| {
        STANDARD.iter().position(|name| *name == row.header).unwrap_or(STANDARD.len())
    });
    for (effect, text) in [(Effect::Passed, "passed"), (Effect::Dropped, "dropped")] {
        let others = report
            .headers
            .iter()
            .filter(|header| header.effect == effect && !STANDARD.contains(&header.name.as_str()));
        let count = others.count();
        if count > 0 {
            rows.push(Row {
                header: format!("{count} other known headers"),
                effect: text.to_owned(),
                passes: effect == Effect::Passed,
                honest: String::new(),
            });
        }
    }
    rows
}

fn words(report: &Report) -> Vec<Word> {
    let words = &report.words;
    let of = |value, word: &Option<String>, own: &str| {
        let word =
            word.as_ref().map(|word| if word.is_empty() { own.to_owned() } else { word.clone() });
        Word { value, word, why: "not judged yet" }
    };
    let mut all = vec![
        of("who may speak", &words.proxies, ""),
        of("the client", &words.client, ""),
        of("the scheme", &words.scheme, "http, without a header"),
        of("the host", &words.host, "Host, as it arrives"),
        of("the port", &words.port, "that of the host"),
        of("the prefix", &words.prefix, "none"),
    ];
    if words.missing.is_some() {
        all.push(of("no header", &words.missing, ""));
    }
    // The first one that is missing is in the way of those behind it, unless they have a finding of their own.
    let mut is_first = true;
    for word in all.iter_mut().filter(|word| word.word.is_none()) {
        let kind = word.value.trim_start_matches("the ");
        let blocks = report.findings.iter().filter(|each| each.severity == Severity::Blocks);
        let is_named = blocks.clone().any(|each| each.code.starts_with(&format!("{kind}-")));
        if report.unproved.is_some() {
            word.why = "not proved";
        } else if is_named || is_first {
            word.why = "in the way";
        }
        is_first = false;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::view;
    use crate::{
        infer::{Report, infer},
        record::Recording,
    };

    fn why(report: &Report) -> Vec<&'static str> {
        let words = view(report).words.into_iter().filter(|word| word.word.is_none());
        words.map(|word| word.why).collect()
    }

    /// One value is in the way, and those behind it were not judged.
    #[test]
    fn why_there_is_no_word() {
        let mut report = infer(&Recording::new("https://app.example/"));
        let expected = [["in the way"; 1].as_slice(), &["not judged yet"; 5]].concat();
        assert_eq!(why(&report), expected);
        report.findings[0].code = "port-lost";
        report.words.proxies = Some("proxies=loopback".to_owned());
        let waits = "not judged yet";
        assert_eq!(why(&report), ["in the way", waits, waits, "in the way", waits]);
        report.unproved = Some("for=1".to_owned());
        assert_eq!(why(&report), ["not proved"; 5]);
    }
}
