//! Names on a file system that ignores case: rclone mounts one.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command, thread::sleep, time::Duration};

use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use proxyfix_gateway::{Dir, FilesLayer};
use tower::ServiceExt as _;

use super::programs::is_there;

/// It is unmounted with this.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("fusermount3").args(["-u", "-z"]).arg(self.0).status();
    }
}

/// Under every other spelling, a file is not there, because a rule about names does not know it.
pub(crate) async fn check() {
    if !is_there("rclone", "rclone") || !is_there("fusermount3", "fuse3") {
        return;
    }
    if fs::File::open("/dev/fuse").is_err() {
        println!("LEFT OUT: this kernel has no FUSE, or this user may not mount");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [own, mounted] = ["own", "mounted"].map(|name| folder.path().join(name));
    fs::create_dir_all(own.join("Folder")).unwrap();
    fs::create_dir(&mounted).unwrap();
    for name in ["secret.key", "page.html", "Folder/Secret.key", "Folder/page.html"] {
        fs::write(own.join(name), name).unwrap();
    }
    symlink("SECRET.KEY", own.join("link.txt")).unwrap();
    let mut rclone = Command::new("rclone");
    rclone.args(["mount", "--vfs-case-insensitive", "--read-only", "--daemon", "--links"]);
    rclone.arg(format!(":local:{}", own.display())).arg(&mounted).env("HOME", folder.path());
    let output = rclone.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let _mounted = Mounted(&mounted);
    for _ in 0..50 {
        if mounted.join("SECRET.KEY").exists() {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    // The system does find it.
    assert_eq!(fs::read(mounted.join("SECRET.KEY")).unwrap(), b"secret.key");

    let dir = Dir::open(&mounted).unwrap();
    let files = FilesLayer::builder().export("/", dir).disallow(["*.key"]).build().unwrap();
    let files = files.service();
    for (path, there) in [
        ("/page.html", true),
        ("/Folder/page.html", true),
        ("/PAGE.html", false),
        ("/folder/page.html", false),
        ("/Folder/Page.html", false),
        ("/secret.key", false),
        ("/SECRET.KEY", false),
        ("/Secret.Key", false),
        ("/Folder/Secret.KEY", false),
        ("/link.txt", false),
    ] {
        // Once from the disk, and once from the cache.
        for _ in 0..2 {
            let request = Request::get(path).body(String::new()).unwrap();
            let answer = files.clone().oneshot(request).await.unwrap();
            let expected = if there { StatusCode::OK } else { StatusCode::NOT_FOUND };
            assert_eq!(answer.status(), expected, "{path}");
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert!(!there || body == path[1..], "{path}");
        }
    }
    println!("10 spellings of 4 names on a file system that ignores case");
}
