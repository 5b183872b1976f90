//! How many requests the receiver answers.
//!
//! 1. A bucket holds so many requests as may come at once, and fills at so many a second.
//! 2. The clock is an argument.

use std::time::{Duration, Instant};

/// Requests that may come at once, and a second. A prober with eight connections stays below, and a flood costs
/// what a hundred small answers a second cost.
pub(super) const AT_ONCE: u32 = 100;

/// A bucket of requests.
#[derive(Debug)]
pub(super) struct Bucket {
    left: u32,
    filled: Instant,
}

impl Bucket {
    pub(super) fn full(now: Instant) -> Self {
        Self { left: AT_ONCE, filled: now }
    }

    /// Takes one request out, if one is left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.filled);
        let each = Duration::from_secs(1).checked_div(AT_ONCE).unwrap_or_default();
        let new = since.as_nanos().checked_div(each.as_nanos()).unwrap_or_default();
        let new = u32::try_from(new).unwrap_or(u32::MAX);
        if new > 0 {
            self.left = self.left.saturating_add(new).min(AT_ONCE);
            self.filled = now;
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{AT_ONCE, Bucket};

    #[test]
    fn fills_again() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let taken = (0..1000).filter(|_| bucket.take(start)).count();
        assert_eq!(taken, usize::try_from(AT_ONCE).unwrap());
        assert!(!bucket.take(start + Duration::from_millis(9)));
        assert!(bucket.take(start + Duration::from_millis(10)));
        assert!(!bucket.take(start + Duration::from_millis(10)));
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..1000).filter(|_| bucket.take(later)).count(), taken);
    }
}
