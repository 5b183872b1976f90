//! The body of a request on its way to upstream.
//!
//! 1. It is handed on piece by piece, when upstream has room.
//! 2. It breaks off if the client's does, if the client pauses for longer than the limit `gap`, and when it gets
//!    longer than the limit `body_bytes`. [`Progress`] keeps which.
//! 3. Its trailers have no field that ends here, frames a message, or names a client.
//! 4. With `Expect: 100-continue`, it waits for upstream ([`gate`](super::gate)).

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::{
    gap::Gap,
    gate::{Gate, Said},
    progress::{Fault, Progress},
};
use crate::common::{
    body::BoxError,
    hop_by_hop::{Barred, strip_trailers},
    limits::Limits,
};

pin_project_lite::pin_project! {
    /// The body that goes upstream.
    pub(super) struct Upload<B> {
        #[pin]
        body: B,
        // The bytes that may still come.
        left: Option<u64>,
        gap: Gap,
        gate: Option<Gate>,
        progress: Progress,
        barred: Barred,
    }
}

impl<B> Upload<B> {
    pub(super) fn new(
        body: B,
        limits: &Limits,
        gate: Option<Gate>,
        progress: Progress,
        barred: Barred,
    ) -> Self {
        Self { body, left: limits.body_bytes, gap: Gap::new(limits.gap), gate, progress, barred }
    }
}

impl<B> HttpBody for Upload<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        if let Some(gate) = this.gate {
            match gate.poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Said::Never) => {
                    return Poll::Ready(Some(Err("upstream answered without the body".into())));
                }
                Poll::Ready(Said::GoOn) => *this.gate = None,
            }
        }
        let broken = |fault, text: &'static str| {
            this.progress.break_off(fault);
            Poll::Ready(Some(Err(BoxError::from(text))))
        };
        let frame = match this.body.as_mut().poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                this.progress.wait_for_client();
                if this.gap.poll_too_long(context).is_ready() {
                    return broken(Fault::ClientTimeout, "the client's body paused for too long");
                }
                return Poll::Pending;
            }
        };
        this.gap.end();
        let mut frame = match frame {
            None => {
                this.progress.done();
                return Poll::Ready(None);
            }
            Some(Err(error)) => {
                this.progress.break_off(Fault::Client);
                return Poll::Ready(Some(Err(error.into())));
            }
            Some(Ok(frame)) => frame,
        };
        if let (Some(data), Some(left)) = (frame.data_ref(), this.left.as_mut()) {
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            match left.checked_sub(length) {
                Some(rest) => *left = rest,
                None => return broken(Fault::TooLarge, "the client's body is over the limit"),
            }
        }
        if let Some(trailers) = frame.trailers_mut() {
            strip_trailers(trailers, this.barred);
        }
        // hyper does not poll a body after its trailers.
        if frame.is_trailers() || this.body.is_end_stream() {
            this.progress.done();
        } else {
            this.progress.sent();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.gate.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
