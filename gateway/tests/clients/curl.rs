//! curl: uploads that wait for 100, with upstreams that send it, refuse, or never heard of it; downloads; redirects.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use proxyfix_gateway::ReverseProxy;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::spawn_blocking,
    time::timeout,
};

use super::{
    programs::is_there,
    wire::{end_of_head, fields, front},
};

const LENGTH: usize = 2 << 20;

/// How an upstream meets an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meets {
    /// 100, then it reads.
    Continues,
    /// 417 to a request with `Expect`, without reading.
    Fails,
    /// 413 to all, without reading.
    Refuses,
    /// It reads, and says nothing before.
    Ignores,
}

/// A running upstream.
struct Upstream {
    address: SocketAddr,
    /// Bytes of bodies that came.
    body: Arc<AtomicUsize>,
    /// Requests with `Expect`.
    expected: Arc<AtomicUsize>,
}

async fn start(meets: Meets) -> Upstream {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let upstream = Upstream {
        address: listener.local_addr().expect("an address"),
        body: Arc::default(),
        expected: Arc::default(),
    };
    let (body, expected) = (Arc::clone(&upstream.body), Arc::clone(&upstream.expected));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(meet(stream, meets, Arc::clone(&body), Arc::clone(&expected)));
        }
    });
    upstream
}

/// Answers one request.
async fn meet(
    mut stream: TcpStream,
    meets: Meets,
    body: Arc<AtomicUsize>,
    expected: Arc<AtomicUsize>,
) -> Option<()> {
    let mut buffer = Vec::new();
    let end = loop {
        if let Some(end) = end_of_head(&buffer) {
            break end;
        }
        stream.read_buf(&mut buffer).await.ok().filter(|&read| read > 0)?;
    };
    let fields = fields(&buffer[..end]);
    let value = |name: &str| fields.iter().find(|(found, _)| found == name).map(|(_, value)| value);
    let expects = value("expect").is_some();
    expected.fetch_add(usize::from(expects), Ordering::SeqCst);
    let length: usize = value("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let refusal = match meets {
        Meets::Fails if expects => Some("417 Expectation Failed"),
        Meets::Refuses => Some("413 Content Too Large"),
        _ => None,
    };
    if let Some(status) = refusal {
        // If nothing was asked for, nothing comes.
        let early = timeout(Duration::from_millis(300), stream.read_buf(&mut buffer)).await;
        body.fetch_add(buffer.len() - end, Ordering::SeqCst);
        drop(early);
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return stream.write_all(text.as_bytes()).await.ok();
    }
    if meets == Meets::Continues && expects {
        // Nothing of the body may be there before it was asked for.
        assert_eq!(buffer.len(), end, "the body came too early");
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
    }
    while buffer.len() - end < length {
        stream.read_buf(&mut buffer).await.ok().filter(|&read| read > 0)?;
    }
    body.fetch_add(buffer.len() - end, Ordering::SeqCst);
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    stream.write_all(text.as_bytes()).await.ok()
}

fn file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, vec![b'x'; LENGTH]).expect("a file");
    path
}

/// What curl wrote: the status and what it told of the exchange.
async fn curl(arguments: &[&str]) -> (String, String) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--verbose", "--max-time", "60", "--output", "/dev/null"]);
    command.args(["--write-out", "%{http_code}"]).args(arguments).env("LC_ALL", "C");
    let output =
        spawn_blocking(move || command.output()).await.expect("no panic").expect("curl starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs curl; .ci/run runs it"]
async fn uploads() {
    if !is_there("curl", "curl") {
        return;
    }
    let path = file("curl-upload");
    let path = path.to_str().expect("UTF-8");
    for (meets, status, told, arrived, expected) in [
        (Meets::Continues, "200", "HTTP/1.1 100 Continue", LENGTH, 1),
        // The body was not read, so the connection ends, and curl does not ask again.
        (Meets::Fails, "417", "HTTP/1.1 417 ", 0, 1),
        (Meets::Refuses, "413", "HTTP/1.1 413 ", 0, 1),
        (Meets::Ignores, "200", "HTTP/1.1 200 ", LENGTH, 1),
    ] {
        let upstream = start(meets).await;
        let proxy = ReverseProxy::new(&format!("http://{}/", upstream.address)).expect("a target");
        let url = format!("http://{}/up", front::serve(proxy).await);
        // curl expects 100 by itself for a body of this length. It would go on after a second; the proxy must not
        // rely on that.
        let arguments = ["--expect100-timeout", "30", "--upload-file", path, &url];
        let (code, text) = curl(&arguments).await;
        assert_eq!(code, status, "{meets:?}: {text}");
        assert!(text.contains(&format!("< {told}")), "{meets:?}: {text}");
        assert_eq!(text.contains("< HTTP/1.1 100"), arrived > 0, "{meets:?}: {text}");
        assert_eq!(upstream.body.load(Ordering::SeqCst), arrived, "{meets:?}: {text}");
        assert_eq!(upstream.expected.load(Ordering::SeqCst), expected, "{meets:?}");
    }
}
