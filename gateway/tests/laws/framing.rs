//! Where a request ends, over real sockets.
//!
//! A client sends bytes, upstream parses strictly, and [`requests`](super::requests) says which requests the bytes
//! are. Each of them reaches upstream once at most and as it is, and no other does. Each is answered once at most,
//! with its own answer.

use std::{net::SocketAddr, time::Duration};

use proptest::{prelude::*, test_runner::TestCaseError};
use proxyfix_gateway::{Limits, ProxyOptions, ReverseProxy, Target};

use super::{
    generate::some_cases,
    requests::{Asked, End, chunks, fields, head, requests, sized, values, without_empty_lines},
    wire::{Sent, connection},
};
use crate::net::{
    Step,
    client::Client,
    front,
    upstream::{Begin, Seen, Upstream},
};

/// What upstream answers: the target, and the length of the body.
fn echo(target: &str, length: usize) -> String {
    format!("{target} {length}")
}

fn answer(seen: &Seen) -> Vec<Step> {
    let target = seen.line().split(' ').nth(1).unwrap_or_default();
    let text = echo(target, seen.body.len());
    let length = text.len();
    vec![Step::Send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{text}").into())]
}

/// A proxy that gives up only what is hopeless: the cases do not depend on time.
async fn proxy() -> (SocketAddr, Upstream) {
    let upstream = Upstream::start(Begin::AfterBody, |_, seen| answer(seen)).await;
    let limits = Limits::default().expect(Duration::from_millis(20));
    let target = Target::builder(format!("http://{}/", upstream.address)).limits(limits).build();
    let options = ProxyOptions::new().pseudonym("front");
    let address = front::serve(ReverseProxy::with_options(target.unwrap(), options).unwrap()).await;
    (address, upstream)
}

/// Whether upstream saw this request.
fn is_same(seen: &Seen, asked: &Asked) -> bool {
    let is_line = seen.line() == format!("{} {} HTTP/1.1", asked.method, asked.target);
    // One that is cut there is one that broke off, or a whole one whose trailers are refused.
    let is_body = if seen.is_whole {
        asked.end == End::Whole && seen.body == asked.body
    } else {
        asked.body.starts_with(&seen.body)
    };
    is_line && is_body
}

/// Sends the bytes, reads the answers, and checks both ends.
async fn check(sent: Sent) -> Result<(), TestCaseError> {
    let (address, upstream) = proxy().await;
    let asked = requests(&sent.bytes);
    let mut client = Client::connect(address).await;
    client.send(&sent.bytes[..sent.cut]).await;
    tokio::task::yield_now().await;
    client.send(&sent.bytes[sent.cut..]).await;

    let mut is_open = true;
    for one in asked.iter().filter(|one| one.end == End::Whole) {
        let answer = client.answer(false).await;
        if answer.status == 0 {
            is_open = false;
            break;
        }
        prop_assert!(answer.is_whole, "{:?} {:?}", one, answer);
        if answer.status == 200 {
            prop_assert_eq!(answer.text(), echo(&one.target, one.body.len()));
        } else {
            prop_assert!(!sent.is_innocent && answer.status >= 400, "{:?} {:?}", one, answer);
        }
    }
    prop_assert!(is_open || !sent.is_innocent, "an answer is missing");
    // What is no request, or only the start of one, is refused at most. Without an end, the server waits for more.
    client.run(vec![Step::Finish]).await;
    let mut refused = 0;
    loop {
        let answer = client.answer(false).await;
        if answer.status == 0 {
            break;
        }
        prop_assert!(answer.status >= 400, "nobody asked for {:?}", answer);
        refused += 1;
    }
    let started = usize::from(asked.last().is_some_and(|last| last.end != End::Whole));
    prop_assert!(refused <= started, "{} answers too many", refused - started);

    let mut left = asked.iter();
    for seen in upstream.seen() {
        prop_assert_eq!(seen.fault, None, "{:?}", &seen);
        prop_assert!(left.any(|asked| is_same(&seen, asked)), "{:?} was not asked", seen);
    }
    if sent.is_innocent {
        prop_assert_eq!(upstream.seen().len(), asked.len());
    }
    // No connection to upstream is poisoned.
    let next = Client::once(address, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n").await;
    prop_assert_eq!(next.text(), "/next 0");
    Ok(())
}

/// How the bytes of an answer to GET end, its body, and whether it ends by itself. hyper passes over empty lines
/// before it, and no other reading of them is possible.
fn read(bytes: &[u8]) -> (End, Vec<u8>, bool) {
    let mut body = Vec::new();
    let doubt = (End::Doubt, Vec::new(), false);
    let Some((lines, rest)) = head(without_empty_lines(bytes)) else {
        return (End::Cut, body, false);
    };
    let words: Vec<_> = lines.first().map_or("", String::as_str).splitn(3, ' ').collect();
    let [version @ ("HTTP/1.1" | "HTTP/1.0"), status, ..] = *words.as_slice() else { return doubt };
    let Some(fields) = fields(&lines[1..]) else { return doubt };
    let lengths = values(&fields, "content-length");
    // The answer is what follows, and that is none.
    if status.starts_with('1') {
        return doubt;
    }
    if ["204", "304"].contains(&status) {
        return (End::Whole, body, true);
    }
    let (end, is_framed) = match (values(&fields, "transfer-encoding").as_slice(), &*lengths) {
        ([], []) => {
            body = rest.to_vec();
            (End::Whole, false)
        }
        ([], lengths) => (sized(&mut body, lengths, rest).0, true),
        ([coding], _) if version == "HTTP/1.1" && coding.eq_ignore_ascii_case("chunked") => {
            (chunks(&mut body, rest).0, true)
        }
        _ => return doubt,
    };
    (end, body, is_framed)
}

/// Upstream sends these bytes. The client gets what they are or sees that they are not whole, and what is left over
/// answers nobody.
async fn check_answer(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let (end, body, is_framed) = read(&bytes);
    // What does not end by itself ends with the connection.
    let is_open = end == End::Whole && is_framed;
    let (sent, script) = (bytes.clone(), bytes);
    let upstream = Upstream::start(Begin::AfterBody, move |_, seen| {
        if seen.line().contains("/first") {
            let last = if is_open { vec![] } else { vec![Step::Close] };
            [vec![Step::Send(script.clone())], last].concat()
        } else {
            answer(seen)
        }
    })
    .await;
    // If the proxy waits for more than came, the client gets 504, which no answer is.
    let limits = Limits::default().head(Duration::from_secs(5)).gap(Duration::from_secs(5));
    let target = Target::builder(format!("http://{}/", upstream.address)).limits(limits).build();
    let proxy = ReverseProxy::with_options(target.unwrap(), ProxyOptions::new()).unwrap();
    let address = front::serve(proxy).await;
    let mut client = Client::connect(address).await;
    client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let got = client.answer(false).await;
    let framings = ["content-length", "transfer-encoding"].map(|name| got.field(name));
    prop_assert!(framings.iter().flatten().count() < 2, "{:?}", got);
    if got.is_whole && got.field("x-first").is_some() {
        prop_assert_eq!(end, End::Whole, "{:?}", &got);
        prop_assert_eq!(&got.body, &body);
    } else {
        // The status is upstream's own, or that of a failure.
        let is_upstreams = String::from_utf8_lossy(&sent).contains(&format!(" {}", got.status));
        prop_assert!([0, 502].contains(&got.status) || is_upstreams, "{:?}", got);
    }
    client.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let second = client.answer(false).await;
    prop_assert!(second.status == 0 || second.text() == "/second 0", "{:?}", second);
    prop_assert!(second.status == 200 || got.status == 0 || !got.is_whole, "the connection ended");
    let next = Client::once(address, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n").await;
    prop_assert_eq!(next.text(), "/next 0");
    Ok(())
}

/// Runs a case on a runtime of its own, so that nothing of it stays.
fn run(case: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    front::spread();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(case)
}

proptest! {
    #![proptest_config(some_cases())]

    #[test]
    fn of_requests(sent in connection()) {
        run(check(sent))?;
    }

    #[test]
    fn of_answers(bytes in super::wire::answer()) {
        let text = bytes.escape_ascii().to_string();
        run(check_answer(bytes)).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
    }
}
