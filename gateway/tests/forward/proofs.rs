//! What must hold for every request: nothing is dialled, and no body is a request.

use std::{fs, path::Path};

use serde::Deserialize;
use tokio::task::JoinSet;

use super::{front::Front, wire::Wire};

#[derive(Deserialize)]
struct Template {
    gadget: String,
    #[serde(default)]
    bytes: Vec<(u8, u8)>,
}

/// smuggler's spellings of `Transfer-Encoding`, beside a `Content-Length` that covers a request behind the last chunk, in
/// a tunnel: whichever framing is read, that request is part of a body, or comes after the end of the connection.
#[tokio::test(flavor = "multi_thread")]
async fn smuggling_in_a_tunnel() {
    let front = Front::start().await;
    let mut gadgets = Vec::new();
    for line in include_str!("../corpora/smuggler.jsonl").lines() {
        let template: Template = serde_json::from_str(line).expect(line);
        let parts: Vec<_> = template.gadget.split("{}").collect();
        if template.bytes.is_empty() {
            gadgets.push(template.gadget.into_bytes());
            continue;
        }
        for byte in template.bytes.iter().flat_map(|(from, to)| *from..=*to) {
            gadgets.push(parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>().join(&byte));
        }
    }
    assert!(gadgets.len() > 500, "{}", gadgets.len());
    let body = "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: app.example\r\n\r\n";
    for some in gadgets.chunks(50) {
        let mut tasks = JoinSet::new();
        for gadget in some {
            let mut text = b"POST /payload HTTP/1.1\r\n".to_vec();
            text.extend(gadget);
            let length = body.len();
            text.extend(
                format!("\r\nHost: app.example\r\nContent-Length: {length}\r\n\r\n{body}")
                    .into_bytes(),
            );
            let next = b"GET /next HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n";
            text.extend(next);
            let address = front.address;
            tasks.spawn(async move {
                let mut wire = Wire::tunnel(address, "app.example:80").await;
                wire.send(text).await;
                wire.rest().await;
            });
        }
        tasks.join_all().await;
    }
    let seen = front.log.all();
    let paths: std::collections::BTreeSet<_> =
        seen.iter().map(super::application::Seen::path).collect();
    let expected = ["next", "payload"].map(|name| format!("/prefix/http://app.example/{name}"));
    assert_eq!(paths.into_iter().collect::<Vec<_>>(), expected);
}

/// Nothing in the module opens a connection, or looks a name up. A test with a real server, whose process may do neither,
/// is in `clients/forward.rs`.
#[test]
fn nothing_dials() {
    fn check(folder: &Path, count: &mut usize) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                check(&path, count);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(&path).unwrap();
                for word in [
                    "::connect(",
                    "TcpSocket",
                    "UnixStream",
                    "UdpSocket",
                    "lookup_host",
                    "ToSocketAddrs",
                    "reverse::",
                ] {
                    assert!(!source.contains(word), "{}: {word}", path.display());
                }
                *count += 1;
            }
        }
    }
    let mut count = 0;
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/forward"), &mut count);
    assert!(count > 20);
}
