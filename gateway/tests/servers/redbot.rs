//! What redbot says of our server: it asks for a file with and without codings, conditions and ranges.
//!
//! 1. No note is bad. A warning has a reason here for each of its paths, and each of these has its warning.
//! 2. What redbot has to find is found: a check that asked for nothing would find nothing bad either.

use std::{collections::BTreeSet, net::SocketAddr, path::Path, process::Command};

use proxyfix_gateway::{Dir, FilesLayer};
use serde::Deserialize;

use super::{
    programs::{is_there, run},
    tree::Tree,
    wire::front,
};

/// A short file and a long one, one with compressed files beside it, text that caches ask for each time, an index, what
/// never changes, and what is not there.
const PATHS: &[&str] =
    &["/ten.txt", "/long.bin", "/app.js", "/page.html", "/sub/", "/style.css", "/nothing.txt"];

/// A warning, where it is, and the reason.
const WARNINGS: &[(&str, &[&str], &str)] = &[
    (
        "STORE_PUBLIC_UNNECESSARY",
        &["/ten.txt", "/long.bin", "/app.js", "/style.css"],
        "the original says `public`: shared caches may keep what was asked for with credentials too",
    ),
    (
        "RANGE_CL_FULL",
        &["/ten.txt", "/app.js", "/page.html", "/sub/", "/style.css"],
        "these files are shorter than the part that redbot asks for",
    ),
];

/// What it has to find, and where: ranges, both conditions, codings.
const FOUND: &[(&str, &[&str])] = &[
    ("RANGE_CORRECT", &["/ten.txt", "/long.bin", "/app.js", "/page.html", "/sub/", "/style.css"]),
    ("INM_304", &["/ten.txt", "/long.bin", "/app.js", "/page.html", "/sub/", "/style.css"]),
    ("IMS_304", &["/ten.txt", "/long.bin", "/app.js", "/page.html", "/sub/", "/style.css"]),
    ("CONNEG_GZIP_GOOD", &["/app.js"]),
];

#[derive(Debug, Deserialize)]
struct Note {
    url: String,
    level: String,
    name: String,
    /// In a sentence.
    text: String,
}

async fn ours(tree: &Tree) -> SocketAddr {
    let dir = Dir::open(tree.root()).expect("a folder").index("index.html").precompressed(true);
    let layer = FilesLayer::builder()
        .export("/", dir)
        .immutable("*.css")
        .cache_control("*.html", "no-cache");
    front::serve(layer.build().expect("an export").service()).await
}

pub(crate) async fn check() {
    if !is_there("python3", "python3-venv") {
        return;
    }
    let tree = Tree::new();
    let base = format!("http://{}", ours(&tree).await);
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/notes.py"));
    command.args(PATHS.iter().map(|path| format!("{base}{path}")));
    let output = tokio::task::spawn_blocking(move || run(&mut command)).await.expect("it ends");
    let notes = output.lines().map(|line| serde_json::from_str(line).expect(line));
    let notes: Vec<Note> = notes.collect();
    let path = |note: &Note| note.url.trim_start_matches(&base).to_owned();

    let bad: Vec<_> = notes.iter().filter(|note| note.level == "bad").collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let warnings: BTreeSet<_> = notes
        .iter()
        .filter(|note| note.level == "warning")
        .map(|note| (note.name.clone(), path(note)))
        .collect();
    let named = WARNINGS.iter().flat_map(|(note, paths, _)| pairs(note, paths));
    assert_eq!(warnings, named.collect(), "{notes:#?}");
    let good: BTreeSet<_> = notes
        .iter()
        .filter(|note| note.level == "good")
        .map(|note| (note.name.clone(), path(note)))
        .collect();
    let must: BTreeSet<_> = FOUND.iter().flat_map(|(note, paths)| pairs(note, paths)).collect();
    let missing: Vec<_> = must.difference(&good).collect();
    assert!(missing.is_empty(), "not found: {missing:?}");

    println!("redbot: {} notes on {} paths, none is bad", notes.len(), PATHS.len());
    for (name, paths, reason) in WARNINGS {
        let text = notes.iter().find(|note| note.name == *name).map_or("", |note| &note.text);
        println!("{} paths: {text} {reason}", paths.len());
    }
}

fn pairs(note: &str, paths: &'static [&'static str]) -> impl Iterator<Item = (String, String)> {
    let note = note.to_owned();
    paths.iter().map(move |path| (note.clone(), (*path).to_owned()))
}
