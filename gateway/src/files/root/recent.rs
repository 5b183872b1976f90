//! Names that the kernel had in memory a moment ago.
//!
//! 1. A name is remembered for [`MOMENT`] after the kernel found it in memory, or found there that nothing has it. The
//!    kernel forgets the names last that were used last, so it has not forgotten this one.
//! 2. The table does not grow. A name takes the place of another one, which then costs more system calls.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

const MOMENT: Duration = Duration::from_secs(1);

/// How many names are remembered at most. Each takes 8 bytes.
const PLACES: u64 = 1024;

#[derive(Debug)]
pub(super) struct Recent {
    started: Instant,
    hasher: RandomState,
    places: Box<[Place]>,
}

/// Names are told apart by a part of their hash, so that one name may rarely be taken for another.
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

    /// Remembers a name.
    pub(super) fn note(&self, name: &[u8]) {
        if let Some((place, hash)) = self.find(name) {
            place.hash.store(hash, Relaxed);
            place.noted.store(time(self.started.elapsed()), Relaxed);
        }
    }

    /// Whether a name was noted within the last moment.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.find(name).is_some_and(|(place, hash)| {
            place.hash.load(Relaxed) == hash
                && is_recent(place.noted.load(Relaxed), time(self.started.elapsed()))
        })
    }

    fn find(&self, name: &[u8]) -> Option<(&Place, u32)> {
        let hash = self.hasher.hash_one(name);
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
    use std::{thread::sleep, time::Duration};

    use super::{MOMENT, PLACES, Recent, is_recent, time};

    #[test]
    fn for_a_moment() {
        let recent = Recent::new();
        assert!(!recent.has(b"a"));
        // The test may be stopped for a while between the two.
        let is_noted = (0..100).any(|_| {
            recent.note(b"a");
            recent.has(b"a")
        });
        assert!(is_noted);
        assert!(!recent.has(b"b"));
        sleep(MOMENT);
        assert!(!recent.has(b"a"));
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
            recent.note(&name.to_le_bytes());
        }
        let left = (0..100_000_u32).filter(|name| recent.has(&name.to_le_bytes()));
        assert!(u64::try_from(left.count()).expect("few") <= PLACES);
    }
}
