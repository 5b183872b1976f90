//! Requests and responses with one framing (RFC 9112 §6, RFC 9110 §8.6, RFC 9113 §8.3.1).
//!
//! 1. A request of HTTP/1.1 has one `Host` line; of HTTP/1.0, one or none. In HTTP/2, `Host` may only repeat
//!    the authority.
//! 2. `Transfer-Encoding` is `chunked`, once, and not beside `Content-Length`. HTTP/1.0 has none.
//! 3. `Content-Length` is one number.
//! 4. A body goes on with the length that it has, not with the one that a field says. POST, PUT and PATCH without
//!    a body say `Content-Length: 0`.
//! 5. In a response, `Transfer-Encoding` wins over `Content-Length`, which is removed. A coding other than
//!    `chunked` is a failure, because the body would still be encoded. 204 has no `Content-Length`.
//! 6. Cookie lines of HTTP/2 are joined with `; ` (RFC 9113 §8.2.3).

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version,
    header::{CONTENT_LENGTH, COOKIE, HOST, TRANSFER_ENCODING},
    request, response,
};
use http_body::SizeHint;

use super::failure::{Failure, FailureKind};

/// Rules 1 to 3.
pub(crate) fn check_request(request: &request::Parts) -> Result<(), Failure> {
    // Authority form is CONNECT's alone (RFC 9112 §3.2.3).
    if request.uri.scheme().is_none()
        && request.uri.authority().is_some()
        && request.method != Method::CONNECT
    {
        return Err(Failure::invalid("a target in authority form").and_close());
    }
    check_host(request)?;
    let headers = &request.headers;
    let length = one(headers, &CONTENT_LENGTH)
        .map_err(|()| Failure::invalid("several Content-Length lines").and_close())?;
    if length.is_some_and(|value| number(value).is_none()) {
        return Err(Failure::invalid("Content-Length is no number").and_close());
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if length.is_some() {
        let detail = "Transfer-Encoding beside Content-Length";
        return Err(Failure::invalid(detail).and_close());
    }
    if request.version < Version::HTTP_11 {
        return Err(Failure::invalid("Transfer-Encoding in HTTP/1.0").and_close());
    }
    if codings.next().is_some() || !is_chunked(coding) {
        let detail = "a transfer coding other than chunked";
        return Err(Failure::new(FailureKind::NotImplemented, detail).and_close());
    }
    Ok(())
}

/// Rule 1.
fn check_host(request: &request::Parts) -> Result<(), Failure> {
    let host = one(&request.headers, &HOST)
        .map_err(|()| Failure::invalid("several Host lines").and_close())?;
    match (host, request.uri.authority()) {
        (None, None) if request.version == Version::HTTP_11 => {
            Err(Failure::invalid("HTTP/1.1 without Host").and_close())
        }
        (None, _) if request.version == Version::HTTP_11 && !is_rewritten(request) => {
            Err(Failure::invalid("HTTP/1.1 without Host").and_close())
        }
        (Some(host), Some(authority))
            if request.version >= Version::HTTP_2
                && !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) =>
        {
            Err(Failure::invalid("Host differs from the authority"))
        }
        _ => Ok(()),
    }
}

/// Whether the core rewrote the target, and may have moved `Host` into it.
fn is_rewritten(request: &request::Parts) -> bool {
    request.extensions.get::<proxyfix::Resolved>().is_some()
}

/// The value of a field that has one line at most.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, ()> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (line, None) => Ok(line),
        _ => Err(()),
    }
}

/// A decimal number, without a sign.
fn number(value: &HeaderValue) -> Option<u64> {
    let digits = value.as_bytes();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

fn is_chunked(coding: &HeaderValue) -> bool {
    coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")
}

/// Whether bytes follow the head that belong to the request.
pub(crate) fn has_body(headers: &HeaderMap) -> bool {
    let has_length = headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    has_length || headers.contains_key(TRANSFER_ENCODING)
}

/// Rule 4: the length that a request's body has.
pub(crate) fn set_length(method: &Method, headers: &mut HeaderMap, body: &SizeHint) {
    let stated = headers.get(CONTENT_LENGTH).and_then(number);
    match (stated, body.exact()) {
        // In its canonical form: `010` is 8 to who reads octal.
        (Some(stated), Some(exact)) if stated == exact => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(exact));
        }
        (Some(_), _) => _ = headers.remove(CONTENT_LENGTH),
        (None, _) => {}
    }
    let expects_body =
        *method == Method::POST || *method == Method::PUT || *method == Method::PATCH;
    if body.exact() == Some(0) && expects_body {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}

/// Rule 5. `body` is what the body says of its own length; a response without content may state another.
pub(crate) fn check_response(
    response: &mut response::Parts,
    method: &Method,
    body: &SizeHint,
) -> Result<(), Failure> {
    let codings = response.headers.get_all(TRANSFER_ENCODING);
    let is_encoded = codings.iter().next().is_some();
    if codings.iter().count() > 1 || codings.iter().any(|coding| !is_chunked(coding)) {
        let detail = "a transfer coding other than chunked";
        return Err(Failure::new(FailureKind::TransferCoding, detail));
    }
    let length = one(&response.headers, &CONTENT_LENGTH)
        .map_err(|()| Failure::new(FailureKind::Protocol, "several Content-Length lines"))?;
    let has_content = *method != Method::HEAD
        && response.status != StatusCode::NO_CONTENT
        && response.status != StatusCode::NOT_MODIFIED;
    let stated = length.map(number);
    if stated == Some(None) {
        return Err(Failure::new(FailureKind::Protocol, "Content-Length is no number"));
    }
    let differs = has_content && body.exact().is_some() && stated.flatten() != body.exact();
    if is_encoded || differs || response.status == StatusCode::NO_CONTENT {
        response.headers.remove(CONTENT_LENGTH);
    }
    Ok(())
}

/// Rule 6.
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(COOKIE).iter();
    if lines.next().is_none() || lines.next().is_none() {
        return;
    }
    let lines: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    // The bytes of valid values make a valid value.
    if let Ok(mut joined) = HeaderValue::try_from(lines.join(&b"; "[..])) {
        joined.set_sensitive(true);
        headers.insert(COOKIE, joined);
    }
}
