//! `Expect: 100-continue` from end to end (RFC 9110 §10.1.1).
//!
//! 1. The body waits until upstream sends 100, or for the limit `expect`. hyper tells the client to go on when
//!    the body is first asked for. It does not report the 100 of an HTTP/2 upstream, so there the limit is awaited.
//! 2. If the answer comes without a 100, the body is never asked for. The connection to upstream ends when the
//!    answer does, because the request was not sent to its end.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Sleep, sleep},
};

/// Opens the gate of a body.
#[derive(Clone, Debug)]
pub(super) struct Key {
    sender: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    is_answered: Arc<AtomicBool>,
}

/// Holds a body back.
#[derive(Debug)]
pub(super) struct Gate {
    receiver: oneshot::Receiver<()>,
    is_answered: Arc<AtomicBool>,
    timer: Pin<Box<Sleep>>,
}

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    GoOn,
    Never,
}

/// A gate and its key.
pub(super) fn gate(limit: Duration) -> (Gate, Key) {
    let (sender, receiver) = oneshot::channel();
    let is_answered = Arc::new(AtomicBool::new(false));
    let key =
        Key { sender: Arc::new(Mutex::new(Some(sender))), is_answered: Arc::clone(&is_answered) };
    (Gate { receiver, is_answered, timer: Box::pin(sleep(limit)) }, key)
}

impl Key {
    fn take(&self) -> Option<oneshot::Sender<()>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Upstream sent 100.
    pub(super) fn open(&self) {
        if let Some(sender) = self.take() {
            // If nobody waits, the body is gone.
            let _ = sender.send(());
        }
    }

    /// Upstream answered. From now on, time does not open the gate.
    pub(super) fn answer(&self) {
        self.is_answered.store(true, Ordering::Release);
    }

    /// The answer ended. A body that still waits breaks off.
    pub(super) fn lock(&self) {
        drop(self.take());
    }
}

impl Gate {
    /// Whether the body may go on.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Said> {
        match Pin::new(&mut self.receiver).poll(context) {
            Poll::Ready(Ok(())) => return Poll::Ready(Said::GoOn),
            Poll::Ready(Err(_)) => return Poll::Ready(Said::Never),
            Poll::Pending => {}
        }
        if !self.is_answered.load(Ordering::Acquire) && self.timer.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Said::GoOn);
        }
        Poll::Pending
    }
}
