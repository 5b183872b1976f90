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
    time::{Duration, Instant},
};

use http::Request;
use proxyfix_gateway::{Dir, FilesLayer, Symlinks};

use super::fixture::{APP, ask, get, write};

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
    let end = swap(root.join("file"), move |round, path| write(path, &content(round)));
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

/// Does something again and again, until it is told to end.
fn again_and_again(mut act: impl FnMut(usize) + Send + 'static) -> impl FnOnce() {
    let is_over = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&is_over);
    let thread = thread::spawn(move || {
        let mut round = 0;
        while !ends.load(Ordering::Relaxed) {
            act(round);
            round += 1;
        }
        assert!(round > 100, "only {round} rounds");
    });
    move || {
        is_over.store(true, Ordering::Relaxed);
        thread.join().unwrap();
    }
}

/// A name is known by where the directory is, and that may change at any time: `mv dist old` under load.
#[tokio::test]
async fn a_root_that_is_renamed() {
    let dir = tempfile::tempdir().unwrap();
    let (root, moved) = (dir.path().join("root"), dir.path().join("moved"));
    write(&root.join(".git/config"), b"SECRET");
    write(&root.join("private/x"), b"SECRET");
    write(&root.join("plain"), b"inside");
    for (link, target) in [("a.txt", ".git/config"), ("b.txt", "private/x"), ("c.txt", "plain")] {
        symlink(target, root.join(link)).unwrap();
    }
    let held = Dir::open(&root).unwrap();
    let files = FilesLayer::builder().export("/", held).disallow(["private"]).build().unwrap();
    let end = again_and_again(move |round| {
        let (from, to) = if round % 2 == 0 { (&root, &moved) } else { (&moved, &root) };
        fs::rename(from, to).unwrap();
    });
    let mut found = 0;
    for _ in 0..TRIES {
        for target in ["/a.txt", "/b.txt"] {
            assert_eq!(get(&files, target).await.status, APP, "{target}");
        }
        found += usize::from(get(&files, "/c.txt").await.text() == "inside");
    }
    end();
    assert!(found > TRIES / 2, "only {found} of {TRIES}");
}

/// While a file is replaced, the old one has no name that a rule could be asked about.
#[tokio::test]
async fn a_hidden_target_that_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    write(&root.join("secret.key"), b"SECRET");
    symlink("secret.key", root.join("public.txt")).unwrap();
    let end = swap(root.join("secret.key"), |_, path| fs::write(path, b"SECRET").unwrap());
    let export = Dir::open(&root).unwrap();
    let files = FilesLayer::builder().export("/", export).disallow(["*.key"]).build().unwrap();
    for round in 0..TRIES {
        let method = if round % 2 == 0 { "GET" } else { "HEAD" };
        let request = Request::builder().method(method).uri("/public.txt");
        assert_eq!(ask(&files, request.body(String::new()).unwrap()).await.status, APP);
    }
    end();
}

/// The kernel resolves `..` again if anything is renamed meanwhile, wherever that is.
#[tokio::test]
async fn renames_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    write(&root.join("file"), b"inside");
    write(&root.join("a/x"), b"");
    symlink("../file", root.join("a/up")).unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    fs::create_dir(&one).unwrap();
    let end = again_and_again(move |round| {
        let (from, to) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        fs::rename(from, to).unwrap();
    });
    for memory in [0, 1 << 20] {
        let export = Dir::open(&root).unwrap();
        let files = FilesLayer::builder().export("/", export).memory(memory).build().unwrap();
        for _ in 0..TRIES / 4 {
            assert_eq!(get(&files, "/a/up").await.text(), "inside");
        }
    }
    end();
}

/// A compressed file, or one of the first export, that comes and goes: something is there all the time.
#[tokio::test]
async fn what_is_behind_a_file_that_goes() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
    write(&first.join("a"), b"plain");
    write(&second.join("b"), b"second");
    let going = [first.join("a.gz"), first.join("b")];
    let end = again_and_again(move |round| {
        let path = &going[(round / 2) % 2];
        if round % 2 == 0 {
            write(&path.with_extension("next"), b"first");
            fs::rename(path.with_extension("next"), path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    });
    let files = FilesLayer::builder()
        .export("/", Dir::open(&first).unwrap().precompressed(true))
        .export("/", Dir::open(&second).unwrap())
        .memory(0)
        .build()
        .unwrap();
    for round in 0..TRIES {
        let target = ["/a", "/b"][round % 2];
        let request = Request::get(target).header("Accept-Encoding", "gzip");
        let answer = ask(&files, request.body(String::new()).unwrap()).await;
        assert_eq!(answer.status, 200, "{target} {round}");
    }
    end();
}

/// A name of one segment at which a plain file, a link and another plain file take turns. There is always something.
#[tokio::test]
async fn a_file_that_gives_way_to_a_link() {
    const TIME: Duration = Duration::from_millis(700);
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    for path in [dir.path().join("outside"), root.join(".env"), root.join("x.key")] {
        write(&path, b"SECRET");
    }
    for name in ["out", "hidden", "other"] {
        write(&root.join(name), b"in");
    }
    let longer = |byte: u8| vec![byte; if byte == b'a' { 1_000 } else { 100_000 }];
    let folder = root.clone();
    let end = again_and_again(move |round| {
        let next = folder.join("next");
        for name in ["out", "hidden", "other"] {
            match (name, round % 4) {
                ("other", turn) => write(&next, &longer(b"ab"[turn % 2])),
                (_, 0 | 2) => write(&next, b"in"),
                ("out", _) => symlink("../outside", &next).unwrap(),
                (_, turn) => symlink([".env", "x.key"][turn / 2], &next).unwrap(),
            }
            fs::rename(&next, folder.join(name)).unwrap();
        }
    });
    for (symlinks, memory) in
        [(Symlinks::Inside, 1 << 20), (Symlinks::None, 1 << 20), (Symlinks::Inside, 0)]
    {
        let export = Dir::open(&root).unwrap().symlinks(symlinks);
        let builder = FilesLayer::builder().export("/", export).disallow(["*.key"]);
        let files = builder.memory(memory).build().unwrap();
        let (mut plain, mut links, start) = ([0; 3], 0, Instant::now());
        while start.elapsed() < TIME {
            for (number, target) in ["/out", "/hidden", "/other"].into_iter().enumerate() {
                for method in ["GET", "HEAD"] {
                    let request = Request::builder().method(method).uri(target);
                    let answer = ask(&files, request.body(String::new()).unwrap()).await;
                    let length =
                        answer.field("content-length").map(|length| length.parse().unwrap());
                    match answer.status {
                        200 if number < 2 => assert_eq!(length, Some(2), "{method} {target}"),
                        200 => assert!([2, 1_000, 100_000].contains(&length.unwrap())),
                        status => {
                            assert_eq!((status, number < 2), (APP, true), "{method} {target}");
                            links += 1;
                            continue;
                        }
                    }
                    plain[number] += 1;
                    if method == "GET" {
                        let first = answer.body[0];
                        assert_eq!((answer.is_whole, Some(answer.body.len())), (true, length));
                        match first {
                            b'i' => assert_eq!(answer.body, b"in"),
                            _ => assert!(number == 2 && answer.body == longer(first), "torn"),
                        }
                    }
                }
            }
        }
        assert!(plain.iter().all(|seen| *seen > 0) && links > 0, "{plain:?} {links}");
    }
    end();
}
