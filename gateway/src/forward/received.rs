//! The body of a request that came through the proxy.
//!
//! 1. A pause that is longer than the limit `gap` breaks it off. Time counts only while somebody waits for the body.
//! 2. Over HTTP/2, what the application does not read is read here and thrown away, within limits. Otherwise the stream is
//!    reset after the answer, and some clients then fail instead of taking the answer (curl 7.88 says error 92).
//!    Over HTTP/1, hyper does the same.
//! 3. Its trailers have no field that ends here, frames or names a client, as the trailers of all proxies.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::Version;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::{
    runtime::Handle,
    time::{Sleep, sleep, timeout},
};

use crate::common::{
    body::{Body, BoxError},
    failure::{Failure, FailureKind},
    hop_by_hop::{Barred, strip_trailers},
};

/// The most that is thrown away of a body, in bytes: four times what the window of a stream admits (`connection.rs`).
const THROWN_AWAY: usize = 1 << 20;

/// How long that may take: `lingering_timeout` of nginx.
const LINGERING: Duration = Duration::from_secs(5);

/// A body on its way to the application.
pub(super) struct Received {
    body: Body,
    /// Whether it is thrown away if it is not read (rule 2).
    lingers: bool,
    barred: Barred,
    gap: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Received {
    pub(super) fn new(body: Body, barred: Barred, gap: Duration, version: Version) -> Self {
        Self { body, lingers: version == Version::HTTP_2, barred, gap, timer: None }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if !self.lingers || self.body.is_end_stream() {
            return;
        }
        let body = std::mem::take(&mut self.body);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(LINGERING, throw_away(body)));
        }
    }
}

/// Rule 2.
async fn throw_away(mut body: Body) {
    let mut bytes = 0_usize;
    while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        bytes = bytes.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if bytes > THROWN_AWAY {
            return;
        }
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
            // A body that broke off has nothing more.
            this.lingers &= matches!(frame, Some(Ok(_)));
            return Poll::Ready(frame.map(|frame| frame.map(|frame| clean(frame, &this.barred))));
        }
        let gap = this.gap;
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(gap)));
        ready!(timer.as_mut().poll(context));
        // Whoever asks again waits again.
        timer.as_mut().set(sleep(gap));
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

/// Rule 3.
fn clean(frame: Frame<Bytes>, barred: &Barred) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            strip_trailers(&mut trailers, barred);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}
