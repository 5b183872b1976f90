//! Werkzeug's `SharedDataMiddleware` with the cases of static files: which requests it answers, and with which status.
//! What ours does in each case is tested in `files/data.rs`; here, each difference from it has a reason.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::{fixture::Tree, programs::lines_of};

/// The reason, and the cases.
const DIFFERENCES: &[(&str, &[&str])] = &[
    (
        "ranges are not known there",
        &[
            "R03", "R04", "R05", "R06", "R08", "R09", "R10", "R11", "R14", "R15", "R16", "R17",
            "R18", "R19", "R27", "R33", "R24", "R25", "R26", "R28", "R31", "R56", "G02", "G03",
            "G09", "G11", "G13", "G14", "G15", "G07", "G08", "G16", "G18", "G19", "G20", "G21",
            "H23 206", "H23 416", "K36",
        ],
    ),
    (
        "the order of RFC 9110 §13.2.2 is not kept there: If-Match and If-Unmodified-Since never fail",
        &["K25", "K26", "K30", "K33"],
    ),
    ("every method gets the file there", &["M04", "M05", "M07", "M08", "M10"]),
    (
        "a path is normalized there, so that a file has many; here it has one",
        &["P01", "P02", "P03", "P43", "P44"],
    ),
    ("a file is exported for everything below it there", &["E15", "E15 empty", "E17", "E18"]),
    ("a prefix with triplets is never reached there", &["E12"]),
    ("names are UTF-8 there, and bytes here", &["P34"]),
    (
        "patterns are compared with the last segment of the real name alone there",
        &["D09", "D10", "D25", "D28"],
    ),
    ("every link is followed there", &["S01", "S01 directory", "S04", "S10"]),
];

#[derive(Deserialize)]
struct Case {
    id: String,
    variant: Option<String>,
    exports: Option<Vec<(String, String)>>,
    #[serde(default)]
    dir: serde_json::Value,
    #[serde(default)]
    disallow: Vec<String>,
    request: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    expect: Vec<String>,
}

impl Case {
    /// Options that the original has not, and tags, which differ, make no comparison.
    fn is_comparable(&self) -> bool {
        let has_tag = |(_, value): &(String, String)| value.contains('E') || value.contains('L');
        let is_plain = |(_, source): &(String, String)| source != "embedded";
        self.dir.is_null()
            && self.disallow.len() < 2
            && !self.headers.iter().any(has_tag)
            && self.exports.iter().flatten().all(is_plain)
    }

    fn name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{} {variant}", self.id),
            None => self.id.clone(),
        }
    }
}

#[test]
#[ignore = "needs Python 3.11 and PyPI; .ci/run runs it"]
fn files() {
    let tree = Tree::new();
    let cases: Vec<Case> = include_str!("../files/cases.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .filter(Case::is_comparable)
        .collect();
    let line = |case: &Case| {
        let usual = vec![("/".to_owned(), "root".to_owned())];
        let exports = case.exports.as_ref().unwrap_or(&usual).iter().map(|(prefix, source)| {
            let source = if source == "single" { "single.txt" } else { source };
            (prefix, tree.path(source))
        });
        let exports: Vec<_> = exports.collect();
        let (disallow, headers) = (&case.disallow, &case.headers);
        json!({ "exports": exports, "disallow": disallow, "request": case.request, "headers": headers })
            .to_string()
    };
    let theirs = lines_of("files.py", &cases.iter().map(line).collect::<Vec<_>>());

    let (mut found, mut unnamed) = (BTreeSet::new(), Vec::new());
    for (case, theirs) in cases.iter().zip(&theirs) {
        let (ours, name) = (&case.expect[0], case.name());
        if theirs == ours {
            continue;
        }
        match DIFFERENCES.iter().find(|(_, names)| names.contains(&name.as_str())) {
            Some(_) => drop(found.insert(name)),
            None => unnamed.push(format!("{name}: {theirs}, ours {ours}")),
        }
    }
    assert!(unnamed.is_empty(), "differences without a name:\n{}", unnamed.join("\n"));
    let names = DIFFERENCES.iter().flat_map(|(_, names)| *names);
    let unused: Vec<_> = names.filter(|name| !found.contains(**name)).collect();
    assert!(unused.is_empty(), "names that did not occur: {unused:?}");
    println!("{} cases, {} differences by name", cases.len(), found.len());
}
