//! One connection to an upstream, from the dial to the handshake of HTTP.
//!
//! 1. HTTP/2 is spoken where ALPN chose it, or where the target says so. An upgrade needs HTTP/1.1.
//! 2. The limits of the head hold for what upstream sends, too.
//! 3. A task drives the connection. It ends with the connection, and when its owner drops it, because hyper would wait
//!    without end for an upstream that does not read what it is sent.

use std::{fmt, sync::Arc};

use hyper::{
    client::conn::{http1, http2},
    rt::{Executor, Read, Write},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{task::AbortHandle, time::Instant};
#[cfg(feature = "tls")]
use tokio_util::either::Either;

use super::{
    dial::dial,
    http2::{Http2, Tasks},
    pool::Permit,
    stream::{BytesRead, counted},
    upstream::Upstream,
};
use crate::{
    common::{
        body::Body,
        failure::{Failure, FailureKind},
    },
    reverse::target::Protocol,
};

/// How many bytes of a response wait for a client that does not read, at most.
const STREAM_WINDOW: u32 = 256 << 10;

/// The most that RFC 9113 §6.9.1 admits, so that responses that wait never hold up the others of their connection. What
/// waits is bounded by the windows of the streams.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// An HTTP/1.1 connection. It is closed when this is dropped (rule 3).
pub(super) struct Http1 {
    pub(super) sender: http1::SendRequest<Body>,
    pub(super) read: BytesRead,
    task: Option<AbortHandle>,
}

impl Http1 {
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Leaves the connection to the tunnel that it becomes.
    pub(super) fn release(mut self) {
        self.task = None;
    }
}

impl Drop for Http1 {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for Http1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http1")
    }
}

/// A new connection.
pub(super) enum Opened {
    Http1(Http1),
    Http2(Arc<Http2>),
}

/// Makes a connection.
pub(super) async fn open(
    upstream: &Upstream,
    only_http1: bool,
    permit: Permit,
    deadline: Instant,
) -> Result<Opened, Failure> {
    let stream = dial(upstream, deadline).await?;
    let is_http2 = upstream.protocol() == Protocol::Http2 && !only_http1;
    #[cfg(feature = "tls")]
    let (stream, is_http2) = match (upstream.tls(), stream) {
        (Some(tls), Either::Left(stream)) => {
            let (stream, is_http2) = tls.connect(stream, only_http1, deadline).await?;
            (Either::Right(Box::new(stream)), is_http2)
        }
        (_, stream) => (Either::Left(stream), is_http2),
    };
    let read = BytesRead::default();
    let io = TokioIo::new(counted(stream, read.clone(), permit));
    if is_http2 {
        open_http2(upstream, io).await.map(Opened::Http2)
    } else {
        let (sender, task) = open_http1(upstream, io).await?;
        Ok(Opened::Http1(Http1 { sender, read, task: Some(task) }))
    }
}

async fn open_http1(
    upstream: &Upstream,
    io: impl Read + Write + Send + Unpin + 'static,
) -> Result<(http1::SendRequest<Body>, AbortHandle), Failure> {
    let limits = upstream.limits();
    let mut builder = http1::Builder::new();
    builder.max_header_size(limits.head_bytes).max_headers(limits.head_fields);
    let (sender, connection) = builder.handshake(io).await.map_err(no_handshake)?;
    let task = tokio::spawn(async move {
        // What went wrong is told to whoever waits for the response.
        let _ = connection.with_upgrades().await;
    });
    Ok((sender, task.abort_handle()))
}

async fn open_http2(
    upstream: &Upstream,
    io: impl Read + Write + Send + Unpin + 'static,
) -> Result<Arc<Http2>, Failure> {
    let (limits, tasks) = (upstream.limits(), Tasks::default());
    let (sender, connection) = http2::Builder::new(tasks.clone())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(limits.head_bytes.try_into().unwrap_or(u32::MAX))
        .handshake(io)
        .await
        .map_err(no_handshake)?;
    tasks.execute(connection);
    Ok(Http2::new(sender, tasks))
}

fn no_handshake(error: hyper::Error) -> Failure {
    Failure::new(FailureKind::Protocol, "no HTTP connection").with_source(error)
}
