//! Names that the kernel had in memory a moment ago.
//!
//! 1. A name is remembered for [`MOMENT`] after the kernel found it in memory, or found there that nothing has it. When
//!    memory is short, the kernel forgets those names last that were used last.
//! 2. It is not remembered if the directory changed since, or was changing then, or if another file system has what is
//!    there.
//! 3. The table does not grow. A name takes the place of another one, which then costs more system calls.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant, SystemTime},
};

use crate::files::stat::Stat;

const MOMENT: Duration = Duration::from_secs(1);

/// How many names are remembered at most. Each takes 8 bytes.
const PLACES: u64 = 1024;

#[derive(Debug)]
pub(super) struct Recent {
    started: Instant,
    hasher: RandomState,
    places: Box<[Place]>,
}

/// Keys are told apart by a part of their hash, so that one may rarely be taken for another.
#[derive(Debug, Default)]
struct Place {
    hash: AtomicU32,
    /// In milliseconds. In an empty place it is 0, which is over at the beginning.
    noted: AtomicU32,
}

impl Recent {
    pub(super) fn new() -> Self {
        let places = (0..PLACES).map(|_| Place::default()).collect();
        Self { started: Instant::now(), hasher: RandomState::new(), places }
    }

    /// Remembers a name, and what is there, if something is.
    pub(super) fn note(&self, name: &[u8], directory: &Stat, found: Option<&Stat>) {
        let is_here = found.is_none_or(|found| found.device == directory.device);
        if !is_here || directory.may_change_unseen(SystemTime::now()) {
            return;
        }
        if let Some((place, hash)) = self.find(name, directory) {
            place.hash.store(hash, Relaxed);
            place.noted.store(time(self.started.elapsed()), Relaxed);
        }
    }

    /// Whether a name was noted within the last moment.
    pub(super) fn has(&self, name: &[u8], directory: &Stat) -> bool {
        self.find(name, directory).is_some_and(|(place, hash)| {
            place.hash.load(Relaxed) == hash
                && is_recent(place.noted.load(Relaxed), time(self.started.elapsed()))
        })
    }

    fn find(&self, name: &[u8], directory: &Stat) -> Option<(&Place, u32)> {
        let hash = self.hasher.hash_one((name, directory.modified, directory.changed));
        let place = usize::try_from(hash.checked_rem(PLACES)?).ok()?;
        Some((self.places.get(place)?, u32::try_from(hash >> 32).ok()?))
    }
}

/// The time in a place. It begins anew after 49 days.
fn time(elapsed: Duration) -> u32 {
    let time = elapsed.saturating_add(MOMENT).as_millis();
    u32::try_from(time & u128::from(u32::MAX)).unwrap_or_default()
}

fn is_recent(noted: u32, now: u32) -> bool {
    u128::from(now.wrapping_sub(noted)) < MOMENT.as_millis()
}

#[cfg(test)]
mod tests {
    use std::{
        thread::sleep,
        time::{Duration, SystemTime, UNIX_EPOCH},
    };

    use super::{MOMENT, PLACES, Recent, is_recent, time};
    use crate::files::stat::{Stat, Time};

    const OLD: Time = Time { seconds: 1000, nanoseconds: 0 };
    const OTHER: Time = Time { seconds: 1000, nanoseconds: 1 };
    const DIRECTORY: Stat =
        Stat { device: 1, inode: 1, links: 1, size: 0, modified: OLD, changed: OLD };

    #[test]
    fn for_a_moment() {
        let recent = Recent::new();
        let has = |name: &[u8]| recent.has(name, &DIRECTORY);
        assert!(!has(b"a"));
        // The test may be stopped for a while between the two.
        let is_noted = (0..100).any(|_| {
            recent.note(b"a", &DIRECTORY, None);
            has(b"a")
        });
        assert!(is_noted);
        assert!(!has(b"b"));
        for directory in
            [Stat { modified: OTHER, ..DIRECTORY }, Stat { changed: OTHER, ..DIRECTORY }]
        {
            assert!(!recent.has(b"a", &directory));
        }
        sleep(MOMENT);
        assert!(!has(b"a"));
    }

    #[test]
    fn what_is_noted() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        let now = Time { seconds: now.try_into().expect("a time"), nanoseconds: 0 };
        let found = |device| Some(Stat { device, ..DIRECTORY });
        for (directory, found, expected) in [
            (DIRECTORY, found(1), true),
            (DIRECTORY, found(2), false),
            (Stat { modified: now, ..DIRECTORY }, found(1), false),
            (Stat { changed: now, ..DIRECTORY }, None, false),
        ] {
            let recent = Recent::new();
            let is_noted = (0..100).any(|_| {
                recent.note(b"a", &directory, found.as_ref());
                recent.has(b"a", &directory)
            });
            assert_eq!(is_noted, expected, "{directory:?}");
        }
    }

    #[test]
    fn times() {
        assert!(!is_recent(0, time(Duration::ZERO)));
        let at = |millis| time(Duration::from_millis(millis));
        let turn = 1 << 32;
        for (noted, now, expected) in [
            (0, 0, true),
            (0, 999, true),
            (0, 1000, false),
            (5000, 5999, true),
            (5000, 6000, false),
            (turn - 1500, turn - 1500, true),
            (turn - 1500, turn - 501, true),
            (turn - 1500, turn - 500, false),
            (turn + 5000, turn + 5999, true),
            (turn + 5000, turn + 6000, false),
        ] {
            assert_eq!(is_recent(at(noted), at(now)), expected, "{noted} {now}");
        }
    }

    #[test]
    fn is_bounded() {
        let recent = Recent::new();
        for name in 0..100_000_u32 {
            recent.note(&name.to_le_bytes(), &DIRECTORY, None);
        }
        let left = (0..100_000_u32).filter(|name| recent.has(&name.to_le_bytes(), &DIRECTORY));
        assert!(u64::try_from(left.count()).expect("few") <= PLACES);
    }
}
