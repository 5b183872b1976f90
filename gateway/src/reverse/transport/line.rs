//! The connection that a request goes over.
//!
//! 1. One that is open comes before a new one. What the [`pool`](super::pool) has, its rules say.
//! 2. A request waits for a connection within the limit `connect`, and hears of each one that becomes free.
//! 3. Whoever is woken and needs no room of its own wakes the next one.
//!
//! What opens a connection is boxed. It is rare and large, and every request would otherwise carry room for it.

use std::{pin::Pin, sync::Arc, time::Duration};

use http::{header::UPGRADE, request};
use tokio::{
    sync::futures::Notified,
    time::{Instant, timeout_at},
};

use super::{
    connection::{Http1, Opened, open},
    http2::Http2,
    pool::{Permit, Pool},
    upstream::Upstream,
};
use crate::{
    common::failure::{Failure, FailureKind},
    reverse::target::Protocol,
};

/// What a request needs of its connection.
pub(super) struct Needs {
    only_http1: bool,
    only_http2: bool,
    pub(super) is_idempotent: bool,
}

impl Needs {
    pub(super) fn of(request: &request::Parts, protocol: Protocol) -> Self {
        let is_upgrade = request.headers.contains_key(UPGRADE);
        Self {
            only_http1: protocol == Protocol::Http1 || is_upgrade,
            only_http2: protocol == Protocol::Http2 && !is_upgrade,
            is_idempotent: request.method.is_idempotent(),
        }
    }
}

/// A connection to send over.
pub(super) enum Line {
    Http1(Http1),
    Http2(Arc<Http2>),
}

/// Until when there must be a connection. What no clock can tell is no limit.
pub(super) fn deadline(upstream: &Upstream) -> Instant {
    // 30 years, as far as tokio looks ahead.
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    let now = Instant::now();
    let deadline = now.checked_add(upstream.limits().connect);
    deadline.or_else(|| now.checked_add(FAR)).unwrap_or(now)
}

/// A connection, and whether it was used before.
pub(super) async fn line(
    upstream: &Upstream,
    needs: &Needs,
    can_send_twice: bool,
    deadline: Instant,
) -> Result<(Line, bool), Failure> {
    let pool = upstream.pool();
    if let Some(line) = idle_line(pool, needs, can_send_twice, deadline).await {
        return Ok((line, true));
    }
    if needs.only_http2 {
        return Box::pin(http2_line(upstream, needs, deadline)).await;
    }
    loop {
        let freed = enabled(pool);
        if let Some(permit) = pool.permit() {
            let line = Box::pin(opened(upstream, needs, permit, deadline)).await?;
            return Ok((line, false));
        }
        wait(freed, deadline).await?;
        if let Some(line) = idle_line(pool, needs, true, deadline).await {
            if matches!(line, Line::Http2(_)) {
                pool.pass_on();
            }
            return Ok((line, true));
        }
    }
}

/// The HTTP/2 connection that all requests share, or a new one. Whoever comes second finds the connection of the first.
pub(super) async fn http2_line(
    upstream: &Upstream,
    needs: &Needs,
    deadline: Instant,
) -> Result<(Line, bool), Failure> {
    let late = |_| Failure::new(FailureKind::ConnectionTimeout, "no connection within the limit");
    let pool = upstream.pool();
    let _connecting = timeout_at(deadline, pool.connecting()).await.map_err(late)?;
    if let Some(connection) = pool.http2() {
        return Ok((Line::Http2(connection), true));
    }
    Ok((new_line(upstream, needs, deadline).await?, false))
}

/// A connection that is open.
async fn idle_line(
    pool: &Pool,
    needs: &Needs,
    can_send_twice: bool,
    deadline: Instant,
) -> Option<Line> {
    if !needs.only_http1 {
        if let Some(connection) = pool.http2() {
            return Some(Line::Http2(connection));
        }
    }
    if needs.only_http2 {
        return None;
    }
    while let Some(mut connection) = pool.take(can_send_twice) {
        // hyper takes the next request when it has read the response, which may be about to happen.
        if let Ok(Ok(())) = timeout_at(deadline, connection.sender.ready()).await {
            return Some(Line::Http1(connection));
        }
    }
    None
}

/// A new connection.
pub(super) async fn new_line(
    upstream: &Upstream,
    needs: &Needs,
    deadline: Instant,
) -> Result<Line, Failure> {
    let pool = upstream.pool();
    loop {
        let freed = enabled(pool);
        if let Some(permit) = pool.permit() {
            return opened(upstream, needs, permit, deadline).await;
        }
        // An idle connection ends, so that there is room. It is awaited, as one in use is.
        drop(pool.take(true));
        wait(freed, deadline).await?;
    }
}

/// Hears of what is freed from now on, so that nothing is missed between a look and the wait.
fn enabled(pool: &Pool) -> Pin<Box<Notified<'_>>> {
    let mut freed = Box::pin(pool.freed());
    freed.as_mut().enable();
    freed
}

async fn wait(freed: Pin<Box<Notified<'_>>>, deadline: Instant) -> Result<(), Failure> {
    let full = |_| Failure::new(FailureKind::ConnectionLimit, "all connections are in use");
    timeout_at(deadline, freed).await.map_err(full)
}

async fn opened(
    upstream: &Upstream,
    needs: &Needs,
    permit: Permit,
    deadline: Instant,
) -> Result<Line, Failure> {
    match open(upstream, needs.only_http1, permit, deadline).await? {
        Opened::Http1(connection) => Ok(Line::Http1(connection)),
        Opened::Http2(connection) => {
            upstream.pool().put_http2(Arc::clone(&connection));
            Ok(Line::Http2(connection))
        }
    }
}
