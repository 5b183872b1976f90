//! What an error of hyper means.

use std::error::Error as StdError;

use crate::common::failure::{Failure, FailureKind};

/// Whether the connection ended.
pub(super) fn is_closed(error: &hyper::Error) -> bool {
    let io = find::<std::io::Error>(error);
    error.is_incomplete_message() || error.is_closed() || error.is_canceled() || io.is_some()
}

pub(super) fn http2_error(error: &hyper::Error) -> Option<&h2::Error> {
    find::<h2::Error>(error)
}

/// An error of this type among the causes.
fn find<E: StdError + 'static>(error: &hyper::Error) -> Option<&E> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// What an error of hyper means. That the client's body broke off is kept by its [`Progress`](crate::reverse::progress);
/// what else hyper calls the user's is a connection that ended while a request waited for its turn.
pub(super) fn failed(error: hyper::Error) -> Failure {
    let (kind, detail) = if error.is_parse_too_large() {
        (FailureKind::ResponseHeadTooLarge, "the answer's head is over the limits")
    } else if error.is_parse() {
        (FailureKind::Protocol, "the answer is no HTTP")
    } else if is_closed(&error) || error.is_body_write_aborted() || error.is_user() {
        (FailureKind::ConnectionTerminated, "upstream closed the connection without an answer")
    } else {
        (FailureKind::Protocol, "upstream broke the protocol")
    };
    Failure::new(kind, detail).with_source(error)
}
