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

/// What a proxy writes into `Via`, made once.
#[derive(Clone, Debug)]
pub(crate) struct Via {
    pub(crate) pseudonym: String,
    http10: HeaderValue,
    http11: HeaderValue,
    http2: HeaderValue,
    http3: HeaderValue,
}

impl Via {
    /// `None` if the pseudonym is no token.
    pub(crate) fn new(pseudonym: String) -> Option<Self> {
        if !is_token(&pseudonym) {
            return None;
        }
        let line = |version: &str| HeaderValue::try_from(format!("{version} {pseudonym}")).ok();
        let (http10, http11) = (line("1.0")?, line("1.1")?);
        let (http2, http3) = (line("2.0")?, line("3.0")?);
        Some(Self { pseudonym, http10, http11, http2, http3 })
    }

    /// Rules 1 and 2.
    pub(crate) fn add(&self, headers: &mut HeaderMap, version: Version) -> Result<(), Failure> {
        if went_through(headers, &self.pseudonym) {
            return Err(Failure::new(FailureKind::Loop, "Via has our own pseudonym"));
        }
        let own = match version {
            Version::HTTP_09 | Version::HTTP_10 => &self.http10,
            Version::HTTP_2 => &self.http2,
            Version::HTTP_3 => &self.http3,
            _ => &self.http11,
        };
        let full = |_| Failure::new(FailureKind::HeadTooLarge, "no room for Via");
        headers.try_append(VIA, own.clone()).map_err(full).map(|_| ())
    }
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
