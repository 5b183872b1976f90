//! The folder that every server serves.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;

/// When most of the files were modified: Thu, 02 Jan 2020 03:04:05 GMT.
const MODIFIED: Duration = Duration::from_secs(1_577_934_245);

/// Files, with their content. Those with a length in their name have that length.
const FILES: &[(&str, &str)] = &[
    ("empty.txt", ""),
    ("ten.txt", "0123456789"),
    ("eleven.txt", "0123456789x"),
    ("letters.bin", "abcdefghijklmnopqrstuvwxyz"),
    ("page.html", "index.html: it is ours"),
    ("sub/index.html", "index.html: it is ours"),
    ("sub/deep/x.json", "[1]"),
    ("bare/x.txt", "x"),
    ("style.css", "a { b }\n"),
    ("app.js", "start(); start(); start();"),
    ("app.js.gz", "GZIP"),
    ("app.js.br", "BROTLI"),
    ("picture.svg", "<svg/>"),
    ("module.wasm", "\0asm"),
    ("archive.tar.gz", "TAR"),
    ("noext", "no suffix"),
    ("sp ace.txt", "a space"),
    ("100%.txt", "a percent sign"),
    ("plus+a.txt", "a plus sign"),
    ("semi;v=1.txt", "a semicolon"),
    ("till~&'(),!$=:@.txt", "sub-delims"),
    ("\u{e4}.txt", "an umlaut"),
    (".hidden", "hidden"),
    (".dir/x.txt", "in a hidden folder"),
    ("subsecond.css", "a { b }\n"),
    ("1970-01-01.css", "a { b }\n"),
    ("1970-01-01.html", "<b>old</b>"),
];

/// The folder. It is removed with this.
pub(crate) struct Tree(TempDir);

impl Tree {
    /// Writes the files. Servers that give up the rights of root may read them.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("a folder");
        let tree = Self(dir);
        for (name, content) in FILES {
            tree.write(name, content, MODIFIED);
        }
        // A hundred blocks of ten bytes.
        let blocks = repeated(100, |number| format!("<{number:03}>....|"));
        for name in
            ["thousand.html", "recoded.html", "two-ranges.html", "no-ranges.html", "undated.html"]
        {
            tree.write(name, &blocks, MODIFIED);
        }
        // Mon, 28 Sep 1970 06:00:00 GMT.
        tree.write("1970.html", &blocks, Duration::from_secs(23_349_600));
        tree.write("ten-thousand.bin", &"t".repeat(10_000), MODIFIED);
        // Longer than a piece of any server, and each block of it is different.
        let long = repeated(60_000, |number| format!("{number:05}\n"));
        tree.write("long.bin", &long, MODIFIED);
        tree.write("subsecond.css", "a { b }\n", MODIFIED + Duration::from_millis(500));
        tree.write("1970-01-01.css", "a { b }\n", Duration::ZERO);
        tree.write("1970-01-01.html", "<b>old</b>", Duration::ZERO);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        tree.write("fresh.html", &blocks, now);
        tree
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.0.path().join("root")
    }

    /// A folder beside it, for what a server needs.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        let folder = self.0.path().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    fn write(&self, name: &str, content: &str, since_1970: Duration) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, content).expect("a file");
        let times = fs::FileTimes::new().set_modified(UNIX_EPOCH + since_1970);
        let file = fs::File::options().write(true).open(&path).expect("a file");
        file.set_times(times).expect("a time");
    }
}

fn repeated(times: u32, block: impl Fn(u32) -> String) -> String {
    (0..times).map(block).collect::<Vec<_>>().concat()
}
