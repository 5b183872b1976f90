//! A connection over HTTP/2, and the requests on it.
//!
//! 1. The tasks of a connection end when neither the pool nor a request holds it any more, a moment later. hyper would
//!    keep it for as long as upstream lets the body of one request wait.
//! 2. When a response has ended, or nobody waits for it, upstream may take the rest of the request for the limit `gap`, or
//!    refuse it. If it does neither, the connection carries no further request, and ends with its last response. hyper
//!    has no way to end that request alone. What h2 has in its buffer counts as taken: nobody is told more.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http2},
    rt::Executor,
};
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::pool::Pool;
use crate::common::body::{Body, BoxError};

/// How long a connection that nobody holds may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// An HTTP/2 connection (rule 1).
pub(super) struct Http2 {
    /// Tells it from every other one. Never 0.
    number: u64,
    sender: http2::SendRequest<Body>,
    tasks: Tasks,
}

impl Http2 {
    pub(super) fn new(sender: http2::SendRequest<Body>, tasks: Tasks) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self { number: NEXT.fetch_add(1, Ordering::Relaxed), sender, tasks })
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a request. The connection is held until the end of the response.
    pub(super) async fn send(
        self: Arc<Self>,
        request: Request<Body>,
        pool: &Arc<Pool>,
        gap: Duration,
    ) -> Result<Response<Body>, TrySendError<Request<Body>>> {
        let has_body = !request.body().is_end_stream();
        let is_taken = has_body.then(CancellationToken::new);
        let request = request.map(|body| match &is_taken {
            Some(taken) => Body::new(Upload { body, _taken: taken.clone().drop_guard() }),
            None => body,
        });
        let mut sender = self.sender.clone();
        let mut held = Held { connection: self, pool: Arc::clone(pool), is_taken, gap };
        match sender.try_send_request(request).await {
            Ok(response) => {
                Ok(response.map(|incoming| Body::new(Download { incoming, held: Some(held) })))
            }
            Err(error) => {
                held.is_taken = None;
                Err(error)
            }
        }
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        let Tasks(tasks) = self.tasks.clone();
        match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    sleep(GOODBYE).await;
                    tasks.cancel();
                });
            }
            Err(_) => tasks.cancel(),
        }
    }
}

/// The tasks of a connection: hyper has one for each body that waits, besides that of the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks(CancellationToken);

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        tokio::spawn(self.0.clone().run_until_cancelled_owned(task));
    }
}

/// A connection that a request holds (rule 2).
struct Held {
    connection: Arc<Http2>,
    pool: Arc<Pool>,
    /// Is cancelled when the body of the request was taken, or refused. `None` without a body.
    is_taken: Option<CancellationToken>,
    gap: Duration,
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(is_taken) = self.is_taken.take().filter(|taken| !taken.is_cancelled()) else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else { return };
        let (connection, pool, gap) =
            (Arc::clone(&self.connection), Arc::downgrade(&self.pool), self.gap);
        runtime.spawn(async move {
            if timeout(gap, is_taken.cancelled()).await.is_ok() {
                return;
            }
            if let Some(pool) = pool.upgrade() {
                pool.forget_http2(connection.number);
            }
        });
    }
}

/// The body of a request. hyper drops it when it needs it no more.
struct Upload {
    body: Body,
    _taken: DropGuard,
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response. It holds the connection until its end.
struct Download {
    incoming: Incoming,
    held: Option<Held>,
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) || self.incoming.is_end_stream() {
            self.held = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
