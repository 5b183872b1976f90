//! Where requests go, and every option of one target: [`Target`].
//!
//! 1. A target is checked when it is built. No request meets an error of its configuration.
//! 2. It owns its connections. Clones share them.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proxyfix::Scheme;

use super::{
    checks::{check_limits, checked_host, checked_methods, header_map, header_name},
    transport::{AddressPolicy, Resolve, Upstream},
    url::TargetUrl,
};
use crate::common::{error::ConfigError, limits::Limits};

/// What `Host`, or `:authority` in HTTP/2, tells upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostHeader {
    /// The target's own host, with its port unless it is the default one. The client's is in
    /// `X-Forwarded-Host`.
    #[default]
    Target,
    /// The host that the client asked for. Without one (HTTP/1.0), the target's.
    Client,
    /// This one.
    Fixed(String),
}

/// Which version of HTTP upstream speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// What ALPN chooses over TLS; HTTP/1.1 without TLS.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, without TLS by prior knowledge. Upgrades go over HTTP/1.1 all the same.
    Http2,
}

/// Where requests go. It owns the connections to its upstream; clones share them.
///
/// ```
/// use proxyfix_gateway::{HostHeader, Target};
///
/// let plain = Target::parse("http://127.0.0.1:5001/base/")?;
/// let with_options = Target::builder("http://127.0.0.1:5001/base/")
///     .remove_prefix(true)
///     .host(HostHeader::Client)
///     .header("X-Special", "configured")
///     .build()?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Target(pub(crate) Arc<Inner>);

/// The checked options of a target.
pub(crate) struct Inner {
    pub(crate) url: TargetUrl,
    pub(crate) remove_prefix: bool,
    pub(crate) host: Host,
    pub(crate) set: HeaderMap,
    pub(crate) append: HeaderMap,
    /// Removed from the request, beside those that are set.
    pub(crate) remove: Vec<HeaderName>,
    /// All names of the above.
    pub(crate) configured: Vec<HeaderName>,
    pub(crate) methods: Option<Methods>,
    pub(crate) chunk_size: Option<usize>,
    pub(crate) limits: Limits,
    pub(crate) rewrites_location: bool,
    pub(crate) rewrites_cookies: bool,
    pub(crate) upstream: Upstream,
}

impl Inner {
    /// Whether anything of a response is turned back.
    pub(crate) fn turns_back(&self) -> bool {
        self.rewrites_location || self.rewrites_cookies
    }
}

/// A checked [`HostHeader`].
pub(crate) enum Host {
    Target,
    Client,
    Fixed(HeaderValue),
}

/// The methods of a target.
pub(crate) struct Methods {
    pub(crate) list: Vec<Method>,
    pub(crate) allow: HeaderValue,
}

impl Target {
    /// A target with the default options.
    ///
    /// # Errors
    /// [`ConfigError::InvalidTarget`] for `127.0.0.1:5001`, `ftp://a.example/`, `http://user@a.example/`,
    /// `http://a.example/../x`; [`ConfigError::Tls`] for `https://a.example/` without the feature
    /// `native-roots`.
    pub fn parse(url: &str) -> Result<Self, ConfigError> {
        Self::builder(url).build()
    }

    /// A target with options.
    pub fn builder(url: impl Into<String>) -> TargetBuilder {
        TargetBuilder {
            url: url.into(),
            parsed: None,
            remove_prefix: false,
            host: HostHeader::Target,
            set: Vec::new(),
            append: Vec::new(),
            remove: Vec::new(),
            methods: None,
            chunk_size: None,
            limits: Limits::default(),
            rewrites_location: false,
            rewrites_cookies: false,
            protocol: Protocol::Auto,
            policy: AddressPolicy::Any,
            resolver: None,
            #[cfg(feature = "tls")]
            tls: super::transport::TlsOptions::default(),
        }
    }

    /// The limits of this target.
    pub fn limits(&self) -> Limits {
        self.0.limits
    }
}

/// Prints the scheme, the authority and the path, without the query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.url.at(&self.0.url.base))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// The options of a [`Target`]. They are checked by [`build`](Self::build).
#[derive(Clone)]
#[must_use]
pub struct TargetBuilder {
    url: String,
    /// Takes the place of `url`.
    parsed: Option<TargetUrl>,
    remove_prefix: bool,
    host: HostHeader,
    set: Vec<(String, String)>,
    append: Vec<(String, String)>,
    remove: Vec<String>,
    methods: Option<Vec<String>>,
    chunk_size: Option<usize>,
    limits: Limits,
    rewrites_location: bool,
    rewrites_cookies: bool,
    protocol: Protocol,
    policy: AddressPolicy,
    resolver: Option<Arc<dyn Resolve>>,
    #[cfg(feature = "tls")]
    tls: super::transport::TlsOptions,
}

impl TargetBuilder {
    /// Whether the prefix that matched is left out of the path that goes upstream. If it is, the
    /// application learns it from `X-Forwarded-Prefix`. Default: no, the whole path is joined to the target's.
    pub fn remove_prefix(self, remove_prefix: bool) -> Self {
        Self { remove_prefix, ..self }
    }

    /// What `Host` tells upstream. Default: the target's own host.
    pub fn host(self, host: HostHeader) -> Self {
        Self { host, ..self }
    }

    /// Sets a header of the request. It replaces the client's.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set.push((name.into(), value.into()));
        self
    }

    /// Adds a field line to the request, after the client's of that name.
    pub fn append_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.append.push((name.into(), value.into()));
        self
    }

    /// Removes a header from the request: Paste's `suppress_http_headers`.
    pub fn remove_header(mut self, name: impl Into<String>) -> Self {
        self.remove.push(name.into());
        self
    }

    /// The methods that go upstream, in their case. All others get 405. Default: every method.
    pub fn methods<I>(self, methods: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        Self { methods: Some(methods.into_iter().map(Into::into).collect()), ..self }
    }

    /// The most bytes of a response that are handed on in one piece. Default: as they come.
    pub fn chunk_size(self, chunk_size: usize) -> Self {
        Self { chunk_size: Some(chunk_size), ..self }
    }

    /// Sets the limits `connect`, `head` and `gap` at once, as the `timeout` of Werkzeug's `ProxyMiddleware`
    /// does.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { limits: self.limits.connect(timeout).head(timeout).gap(timeout), ..self }
    }

    /// Sets every limit.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Whether `Location`, `Content-Location` and `Refresh` that name the target are turned back into what the client knows. Default: no.
    pub fn rewrite_location(self, rewrite: bool) -> Self {
        Self { rewrites_location: rewrite, ..self }
    }

    /// Whether `Path` and `Domain` of `Set-Cookie` are turned back into what the client knows. Default: no.
    pub fn rewrite_cookies(self, rewrite: bool) -> Self {
        Self { rewrites_cookies: rewrite, ..self }
    }

    /// Which version of HTTP upstream speaks.
    pub fn protocol(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// Who looks up the name of the target. Default: the system.
    pub fn resolver(self, resolver: impl Resolve) -> Self {
        Self { resolver: Some(Arc::new(resolver)), ..self }
    }

    /// Which certificates are right, and our own: an `https` target needs this, unless the feature
    /// `native-roots` is on. The protocols of ALPN are set here, not there.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls.config = Some(config);
        self
    }

    /// The name in the TLS handshake (SNI) that the certificate must have. Default: the target's host.
    #[cfg(feature = "tls")]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.tls.server_name = Some(name.into());
        self
    }

    /// Accepts every certificate. **Anyone on the way can read and change everything**: for development alone.
    #[cfg(feature = "tls")]
    pub fn danger_accept_invalid_certificates(mut self, accept: bool) -> Self {
        self.tls.accepts_all = accept;
        self
    }

    /// A target whose addresses are checked after the look-up.
    pub(crate) fn policy(self, policy: AddressPolicy) -> Self {
        Self { policy, ..self }
    }

    /// A target at another place with the same options.
    pub(crate) fn at(self, url: TargetUrl) -> Self {
        Self { parsed: Some(url), ..self }
    }

    /// Checks the options and makes the target. It connects when the first request comes.
    ///
    /// # Errors
    /// A [`ConfigError`] that says which option is wrong, and what to write instead.
    pub fn build(self) -> Result<Target, ConfigError> {
        let url = match self.parsed {
            Some(url) => url,
            None => TargetUrl::parse(&self.url)?,
        };
        check_limits(&self.limits, self.chunk_size)?;
        let (set, append) = (header_map(&self.set)?, header_map(&self.append)?);
        let mut remove = Vec::new();
        for name in &self.remove {
            remove.push(header_name(name)?);
        }
        let mut configured: Vec<HeaderName> = set.keys().chain(append.keys()).cloned().collect();
        configured.extend(remove.iter().cloned());
        let upstream = Upstream::new(&url, self.protocol, self.limits, self.policy, self.resolver);
        #[cfg(feature = "tls")]
        let upstream = if url.scheme == Scheme::Https {
            upstream.with_tls(&url, &self.tls)?
        } else {
            upstream
        };
        #[cfg(not(feature = "tls"))]
        if url.scheme == Scheme::Https {
            return Err(ConfigError::Tls {
                url: url.to_string(),
                reason: "add the feature tls or native-roots of proxyfix-gateway".into(),
            });
        }
        Ok(Target(Arc::new(Inner {
            host: checked_host(self.host)?,
            remove_prefix: self.remove_prefix,
            set,
            append,
            remove,
            configured,
            methods: self.methods.as_deref().map(checked_methods).transpose()?,
            chunk_size: self.chunk_size,
            limits: self.limits,
            rewrites_location: self.rewrites_location,
            rewrites_cookies: self.rewrites_cookies,
            upstream,
            url,
        })))
    }
}

impl fmt::Debug for TargetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values may be secrets, and so may a URL before it is checked.
        f.debug_struct("TargetBuilder").field("limits", &self.limits).finish_non_exhaustive()
    }
}
