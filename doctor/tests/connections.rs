//! What stands before a request on its connection: another request, or a line of the PROXY protocol.

mod odd;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use proxyfix_doctor::{
    infer::infer,
    probe::{Kind, Shape},
    record::Outcome,
};

use self::odd::{Act, LINE, ask, has, line, record, usual};

/// Only the first request of a connection gets the proxy's lines; the rest of it is passed on byte by byte.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_first_request_is_changed() {
    let report = ask(
        1,
        |_| (),
        |head, client| {
            if head.starts_with("CONNECT ") || head.starts_with("PROXY ") {
                return odd::refuse("400 Bad Request", "");
            }
            Act::Tunnel(usual(head, client).replace("Connection: close\r\n", ""))
        },
    )
    .await;
    assert_eq!((line(&report), report.findings[0].code), (None, "client-conditional"));
    assert!(report.findings[0].seen.contains("second request"), "{:#?}", report.findings);
}

/// A proxy that ends each connection has no second request, and one that keeps it changes both.
#[tokio::test(flavor = "multi_thread")]
async fn who_ends_the_connection_has_no_second_request() {
    let recording = record(1, |_| (), |head, client| Act::Pass(usual(head, client), 0, 2)).await;
    assert_eq!(line(&infer(&recording)), LINE);
    let second = |kind| kind == Kind::Headers(Shape::Second);
    let mut seconds = recording.exchanges.iter().filter(|each| second(each.probe.kind)).peekable();
    assert!(seconds.peek().is_some());
    assert!(seconds.all(|each| each.outcome == Outcome::Ended));
}

/// Somebody who hangs up on the second request alone has said nothing about it.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_without_an_answer() {
    let recording = record(
        1,
        |_| (),
        |head, client| {
            let once = usual(head, client);
            let keeps = head.contains("-first ");
            if keeps { Act::Kept(once, 0, 2) } else { Act::Pass(once, 0, 2) }
        },
    )
    .await;
    let report = infer(&recording);
    assert_eq!(line(&report), None);
    assert!(has(&report, "untried"), "{:#?}", report.findings);
}

/// A proxy that believes the PROXY protocol from anybody.
#[tokio::test(flavor = "multi_thread")]
async fn a_claimed_address() {
    let count = Arc::new(AtomicUsize::new(0));
    for believes in [true, false] {
        let seen = Arc::clone(&count);
        let act = move |head: &str, client: SocketAddr| {
            let Some((claim, head)) =
                head.strip_prefix("PROXY ").and_then(|rest| rest.split_once("\r\n"))
            else {
                return Act::Pass(usual(head, client), 0, 2);
            };
            seen.fetch_add(1, Ordering::Relaxed);
            let words: Vec<_> = claim.split(' ').collect();
            assert_eq!((words[0], words.len()), ("TCP4", 5), "{claim}");
            let claimed: IpAddr = words[1].parse().unwrap();
            let from = if believes { SocketAddr::from((claimed, 4711)) } else { client };
            Act::Pass(usual(head, from), 0, 2)
        };
        let report = ask(1, |_| (), act).await;
        assert_eq!(line(&report), if believes { None } else { LINE }, "{:#?}", report.findings);
        assert_eq!(has(&report, "proxy-protocol"), believes);
        assert_eq!(report.findings[0].code == "proxy-protocol", believes);
    }
    assert!(count.load(Ordering::Relaxed) >= 2);
}

/// CONNECT is answered with success, and what is behind it with nothing: that is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_without_an_end() {
    let quick = |settings: &mut proxyfix_doctor::prober::Settings| {
        settings.timeout = std::time::Duration::from_secs(1);
    };
    let act = |head: &str, client: SocketAddr| {
        if head.starts_with("CONNECT ") {
            return Act::Stall("HTTP/1.1 200 OK\r\n\r\n".to_owned());
        }
        Act::Pass(usual(head, client), 0, 2)
    };
    let report = ask(1, quick, act).await;
    assert_eq!(line(&report), LINE);
    assert!(has(&report, "tunnel"), "{:#?}", report.findings);
}
