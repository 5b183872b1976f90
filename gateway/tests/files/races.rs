//! Names that lead somewhere else while they are asked for.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use proptest::{collection::vec, prelude::*, sample::select};
use proxyfix_gateway::{Dir, FilesLayer, Symlinks};

use super::fixture::{APP, get, write};

const TRIES: usize = 20_000;

/// Exchanges what is at two names, again and again, until it is told to end.
fn swap(path: PathBuf, make: impl Fn(usize, &Path) + Send + 'static) -> impl FnOnce() {
    let next = path.with_extension("next");
    let is_over = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&is_over);
    let thread = thread::spawn(move || {
        let mut round = 0;
        while !ends.load(Ordering::Relaxed) {
            make(round, &next);
            if fs::rename(&next, &path).is_err() {
                // A directory does not give way to a file.
                drop(fs::remove_dir_all(&path));
                drop(fs::rename(&next, &path));
            }
            round += 1;
        }
        assert!(round > 100, "only {round} swaps");
    });
    move || {
        is_over.store(true, Ordering::Relaxed);
        thread.join().unwrap();
    }
}

/// A link that leads inside and outside by turns.
#[tokio::test]
async fn a_link_that_is_swapped() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    write(&root.join("inside.txt"), b"inside");
    write(&dir.path().join("outside.txt"), b"SECRET");
    write(&root.join(".env"), b"SECRET");
    let end = swap(root.join("link"), |round, path| {
        let target = ["inside.txt", "../outside.txt", ".env"][round % 3];
        symlink(target, path).unwrap();
    });
    let files = FilesLayer::builder().export("/", Dir::open(&root).unwrap()).build().unwrap();
    let mut found = 0;
    for _ in 0..TRIES {
        let answer = get(&files, "/link").await;
        match answer.status {
            200 => {
                assert_eq!(answer.text(), "inside");
                found += 1;
            }
            status => assert_eq!(status, APP),
        }
    }
    end();
    assert!(found > 0, "the link was never seen to lead inside");
}

/// A directory that is a link outside by turns.
#[tokio::test]
async fn a_directory_that_is_swapped() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    write(&root.join("real/file.txt"), b"inside");
    write(&dir.path().join("outside/file.txt"), b"SECRET");
    let end = swap(root.join("d"), |round, path| {
        let target = if round % 2 == 0 { "real" } else { "../outside" };
        symlink(target, path).unwrap();
    });
    for symlinks in [Symlinks::Inside, Symlinks::None] {
        let dir = Dir::open(&root).unwrap().symlinks(symlinks);
        let files = FilesLayer::builder().export("/", dir).build().unwrap();
        for _ in 0..TRIES {
            let answer = get(&files, "/d/file.txt").await;
            assert!(answer.status == APP || answer.text() == "inside", "{symlinks:?} {answer:?}");
            assert!(symlinks == Symlinks::Inside || answer.status == APP);
        }
    }
    end();
}

/// Each answer is one of the contents, whole, with the tag of that content.
#[tokio::test]
async fn a_file_that_is_replaced_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    let content = |round: usize| vec![b'a' + u8::try_from(round % 26).unwrap(); 1000 + round % 26];
    write(&root.join("file"), &content(0));
    let end = swap(root.join("file"), move |round, path| fs::write(path, content(round)).unwrap());
    let files = FilesLayer::builder().export("/", Dir::open(&root).unwrap()).build().unwrap();
    for _ in 0..TRIES {
        let answer = get(&files, "/file").await;
        assert_eq!(answer.status, 200);
        let first = answer.body[0];
        assert!(answer.body.iter().all(|byte| *byte == first), "torn");
        assert_eq!(answer.body.len(), 1000 + usize::from(first - b'a'));
        let length = format!("-{:x}\"", answer.body.len());
        assert!(answer.field("etag").unwrap().ends_with(&length));
    }
    end();
}

fn segment() -> impl Strategy<Value = String> {
    select(vec![
        "a",
        "b",
        "in",
        "out",
        "up",
        "abs",
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
        ".h",
        "a.txt",
        "secret.txt",
        "outside",
        "root",
        "%5c",
        "..%5c",
        "%",
        "%25",
        "\u{e9}",
        "%c3%a9",
        "c:",
        "~",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    /// Whatever is asked for, nothing outside is sent, and nothing that is hidden.
    #[test]
    fn nothing_outside(segments in vec(segment(), 0..6), policy in 0..3_u8) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        for name in ["a/b/a.txt", "b/a.txt", "a.txt", "in/a.txt", "\u{e9}/a.txt"] {
            write(&root.join(name), b"inside");
        }
        for name in ["outside/a.txt", "outside/secret.txt", "a.txt", "secret.txt", "root/.h/a.txt"] {
            write(&dir.path().join(name), b"SECRET");
        }
        for (link, target) in [("out", "../outside"), ("up", ".."), ("a/up", "../.."), ("a/in", "../in")] {
            symlink(target, root.join(link)).unwrap();
        }
        symlink(dir.path().join("outside"), root.join("abs")).unwrap();
        let export = Dir::open(&root).unwrap();
        let export = match policy {
            0 => export,
            1 => export.symlinks(Symlinks::None),
            _ => export.index("a.txt").redirect(true),
        };
        let files = FilesLayer::builder().export("/", export).build().unwrap();
        let target = format!("/{}", segments.join("/"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(get(&files, &target));
        prop_assert!(answer.text() != "SECRET", "{target}");
        prop_assert!([200, 307, APP].contains(&answer.status), "{target} {answer:?}");
    }
}
