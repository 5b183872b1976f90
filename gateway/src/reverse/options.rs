//! What holds for all targets of a proxy: [`ProxyOptions`].
//!
//! 1. The pseudonym is random if none is set, so that two proxies in one chain never take each other for a
//!    loop.
//! 2. Only WebSocket may be upgraded to by default. `h2c` never: its requests would pass every rule by.

use std::{fmt, sync::Arc};

use http::{HeaderMap, Response, StatusCode, request, response};
use proxyfix::{Family, Scheme};

use super::{hooks::Hooks, transport::Transport};
use crate::common::{
    body::{Body, BoxError},
    error::ConfigError,
    failure::Failure,
    forwarding::Forwarding,
    hop_by_hop::Underscores,
    path::DotSegments,
    via::{Via, is_token},
};

/// What holds for all targets of a proxy.
///
/// ```
/// use proxyfix::Family;
/// use proxyfix_gateway::{ProxyOptions, ReverseProxy, Target};
///
/// let options = ProxyOptions::new().family(Family::Forwarded).pseudonym("front");
/// let proxy = ReverseProxy::with_options(Target::parse("http://127.0.0.1:5001/")?, options)?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct ProxyOptions {
    family: Family,
    listener: Scheme,
    pseudonym: Option<String>,
    dot_segments: DotSegments,
    underscores: Underscores,
    upgrades: Vec<String>,
    trace: bool,
    hooks: Hooks,
    transport: Option<Arc<dyn Transport>>,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl ProxyOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            family: Family::XForwarded,
            listener: Scheme::Http,
            pseudonym: None,
            dot_segments: DotSegments::Reject,
            underscores: Underscores::DropAliases,
            upgrades: vec!["websocket".to_owned()],
            trace: false,
            hooks: Hooks::default(),
            transport: None,
        }
    }

    /// Which forwarding headers are written. All others are removed. Default: `X-Forwarded-*`.
    pub fn family(self, family: Family) -> Self {
        Self { family, ..self }
    }

    /// The scheme of our own connections, if neither the core nor the peer says it. Default: `http`.
    pub fn listener(self, listener: Scheme) -> Self {
        Self { listener, ..self }
    }

    /// The name of this proxy in `Via` and `Proxy-Status`. A request that names it in `Via` gets 508. Default:
    /// `proxyfix-` and eight random digits.
    pub fn pseudonym(self, pseudonym: impl Into<String>) -> Self {
        Self { pseudonym: Some(pseudonym.into()), ..self }
    }

    /// What happens to a path with a dot segment. Default: the request gets 400.
    pub fn dot_segments(self, dot_segments: DotSegments) -> Self {
        Self { dot_segments, ..self }
    }

    /// What happens to names with an underscore. Default: those that stand for another field are dropped.
    pub fn underscores(self, underscores: Underscores) -> Self {
        Self { underscores, ..self }
    }

    /// The protocols that may be upgraded to. Default: `websocket` alone. No upgrade at all: `upgrades([""; 0])`.
    pub fn upgrades<I>(self, protocols: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        Self { upgrades: protocols.into_iter().map(Into::into).collect(), ..self }
    }

    /// Whether TRACE goes on. It shows a page what the browser does not. Default: 405.
    pub fn trace(self, trace: bool) -> Self {
        Self { trace, ..self }
    }

    /// Sees the head that goes upstream, when everything else is done to it. An error refuses the request
    /// with 403.
    pub fn on_request<F>(mut self, hook: F) -> Self
    where
        F: Fn(&mut request::Parts) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        self.hooks.request = Some(Arc::new(hook));
        self
    }

    /// Sees the head that came from upstream, also a 101, when everything else is done to it. An error turns the
    /// response into 502.
    pub fn on_response<F>(mut self, hook: F) -> Self
    where
        F: Fn(&mut response::Parts) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        self.hooks.response = Some(Arc::new(hook));
        self
    }

    /// Sees each failure, and may answer in its own way. With `None`, the answer is the default one.
    pub fn on_error<F>(mut self, hook: F) -> Self
    where
        F: Fn(&Failure) -> Option<Response<Body>> + Send + Sync + 'static,
    {
        self.hooks.error = Some(Arc::new(hook));
        self
    }

    /// Sees each informational response of an HTTP/1.1 upstream, such as 103, without its hop-by-hop fields. hyper's server
    /// cannot send them on (hyperium/hyper#4114), and its client does not report those of an HTTP/2 upstream.
    pub fn on_informational<F>(mut self, hook: F) -> Self
    where
        F: Fn(StatusCode, &HeaderMap) + Send + Sync + 'static,
    {
        self.hooks.informational = Some(Arc::new(hook));
        self
    }

    /// Who sends the requests. Default: [`HttpTransport`](crate::HttpTransport).
    pub fn transport(self, transport: impl Transport) -> Self {
        Self { transport: Some(Arc::new(transport)), ..self }
    }

    /// Checks the options.
    pub(crate) fn build(self) -> Result<Options, ConfigError> {
        let pseudonym = self.pseudonym.unwrap_or_else(random_pseudonym);
        let invalid = || ConfigError::InvalidPseudonym { pseudonym: pseudonym.clone() };
        let via = Via::new(pseudonym.clone()).ok_or_else(invalid)?;
        for protocol in &self.upgrades {
            let name = protocol.split('/').next().unwrap_or_default();
            let reason = if is_http(name) {
                "its requests would pass by every rule of the proxy"
            } else if is_token(&protocol.replacen('/', "-", 1)) {
                continue;
            } else {
                "it is no token; write it like websocket"
            };
            return Err(ConfigError::InvalidUpgrade { protocol: protocol.clone(), reason });
        }
        Ok(Options {
            forwarding: Forwarding { family: self.family, listener: self.listener },
            via,
            dot_segments: self.dot_segments,
            underscores: self.underscores,
            upgrades: self.upgrades,
            trace: self.trace,
            hooks: self.hooks,
            transport: self.transport,
        })
    }
}

impl fmt::Debug for ProxyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyOptions")
            .field("family", &self.family)
            .field("listener", &self.listener)
            .field("pseudonym", &self.pseudonym)
            .field("dot_segments", &self.dot_segments)
            .field("underscores", &self.underscores)
            .field("upgrades", &self.upgrades)
            .field("trace", &self.trace)
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}

/// Whether a protocol carries requests of HTTP, or hides them (rule 2).
fn is_http(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "http" || name == "tls" || name.starts_with("h2") || name.starts_with("h3")
}

/// Checked options.
pub(crate) struct Options {
    pub(crate) forwarding: Forwarding,
    pub(crate) via: Via,
    pub(crate) dot_segments: DotSegments,
    pub(crate) underscores: Underscores,
    pub(crate) upgrades: Vec<String>,
    pub(crate) trace: bool,
    pub(crate) hooks: Hooks,
    /// `None` is hyper.
    pub(crate) transport: Option<Arc<dyn Transport>>,
}

/// Rule 1.
fn random_pseudonym() -> String {
    let number = getrandom::u32().unwrap_or_else(|_| std::process::id());
    format!("proxyfix-{number:08x}")
}
