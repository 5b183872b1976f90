//! Conditional requests (RFC 9110 §8.8 and §13).
//!
//! 1. The order is that of §13.2.2: If-Match, else If-Unmodified-Since; then If-None-Match, else If-Modified-Since.
//! 2. `If-Match` compares strongly, `If-None-Match` weakly. Several lines are one list. A list without a valid tag is still
//!    a list, which nothing is in, so the dates are not looked at.
//! 3. Dates are compared in whole seconds, in all three formats. One that is malformed is ignored.
//! 4. `If-Range` compares strongly. A date is a strong validator only if the file is a minute older (§8.8.2.2).

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE},
};

/// How much older than the answer a date must be, so that the file cannot have changed again within its second.
const STRONG: Duration = Duration::from_secs(60);

/// What a file can be compared by.
#[derive(Clone, Debug, Default)]
pub(super) struct Validators {
    /// A strong tag, with its quotes.
    pub(super) etag: Option<HeaderValue>,
    /// In whole seconds, and never in the future.
    pub(super) modified: Option<SystemTime>,
    /// `modified`, as the field has it.
    pub(super) last_modified: Option<HeaderValue>,
}

impl Validators {
    pub(super) fn new(etag: Option<HeaderValue>, modified: Option<SystemTime>) -> Self {
        let text = modified.map(httpdate::fmt_http_date);
        let last_modified = text.and_then(|text| HeaderValue::try_from(text).ok());
        Self { etag, modified, last_modified }
    }
}

/// What the conditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Proceed,
    NotModified,
    Failed,
}

/// Rule 1.
pub(super) fn evaluate(headers: &HeaderMap, own: &Validators) -> Outcome {
    if headers.contains_key(IF_MATCH) {
        if !is_listed(headers, IF_MATCH, own, true) {
            return Outcome::Failed;
        }
    } else if is_since(headers, IF_UNMODIFIED_SINCE, own) == Some(false) {
        return Outcome::Failed;
    }
    let is_same = if headers.contains_key(IF_NONE_MATCH) {
        is_listed(headers, IF_NONE_MATCH, own, false)
    } else {
        is_since(headers, IF_MODIFIED_SINCE, own) == Some(true)
    };
    if is_same { Outcome::NotModified } else { Outcome::Proceed }
}

/// Whether the ranges of the request are of this file (rule 4). Without `If-Range` they are.
pub(super) fn is_range_valid(headers: &HeaderMap, own: &Validators, now: SystemTime) -> bool {
    let Some(value) = headers.get(IF_RANGE) else { return true };
    if headers.get_all(IF_RANGE).iter().count() > 1 {
        return false;
    }
    let value = value.as_bytes().trim_ascii();
    if value.first() == Some(&b'"') {
        return own.etag.as_ref().is_some_and(|etag| etag.as_bytes() == value);
    }
    let is_strong =
        |modified: &SystemTime| modified.checked_add(STRONG).is_some_and(|at| at <= now);
    match (date(value), own.modified.filter(is_strong)) {
        (Some(date), Some(modified)) => date == modified,
        _ => false,
    }
}

/// Whether the file is not newer than the date of a field. `None` if there is no valid date, or nothing to compare.
fn is_since(headers: &HeaderMap, name: HeaderName, own: &Validators) -> Option<bool> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    Some(own.modified? <= date(value.as_bytes())?)
}

fn date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?.trim()).ok()
}

/// Whether the file's tag is in the list of a field (rule 2). `*` is every file that exists.
fn is_listed(headers: &HeaderMap, name: HeaderName, own: &Validators, is_strong: bool) -> bool {
    headers.get_all(name).iter().any(|line| {
        let mut rest = line.as_bytes().trim_ascii();
        if rest == b"*" {
            return true;
        }
        let Some(etag) = &own.etag else { return false };
        while !rest.is_empty() {
            let Some((tag, after)) = tag(rest) else { return false };
            if tag.text == etag.as_bytes() && !(is_strong && tag.is_weak) {
                return true;
            }
            rest = after;
        }
        false
    })
}

/// A tag of a list.
struct Tag<'a> {
    text: &'a [u8],
    is_weak: bool,
}

/// The next tag of a list, and what follows it. `None` if that is not a list of tags.
fn tag(list: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let start = list.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
    let (_, list) = list.split_at_checked(start)?;
    let (is_weak, quoted) = match list.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, list),
    };
    let inner = quoted.strip_prefix(b"\"")?;
    let length = inner.iter().position(|&byte| byte == b'"')?;
    let (text, after) = quoted.split_at_checked(length.checked_add(2)?)?;
    let is_etagc = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
    let is_tag = inner.iter().take(length).all(is_etagc);
    let is_end = matches!(after.trim_ascii_start().first(), None | Some(b','));
    (is_tag && is_end).then_some((Tag { text, is_weak }, after))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "the numbers are small")]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{Outcome, Validators, evaluate, is_range_valid};

    /// Thu, 02 Jan 2020 03:04:05 GMT.
    const MODIFIED: u64 = 1_577_934_245;
    const SAME: &str = "Thu, 02 Jan 2020 03:04:05 GMT";
    const BEFORE: &str = "Thu, 02 Jan 2020 03:04:04 GMT";
    const AFTER: &str = "Tue, 19 Jan 2038 03:14:08 GMT";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn own() -> Validators {
        let etag = HeaderValue::from_static("\"e\"");
        Validators::new(Some(etag), Some(at(MODIFIED)))
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    #[test]
    fn conditions() {
        use Outcome::{Failed, NotModified, Proceed};
        let (im, ius) = ("if-match", "if-unmodified-since");
        let (inm, ims) = ("if-none-match", "if-modified-since");
        for (lines, outcome) in [
            (vec![], Proceed),
            (vec![(inm, "\"e\"")], NotModified),
            (vec![(inm, "W/\"e\"")], NotModified),
            (vec![(inm, "*")], NotModified),
            (vec![(inm, "\"x\", \"e\"")], NotModified),
            (vec![(inm, "\"x\",\"e\"")], NotModified),
            (vec![(inm, " ,\t, W/\"x\" ,, \"e\" ,")], NotModified),
            (vec![(inm, "\"x\""), (inm, "\"e\"")], NotModified),
            (vec![(inm, "\"a,b\", \"e\"")], NotModified),
            (vec![(inm, "\"x\"")], Proceed),
            (vec![(inm, "")], Proceed),
            (vec![(inm, ",")], Proceed),
            (vec![(inm, "w/\"e\"")], Proceed),
            (vec![(inm, "e")], Proceed),
            (vec![(inm, "\"e")], Proceed),
            (vec![(inm, "\"spaced tag\", \"e\"")], Proceed),
            (vec![(inm, "\"x\"\"e\"")], Proceed),
            (vec![(inm, "W/ \"e\"")], Proceed),
            (vec![(inm, "*, \"x\"")], Proceed),
            (vec![(inm, "\"x\""), (ims, SAME)], Proceed),
            (vec![(inm, ","), (ims, SAME)], Proceed),
            (vec![(ims, SAME)], NotModified),
            (vec![(ims, AFTER)], NotModified),
            (vec![(ims, BEFORE)], Proceed),
            (vec![(ims, "Thursday, 02-Jan-20 03:04:05 GMT")], NotModified),
            (vec![(ims, "Thu Jan  2 03:04:05 2020")], NotModified),
            (vec![(ims, "Thu, 02 Jan 2020 03:04:05 GMT; length=5")], Proceed),
            (vec![(ims, SAME), (ims, SAME)], Proceed),
            (vec![(im, "\"e\"")], Proceed),
            (vec![(im, "*")], Proceed),
            (vec![(im, "\"foo\", \"bar\", \t\"e\" , \"baz\"")], Proceed),
            (vec![(im, "\"x\"")], Failed),
            (vec![(im, "W/\"e\"")], Failed),
            (vec![(im, "")], Failed),
            (vec![(im, "\"x\""), (inm, "*")], Failed),
            (vec![(im, "\"e\""), (ius, BEFORE)], Proceed),
            (vec![(im, "\"e\""), (inm, "\"e\"")], NotModified),
            (vec![(ius, BEFORE)], Failed),
            (vec![(ius, SAME)], Proceed),
            (vec![(ius, AFTER)], Proceed),
            (vec![(ius, "yesterday")], Proceed),
            (vec![(ius, BEFORE), (inm, "\"e\"")], Failed),
        ] {
            assert_eq!(evaluate(&headers(&lines), &own()), outcome, "{lines:?}");
        }
    }

    #[test]
    fn without_validators() {
        let none = Validators::default();
        let outcome = |name, value| evaluate(&headers(&[(name, value)]), &none);
        assert_eq!(outcome("if-none-match", "\"e\""), Outcome::Proceed);
        assert_eq!(outcome("if-none-match", "*"), Outcome::NotModified);
        assert_eq!(outcome("if-modified-since", AFTER), Outcome::Proceed);
        assert_eq!(outcome("if-match", "\"e\""), Outcome::Failed);
        assert_eq!(outcome("if-unmodified-since", BEFORE), Outcome::Proceed);
    }

    #[test]
    fn ranges() {
        let later = at(MODIFIED + 60);
        for (value, now, is_valid) in [
            ("\"e\"", later, true),
            (" \"e\" ", later, true),
            ("\"x\"", later, false),
            ("W/\"e\"", later, false),
            ("\"x\", \"e\"", later, false),
            (SAME, later, true),
            (SAME, at(MODIFIED + 59), false),
            (BEFORE, later, false),
            (AFTER, later, false),
            ("garbage", later, false),
            ("", later, false),
        ] {
            let headers = headers(&[("if-range", value)]);
            assert_eq!(is_range_valid(&headers, &own(), now), is_valid, "{value}");
        }
        assert!(is_range_valid(&HeaderMap::new(), &own(), later));
        let weak = Validators::new(Some(HeaderValue::from_static("W/\"e\"")), None);
        assert!(!is_range_valid(&headers(&[("if-range", "W/\"e\"")]), &weak, later));
    }
}
