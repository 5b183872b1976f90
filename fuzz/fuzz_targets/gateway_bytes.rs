#![no_main]

//! The bytes of a client's connection, through hyper's server: each request that they are goes upstream once at most
//! and as it is, no other does, and there are no more answers than requests.

#[path = "../../gateway/tests/laws/requests.rs"]
mod requests;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use proxyfix_gateway::{
    Body, Limits, ProxyOptions, ReverseProxy, SendFuture, Target, Transport, Upstream,
};
use requests::{Asked, End, requests};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
}

/// A request as it went upstream.
struct Seen {
    method: String,
    path: String,
    headers: HeaderMap,
    /// `None` if it broke off.
    body: Option<Vec<u8>>,
}

/// Answers with the path and the length of the body.
#[derive(Clone, Default)]
struct Echo(Arc<Mutex<Vec<Seen>>>);

impl Transport for Echo {
    fn send<'a>(&'a self, _: &'a Upstream, request: Request<Body>) -> SendFuture<'a> {
        Box::pin(async {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
            let path = parts.uri.to_string();
            let text = echo(&path, body.as_ref().map_or(0, Vec::len));
            let method = parts.method.to_string();
            let mut response = Response::new(Body::from(text));
            if body.is_none() {
                *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            }
            self.0.lock().unwrap().push(Seen { method, path, headers: parts.headers, body });
            Ok(response)
        })
    }
}

fn echo(path: &str, length: usize) -> String {
    format!("{path} {length}")
}

/// What of a target goes upstream.
fn path(target: &str) -> String {
    let target = target.split('#').next().unwrap_or_default();
    let Some((_, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) else {
        return target.to_owned();
    };
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => rest[at..].to_owned(),
        Some(at) => format!("/{}", &rest[at..]),
        None => "/".to_owned(),
    }
}

/// The status and the body of each answer.
fn answers(mut bytes: &[u8], asked: &[Asked]) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        bytes = &bytes[end + 4..];
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.expect("a status");
        if status < 200 {
            continue;
        }
        let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a length").parse().expect("a number");
        let is_head = asked.get(answers.len()).is_some_and(|asked| asked.method == "HEAD");
        let length = if is_head { 0 } else { length };
        answers.push((status, String::from_utf8_lossy(&bytes[..length]).into_owned()));
        bytes = &bytes[length..];
    }
    assert!(bytes.is_empty(), "an answer that was cut");
    answers
}

/// What upstream saw, and what the client got.
async fn exchange(bytes: &[u8], cut: usize) -> (Vec<Seen>, Vec<u8>) {
    let transport = Echo::default();
    let options = ProxyOptions::new().pseudonym("front").transport(transport.clone());
    let limits = Limits::default().expect(Duration::from_millis(1));
    let target = Target::builder("http://up.example/").limits(limits).build().unwrap();
    let proxy = ReverseProxy::with_options(target, options).unwrap();
    let service = tower::service_fn(move |request: Request<Incoming>| {
        tower::ServiceExt::oneshot(proxy.clone(), request)
    });
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let server = http1::Builder::new()
        .half_close(true)
        .serve_connection(TokioIo::new(server), TowerToHyperService::new(service));
    let exchange = async {
        let mut got = Vec::new();
        let (mut reader, mut writer) = tokio::io::split(&mut client);
        let write = async {
            // The server may have ended.
            let _ = writer.write_all(&bytes[..cut]).await;
            tokio::task::yield_now().await;
            let _ = writer.write_all(&bytes[cut..]).await;
            let _ = writer.shutdown().await;
        };
        let (_, ()) = tokio::join!(reader.read_to_end(&mut got), write);
        got
    };
    let both = async { tokio::join!(server, exchange).1 };
    let got = tokio::time::timeout(Duration::from_secs(20), both).await.expect("an end");
    (std::mem::take(&mut *transport.0.lock().unwrap()), got)
}

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let cut = usize::from(cut).min(bytes.len());
    let asked = requests(bytes);
    let (seen, got) = RUNTIME.with(|runtime| runtime.block_on(exchange(bytes, cut)));
    let mut left = asked.iter();
    for seen in &seen {
        let is_this = |asked: &Asked| {
            let is_body = match &seen.body {
                Some(body) => asked.end == End::Whole && *body == asked.body,
                None => true,
            };
            seen.method == asked.method && seen.path == path(&asked.target) && is_body
        };
        assert!(left.any(is_this), "{} {} was not asked", seen.method, seen.path);
        assert_eq!(seen.headers.get_all("host").iter().collect::<Vec<_>>(), ["up.example"]);
        let lengths: Vec<_> = seen.headers.get_all("content-length").iter().collect();
        if let (Some(body), [length]) = (&seen.body, lengths.as_slice()) {
            assert_eq!(*length, body.len().to_string().as_str());
        }
        assert!(lengths.len() < 2 && !seen.headers.contains_key("transfer-encoding"));
    }
    let answers = answers(&got, &asked);
    assert!(answers.len() <= asked.len(), "{} answers to {}", answers.len(), asked.len());
    for ((status, text), asked) in answers.iter().zip(&asked) {
        let is_own = *text == echo(&path(&asked.target), asked.body.len());
        // What `Max-Forwards` ends is answered here.
        let is_here = asked.method == "HEAD" || asked.method == "OPTIONS" && text.is_empty();
        assert!(*status >= 400 || is_own || is_here, "{status} {text:?}");
    }
});
