//! DER (ITU-T X.690 §10): what certificates and PKCS #12 files are written in.
//!
//! 1. What is written is built from the inside to the outside, so each length is known when it is written.
//! 2. What is read is the operator's own file. It has definite lengths of four bytes at most; anything else is no
//!    certificate.
//! 3. A time is in seconds since 1970. Until 2049 it is a `UTCTime`, afterwards a `GeneralizedTime` (RFC 5280 §4.1.2.5).

/// The tags that certificates have.
pub(super) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const NULL: u8 = 0x05;
    /// `[0]`, `[3]`: a context-specific tag that has elements.
    pub(crate) const CONTEXT_0: u8 = 0xa0;
    pub(crate) const CONTEXT_3: u8 = 0xa3;
}

/// An element: its tag, its length, its content.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().fold(0_usize, |length, part| length.saturating_add(part.len()));
    let mut der = Vec::with_capacity(length.saturating_add(6));
    der.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => der.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let first = bytes.iter().position(|&byte| byte != 0).unwrap_or_default();
            let bytes = bytes.get(first..).unwrap_or_default();
            // A length has eight bytes at most.
            der.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
            der.extend(bytes);
        }
    }
    for part in parts {
        der.extend(*part);
    }
    der
}

/// A `SEQUENCE`.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(tag::SEQUENCE, parts)
}

/// An `OBJECT IDENTIFIER`, whose content is given.
pub(super) fn oid(content: &[u8]) -> Vec<u8> {
    element(tag::OBJECT_IDENTIFIER, &[content])
}

/// An `INTEGER` that is not negative, of its bytes in network order.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
    let bytes = bytes.get(first..).unwrap_or_default();
    // A first bit of one, or no byte at all, would be another number.
    let is_negative = bytes.first().is_none_or(|byte| byte & 0x80 != 0);
    element(tag::INTEGER, &[if is_negative { &[0] } else { &[] }, bytes])
}

/// An `OCTET STRING`.
pub(super) fn octets(content: &[u8]) -> Vec<u8> {
    element(tag::OCTET_STRING, &[content])
}

/// A `BIT STRING` of whole bytes.
pub(super) fn bits(content: &[u8]) -> Vec<u8> {
    element(tag::BIT_STRING, &[&[0], content])
}

/// What was not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

/// An element that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(der: &'a [u8]) -> Self {
        Self(der)
    }

    /// The next element.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            rest = after;
            if bytes.is_empty() || bytes.len() > 4 {
                return None;
            }
            bytes.iter().fold(0_usize, |length, &byte| length << 8 | usize::from(byte))
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len().checked_sub(after.len())?)?;
        self.0 = after;
        Some(Element { tag, content, whole })
    }

    /// The next element, if it has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut after = *self;
        let found = after.next().filter(|found| found.tag == tag)?;
        *self = after;
        Some(found)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Element<'a> {
    /// The elements within.
    pub(super) fn inside(&self) -> Reader<'a> {
        Reader(self.content)
    }
}

/// The seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// The first second of 2050: from there on, a time is a `GeneralizedTime`.
const YEAR_2050: i64 = 2_524_608_000;

/// Rule 3.
pub(super) fn time(seconds: i64) -> Vec<u8> {
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let rest = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let clock = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if seconds < YEAR_2050 {
        element(tag::UTC_TIME, &[format!("{:02}{clock}", year.rem_euclid(100)).as_bytes()])
    } else {
        element(tag::GENERALIZED_TIME, &[format!("{year:04}{clock}").as_bytes()])
    }
}

/// Reads a `UTCTime` or `GeneralizedTime`.
pub(super) fn read_time(time: Element<'_>) -> Option<i64> {
    let text = std::str::from_utf8(time.content).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, clock) = match time.tag {
        tag::UTC_TIME => {
            let (year, clock) = text.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (year.checked_add(if year < 50 { 2000 } else { 1900 })?, clock)
        }
        tag::GENERALIZED_TIME => {
            let (year, clock) = text.split_at_checked(4)?;
            (year.parse().ok()?, clock)
        }
        _ => return None,
    };
    if clock.len() != 10 {
        return None;
    }
    let number = |at: usize| -> Option<i64> { clock.get(at..at.checked_add(2)?)?.parse().ok() };
    let (month, day) = (number(0)?, number(2)?);
    let (hour, minute, second) = (number(4)?, number(6)?, number(8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let clock =
        hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    days(year, month, day)?.checked_mul(DAY)?.checked_add(clock)
}

/// The date of a day since 1970, in the Gregorian calendar: the days are counted in eras of 400 years that begin
/// in March, so that the leap day is the last of a year.
#[expect(clippy::arithmetic_side_effects, reason = "a year has four digits")]
fn date(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era.saturating_mul(400).saturating_add(year);
    (year.saturating_add(i64::from(month <= 2)), month, day)
}

/// The reverse of [`date`].
#[expect(clippy::arithmetic_side_effects, reason = "a year has four digits")]
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let day = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era.checked_mul(146_097)?.checked_add(day)?.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::{Reader, element, integer, read_time, tag, time};

    #[test]
    fn lengths() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let der = element(tag::OCTET_STRING, &[&content]);
            let mut reader = Reader::new(&der);
            let found = reader.next().expect("an element");
            assert_eq!((found.content, found.whole), (&*content, &*der), "{length}");
            assert!(reader.is_empty());
            // One byte less is no element.
            assert!(Reader::new(&der[..der.len() - 1]).next().is_none(), "{length}");
        }
        for junk in [&[][..], &[0x30], &[0x30, 0x80], &[0x30, 0x85, 0, 0, 0, 0, 0], &[4, 0x82, 1]] {
            assert!(Reader::new(junk).next().is_none(), "{junk:?}");
        }
    }

    #[test]
    fn integers() {
        assert_eq!(integer(&[]), [2, 1, 0]);
        assert_eq!(integer(&[0, 0, 5]), [2, 1, 5]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0x7f, 1]), [2, 2, 0x7f, 1]);
    }

    #[test]
    fn times() {
        for (seconds, text) in [
            (0, "700101000000Z"),
            (951_782_399, "000228235959Z"),
            (951_782_400, "000229000000Z"),
            (1_709_251_199, "240229235959Z"),
            (4_102_444_800, "21000101000000Z"),
            (2_524_607_999, "491231235959Z"),
            (2_524_608_000, "20500101000000Z"),
            (4_107_542_400, "21000301000000Z"),
            (-1, "691231235959Z"),
        ] {
            let der = time(seconds);
            let found = Reader::new(&der).next().expect("an element");
            assert_eq!(std::str::from_utf8(found.content), Ok(text));
            assert_eq!(read_time(found), Some(seconds), "{text}");
        }
        for text in ["", "Z", "2401010000Z", "241301000000Z", "240132000000Z", "24010100000aZ"] {
            let der = element(tag::UTC_TIME, &[text.as_bytes()]);
            assert_eq!(Reader::new(&der).next().and_then(read_time), None, "{text}");
        }
    }
}
