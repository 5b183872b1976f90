//! How far a request is, as far as time counts.
//!
//! 1. While a connection is made, the limit `connect` counts, in the transport.
//! 2. While the client's body is awaited, only the limit `gap` of the body counts.
//! 3. Otherwise upstream is awaited: from the last piece of the body that it took, or from the end of the body.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::common::{
    failure::{Failure, FailureKind},
    limits::Limits,
};

const CONNECTING: u8 = 1;
const CLIENT: u8 = 2;
const UPSTREAM_TAKES: u8 = 3;
const UPSTREAM_ANSWERS: u8 = 4;

/// Shared between whoever sends, the body, and whoever waits.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<State>);

#[derive(Debug)]
struct State {
    start: Instant,
    /// When the present phase began, in milliseconds after the start.
    since: AtomicU64,
    phase: AtomicU8,
    /// What broke the body off: a [`Fault`].
    fault: AtomicU8,
    /// The number of the HTTP/2 connection that the request goes over. 0 is not known, the highest is HTTP/1.1.
    http2: AtomicU64,
}

/// What broke the body of a request off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Client,
    ClientTimeout,
    TooLarge,
}

impl Progress {
    pub(crate) fn new(has_body: bool) -> Self {
        let phase = if has_body { UPSTREAM_TAKES } else { UPSTREAM_ANSWERS };
        Self(Arc::new(State {
            start: Instant::now(),
            since: AtomicU64::new(0),
            phase: AtomicU8::new(phase),
            fault: AtomicU8::new(0),
            http2: AtomicU64::new(0),
        }))
    }

    /// A connection is made, or there is one now.
    pub(crate) fn connecting(&self, is_connecting: bool) {
        let phase = if is_connecting { CONNECTING } else { UPSTREAM_ANSWERS };
        self.enter(phase);
    }

    /// The request goes over this HTTP/2 connection, or over HTTP/1.1.
    pub(crate) fn goes_over(&self, http2: Option<u64>) {
        self.0.http2.store(http2.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The number of the HTTP/2 connection, which no connection has if it is one of HTTP/1.1. `None` if a transport of
    /// one's own did not say.
    pub(crate) fn http2(&self) -> Option<u64> {
        Some(self.0.http2.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }

    /// The client's body is awaited.
    pub(crate) fn wait_for_client(&self) {
        self.0.phase.store(CLIENT, Ordering::Relaxed);
    }

    /// Upstream got a piece of the body.
    pub(crate) fn sent(&self) {
        self.enter(UPSTREAM_TAKES);
    }

    /// Upstream got all of the body.
    pub(crate) fn done(&self) {
        self.enter(UPSTREAM_ANSWERS);
    }

    fn enter(&self, phase: u8) {
        let since = Instant::now().saturating_duration_since(self.0.start).as_millis();
        self.0.since.store(since.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
        self.0.phase.store(phase, Ordering::Relaxed);
    }

    /// Until when upstream may take its time. `None` while something else is awaited.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let limit = match self.0.phase.load(Ordering::Relaxed) {
            UPSTREAM_TAKES => limits.gap,
            UPSTREAM_ANSWERS => limits.head,
            _ => return None,
        };
        let since = Duration::from_millis(self.0.since.load(Ordering::Relaxed));
        self.0.start.checked_add(since)?.checked_add(limit)
    }

    /// The failure of an upstream that took too long.
    pub(crate) fn late(&self) -> Failure {
        match self.0.phase.load(Ordering::Relaxed) {
            UPSTREAM_TAKES => {
                let detail = "upstream stopped reading the request";
                Failure::new(FailureKind::ConnectionWriteTimeout, detail)
            }
            _ => Failure::new(FailureKind::ResponseTimeout, "no answer within the limit"),
        }
    }

    /// Keeps what broke the body off.
    pub(crate) fn break_off(&self, fault: Fault) {
        let number = match fault {
            Fault::Client => 1,
            Fault::ClientTimeout => 2,
            Fault::TooLarge => 3,
        };
        self.0.fault.store(number, Ordering::Release);
    }

    /// What broke the body off.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self.0.fault.load(Ordering::Acquire) {
            1 => Some(Fault::Client),
            2 => Some(Fault::ClientTimeout),
            3 => Some(Fault::TooLarge),
            _ => None,
        }
    }
}
