//! When bytes last went through a connection.
//!
//! 1. Both directions count as one: a side that only listens is not idle.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// When bytes last went either way.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    start: Instant,
    last: Arc<AtomicU64>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), last: Arc::default() }
    }

    pub(crate) fn tick(&self) {
        let now = self.start.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Ends when nothing went either way for this long.
    pub(crate) async fn idle(&self, limit: Duration) {
        loop {
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let quiet = self.start.elapsed().saturating_sub(last);
            match limit.checked_sub(quiet) {
                None | Some(Duration::ZERO) => return,
                Some(rest) => sleep(rest).await,
            }
        }
    }
}
