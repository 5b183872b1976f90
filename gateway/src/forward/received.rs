//! The body of a request that came through the proxy.
//!
//! 1. A pause that is longer than the limit `gap` breaks it off. Time counts only while somebody waits for the body.
//! 2. Its trailers have no field that ends here, frames or names a client, as the trailers of all proxies.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::common::{
    body::{Body, BoxError},
    failure::{Failure, FailureKind},
    hop_by_hop::{Barred, strip_trailers},
};

/// A body on its way to the application.
pub(super) struct Received {
    body: Body,
    barred: Barred,
    gap: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Received {
    pub(super) fn new(body: Body, barred: Barred, gap: Duration) -> Self {
        Self { body, barred, gap, timer: None }
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.timer = None;
            return Poll::Ready(frame.map(|frame| frame.map(|frame| clean(frame, &this.barred))));
        }
        let gap = this.gap;
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(gap)));
        ready!(timer.as_mut().poll(context));
        // Whoever asks again waits again.
        timer.as_mut().reset(Instant::now().checked_add(gap).unwrap_or_else(Instant::now));
        let late =
            Failure::new(FailureKind::ClientTimeout, "the client's body paused for too long");
        Poll::Ready(Some(Err(late.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Rule 2.
fn clean(frame: Frame<Bytes>, barred: &Barred) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            strip_trailers(&mut trailers, barred);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}
