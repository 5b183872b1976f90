//! The byte stream of a connection, which counts what it reads.
//!
//! The count tells whether upstream said anything before it closed: only then is a request lost that
//! may have had an effect.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_util::{either::Either, io::InspectReader};

use super::pool::Permit;

/// A connection to upstream without TLS.
pub(super) type Plain = Either<TcpStream, UnixStream>;

/// How many bytes a connection has read.
#[derive(Clone, Debug, Default)]
pub(super) struct BytesRead(Arc<AtomicU64>);

impl BytesRead {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// A stream that counts. It keeps the right to its connection as long as it is open, also as a tunnel.
pub(super) fn counted<S>(
    stream: S,
    read: BytesRead,
    permit: Permit,
) -> impl AsyncRead + AsyncWrite + Send + Unpin + 'static
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    InspectReader::new(stream, move |bytes: &[u8]| {
        let _kept = &permit;
        read.add(bytes.len());
    })
}
