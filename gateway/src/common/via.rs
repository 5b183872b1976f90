//! `Via`, loops, `Max-Forwards` and TRACE (RFC 9110 §7.6.2, §7.6.3, §9.3.8).
//!
//! 1. Each request says through which protocol it came here, and our pseudonym, after what others said.
//! 2. A request that has our pseudonym in `Via` went through this proxy before: 508.
//! 3. `Max-Forwards` counts for TRACE and OPTIONS alone. 0 is answered here, everything else goes on with one less.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header::VIA};

use super::failure::{Failure, FailureKind};

/// RFC 9110 §7.6.2.
const MAX_FORWARDS: HeaderName = HeaderName::from_static("max-forwards");

/// Whether a text is a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Rules 1 and 2.
pub(crate) fn add(
    headers: &mut HeaderMap,
    version: Version,
    pseudonym: &str,
) -> Result<(), Failure> {
    if went_through(headers, pseudonym) {
        return Err(Failure::new(FailureKind::Loop, "Via has our own pseudonym"));
    }
    let version = match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        Version::HTTP_3 => "3.0",
        _ => "1.1",
    };
    let full = |_| Failure::new(FailureKind::HeadTooLarge, "no room for Via");
    let own = format!("{version} {pseudonym}");
    let own = HeaderValue::try_from(own)
        .map_err(|error| Failure::new(FailureKind::Internal, "Via").with_source(error))?;
    headers.try_append(VIA, own).map_err(full).map(|_| ())
}

fn went_through(headers: &HeaderMap, pseudonym: &str) -> bool {
    let lines = headers.get_all(VIA).iter();
    lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b',')).any(|element| {
        let mut words =
            element.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        words
            .nth(1)
            .is_some_and(|received_by| received_by.eq_ignore_ascii_case(pseudonym.as_bytes()))
    })
}

/// What `Max-Forwards` says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forwards {
    /// It goes on.
    On,
    /// It is answered here.
    Here,
}

/// Rule 3.
pub(crate) fn count_down(method: &Method, headers: &mut HeaderMap) -> Result<Forwards, Failure> {
    if *method != Method::TRACE && *method != Method::OPTIONS {
        return Ok(Forwards::On);
    }
    let Some(value) = headers.get(&MAX_FORWARDS) else { return Ok(Forwards::On) };
    if headers.get_all(&MAX_FORWARDS).iter().count() > 1 {
        return Err(Failure::invalid("two Max-Forwards"));
    }
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u32 = digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| Failure::invalid("Max-Forwards is no number"))?;
    match number.checked_sub(1) {
        None => Ok(Forwards::Here),
        Some(less) => {
            headers.insert(MAX_FORWARDS, HeaderValue::from(less));
            Ok(Forwards::On)
        }
    }
}
