//! A tree of files of every kind, and how to ask for them.

use std::{
    convert::Infallible,
    fs,
    future::poll_fn,
    os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener},
    path::{Path, PathBuf},
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body as _;
use proxyfix_gateway::{Body, EmbeddedFiles, FilesLayer};
use tempfile::TempDir;
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

/// When most of the files were modified: Thu, 02 Jan 2020 03:04:05 GMT.
pub(super) const MODIFIED: u64 = 1_577_934_245;

/// What every inner service answers, and no file.
pub(super) const APP: u16 = 299;

/// The tree. It is removed with this.
pub(super) struct Tree {
    dir: TempDir,
    _socket: UnixListener,
}

impl Tree {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, content) in FILES {
            write(&at(name), content.as_bytes());
        }
        let root = at("root");
        write(&root.join(std::ffi::OsStr::from_bytes(b"l\xe9.txt")), b"FOUND");
        fs::create_dir_all(root.join("directory.txt")).unwrap();
        for (link, target) in [
            ("link.txt", "../outside/secret.txt"),
            ("linkdir", "../outside"),
            ("inside-link.txt", "test.txt"),
            ("inner-link.txt", "secret-inside.txt"),
            ("dangling", "nowhere"),
            ("loop", "loop"),
            ("magic", "/proc/self/root/etc/passwd"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        symlink(root.join("test.txt"), root.join("absolute-link.txt")).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(root.join("fifo")).status();
        assert!(fifo.unwrap().success());
        let socket = UnixListener::bind(root.join("socket")).unwrap();
        for (name, seconds) in
            [("old.txt", -1), ("epoch.txt", 0), ("nix.txt", 1), ("future.txt", 4_070_908_800)]
        {
            touch(&root.join(name), seconds);
        }
        touch(&root.join("stale.js.gz"), 1_000_000_000);
        let subsecond = UNIX_EPOCH + Duration::from_secs(MODIFIED) + Duration::from_millis(500);
        set_modified(&root.join("subsecond.txt"), subsecond);
        set_modified(&root.join("now.txt"), SystemTime::now());
        Self { dir, _socket: socket }
    }
}

/// Files of the tree, with their content.
const FILES: &[(&str, &str)] = &[
    ("res/test.txt", "FOUND"),
    ("tmp/\u{e4}\u{f6}\u{fc}", "FOUND"),
    ("other/a.txt", "other a"),
    ("other/b.txt", "other b"),
    ("outside/secret.txt", "SECRET"),
    ("private", "SECRET"),
    ("single.txt", "FOUND"),
    ("root/test.txt", "FOUND"),
    ("root/a.txt", "root a"),
    ("root/secret-inside.txt", "FOUND"),
    ("root/.env", "SECRET"),
    ("root/.hid/f.txt", "SECRET"),
    ("root/.well-known/x", "FOUND"),
    ("root/dir/index.html", "<p>"),
    ("root/dir2/x", "FOUND"),
    ("root/sub/a.txt", "FOUND"),
    ("root/sp ace/f g.txt", "FOUND"),
    ("root/\u{e4}\u{f6}\u{fc}.txt", "FOUND"),
    ("root/a\u{308}nfd.txt", "FOUND"),
    ("root/\u{e9}", "FOUND"),
    ("root/100%25.txt", "FOUND"),
    ("root/a%2fb", "FOUND"),
    ("root/q?x.txt", "FOUND"),
    ("root/h#x.txt", "FOUND"),
    ("root/b\\s.txt", "FOUND"),
    ("root/n\nl.txt", "FOUND"),
    ("root/&<>\"", "FOUND"),
    ("root/a.py", "FOUND"),
    ("root/ten.bin", "0123456789"),
    ("root/eleven.txt", "0123456789x"),
    ("root/empty.txt", ""),
    ("root/noext", "FOUND"),
    ("root/html.txt", "<script>"),
    ("root/app.js", "start()"),
    ("root/app.js.gz", "GZIP"),
    ("root/app.js.br", "BROTLI"),
    ("root/stale.js", "new"),
    ("root/stale.js.gz", "old"),
    ("root/only-compressed.js.gz", "GZIP"),
    ("root/server.key", "SECRET"),
    ("root/server.key.gz", "SECRET"),
    ("root/x.tar.gz", "ONCE"),
    ("root/x.tar.gz.gz", "TWICE"),
    ("root/app-0a1b2c3d.js", "start()"),
    ("root/m.mjs", "m"),
    ("root/UPPER.HTML", "<p>"),
    ("root/a.css", "a"),
    ("root/x.json", "1"),
    ("root/x.map", "1"),
    ("root/x.xml", "<a/>"),
    ("root/x.xhtml", "<a/>"),
    ("root/x.csv", "a,b"),
    ("root/x.wasm", "\0asm"),
    ("root/x.webmanifest", "1"),
    ("root/x.avif", "x"),
    ("root/x.webp", "x"),
    ("root/x.ico", "x"),
    ("root/x.ts", "x"),
    ("root/x.unknownext", "x"),
    ("root/old.txt", "FOUND"),
    ("root/epoch.txt", "FOUND"),
    ("root/nix.txt", "FOUND"),
    ("root/future.txt", "FOUND"),
    ("root/subsecond.txt", "FOUND"),
    ("root/now.txt", "FOUND"),
];

/// Writes a file that was modified in 2020.
pub(super) fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    set_modified(path, UNIX_EPOCH + Duration::from_secs(MODIFIED));
}

pub(super) fn set_modified(path: &Path, time: SystemTime) {
    let times = fs::FileTimes::new().set_modified(time);
    fs::File::options().write(true).open(path).unwrap().set_times(times).unwrap();
}

fn touch(path: &Path, seconds: i64) {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    set_modified(path, if seconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance });
}

/// What is inside the program.
pub(super) fn embedded() -> EmbeddedFiles {
    let mut files = EmbeddedFiles::new();
    files.insert("debugger.js", &b"debug()"[..]).insert("nested/x", &b"FOUND"[..]);
    files
}

/// The application behind the files: it answers with the body of the request.
pub(super) fn app() -> BoxCloneSyncService<Request<String>, Response<Body>, Infallible> {
    BoxCloneSyncService::new(service_fn(|request: Request<String>| async {
        let mut response = Response::new(Body::from(request.into_body()));
        *response.status_mut() = StatusCode::from_u16(APP).unwrap();
        Ok(response)
    }))
}

/// A response that was read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether the body came to its end.
    pub(super) is_whole: bool,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The next piece of a body.
pub(super) async fn piece(body: &mut Body) -> Option<Result<Bytes, ()>> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap()).map_err(|_| ()))
}

pub(super) async fn read<S>(service: S, request: Request<String>) -> Answer
where
    S: Service<Request<String>, Response = Response<Body>, Error = Infallible>,
{
    let (parts, mut body) = service.oneshot(request).await.unwrap().into_parts();
    let mut answer = Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: Vec::new(),
        is_whole: true,
    };
    while let Some(piece) = piece(&mut body).await {
        match piece {
            Ok(bytes) => answer.body.extend(bytes),
            Err(()) => answer.is_whole = false,
        }
    }
    answer
}

/// Asks the layer, with the application behind it.
pub(super) async fn ask(layer: &FilesLayer, request: Request<String>) -> Answer {
    read(layer.layer(app()), request).await
}

pub(super) async fn get(layer: &FilesLayer, target: &str) -> Answer {
    ask(layer, Request::get(target).body(String::new()).unwrap()).await
}
