//! A request, and how it is sent.

/// How the client connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// HTTP/1.1 over IPv4.
    Plain,
    /// The same over TLS.
    Tls,
    /// HTTP/1.1 over IPv6.
    Ipv6,
    /// HTTP/1.1 with TLS over IPv6.
    Ipv6Tls,
    /// HTTP/1.1 over IPv4. The proxy reaches the application over a Unix socket.
    Unix,
    /// HTTP/1.0 without `Host`.
    Http10,
    /// HTTP/2 over TLS.
    Http2,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 7] =
        [Self::Plain, Self::Tls, Self::Ipv6, Self::Ipv6Tls, Self::Unix, Self::Http10, Self::Http2];

    /// The head of its column.
    pub fn title(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "TLS",
            Self::Ipv6 => "IPv6",
            Self::Ipv6Tls => "TLS over IPv6",
            Self::Unix => "Unix socket",
            Self::Http10 => "HTTP/1.0",
            Self::Http2 => "HTTP/2",
        }
    }

    /// Whether the client speaks TLS.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Ipv6Tls | Self::Http2)
    }

    /// Whether the client uses IPv6.
    pub fn is_ipv6(self) -> bool {
        matches!(self, Self::Ipv6 | Self::Ipv6Tls)
    }

    /// The scheme that the client uses, and the other one.
    pub fn schemes(self) -> (&'static str, &'static str) {
        if self.is_tls() { ("https", "http") } else { ("http", "https") }
    }
}

/// What the request line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The usual path.
    Origin,
    /// This path.
    Path(&'static str),
    /// The true URI, except for its scheme.
    OtherScheme,
    /// A URI with another authority than `Host`. The authority in the URI counts (RFC 9112 §3.2.2). In
    /// HTTP/2, the `Host` field differs from `:authority`.
    OtherHost,
    /// A URI with another scheme and another authority.
    OtherUri,
    /// A tunnel to the true authority (CONNECT). After it, on the same connection, comes [`SECOND`] with
    /// all the lines.
    Tunnel,
}

/// The path of the request after CONNECT.
pub const SECOND: &str = "/second";

/// The authority of [`Target::OtherHost`].
pub const OTHER_HOST: &str = "other.example";

/// One request, except for how it is sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is tried.
    pub name: &'static str,
    /// What the request line asks for.
    pub target: Target,
    /// What `Host` says instead of the true authority.
    pub host: Option<String>,
    /// The field lines, except `Host`.
    pub lines: Vec<(&'static str, String)>,
}

impl Request {
    /// The honest request.
    pub fn honest() -> Self {
        Self { name: "honest", target: Target::Origin, host: None, lines: Vec::new() }
    }

    /// Whether it lies about nothing.
    pub fn is_honest(&self) -> bool {
        self.target == Target::Origin && self.host.is_none() && self.lines.is_empty()
    }

    /// Whether it asks for HTTP/2 without TLS (h2c) by `Upgrade`. If it gets that, it sends its other lies
    /// by HTTP/2.
    pub fn upgrades(&self) -> bool {
        self.names("Upgrade")
    }

    /// Whether it has a line with this name, in addition to its `Host`.
    pub fn names(&self, wanted: &str) -> bool {
        self.lines.iter().any(|(name, _)| *name == wanted)
    }

    /// Whether it can be sent in this mode. HTTP/2 has no `Connection` (RFC 9113 §8.2.2), and the library
    /// does not send an odd authority. [`Mode::Http10`] has no `Host` and no `Upgrade`, and takes one
    /// request for each connection.
    pub fn can_come_by(&self, mode: Mode) -> bool {
        let named = self.host.is_some() || self.names("Host");
        match mode {
            Mode::Http2 => !named && !self.names("Connection"),
            Mode::Http10 => !named && !self.upgrades() && self.target != Target::Tunnel,
            _ => true,
        }
    }
}
