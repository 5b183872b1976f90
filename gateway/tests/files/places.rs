//! Where files are looked for.

use std::{
    fs,
    os::unix::fs::symlink,
    pin::pin,
    task::{Context, Poll, Waker},
};

use http::{Request, Uri};
use proxyfix_gateway::{ConfigError, Dir, EmbeddedFiles, File, FilesLayer, Symlinks};
use tower::{Layer, Service};

use super::fixture::{APP, Tree, app, ask, get, write};

fn layer(prefix: &str, dir: Dir) -> FilesLayer {
    FilesLayer::builder().export(prefix, dir).build().unwrap()
}

#[test]
fn missing_exports() {
    let tree = Tree::new();
    let missing = |path| matches!(path, Err(ConfigError::MissingExport { .. }));
    for path in [tree.path("nowhere"), tree.path("single.txt"), tree.path("root/fifo"), "".into()] {
        assert!(missing(Dir::open(&path).map(drop)), "{path:?}");
    }
    for path in [tree.path("nowhere"), tree.path("root"), tree.path("root/fifo"), "".into()] {
        assert!(missing(File::open(&path).map(drop)), "{path:?}");
    }
    for path in ["", "..", "/"] {
        assert!(missing(File::lazy(path).map(drop)), "{path:?}");
    }
    let error = Dir::open("").unwrap_err().to_string();
    assert!(error.contains("working directory"), "{error}");
    // Any kind of path is taken.
    drop(Dir::open(tree.path("root")).unwrap());
    drop(Dir::open(tree.path("root").to_str().unwrap()).unwrap());
    drop(Dir::open(tree.path("root").as_path()).unwrap());
}

#[test]
fn wrong_options() {
    let builder = FilesLayer::builder;
    let tree = Tree::new();
    let dir = || Dir::open(tree.path("root")).unwrap();
    let prefix = builder().export("/a/../b", dir()).build();
    assert!(matches!(prefix, Err(ConfigError::InvalidPrefix { .. })));
    for mime in ["", "text", "text/plain\n"] {
        let fallback = builder().fallback_mimetype(mime).build();
        assert!(matches!(fallback, Err(ConfigError::InvalidMimeType { .. })), "{mime:?}");
    }
    assert!(matches!(builder().mime("x", "x").build(), Err(ConfigError::InvalidMimeType { .. })));
    let rule = builder().cache_control("*", "a\nb").build();
    assert!(matches!(rule, Err(ConfigError::InvalidHeaderValue { .. })));
    assert!(matches!(builder().waiting(0).build(), Err(ConfigError::InvalidLimit { .. })));
}

#[tokio::test]
async fn a_file_that_is_removed_and_comes_back() {
    let tree = Tree::new();
    let path = tree.path("single.txt");
    let files = FilesLayer::builder().export("/x", File::open(&path).unwrap()).build().unwrap();
    assert_eq!(get(&files, "/x").await.text(), "FOUND");
    fs::remove_file(&path).unwrap();
    assert_eq!(get(&files, "/x").await.status, APP);
    write(&path, b"again");
    assert_eq!(get(&files, "/x").await.text(), "again");
}

#[tokio::test]
async fn what_comes_later() {
    let tree = Tree::new();
    let files = FilesLayer::builder()
        .export("/x", File::lazy(tree.path("later/file.txt")).unwrap())
        .export("/d", Dir::lazy(tree.path("later")))
        .build()
        .unwrap();
    for target in ["/x", "/d/file.txt"] {
        assert_eq!(get(&files, target).await.status, APP);
    }
    write(&tree.path("later/file.txt"), b"now");
    for target in ["/x", "/d/file.txt"] {
        assert_eq!(get(&files, target).await.text(), "now", "{target}");
    }
    assert_eq!(get(&files, "/x/").await.status, APP);
}

/// The directory is held: another one at its path changes nothing.
#[tokio::test]
async fn a_directory_that_is_moved() {
    let tree = Tree::new();
    let files = layer("/", Dir::open(tree.path("root")).unwrap());
    let links = layer("/", Dir::open(tree.path("root")).unwrap());
    fs::rename(tree.path("root"), tree.path("moved")).unwrap();
    write(&tree.path("root/test.txt"), b"another");
    assert_eq!(get(&files, "/test.txt").await.text(), "FOUND");
    assert_eq!(get(&links, "/inside-link.txt").await.text(), "FOUND");
}

/// A link that is pointed at another release.
#[tokio::test]
async fn a_directory_that_is_reopened() {
    let tree = Tree::new();
    write(&tree.path("one/a"), b"one");
    write(&tree.path("two/a"), b"two");
    let current = tree.path("current");
    symlink("one", &current).unwrap();
    let held = layer("/", Dir::open(&current).unwrap());
    let reopened = layer("/", Dir::reopened(&current));
    assert_eq!(get(&reopened, "/a").await.text(), "one");
    symlink("two", tree.path("next")).unwrap();
    fs::rename(tree.path("next"), &current).unwrap();
    assert_eq!(get(&reopened, "/a").await.text(), "two");
    assert_eq!(get(&held, "/a").await.text(), "one");
    fs::remove_file(&current).unwrap();
    assert_eq!(get(&reopened, "/a").await.status, APP);
}

/// What is in no export never waits, and holds no thread: outside of a runtime, waiting would panic.
#[test]
fn what_is_not_there_is_known_at_once() {
    let tree = Tree::new();
    let files = layer("/", Dir::open(tree.path("root")).unwrap());
    let unopened = FilesLayer::builder()
        .export("/", Dir::lazy(tree.path("root")))
        .disallow(["*.txt"])
        .build()
        .unwrap();
    let at_once = |layer: &FilesLayer, target: &str| {
        let request = Request::get(target).body(String::new()).unwrap();
        let mut service = layer.layer(app());
        let mut context = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut context).is_ready());
        match pin!(service.call(request)).poll(&mut context) {
            Poll::Ready(response) => response.unwrap().status().as_u16(),
            Poll::Pending => panic!("{target} waits"),
        }
    };
    // What the kernel knows is in memory after the first look.
    fs::metadata(tree.path("root/missing")).unwrap_err();
    fs::metadata(tree.path("root/dir")).unwrap();
    for target in ["/missing", "/dir", "/dir/", "/.env", "/a//b", "*"] {
        assert_eq!(at_once(&files, target), APP);
    }
    // A name that is hidden is not even looked up.
    assert_eq!(at_once(&unopened, "/test.txt"), APP);
}

#[tokio::test]
async fn no_exports() {
    let files = FilesLayer::builder().build().unwrap();
    let request = Request::post("/x").body("the body".to_owned()).unwrap();
    let answer = ask(&files, request).await;
    assert_eq!((answer.status, answer.text()), (APP, "the body".to_owned()));
}

#[tokio::test]
async fn targets_without_a_slash() {
    let tree = Tree::new();
    let files = layer("/", Dir::open(tree.path("root")).unwrap());
    for target in ["test.txt", "a.example:443"] {
        let uri: Uri = target.parse().unwrap();
        let request = Request::get(uri).body(String::new()).unwrap();
        assert_eq!(ask(&files, request).await.status, APP, "{target}");
    }
    assert!("../secret".parse::<Uri>().is_err());
}

#[tokio::test]
async fn no_listing() {
    let tree = Tree::new();
    for index in [None, Some("nothing.html")] {
        let mut dir = Dir::open(tree.path("root")).unwrap();
        if let Some(index) = index {
            dir = dir.index(index).redirect(true);
        }
        let files = layer("/d", dir);
        for target in ["/d", "/d/", "/d/dir", "/d/dir/"] {
            assert_eq!(get(&files, target).await.status, APP, "{target}");
        }
    }
}

#[tokio::test]
async fn filters() {
    let tree = Tree::new();
    let files = FilesLayer::builder()
        .export("/x", Dir::open(tree.path("root")).unwrap())
        .filter(|path| path != "test.txt" && path != "sp ace/f g.txt")
        .build()
        .unwrap();
    for target in ["/x/test.txt", "/x/%74est.txt", "/x/sp%20ace/f%20g.txt", "/x/inside-link.txt"] {
        assert_eq!(get(&files, target).await.status, APP, "{target}");
    }
    assert_eq!(get(&files, "/x/a.txt").await.status, 200);
}

#[tokio::test]
async fn embedded_files() {
    let mut one = EmbeddedFiles::new();
    one.insert("a.txt", &b"one"[..]);
    let mut two = EmbeddedFiles::new();
    two.insert("a.txt", &b"two"[..]).insert("b.txt", &b"one"[..]);
    let files = FilesLayer::builder().embedded("/1", one).embedded("/2", two).build().unwrap();
    let one = get(&files, "/1/a.txt").await;
    let etag = one.field("etag").unwrap().to_owned();
    assert_eq!(one.field("last-modified"), None);
    assert_ne!(get(&files, "/2/a.txt").await.field("etag"), Some(&*etag));
    assert_eq!(get(&files, "/2/b.txt").await.field("etag"), Some(&*etag));
    let same = Request::get("/1/a.txt").header("If-None-Match", &etag).body(String::new()).unwrap();
    assert_eq!(ask(&files, same).await.status, 304);
}

/// Links that lead to a name with a dot are as hidden as the name.
#[tokio::test]
async fn links_to_hidden_names() {
    let tree = Tree::new();
    let root = tree.path("root");
    symlink(".env", root.join("env.txt")).unwrap();
    symlink(".hid", root.join("hid")).unwrap();
    symlink(".well-known", root.join("known")).unwrap();
    for symlinks in [Symlinks::Inside, Symlinks::Any] {
        let files = layer("/", Dir::open(&root).unwrap().symlinks(symlinks));
        for target in ["/env.txt", "/hid/f.txt", "/.env", "/.hid/f.txt"] {
            assert_eq!(get(&files, target).await.status, APP, "{symlinks:?} {target}");
        }
        for target in ["/known/x", "/.well-known/x"] {
            assert_eq!(get(&files, target).await.text(), "FOUND", "{symlinks:?} {target}");
        }
    }
}

#[cfg(feature = "include-dir")]
#[tokio::test]
async fn what_include_dir_embeds() {
    static DOCS: include_dir::Dir<'_> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/docs");
    let files =
        FilesLayer::builder().embedded("/docs", EmbeddedFiles::from(&DOCS)).build().unwrap();
    let answer = get(&files, "/docs/FILES.md").await;
    assert!(answer.text().starts_with("# Static files"));
    assert_eq!(answer.field("content-type"), Some("text/markdown; charset=utf-8"));
    assert_eq!(get(&files, "/docs/missing").await.status, APP);
}

#[cfg(feature = "rust-embed")]
#[tokio::test]
async fn what_rust_embed_embeds() {
    #[derive(rust_embed::RustEmbed)]
    #[folder = "docs"]
    struct Docs;
    let docs = proxyfix_gateway::Folder::<Docs>::new();
    let files = FilesLayer::builder().embedded("/docs", docs).build().unwrap();
    let answer = get(&files, "/docs/FILES.md").await;
    assert!(answer.text().starts_with("# Static files"));
    let etag = answer.field("etag").unwrap().to_owned();
    let same = Request::get("/docs/FILES.md").header("If-None-Match", etag);
    assert_eq!(ask(&files, same.body(String::new()).unwrap()).await.status, 304);
    for target in ["/docs/../Cargo.toml", "/docs/./FILES.md", "/docs/..%2fCargo.toml"] {
        assert_eq!(get(&files, target).await.status, APP, "{target}");
    }
}
