//! The limits of a target, each with its default and the source of the default.

use std::time::Duration;

/// Every limit of one target. Each has a default, so that nothing waits or grows without one. `Duration::MAX` is no limit.
///
/// ```
/// use std::time::Duration;
/// use proxyfix_gateway::{Limits, Target};
///
/// let limits = Limits::default().head(Duration::from_secs(5)).body_bytes(10 << 20);
/// let target = Target::builder("http://127.0.0.1:5001/").limits(limits).build()?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Limits {
    pub(crate) connect: Duration,
    pub(crate) head: Duration,
    pub(crate) gap: Duration,
    pub(crate) send: Duration,
    pub(crate) head_bytes: usize,
    pub(crate) head_fields: usize,
    pub(crate) body_bytes: Option<u64>,
    pub(crate) idle_connections: usize,
    pub(crate) idle_time: Duration,
    pub(crate) connections: usize,
    pub(crate) upgraded_idle: Duration,
    pub(crate) expect: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            head: Duration::from_secs(30),
            gap: Duration::from_secs(60),
            send: Duration::from_secs(10 * 60),
            head_bytes: 64 << 10,
            head_fields: 256,
            body_bytes: None,
            idle_connections: 32,
            idle_time: Duration::from_secs(30),
            connections: 1024,
            upgraded_idle: Duration::from_secs(60 * 60),
            expect: Duration::from_secs(1),
        }
    }
}

impl Limits {
    /// How long a connection may take, from the look-up of the name to the end of the TLS handshake, and
    /// how long a request waits for one of [`connections`](Self::connections). Default: 10 s, the `timeout`
    /// of Werkzeug's `ProxyMiddleware`.
    pub const fn connect(self, connect: Duration) -> Self {
        Self { connect, ..self }
    }

    /// How long upstream may take to begin its answer, from the last byte of the request that it was sent.
    /// Default: 30 s, half of `proxy_read_timeout` of nginx, because most clients give up after that.
    pub const fn head(self, head: Duration) -> Self {
        Self { head, ..self }
    }

    /// The longest pause within a body, in either direction. The whole body may take any time.
    /// Default: 60 s, as `proxy_read_timeout` and `client_body_timeout` of nginx.
    pub const fn gap(self, gap: Duration) -> Self {
        Self { gap, ..self }
    }

    /// How long a response may wait until its client takes another piece of it. A server asks for the next piece when
    /// about 2 MiB of its buffers are free again, so this is far above what a client pauses for. Default: 10 min, with
    /// which a client may take 4 KB each second. nginx's `send_timeout` of 60 s admits 25 KB at least.
    pub const fn send(self, send: Duration) -> Self {
        Self { send, ..self }
    }

    /// The longest head of a request or a response, in bytes. Default: 64 KiB, `request_header_max_size` of
    /// Envoy's default of 60 KiB, rounded up. hyper admits no less than 8 KiB.
    pub const fn head_bytes(self, head_bytes: usize) -> Self {
        Self { head_bytes, ..self }
    }

    /// The most field lines in the head of a request or a response. Default: 256. hyper's own is 100,
    /// which real applications exceed.
    pub const fn head_fields(self, head_fields: usize) -> Self {
        Self { head_fields, ..self }
    }

    /// The longest body of a request, in bytes. Default: no limit, because the application behind knows.
    pub const fn body_bytes(self, body_bytes: u64) -> Self {
        Self { body_bytes: Some(body_bytes), ..self }
    }

    /// The most connections that are kept open without a request. Default: 32, as `keepalive` in the
    /// examples of nginx.
    pub const fn idle_connections(self, idle_connections: usize) -> Self {
        Self { idle_connections, ..self }
    }

    /// How long a connection is kept open without a request. Default: 30 s, below the 75 s of nginx's
    /// `keepalive_timeout`. Servers that close earlier (Node and uvicorn after 5 s) are met by sending again.
    pub const fn idle_time(self, idle_time: Duration) -> Self {
        Self { idle_time, ..self }
    }

    /// The most connections to the target, in use or not. Default: 1024, as `worker_connections` in the
    /// examples of nginx and the circuit breaker of Envoy.
    pub const fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// How long an upgraded connection may carry nothing in both directions. Default: 1 h, as
    /// `timeout tunnel` in the examples of HAProxy.
    pub const fn upgraded_idle(self, upgraded_idle: Duration) -> Self {
        Self { upgraded_idle, ..self }
    }

    /// How long the body of a request with `Expect: 100-continue` waits for upstream's 100. Default: 1 s,
    /// as curl and Go's `ExpectContinueTimeout` wait. Over HTTP/2 it always waits so long, because hyper does not report the
    /// 100 there.
    pub const fn expect(self, expect: Duration) -> Self {
        Self { expect, ..self }
    }
}
