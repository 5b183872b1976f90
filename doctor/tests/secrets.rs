//! Where the token and the user's own lines go, and where they are kept.

mod odd;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use proxyfix_doctor::{
    arrived::Field,
    infer::{Report, infer},
    prober::{Settings, Trust, probe},
    receiver::Token,
    record::Outcome,
};
use tokio::net::TcpListener;

use self::odd::{Act, has, record, refuse, serve, usual};

/// Asks `https://app.example/` alone, where nobody listens, and returns what the plain listener saw.
async fn https_alone(answer: &'static str, more: &'static str) -> (Vec<String>, String, Report) {
    let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = plain.local_addr().unwrap().port();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let act = move |head: &str, _: SocketAddr| {
        seen.lock().unwrap().push(head.to_owned());
        refuse(answer, more)
    };
    serve(plain, act, Vec::new());
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let token = Token::random().unwrap();
    let url = format!("https://app.example:{}/shop", closed.port()).parse().unwrap();
    let mut settings = Settings::new(vec![url], token.clone());
    settings.resolve = vec![("app.example".to_owned(), closed.port(), closed.ip())];
    settings.trust = Trust::Insecure;
    settings.plain = port;
    settings.headers.push(Field::new("Authorization", "Bearer very-secret"));
    let recording = probe(&settings, |_| ()).await.unwrap();
    let knocks: Vec<_> = recording.knocks().collect();
    assert!(matches!(knocks.as_slice(), [Outcome::Refused { .. }]), "{knocks:?}");
    let heads = heads.lock().unwrap().clone();
    (heads, token.as_str().to_owned(), infer(&recording))
}

/// Where nobody named the plain listener, it gets one request, and no secret.
#[tokio::test]
async fn no_secret_goes_unencrypted_by_itself() {
    for answer in ["404 Not Found", "301 Moved Permanently"] {
        let (heads, token, report) =
            https_alone(answer, "Location: https://app.example/\r\n").await;
        assert_eq!(heads.len(), 1, "{heads:?}");
        assert!(heads[0].starts_with("GET /shop/proxyfix-doctor/"), "{heads:?}");
        assert!(!heads[0].contains(&token) && !heads[0].contains("very-secret"), "{heads:?}");
        assert!(report.asked.iter().all(|asked| asked.way == "https"), "{:?}", report.asked);
        assert_eq!(has(&report, "redirects"), answer.starts_with("301"));
    }
}

/// What the user adds is in no recording: neither in its own line nor where a proxy copies it, whatever its name is.
#[tokio::test(flavor = "multi_thread")]
async fn what_lets_through_is_hidden() {
    for (name, value, copy) in [
        ("Authorization", "Bearer very-secret-123", "very-secret-123"),
        ("X-Gate", "very-secret-123", "VERY-secret-123"),
        ("X-Gate", "abc", "-"),
        ("X-Odd", "back\\slash-and-\"quotes\"", "back\\slash-and-\"quotes\""),
        ("Cookie", "theme=dark; sid=s3cr3t-s3cr3t", "s3cr3t-s3cr3t"),
    ] {
        let line = |settings: &mut Settings| settings.headers.push(Field::new(name, value));
        let act = move |head: &str, client: SocketAddr| {
            assert!(head.contains(value), "{head}");
            let own = format!("X-Copied: {copy}\r\nX-Url: /a?k={copy}\r\n\r\n");
            let head = usual(head, client);
            let refused = head.contains(": 8") || head.contains("CONNECT");
            if refused {
                let location = format!("Location: http://app.example{copy}\r\n");
                return Act::Answer(format!(
                    "HTTP/1.1 302 Found\r\nServer: {copy}\r\n{location}Content-Length: 0\r\n\r\n"
                ));
            }
            Act::Pass(head.trim_end().to_owned() + "\r\n" + &own, 0, 2)
        };
        let recording = record(1, line, act).await;
        let report = infer(&recording);
        assert_eq!(odd::line(&report), odd::LINE, "{:#?}", report.findings);
        let saved = serde_json::to_string(&recording).unwrap().to_ascii_lowercase();
        let escaped = value.replace('\\', "\\\\\\\\").replace('"', "\\\"");
        assert!(saved.contains(&name.to_ascii_lowercase()), "{name}");
        for secret in [value, copy, &escaped] {
            let secret = secret.to_ascii_lowercase();
            assert!(secret.len() < 8 || !saved.contains(&secret), "{name}: {secret}");
        }
        assert!(!saved.contains("\"value\":\"abc\""));
    }
}

/// Whatever leads elsewhere is not followed, neither for honest probes nor for lies.
#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let elsewhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let to = elsewhere.local_addr().unwrap();
    let followed = Arc::new(Mutex::new(0));
    let count = Arc::clone(&followed);
    let act = move |_: &str, _| {
        *count.lock().unwrap() += 1;
        refuse("404 Not Found", "")
    };
    serve(elsewhere, act, Vec::new());
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        for honest in [true, false] {
            let act = move |head: &str, client: SocketAddr| {
                let is_lie = head.lines().count() > 5 || !head.starts_with("GET /");
                if honest || is_lie {
                    let location =
                        format!("Location: http://{to}/\r\nRefresh: 0; url=http://{to}/\r\n");
                    return Act::Answer(format!(
                        "HTTP/1.1 {status}\r\n{location}Content-Length: 0\r\n\r\n"
                    ));
                }
                Act::Pass(usual(head, client), 0, 2)
            };
            let report = infer(&record(1, |_| (), act).await);
            assert!(report.line.is_none());
        }
    }
    assert_eq!(*followed.lock().unwrap(), 0);
}
