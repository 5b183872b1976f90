//! The content of small files, in memory.
//!
//! 1. A content is used only for the state of the file that it was read in (the state is [`Stat`]). The state is looked up for
//!    every request, so nothing is stale that changes the times of its file.
//! 2. A file that changed within the last seconds is not kept: it could change again within a tick of the clock.
//! 3. The file and its coding, not its path, are the key. Many paths of one file have one entry, and what is asked for and
//!    missing has none.
//! 4. All entries together are bounded in bytes. So are the contents that are no entries any more, but still on their way
//!    to slow clients: both together have twice that many at most. Beyond it, a file is sent from the disk.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use quick_cache::{OptionsBuilder, Weighter, sync};

use super::{conditional::Validators, encoding::Coding, stat::Stat};

/// What an entry takes beside its content, roughly.
const OVERHEAD: u64 = 512;

/// The parts into which the table is divided. Each has its share of the bytes, and an entry must fit into one.
const PARTS: u64 = 4;

/// The longest content that is worth memory. Beyond it, reading from the disk costs no more.
const LONGEST: u64 = 4 << 20;

/// A content, and the state of the file when it was read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) stat: Stat,
    pub(super) coding: Option<Coding>,
    pub(super) content: Bytes,
    pub(super) validators: Validators,
}

type Key = (u64, u64, Option<Coding>);

#[derive(Clone, Debug)]
struct Weigh;

impl Weighter<Key, Arc<Entry>> for Weigh {
    fn weight(&self, _: &Key, entry: &Arc<Entry>) -> u64 {
        length(&entry.content).saturating_add(OVERHEAD)
    }
}

/// The contents.
#[derive(Debug)]
pub(super) struct Cache {
    entries: sync::Cache<Key, Arc<Entry>, Weigh>,
    bytes: u64,
    /// The bytes of all contents that exist (rule 4).
    held: Arc<AtomicU64>,
}

impl Cache {
    /// A cache of so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        // Room for files of a few KiB each. It only sizes the table.
        let entries = usize::try_from(bytes >> 13).unwrap_or(usize::MAX).clamp(16, 65_536);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(entries)
            .weight_capacity(bytes)
            .shards(usize::try_from(PARTS).unwrap_or(1))
            .build();
        let entries = match options {
            Ok(options) => sync::Cache::with_options(
                options,
                Weigh,
                quick_cache::DefaultHashBuilder::default(),
                sync::DefaultLifecycle::default(),
            ),
            // Only without a capacity.
            Err(_) => sync::Cache::with_weighter(entries, bytes, Weigh),
        };
        Self { entries, bytes, held: Arc::default() }
    }

    /// The content of a file in this state.
    pub(super) fn get(&self, stat: &Stat, coding: Option<Coding>) -> Option<Arc<Entry>> {
        let entry = self.entries.get(&(stat.device, stat.inode, coding))?;
        (entry.stat == *stat).then_some(entry)
    }

    /// Whether the content of a file would be kept (rule 2).
    pub(super) fn keeps(&self, stat: &Stat, now: SystemTime) -> bool {
        // Some systems have no identity of files.
        stat.inode > 0 && stat.size <= self.longest() && !stat.may_change_unseen(now)
    }

    /// Keeps a content, if it is one that is kept.
    pub(super) fn put(&self, entry: &Arc<Entry>, now: SystemTime) {
        let stat = &entry.stat;
        if self.keeps(stat, now) {
            self.entries.insert((stat.device, stat.inode, entry.coding), Arc::clone(entry));
        }
    }

    /// The longest content that is kept: an eighth of all, and 4 MiB.
    pub(super) fn longest(&self) -> u64 {
        (self.bytes / (2 * PARTS)).min(LONGEST)
    }

    /// The right to hold a content of this length, until the content is dropped (rule 4).
    pub(super) fn room(&self, bytes: u64) -> Option<Room> {
        let most = self.bytes.saturating_mul(2);
        let add = |held: u64| held.checked_add(bytes).filter(|held| *held <= most);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Room { bytes, held: Arc::clone(&self.held) })
    }

    #[cfg(test)]
    pub(super) fn weight(&self) -> u64 {
        self.entries.weight()
    }
}

/// The right to hold so many bytes.
#[derive(Debug)]
pub(super) struct Room {
    bytes: u64,
    held: Arc<AtomicU64>,
}

impl Room {
    /// A content that holds its room.
    pub(super) fn fill(self, content: Vec<u8>) -> Bytes {
        struct Held(Vec<u8>, #[expect(dead_code, reason = "it is dropped with the content")] Room);
        impl AsRef<[u8]> for Held {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        Bytes::from_owner(Held(content, self))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn length(content: &Bytes) -> u64 {
    content.len().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "the numbers are small")]
mod tests {
    use std::{
        sync::Arc,
        time::{Duration, SystemTime, UNIX_EPOCH},
    };

    use bytes::Bytes;

    use super::{Cache, Entry, LONGEST};
    use crate::files::{
        conditional::Validators,
        stat::{Stat, Time},
    };

    fn entry(inode: u64, seconds: i64, length: u64) -> Arc<Entry> {
        let time = Time { seconds, nanoseconds: 0 };
        let content = Bytes::from(vec![0; length.try_into().expect("small")]);
        let stat = Stat { device: 1, inode, links: 1, size: length, modified: time, changed: time };
        Arc::new(Entry { stat, coding: None, content, validators: Validators::default() })
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1000)
    }

    #[test]
    fn only_the_same_state() {
        let cache = Cache::new(1 << 20);
        let own = entry(1, 900, 10);
        cache.put(&own, now());
        assert!(cache.get(&own.stat, None).is_some());
        let time = Time { seconds: 900, nanoseconds: 1 };
        for other in [
            Stat { device: 2, ..own.stat },
            Stat { inode: 2, ..own.stat },
            Stat { links: 2, ..own.stat },
            Stat { size: 11, ..own.stat },
            Stat { modified: time, ..own.stat },
            Stat { changed: time, ..own.stat },
        ] {
            assert!(cache.get(&other, None).is_none(), "{other:?}");
        }
        for other in [entry(3, 999, 10), entry(0, 900, 10)] {
            cache.put(&other, now());
            assert!(cache.get(&other.stat, None).is_none(), "{other:?}");
        }
    }

    #[test]
    fn is_bounded() {
        let cache = Cache::new(1 << 20);
        for inode in 1..10_000 {
            cache.put(&entry(inode, 900, 4096), now());
            assert!(cache.weight() <= 1 << 20);
        }
        assert!(cache.weight() > 1 << 19);
    }

    #[test]
    fn the_longest() {
        for bytes in [1 << 20, 32 << 20, 1 << 40] {
            let cache = Cache::new(bytes);
            let longest = entry(1, 900, cache.longest());
            assert!(cache.keeps(&longest.stat, now()));
            cache.put(&longest, now());
            assert!(cache.get(&longest.stat, None).is_some(), "{bytes}");
            let longer = entry(2, 900, cache.longest() + 1);
            assert!(!cache.keeps(&longer.stat, now()));
            assert!(cache.longest() <= LONGEST);
        }
        assert!(!Cache::new(0).keeps(&entry(1, 900, 1).stat, now()));
    }

    #[test]
    fn room() {
        let cache = Cache::new(1000);
        let first = cache.room(1500).expect("there is room").fill(vec![0; 1500]);
        assert!(cache.room(501).is_none());
        let part = first.slice(..1);
        drop(first);
        assert!(cache.room(501).is_none());
        drop(part);
        assert!(cache.room(2000).is_some());
        assert!(cache.room(2001).is_none());
    }
}
