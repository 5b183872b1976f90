//! Which connections of an upstream are open, and which is used again.
//!
//! 1. The connection that was used last is used first, so that the others grow old and are closed.
//! 2. At most `idle_connections` are kept without a request, for `idle_time`. A task closes them; it ends when
//!    there are none.
//! 3. A request that cannot be sent twice takes no connection that was idle for more than 4 s, because many
//!    servers close after 5 s (Node, uvicorn, Apache).
//! 4. There are at most `connections`. A request waits for one within the limit `connect`.
//! 5. One HTTP/2 connection carries all requests. Where the target says HTTP/2, a request waits while it is made. A request
//!    that an HTTP/2 connection did not answer, and that is sent again, waits for it too, whatever the target says. Where
//!    ALPN chooses, first requests do not wait, because the answer may be HTTP/1.1. Each that finds no connection makes
//!    one, and the last one of HTTP/2 carries what follows.
//! 6. Only the connection that failed is used no more. What is said of it late does not touch the one in its place.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, futures::Notified},
    time::{Instant, sleep_until},
};

use super::{connection::Http1, http2::Http2};
use crate::common::limits::Limits;

/// Rule 3.
const FRESH: Duration = Duration::from_secs(4);

/// The connections of an upstream.
pub(super) struct Pool {
    state: Mutex<State>,
    permits: Arc<Semaphore>,
    /// Is told when a connection becomes idle or ends, or there is one of HTTP/2.
    freed: Notify,
    /// Held by who makes an HTTP/2 connection, so that many requests make one.
    connecting: tokio::sync::Mutex<()>,
    idle_connections: usize,
    idle_time: Duration,
}

#[derive(Default)]
struct State {
    /// The one that was used last is at the back.
    idle: VecDeque<Idle>,
    http2: Option<Shared>,
    is_reaping: bool,
}

struct Idle {
    connection: Http1,
    since: Instant,
}

struct Shared {
    connection: Arc<Http2>,
    used: Instant,
}

impl Pool {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            permits: Arc::new(Semaphore::new(limits.connections)),
            freed: Notify::new(),
            connecting: tokio::sync::Mutex::new(()),
            idle_connections: limits.idle_connections,
            idle_time: limits.idle_time,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle HTTP/1.1 connection (rules 1 and 3).
    pub(super) fn take(&self, can_send_twice: bool) -> Option<Http1> {
        let now = Instant::now();
        let mut state = self.state();
        loop {
            let idle = state.idle.pop_back()?;
            let age = now.saturating_duration_since(idle.since);
            if idle.connection.is_closed() || age > self.idle_time {
                continue;
            }
            // An old connection is better than none.
            if !can_send_twice && age > FRESH && self.permits.available_permits() > 0 {
                state.idle.push_back(idle);
                return None;
            }
            return Some(idle.connection);
        }
    }

    /// Keeps a connection whose request is answered.
    pub(super) fn put(self: &Arc<Self>, connection: Http1) {
        if self.idle_connections == 0 || self.idle_time.is_zero() {
            return;
        }
        let mut state = self.state();
        if state.idle.len() >= self.idle_connections {
            state.idle.pop_front();
        }
        state.idle.push_back(Idle { connection, since: Instant::now() });
        self.start_reaping(&mut state);
        drop(state);
        self.freed.notify_one();
    }

    /// The HTTP/2 connection.
    pub(super) fn http2(&self) -> Option<Arc<Http2>> {
        let mut state = self.state();
        match &mut state.http2 {
            Some(shared) if !shared.connection.is_closed() => {
                shared.used = Instant::now();
                Some(Arc::clone(&shared.connection))
            }
            _ => {
                state.http2 = None;
                None
            }
        }
    }

    /// Keeps an HTTP/2 connection in the place of the last one.
    pub(super) fn put_http2(self: &Arc<Self>, connection: Arc<Http2>) {
        let mut state = self.state();
        state.http2 = Some(Shared { connection, used: Instant::now() });
        self.start_reaping(&mut state);
        drop(state);
        self.freed.notify_waiters();
    }

    /// Uses this HTTP/2 connection for no further request (rule 6).
    pub(super) fn forget_http2(&self, number: u64) {
        self.state().http2.take_if(|shared| shared.connection.number() == number);
    }

    /// Uses whichever HTTP/2 connection there is for no further request.
    pub(super) fn forget_any_http2(&self) {
        self.state().http2 = None;
    }

    /// Waits for the right to make an HTTP/2 connection (rule 5).
    pub(super) async fn connecting(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.connecting.lock().await
    }

    /// The right to make a connection (rule 4).
    pub(super) fn permit(self: &Arc<Self>) -> Option<Permit> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(Permit { permit: Some(permit), pool: Arc::downgrade(self) })
    }

    /// Waits until a connection becomes idle or ends, or there is one of HTTP/2.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Tells the next one who waits, because this one takes nothing that it could have.
    pub(super) fn pass_on(&self) {
        self.freed.notify_one();
    }

    /// Rule 2.
    fn start_reaping(self: &Arc<Self>, state: &mut State) {
        if !state.is_reaping && !self.idle_time.is_zero() {
            state.is_reaping = true;
            tokio::spawn(reap(Arc::downgrade(self), self.idle_time));
        }
    }

    /// Closes what is too old. Says when to look again, if anything is left.
    fn close_old(&self) -> Option<Instant> {
        let mut state = self.state();
        let now = Instant::now();
        let is_young = |since: Instant| now.saturating_duration_since(since) < self.idle_time;
        state.idle.retain(|idle| is_young(idle.since) && !idle.connection.is_closed());
        state.http2.take_if(|shared| !is_young(shared.used) || shared.connection.is_closed());
        let oldest = state.idle.iter().map(|idle| idle.since);
        let oldest = oldest.chain(state.http2.iter().map(|shared| shared.used)).min();
        state.is_reaping = oldest.is_some();
        oldest.and_then(|since| since.checked_add(self.idle_time))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle", &self.state().idle.len()).finish_non_exhaustive()
    }
}

async fn reap(pool: Weak<Pool>, idle_time: Duration) {
    let mut next = Instant::now().checked_add(idle_time);
    while let Some(time) = next {
        sleep_until(time).await;
        next = pool.upgrade().and_then(|pool| pool.close_old());
    }
}

/// The right to have a connection. Whoever waits is told when it ends.
pub(super) struct Permit {
    permit: Option<OwnedSemaphorePermit>,
    pool: Weak<Pool>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        drop(self.permit.take());
        if let Some(pool) = self.pool.upgrade() {
            pool.freed.notify_one();
        }
    }
}
