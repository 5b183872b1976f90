//! What is hidden, under every name; and what stands behind a file that cannot be had.

use std::{fs, os::unix::fs::symlink, time::SystemTime};

use http::Request;
use proxyfix_gateway::{ConfigError, Dir, EmbeddedFiles, File, FilesLayer, Symlinks};

use super::fixture::{APP, Answer, Tree, ask, get, set_modified, write};

fn layer(prefix: &str, dir: Dir) -> FilesLayer {
    FilesLayer::builder().export(prefix, dir).build().unwrap()
}

async fn with(files: &FilesLayer, target: &str, field: (&str, &str)) -> Answer {
    let request = Request::get(target).header(field.0, field.1);
    ask(files, request.body(String::new()).unwrap()).await
}

/// HEAD, a condition and a range say no more than GET.
#[tokio::test]
async fn a_file_whose_target_is_hidden() {
    let tree = Tree::new();
    write(&tree.path("secret.key"), b"SECRET");
    symlink("secret.key", tree.path("pub.txt")).unwrap();
    let files = FilesLayer::builder()
        .export("/pub.txt", File::open(tree.path("pub.txt")).unwrap())
        .disallow(["*.key"])
        .build()
        .unwrap();
    let head = Request::head("/pub.txt").body(String::new()).unwrap();
    assert_eq!(ask(&files, head).await.status, APP);
    assert_eq!(get(&files, "/pub.txt").await.status, APP);
    for field in [("If-None-Match", "*"), ("Range", "bytes=99-")] {
        assert_eq!(with(&files, "/pub.txt", field).await.status, APP, "{field:?}");
    }
}

#[tokio::test]
async fn embedded_names_that_begin_with_a_dot() {
    let mut embedded = EmbeddedFiles::new();
    for name in [".env", ".git/config", "a/.b", ".well-known/x"] {
        embedded.insert(name, &b"SECRET"[..]);
    }
    let files = FilesLayer::builder().embedded("/e", embedded).build().unwrap();
    for target in ["/e/.env", "/e/%2eenv", "/e/.git/config", "/e/a/.b"] {
        assert_eq!(get(&files, target).await.status, APP, "{target}");
    }
    assert_eq!(get(&files, "/e/.well-known/x").await.status, 200);
}

/// A compressed file is as hidden as the one that it stands for.
#[tokio::test]
async fn compressed_names() {
    let tree = Tree::new();
    for name in ["root/app.map", "root/app.map.gz", "root/app.js", "root/app.js.gz"] {
        write(&tree.path(name), b"content");
    }
    let dir = || Dir::open(tree.path("root")).unwrap();
    for (dir, status) in [(dir().precompressed(true), APP), (dir(), 200)] {
        let files = FilesLayer::builder().export("/", dir).disallow(["*.map"]).build().unwrap();
        assert_eq!(get(&files, "/app.map").await.status, APP);
        assert_eq!(get(&files, "/app.map.gz").await.status, status);
        assert_eq!(get(&files, "/app.js.gz").await.status, 200);
    }
}

/// Nobody compresses a file five times, so such a name is hidden wherever compressed files are sent.
#[tokio::test]
async fn names_with_many_codings() {
    let tree = Tree::new();
    let four = format!("a{}", ".gz".repeat(4));
    let five = format!("{four}.br");
    for name in [&four, &five] {
        write(&tree.path("root").join(name), b"content");
    }
    for (precompressed, status) in [(true, APP), (false, 200)] {
        let dir = Dir::open(tree.path("root")).unwrap().precompressed(precompressed);
        let files = layer("/", dir);
        assert_eq!(get(&files, &format!("/{four}")).await.status, 200);
        assert_eq!(get(&files, &format!("/{five}")).await.status, status);
    }
}

/// A compressed file is hidden under the name of a link, too, however often it was compressed, and where it is sent for another file.
#[tokio::test]
async fn links_to_compressed_names() {
    let tree = Tree::new();
    for name in ["app.map", "app.map.gz", "app.map.gz.br", "sub/y"] {
        write(&tree.path("root").join(name), b"SECRET");
    }
    write(&tree.path("root/page.txt"), b"page");
    for (link, target) in [
        ("pub.gz", "app.map.gz"),
        ("twice", "app.map.gz.br"),
        ("sub/x", "../app.map.gz"),
        ("page.txt.gz", "app.map.gz"),
    ] {
        symlink(target, tree.path("root").join(link)).unwrap();
    }
    for symlinks in [Symlinks::Inside, Symlinks::Any] {
        let dir = Dir::open(tree.path("root")).unwrap().symlinks(symlinks).precompressed(true);
        let files = FilesLayer::builder().export("/", dir).disallow(["*.map"]).build().unwrap();
        for target in ["/app.map", "/app.map.gz", "/app.map.gz.br", "/pub.gz", "/twice", "/sub/x"] {
            for accepted in ["identity", "gzip, br"] {
                let answer = with(&files, target, ("Accept-Encoding", accepted)).await;
                assert_eq!(answer.status, APP, "{target} {accepted} {symlinks:?}");
            }
        }
        let answer = with(&files, "/page.txt", ("Accept-Encoding", "gzip")).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "page"), "{symlinks:?}");
    }
}

/// A `ConfigMap` or `Secret` of Kubernetes: links through `..data`, which is a link that is exchanged.
#[tokio::test]
async fn volumes_of_kubernetes() {
    let tree = Tree::new();
    let volume = tree.path("volume");
    write(&volume.join("..one/app.js"), b"one");
    write(&volume.join("..two/app.js"), b"two");
    write(&volume.join(".env"), b"SECRET");
    symlink("..one", volume.join("..data")).unwrap();
    symlink("..data/app.js", volume.join("app.js")).unwrap();
    let dir = || Dir::open(&volume).unwrap();
    assert_eq!(get(&layer("/", dir()), "/app.js").await.status, APP);
    let builder = FilesLayer::builder().export("/", dir().dotfiles(true)).disallow([".[!.]*"]);
    let files = builder.build().unwrap();
    assert_eq!(get(&files, "/app.js").await.text(), "one");
    symlink("..two", volume.join("..data_tmp")).unwrap();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    assert_eq!(get(&files, "/app.js").await.text(), "two");
    assert_eq!(get(&files, "/.env").await.status, APP);
}

/// No redirect leads to an index that is hidden.
#[tokio::test]
async fn an_index_that_is_hidden() {
    let tree = Tree::new();
    write(&tree.path("root/d/index.html"), b"INDEX");
    let dir = Dir::open(tree.path("root")).unwrap().index("index.html").redirect(true);
    let files = FilesLayer::builder().export("/", dir).disallow(["d/*"]).build().unwrap();
    for target in ["/d", "/d/"] {
        assert_eq!(get(&files, target).await.status, APP, "{target}");
    }
}

/// In a mount, the index is for the path with the slash, as elsewhere.
#[cfg(feature = "mount")]
#[tokio::test]
async fn the_index_of_a_mount() {
    use proxyfix_gateway::Mount;

    use super::fixture::{app, read};

    let tree = Tree::new();
    write(&tree.path("root/index.html"), b"INDEX");
    for (redirects, status) in [(true, 307), (false, 404)] {
        let dir = Dir::open(tree.path("root")).unwrap().index("index.html").redirect(redirects);
        let files = layer("/", dir).service();
        let site = Mount::new().at("/docs", files).fallback(app()).build().unwrap();
        let ask =
            |target: &str| read(site.clone(), Request::get(target).body(String::new()).unwrap());
        let answer = ask("/docs?q=1").await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.field("location"), redirects.then_some("/docs/?q=1"));
        assert_eq!(ask("/docs/").await.text(), "INDEX");
    }
}

/// A redirect is a response of ours, too.
#[tokio::test]
async fn the_hook_sees_a_redirect() {
    let tree = Tree::new();
    write(&tree.path("root/d/index.html"), b"INDEX");
    let dir = Dir::open(tree.path("root")).unwrap().index("index.html").redirect(true);
    let builder = FilesLayer::builder().export("/x", dir).on_response(|name, headers| {
        headers.insert("x-name", name.parse().unwrap());
    });
    let files = builder.build().unwrap();
    let answer = get(&files, "/x/d").await;
    assert_eq!((answer.status, answer.field("x-name")), (307, Some("d")));
}

/// Two representations never have one tag.
#[tokio::test]
async fn tags_of_codings() {
    let tree = Tree::new();
    for (name, content) in [("a.js", "plain"), ("a.js.br", "brotl"), ("a.js.gz", "gzipd")] {
        write(&tree.path("root").join(name), content.as_bytes());
    }
    let files = layer("/", Dir::open(tree.path("root")).unwrap().precompressed(true));
    let mut tags = Vec::new();
    for (accepted, content) in [("br", "brotl"), ("gzip", "gzipd"), ("identity", "plain")] {
        let answer = with(&files, "/a.js", ("Accept-Encoding", accepted)).await;
        assert_eq!(answer.text(), content);
        tags.push(answer.field("etag").unwrap().to_owned());
    }
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2], "{tags:?}");
    let request =
        Request::get("/a.js").header("Accept-Encoding", "br").header("Range", "bytes=0-1");
    let request = request.header("If-Range", &tags[1]).body(String::new()).unwrap();
    assert_eq!(ask(&files, request).await.status, 200);
}

/// What was written a moment ago may be written again without another time.
#[tokio::test]
async fn a_file_that_was_just_written() {
    let tree = Tree::new();
    let path = tree.path("root/test.txt");
    let files = layer("/", Dir::open(tree.path("root")).unwrap());
    set_modified(&path, SystemTime::now());
    let answer = get(&files, "/test.txt").await;
    assert_eq!((answer.field("etag"), answer.field("last-modified")), (None, None));
    assert_eq!(answer.status, 200);
    for field in
        [("If-None-Match", "\"x\""), ("If-Modified-Since", "Thu, 01 Jan 2099 00:00:00 GMT")]
    {
        assert_eq!(with(&files, "/test.txt", field).await.status, 200, "{field:?}");
    }
}

/// A build that sets one time for all files: npm's 1985, zip's 1980. The content tells, not the time.
#[tokio::test]
async fn times_of_packages() {
    let tree = Tree::new();
    let path = tree.path("root/test.txt");
    let files = layer("/", Dir::open(tree.path("root")).unwrap());
    for seconds in [499_162_500, 315_532_800, 0] {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let mut tags = Vec::new();
        for content in ["ONE", "TWO"] {
            fs::write(&path, content).unwrap();
            set_modified(&path, time);
            let answer = get(&files, "/test.txt").await;
            assert_eq!((answer.text().as_str(), answer.field("last-modified")), (content, None));
            tags.push(answer.field("etag").unwrap().to_owned());
        }
        assert_ne!(tags[0], tags[1], "{seconds}");
    }
}

#[test]
fn exports_that_cannot_work() {
    let tree = Tree::new();
    let dir = || Dir::open(tree.path("root")).unwrap();
    let mut wrong: Vec<_> = ["", ".", "..", "../x", "a/b", "/etc/hostname", "a\0b", ".h", "a%41"]
        .into_iter()
        .map(|index| dir().index(index))
        .collect();
    wrong.extend([dir().redirect(true), Dir::lazy(""), Dir::reopened("")]);
    for dir in wrong {
        let text = format!("{dir:?}");
        let built = FilesLayer::builder().export("/d", dir).build();
        assert!(matches!(built, Err(ConfigError::InvalidExport { .. })), "{text}");
    }
    let built = FilesLayer::builder().export("/d", dir().index(".h").dotfiles(true)).build();
    assert!(built.is_ok());
}

/// An index that a pattern hides in every directory. What hides it in one of them may be meant.
#[test]
fn an_index_that_can_never_answer() {
    let tree = Tree::new();
    let dir = |index: &str| Dir::open(tree.path("root")).unwrap().index(index);
    for (index, precompressed, pattern, is_right) in [
        ("index.html", false, "*.html", false),
        ("index.html", false, "index*", false),
        ("index.html", false, "*", false),
        ("index.html", false, "d/*", true),
        ("index.html", false, "*/index.html", true),
        ("index.html.gz", false, "*.html", true),
        ("index.html.gz", true, "*.html", false),
    ] {
        let export = dir(index).precompressed(precompressed);
        let built = FilesLayer::builder().disallow([pattern]).export("/d", export).build();
        match built {
            Ok(_) => assert!(is_right, "{index} {pattern}"),
            Err(error) => {
                assert!(!is_right, "{index} {pattern}");
                assert!(matches!(error, ConfigError::InvalidExport { .. }), "{error:?}");
                assert!(error.to_string().contains("disallow hides its index"), "{error}");
            }
        }
    }
    // A function of the application is not asked before there is a request.
    let filtered = FilesLayer::builder().export("/", dir("index.html")).filter(|_| panic!());
    assert!(filtered.build().is_ok());
}

#[test]
fn embedded_names_that_no_path_asks_for() {
    for name in ["/app.js", "a//b", "", "a/", "../a", "a/./b", "a\0b"] {
        let mut embedded = EmbeddedFiles::new();
        embedded.insert("right", &b"x"[..]).insert(name, &b"x"[..]);
        let error = FilesLayer::builder().embedded("/e", embedded).build().unwrap_err();
        let ConfigError::InvalidEmbeddedName { name: named, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(named, name);
        assert!(error.to_string().contains("css/site.css"), "{error}");
    }
    let mut embedded = EmbeddedFiles::new();
    embedded.insert("a b%.txt", &b"x"[..]).insert(".gitkeep", &b""[..]);
    assert!(FilesLayer::builder().embedded("/e", embedded).build().is_ok());
}

/// Contents that are on their way to clients count, too. Beyond twice the memory, files come from the disk.
#[tokio::test]
async fn clients_that_take_nothing() {
    let tree = Tree::new();
    for number in 0..60 {
        write(&tree.path(&format!("root/{number}")), &vec![0; 100_000]);
    }
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    let dir = Dir::open(tree.path("root")).unwrap();
    let files = FilesLayer::builder().export("/", dir).memory(1 << 20).build().unwrap();
    let mut responses = Vec::new();
    for number in 0..60 {
        let request = Request::get(format!("/{number}")).body(String::new()).unwrap();
        let response = tower::ServiceExt::oneshot(files.service(), request).await.unwrap();
        responses.push(response);
    }
    let in_memory =
        responses.iter().filter(|response| format!("{:?}", response.body()).contains("one piece"));
    let in_memory = in_memory.count();
    assert!((10..=20).contains(&in_memory), "{in_memory}");
}
