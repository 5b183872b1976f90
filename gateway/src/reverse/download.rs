//! The body of a response on its way to the client.
//!
//! 1. It is handed on piece by piece, when the client has room. `chunk_size` makes smaller pieces.
//! 2. It breaks off if upstream's does, or if upstream pauses for longer than the limit `gap`. The client
//!    then sees a connection that is cut, never a body that looks whole.
//! 3. Its trailers have no field that ends here or frames a message.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::{gap::Gap, gate::Key, target::Target};
use crate::common::{
    body::{Body, BoxError},
    failure::{Failure, FailureKind},
    hop_by_hop::{Barred, strip_trailers},
};

/// The body that goes to the client.
pub(super) struct Download {
    body: Body,
    target: Target,
    gap: Gap,
    /// What did not fit into the last piece.
    rest: Bytes,
    barred: Barred,
    /// Of a request that waited for 100.
    key: Option<Key>,
}

impl Download {
    pub(super) fn new(body: Body, target: Target, barred: Barred, key: Option<Key>) -> Self {
        let gap = Gap::new(target.0.limits.gap);
        Self { body, target, gap, rest: Bytes::new(), barred, key }
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
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.piece(rest))));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            if self.gap.poll_too_long(context).is_ready() {
                self.target.0.upstream.doubt_http2();
                let kind = FailureKind::ResponseTimeout;
                let failure = Failure::new(kind, "upstream's body paused for too long");
                return Poll::Ready(Some(Err(failure.into())));
            }
            return Poll::Pending;
        };
        self.gap.end();
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(match frame.into_data() {
                Ok(data) => self.piece(data),
                Err(mut frame) => {
                    if let Some(trailers) = frame.trailers_mut() {
                        strip_trailers(trailers, &self.barred);
                    }
                    frame
                }
            })),
            other => other,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        match self.body.size_hint().exact() {
            Some(exact) => SizeHint::with_exact(exact.saturating_add(rest)),
            None => SizeHint::new(),
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            key.lock();
        }
    }
}
