//! nghttp and h2load over HTTP/2 by prior knowledge, with an upstream that has HTTP/1.1 alone.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use proxyfix_gateway::ReverseProxy;
use tokio::task::spawn_blocking;

use super::{
    programs::{is_there, run},
    wire::{
        front, latin1,
        recorder::{Answer, Framing, Recorder},
    },
};

const TRAILERS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\
    Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n\
    5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n";

async fn start() -> (Recorder, SocketAddr) {
    let upstream = Recorder::start(|seen| {
        if seen.target().starts_with("/trailers") {
            return Answer { bytes: TRAILERS.as_bytes().to_vec(), closes: false };
        }
        Answer::ok("hello")
    })
    .await;
    let proxy = ReverseProxy::new(&format!("http://{}/", upstream.address)).expect("a target");
    let front = front::serve(proxy).await;
    (upstream, front)
}

/// A file with this many bytes.
fn file(name: &str, length: usize) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, "x".repeat(length)).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

async fn output(program: &'static str, arguments: Vec<String>) -> String {
    let run = move || run(Command::new(program).args(arguments));
    spawn_blocking(run).await.expect("no panic")
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nghttp; .ci/run runs it"]
async fn nghttp() {
    if !is_there("nghttp", "nghttp2-client") {
        return;
    }
    let (upstream, front) = start().await;
    let url = format!("http://{front}/trailers/a%2Fb?c=d");
    let body = file("nghttp-body", 100_000);
    // A body of a stated length would have no place for trailers in HTTP/1.1.
    let mut arguments = words("-v --no-content-length -H te:trailers -H trailer:x-sum");
    arguments.extend(words("--trailer x-sum:1 -H cookie:a=b"));
    arguments.extend(["-H".to_owned(), "cookie:c=d".to_owned(), "-d".to_owned(), body, url]);
    let text = output("nghttp", arguments).await;

    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let received: Vec<_> =
        lines.iter().filter_map(|line| line.split_once(") ")).map(|(_, rest)| rest).collect();
    for field in
        [":status: 200", "set-cookie: a=b", "set-cookie: c=d", "trailer: X-Sum", "x-sum: 42"]
    {
        assert!(received.contains(&field), "{field}\n{text}");
    }
    for field in ["x-hop", "connection:", "transfer-encoding:"] {
        assert!(!received.iter().any(|line| line.starts_with(field)), "{field}\n{text}");
    }
    assert!(text.contains("hello"), "{text}");

    let seen = upstream.take();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].method().as_str(), seen[0].version().as_str()), ("POST", "HTTP/1.1"));
    assert_eq!(seen[0].target(), "/trailers/a%2Fb?c=d");
    assert_eq!(seen[0].value("host"), Some(upstream.address.to_string()));
    assert_eq!(seen[0].value("cookie").as_deref(), Some("a=b; c=d"));
    assert_eq!(seen[0].value("te").as_deref(), Some("trailers"));
    assert_eq!(seen[0].value("x-forwarded-host"), Some(front.to_string()));
    assert_eq!(seen[0].body.len(), 100_000);
    assert_eq!(seen[0].framing, Framing::Chunked);
    assert_eq!(seen[0].value("trailer").as_deref(), Some("x-sum"));
    assert_eq!(latin1(&seen[0].trailers).to_ascii_lowercase(), "x-sum: 1\r\n");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs h2load; .ci/run runs it"]
async fn h2load() {
    if !is_there("h2load", "nghttp2-client") {
        return;
    }
    let (upstream, front) = start().await;
    let body = file("h2load-body", 100_000);
    let get = format!("http://{front}/x");
    let trailers = format!("http://{front}/trailers");
    for (options, number, length, url) in [
        ("-n 4000 -c 8 -m 20", 4000, 0, &get),
        ("-n 1000 -c 4 -m 4", 1000, 0, &trailers),
        (&format!("-n 200 -c 4 -m 10 -d {body}"), 200, 100_000, &get),
        ("-n 2000 -c 8 --h1", 2000, 0, &get),
    ] {
        let mut arguments = words(options);
        arguments.push(url.clone());
        let text = output("h2load", arguments).await;
        let done = format!("{number} done, {number} succeeded, 0 failed, 0 errored, 0 timeout");
        assert!(text.contains(&done), "{options}: {text}");
        assert!(text.contains(&format!("{number} 2xx")), "{options}: {text}");
        let seen = upstream.settled().await;
        assert_eq!(seen.len(), number, "{options}");
        assert!(seen.iter().all(|seen| seen.is_complete && seen.body.len() == length), "{options}");
    }
}
