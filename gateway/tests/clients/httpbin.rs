//! httpbin as upstream: the same requests to it and to the proxy get the same answers; and curl, which follows
//! redirects and keeps cookies, finds its way under a prefix.

use std::{net::SocketAddr, process::Command, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use proxyfix_gateway::{Body, HostHeader, ProxyOptions, ReverseProxy, ReverseProxyLayer, Target};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::spawn_blocking,
    time::Instant,
};
use tower::{Layer, service_fn};

use super::{
    programs::{Server, here, is_there, python, run},
    wire::{
        client::{Response as Answer, ask},
        front, latin1,
    },
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Method, target, field lines, body.
const REQUESTS: &[(&str, &str, &str, &str)] = &[
    ("GET", "/get?a=b&a=c%20d&e=caf%C3%A9", "Accept: text/plain\r\n", ""),
    ("GET", "/headers", "X-A: 1\r\nX-B: \r\nCookie: a=b; c=d\r\n", ""),
    ("GET", "/user-agent", "User-Agent: test/1.0\r\n", ""),
    ("GET", "/ip", "", ""),
    ("HEAD", "/get", "", ""),
    ("OPTIONS", "/get", "", ""),
    (
        "POST",
        "/post?x=y",
        "Content-Type: application/json\r\nContent-Length: 13\r\n",
        "{\"a\":[1,2,3]}",
    ),
    (
        "POST",
        "/post",
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n",
        "a=b&c=%C3%A",
    ),
    ("POST", "/post", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n6\r\n, you!\r\n0\r\n\r\n"),
    ("PUT", "/put", "Content-Length: 5\r\n", "hello"),
    ("PATCH", "/patch", "Content-Length: 5\r\n", "hello"),
    ("DELETE", "/delete", "Content-Length: 5\r\n", "hello"),
    ("GET", "/anything/a%20b/c;d?e=f", "", ""),
    ("PROPFIND", "/anything", "", ""),
    ("GET", "/status/204", "", ""),
    ("GET", "/status/304", "", ""),
    ("GET", "/status/401", "", ""),
    ("GET", "/status/402", "", ""),
    ("GET", "/status/406", "", ""),
    ("GET", "/status/418", "", ""),
    ("GET", "/status/500", "", ""),
    ("GET", "/status/503", "", ""),
    ("GET", "/nothing-here", "", ""),
    ("POST", "/get", "Content-Length: 0\r\n", ""),
    ("GET", "/redirect/3", "", ""),
    ("GET", "/relative-redirect/2", "", ""),
    ("GET", "/absolute-redirect/2", "", ""),
    ("GET", "/redirect-to?url=http://other.example/x&status_code=307", "", ""),
    ("GET", "/cookies", "Cookie: a=b; c=d\r\n", ""),
    ("GET", "/cookies/set?a=b&c=d", "", ""),
    ("GET", "/cookies/delete?a", "Cookie: a=b\r\n", ""),
    ("GET", "/response-headers?X-A=1&X-A=2&Content-Type=text/plain", "", ""),
    ("GET", "/gzip", "Accept-Encoding: gzip\r\n", ""),
    ("GET", "/deflate", "Accept-Encoding: deflate\r\n", ""),
    ("GET", "/brotli", "Accept-Encoding: br\r\n", ""),
    ("GET", "/encoding/utf8", "", ""),
    ("GET", "/html", "", ""),
    ("GET", "/xml", "", ""),
    ("GET", "/json", "", ""),
    ("GET", "/image/png", "", ""),
    ("GET", "/links/5/1", "", ""),
    ("GET", "/bytes/5000?seed=1", "", ""),
    ("GET", "/stream-bytes/5000?seed=1&chunk_size=100", "", ""),
    ("GET", "/stream/20", "", ""),
    ("GET", "/drip?duration=1&numbytes=4&delay=0", "", ""),
    ("GET", "/range/1024", "Range: bytes=10-20\r\n", ""),
    ("GET", "/range/1024", "Range: bytes=2000-\r\n", ""),
    ("GET", "/etag/x", "If-None-Match: \"x\"\r\n", ""),
    ("GET", "/etag/x", "If-Match: \"y\"\r\n", ""),
    ("GET", "/cache", "If-Modified-Since: Fri, 27 Nov 2026 10:00:00 GMT\r\n", ""),
    ("GET", "/cache/60", "", ""),
    ("GET", "/basic-auth/u/p", "Authorization: Basic dTpw\r\n", ""),
    ("GET", "/basic-auth/u/p", "", ""),
    ("GET", "/hidden-basic-auth/u/p", "", ""),
    ("GET", "/bearer", "Authorization: Bearer t\r\n", ""),
    ("GET", "/base64/aGVsbG8=", "", ""),
    ("GET", "/delay/1", "", ""),
    ("GET", "/robots.txt", "", ""),
    ("GET", "/deny", "", ""),
    ("GET", "/forms/post", "", ""),
];

/// Fields that each server writes for its own connection, or by its own clock.
const OF_THE_SERVER: [&str; 5] = ["date", "connection", "keep-alive", "transfer-encoding", "via"];

/// An answer without what differs between two exchanges that are the same, and without what the proxy tells
/// the application of itself. `/cache` makes a new `ETag` and `Last-Modified` each time.
fn comparable(target: &str, answer: &Answer) -> String {
    let mut fields = answer.fields.clone();
    fields.retain(|(name, _)| {
        let is_of_the_moment =
            target.starts_with("/cache") && matches!(&**name, "etag" | "last-modified");
        !OF_THE_SERVER.contains(&&**name) && !is_of_the_moment
    });
    // Only lines with the same name have an order.
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut body = latin1(&answer.body);
    if let Ok(mut json) = serde_json::from_slice::<Value>(&answer.body) {
        if let Some(headers) = json.get_mut("headers").and_then(Value::as_object_mut) {
            headers.retain(|name, _| !name.starts_with("X-Forwarded-") && name != "Via");
            fields.retain(|(name, _)| name != "content-length");
        }
        body = json.to_string();
    }
    format!("{} {} {fields:#?} {body:?} {}", answer.status, answer.reason, answer.is_complete)
}

fn httpbin() -> Option<Server> {
    let python = python()?;
    Some(Server::start(Command::new(python).arg(here().join("serve_httpbin.py"))))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python and PyPI; .ci/run runs it"]
async fn the_same_answers() {
    let Some(upstream) = spawn_blocking(httpbin).await.expect("no panic") else { return };
    let target = Target::builder(format!("http://{}/", upstream.address)).host(HostHeader::Client);
    let proxy = ReverseProxy::with_options(target.build().expect("a target"), ProxyOptions::new());
    let front = front::serve(proxy.expect("options")).await;
    for (method, target, fields, body) in REQUESTS {
        let text =
            format!("{method} {target} HTTP/1.1\r\nHost: site.example\r\n{fields}\r\n{body}");
        let direct = ask(upstream.address, &[text.as_bytes()], method, PATIENCE).await;
        let through = ask(front, &[text.as_bytes()], method, PATIENCE).await;
        let (Some(direct), Some(through)) = (direct, through) else { panic!("{text}: no answer") };
        assert!(direct.status < 500 || target.starts_with("/status/5"), "{text}: {direct:?}");
        assert_eq!(comparable(target, &through), comparable(target, &direct), "{text}");
    }
}

/// When the first and the last bytes of a body came, from the end of the head on.
async fn arrival(address: SocketAddr, target: &str) -> (Duration, Duration) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let text = format!("GET {target} HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.expect("sent");
    let (started, mut times) = (Instant::now(), Vec::new());
    let mut buffer = [0; 4096];
    while let Ok(read) = stream.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        times.push(started.elapsed());
    }
    (times[0], times[times.len() - 1])
}

/// A body that comes in pieces goes on in pieces.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python and PyPI; .ci/run runs it"]
async fn a_drip() {
    let Some(upstream) = spawn_blocking(httpbin).await.expect("no panic") else { return };
    let proxy = ReverseProxy::new(&format!("http://{}/", upstream.address)).expect("a target");
    let front = front::serve(proxy).await;
    let target = "/drip?duration=3&numbytes=3&delay=0";
    for address in [upstream.address, front] {
        let (first, last) = arrival(address, target).await;
        assert!(last.saturating_sub(first) > Duration::from_millis(800), "{first:?} to {last:?}");
    }
}

async fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--location", "--max-time", "60"]).args(arguments);
    spawn_blocking(move || run(&mut command)).await.expect("no panic")
}

/// httpbin knows nothing of the prefix. What names it in redirects and cookies is turned back.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python, PyPI and curl; .ci/run runs it"]
async fn under_a_prefix() {
    if !is_there("curl", "curl") {
        return;
    }
    let Some(upstream) = spawn_blocking(httpbin).await.expect("no panic") else { return };
    let target = Target::builder(format!("http://{}/", upstream.address)).remove_prefix(true);
    let target = target.rewrite_location(true).rewrite_cookies(true).build().expect("a target");
    let layer = ReverseProxyLayer::builder().target("/bin", target).build().expect("a table");
    let inner = service_fn(|_: Request<Incoming>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Body::from("inner")))
    });
    let front = front::serve(layer.layer(inner)).await;

    for path in ["absolute-redirect/3", "relative-redirect/3", "redirect/2", "redirect-to?url=/get"]
    {
        let url = format!("http://{front}/bin/{path}");
        let text = curl(&["--write-out", "\n%{url_effective} %{http_code}", &url]).await;
        assert!(text.ends_with(&format!("\nhttp://{front}/bin/get 200")), "{path}: {text}");
    }
    let (url, list) =
        (format!("http://{front}/bin/cookies/set?a=b&c=d"), format!("http://{front}/elsewhere"));
    let text = curl(&["--cookie", "", &url, "--next", "--silent", "--cookie", "", &list]).await;
    assert!(text.contains("\"a\": \"b\"") && text.contains("\"c\": \"d\""), "{text}");
    assert!(text.ends_with("inner"), "{text}");
    let elsewhere = format!("http://{front}/bin/redirect-to?url=http%3A%2F%2F{front}%2Felsewhere");
    assert_eq!(curl(&[&elsewhere]).await, "inner", "a redirect to another place stays as it is");
}
