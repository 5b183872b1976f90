//! The response for a file.
//!
//! 1. What needs no content is answered without opening the file: HEAD, 304, 412, 416. A file without a usable time is opened
//!    for its tag, which is that of its content, unless it is in memory.
//! 2. 304 and 206 have the validators and cache fields of the 200 (RFC 9110 §15.3.7, §15.4.5). 416 says the length.
//! 3. Ranges are for GET alone (§14.2).
//! 4. Every response with a content says `nosniff`, so that no browser takes a text for a script.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
        CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, LAST_MODIFIED, VARY, X_CONTENT_TYPE_OPTIONS,
    },
    request,
};
use tokio::sync::Semaphore;

use super::{
    body::{Content, FileBody, Part},
    conditional::{self, Outcome, Validators},
    encoding::Coding,
    lifetime::Lifetime,
    range::{self, Span},
};
use crate::common::body::Body;

/// What a response says of a file, besides its content.
pub(super) struct Representation {
    pub(super) validators: Validators,
    pub(super) mime: HeaderValue,
    pub(super) length: u64,
    pub(super) coding: Option<Coding>,
    pub(super) varies: bool,
    pub(super) lifetime: Lifetime,
    pub(super) nosniff: bool,
    pub(super) max_ranges: usize,
}

/// What is to be sent.
#[derive(Debug)]
pub(super) enum Plan {
    Failed,
    NotModified,
    Unsatisfiable,
    /// The fields of the whole file, and nothing else.
    Head,
    Whole,
    Ranges(Vec<Span>),
}

impl Plan {
    pub(super) fn of(request: &request::Parts, file: &Representation, now: SystemTime) -> Self {
        let headers = &request.headers;
        match conditional::evaluate(headers, &file.validators) {
            Outcome::Failed => return Self::Failed,
            Outcome::NotModified => return Self::NotModified,
            Outcome::Proceed => {}
        }
        if request.method == Method::HEAD {
            return Self::Head;
        }
        if !conditional::is_range_valid(headers, &file.validators, now) {
            return Self::Whole;
        }
        match range::asked(headers, file.length, file.max_ranges) {
            range::Asked::Whole => Self::Whole,
            range::Asked::Unsatisfiable => Self::Unsatisfiable,
            range::Asked::Ranges(spans) => Self::Ranges(spans),
        }
    }

    /// Rule 1.
    pub(super) fn needs_content(&self) -> bool {
        matches!(self, Self::Whole | Self::Ranges(_))
    }
}

/// Makes the response of a plan. Without a content, it is one that needs none.
pub(super) fn respond(
    plan: &Plan,
    file: &Representation,
    content: Option<Content>,
    permits: &Arc<Semaphore>,
    now: SystemTime,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    // All that are set here, in one allocation.
    headers.reserve(11);
    let status = match plan {
        Plan::Failed => StatusCode::PRECONDITION_FAILED,
        Plan::NotModified => {
            describe(headers, file, now);
            StatusCode::NOT_MODIFIED
        }
        Plan::Unsatisfiable => {
            nosniff(headers, file);
            set(headers, CONTENT_RANGE, format!("bytes */{}", file.length));
            StatusCode::RANGE_NOT_SATISFIABLE
        }
        Plan::Head | Plan::Whole | Plan::Ranges(_) => {
            describe(headers, file, now);
            nosniff(headers, file);
            let unit = if file.max_ranges == 0 { "none" } else { "bytes" };
            headers.insert(ACCEPT_RANGES, HeaderValue::from_static(unit));
            headers.insert(CONTENT_TYPE, file.mime.clone());
            if let Some(coding) = file.coding {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
            }
            let (status, parts, length) = parts(plan, file, headers);
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            if let Some(content) = content {
                *response.body_mut() = body(parts, content, permits);
            }
            status
        }
    };
    *response.status_mut() = status;
    response
}

/// Rule 2.
fn describe(headers: &mut HeaderMap, file: &Representation, now: SystemTime) {
    if let Some(etag) = &file.validators.etag {
        headers.insert(ETAG, etag.clone());
    }
    if let Some(modified) = &file.validators.last_modified {
        headers.insert(LAST_MODIFIED, modified.clone());
    }
    headers.insert(CACHE_CONTROL, file.lifetime.cache_control.clone());
    if let Some(expires) = file.lifetime.expires(now) {
        headers.insert(EXPIRES, expires);
    }
    if file.varies {
        headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    }
}

/// Rule 4.
fn nosniff(headers: &mut HeaderMap, file: &Representation) {
    if file.nosniff {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// The parts of the body, and their length. Adds the fields of a 206.
fn parts(
    plan: &Plan,
    file: &Representation,
    headers: &mut HeaderMap,
) -> (StatusCode, Vec<Part>, u64) {
    let length = file.length;
    match plan {
        Plan::Ranges(spans) => match spans.as_slice() {
            [span] => {
                set(headers, CONTENT_RANGE, span.content_range(length));
                (StatusCode::PARTIAL_CONTENT, vec![Part::File(*span)], span.len())
            }
            spans => {
                let boundary = boundary();
                let parts = multipart(spans, file, &boundary);
                set(headers, CONTENT_TYPE, format!("multipart/byteranges; boundary={boundary}"));
                let length = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.len()));
                (StatusCode::PARTIAL_CONTENT, parts, length)
            }
        },
        Plan::Head | Plan::Whole | Plan::Failed | Plan::NotModified | Plan::Unsatisfiable => {
            (StatusCode::OK, vec![Part::File(Span { start: 0, end: length })], length)
        }
    }
}

/// RFC 9110 §14.6.
fn multipart(spans: &[Span], file: &Representation, boundary: &str) -> Vec<Part> {
    let mime = file.mime.to_str().unwrap_or("application/octet-stream");
    let mut parts = Vec::with_capacity(spans.len().saturating_mul(2).saturating_add(1));
    let mut start = "";
    for span in spans {
        let range = span.content_range(file.length);
        let head = format!(
            "{start}--{boundary}\r\nContent-Type: {mime}\r\nContent-Range: {range}\r\n\r\n"
        );
        parts.extend([Part::Text(Bytes::from(head)), Part::File(*span)]);
        start = "\r\n";
    }
    parts.push(Part::Text(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    parts
}

/// A text that nobody can have put into a file: 128 bits that are new for each response.
fn boundary() -> String {
    let number = |text: &str| RandomState::new().hash_one(text);
    format!("{:016x}{:016x}", number("first"), number("second"))
}

fn body(parts: Vec<Part>, content: Content, permits: &Arc<Semaphore>) -> Body {
    match (parts.as_slice(), &content) {
        ([Part::File(span)], Content::Memory(bytes)) => Body::from(span.of(bytes)),
        _ => Body::new(FileBody::new(parts, content, Arc::clone(permits))),
    }
}
