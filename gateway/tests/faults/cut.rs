//! An end, a reset, a stall or garbage at every byte of an answer and of a request.
//!
//! Whatever happens: the client gets a failure or an answer that is visibly cut, never one that looks whole and is
//! not, and the next request is answered rightly.

use std::time::Duration;

use proxyfix_gateway::{Limits, ProxyOptions, ReverseProxy, Target};

use crate::net::{
    Step,
    client::{Answer, Client},
    front, send,
    upstream::{Begin, Upstream},
    wait,
};

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

const WITH_LENGTH: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n0123456789";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
    6\r\n012345\r\n4\r\n6789\r\n0\r\nX-Sum: 10\r\n\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

const REQUEST: &str = "GET /x HTTP/1.1\r\nHost: app.example\r\nTE: trailers\r\n\r\n";
const UPGRADE: &str = "GET /x HTTP/1.1\r\nHost: app.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What upstream does in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Close,
    Reset,
    Stall,
    Garbage,
    /// Garbage on a connection that stays open, so that what is left over could answer the next request.
    OpenGarbage,
}

const FAULTS: [Fault; 5] =
    [Fault::Close, Fault::Reset, Fault::Stall, Fault::Garbage, Fault::OpenGarbage];

impl Fault {
    /// The answer up to here, and the fault.
    fn at(self, answer: &str, at: usize) -> Vec<Step> {
        let (start, rest) = answer.split_at(at);
        // The pause makes one read see what came before the fault.
        let mut steps = vec![send(start), wait(1)];
        match self {
            Self::Close => steps.push(Step::Close),
            Self::Reset => steps.push(Step::Reset),
            Self::Stall => steps.extend([wait(3_000), Step::Close]),
            Self::Garbage => steps.extend([send(b"\x00\xff\r\r\n: ;"), send(rest), Step::Close]),
            Self::OpenGarbage => steps.extend([send(b"\x00\xff\r\r\n: ;"), send(rest)]),
        }
        steps
    }

    /// Whether a proxy may wait for what never comes.
    fn may_wait(self) -> bool {
        matches!(self, Self::Stall | Self::OpenGarbage)
    }

    fn is_garbage(self) -> bool {
        matches!(self, Self::Garbage | Self::OpenGarbage)
    }
}

/// A proxy with short limits in front of an upstream with a fault in its first answer, and good ones after it.
async fn proxy(answer: &'static str, at: usize, fault: Fault) -> (std::net::SocketAddr, Upstream) {
    let upstream = Upstream::start(Begin::AfterBody, move |number, _| match number {
        0 => fault.at(answer, at),
        _ => vec![send(GOOD)],
    })
    .await;
    // Only what may stall needs a short limit, and a busy machine needs long ones.
    let limit = Duration::from_secs(if fault.may_wait() { 1 } else { 20 });
    let limits = Limits::default().head(limit).gap(limit);
    let target =
        Target::builder(format!("http://{}/", upstream.address)).limits(limits).build().unwrap();
    let proxy = ReverseProxy::with_options(target, ProxyOptions::new()).unwrap();
    (front::serve(proxy).await, upstream)
}

async fn assert_next_is_good(address: std::net::SocketAddr, case: &str) {
    let answer = Client::once(address, REQUEST).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "good"), "{case}: the next request");
}

/// Runs all faults at all places of an answer, some at a time.
async fn everywhere<F, G>(answer: &'static str, check: F)
where
    F: Fn(Fault, usize) -> G + Copy + Send + 'static,
    G: Future<Output = ()> + Send + 'static,
{
    for fault in FAULTS {
        for places in (0..answer.len()).collect::<Vec<_>>().chunks(24) {
            let tasks: Vec<_> = places.iter().map(|&at| tokio::spawn(check(fault, at))).collect();
            for task in tasks {
                task.await.unwrap();
            }
        }
    }
}

fn assert_no_false_whole(answer: &Answer, at: usize, head: usize, fault: Fault, case: &str) {
    match answer.status {
        // Garbage in a field's value or in a chunk's data is no fault that anyone can see.
        200 if answer.is_whole => assert!(fault.is_garbage(), "{case}"),
        200 => assert!(at >= head || fault.is_garbage(), "{case}: a head that never came"),
        504 => assert!(fault.may_wait() && at < head, "{case}"),
        502 => assert_ne!(fault, Fault::Stall, "{case}"),
        // The body failed before its head was on the way, so the connection ends without either.
        0 => {
            assert!(at >= head, "{case}: no answer");
            return;
        }
        other => panic!("{case}: status {other}"),
    }
    if answer.status != 200 {
        assert!(answer.error().is_some() && answer.is_whole, "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_with_a_length() {
    everywhere(WITH_LENGTH, |fault, at| async move {
        let case = format!("{fault:?} at {at}");
        let (address, _upstream) = proxy(WITH_LENGTH, at, fault).await;
        let answer = Client::once(address, REQUEST).await;
        let head = WITH_LENGTH.find("\r\n\r\n").unwrap() + 4;
        assert_no_false_whole(&answer, at, head, fault, &case);
        if answer.is_whole && answer.status == 200 {
            assert_eq!(answer.body.len(), 10, "{case}");
        }
        assert_next_is_good(address, &case).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunked_answer() {
    everywhere(CHUNKED, |fault, at| async move {
        let case = format!("{fault:?} at {at}");
        let (address, _upstream) = proxy(CHUNKED, at, fault).await;
        let answer = Client::once(address, REQUEST).await;
        let head = CHUNKED.find("\r\n\r\n").unwrap() + 4;
        assert_no_false_whole(&answer, at, head, fault, &case);
        if !fault.is_garbage() {
            assert!(!answer.is_whole || answer.status != 200, "{case}: {answer:?}");
            assert!(b"0123456789".starts_with(&answer.body[..]) || answer.status != 200, "{case}");
        }
        assert_next_is_good(address, &case).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_of_protocols() {
    everywhere(SWITCHED, |fault, at| async move {
        let case = format!("{fault:?} at {at}");
        let (address, _upstream) = proxy(SWITCHED, at, fault).await;
        let answer = Client::once(address, UPGRADE).await;
        let expected: &[u16] = match fault {
            Fault::Stall => &[504],
            Fault::Close | Fault::Reset => &[502],
            // Garbage after a field's name can leave the field as it must be.
            Fault::Garbage => &[502, 101],
            Fault::OpenGarbage => &[502, 504, 101],
        };
        assert!(expected.contains(&answer.status), "{case}: {}", answer.status);
        assert_next_is_good(address, &case).await;
    })
    .await;
}

/// Byte by byte, an answer is slow but right: the limits are for pauses.
#[tokio::test]
async fn trickles() {
    for answer in [WITH_LENGTH, CHUNKED] {
        let steps =
            |_: usize, _: &_| answer.bytes().flat_map(|byte| [send([byte]), wait(1)]).collect();
        let upstream = Upstream::start(Begin::AfterBody, steps).await;
        let proxy = ReverseProxy::new(&format!("http://{}/", upstream.address)).unwrap();
        let address = front::serve(proxy).await;
        let answer = Client::once(address, REQUEST).await;
        assert!(answer.is_whole);
        assert_eq!(answer.text(), "0123456789");
    }
}

/// A client that goes away, or resets, at every byte of its request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_breaks_off() {
    const UPLOAD: &str = "POST /x HTTP/1.1\r\nHost: app.example\r\nTransfer-Encoding: chunked\r\n\r\n\
        6\r\n012345\r\n4\r\n6789\r\n0\r\nX-Sum: 10\r\n\r\n";
    let upstream = Upstream::answering(GOOD).await;
    let target = Target::parse(&format!("http://{}/", upstream.address)).unwrap();
    let address =
        front::serve(ReverseProxy::with_options(target, ProxyOptions::new()).unwrap()).await;
    for is_reset in [false, true] {
        for at in 0..UPLOAD.len() {
            let before = upstream.seen().len();
            let mut client = Client::connect(address).await;
            client.send(&UPLOAD[..at]).await;
            if is_reset {
                client.reset();
            } else {
                drop(client);
            }
            assert_next_is_good(address, &format!("{is_reset} at {at}")).await;
            let cut = upstream
                .seen()
                .into_iter()
                .skip(before)
                .filter(|seen| seen.line().starts_with("POST"));
            for seen in cut {
                assert!(!seen.is_whole, "{at}: an upload that was cut looks whole: {seen:?}");
            }
        }
    }
}

/// Garbage in the place of each byte of a request reaches upstream as one request at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_garbage() {
    const UPLOADS: [&str; 2] = [
        "POST /x HTTP/1.1\r\nHost: app.example\r\nContent-Length: 5\r\n\r\n01234",
        "POST /x HTTP/1.1\r\nHost: app.example\r\nTransfer-Encoding: chunked\r\n\r\n\
            5\r\n01234\r\n0\r\nX-Sum: 5\r\n\r\n",
    ];
    for (upload, garbage) in UPLOADS
        .iter()
        .flat_map(|upload| [0_u8, b'\r', b'\n', b' ', b':', 0xff].map(|byte| (upload, byte)))
    {
        for at in 0..upload.len() {
            let case = format!("{garbage} at {at}");
            // Each case has an upstream of its own, because a request may reach it after its answer is here.
            let upstream = Upstream::answering(GOOD).await;
            let proxy = ReverseProxy::new(&format!("http://{}/", upstream.address)).unwrap();
            let address = front::serve(proxy).await;
            let mut bytes = upload.as_bytes().to_vec();
            bytes[at] = garbage;
            let mut client = Client::connect(address).await;
            client.send(&bytes).await;
            client.run(vec![Step::Finish]).await;
            let mut answers = 0;
            while client.answer(false).await.status > 0 {
                answers += 1;
            }
            assert_next_is_good(address, &case).await;
            let seen = upstream.seen();
            assert!(answers <= 2 && seen.len() <= 2, "{case}: {answers} answers, {seen:?}");
            assert!(seen.iter().all(|seen| seen.fault.is_none()), "{case}");
        }
    }
}
