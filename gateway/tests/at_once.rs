//! A file that was in memory a moment ago is looked up by one system call, and not opened. The test forbids its whole
//! process to open anything, so it is alone in this file.

#![cfg(target_os = "linux")]

use std::{convert::Infallible, fs, time::Duration};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use proxyfix_gateway::{Body, Dir, FilesLayer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tower::{Layer, ServiceExt, service_fn};

/// How often a file is asked for, because the process may be stopped for longer than a moment.
const ATTEMPTS: usize = 10;

#[tokio::test]
async fn without_opening() {
    // A tmpfs, because overlayfs, the usual root of a container, is not looked up so.
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    for name in ["file", "a/file"] {
        fs::write(folder.path().join(name), "hello").unwrap();
    }
    // What changed just now is not remembered.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let files = FilesLayer::builder().export("/", Dir::open(folder.path()).unwrap());
    let files = files.build().unwrap().layer(service_fn(async |_: Request<Body>| {
        let response = Response::builder().status(StatusCode::IM_A_TEAPOT).body(Body::empty());
        Ok::<_, Infallible>(response.unwrap())
    }));
    let ask = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = files.clone().oneshot(request).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    };
    let usual = getrlimit(Resource::Nofile);
    let mut is_found = false;
    for _ in 0..ATTEMPTS {
        for path in ["/file", "/a/file"].repeat(2) {
            assert_eq!(ask(path).await, (StatusCode::OK, "hello".into()), "{path}");
        }
        setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..usual }).unwrap();
        let (at_once, opened) = (ask("/file").await, ask("/a/file").await);
        setrlimit(Resource::Nofile, usual).unwrap();
        assert_eq!(opened.0, StatusCode::IM_A_TEAPOT, "the process may open nothing");
        is_found = at_once == (StatusCode::OK, "hello".into());
        if is_found {
            break;
        }
    }
    assert!(is_found, "the file was opened each time");
}
