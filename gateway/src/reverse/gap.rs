//! The longest pause within a body.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// Measures pauses. The timer is made at the first pause, and set again only when it fires: most
/// pauses are short, and there may be many.
#[derive(Debug)]
pub(super) struct Gap {
    limit: Duration,
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Gap {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, deadline: None, timer: None }
    }

    /// Something came, so there is no pause.
    pub(super) fn end(&mut self) {
        self.deadline = None;
    }

    /// Nothing came. Ready if that is so for too long.
    pub(super) fn poll_too_long(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let Some(deadline) = self.deadline.or_else(|| now.checked_add(self.limit)) else {
            return Poll::Pending;
        };
        self.deadline = Some(deadline);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        while timer.as_mut().poll(context).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
