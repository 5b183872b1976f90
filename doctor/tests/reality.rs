//! Probing survives reality: what stands before an application besides a proxy that behaves.
//!
//! Each test has a small proxy of its own between the prober and the receiver, which does one odd thing. Whatever
//! it does is said plainly, and what remains is still derived.

mod odd;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use proxyfix_doctor::{
    arrived::Field,
    infer::infer,
    listen::Listener,
    prober::{Settings, Url, probe},
    receiver::{Doctor, Token},
    record::Outcome,
};
use tokio::net::TcpListener;

use self::odd::{Act, LINE, ask, has, line, record, refuse, serve, usual};

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_behaves() {
    let report = ask(1, |_| (), |head, client| Act::Pass(usual(head, client), 0, 2)).await;
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_at_all() {
    let doctor = Doctor::new().unwrap();
    let token = doctor.token().clone();
    let listener = Listener::tcp((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let port = listener.address().unwrap().port();
    tokio::spawn(async move { listener.serve(doctor).await });
    let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let settings = Settings::new(vec![url], token);
    let report = infer(&probe(&settings, |_| ()).await.unwrap());
    assert_eq!(line(&report), Some("proxies=none for=1"), "{:#?}", report.findings);
}

/// A web application firewall that knows some lies.
#[tokio::test(flavor = "multi_thread")]
async fn a_firewall_refuses_some_probes() {
    let report = ask(
        1,
        |_| (),
        |head, client| {
            let lower = head.to_ascii_lowercase();
            if lower.contains("x-original-url") || lower.contains(": \"") || lower.len() > 4000 {
                return refuse("403 Forbidden", "");
            }
            Act::Pass(usual(head, client), 0, 2)
        },
    )
    .await;
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
    assert!(has(&report, "refused"));
    // What was refused together was asked alone.
    let uri = report.headers.iter().find(|header| header.name == "x-original-uri").unwrap();
    assert_eq!(uri.effect.text(), "passed");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_proxies_behind_one_name() {
    let turns = AtomicUsize::new(0);
    let report = ask(
        2,
        |_| (),
        move |head, client| {
            let turn = turns.fetch_add(1, Ordering::Relaxed) % 2;
            let once = usual(head, client);
            if turn == 0 { Act::Pass(once, 0, 2) } else { Act::Pass(usual(&once, client), 1, 3) }
        },
    )
    .await;
    assert_eq!(line(&report), None);
    assert!(has(&report, "unstable"), "{:#?}", report.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_behind_one_proxy() {
    let turns = AtomicUsize::new(0);
    let report = ask(
        2,
        |_| (),
        move |head, client| {
            let turn = turns.fetch_add(1, Ordering::Relaxed) % 2;
            Act::Pass(usual(head, client), turn, if turn == 0 { 2 } else { 3 })
        },
    )
    .await;
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
    assert!(has(&report, "several-instances"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_keeps_everything() {
    let kept = Arc::new(std::sync::Mutex::new(None::<String>));
    let report = ask(1, |_| (), move |head, client| {
        let mut kept = kept.lock().unwrap();
        match &*kept {
            Some(answer) => Act::Answer(answer.clone()),
            None => {
                let id = head.split(' ').nth(1).unwrap().rsplit('/').next().unwrap().to_owned();
                let arrived = format!(
                    "{{\"proxyfix-doctor\":\"0\",\"arrived\":{{\"peer\":\"{client}\",\"version\":\"\",\
                     \"method\":\"GET\",\"target\":\"/p/{id}\",\"fields\":[]}}}}"
                );
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{arrived}",
                    arrived.len()
                );
                *kept = Some(answer.clone());
                Act::Answer(answer)
            }
        }
    })
    .await;
    assert_eq!(line(&report), None);
    assert!(has(&report, "kept"), "{:#?}", report.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_in_front() {
    let login = |head: &str, client| {
        if head.contains("Authorization: Bearer x") {
            Act::Pass(usual(head, client), 0, 2)
        } else {
            refuse("401 Unauthorized", "WWW-Authenticate: Bearer\r\n")
        }
    };
    let report = ask(1, |_| (), login).await;
    assert_eq!((line(&report), report.findings[0].code), (None, "login"));
    let with = |settings: &mut Settings| {
        settings.headers.push(Field::new("Authorization", "Bearer x"));
    };
    let report = ask(1, with, login).await;
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
    // What lets the prober through is not recorded.
    let shown = |(head, client): (&str, SocketAddr)| Act::Pass(usual(head, client), 0, 2);
    let secret = |settings: &mut Settings| {
        settings.headers.push(Field::new("Authorization", "Bearer very-secret"));
    };
    let recording = record(1, secret, move |head, client| shown((head, client))).await;
    let text = serde_json::to_string(&recording).unwrap();
    assert!(text.contains("authorization") && !text.contains("very-secret"));
}

/// One listener speaks HTTP/2 alone, and another address of it does not answer at all.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_closed_beside_what_is_open() {
    let mut recording =
        record(1, |_| (), |head, client| Act::Pass(usual(head, client), 0, 2)).await;
    let mut closed = recording.exchanges[0].clone();
    closed.outcome = Outcome::Failed("no application protocol".to_owned());
    closed.way.ipv6 = true;
    recording.exchanges.insert(0, closed.clone());
    let report = infer(&recording);
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
    assert!(has(&report, "way-closed"));
    // Another listener that clients use first is no such address.
    recording.exchanges[0].way.port = 443;
    let report = infer(&recording);
    assert_eq!((line(&report), report.findings[0].code), (None, "way-closed"));
}

/// A typing error in the port of a listener that the user named leaves it unproved, and that is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_at_which_nobody_listens() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let also = move |settings: &mut Settings| {
        settings.urls.push(format!("http://app.example:{port}/").parse().unwrap());
        let here = Ipv4Addr::LOCALHOST.into();
        settings.resolve.push(("app.example".to_owned(), port, here));
    };
    let report = ask(1, also, |head, client| Act::Pass(usual(head, client), 0, 2)).await;
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
    let closed = report.findings.iter().find(|finding| finding.code == "way-closed").unwrap();
    assert!(closed.seen.contains(&format!("over http :{port}: ")), "{}", closed.seen);
    assert!(closed.instead.contains("is the port right"), "{}", closed.instead);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_https() {
    let report = ask(
        1,
        |_| (),
        |_, _| refuse("301 Moved Permanently", "Location: https://app.example/\r\n"),
    )
    .await;
    assert_eq!((line(&report), report.findings[0].code), (None, "login"));
    assert!(has(&report, "redirects"));
    assert!(report.findings[0].seen.contains("301 to https://app.example/"));
}

/// Nothing answers, answers without an end, and no HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn it_ends_by_itself() {
    let quick = |settings: &mut Settings| settings.timeout = Duration::from_millis(200);
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nx", "\0\0\0\r\n\r\n"] {
        let report = ask(1, quick, move |_, _| Act::Answer(answer.to_owned())).await;
        assert_eq!((line(&report), report.findings[0].code), (None, "no-answer"), "{answer:?}");
    }
}

/// Something answers no lie at all, or answers each with 503: the run ends, and no line follows.
#[tokio::test(flavor = "multi_thread")]
async fn it_ends_although_lies_come_to_nothing() {
    for hangs in [true, false] {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        let act = move |head: &str, client| {
            seen.fetch_add(1, Ordering::Relaxed);
            let honest = head.starts_with("GET /") && head.lines().count() < 6;
            match (honest, hangs) {
                (true, _) => Act::Pass(usual(head, client), 0, 2),
                (false, true) => Act::Hang,
                (false, false) => refuse("503 Service Unavailable", ""),
            }
        };
        let quick = |settings: &mut Settings| settings.timeout = Duration::from_millis(400);
        let report = ask(1, quick, act).await;
        assert_eq!(line(&report), None);
        assert!(has(&report, "untried"), "{:#?}", report.findings);
        let count = count.load(Ordering::Relaxed);
        assert!(count < 1500, "{count} requests");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link() {
    let report = ask(
        1,
        |_| (),
        |head, client| {
            std::thread::sleep(Duration::from_millis(20));
            Act::Pass(usual(head, client), 0, 2)
        },
    )
    .await;
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
}

/// Behind CONNECT a client writes to the application itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_opens_tunnels() {
    let report = ask(
        1,
        |_| (),
        |head, client| {
            if head.starts_with("CONNECT ") {
                return Act::Tunnel(head.to_owned());
            }
            Act::Pass(usual(head, client), 0, 2)
        },
    )
    .await;
    assert_eq!((line(&report), report.findings[0].code), (None, "tunnel"));
}

/// `listener=https` needs proof that nobody comes by plain HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn only_tls_is_reachable() {
    let silent = |head: &str, client| {
        Act::Pass(usual(head, client).replace("X-Forwarded-Proto: http\r\n", ""), 0, 2)
    };
    let mut recording = record(1, |_| (), silent).await;
    for exchange in &mut recording.exchanges {
        "https".clone_into(&mut exchange.way.scheme);
    }
    let report = infer(&recording);
    assert_eq!(line(&report), None);
    assert!(report.findings[0].code.starts_with("scheme-"), "{:#?}", report.findings);
    let mut plain = recording.exchanges[0].clone();
    (plain.way.scheme, plain.way.port) = ("http".to_owned(), 80);
    let location = Some("https://app.example/".to_owned());
    plain.outcome = Outcome::Refused { status: 301, location };
    recording.exchanges.push(plain);
    let report = infer(&recording);
    assert_eq!(line(&report), Some("proxies=loopback for=1 listener=https"));
    assert!(has(&report, "redirects"));
}

/// After some requests, nothing gets through any more: what is refused then proves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_requests() {
    for status in ["503 Service Unavailable", "403 Forbidden"] {
        let count = AtomicUsize::new(0);
        let limited = move |head: &str, client| {
            if count.fetch_add(1, Ordering::Relaxed) > 20 {
                return refuse(status, "");
            }
            Act::Pass(usual(head, client), 0, 2)
        };
        let report = ask(1, |_| (), limited).await;
        assert_eq!(line(&report), None, "{status}");
        assert!(has(&report, "untried"), "{status}: {:#?}", report.findings);
    }
}

/// Some requests fail by chance; sent again, they arrive.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_by_chance() {
    let count = AtomicUsize::new(0);
    let act = move |head: &str, client| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        if number > 10 && number % 50 == 0 {
            return refuse("403 Forbidden", "");
        }
        Act::Pass(usual(head, client), 0, 2)
    };
    let report = ask(1, |_| (), act).await;
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
}

/// A second address of the name, at which another proxy passes on what clients write.
#[tokio::test(flavor = "multi_thread")]
async fn another_address_of_the_name() {
    let token = Token::random().unwrap();
    let doctor = Doctor::with(token.clone(), Duration::from_secs(60)).unwrap();
    let receiver = Listener::tcp((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let to = receiver.address().unwrap();
    tokio::spawn(async move { receiver.serve(doctor).await });
    let good = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = good.local_addr().unwrap().port();
    let bad = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 6), port)).await.unwrap();
    serve(good, |head, client| Act::Pass(usual(head, client), 0, 2), vec![to]);
    let passes =
        |head: &str, _| Act::Pass(head.replacen("\r\n", "\r\nConnection: close\r\n", 1), 0, 2);
    serve(bad, passes, vec![to]);
    let url: Url = format!("http://app.example:{port}/").parse().unwrap();
    let mut settings = Settings::new(vec![url], token);
    let each = |last| ("app.example".to_owned(), port, Ipv4Addr::new(127, 0, 0, last).into());
    settings.resolve = vec![each(1)];
    let report = infer(&probe(&settings, |_| ()).await.unwrap());
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
    settings.resolve.push(each(6));
    let report = infer(&probe(&settings, |_| ()).await.unwrap());
    assert_eq!(line(&report), None);
    assert!(report.asked.iter().any(|asked| asked.way == "http, 127.0.0.6"));
    // An address too many is not asked, and that is said.
    settings.resolve = (1..=1).map(each).chain((20..=30).map(each)).collect();
    let report = infer(&probe(&settings, |_| ()).await.unwrap());
    assert!(report.findings.iter().any(|f| f.seen.contains("too many")), "{:#?}", report.findings);
}
