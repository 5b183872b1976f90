//! [`Tunnels`]: how many there are, and how they end at a shutdown.
//!
//! 1. At most as many as the limit `tunnels` says. A tunnel counts until its connection is closed, also while it is a
//!    WebSocket. A WebSocket outside of tunnels counts as one, where the server is [`serve`](crate::serve).
//! 2. Tunnels without credentials, which have nothing but the downloads, have a small limit of their own, `guests`: whoever
//!    has no credentials cannot take the places of those who have some.
//! 3. At a shutdown no tunnel begins, those that are open finish their requests, and what is left after the limit
//!    `drain` is cut. A server knows nothing of tunnels: to it, their connections are upgraded and gone.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};

/// How long tunnels that are cut may take to end.
const CUT: Duration = Duration::from_secs(1);

/// What tunnels are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    #[default]
    Run,
    /// Finish the requests that are open.
    Finish,
    /// End at once.
    End,
}

/// The tunnels of a [`ForwardProxyLayer`](crate::ForwardProxyLayer), for a shutdown under a server that is not
/// [`serve`](crate::serve).
///
/// ```
/// # async fn shutdown(layer: proxyfix_gateway::ForwardProxyLayer) {
/// // After the server has ended.
/// layer.tunnels().drain().await;
/// # }
/// ```
#[derive(Clone)]
pub struct Tunnels {
    inner: Arc<Inner>,
}

struct Inner {
    permits: Arc<Semaphore>,
    guests: Arc<Semaphore>,
    most: u32,
    told: watch::Sender<Told>,
    drain: Duration,
}

impl Tunnels {
    pub(super) fn new(most: usize, guests: usize, drain: Duration) -> Self {
        let inner = Inner {
            permits: Arc::new(Semaphore::new(most)),
            guests: Arc::new(Semaphore::new(guests)),
            // The limit is a million at most.
            most: u32::try_from(most).unwrap_or(u32::MAX),
            told: watch::Sender::default(),
            drain,
        };
        Self { inner: Arc::new(inner) }
    }

    /// A place for a tunnel, if there is one.
    pub(super) fn begin(&self) -> Option<Place> {
        let permit = Arc::clone(&self.inner.permits).try_acquire_owned().ok()?;
        let is_open = *self.inner.told.borrow() == Told::Run;
        is_open.then_some(Place { _permit: permit, _guest: None })
    }

    /// A place for a tunnel without credentials, if there is one (rule 2).
    pub(super) fn begin_guest(&self) -> Option<Place> {
        let guest = Arc::clone(&self.inner.guests).try_acquire_owned().ok()?;
        self.begin().map(|place| Place { _guest: Some(guest), ..place })
    }

    /// What tunnels and connections are told.
    pub(super) fn told(&self) -> watch::Receiver<Told> {
        self.inner.told.subscribe()
    }

    /// How long connections may take to finish.
    pub(super) fn limit(&self) -> Duration {
        self.inner.drain
    }

    pub(super) fn tell(&self, told: Told) {
        self.inner.told.send_if_modified(|now| {
            let is_later = told > *now;
            *now = told.max(*now);
            is_later
        });
    }

    /// How many there are.
    pub fn open(&self) -> usize {
        let most = usize::try_from(self.inner.most).unwrap_or(usize::MAX);
        most.saturating_sub(self.inner.permits.available_permits())
    }

    /// Ends them: no tunnel begins any more, and those that are open may finish their requests within the limit
    /// [`drain`](crate::ForwardLimits::drain). Says whether all did.
    pub async fn drain(&self) -> bool {
        self.tell(Told::Finish);
        let all = || self.inner.permits.acquire_many(self.inner.most);
        if timeout(self.inner.drain, all()).await.is_ok() {
            return true;
        }
        self.tell(Told::End);
        let _ = timeout(CUT, all()).await;
        false
    }
}

impl fmt::Debug for Tunnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnels").field("open", &self.open()).finish_non_exhaustive()
    }
}

/// The place of a tunnel. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _guest: Option<OwnedSemaphorePermit>,
}
