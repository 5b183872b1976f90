//! The cases that are data: what is sent, in a tunnel or not, and what must be true.

use proxyfix_gateway::{Credentials, ForwardProxyBuilder, ForwardProxyLayer, UserResolver};
use serde::Deserialize;

use super::{
    application::Seen,
    front::{Front, options},
    wire::{Answer, Stream, Wire},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    /// Which proxy. The usual one if nothing is said.
    front: Option<String>,
    /// The authority of the CONNECT, and what else it has.
    connect: Option<String>,
    #[serde(default)]
    fields: String,
    #[serde(default)]
    tls: bool,
    /// The name in the handshake. That of the CONNECT if nothing is said.
    sni: Option<String>,
    /// `None`: the answer to the CONNECT is meant.
    send: Option<String>,
    expect: Vec<String>,
}

fn front(name: Option<&str>) -> ForwardProxyBuilder {
    match name {
        None => options(),
        Some("user") => {
            let credentials = Credentials::any_user("Please enter \"prefix\"").unwrap();
            options().resolver(UserResolver::new()).credentials(credentials)
        }
        Some("off") => options().enable_websockets(false),
        Some("renamed") => {
            let authority = proxyfix_gateway::CertificateAuthority::options().in_memory().unwrap();
            ForwardProxyLayer::builder(authority).proxy_host("myproxy")
        }
        Some(other) => panic!("no front {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cases() {
    let mut faults = Vec::new();
    for line in include_str!("cases.jsonl").lines() {
        let case: Case = serde_json::from_str(line).expect(line);
        for under_axum in [false, true] {
            let options = front(case.front.as_deref());
            let front = if under_axum {
                Front::under_axum(options).await
            } else {
                Front::with(options).await
            };
            for fault in run(&case, &front).await {
                faults.push(format!("{} (axum: {under_axum}): {fault}", case.id));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

async fn run(case: &Case, front: &Front) -> Vec<String> {
    let mut wire = Wire::connect(front.address).await;
    let Some(authority) = &case.connect else {
        return ask(case, front, wire).await;
    };
    let answer = wire.ask_for_tunnel(authority, &case.fields).await;
    if case.send.is_none() {
        return check(case, &answer, front, None);
    }
    assert_eq!(answer.status, 200, "{}", case.id);
    if !case.tls {
        return ask(case, front, wire).await;
    }
    let host = authority.rsplit_once(':').unwrap().0;
    let name = case.sni.as_deref().unwrap_or(host);
    let wire = wire.tls(front.tls(&["http/1.1"]), name).await.expect(&case.id);
    ask(case, front, wire).await
}

async fn ask<T: Stream>(case: &Case, front: &Front, mut wire: Wire<T>) -> Vec<String> {
    let answer = wire.ask(case.send.as_deref().unwrap()).await;
    let is_open = if case.expect.iter().any(|expected| expected == "closed" || expected == "open") {
        let again = wire.ask("GET http://wsgiprox/again HTTP/1.1\r\nHost: wsgiprox\r\n\r\n").await;
        Some(again.status != 0)
    } else {
        None
    };
    check(case, &answer, front, is_open)
}

/// What is not as expected.
fn check(case: &Case, answer: &Answer, front: &Front, is_open: Option<bool>) -> Vec<String> {
    let all = front.log.all();
    let seen = all.first();
    let mut faults = Vec::new();
    for expected in &case.expect {
        let (key, value) = expected.split_once(": ").unwrap_or((expected, ""));
        let is_right = match key {
            "nothing seen" => seen.is_none(),
            "closed" => is_open == Some(false),
            "open" => is_open == Some(true),
            "body" => answer.text() == value && answer.is_whole,
            "answer" => {
                let (name, value) = value.split_once('=').unwrap();
                let found = answer.field(name);
                found.as_deref().is_some_and(|found| value == "*" || found == value)
            }
            "no answer" => answer.field(value).is_none(),
            status if status.parse::<u16>().is_ok() => answer.status.to_string() == status,
            _ => seen.is_some_and(|seen| of_request(seen, key, value)),
        };
        if !is_right {
            let (head, text) = (&answer.head, answer.text());
            faults.push(format!("expected {expected:?}\n{head}\n{text}\n{seen:?}"));
        }
    }
    faults
}

/// Whether the application saw this.
fn of_request(seen: &Seen, key: &str, value: &str) -> bool {
    if key == "no field" {
        return seen.field(value).is_none();
    }
    if key == "field" {
        let (name, value) = value.split_once('=').unwrap();
        return seen.field(name) == Some(value);
    }
    match (key, &seen.proxied) {
        ("url", _) => seen.uri == *value,
        ("direct", proxied) => proxied.is_none(),
        ("no upgrade", _) => !seen.has_upgrade,
        (_, None) => false,
        ("marker", Some(proxied)) => proxied.proxy_host() == value,
        ("matched", Some(proxied)) => proxied.matched_proxy_host().unwrap_or("none") == value,
        ("scheme", Some(proxied)) => {
            let peer = seen.peer.and_then(|peer| peer.scheme());
            proxied.scheme().as_str() == value && peer == Some(proxied.scheme())
        }
        ("host", Some(proxied)) => proxied.host() == value,
        ("user", Some(proxied)) => proxied.user() == Some(value),
        (other, _) => panic!("no expectation {other}"),
    }
}
