//! Files that were compressed before (RFC 9110 §12.5.3).
//!
//! 1. `app.js.br`, `.zst` and `.gz` stand for `app.js` where it exists too, and is not newer.
//! 2. The client's weights decide, and among equals the order above. A coding with `q=0`, or that is not in the list, is
//!    not sent. `*` stands for those that are not named. If the client prefers the file as it is, it gets that.
//! 3. A malformed element is passed over.

use http::{HeaderMap, header::ACCEPT_ENCODING};

/// A coding of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Coding {
    Brotli,
    Zstandard,
    Gzip,
}

impl Coding {
    /// All, the one that makes the shortest files first.
    pub(super) const ALL: [Self; 3] = [Self::Brotli, Self::Zstandard, Self::Gzip];

    /// Its name (RFC 9110 §8.4.1, RFC 7932, RFC 8878).
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// How the name of a compressed file ends.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstandard => ".zst",
            Self::Gzip => ".gz",
        }
    }
}

/// The codings that a client accepts, the best first.
pub(super) fn accepted(headers: &HeaderMap) -> Vec<Coding> {
    let mut weights = Weights::default();
    for line in headers.get_all(ACCEPT_ENCODING) {
        let Ok(text) = line.to_str() else { continue };
        for element in text.split(',') {
            weights.read(element);
        }
    }
    let identity = weights.of("identity").unwrap_or(0);
    let mut accepted: Vec<_> = Coding::ALL
        .into_iter()
        .filter_map(|coding| Some((weights.of(coding.name()).or(weights.any)?, coding)))
        .filter(|(weight, _)| *weight > 0 && *weight >= identity)
        .collect();
    // The sort keeps the order of equals.
    accepted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    accepted.into_iter().map(|(_, coding)| coding).collect()
}

/// The weights of a request, in thousandths.
#[derive(Default)]
struct Weights {
    named: Vec<(String, u16)>,
    any: Option<u16>,
}

impl Weights {
    fn read(&mut self, element: &str) {
        let mut parts = element.split(';');
        let coding = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let weight = match parts.next().map(str::trim) {
            None => Some(1000),
            Some(parameter) => weight(parameter),
        };
        let Some(weight) = weight.filter(|_| !coding.is_empty()) else { return };
        match coding.as_str() {
            "*" => self.any = self.any.or(Some(weight)),
            "x-gzip" => self.named.push(("gzip".to_owned(), weight)),
            _ => self.named.push((coding, weight)),
        }
    }

    fn of(&self, coding: &str) -> Option<u16> {
        self.named.iter().find(|(name, _)| name == coding).map(|(_, weight)| *weight)
    }
}

/// RFC 9110 §12.4.2: up to three digits after the point.
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let value = value.trim();
    let (whole, digits) = value.split_once('.').unwrap_or((value, ""));
    let is_weight = matches!(whole, "0" | "1")
        && digits.len() <= 3
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_weight {
        return None;
    }
    let thousandths: u16 = format!("{digits:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        _ => (thousandths == 0).then_some(1000),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};

    use super::accepted;

    #[test]
    fn weights() {
        for (value, codings) in [
            ("gzip", "gzip"),
            ("gzip, br", "br gzip"),
            ("gzip, deflate, br, zstd", "br zstd gzip"),
            ("br;q=0.5, gzip;q=0.9", "gzip br"),
            ("br;q=0, gzip", "gzip"),
            ("*", "br zstd gzip"),
            ("*;q=0", ""),
            ("br;q=0, *", "zstd gzip"),
            ("identity", ""),
            ("identity, gzip", "gzip"),
            ("identity, gzip;q=0.5", ""),
            ("identity;q=0.5, gzip;q=0.5", "gzip"),
            ("GZIP ; Q=0.001", "gzip"),
            ("x-gzip", "gzip"),
            ("gzip;q=2, br;q=1.000", "br"),
            ("gzip;q=0.1234, br;x=1, zstd;q=", ""),
            ("", ""),
        ] {
            let value = HeaderValue::from_static(value);
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, value.clone())]);
            let names: Vec<_> = accepted(&headers).iter().map(|coding| coding.name()).collect();
            assert_eq!(names.join(" "), codings, "{value:?}");
        }
        assert!(accepted(&HeaderMap::new()).is_empty());
    }
}
