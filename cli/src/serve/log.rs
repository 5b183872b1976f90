//! One line for each request.
//!
//! 1. It is written when the head of the answer is there: method, path, target, status, time, and why upstream did not
//!    answer.
//! 2. What a stranger wrote is escaped, and cut where it is long. Queries are left out: they may have secrets.

use std::time::{Duration, Instant};

use http::{Request, Response};
use proxyfix_gateway::{Body, Exchange, Failure};
use serde::Serialize;

use super::settings::AccessLog;
use crate::escape;

/// The most columns of a path or a URL.
const COLUMNS: usize = 200;

/// What is known of a request when it comes.
pub(super) struct Line {
    start: Instant,
    method: String,
    path: String,
    log: AccessLog,
}

#[derive(Serialize)]
struct Json<'a> {
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    status: u16,
    milliseconds: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
}

impl Line {
    /// Begins a line.
    pub(super) fn begin<B>(request: &Request<B>, log: AccessLog) -> Option<Self> {
        (log != AccessLog::Off).then(|| Self {
            start: Instant::now(),
            method: escape::shortened(request.method().as_str().as_bytes(), 20),
            path: escape::shortened(request.uri().path().as_bytes(), COLUMNS),
            log,
        })
    }

    /// Writes the line.
    pub(super) fn end(self, response: &Response<Body>) {
        let exchange = response.extensions().get::<Exchange>();
        let upstream = exchange.map(|exchange| {
            let url = exchange.url();
            let url = url.split('?').next().unwrap_or_default();
            escape::shortened(url.as_bytes(), COLUMNS)
        });
        let status = response.status().as_u16();
        let time = self.start.elapsed();
        let failure = response.extensions().get::<Failure>();
        let cause = failure.map(|failure| escape::lines(&failure.to_string()));
        let rejected = response.extensions().get::<proxyfix::Error>();
        let rejected = rejected.map(|error| escape::lines(&error.to_string()));
        let line = match self.log {
            AccessLog::Json => {
                let line = Json {
                    method: &self.method,
                    path: &self.path,
                    upstream: upstream.as_deref(),
                    status,
                    milliseconds: time.as_millis(),
                    error: failure.map(|failure| failure.kind().proxy_status()),
                    cause: cause.as_deref().or(rejected.as_deref()),
                };
                serde_json::to_string(&line).unwrap_or_default()
            }
            AccessLog::Text | AccessLog::Off => {
                let to = upstream.map(|url| format!(" → {url}")).unwrap_or_default();
                let why = cause.or(rejected).map(|cause| format!(" {cause}")).unwrap_or_default();
                format!("{} {}{to} {status} {}{why}", self.method, self.path, shown(time))
            }
        };
        anstream::println!("{line}");
    }
}

/// A time to read.
fn shown(time: Duration) -> String {
    match time.as_millis() {
        milliseconds @ 0..10_000 => format!("{milliseconds} ms"),
        milliseconds => format!("{} s", milliseconds / 1000),
    }
}
