//! The bytes of a tunnel.
//!
//! 1. The first byte may be looked at, and is then read again.
//! 2. A client that takes nothing for the limit `gap`, while something is to be sent, ends the tunnel.
//! 3. A tunnel that was upgraded (a WebSocket) belongs to the application. It ends if nothing goes either way for the limit
//!    `upgraded_idle`, or if the server stops and does not wait any longer.
//! 4. The tunnel's place is free when this is dropped, and not before.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
    time::{Sleep, sleep},
};

use super::{
    connection::until,
    limits::ForwardLimits,
    tunnels::{Place, Told},
};
use crate::common::clock::Clock;

/// The bytes of a tunnel.
pub(super) struct Held {
    io: TokioIo<Upgraded>,
    first: Option<u8>,
    clock: Clock,
    /// Ends when the tunnel must (rule 3).
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    gap: Duration,
    /// Runs while the client takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl Held {
    /// The bytes of an upgraded connection. `is_upgraded` tells when they are the application's.
    pub(super) fn new(
        io: Upgraded,
        place: Place,
        limits: &ForwardLimits,
        is_upgraded: Arc<Notify>,
    ) -> Self {
        let (clock, idle) = (Clock::new(), limits.upgraded_idle);
        let (told, last) = (place.told.clone(), clock.clone());
        let end = Box::pin(async move {
            let quiet = async {
                is_upgraded.notified().await;
                last.tick();
                last.idle(idle).await;
            };
            tokio::select! {
                () = quiet => {}
                () = until(told, Told::End) => {}
            }
        });
        let io = TokioIo::new(io);
        Self { io, first: None, clock, end, gap: limits.gap, stall: None, _place: place }
    }

    /// Gives a byte back, to be read again.
    pub(super) fn unread(&mut self, byte: u8) {
        self.first = Some(byte);
    }

    /// Rule 2.
    fn stalled<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stall = None;
            self.clock.tick();
            return polled;
        }
        let gap = self.gap;
        let timer = self.stall.get_or_insert_with(|| Box::pin(sleep(gap)));
        if timer.as_mut().poll(context).is_ready() || self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0 {
            if let Some(byte) = self.first.take() {
                buffer.put_slice(&[byte]);
                return Poll::Ready(Ok(()));
            }
        }
        let polled = Pin::new(&mut self.io).poll_read(context, buffer);
        if polled.is_ready() {
            self.clock.tick();
            return polled;
        }
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(context, bytes);
        self.stalled(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(context);
        self.stalled(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_shutdown(context);
        self.stalled(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.stalled(context, polled)
    }
}
