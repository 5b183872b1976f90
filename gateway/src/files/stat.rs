//! What tells one state of a file from another, and the validators that follow from it.
//!
//! 1. A file is the same as before if device, inode, size, time of modification and time of change are.
//! 2. The tag has the time of modification, in nanoseconds, and the size. It has no inode, so that replicas have the
//!    same tag.
//! 3. A time at or before one second after 1970 tells nothing: Nix, Bazel and images of containers set it for every
//!    file. Such a file has no `Last-Modified`, and its tag is that of its content, or none if that is not at hand.
//! 4. `Last-Modified` is never in the future (RFC 9110 §8.8.2.1), and never after the year 9999.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use sha2::{Digest, Sha256};

use super::conditional::Validators;

/// The last second that a date of HTTP can name, from 1970.
const LAST_SECOND: i64 = 253_402_300_799;

/// A time as the system has it: seconds from 1970, and nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

/// A state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified: Time,
    pub(super) changed: Time,
}

impl Stat {
    /// Rules 2 to 4. `content` is the tag of the content, if that is at hand.
    pub(super) fn validators(&self, now: SystemTime, content: Option<&HeaderValue>) -> Validators {
        let Time { seconds, nanoseconds } = self.modified;
        if self.has_no_time() {
            return Validators { etag: content.cloned(), modified: None };
        }
        let etag = format!("\"{seconds:x}.{nanoseconds:x}-{:x}\"", self.size);
        Validators { etag: HeaderValue::try_from(etag).ok(), modified: date(seconds, now) }
    }

    /// Rule 3.
    pub(super) fn has_no_time(&self) -> bool {
        self.modified.seconds <= 1
    }

    /// Whether the file may change once more without a later time. The clock of the kernel ticks every 10 ms at most,
    /// and that of a network file system may be behind.
    pub(super) fn is_recent(&self, now: SystemTime) -> bool {
        const SETTLED: Duration = Duration::from_secs(2);
        let last = self.modified.max(self.changed).seconds;
        let last = u64::try_from(last).map_or(UNIX_EPOCH, |last| {
            UNIX_EPOCH.checked_add(Duration::from_secs(last)).unwrap_or(now)
        });
        now.duration_since(last).is_ok_and(|age| age < SETTLED) || last > now
    }
}

/// Rule 4.
fn date(seconds: i64, now: SystemTime) -> Option<SystemTime> {
    if seconds > LAST_SECOND {
        return None;
    }
    let date = UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))?;
    let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(date.min(UNIX_EPOCH.checked_add(Duration::from_secs(now))?))
}

/// The tag of a content, by its SHA-256.
pub(super) fn tag_of_content(content: &[u8]) -> Option<HeaderValue> {
    tag_of_digest(&Sha256::digest(content))
}

/// The tag of a digest: its first 16 bytes.
pub(super) fn tag_of_digest(digest: &[u8]) -> Option<HeaderValue> {
    let mut tag = String::with_capacity(34);
    tag.push('"');
    for byte in digest.iter().take(16) {
        for digit in [byte >> 4, byte & 15] {
            tag.push(char::from_digit(u32::from(digit), 16)?);
        }
    }
    tag.push('"');
    HeaderValue::try_from(tag).ok()
}

#[cfg(unix)]
impl From<&std::fs::Metadata> for Stat {
    fn from(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let time = |seconds, nanoseconds: i64| Time {
            seconds,
            nanoseconds: nanoseconds.try_into().unwrap_or_default(),
        };
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed: time(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Without Unix, the time of creation stands for inode and change: a file that replaces another one has a later one.
#[cfg(not(unix))]
impl From<&std::fs::Metadata> for Stat {
    fn from(metadata: &std::fs::Metadata) -> Self {
        let time = |time: std::io::Result<SystemTime>| {
            let since = time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let since = since.unwrap_or_default();
            let seconds = since.as_secs().try_into().unwrap_or(i64::MAX);
            Time { seconds, nanoseconds: since.subsec_nanos() }
        };
        Self {
            device: 0,
            inode: 0,
            size: metadata.len(),
            modified: time(metadata.modified()),
            changed: time(metadata.created()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "the numbers are small")]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use http::HeaderValue;

    use super::{Stat, Time, tag_of_content};

    fn modified(seconds: i64, nanoseconds: u32) -> Stat {
        let time = Time { seconds, nanoseconds };
        Stat { device: 1, inode: 2, size: 300, modified: time, changed: time }
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(2_000_000_000_500)
    }

    #[test]
    fn validators() {
        let content = tag_of_content(b"content");
        for (seconds, date) in [
            (1_577_934_245, Some(1_577_934_245)),
            (2, Some(2)),
            (1, None),
            (0, None),
            (-1, None),
            (i64::MIN, None),
            (4_070_908_800, Some(2_000_000_000)),
            (253_402_300_799, Some(2_000_000_000)),
            (253_402_300_800, None),
            (i64::MAX, None),
        ] {
            let validators = modified(seconds, 0).validators(now(), content.as_ref());
            let date = date.map(|date| UNIX_EPOCH + Duration::from_secs(date));
            assert_eq!(validators.modified, date, "{seconds}");
            assert_eq!(validators.etag == content, seconds <= 1, "{seconds}");
        }
        let etag = |stat: Stat| stat.validators(now(), None).etag;
        assert_eq!(etag(modified(255, 16)), Some(HeaderValue::from_static("\"ff.10-12c\"")));
        assert_ne!(etag(modified(255, 16)), etag(modified(255, 17)));
        assert_ne!(etag(modified(255, 16)), etag(Stat { size: 301, ..modified(255, 16) }));
        assert_eq!(
            etag(modified(255, 16)),
            etag(Stat { inode: 9, device: 9, ..modified(255, 16) })
        );
        assert_eq!(etag(modified(0, 0)), None);
    }

    #[test]
    fn recent() {
        assert!(modified(2_000_000_000, 0).is_recent(now()));
        assert!(modified(1_999_999_999, 0).is_recent(now()));
        assert!(!modified(1_999_999_998, 0).is_recent(now()));
        assert!(modified(2_000_000_001, 0).is_recent(now()));
        let old = Time { seconds: 5, nanoseconds: 0 };
        assert!(Stat { modified: old, ..modified(2_000_000_000, 0) }.is_recent(now()));
        assert!(!modified(-5, 0).is_recent(now()));
    }
}
