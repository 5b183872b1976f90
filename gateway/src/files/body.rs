//! The body of a file that is too long for the memory, or of several ranges.
//!
//! 1. One piece is read at a time, when the connection has room for it. So a slow client holds one piece, and one more
//!    on its way.
//! 2. The disk is read on tokio's threads for blocking work. At most so many wait at once, over all requests.
//! 3. A file that is written meanwhile breaks the body off: the client sees that it is not whole. One that is renamed,
//!    replaced or removed is sent to its end.
//! 4. In a directory whose files grow, such as logs, what is appended meanwhile is not sent, and breaks nothing off.

use std::{
    collections::VecDeque,
    fs::File,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Semaphore;

use super::{range::Span, stat::Stat};
use crate::common::body::BoxError;

/// The bytes that are read at once. Below it, a file costs more system calls; above it, a slow client costs more memory.
const PIECE: usize = 256 << 10;

/// The content of a file.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Memory(Bytes),
    Disk(Arc<OpenFile>),
}

/// A file that is sent, and the state that it must keep.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) stat: Stat,
    pub(super) may_grow: bool,
}

/// A part of a body.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(Bytes),
    File(Span),
}

type Reading = Pin<Box<dyn Future<Output = io::Result<BytesMut>> + Send>>;

/// A body made of parts.
pub(super) struct FileBody {
    parts: VecDeque<Part>,
    content: Content,
    permits: Arc<Semaphore>,
    buffer: BytesMut,
    reading: Option<Reading>,
}

impl FileBody {
    pub(super) fn new(
        parts: impl IntoIterator<Item = Part>,
        content: Content,
        permits: Arc<Semaphore>,
    ) -> Self {
        let parts = parts.into_iter().filter(|part| part.len() > 0).collect();
        Self { parts, content, permits, buffer: BytesMut::new(), reading: None }
    }

    /// The next piece in memory, or how to read it.
    fn next(&mut self) -> Option<Bytes> {
        match (self.parts.pop_front()?, &self.content) {
            (Part::Text(text), _) => Some(text),
            (Part::File(span), Content::Memory(bytes)) => Some(span.of(bytes)),
            (Part::File(span), Content::Disk(open)) => {
                let length = usize::try_from(span.len()).unwrap_or(usize::MAX).min(PIECE);
                let end = span.start.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
                if end < span.end {
                    self.parts.push_front(Part::File(Span { start: end, end: span.end }));
                }
                let (open, start) = (Arc::clone(open), span.start);
                let mut buffer = std::mem::take(&mut self.buffer);
                let permits = Arc::clone(&self.permits);
                self.reading = Some(Box::pin(async move {
                    let permit = permits.acquire_owned().await.map_err(io::Error::other)?;
                    let read = tokio::task::spawn_blocking(move || {
                        let _held = permit;
                        buffer.resize(length, 0);
                        read_at(&open.file, &mut buffer, start)?;
                        open.check()?;
                        Ok(buffer)
                    });
                    read.await.map_err(io::Error::other)?
                }));
                None
            }
        }
    }
}

impl Part {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len().try_into().unwrap_or(u64::MAX),
            Self::File(span) => span.len(),
        }
    }
}

impl OpenFile {
    /// Rules 3 and 4. A new name or a lost one changes the time of change, and not the content. A kernel counts the names
    /// first, so of a file that has lost its last name, the time may follow.
    fn check(&self) -> io::Result<()> {
        let (was, now) = (&self.stat, Stat::from(&self.file.metadata()?));
        let is_same = now.size == was.size
            && now.modified == was.modified
            && (now.changed == was.changed || now.links != was.links || now.links == 0);
        if is_same || (self.may_grow && now.size > was.size) {
            return Ok(());
        }
        Err(io::Error::other("the file changed while it was sent"))
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, start)
}

#[cfg(windows)]
fn read_at(file: &File, mut buffer: &mut [u8], mut start: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, start)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = buffer.get_mut(read..).unwrap_or_default();
        start = start.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    Ok(())
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(reading.as_mut().poll(context));
                self.reading = None;
                return Poll::Ready(Some(match read {
                    Ok(mut buffer) => {
                        let piece = buffer.split().freeze();
                        // When the piece is sent, its memory is used again.
                        self.buffer = buffer;
                        Ok(Frame::data(piece))
                    }
                    Err(error) => {
                        self.parts.clear();
                        #[cfg(feature = "tracing")]
                        tracing::warn!(%error, "a file was not sent whole");
                        Err(error.into())
                    }
                }));
            }
            match self.next() {
                Some(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None if self.reading.is_some() => {}
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty() && self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.reading.is_some() {
            return SizeHint::default();
        }
        let length = self.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.len()));
        SizeHint::with_exact(length)
    }
}
