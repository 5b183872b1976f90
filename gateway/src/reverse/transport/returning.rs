//! The body of a response, which gives its connection back.
//!
//! 1. It does so when it ends, if the request was sent to its end. A body that breaks off, or that nobody reads to
//!    its end, closes the connection.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use super::{connection::Http1, pool::Pool, sent::Sent};
use crate::common::body::BoxError;

/// A response's body.
pub(super) struct Returning {
    incoming: Incoming,
    connection: Option<(Http1, Arc<Pool>)>,
    sent: Sent,
}

impl Returning {
    /// A body that gives back its connection. One without bytes does so at once.
    pub(super) fn new(
        incoming: Incoming,
        connection: Http1,
        pool: &Arc<Pool>,
        sent: &Sent,
    ) -> Self {
        let connection = Some((connection, Arc::clone(pool)));
        let mut returning = Self { incoming, connection, sent: sent.clone() };
        if returning.incoming.is_end_stream() {
            returning.give_back();
        }
        returning
    }

    fn give_back(&mut self) {
        if let Some((connection, pool)) = self.connection.take() {
            if self.sent.is_done() {
                pool.put(connection);
            }
        }
    }
}

impl HttpBody for Returning {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(context));
        match &frame {
            Some(Err(_)) => self.connection = None,
            _ if frame.is_none() || self.incoming.is_end_stream() => self.give_back(),
            _ => {}
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
