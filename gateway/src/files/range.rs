//! Ranges of bytes (RFC 9110 §14).
//!
//! 1. The unit is `bytes`, in any case. Another unit is ignored, and so are two lines, and `bytes=` with nothing in it.
//! 2. A position that is beyond any number is beyond the end of the file.
//! 3. A malformed set, and one of which no range is within the file, is 416. A suffix that is longer than the file is the
//!    whole file.
//! 4. If more ranges than `max_ranges` are within the file, or they are longer than the file together, they are ignored: the
//!    file is sent once instead (CVE-2011-3192). Of an empty file there are no ranges.

use bytes::Bytes;
use http::{HeaderMap, header::RANGE};

/// The default of `max_ranges`. nginx has no such limit by default, and Apache's is 200. Real clients ask for a few.
pub(super) const MAX_RANGES: usize = 16;

/// Bytes of a file, from the first to the one after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Span {
    pub(super) fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// These bytes of a content in memory.
    pub(super) fn of(self, content: &Bytes) -> Bytes {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
        content.slice(place(self.start)..place(self.end))
    }

    /// `Content-Range` (§14.4).
    pub(super) fn content_range(self, length: u64) -> String {
        format!("bytes {}-{}/{length}", self.start, self.end.saturating_sub(1))
    }
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Whole,
    Ranges(Vec<Span>),
    /// 416.
    Unsatisfiable,
}

/// What a request asks for of a file of this length, in at most so many ranges.
pub(super) fn asked(headers: &HeaderMap, length: u64, max_ranges: usize) -> Asked {
    if max_ranges == 0 {
        return Asked::Whole;
    }
    let mut lines = headers.get_all(RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return Asked::Whole };
    let Some(set) = set(line.as_bytes()) else { return Asked::Whole };
    let mut spans = Vec::new();
    let mut is_empty = true;
    for range in set.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
        if range.is_empty() {
            continue;
        }
        is_empty = false;
        match span(range, length) {
            // One too many is enough.
            Ok(span) => spans.extend(span.filter(|_| spans.len() <= max_ranges)),
            Err(Malformed) => return Asked::Unsatisfiable,
        }
    }
    let total = spans.iter().fold(0_u64, |total, span| total.saturating_add(span.len()));
    if is_empty || length == 0 || spans.len() > max_ranges || spans.len() > 1 && total > length {
        Asked::Whole
    } else if spans.is_empty() {
        Asked::Unsatisfiable
    } else {
        Asked::Ranges(spans)
    }
}

/// The set of ranges, if the unit is ours.
fn set(value: &[u8]) -> Option<&[u8]> {
    let equals = value.iter().position(|&byte| byte == b'=')?;
    let (unit, set) = value.split_at_checked(equals)?;
    unit.trim_ascii().eq_ignore_ascii_case(b"bytes").then_some(set.get(1..)?)
}

/// A malformed range.
struct Malformed;

/// The bytes of a range, if it is within the file.
fn span(range: &[u8], length: u64) -> Result<Option<Span>, Malformed> {
    let dash = range.iter().position(|&byte| byte == b'-').ok_or(Malformed)?;
    let (first, last) = range.split_at_checked(dash).ok_or(Malformed)?;
    let last = last.get(1..).unwrap_or_default();
    let span = match (first, last) {
        (b"", b"") => return Err(Malformed),
        (b"", suffix) => Span { start: length.saturating_sub(number(suffix)?), end: length },
        (first, b"") => Span { start: number(first)?, end: length },
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(Malformed);
            }
            Span { start: first, end: last.saturating_add(1).min(length) }
        }
    };
    Ok((span.start < span.end).then_some(span))
}

/// Rule 2.
fn number(digits: &[u8]) -> Result<u64, Malformed> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    let text = std::str::from_utf8(digits).map_err(|_| Malformed)?;
    Ok(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::RANGE};

    use super::{Asked, MAX_RANGES, Span, asked};

    fn of(value: &str, length: u64) -> Asked {
        let value = HeaderValue::from_str(value).expect("a value");
        asked(&HeaderMap::from_iter([(RANGE, value)]), length, MAX_RANGES)
    }

    #[test]
    fn ranges() {
        for (value, spans) in [
            ("bytes=0-4", vec![(0, 5)]),
            ("bytes=2-", vec![(2, 10)]),
            ("bytes=-2", vec![(8, 10)]),
            ("bytes=-10", vec![(0, 10)]),
            ("bytes=-99", vec![(0, 10)]),
            ("bytes=0-9", vec![(0, 10)]),
            ("bytes=0-99", vec![(0, 10)]),
            ("bytes=9-", vec![(9, 10)]),
            ("BYTES=0-1", vec![(0, 2)]),
            ("bytes= 0-1", vec![(0, 2)]),
            ("bytes=0-1 ,", vec![(0, 2)]),
            ("bytes=,,0-1", vec![(0, 2)]),
            ("bytes=0-18446744073709551616", vec![(0, 10)]),
            ("bytes=-18446744073709551616", vec![(0, 10)]),
            ("bytes=0-0, -1", vec![(0, 1), (9, 10)]),
            ("bytes=0-0,99-,-1", vec![(0, 1), (9, 10)]),
            ("bytes=5-,0-4", vec![(5, 10), (0, 5)]),
        ] {
            let spans = spans.into_iter().map(|(start, end)| Span { start, end }).collect();
            assert_eq!(of(value, 10), Asked::Ranges(spans), "{value}");
        }
    }

    #[test]
    fn none() {
        for value in [
            "bytes=10-",
            "bytes=99-100",
            "bytes=5-2",
            "bytes=-0",
            "bytes=alpha",
            "bytes=10-alpha",
            "bytes=10",
            "bytes=10-11 12-",
            "bytes=--6",
            "bytes=-6-",
            "bytes=-",
            "bytes=+1-2",
            "bytes=0x1-2",
            "bytes=18446744073709551616-",
            "bytes=99-,100-",
            "bytes=0-1,x",
        ] {
            assert_eq!(of(value, 10), Asked::Unsatisfiable, "{value}");
        }
    }

    #[test]
    fn ignored() {
        let many = format!("bytes={}", "0-0,".repeat(17));
        for value in [
            "bytes=",
            "bytes=,",
            "bytes",
            "",
            "foo=0-1",
            "items=0-3",
            "bytes=0-,0-",
            "bytes=0-99, 0-0",
            &many,
        ] {
            assert_eq!(of(value, 10), Asked::Whole, "{value}");
        }
        for value in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(of(value, 0), Asked::Whole, "{value}");
        }
        let twice = [(); 2].map(|()| (RANGE, HeaderValue::from_static("bytes=0-1")));
        let mut headers = HeaderMap::new();
        for (name, value) in twice {
            headers.append(name, value);
        }
        assert_eq!(asked(&headers, 10, MAX_RANGES), Asked::Whole);
    }

    #[test]
    fn at_most_so_many() {
        let asked = |value: &'static str, most| {
            let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(value))]);
            matches!(asked(&headers, 10, most), Asked::Ranges(_))
        };
        for (value, ranges) in
            [("bytes=0-0", 1), ("bytes=0-0,-1", 2), ("bytes=0-0,2-2,-1,10-,11-", 3)]
        {
            for most in 0..5 {
                assert_eq!(asked(value, most), most >= ranges, "{value} {most}");
            }
        }
    }
}
