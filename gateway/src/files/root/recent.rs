//! Names that the kernel had in memory a moment ago.
//!
//! 1. A name is remembered for [`MOMENT`] after the kernel found it in memory, or found there that nothing has it. The
//!    kernel forgets the names last that were used last, so it has not forgotten this one.
//! 2. The table does not grow. A name takes the place of another one, which then costs more system calls.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

const MOMENT: Duration = Duration::from_secs(1);

/// How many names are remembered at most. Each takes 8 bytes.
const PLACES: usize = 1024;

/// The low half of a place is a time, and the high half is of the name's hash.
const TIME: u64 = 0xffff_ffff;

#[derive(Debug)]
pub(super) struct Recent {
    started: Instant,
    hasher: RandomState,
    places: Box<[AtomicU64]>,
}

impl Recent {
    pub(super) fn new() -> Self {
        let places = std::iter::repeat_with(AtomicU64::default).take(PLACES).collect();
        Self { started: Instant::now(), hasher: RandomState::new(), places }
    }

    /// Remembers a name.
    pub(super) fn note(&self, name: &[u8]) {
        let (place, hash) = self.find(name);
        if let Some(place) = place {
            place.store(hash & !TIME | self.time(), Ordering::Relaxed);
        }
    }

    /// Whether a name was noted within the last moment.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        let (place, hash) = self.find(name);
        place.is_some_and(|place| {
            let noted = place.load(Ordering::Relaxed);
            let age = self.time().wrapping_sub(noted) & TIME;
            noted & !TIME == hash & !TIME && u128::from(age) < MOMENT.as_millis()
        })
    }

    fn find(&self, name: &[u8]) -> (Option<&AtomicU64>, u64) {
        let hash = self.hasher.hash_one(name);
        let place = usize::try_from(hash & TIME).unwrap_or_default() % PLACES;
        (self.places.get(place), hash)
    }

    /// The time in milliseconds. An empty place is of the time 0, which is past at the beginning.
    fn time(&self) -> u64 {
        let time = self.started.elapsed().saturating_add(MOMENT).as_millis();
        u64::try_from(time).unwrap_or_default() & TIME
    }
}

#[cfg(test)]
mod tests {
    use std::{
        thread::sleep,
        time::{Duration, Instant},
    };

    use super::{MOMENT, PLACES, Recent};

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
    fn empty_places_hold_no_name() {
        let mut recent = Recent::new();
        for age in [0, 1, 999, 1000, 1001] {
            recent.started =
                Instant::now().checked_sub(Duration::from_millis(age)).expect("a time");
            assert!((0..1_000_000_u32).all(|name| !recent.has(&name.to_le_bytes())), "{age}");
        }
    }

    #[test]
    fn is_bounded() {
        let recent = Recent::new();
        for name in 0..100_000_u32 {
            recent.note(&name.to_le_bytes());
        }
        let left = (0..100_000_u32).filter(|name| recent.has(&name.to_le_bytes())).count();
        assert!(left <= PLACES, "{left}");
    }
}
