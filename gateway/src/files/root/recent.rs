//! Names that the kernel had in memory a moment ago.
//!
//! 1. A name is remembered for [`MOMENT`] after the kernel found it in memory, or found there that nothing has it. When
//!    memory is short, the kernel forgets those names last that were used last.
//! 2. It is not remembered if the directory changed since, which is looked at once in a millisecond, or was changing then, or
//!    if another file system has what is there.
//! 3. The table does not grow. A name takes the place of another one, which then costs more system calls.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
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
    /// When the directory was looked at, and a hash of its times then.
    looked: AtomicU32,
    directory: AtomicU64,
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
        Self {
            started: Instant::now(),
            hasher: RandomState::new(),
            places: (0..PLACES).map(|_| Place::default()).collect(),
            looked: AtomicU32::new(0),
            directory: AtomicU64::new(0),
        }
    }

    /// Remembers a name, and what is there, if something is. The state of the directory is that of before it was looked up.
    pub(super) fn note(&self, name: &[u8], directory: &Stat, found: Option<&Stat>) {
        let is_here = found.is_none_or(|found| found.device == directory.device);
        if !is_here || directory.may_change_unseen(SystemTime::now()) {
            return;
        }
        if let Some((place, hash)) = self.find(name, self.times_of(directory)) {
            place.hash.store(hash, Relaxed);
            place.noted.store(time(self.started.elapsed()), Relaxed);
        }
    }

    /// Whether a name was noted within the last moment. `directory` is asked for its state now.
    pub(super) fn has<E>(
        &self,
        name: &[u8],
        directory: impl FnOnce() -> Result<Stat, E>,
    ) -> Result<bool, E> {
        let now = time(self.started.elapsed());
        if self.looked.load(Relaxed) != now {
            self.directory.store(self.times_of(&directory()?), Relaxed);
            self.looked.store(now, Relaxed);
        }
        Ok(self.find(name, self.directory.load(Relaxed)).is_some_and(|(place, hash)| {
            place.hash.load(Relaxed) == hash && is_recent(place.noted.load(Relaxed), now)
        }))
    }

    fn times_of(&self, directory: &Stat) -> u64 {
        self.hasher.hash_one((directory.modified, directory.changed))
    }

    fn find(&self, name: &[u8], directory: u64) -> Option<(&Place, u32)> {
        let hash = self.hasher.hash_one((name, directory));
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
        cell::Cell,
        sync::atomic::Ordering::Relaxed,
        thread::sleep,
        time::{Duration, Instant, SystemTime, UNIX_EPOCH},
    };

    use super::{MOMENT, PLACES, Recent, is_recent, time};
    use crate::files::stat::{Stat, Time};

    const OLD: Time = Time { seconds: 1000, nanoseconds: 0 };
    const OTHER: Time = Time { seconds: 1000, nanoseconds: 1 };
    const DIRECTORY: Stat =
        Stat { device: 1, inode: 1, links: 1, size: 0, modified: OLD, changed: OLD };

    fn has(recent: &Recent, name: &[u8], directory: &Stat) -> bool {
        // So that the directory is looked at.
        recent.looked.store(0, Relaxed);
        recent.has(name, || Ok::<_, ()>(*directory)).expect("it can be looked at")
    }

    /// Notes it as often as the test is stopped for a moment meanwhile, within reason.
    fn is_noted(recent: &Recent, directory: &Stat, found: Option<&Stat>) -> bool {
        (0..100).any(|_| {
            recent.note(b"a", directory, found);
            has(recent, b"a", directory)
        })
    }

    #[test]
    fn for_a_moment() {
        let recent = Recent::new();
        assert!(!has(&recent, b"a", &DIRECTORY));
        assert!(is_noted(&recent, &DIRECTORY, None));
        assert!(!has(&recent, b"b", &DIRECTORY));
        for directory in
            [Stat { modified: OTHER, ..DIRECTORY }, Stat { changed: OTHER, ..DIRECTORY }]
        {
            assert!(!has(&recent, b"a", &directory));
        }
        sleep(MOMENT);
        assert!(!has(&recent, b"a", &DIRECTORY));
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
            let is_noted = is_noted(&Recent::new(), &directory, found.as_ref());
            assert_eq!(is_noted, expected, "{directory:?}");
        }
    }

    #[test]
    fn the_directory_is_looked_at_now_and_then() {
        let recent = Recent::new();
        let looks = Cell::new(0_u32);
        let begin = Instant::now();
        for _ in 0..100_000 {
            let directory = || {
                looks.set(looks.get() + 1);
                Ok::<_, ()>(DIRECTORY)
            };
            assert_eq!(recent.has(b"a", directory), Ok(false));
        }
        assert!((1..=begin.elapsed().as_millis() + 2).contains(&looks.get().into()));
        sleep(Duration::from_millis(2));
        assert_eq!(recent.has(b"a", || Err(())), Err(()));
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
        let left = (0..100_000_u32).filter(|name| has(&recent, &name.to_le_bytes(), &DIRECTORY));
        assert!(u64::try_from(left.count()).expect("few") <= PLACES);
    }
}
