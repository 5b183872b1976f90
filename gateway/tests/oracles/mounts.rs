//! Werkzeug's `DispatcherMiddleware` and Paste's `URLMap` with the cases of mounts. What ours does in each case is tested
//! in `cases/mounts.rs`; here, each difference from theirs has a reason.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::programs::lines_of;

const DECODED: &str =
    "servers of WSGI decode the path, so %2F separates, and what follows is not byte for byte";
const DOTS: &str = "dot segments are refused here";
const NO_PATH: &str =
    "what is no path is split there, or fails; here it is the fallback's, untouched";
const LATIN_1: &str = "prefixes are compared in Latin-1 there, in UTF-8 here";
const SLASH: &str = "a slash at the end of a prefix changes what it matches there";
const COLLAPSED: &str = "URLMap merges slashes";
const NO_SLASH: &str =
    "without a slash at its start, a prefix matches nothing there, or is refused";
const TWICE: &str = "two entries on one prefix are an error here";

/// The case, the original, and the reason.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("disp.enc-slash", "werkzeug", DECODED),
    ("disp.enc-slash", "paste", DECODED),
    ("disp.dots", "werkzeug", DOTS),
    ("disp.dots", "paste", DOTS),
    ("disp.dots-into", "werkzeug", DOTS),
    ("disp.dots-into", "paste", DOTS),
    ("disp.star", "werkzeug", NO_PATH),
    ("disp.star", "paste", NO_PATH),
    ("disp.authority-form", "werkzeug", NO_PATH),
    ("disp.authority-form", "paste", NO_PATH),
    ("urlmap.urlmap-star", "werkzeug", NO_PATH),
    ("urlmap.urlmap-star", "paste", NO_PATH),
    ("disp.utf8", "werkzeug", LATIN_1),
    ("disp.utf8", "paste", LATIN_1),
    ("disp.latin1", "werkzeug", LATIN_1),
    ("disp.latin1", "paste", LATIN_1),
    ("disp.key-slash", "werkzeug", SLASH),
    ("disp.key-dup", "werkzeug", TWICE),
    ("disp.key-dup", "paste", TWICE),
    ("disp.key-noslash", "werkzeug", NO_SLASH),
    ("disp.key-noslash", "paste", NO_SLASH),
    ("disp.double-slash-inside", "paste", COLLAPSED),
    ("disp.double-slash-admin", "paste", COLLAPSED),
    ("urlmap.urlmap-dslash", "paste", COLLAPSED),
];

#[derive(Deserialize)]
struct Case {
    id: String,
    host: Option<String>,
    dot_segments: Option<String>,
    expect: String,
}

/// Service, `SCRIPT_NAME` and `PATH_INFO`.
type Seen = (String, String, String);

#[derive(Deserialize)]
struct Theirs {
    werkzeug: Seen,
    paste: Seen,
}

/// The same of ours: text is decoded once, and is Latin-1.
fn ours(expect: &str) -> Seen {
    let (expect, is_bare) = match expect.strip_suffix(" without-slash") {
        Some(expect) => (expect, true),
        None => (expect, false),
    };
    let mut words = expect.splitn(3, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (service, prefix, target) = (word().to_owned(), decoded(word()), word());
    let path = if is_bare { "" } else { target.strip_prefix("http://h").unwrap_or(target) };
    (service, prefix, decoded(path))
}

fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = String::new();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("a triplet")
            }
            byte => byte,
        };
        decoded.push(char::from(byte));
    }
    decoded
}

#[test]
#[ignore = "needs Python 3.11 and PyPI; .ci/run runs it"]
fn mounts() {
    let lines: Vec<String> = include_str!("../cases/mounts.jsonl")
        .lines()
        .filter(|line| {
            let case: Case = serde_json::from_str(line).expect(line);
            // WSGI knows no normalizing, and the hosts of URLMap are in its keys.
            case.host.is_none() && case.dot_segments.is_none()
        })
        .map(str::to_owned)
        .collect();
    let theirs = lines_of("mounts.py", &lines);

    let (mut found, mut unnamed) = (BTreeSet::new(), Vec::new());
    for (line, theirs) in lines.iter().zip(&theirs) {
        let case: Case = serde_json::from_str(line).expect(line);
        let theirs: Theirs = serde_json::from_str(theirs).expect(theirs);
        let ours = ours(&case.expect);
        for (original, seen) in [("werkzeug", theirs.werkzeug), ("paste", theirs.paste)] {
            if seen == ours {
                continue;
            }
            match DIFFERENCES.iter().find(|(id, by, _)| *id == case.id && *by == original) {
                Some(named) => drop(found.insert(named)),
                None => unnamed.push(format!("{} {original}: {seen:?}, ours {ours:?}", case.id)),
            }
        }
    }
    assert!(unnamed.is_empty(), "differences without a name:\n{}", unnamed.join("\n"));
    let unused: Vec<_> = DIFFERENCES.iter().filter(|named| !found.contains(named)).collect();
    assert!(unused.is_empty(), "names that did not occur: {unused:?}");
    println!("{} cases, {} differences by name", lines.len(), found.len());
}
