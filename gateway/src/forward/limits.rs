//! The limits of a forward proxy, each with its default and the source of the default.

use std::time::Duration;

use crate::common::error::ConfigError;

/// Every limit of a forward proxy. Each has a default, so that nothing waits or grows without one.
///
/// ```
/// use std::time::Duration;
/// use proxyfix_gateway::ForwardLimits;
///
/// let limits = ForwardLimits::default().tunnels(64).idle(Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct ForwardLimits {
    pub(crate) connections: usize,
    pub(crate) tunnels: usize,
    pub(crate) guests: usize,
    pub(crate) handshake: Duration,
    pub(crate) head: Duration,
    pub(crate) idle: Duration,
    pub(crate) gap: Duration,
    pub(crate) upgraded_idle: Duration,
    pub(crate) head_bytes: usize,
    pub(crate) head_fields: usize,
    pub(crate) streams: u32,
    pub(crate) leaves: usize,
    pub(crate) drain: Duration,
}

impl Default for ForwardLimits {
    fn default() -> Self {
        Self {
            connections: 2048,
            tunnels: 1024,
            guests: 16,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            gap: Duration::from_secs(60),
            upgraded_idle: Duration::from_secs(60 * 60),
            head_bytes: 64 << 10,
            head_fields: 256,
            streams: 100,
            leaves: 1000,
            drain: Duration::from_secs(10),
        }
    }
}

impl ForwardLimits {
    /// The most connections of [`serve`](crate::serve) that are neither tunnels nor `WebSocket`s. Others wait in the kernel. Default: 2048, twice
    /// the tunnels, so that there is room for those that begin.
    pub const fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// The most tunnels at once. Others get 503. Default: 1024, as `worker_connections` in the examples of nginx. A
    /// tunnel with TLS takes 40 KiB while it waits, over HTTP/2 50 KiB, so all of them take 50 MiB. Under
    /// [`serve`](crate::serve), a `WebSocket` over HTTP/1.1 outside of tunnels counts as one.
    pub const fn tunnels(self, tunnels: usize) -> Self {
        Self { tunnels, ..self }
    }

    /// The most tunnels at once that have no credentials, where the proxy asks for some: they have nothing but the downloads.
    /// They count as tunnels too. Default: 16, twice the 6 connections that a browser opens to one host, and some.
    pub const fn guests(self, guests: usize) -> Self {
        Self { guests, ..self }
    }

    /// How long a tunnel may take from the answer to CONNECT to the end of the TLS handshake, or to the first byte without
    /// TLS. Default: 10 s, the `TLSHandshakeTimeout` of Go's `DefaultTransport`.
    pub const fn handshake(self, handshake: Duration) -> Self {
        Self { handshake, ..self }
    }

    /// How long the head of a request may take within a tunnel. Default: 30 s, hyper's own.
    pub const fn head(self, head: Duration) -> Self {
        Self { head, ..self }
    }

    /// How long a tunnel may be without a request. Default: 60 s, near the 75 s of nginx's `keepalive_timeout`. Over HTTP/1.1,
    /// hyper waits for the next head no longer than [`head`](Self::head).
    pub const fn idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// The longest pause within a body of a request, and the longest time in which a client takes nothing of an
    /// answer. Default: 60 s, as `client_body_timeout` and `send_timeout` of nginx.
    pub const fn gap(self, gap: Duration) -> Self {
        Self { gap, ..self }
    }

    /// How long an upgraded connection (a `WebSocket`) may carry nothing in both directions. Default: 1 h, as
    /// `timeout tunnel` in the examples of HAProxy.
    pub const fn upgraded_idle(self, upgraded_idle: Duration) -> Self {
        Self { upgraded_idle, ..self }
    }

    /// The longest head of a request within a tunnel, in bytes. Default: 64 KiB, as the reverse proxy's. hyper admits no
    /// less than 8 KiB. Over HTTP/2 it is a quarter of it, because many heads are there at once.
    pub const fn head_bytes(self, head_bytes: usize) -> Self {
        Self { head_bytes, ..self }
    }

    /// The most field lines in the head of a request within a tunnel. Default: 256, as the reverse proxy's.
    pub const fn head_fields(self, head_fields: usize) -> Self {
        Self { head_fields, ..self }
    }

    /// The most requests at once within one tunnel, over HTTP/2. Default: 100, the least that RFC 9113 §6.5.2
    /// recommends. So many heads with 256 fields take 6 MiB until they are answered.
    pub const fn streams(self, streams: u32) -> Self {
        Self { streams, ..self }
    }

    /// The most leaf certificates that are kept. Default: 1000, ten times wsgiprox's, because the page of a website
    /// may name a hundred hosts.
    pub const fn leaves(self, leaves: usize) -> Self {
        Self { leaves, ..self }
    }

    /// How long tunnels may take to finish at a shutdown. Default: 10 s, after which Docker kills.
    pub const fn drain(self, drain: Duration) -> Self {
        Self { drain, ..self }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let invalid = |limit, expected| Err(ConfigError::InvalidLimit { limit, expected });
        for (limit, time) in [
            ("handshake", self.handshake),
            ("head", self.head),
            ("idle", self.idle),
            ("gap", self.gap),
            ("upgraded_idle", self.upgraded_idle),
        ] {
            if time.is_zero() {
                return invalid(limit, "more than zero");
            }
        }
        for (limit, count) in
            [("connections", self.connections), ("tunnels", self.tunnels), ("guests", self.guests)]
        {
            if !(1..=1 << 20).contains(&count) {
                return invalid(limit, "from 1 to 1048576");
            }
        }
        if !(8192..=1 << 30).contains(&self.head_bytes) {
            return invalid("head_bytes", "from 8192 to 1073741824");
        }
        if !(1..=1 << 15).contains(&self.head_fields) {
            return invalid("head_fields", "from 1 to 32768");
        }
        if self.streams == 0 {
            return invalid("streams", "more than zero");
        }
        if self.leaves == 0 {
            return invalid("leaves", "more than zero");
        }
        Ok(())
    }
}
