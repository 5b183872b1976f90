//! What a request with conditions and ranges must get, read slowly (RFC 9110 §13.2.2, §14).

use http::HeaderMap;

/// A file, as both readings know it.
pub(crate) struct Own<'a> {
    /// With its quotes.
    pub(crate) etag: &'a str,
    /// In seconds from 1970, long ago.
    pub(crate) modified: u64,
    pub(crate) length: u64,
}

/// What must come back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Whole,
    Parts(Vec<(u64, u64)>),
    NotModified,
    Failed,
    Unsatisfiable,
}

pub(crate) fn expected(headers: &HeaderMap, is_head: bool, own: &Own<'_>) -> Expected {
    let has = |name: &str| headers.contains_key(name);
    let step_1 = if has("if-match") {
        tags(headers, "if-match", |tag| tag == own.etag)
    } else {
        date_of(headers, "if-unmodified-since").is_none_or(|date| own.modified <= date)
    };
    if !step_1 {
        return Expected::Failed;
    }
    let is_known = if has("if-none-match") {
        tags(headers, "if-none-match", |tag| tag.strip_prefix("W/").unwrap_or(tag) == own.etag)
    } else {
        date_of(headers, "if-modified-since").is_some_and(|date| own.modified <= date)
    };
    if is_known {
        return Expected::NotModified;
    }
    if is_head || !is_of_this_file(headers, own) {
        return Expected::Whole;
    }
    ranges(headers, own.length)
}

fn texts<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect()
}

/// Whether a tag of a list is the right one. What follows a malformed element of a line does not count.
fn tags(headers: &HeaderMap, name: &str, is_right: impl Fn(&str) -> bool) -> bool {
    for line in texts(headers, name) {
        // One character for each byte.
        let line: String = line.iter().map(|&byte| char::from(byte)).collect();
        let line = line.trim_matches([' ', '\t']);
        if line == "*" {
            return true;
        }
        for element in elements(line) {
            let element = element.trim_matches([' ', '\t']);
            if element.is_empty() {
                continue;
            }
            if !is_tag(element) {
                break;
            }
            if is_right(element) {
                return true;
            }
        }
    }
    false
}

/// Splits at the commas that are outside of quotes.
fn elements(line: &str) -> Vec<String> {
    let mut elements = vec![String::new()];
    let mut is_quoted = false;
    for character in line.chars() {
        is_quoted ^= character == '"';
        if character == ',' && !is_quoted {
            elements.push(String::new());
        } else {
            elements.last_mut().unwrap().push(character);
        }
    }
    elements
}

fn is_tag(element: &str) -> bool {
    let quoted = element.strip_prefix("W/").unwrap_or(element);
    let Some(inner) = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    inner.chars().all(|c| c == '\u{21}' || ('\u{23}'..='\u{7e}').contains(&c) || c >= '\u{80}')
}

/// The date of a field that comes once.
fn date_of(headers: &HeaderMap, name: &str) -> Option<u64> {
    match texts(headers, name).as_slice() {
        [one] => date(one),
        _ => None,
    }
}

fn date(text: &[u8]) -> Option<u64> {
    let time = httpdate::parse_http_date(std::str::from_utf8(text).ok()?.trim()).ok()?;
    time.duration_since(std::time::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

fn is_of_this_file(headers: &HeaderMap, own: &Own<'_>) -> bool {
    match texts(headers, "if-range").as_slice() {
        [] => true,
        [one] => {
            let text = one.trim_ascii();
            text == own.etag.as_bytes()
                || (text.first() != Some(&b'"') && date(text) == Some(own.modified))
        }
        _ => false,
    }
}

fn ranges(headers: &HeaderMap, length: u64) -> Expected {
    let lines = texts(headers, "range");
    let [line] = lines.as_slice() else { return Expected::Whole };
    let line: String = line.iter().map(|&byte| char::from(byte)).collect();
    let Some((unit, set)) = line.split_once('=') else { return Expected::Whole };
    if !unit.trim_matches([' ', '\t']).eq_ignore_ascii_case("bytes") {
        return Expected::Whole;
    }
    let elements: Vec<_> = set
        .split(',')
        .map(|one| one.trim_matches([' ', '\t']))
        .filter(|one| !one.is_empty())
        .collect();
    let mut parts = Vec::new();
    for element in &elements {
        let Some((first, last)) = element.split_once('-') else { return Expected::Unsatisfiable };
        let (first, last) = match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => (first, last),
            (Some(first), None) if last.is_empty() => (first, u128::MAX),
            (None, Some(suffix)) if first.is_empty() && suffix > 0 => {
                (u128::from(length).saturating_sub(suffix), u128::MAX)
            }
            (None, Some(_)) if first.is_empty() => continue,
            _ => return Expected::Unsatisfiable,
        };
        // Every byte by itself.
        let own: Vec<u64> =
            (0..length).filter(|at| (first..=last).contains(&u128::from(*at))).collect();
        if let (Some(first), Some(last)) = (own.first(), own.last()) {
            parts.push((*first, *last));
        }
    }
    let total: u64 = parts.iter().map(|(first, last)| last - first + 1).sum();
    if elements.is_empty()
        || length == 0
        || elements.len() > 16
        || (parts.len() > 1 && total > length)
    {
        Expected::Whole
    } else if parts.is_empty() {
        Expected::Unsatisfiable
    } else {
        Expected::Parts(parts)
    }
}

/// Digits. What is beyond any number is the largest one.
fn number(text: &str) -> Option<u128> {
    let is_number = !text.is_empty() && text.chars().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u128::MAX - 1))
}
