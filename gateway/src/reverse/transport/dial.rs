//! How to connect (RFC 8305).
//!
//! 1. A name is looked up for each connection, so that a change of the DNS is seen.
//! 2. Only addresses that the policy admits are dialled. The next one is tried when one fails, or after 250 ms.
//! 3. Look-up, connection and TLS handshake together end within the limit `connect`.

use std::{
    future::{Future, poll_fn},
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use tokio::{
    net::{TcpStream, UnixStream},
    time::{Instant, sleep, timeout_at},
};

use super::{stream::Plain, upstream::Upstream};
use crate::{
    common::failure::{Failure, FailureKind},
    reverse::url::Address,
};

/// RFC 8305 §5.
const NEXT_ATTEMPT: Duration = Duration::from_millis(250);

/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 16;

/// The future of [`Resolve::resolve`].
pub type ResolveFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Looks up names.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of a name, the best first. It is asked for names alone, not for IP addresses.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> ResolveFuture<'a>;
}

/// Connects to an upstream, without TLS.
pub(super) async fn dial(upstream: &Upstream, deadline: Instant) -> Result<Plain, Failure> {
    let late = |_| Failure::new(FailureKind::ConnectionTimeout, "no connection within the limit");
    match upstream.address() {
        Address::Unix(path) => {
            let stream = timeout_at(deadline, UnixStream::connect(path)).await.map_err(late)?;
            stream.map(Plain::Right).map_err(refused)
        }
        Address::Tcp { host, port } => {
            let addresses = look_up(upstream, host, *port, deadline).await?;
            let stream = timeout_at(deadline, dial_first(addresses)).await.map_err(late)?;
            let stream = stream.map_err(refused)?;
            // A request is written at once, so waiting for more would only delay it.
            let _ = stream.set_nodelay(true);
            Ok(Plain::Left(stream))
        }
    }
}

/// Rules 1 and 2: the addresses that may be dialled.
async fn look_up(
    upstream: &Upstream,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, Failure> {
    let mut addresses = if let Ok(ip) = host.parse::<IpAddr>() {
        vec![SocketAddr::new(ip, port)]
    } else {
        let late = |_| Failure::new(FailureKind::DnsTimeout, "no address within the limit");
        let found = timeout_at(deadline, upstream.resolve(host, port)).await.map_err(late)?;
        let unknown = |error| Failure::new(FailureKind::Dns, "no address").with_source(error);
        found.map_err(unknown)?
    };
    if addresses.is_empty() {
        return Err(Failure::new(FailureKind::Dns, "the name has no address"));
    }
    addresses.retain(|address| upstream.policy().admits(*address));
    addresses.truncate(MAX_ADDRESSES);
    if addresses.is_empty() {
        return Err(Failure::new(FailureKind::AddressProhibited, "no address that may be dialled"));
    }
    Ok(addresses)
}

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// The first connection that succeeds (rule 2).
async fn dial_first(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut rest = addresses.into_iter();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    let mut next = Box::pin(sleep(NEXT_ATTEMPT));
    loop {
        if let Some(address) = rest.next() {
            attempts.push(Box::pin(TcpStream::connect(address)));
        } else if attempts.is_empty() {
            return Err(last);
        }
        next.as_mut().reset(Instant::now().checked_add(NEXT_ATTEMPT).unwrap_or_else(Instant::now));
        let has_more = !rest.as_slice().is_empty();
        let failed = poll_fn(|context| {
            let mut at = 0_usize;
            while let Some(attempt) = attempts.get_mut(at) {
                match attempt.as_mut().poll(context) {
                    Poll::Ready(result) => {
                        drop(attempts.swap_remove(at));
                        return Poll::Ready(result.map(Some));
                    }
                    Poll::Pending => at = at.saturating_add(1),
                }
            }
            if has_more && next.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(None));
            }
            Poll::Pending
        });
        match failed.await {
            Ok(Some(stream)) => return Ok(stream),
            Ok(None) => {}
            Err(error) => last = error,
        }
    }
}

/// What an error of `connect` means.
fn refused(error: io::Error) -> Failure {
    let is_late = error.kind() == io::ErrorKind::TimedOut;
    let kind =
        if is_late { FailureKind::ConnectionTimeout } else { FailureKind::ConnectionRefused };
    Failure::new(kind, "could not connect").with_source(error)
}
