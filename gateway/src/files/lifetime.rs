//! How long caches may keep a file (RFC 9111 §5.2).
//!
//! 1. By default, `public, max-age=43200` and `Expires`, as the original: twelve hours.
//! 2. Without caching, `no-cache`: a cache may keep the file, and asks each time. The original says nothing then, and
//!    caches guess (RFC 9111 §4.2.2).
//! 3. A rule for a pattern comes before that. `immutable` is for names that change with the content. The first rule that
//!    matches wins.
//! 4. `Expires` is never after the year 9999, and `max-age` never above 2^31 (RFC 9111 §1.2.2).

use std::{
    cell::RefCell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::HeaderValue;

use super::{name::Name, pattern::Pattern};
use crate::common::error::ConfigError;

/// A year, which RFC 9111 names as the longest time of use.
const YEAR: &str = "public, max-age=31536000, immutable";

/// The last second that a date of HTTP can name, from 1970.
const LAST_SECOND: u64 = 253_402_300_799;

/// What is said to caches of one file.
#[derive(Clone, Debug)]
pub(super) struct Lifetime {
    pub(super) cache_control: HeaderValue,
    max_age: Option<u64>,
}

impl Lifetime {
    fn fixed(value: HeaderValue) -> Self {
        Self { cache_control: value, max_age: None }
    }

    /// Rule 4.
    pub(super) fn expires(&self, now: SystemTime) -> Option<HeaderValue> {
        let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
        date(now.saturating_add(self.max_age?).min(LAST_SECOND))
    }
}

/// A date, in seconds from 1970. Each thread keeps the last one, because it holds for a second.
fn date(seconds: u64) -> Option<HeaderValue> {
    thread_local! {
        static LAST: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        if let Some((_, text)) = last.as_ref().filter(|(own, _)| *own == seconds) {
            return Some(text.clone());
        }
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
        let text = HeaderValue::try_from(httpdate::fmt_http_date(time)).ok()?;
        *last = Some((seconds, text.clone()));
        Some(text)
    })
}

/// The rules of a layer.
#[derive(Clone, Debug)]
pub(super) struct Lifetimes {
    rules: Vec<(Pattern, Lifetime)>,
    default: Lifetime,
}

impl Lifetimes {
    /// Checks the rules. Without a value, a rule is `immutable`.
    pub(super) fn new(
        timeout: Option<Duration>,
        rules: &[(String, Option<String>)],
    ) -> Result<Self, ConfigError> {
        let default = match timeout {
            None => Lifetime::fixed(HeaderValue::from_static("no-cache")),
            Some(timeout) => {
                let seconds = timeout.as_secs();
                let text = format!("public, max-age={}", seconds.min(1 << 31));
                let cache_control =
                    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("no-cache"));
                Lifetime { cache_control, max_age: Some(seconds) }
            }
        };
        let mut checked = Vec::new();
        for (pattern, value) in rules {
            let value = match value {
                None => HeaderValue::from_static(YEAR),
                Some(value) => HeaderValue::try_from(value).map_err(|_| {
                    ConfigError::InvalidHeaderValue { name: "cache-control".into() }
                })?,
            };
            checked.push((Pattern::new(pattern), Lifetime::fixed(value)));
        }
        Ok(Self { rules: checked, default })
    }

    /// What is said of a file: a pattern is compared with the path below the export, and with the last segment.
    pub(super) fn of(&self, name: &Name) -> &Lifetime {
        let whole = name.as_bytes();
        let last = name.segments().last().unwrap_or_default();
        let rule =
            self.rules.iter().find(|(pattern, _)| pattern.matches(last) || pattern.matches(whole));
        rule.map_or(&self.default, |(_, lifetime)| lifetime)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "the numbers are small")]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::Lifetimes;
    use crate::files::name::Name;

    #[test]
    fn times() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        for (timeout, cache_control, expires) in [
            (None, "no-cache", None),
            (Some(Duration::ZERO), "public, max-age=0", Some(1000)),
            (Some(Duration::from_millis(3500)), "public, max-age=3", Some(1003)),
            (Some(Duration::from_secs(43_200)), "public, max-age=43200", Some(44_200)),
            (
                Some(Duration::from_secs(1_000_000_000_000)),
                "public, max-age=2147483648",
                Some(253_402_300_799),
            ),
            (Some(Duration::MAX), "public, max-age=2147483648", Some(253_402_300_799)),
        ] {
            let lifetimes = Lifetimes::new(timeout, &[]).expect("valid");
            let lifetime = lifetimes.of(&Name::parse("/a").expect("a name"));
            assert_eq!(lifetime.cache_control, cache_control);
            let expires = expires.map(|at| UNIX_EPOCH + Duration::from_secs(at));
            let expires = expires.map(httpdate::fmt_http_date);
            let text = lifetime.expires(now);
            assert_eq!(text.as_ref().and_then(|text| text.to_str().ok()), expires.as_deref());
        }
    }

    #[test]
    fn rules() {
        let rules = [("*.html", Some("no-cache")), ("assets/*", None), ("*-????????.js", None)];
        let rules = rules.map(|(pattern, value)| (pattern.to_owned(), value.map(str::to_owned)));
        let lifetimes = Lifetimes::new(Some(Duration::from_secs(60)), &rules).expect("valid");
        for (name, value) in [
            ("/d/index.html", "no-cache"),
            ("/assets/x.css", "public, max-age=31536000, immutable"),
            ("/js/app-0a1b2c3d.js", "public, max-age=31536000, immutable"),
            ("/app.js", "public, max-age=60"),
            ("/d/assets/x", "public, max-age=60"),
        ] {
            let name = Name::parse(name).expect(name);
            assert_eq!(lifetimes.of(&name).cache_control, value, "{name:?}");
        }
        let broken = [("*".to_owned(), Some("a\nb".to_owned()))];
        assert!(Lifetimes::new(None, &broken).is_err());
    }
}
