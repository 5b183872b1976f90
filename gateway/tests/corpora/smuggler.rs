//! The payloads of smuggler: 1,768 spellings of a `Transfer-Encoding` beside a `Content-Length`, each with six
//! bodies. A body is complete by one of the two framings, or holds a request that only one of them shows.
//!
//! After each payload, one more request is sent on the connection. Then:
//!
//! 1. Upstream never sees two framings, nor a line that a lenient parser takes for one.
//! 2. Upstream sees the payload once at most, and the body is what the framing says that upstream sees.
//! 3. hyper's server decides what a `Transfer-Encoding: chunked` beside a `Content-Length` is: it reads the chunks,
//!    and ends the connection after the answer (RFC 9112 §6.3). Then nothing follows.
//! 4. Where a length is read, the request in the body arrives only if the length makes it a request of its own,
//!    and the next request arrives as it was sent, if the payload ends where its length says.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde::Deserialize;

use super::{
    PATIENCE, at_once, front_of, unclear,
    wire::{
        bytes,
        client::send_to_end,
        dechunk, latin1,
        recorder::{Answer, Framing, Recorder, Seen},
    },
};

#[derive(Deserialize)]
struct Template {
    gadget: String,
    #[serde(default)]
    bytes: Vec<(u8, u8)>,
}

/// A body, and the `Content-Length` beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// smuggler's own, for fronts that read chunks: one byte less or more than the chunks have.
    TeClTooLong,
    TeCl,
    /// smuggler's own, for fronts that read lengths: less or as much as the chunks have.
    ClTeTooShort,
    ClTe,
    /// A request after the last chunk, within the length.
    BehindChunks,
    /// A request within a chunk, behind the length.
    WithinChunk,
}

const FORMS: [Form; 6] = [
    Form::TeClTooLong,
    Form::TeCl,
    Form::ClTeTooShort,
    Form::ClTe,
    Form::BehindChunks,
    Form::WithinChunk,
];

#[derive(Clone)]
struct Payload {
    id: usize,
    gadget: Vec<u8>,
    form: Form,
}

impl Payload {
    fn hidden(&self) -> String {
        format!("GET /hidden/{} HTTP/1.1\r\nHost: app.example\r\n\r\n", self.id)
    }

    /// The body, and the length that is said of it.
    fn body(&self) -> (String, usize) {
        let hidden = self.hidden();
        match self.form {
            Form::TeClTooLong => ("0\r\n\r\nX".to_owned(), 6),
            Form::TeCl => ("0\r\n\r\nX".to_owned(), 5),
            Form::ClTeTooShort => ("1\r\nZ\r\n0\r\n\r\n".to_owned(), 4),
            Form::ClTe => ("1\r\nZ\r\n0\r\n\r\n".to_owned(), 11),
            Form::BehindChunks => (format!("0\r\n\r\n{hidden}"), 5 + hidden.len()),
            Form::WithinChunk => {
                let size = format!("{:x}\r\n", hidden.len());
                (format!("{size}{hidden}\r\n0\r\n\r\n"), size.len())
            }
        }
    }

    fn is_whole(&self) -> bool {
        let (body, length) = self.body();
        body.len() == length
    }

    fn text(&self) -> Vec<u8> {
        let (body, length) = self.body();
        let mut text = bytes(&format!("POST /payload/{} HTTP/1.1\r\n", self.id));
        text.extend(&self.gadget);
        let rest = format!(
            "\r\nHost: app.example\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\n{body}\
             GET /next/{} HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n",
            self.id
        );
        text.extend(bytes(&rest));
        text
    }

    /// Rules 1 to 4.
    fn wrong(&self, seen: &[Seen]) -> Option<String> {
        if let Some(wrong) = seen.iter().find_map(unclear) {
            return Some(wrong);
        }
        let of = |kind: &str| -> Vec<&Seen> {
            seen.iter().filter(|seen| seen.target().starts_with(kind)).collect()
        };
        let (own, hidden, next) = (of("/payload/"), of("/hidden/"), of("/next/"));
        let (body, length) = self.body();
        let own = match own.as_slice() {
            [] => {
                return (!seen.is_empty()).then(|| "only what follows reached upstream".to_owned());
            }
            [own] => *own,
            _ => return Some("the payload arrived twice".to_owned()),
        };
        let by_chunks = own.framing == Framing::Chunked;
        let expected = match dechunk(body.as_bytes()) {
            Some((content, ..)) if by_chunks => content,
            _ => body.as_bytes()[..length].to_vec(),
        };
        if own.method() != "POST" || own.body != expected {
            return Some(format!("another body: {:?}", latin1(&own.body)));
        }
        if by_chunks {
            let follows = hidden.len() + next.len();
            return (follows > 0).then(|| "the connection went on after two framings".to_owned());
        }
        let may_hide = usize::from(self.form == Form::WithinChunk);
        if hidden.len() > may_hide || hidden.iter().any(|seen| seen.method() != "GET") {
            return Some("the request in the body reached upstream".to_owned());
        }
        // What the length leaves of the body comes before the next request.
        let method = if self.form == Form::TeCl { "XGET" } else { "GET" };
        let is_other = |seen: &&Seen| seen.method() != method || !seen.body.is_empty();
        if next.len() > 1 || next.iter().any(is_other) {
            return Some(format!("the next request is another one: {next:?}"));
        }
        (self.is_whole() && next.is_empty()).then(|| "the next request was lost".to_owned())
    }
}

/// Every spelling, in Latin-1 and, where that differs, in UTF-8, which is what smuggler sends.
fn gadgets() -> Vec<Vec<u8>> {
    let mut gadgets = Vec::new();
    let mut number = 0;
    for line in include_str!("smuggler.jsonl").lines() {
        let template: Template = serde_json::from_str(line).expect("a template");
        let mut texts = Vec::new();
        if template.bytes.is_empty() {
            texts.push(template.gadget.clone());
        }
        for (first, last) in template.bytes {
            let with = |byte: u8| template.gadget.replace("{}", &char::from(byte).to_string());
            texts.extend((first..=last).map(with));
        }
        number += texts.len();
        for text in texts {
            gadgets.push(bytes(&text));
            if !text.is_ascii() {
                gadgets.push(text.into_bytes());
            }
        }
    }
    assert_eq!(number, 1768);
    gadgets
}

#[tokio::test(flavor = "multi_thread")]
async fn smuggler() {
    let upstream = Recorder::start(|_| Answer::ok("hello")).await;
    let front = front_of(&upstream).await;
    let gadgets = gadgets();
    let mut payloads = Vec::new();
    for gadget in &gadgets {
        for form in FORMS {
            payloads.push(Payload { id: payloads.len(), gadget: gadget.clone(), form });
        }
    }
    // A control: without a second framing, every body that is whole gets through.
    let first_control = payloads.len();
    for form in FORMS {
        payloads.push(Payload { id: payloads.len(), gadget: b"X-Control: 1".to_vec(), form });
    }
    let tasks = payloads
        .clone()
        .into_iter()
        .map(|payload| async move { send_to_end(front, &payload.text(), PATIENCE).await.status() });
    let statuses = at_once(256, tasks).await;

    let mut by_id: HashMap<usize, Vec<Seen>> = HashMap::new();
    for seen in upstream.settled().await {
        let target = seen.target();
        let id = target.rsplit('/').next().and_then(|id| id.parse().ok());
        let id = id.unwrap_or_else(|| panic!("nobody's request: {:?}", latin1(&seen.head)));
        by_id.entry(id).or_default().push(seen);
    }
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (payload, status) in payloads.iter().zip(&statuses) {
        let seen = by_id.remove(&payload.id).unwrap_or_default();
        if let Some(reason) = payload.wrong(&seen) {
            wrong.push(format!("{:?} {:?}: {reason}", latin1(&payload.gadget), payload.form));
        }
        let is_accepted = *status == 200;
        if is_accepted == seen.is_empty() {
            wrong.push(format!("{:?}: {status}, but {seen:?}", latin1(&payload.gadget)));
        }
        assert!(payload.id < first_control || is_accepted, "{:?} is a control", payload.form);
        *counts.entry(*status).or_default() += 1;
    }
    println!("{} spellings, {} payloads: {counts:?}", gadgets.len(), payloads.len());
    assert!(by_id.is_empty(), "requests that nobody sent: {by_id:?}");
    let some = wrong.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} are wrong, such as\n{some}", wrong.len());
}

/// The rules above find what a proxy would do that sends everything on: here the payloads reach upstream without one.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_find() {
    let gadgets = [
        "Transfer-Encoding: chunked",
        "Transfer_Encoding: chunked",
        "X: X\x0bTransfer-Encoding: chunked",
    ];
    let payloads = gadgets
        .iter()
        .flat_map(|gadget| FORMS.map(|form| Payload { id: 1, gadget: bytes(gadget), form }));
    let found = at_once(
        32,
        payloads.map(|payload| async move {
            let upstream = Recorder::start(|_| Answer::ok("hello")).await;
            send_to_end(upstream.address, &payload.text(), Duration::from_secs(3)).await;
            let seen = upstream.settled().await;
            (payload.wrong(&seen).is_some(), payload.form, seen)
        }),
    )
    .await;
    for (is_found, form, seen) in found {
        assert!(is_found, "{form:?}: {seen:?}");
    }
}
