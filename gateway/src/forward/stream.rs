//! The bytes of a connection, or of a tunnel in one.
//!
//! 1. The first byte may be looked at, and is then read again.
//! 2. A client that takes nothing for the limit `gap`, while something is to be sent, ends the connection.
//! 3. What was upgraded (a WebSocket) belongs to the application. It ends if nothing goes either way for the limit
//!    `upgraded_idle`, or if the server stops and does not wait any longer. Two tasks may wait for it, one for each
//!    direction; both are told.
//! 4. Its place is free when this is dropped, and not before.

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::{Sleep, sleep},
};

use super::{
    connection::until,
    limits::ForwardLimits,
    tunnels::{Place, Told},
};
use crate::common::clock::Clock;

/// What is told of a connection while somebody else has its bytes.
#[derive(Debug, Default)]
pub(super) struct Seat {
    place: OnceLock<Place>,
    is_upgraded: watch::Sender<bool>,
}

impl Seat {
    /// Gives the connection a place (rule 4).
    pub(super) fn fill(&self, place: Place) {
        // A connection is upgraded once.
        let _ = self.place.set(place);
    }

    /// The bytes are the application's from here on, if there are any left (rule 3).
    pub(super) fn upgraded(&self) {
        self.is_upgraded.send_replace(true);
    }

    /// Whether it has a place.
    pub(super) fn is_filled(&self) -> bool {
        self.place.get().is_some()
    }
}

type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The bytes of a connection.
pub(super) struct Held<T> {
    io: T,
    first: Option<u8>,
    clock: Clock,
    told: watch::Receiver<Told>,
    upgraded_idle: Duration,
    gap: Duration,
    /// End when the connection must (rule 3): one for each direction, because a future wakes one task alone.
    read_end: Option<End>,
    write_end: Option<End>,
    /// Runs while the client takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
    seat: Arc<Seat>,
}

impl<T> Held<T> {
    /// The bytes of a connection with these limits.
    pub(super) fn new(
        io: T,
        limits: &ForwardLimits,
        told: watch::Receiver<Told>,
        seat: Arc<Seat>,
    ) -> Self {
        Self {
            io,
            first: None,
            clock: Clock::new(),
            told,
            upgraded_idle: limits.upgraded_idle,
            gap: limits.gap,
            read_end: None,
            write_end: None,
            stall: None,
            seat,
        }
    }

    /// Gives a byte back, to be read again.
    pub(super) fn unread(&mut self, byte: u8) {
        self.first = Some(byte);
    }

    /// Rule 3.
    fn end(&self) -> End {
        let (told, clock, idle) = (self.told.clone(), self.clock.clone(), self.upgraded_idle);
        let mut is_upgraded = self.seat.is_upgraded.subscribe();
        Box::pin(async move {
            let quiet = async {
                // The sender is there as long as the connection.
                let _ = is_upgraded.wait_for(|now| *now).await;
                clock.idle(idle).await;
            };
            tokio::select! {
                () = quiet => {}
                () = until(told, Told::End) => {}
            }
        })
    }

    /// Rules 2 and 3.
    fn stalled<R>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if polled.is_ready() {
            self.stall = None;
            self.clock.tick();
            return polled;
        }
        let gap = self.gap;
        let timer = self.stall.get_or_insert_with(|| Box::pin(sleep(gap)));
        let is_late = timer.as_mut().poll(context).is_ready();
        let mut end = self.write_end.take().unwrap_or_else(|| self.end());
        if is_late || end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.write_end = Some(end);
        Poll::Pending
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Held<T> {
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
        let mut end = self.read_end.take().unwrap_or_else(|| self.end());
        if end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.read_end = Some(end);
        Poll::Pending
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Held<T> {
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

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, split},
        time::timeout,
    };

    use super::{ForwardLimits, Held, Seat, Told};
    use crate::forward::tunnels::Tunnels;

    /// Longer than all limits.
    const NEVER: Duration = Duration::from_secs(100_000);

    /// Two tasks wait, one for each direction, in either order. Both end.
    #[tokio::test(start_paused = true)]
    async fn two_tasks() {
        for (is_told, reads_first) in [(false, false), (false, true), (true, false), (true, true)] {
            let limits = ForwardLimits::default().gap(NEVER);
            let tunnels = Tunnels::new(1, 1, Duration::ZERO);
            let (_client, server) = duplex(1);
            let seat = Arc::new(Seat::default());
            let held = Held::new(server, &limits, tunnels.told(), Arc::clone(&seat));
            let (mut reader, mut writer) = split(held);
            let read = async move {
                if !reads_first {
                    tokio::task::yield_now().await;
                }
                reader.read_u8().await.map(|_| ())
            };
            let write = async move {
                if reads_first {
                    tokio::task::yield_now().await;
                }
                writer.write_all(b"more than there is room for").await
            };
            let tasks = [tokio::spawn(read), tokio::spawn(write)];
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            if is_told {
                tunnels.tell(Told::End);
            } else {
                seat.upgraded();
            }
            for task in tasks {
                let ended = timeout(NEVER, task).await.expect("a limit").unwrap();
                assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
            }
        }
    }

    /// The bytes of a connection that is not upgraded have no limit of their own while nothing is to be sent.
    #[tokio::test(start_paused = true)]
    async fn before_an_upgrade() {
        let tunnels = Tunnels::new(1, 1, Duration::ZERO);
        let (_client, server) = duplex(1);
        let seat = Arc::new(Seat::default());
        let mut held = Held::new(server, &ForwardLimits::default(), tunnels.told(), seat);
        assert!(timeout(NEVER, held.read_u8()).await.is_err());
    }

    /// The place is free when the bytes are gone.
    #[tokio::test]
    async fn a_place() {
        let tunnels = Tunnels::new(1, 1, Duration::ZERO);
        let seat = Arc::new(Seat::default());
        seat.fill(tunnels.begin().unwrap());
        let held = Held::new((), &ForwardLimits::default(), tunnels.told(), Arc::clone(&seat));
        assert!(seat.is_filled());
        drop(seat);
        assert_eq!(tunnels.open(), 1);
        drop(held);
        assert_eq!(tunnels.open(), 0);
    }
}
