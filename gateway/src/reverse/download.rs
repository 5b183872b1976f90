//! The body of a response on its way to the client.
//!
//! 1. It is handed on piece by piece, when the client has room. `chunk_size` makes smaller pieces.
//! 2. It breaks off if upstream's does, or if upstream pauses for longer than the limit `gap`. The client
//!    then sees a connection that is cut, never a body that looks whole.
//! 3. It breaks off too, and upstream's connection is free again, if the client takes nothing for the limit `send`.
//!    A body that nobody polls cannot measure that by itself, so a task does, as long as the body has more than a piece.
//! 4. Its trailers have no field that ends here or frames a message.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use super::{gap::Gap, gate::Key, target::Target};
use crate::common::{
    body::{Body, BoxError},
    failure::{Failure, FailureKind},
    hop_by_hop::{Barred, strip_trailers},
};

/// Upstream's body, and since when the client takes nothing of it.
#[derive(Default)]
struct Source {
    /// `None` if the client took nothing for too long.
    body: Option<Body>,
    idle_since: Option<Instant>,
}

/// The body that goes to the client.
pub(super) struct Download {
    source: Arc<Mutex<Source>>,
    /// Rule 3.
    watch: Option<AbortHandle>,
    target: Target,
    /// The number of the HTTP/2 connection, if it is known.
    http2: Option<u64>,
    gap: Gap,
    /// What did not fit into the last piece.
    rest: Bytes,
    barred: Barred,
    /// Of a request that waited for 100.
    key: Option<Key>,
}

impl Download {
    pub(super) fn new(
        body: Body,
        target: Target,
        http2: Option<u64>,
        barred: Barred,
        key: Option<Key>,
    ) -> Self {
        let gap = Gap::new(target.0.limits.gap);
        let source = Arc::new(Mutex::new(Source { body: Some(body), idle_since: None }));
        Self { source, watch: None, target, http2, gap, rest: Bytes::new(), barred, key }
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, the client has a piece, and may take its time.
    fn wait_for_the_client(&mut self) {
        let is_end = {
            let mut source = self.source();
            source.idle_since = Some(Instant::now());
            source.body.as_ref().is_none_or(HttpBody::is_end_stream)
        };
        let is_over = is_end && self.rest.is_empty();
        if !is_over && self.watch.is_none() {
            let watched = watch(Arc::downgrade(&self.source), self.target.0.limits.send);
            self.watch = Some(tokio::spawn(watched).abort_handle());
        }
    }

    /// A frame of upstream's, as it goes to the client (rules 1 and 4).
    fn outgoing(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(data) => self.piece(data),
            Err(mut frame) => {
                if let Some(trailers) = frame.trailers_mut() {
                    strip_trailers(trailers, &self.barred);
                }
                frame
            }
        }
    }

    /// The next piece of these bytes (rule 1).
    fn piece(&mut self, mut data: Bytes) -> Frame<Bytes> {
        if let Some(size) = self.target.0.chunk_size.filter(|size| *size < data.len()) {
            self.rest = data.split_off(size);
        }
        Frame::data(data)
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let failed = |detail| Poll::Ready(Some(Err(BoxError::from(detail))));
        let polled = {
            let mut source = self.source();
            source.idle_since = None;
            let Some(body) = &mut source.body else {
                let kind = FailureKind::ClientTimeout;
                return failed(Failure::new(kind, "the client took nothing for too long"));
            };
            if self.rest.is_empty() { Some(Pin::new(body).poll_frame(context)) } else { None }
        };
        let frame = match polled {
            None => {
                let rest = std::mem::take(&mut self.rest);
                Some(Ok(self.piece(rest)))
            }
            Some(Poll::Pending) => {
                if self.gap.poll_too_long(context).is_ready() {
                    self.target.0.upstream.doubt(self.http2);
                    let kind = FailureKind::ResponseTimeout;
                    return failed(Failure::new(kind, "upstream's body paused for too long"));
                }
                return Poll::Pending;
            }
            Some(Poll::Ready(frame)) => {
                self.gap.end();
                frame.map(|frame| frame.map(|frame| self.outgoing(frame)))
            }
        };
        if matches!(frame, Some(Ok(_))) {
            self.wait_for_the_client();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.source().body.as_ref().is_some_and(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let left = self.source().body.as_ref().and_then(|body| body.size_hint().exact());
        match left {
            Some(exact) => SizeHint::with_exact(exact.saturating_add(rest)),
            None => SizeHint::new(),
        }
    }
}

/// Drops upstream's body if the client takes nothing of it for too long (rule 3).
async fn watch(source: Weak<Mutex<Source>>, limit: Duration) {
    let mut next = Instant::now().checked_add(limit);
    while let Some(time) = next {
        sleep_until(time).await;
        let Some(source) = source.upgrade() else { return };
        let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = source.idle_since.unwrap_or(now);
        next = since.checked_add(limit);
        if next.is_some_and(|deadline| deadline <= now) {
            source.body = None;
            return;
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
        if let Some(key) = &self.key {
            key.lock();
        }
    }
}
