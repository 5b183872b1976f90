//! Trees of files, directories and links from a seed, some of which are exchanged while they are asked for.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use http::Request;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestRunner},
};
use proxyfix_gateway::{Dir, FilesLayer, Symlinks};

use super::fixture::{APP, ask, write};

/// How many trees, and how many requests to each before anything is exchanged, and as many while it is.
const TREES: u32 = 100;
const REQUESTS: usize = 40;

const NAMES: [&str; 10] =
    ["a", "b", "d", "a.txt", "a.txt.gz", "\u{e9}", ".h", "x.key", "x.key.gz", "index"];

#[derive(Clone, Debug)]
enum Kind {
    File,
    Directory,
    /// A link with this target.
    Link(String),
    /// A link to another entry.
    To(Index),
    /// A link whose target begins at the folder above the root.
    Absolute(String),
}

#[derive(Clone, Debug)]
struct Tree {
    entries: Vec<(Vec<&'static str>, Kind)>,
    /// What takes turns at names of the root.
    turns: Vec<(&'static str, Kind, Kind)>,
    symlinks: Symlinks,
    precompressed: bool,
    index: bool,
}

fn name() -> impl Strategy<Value = &'static str> {
    select(NAMES.to_vec())
}

/// A target: some steps up, and some names.
fn target() -> impl Strategy<Value = String> {
    let down = select([&NAMES[..], &["outside", "root", "secret.txt", "."]].concat());
    (0..3_usize, vec(down, 0..4)).prop_map(|(up, down)| {
        let mut steps = vec![".."; up];
        steps.extend(down);
        if steps.is_empty() { ".".to_owned() } else { steps.join("/") }
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => Just(Kind::File),
        1 => Just(Kind::Directory),
        2 => target().prop_map(Kind::Link),
        3 => any::<Index>().prop_map(Kind::To),
        1 => target().prop_map(Kind::Absolute),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let entries = vec((vec(name(), 1..4), kind()), 3..25);
    let visible = select(vec!["a", "b", "d", "a.txt", "a.txt.gz", "index"]);
    let turns = vec((visible, kind(), kind()), 1..4);
    let symlinks = select(vec![Symlinks::Inside, Symlinks::Inside, Symlinks::None]);
    let parts = (entries, turns, symlinks, any::<bool>(), any::<bool>());
    parts.prop_map(|(mut entries, mut turns, symlinks, precompressed, index)| {
        let paths: Vec<_> = entries.iter().map(|(path, _)| path.clone()).collect();
        let turning = turns.iter_mut().flat_map(|(_, one, other)| [(1, one), (1, other)]);
        for (depth, kind) in
            entries.iter_mut().map(|(path, kind)| (path.len(), kind)).chain(turning)
        {
            if let Kind::To(index) = kind {
                let up = "../".repeat(depth - 1);
                *kind = Kind::Link(format!("{up}{}", index.get(&paths).join("/")));
            }
        }
        Tree { entries, turns, symlinks, precompressed, index }
    })
}

/// A segment of a path: mostly a name, and sometimes a trick.
fn segment() -> impl Strategy<Value = String> {
    let tricks = vec![
        ".",
        "..",
        "%2e",
        "%2E%2e",
        ".%2e",
        "..;",
        "",
        "%2f",
        "..%2f",
        "%00",
        "%5c",
        "..%5c",
        "%",
        "%25",
        "%c3%a9",
        "c:",
        "~",
        "outside",
        "root",
        "secret.txt",
        "%2eh",
        "x%2ekey",
    ];
    prop_oneof![8 => name().prop_map(str::to_owned), 1 => select(tricks).prop_map(str::to_owned)]
}

/// What is asked for: often a name of the tree first, and whether a compressed file will do.
type Asked = (Option<Index>, Vec<String>, bool);

fn asked() -> impl Strategy<Value = Asked> {
    let known = proptest::option::weighted(0.7, any::<Index>());
    known.prop_flat_map(|known| {
        let most = if known.is_some() { 2 } else { 5 };
        (Just(known), vec(segment(), 0..most), any::<bool>())
    })
}

fn path((known, more, _): &Asked, tree: &Tree) -> String {
    let turns = tree.turns.iter().map(|(name, ..)| vec![*name]);
    let paths: Vec<_> = tree.entries.iter().map(|(path, _)| path.clone()).chain(turns).collect();
    let known = known.iter().flat_map(|index| index.get(&paths).iter().copied());
    let segments: Vec<_> = known.chain(more.iter().map(String::as_str)).collect();
    format!("/{}", segments.join("/").replace('\u{e9}', "%c3%a9"))
}

/// The rules, in short.
fn is_hidden(tree: &Tree, path: &[&str]) -> bool {
    let is_compressed = path.last() == Some(&"x.key.gz");
    path.iter().any(|name| [".h", "x.key"].contains(name)) || tree.precompressed && is_compressed
}

/// Puts something at a path, unless something else is in the way.
fn put(top: &Path, path: &Path, kind: &Kind, content: &[u8]) {
    match kind {
        Kind::File => write(path, content),
        Kind::Directory => fs::create_dir_all(path).unwrap(),
        Kind::Link(target) => symlink(target, path).unwrap(),
        Kind::To(_) => unreachable!("it became a link"),
        Kind::Absolute(target) => symlink(top.join(target), path).unwrap(),
    }
}

fn make(tree: &Tree, top: &Path) {
    for name in ["outside/a", "outside/a.txt", "outside/secret.txt", "a", "a.txt", "secret.txt"] {
        write(&top.join(name), b"SECRET");
    }
    let root = top.join("root");
    fs::create_dir(&root).unwrap();
    for (path, kind) in &tree.entries {
        let mut at = root.clone();
        let (last, parents) = path.split_last().unwrap();
        // Through no link, and over no file.
        let is_free = parents.iter().all(|parent| {
            at.push(parent);
            fs::create_dir(&at).is_ok() || fs::symlink_metadata(&at).unwrap().is_dir()
        });
        at.push(last);
        if is_free && fs::symlink_metadata(&at).is_err() {
            let content: &[u8] = if is_hidden(tree, path) { b"SECRET" } else { b"inside" };
            put(top, &at, kind, content);
        }
    }
}

/// Exchanges what is at the names, by rename alone, until it is told to end. What gives way is kept beside the root.
fn exchange(tree: &Tree, top: &Path, is_over: &AtomicBool) -> usize {
    let (next, old) = (top.join("root/next"), top.join("old"));
    fs::create_dir(&old).unwrap();
    let mut rounds = 0;
    while !is_over.load(Ordering::Relaxed) {
        for (turn, (name, one, other)) in tree.turns.iter().enumerate() {
            let path = top.join("root").join(name);
            let kind = if rounds % 2 == 0 { one } else { other };
            put(top, &next, kind, b"inside");
            if fs::rename(&next, &path).is_err() {
                // A directory does not give way to a file, nor a file to a directory.
                drop(fs::rename(&path, old.join(format!("{turn}.{rounds}"))));
                fs::rename(&next, &path).unwrap();
            }
        }
        rounds += 1;
    }
    rounds
}

/// Whatever is asked for, nothing outside is sent, nothing that is hidden, and nothing but a whole content.
#[test]
fn nothing_outside() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (found, rounds) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let check = |files: &FilesLayer, tree: &Tree, asked: &Asked| {
        let target = path(asked, tree);
        let accepted = if asked.2 { "gzip" } else { "identity" };
        let request = Request::get(&target).header("Accept-Encoding", accepted);
        let request = request.body(String::new()).unwrap();
        let answer = runtime.block_on(ask(files, request));
        if answer.status == 200 {
            found.fetch_add(1, Ordering::Relaxed);
            prop_assert_eq!(answer.text(), "inside", "{}", target);
            prop_assert!(answer.is_whole);
        } else {
            prop_assert!([307, APP].contains(&answer.status), "{target} {answer:?}");
            prop_assert!(!answer.text().contains("SECRET"), "{target} {answer:?}");
        }
        Ok(())
    };
    let config = Config { failure_persistence: None, ..Config::with_cases(TREES) };
    let cases = (tree(), vec(asked(), 2 * REQUESTS));
    let result = TestRunner::new(config).run(&cases, |(tree, requests)| {
        let folder = tempfile::tempdir().unwrap();
        let top: PathBuf = folder.path().canonicalize().unwrap();
        make(&tree, &top);
        let export = Dir::open(top.join("root")).unwrap();
        let export = export.symlinks(tree.symlinks).precompressed(tree.precompressed);
        let export = if tree.index { export.index("index").redirect(true) } else { export };
        let builder = FilesLayer::builder().export("/", export).disallow(["*.key"]);
        let files = builder.build().unwrap();
        let (before, meanwhile) = requests.split_at(REQUESTS);
        for request in before {
            check(&files, &tree, request)?;
        }
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let thread = scope.spawn(|| exchange(&tree, &top, &is_over));
            let result = meanwhile.iter().try_for_each(|request| check(&files, &tree, request));
            is_over.store(true, Ordering::Relaxed);
            rounds.fetch_add(thread.join().unwrap(), Ordering::Relaxed);
            result
        })
    });
    result.unwrap();
    let (found, rounds) = (found.into_inner(), rounds.into_inner());
    println!("{found} files found, {rounds} rounds");
    assert!(found > 100 && rounds > 100, "{found} files found, {rounds} rounds");
}
