//! The content of small files, in memory.
//!
//! 1. A content is used only for the state of the file that it was read in (the state is [`Stat`]). The state is looked up for
//!    every request, so nothing is ever stale.
//! 2. A file that changed within the last seconds is not kept: it could change again within a tick of the clock.
//! 3. The file, not its path, is the key. Many paths of one file have one entry, and what is asked for and missing has
//!    none.
//! 4. All entries together are bounded in bytes.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::HeaderValue;
use quick_cache::{Weighter, sync};

use super::stat::Stat;

/// What an entry takes beside its content, roughly.
const OVERHEAD: u64 = 256;

/// A content, and the state of the file when it was read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) stat: Stat,
    pub(super) content: Bytes,
    /// Only for a file whose times tell nothing.
    pub(super) tag: Option<HeaderValue>,
}

type Key = (u64, u64);

#[derive(Clone, Debug)]
struct Weigh;

impl Weighter<Key, Arc<Entry>> for Weigh {
    fn weight(&self, _: &Key, entry: &Arc<Entry>) -> u64 {
        u64::try_from(entry.content.len()).unwrap_or(u64::MAX).saturating_add(OVERHEAD)
    }
}

/// The contents.
#[derive(Debug)]
pub(super) struct Cache {
    entries: sync::Cache<Key, Arc<Entry>, Weigh>,
    bytes: u64,
}

impl Cache {
    /// A cache of so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        // Room for files of a few KiB each. It only sizes the table.
        let entries = usize::try_from(bytes >> 13).unwrap_or(usize::MAX).clamp(16, 65_536);
        Self { entries: sync::Cache::with_weighter(entries, bytes, Weigh), bytes }
    }

    /// The content of a file in this state.
    pub(super) fn get(&self, stat: &Stat) -> Option<Arc<Entry>> {
        self.entries.get(&key(stat)?).filter(|entry| entry.stat == *stat)
    }

    /// Keeps a content (rule 2).
    pub(super) fn put(&self, entry: &Arc<Entry>, now: SystemTime) {
        let Some(key) = key(&entry.stat) else { return };
        if !entry.stat.is_recent(now) {
            self.entries.insert(key, Arc::clone(entry));
        }
    }

    /// The longest file that is worth keeping: one that leaves room for others.
    pub(super) fn longest(&self) -> u64 {
        self.bytes / 8
    }

    #[cfg(test)]
    pub(super) fn weight(&self) -> u64 {
        self.entries.weight()
    }
}

/// `None` where the system has no identity of files.
fn key(stat: &Stat) -> Option<Key> {
    (stat.inode > 0).then_some((stat.device, stat.inode))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "the numbers are small")]
mod tests {
    use std::{
        sync::Arc,
        time::{Duration, UNIX_EPOCH},
    };

    use bytes::Bytes;

    use super::{Cache, Entry};
    use crate::files::stat::{Stat, Time};

    fn entry(inode: u64, seconds: i64, length: usize) -> Arc<Entry> {
        let time = Time { seconds, nanoseconds: 0 };
        let size = length.try_into().expect("small");
        let stat = Stat { device: 1, inode, size, modified: time, changed: time };
        Arc::new(Entry { stat, content: Bytes::from(vec![0; length]), tag: None })
    }

    #[test]
    fn only_the_same_state() {
        let (cache, now) = (Cache::new(1 << 20), UNIX_EPOCH + Duration::from_secs(1000));
        let own = entry(1, 900, 10);
        cache.put(&own, now);
        assert!(cache.get(&own.stat).is_some());
        let time = Time { seconds: 900, nanoseconds: 1 };
        for other in [
            Stat { device: 2, ..own.stat },
            Stat { inode: 2, ..own.stat },
            Stat { size: 11, ..own.stat },
            Stat { modified: time, ..own.stat },
            Stat { changed: time, ..own.stat },
        ] {
            assert!(cache.get(&other).is_none(), "{other:?}");
        }
        let recent = entry(3, 999, 10);
        cache.put(&recent, now);
        assert!(cache.get(&recent.stat).is_none());
        let unknown = entry(0, 900, 10);
        cache.put(&unknown, now);
        assert!(cache.get(&unknown.stat).is_none());
    }

    #[test]
    fn is_bounded() {
        let (cache, now) = (Cache::new(1 << 20), UNIX_EPOCH + Duration::from_secs(1000));
        for inode in 1..10_000 {
            cache.put(&entry(inode, 900, 4096), now);
            assert!(cache.weight() <= 1 << 20);
        }
        assert!(cache.weight() > 1 << 19);
    }
}
