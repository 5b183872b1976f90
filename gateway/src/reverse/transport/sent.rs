//! The body of a request on its way, which knows whether it was touched, and whether it is done.
//!
//! 1. A body that was never polled can be sent again.
//! 2. A connection is used again only if the body was sent to its end.
//! 3. Trailers are the end. hyper does not poll a body after them.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::common::body::{Body, BoxError};

/// A body that is to be sent, perhaps twice.
#[derive(Clone)]
pub(super) enum Sent {
    Empty,
    Stream(Arc<State>),
}

pub(super) struct State {
    /// Taken at the first poll.
    body: Mutex<Option<Body>>,
    size: SizeHint,
    is_done: AtomicBool,
}

impl Sent {
    pub(super) fn new(body: Body) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        let size = body.size_hint();
        let body = Mutex::new(Some(body));
        Self::Stream(Arc::new(State { body, size, is_done: AtomicBool::new(false) }))
    }

    /// A body for one attempt.
    pub(super) fn attempt(&self) -> Body {
        match self {
            Self::Empty => Body::empty(),
            Self::Stream(state) => Body::new(Attempt { state: Arc::clone(state), body: None }),
        }
    }

    /// Rule 1.
    pub(super) fn is_untouched(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream(state) => {
                state.body.lock().unwrap_or_else(PoisonError::into_inner).is_some()
            }
        }
    }

    /// Rule 2.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream(state) => state.is_done.load(Ordering::Acquire),
        }
    }
}

/// The body in one attempt to send it.
struct Attempt {
    state: Arc<State>,
    body: Option<Body>,
}

impl HttpBody for Attempt {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.body.is_none() {
            let body = self.state.body.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.body = body;
        }
        let Some(body) = &mut self.body else {
            // A second attempt, although the first one took the body.
            return Poll::Ready(Some(Err("the body was already sent".into())));
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(context));
        let is_end = match &frame {
            None => true,
            // Nobody asks again after trailers (rule 3).
            Some(Ok(frame)) => frame.is_trailers() || body.is_end_stream(),
            Some(Err(_)) => body.is_end_stream(),
        };
        if is_end {
            self.state.is_done.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_some_and(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| self.state.size, HttpBody::size_hint)
    }
}
