//! The account of one request for programs. The schema is in `docs/CLI.md`; codes are stable, texts
//! are for people and may change.

use http::Request;
use proxyfix::{Error, ErrorKind, Resolved, Source, Step};
use serde::Serialize;
use serde_json::Value;

use super::{
    account::{Account, fixed_lines},
    hints::Hint,
};
use crate::json::Bytes;

/// The answer to one request.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Value>,
    outcome: &'static str,
    config: String,
    peer: Option<String>,
    /// Which way in decides, from 1, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<usize>,
    resolved: Option<Believed<'a>>,
    error: Option<Fault<'a>>,
    steps: Vec<Recorded<'a>>,
    ignored: Vec<&'a str>,
    stripped: Vec<&'a str>,
    request: Option<Fixed<'a>>,
    hints: &'a [Hint],
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// What is believed.
#[derive(Debug, Serialize)]
struct Believed<'a> {
    client: String,
    client_ip: Option<String>,
    client_port: Option<u16>,
    scheme: &'static str,
    host: Option<&'a str>,
    port: u16,
    authority: Option<&'a str>,
    prefix: &'a str,
    sources: Sources<'a>,
}

#[derive(Debug, Serialize)]
struct Sources<'a> {
    client: Vouched<'a>,
    scheme: Vouched<'a>,
    host: Vouched<'a>,
    port: Vouched<'a>,
    prefix: Vouched<'a>,
}

/// The source of a value; `null` means that it is our own.
type Vouched<'a> = Option<At<'a>>;

#[derive(Debug, Serialize)]
struct At<'a> {
    header: &'a str,
    hop: usize,
}

#[derive(Debug, Serialize)]
struct Fault<'a> {
    code: &'static str,
    text: String,
    status: u16,
    header: Option<&'a str>,
    hop: Option<usize>,
    offset: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Recorded<'a> {
    code: &'static str,
    reason: String,
    header: Option<&'a str>,
    line: Option<usize>,
    hop: Option<usize>,
    span: Option<[usize; 2]>,
    text: Option<Bytes>,
    error: Option<&'static str>,
}

/// The request as the application gets it.
#[derive(Debug, Serialize)]
struct Fixed<'a> {
    method: &'a str,
    uri: String,
    headers: Vec<(&'a str, Bytes)>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(account: &'a Account<'_>, id: Option<&'a Value>) -> Self {
        let (resolved, error) = match account.outcome() {
            Ok(resolved) => (Some(resolved.into()), None),
            Err(error) => (None, Some(error.into())),
        };
        let names =
            |names: &'a [http::HeaderName]| names.iter().map(http::HeaderName::as_str).collect();
        let request = account.fixed.as_ref().ok();
        Self {
            id,
            outcome: if error.is_none() { "resolved" } else { "rejected" },
            config: account.config.to_string(),
            peer: account
                .peer
                .map(|peer| if peer.is_unix() { "unix".to_owned() } else { peer.to_string() }),
            way: account.settings.place().map(|(number, _)| number),
            resolved,
            error,
            steps: account.explanation.steps().iter().map(Recorded::from).collect(),
            ignored: names(&account.ignored),
            stripped: request.map_or_else(Vec::new, |_| names(account.explanation.stripped())),
            request: request.map(|fixed| Fixed::new(account, fixed)),
            hints: &account.hints,
            note: account.note.as_deref(),
        }
    }
}

impl<'a> Fixed<'a> {
    fn new(account: &'a Account<'_>, fixed: &'a Request<()>) -> Self {
        let lines = fixed_lines(account.received, fixed);
        Self {
            method: fixed.method().as_str(),
            uri: fixed.uri().to_string(),
            headers: lines.into_iter().map(|(name, value)| (name, value.into())).collect(),
        }
    }
}

impl<'a> From<&'a Resolved> for Believed<'a> {
    fn from(resolved: &'a Resolved) -> Self {
        let sources = resolved.source();
        Self {
            client: resolved.client().to_string(),
            client_ip: resolved.client_ip().map(|ip| ip.to_string()),
            client_port: resolved.client_port(),
            scheme: resolved.scheme().as_str(),
            host: resolved.host(),
            port: resolved.port(),
            authority: resolved.authority().map(http::uri::Authority::as_str),
            prefix: resolved.prefix(),
            sources: Sources {
                client: vouched(sources.client()),
                scheme: vouched(sources.scheme()),
                host: vouched(sources.host()),
                port: vouched(sources.port()),
                prefix: vouched(sources.prefix()),
            },
        }
    }
}

fn vouched(source: Source<'_>) -> Vouched<'_> {
    match source {
        Source::Header { name, hop } => Some(At { header: name.as_str(), hop }),
        _ => None,
    }
}

const NO_PEER: &str =
    "no peer is known; write \"peer\":\"10.0.0.1\" into the request, or --peer for all";

impl<'a> From<&'a Error> for Fault<'a> {
    fn from(error: &'a Error) -> Self {
        Self {
            code: error.kind().code(),
            text: match error.kind() {
                // The message of the library is for programmers.
                ErrorKind::MissingPeer => NO_PEER.to_owned(),
                _ => error.to_string(),
            },
            status: error.status().as_u16(),
            header: error.header().map(http::HeaderName::as_str),
            hop: error.hop(),
            offset: error.offset(),
        }
    }
}

impl<'a> From<&'a Step> for Recorded<'a> {
    fn from(step: &'a Step) -> Self {
        Self {
            code: step.code(),
            reason: step.reason().to_string(),
            header: step.header().map(http::HeaderName::as_str),
            line: step.line(),
            hop: step.hop(),
            span: step.span().map(|span| [span.start, span.end]),
            text: step.text().map(Bytes::from),
            error: step.error().map(|error| error.kind().code()),
        }
    }
}
