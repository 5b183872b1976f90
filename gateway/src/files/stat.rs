//! What tells one state of a file from another, and the validators that follow from it.
//!
//! 1. A file is the same as before if device, inode, number of names, size, time of modification and time of change
//!    are.
//! 2. The tag has the time of modification, in nanoseconds, the size, and the coding. It has no inode, so that replicas
//!    have the same tag.
//! 3. Some tools set one time for every file, which stays the same when the content changes: the first second of 1970 and
//!    what is before it (Nix, Bazel, images of containers), the first days of 1980 (zip), and one of 1985 (npm). Such a file
//!    has no `Last-Modified`, and its tag is that of its content, or none if that is not at hand.
//! 4. A file that was written within the last seconds has neither, because it may be written again without another
//!    time. Some file systems count whole seconds.
//! 5. `Last-Modified` is never in the future (RFC 9110 §8.8.2.1), and never after the year 9999.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use sha2::{Digest, Sha256};

use super::{conditional::Validators, encoding::Coding};

/// The last second that a date of HTTP can name, from 1970.
const LAST_SECOND: i64 = 253_402_300_799;

/// 1979-12-31 to 1980-01-02: the first day that zip knows, in any time zone (rule 3).
const ZIP: std::ops::Range<i64> = 315_446_400..315_705_600;

/// 1985-10-26T08:15:00Z, which npm writes into packages (rule 3).
const NPM: i64 = 499_162_500;

/// How long a file may be written again without another time: FAT counts in steps of 2 s, the clock of a kernel in
/// steps of 10 ms at most.
const SETTLED: Duration = Duration::from_secs(2);

/// A time as the system has it: seconds from 1970, and nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Time {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

/// A state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) device: u64,
    pub(super) inode: u64,
    /// How many names the file has.
    pub(super) links: u64,
    pub(super) size: u64,
    pub(super) modified: Time,
    pub(super) changed: Time,
}

impl Stat {
    /// Rules 2 to 5. `content` is the tag of the content, if that is at hand.
    pub(super) fn validators(
        &self,
        now: SystemTime,
        coding: Option<Coding>,
        content: Option<&HeaderValue>,
    ) -> Validators {
        let Time { seconds, nanoseconds } = self.modified;
        if self.has_no_time() {
            return Validators::new(content.cloned(), None);
        }
        if is_recent(self.modified, now) {
            return Validators::default();
        }
        let suffix = coding.map_or("", Coding::suffix);
        let etag = format!("\"{seconds:x}.{nanoseconds:x}-{:x}{suffix}\"", self.size);
        Validators::new(HeaderValue::try_from(etag).ok(), date(seconds, now))
    }

    /// Rule 3.
    pub(super) fn has_no_time(&self) -> bool {
        let seconds = self.modified.seconds;
        seconds <= 1 || ZIP.contains(&seconds) || seconds == NPM
    }

    /// Whether the file may change once more and have the same state, or whether the clock of its file system is
    /// ahead.
    pub(super) fn may_change_unseen(&self, now: SystemTime) -> bool {
        let last = self.modified.max(self.changed);
        is_recent(last, now) || since_1970(last) > now
    }
}

fn since_1970(time: Time) -> SystemTime {
    let seconds = Duration::from_secs(time.seconds.try_into().unwrap_or_default());
    let since = seconds.saturating_add(Duration::from_nanos(time.nanoseconds.into()));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// Rule 4. The clock of a file system may be ahead by as much.
fn is_recent(time: Time, now: SystemTime) -> bool {
    let time = since_1970(time);
    let distance = now.duration_since(time).unwrap_or_else(|ahead| ahead.duration());
    distance < SETTLED
}

/// Rule 5.
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
            links: metadata.nlink(),
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
            links: 1,
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

    use super::{Coding, Stat, Time, tag_of_content};

    fn modified(seconds: i64, nanoseconds: u32) -> Stat {
        let time = Time { seconds, nanoseconds };
        Stat { device: 1, inode: 2, links: 1, size: 300, modified: time, changed: time }
    }

    const NOW: i64 = 2_000_000_000;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(2_000_000_000_500)
    }

    #[test]
    fn validators() {
        let content = tag_of_content(b"content");
        for (seconds, has_time, date) in [
            (1_577_934_245, true, Some(1_577_934_245)),
            (23_349_600, true, Some(23_349_600)),
            (499_162_500, false, None),
            (315_532_800, false, None),
            (315_500_000, false, None),
            (315_446_399, true, Some(315_446_399)),
            (2, true, Some(2)),
            (1, false, None),
            (0, false, None),
            (-1, false, None),
            (i64::MIN, false, None),
            // Within 2 s, there is nothing to compare by.
            (NOW - 2, true, Some(NOW - 2)),
            (NOW + 3, true, Some(NOW)),
            (4_070_908_800, true, Some(NOW)),
            (253_402_300_799, true, Some(NOW)),
            (253_402_300_800, true, None),
            (i64::MAX, true, None),
        ] {
            let validators = modified(seconds, 0).validators(now(), None, content.as_ref());
            let date = date.map(|date| UNIX_EPOCH + Duration::from_secs(date.try_into().unwrap()));
            assert_eq!(validators.modified, date, "{seconds}");
            assert_eq!(validators.last_modified.is_some(), date.is_some(), "{seconds}");
            assert!(validators.etag.is_some(), "{seconds}");
            assert_eq!(validators.etag == content, !has_time, "{seconds}");
        }
        for (seconds, millis, is_known) in [
            (NOW - 2, 500, true),
            (NOW - 2, 501, false),
            (NOW - 2, 999, false),
            (NOW - 1, 0, false),
            (NOW, 0, false),
            (NOW, 900, false),
            (NOW + 2, 499, false),
            (NOW + 2, 500, true),
        ] {
            let stat = modified(seconds, millis * 1_000_000);
            let validators = stat.validators(now(), None, content.as_ref());
            let known = (validators.etag.is_some(), validators.modified.is_some());
            assert_eq!(known, (is_known, is_known), "{seconds}.{millis}");
        }
    }

    #[test]
    fn tags() {
        let tag = |stat: Stat, coding| stat.validators(now(), coding, None).etag;
        let settled = modified(0x4000_0000, 16);
        let plain = tag(settled, None);
        assert_eq!(plain, Some(HeaderValue::from_static("\"40000000.10-12c\"")));
        assert_ne!(plain, tag(modified(0x4000_0000, 17), None));
        assert_ne!(plain, tag(Stat { size: 301, ..settled }, None));
        assert_eq!(plain, tag(Stat { inode: 9, device: 9, links: 2, ..settled }, None));
        for (coding, expected) in
            [(Coding::Brotli, "\"40000000.10-12c.br\""), (Coding::Gzip, "\"40000000.10-12c.gz\"")]
        {
            assert_eq!(tag(settled, Some(coding)), Some(HeaderValue::from_static(expected)));
        }
        assert_eq!(tag(modified(0, 0), None), None);
    }

    #[test]
    fn what_may_change_unseen() {
        for (seconds, millis, may_change) in [
            (NOW, 0, true),
            (NOW - 1, 0, true),
            (NOW - 2, 501, true),
            (NOW - 2, 500, false),
            (NOW + 1, 0, true),
            (NOW + 9, 0, true),
            (-5, 0, false),
        ] {
            let stat = modified(seconds, millis * 1_000_000);
            assert_eq!(stat.may_change_unseen(now()), may_change, "{seconds}.{millis}");
        }
        let old = Time { seconds: 5, nanoseconds: 0 };
        assert!(Stat { modified: old, ..modified(NOW, 0) }.may_change_unseen(now()));
    }
}
