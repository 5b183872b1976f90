//! Requests of the suites of nginx and of Go, restated in `files/suites/`: one request in a line, where it is in the
//! suite, and what the server has to answer. The words and the files are our own.
//!
//! `nginx.jsonl` has all checks of nginx-tests' `range.t`, `range_if_range.t` and `not_modified.t`, by their numbers.
//! `go.jsonl` has the tables of net/http's `fs_test.go` and `range_test.go` that say what is answered to a request; not
//! those about listings, about Go's interfaces, and about the system calls.
//!
//! In a value, `{tag}` and `{date}` are the server's own for this target, and `{strong}` is its tag without `W/`. `error`
//! is a status of 400 and more, `not 206` any other status, `200|416` one of two, `!name` no such field. `parts` are
//! those of a multipart body, with their content, `ranges` without.

use std::{collections::BTreeSet, net::SocketAddr};

use http::{HeaderMap, header::LAST_MODIFIED};
use proxyfix_gateway::{Dir, File, FilesLayer};
use serde::Deserialize;
use tower::Layer;

use super::{
    PATIENCE,
    facts::{self, Tags},
    tree::Tree,
    wire::{bytes, client::Response, client::ask, front, latin1},
};

/// Where ours differs from both, with the reason.
const DIFFERENCES: &[(&str, &[&str])] = &[
    ("nginx recodes files by its own option; here a file is sent as it is", &["range 17-20"]),
    (
        "the date of a file is no strong validator within its minute (RFC 9110 §8.8.2.2)",
        &["range_if_range 3"],
    ),
    (
        "`bytes=-0` asks for nothing, which is not satisfiable (RFC 9110 §14.1.2); Go sends a part of no bytes",
        &["TestServeFileRejectsInvalidSuffixLengths 7"],
    ),
    ("`Range: foo` names no unit, so it is ignored (RFC 9110 §14.2)", &["ParseRangeTests 3"]),
    ("RFC 9110 §14.1.2 has no white space within a range", &["ParseRangeTests 38"]),
    (
        "304 has Last-Modified too, which RFC 9110 §15.4.5 lets a server add; Go leaves it out where there is a tag",
        &["TestServeContent not_modified_modtime", "TestServeContent not_modified_modtime, HEAD"],
    ),
    (
        "`Range` is defined for GET alone (RFC 9110 §14.2)",
        &[
            "TestServeContent range_good, HEAD",
            "TestServeContent range_match, HEAD",
            "TestServeContent range_no_overlap, HEAD",
            "TestServeContent range_with_modtime, HEAD",
            "TestServeContent range_with_modtime_nanos, HEAD",
        ],
    ),
    ("416 has no body here, so no type", &["TestServeContent range_no_overlap"]),
    (
        "412 is not about a file that the client has, so it has no date of it",
        &[
            "TestServeContent if_unmodified_since_false",
            "TestServeContent if_unmodified_since_false, HEAD",
        ],
    ),
    (
        "a path with `..` is no file, so it is the application's: 404",
        &[
            "TestServeFile_DotDot 2",
            "TestServeFile_DotDot 3",
            "TestServeFile_DotDot 4",
            "TestServeFile_DotDot 5",
            "TestServeFile_DotDot 6",
            "TestServeFile_DotDot 9",
            "TestServeFile_DotDot 10",
        ],
    ),
    (
        "an exported file has one path, not all below it",
        &["TestServeFile_DotDot 7", "TestServeFile_DotDot 8"],
    ),
    ("an index has its own path too, and no redirect from it", &["TestFSRedirect 1"]),
    (
        "the redirect to the slash is 307 with the whole path, so that no cache keeps it without being told",
        &["TestFSRedirect 2"],
    ),
    ("a slash after a file is no other name of it", &["TestFSRedirect 3"]),
];

/// Which lines of a table ours answers otherwise. Panics where that has no reason, or where a reason has no difference.
pub(crate) fn differing(tables: &[Vec<(String, String)>]) -> usize {
    let found: BTreeSet<_> = tables.iter().flatten().map(|(source, _)| source.as_str()).collect();
    let named: BTreeSet<_> =
        DIFFERENCES.iter().flat_map(|(_, sources)| *sources).copied().collect();
    let how = |source: &&str| {
        let wrong = tables.iter().flatten().find(|(found, _)| found == source);
        wrong.map(|(source, how)| format!("{source}: {how}"))
    };
    let unnamed: Vec<_> = found.difference(&named).filter_map(how).collect();
    assert!(unnamed.is_empty(), "differences without a reason:\n{}", unnamed.join("\n"));
    let unused: Vec<_> = named.difference(&found).collect();
    assert!(unused.is_empty(), "these do not differ: {unused:?}");
    found.len()
}

pub(crate) const NGINX: &str = include_str!("../files/suites/nginx.jsonl");
pub(crate) const GO: &str = include_str!("../files/suites/go.jsonl");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    pub(crate) source: String,
    /// For readers.
    #[serde(default, rename = "what")]
    _what: String,
    #[serde(default = "get")]
    method: String,
    target: String,
    #[serde(default = "newest")]
    version: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    expect: Vec<String>,
}

fn get() -> String {
    "GET".to_owned()
}

fn newest() -> String {
    "HTTP/1.1".to_owned()
}

pub(crate) fn lines(table: &str) -> Vec<Line> {
    table.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The checks of a suite that a line restates: those of `range 5-8` are 5 to 8 of `range`.
fn checks(source: &str) -> Option<(&str, BTreeSet<u32>)> {
    let (suite, numbers) = source.split_once(' ')?;
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    Some((suite, (first.parse().ok()?..=last.parse().ok()?).collect()))
}

/// How many checks of this suite the lines restate. Each is in one line.
pub(crate) fn checks_of(lines: &[Line], suite: &str) -> usize {
    let mut all = BTreeSet::new();
    for (name, numbers) in lines.iter().filter_map(|line| checks(&line.source)) {
        for number in numbers.into_iter().filter(|_| name == suite) {
            assert!(all.insert(number), "{suite} {number} is in two lines");
        }
    }
    assert_eq!(all.last().copied(), u32::try_from(all.len()).ok(), "{suite} has a gap: {all:?}");
    all.len()
}

/// Our server of the same files.
pub(crate) async fn ours(tree: &Tree) -> SocketAddr {
    let dir = || Dir::open(tree.root()).expect("a folder").index("index.html").redirect(true);
    let only = File::open(tree.root().join("eleven.txt")).expect("a file");
    let without_date = |path: &str, headers: &mut HeaderMap| {
        if path.ends_with("undated.html") {
            headers.remove(LAST_MODIFIED);
        }
    };
    // With other limits, around the others.
    let limited = |most: usize, name: &str| {
        let file = File::open(tree.root().join(name)).expect("a file");
        FilesLayer::builder().export(format!("/{name}"), file).max_ranges(most).build()
    };
    let two = limited(2, "two-ranges.html").expect("a file");
    let none = limited(0, "no-ranges.html").expect("a file");
    let layer = FilesLayer::builder()
        .export("/only/file", only)
        .export("/tag", dir())
        .export("/weak", dir())
        .export("/", dir())
        .on_response(without_date);
    front::serve(two.layer(none.layer(layer.build().expect("exports").service()))).await
}

/// What this server does otherwise than the lines say: where, and how.
pub(crate) async fn wrong(lines: &[Line], server: SocketAddr) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for line in lines {
        if let Err(how) = line.check(server).await {
            wrong.push((line.source.clone(), how));
        }
    }
    wrong
}

impl Line {
    async fn check(&self, server: SocketAddr) -> Result<(), String> {
        let tags = Tags::of(server, &self.target, "").await;
        let head = format!("{} {} {}\r\n", self.method, self.target, self.version);
        let text = tags.request(head, &self.headers).ok_or("the server has no tag or date")?;
        let response = ask(server, &[&bytes(&text)], &self.method, PATIENCE).await;
        let response = response.ok_or("no response")?;
        for expected in &self.expect {
            if !is_met(expected, &response, &tags) {
                return Err(format!(
                    "{expected}, but {} {:?} {:?}",
                    response.status,
                    response.fields,
                    latin1(&response.body[..response.body.len().min(100)]),
                ));
            }
        }
        Ok(())
    }
}

fn is_met(expected: &str, response: &Response, tags: &Tags) -> bool {
    let parts = |with_content: bool| {
        let parts = facts::parts(response)?;
        let text = parts.iter().map(|(range, content)| {
            let range = range.trim_start_matches("bytes ");
            let content =
                if with_content { format!("={}", latin1(content)) } else { String::new() };
            format!("{range}{content}")
        });
        Some(text.collect::<Vec<_>>().join(" "))
    };
    let Some((name, value)) = expected.split_once(": ") else {
        return match expected.strip_prefix('!') {
            Some(name) => response.value(name).is_none(),
            None if expected == "error" => response.status >= 400,
            None => match expected.strip_prefix("not ") {
                Some(status) => response.status.to_string() != status,
                None => expected.split('|').any(|status| response.status.to_string() == status),
            },
        };
    };
    match name {
        "body" => response.is_complete && latin1(&response.body) == value,
        "parts" => parts(true).as_deref() == Some(value),
        "ranges" => parts(false).as_deref() == Some(value),
        // Its parameter is the boundary.
        "content-type" if value == "multipart/byteranges" => response
            .value(name)
            .is_some_and(|own| own.starts_with("multipart/byteranges; boundary=")),
        _ => response.value(name).map(str::to_owned) == tags.insert(value),
    }
}
