//! What is sent while files change, and to clients that are slow or go away.

use std::{
    convert::Infallible,
    fs,
    io::{Seek, SeekFrom, Write},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response};
use proxyfix_gateway::{Body, Dir, File, FilesLayer};
use tokio::time::sleep;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::fixture::{APP, Tree, app, ask, get, piece, read, write};

/// Longer than what is kept in memory, and than what is read at once.
const LONG: usize = 6 << 20;

/// After this, a file that was written counts as settled.
const SETTLED: Duration = Duration::from_millis(2_100);

fn layer(tree: &Tree) -> FilesLayer {
    let root = Dir::open(tree.path("root")).unwrap();
    FilesLayer::builder().export("/", root).build().unwrap()
}

fn long(tree: &Tree) -> Vec<u8> {
    let content: Vec<u8> = (0..LONG).map(|at| (at % 251).try_into().unwrap()).collect();
    write(&tree.path("root/long.bin"), &content);
    content
}

async fn response(layer: &FilesLayer, target: &str) -> Response<Body> {
    let request = Request::get(target).body(String::new()).unwrap();
    layer.layer(app()).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn long_files() {
    let tree = Tree::new();
    let content = long(&tree);
    let files = layer(&tree);
    let answer = get(&files, "/long.bin").await;
    assert!(answer.is_whole && answer.body == content);
    for (range, part) in [
        ("bytes=300000-299999999", &content[300_000..]),
        ("bytes=-5000000", &content[LONG - 5_000_000..]),
        ("bytes=0-0", &content[..1]),
    ] {
        let request = Request::get("/long.bin").header("Range", range).body(String::new()).unwrap();
        let answer = ask(&files, request).await;
        assert!(answer.status == 206 && answer.is_whole && answer.body == part, "{range}");
    }
}

/// Nothing is read before somebody takes it, and then a piece at a time.
#[tokio::test]
async fn pieces() {
    let tree = Tree::new();
    long(&tree);
    let mut body = response(&layer(&tree), "/long.bin").await.into_body();
    let mut pieces = 0;
    while let Some(piece) = piece(&mut body).await {
        assert!(piece.unwrap().len() <= 256 << 10);
        pieces += 1;
    }
    assert_eq!(pieces, LONG.div_ceil(256 << 10));
}

#[tokio::test]
async fn a_file_that_becomes_shorter() {
    let tree = Tree::new();
    long(&tree);
    let path = tree.path("root/long.bin");
    let mut body = response(&layer(&tree), "/long.bin").await.into_body();
    piece(&mut body).await.unwrap().unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(300_000).unwrap();
    let mut is_cut = false;
    while let Some(piece) = piece(&mut body).await {
        is_cut |= piece.is_err();
    }
    assert!(is_cut);
}

#[tokio::test]
async fn a_file_that_is_written_in_place() {
    let tree = Tree::new();
    long(&tree);
    let mut body = response(&layer(&tree), "/long.bin").await.into_body();
    piece(&mut body).await.unwrap().unwrap();
    let mut file = fs::File::options().write(true).open(tree.path("root/long.bin")).unwrap();
    file.seek(SeekFrom::Start(5 << 20)).unwrap();
    file.write_all(b"another").unwrap();
    drop(file);
    assert!(piece(&mut body).await.unwrap().is_err());
    assert!(piece(&mut body).await.is_none());
}

/// A log is sent as it was. Of any other file, the part that was there may have changed too.
#[tokio::test]
async fn a_file_that_grows() {
    let tree = Tree::new();
    let content = long(&tree);
    let file = || File::open(tree.path("root/long.bin")).unwrap();
    let builder = FilesLayer::builder()
        .export("/logs", Dir::open(tree.path("root")).unwrap().growing(true))
        .export("/log", file().growing(true))
        .export("/other", file());
    let files = builder.build().unwrap();
    for (target, is_log) in [("/logs/long.bin", true), ("/log", true), ("/other", false)] {
        let mut body = response(&files, target).await.into_body();
        let mut sent = piece(&mut body).await.unwrap().unwrap().to_vec();
        let mut file = fs::File::options().append(true).open(tree.path("root/long.bin")).unwrap();
        file.write_all(b"more").unwrap();
        drop(file);
        let mut is_cut = false;
        while let Some(piece) = piece(&mut body).await {
            match piece {
                Ok(piece) => sent.extend(piece),
                Err(()) => is_cut = true,
            }
        }
        assert_eq!(is_cut, !is_log, "{target}");
        assert!(!is_log || sent.starts_with(&content) && sent.len() < LONG + 9, "{target}");
    }
}

/// As `rsync --inplace --times` does it: neither the length nor the time of modification tells.
#[tokio::test]
async fn a_file_that_is_written_without_another_time() {
    let tree = Tree::new();
    let content = long(&tree);
    let mut body = response(&layer(&tree), "/long.bin").await.into_body();
    piece(&mut body).await.unwrap().unwrap();
    sleep(Duration::from_millis(20)).await;
    write(&tree.path("root/long.bin"), &vec![b'x'; content.len()]);
    assert!(piece(&mut body).await.unwrap().is_err());
}

/// Another name, or one less, is no change of the content.
#[tokio::test]
async fn a_file_whose_names_change() {
    let tree = Tree::new();
    let content = long(&tree);
    let (path, other) = (tree.path("root/long.bin"), tree.path("root/other.bin"));
    let mut body = response(&layer(&tree), "/long.bin").await.into_body();
    let mut sent = piece(&mut body).await.unwrap().unwrap().to_vec();
    sleep(Duration::from_millis(20)).await;
    fs::hard_link(&path, &other).unwrap();
    sent.extend(piece(&mut body).await.unwrap().unwrap());
    fs::remove_file(&path).unwrap();
    fs::remove_file(&other).unwrap();
    while let Some(piece) = piece(&mut body).await {
        sent.extend(piece.unwrap());
    }
    assert!(sent == content);
}

#[tokio::test]
async fn a_file_that_is_replaced() {
    let tree = Tree::new();
    let content = long(&tree);
    let files = layer(&tree);
    let mut body = response(&files, "/long.bin").await.into_body();
    let mut sent = piece(&mut body).await.unwrap().unwrap().to_vec();
    write(&tree.path("root/next"), b"new");
    fs::rename(tree.path("root/next"), tree.path("root/long.bin")).unwrap();
    while let Some(piece) = piece(&mut body).await {
        sent.extend(piece.unwrap());
    }
    assert!(sent == content);
    assert_eq!(get(&files, "/long.bin").await.text(), "new");
}

/// The content in memory is never that of an earlier state.
#[tokio::test]
async fn what_is_in_memory_is_not_stale() {
    let tree = Tree::new();
    let (files, path) = (layer(&tree), tree.path("root/test.txt"));
    sleep(SETTLED).await;
    let first = get(&files, "/test.txt").await;
    assert_eq!(first.text(), "FOUND");
    assert_eq!(get(&files, "/test.txt").await.headers.get("etag"), first.headers.get("etag"));
    // In place, with the same length.
    fs::write(&path, b"OTHER").unwrap();
    let second = get(&files, "/test.txt").await;
    assert_eq!(second.text(), "OTHER");
    assert_ne!(second.field("etag"), first.field("etag"));
    // In place, with the same length and the same time.
    write(&path, b"THIRD");
    assert_eq!(get(&files, "/test.txt").await.text(), "THIRD");
    // Another file at the same path, with the same length and the same time.
    write(&tree.path("root/next"), b"FORTH");
    fs::rename(tree.path("root/next"), &path).unwrap();
    assert_eq!(get(&files, "/test.txt").await.text(), "FORTH");
    fs::remove_file(&path).unwrap();
    assert_eq!(get(&files, "/test.txt").await.status, APP);
}

/// A sparse file of more than 4 GiB.
#[tokio::test]
async fn beyond_four_gibibytes() {
    let tree = Tree::new();
    let path = tree.path("root/huge.bin");
    let mut file = fs::File::create(&path).unwrap();
    file.seek(SeekFrom::Start((1 << 32) + 10)).unwrap();
    file.write_all(b"end").unwrap();
    drop(file);
    let range = "bytes=4294967304-4294967308";
    let request = Request::get("/huge.bin").header("Range", range).body(String::new()).unwrap();
    let answer = ask(&layer(&tree), request).await;
    assert_eq!(answer.body, b"\0\0end");
    assert_eq!(answer.field("content-range"), Some("bytes 4294967304-4294967308/4294967309"));
}

/// A client that goes away leaves no open file.
#[tokio::test]
async fn a_client_that_goes_away() {
    let tree = Tree::new();
    long(&tree);
    let path = fs::canonicalize(tree.path("root/long.bin")).unwrap();
    let is_open = || {
        fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
            .any(|target| target == path)
    };
    let files = layer(&tree);
    let mut body = response(&files, "/long.bin").await.into_body();
    piece(&mut body).await.unwrap().unwrap();
    assert!(is_open());
    drop(body);
    for _ in 0..1_000 {
        if !is_open() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("the file is still open");
}

#[tokio::test]
async fn hooks() {
    let tree = Tree::new();
    let files = FilesLayer::builder()
        .export("/x", Dir::open(tree.path("root")).unwrap())
        .nosniff(false)
        .on_response(|path, headers| {
            assert_eq!(path, "dir/index.html");
            headers.insert("content-security-policy", HeaderValue::from_static("sandbox"));
        })
        .build()
        .unwrap();
    let answer = get(&files, "/x/dir/index.html").await;
    assert_eq!(answer.field("content-security-policy"), Some("sandbox"));
    assert_eq!(answer.field("x-content-type-options"), None);
    let request = Request::get("/x/dir/index.html").header("If-None-Match", "*");
    let answer = ask(&files, request.body(String::new()).unwrap()).await;
    assert_eq!((answer.status, answer.field("content-security-policy")), (304, Some("sandbox")));
}

/// The same answers, if every file is looked up on another thread and nothing is in memory.
#[tokio::test]
async fn off_the_thread() {
    let tree = Tree::new();
    let files = FilesLayer::builder()
        .export("/", Dir::open(tree.path("root")).unwrap())
        .off_thread(true)
        .memory(0)
        .build()
        .unwrap();
    for _ in 0..2 {
        assert_eq!(get(&files, "/test.txt").await.text(), "FOUND");
        assert_eq!(get(&files, "/missing").await.status, APP);
        // It is short, so it is read for its tag.
        assert!(get(&files, "/nix.txt").await.field("etag").is_some());
    }
    assert_eq!(
        read(files.service(), Request::get("/missing").body(String::new()).unwrap()).await.status,
        404
    );
}

#[tokio::test]
#[should_panic(expected = "the application panics")]
async fn panics_of_the_application() {
    let files = FilesLayer::builder().build().unwrap();
    let failing = service_fn(|_: Request<String>| async {
        panic!("the application panics");
        #[allow(unreachable_code, reason = "it has a type")]
        Ok::<Response<Body>, Infallible>(Response::default())
    });
    drop(files.layer(failing).oneshot(Request::default()).await);
}

/// An application that is never ready.
#[derive(Clone)]
struct Busy;

impl Service<Request<String>> for Busy {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        panic!("it was not ready")
    }
}

#[tokio::test]
async fn backpressure() {
    let tree = Tree::new();
    let request = Request::get("/test.txt").body(String::new()).unwrap();
    let asked = layer(&tree).layer(Busy).oneshot(request);
    assert!(tokio::time::timeout(Duration::from_millis(50), asked).await.is_err());
}

/// 100,000 requests of every kind leave no descriptor behind.
#[tokio::test]
async fn descriptors() {
    let tree = Tree::new();
    long(&tree);
    let files = layer(&tree);
    sleep(SETTLED).await;
    let targets = [
        "/test.txt",
        "/missing",
        "/inside-link.txt",
        "/link.txt",
        "/dir",
        "/fifo",
        "/nix.txt",
        "/now.txt",
        "/long.bin",
    ];
    let count = || fs::read_dir("/proc/self/fd").unwrap().count();
    let mut most = 0;
    for round in 0..100_000 {
        let target = targets[round % targets.len()];
        // Of the long file, only the head.
        let method = if target == "/long.bin" { "HEAD" } else { "GET" };
        let request = Request::builder().method(method).uri(target).body(String::new()).unwrap();
        ask(&files, request).await;
        if round == 1_000 {
            most = count();
        }
    }
    // Other tests run beside this one, and have files of their own.
    assert!(count() < most + 200, "{} descriptors, {most} before", count());
}
