//! [`ForwardProxyBuilder`]: the options of a forward proxy.
//!
//! 1. Everything is checked when it is built. No request meets a mistake of the configuration.
//! 2. The download host is a proxy host, so what is no download on it goes to the application without a prefix.

use std::{collections::BTreeSet, convert::Infallible, fmt, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use proxyfix::{Config, HeaderPolicy, TrustedProxies};
use tower_service::Service;

use super::{
    ca::{authority::CertificateAuthority, leaves::Leaves},
    credentials::Credentials,
    front::Front,
    host::Host,
    hosts::{App, Hosts},
    layer::ForwardProxyLayer,
    limits::ForwardLimits,
    resolver::{FixedResolver, Resolver},
    tunnels::Tunnels,
};
use crate::common::{
    body::{Body, BoxError},
    boxed::Cloned,
    error::ConfigError,
    hop_by_hop::Underscores,
    path::DotSegments,
    via::is_token,
};

/// The default of wsgiprox.
const PROXY_HOST: &str = "wsgiprox";

/// The options of a [`ForwardProxyLayer`]. They are checked by [`build`](Self::build).
#[derive(Clone)]
#[must_use]
pub struct ForwardProxyBuilder {
    authority: CertificateAuthority,
    prefix: String,
    resolver: Option<Arc<dyn Resolver>>,
    proxy_host: String,
    apps: Vec<(String, Option<App>)>,
    downloads: bool,
    download_host: Option<String>,
    credentials: Option<Credentials>,
    ports: Option<BTreeSet<u16>>,
    websockets: bool,
    dot_segments: DotSegments,
    underscores: Underscores,
    limits: ForwardLimits,
}

impl ForwardProxyBuilder {
    pub(super) fn new(authority: CertificateAuthority) -> Self {
        Self {
            authority,
            prefix: "/".to_owned(),
            resolver: None,
            proxy_host: PROXY_HOST.to_owned(),
            apps: Vec::new(),
            downloads: true,
            download_host: None,
            credentials: None,
            ports: None,
            websockets: true,
            dot_segments: DotSegments::Reject,
            underscores: Underscores::DropAliases,
            limits: ForwardLimits::default(),
        }
    }

    /// Puts each URL under a prefix of the application: `http://example.com/path` is
    /// `/prefix/http://example.com/path`. Default: `/`.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Says where in the application a URL is, instead of a prefix.
    pub fn resolver(self, resolver: impl Resolver) -> Self {
        Self { resolver: Some(Arc::new(resolver)), ..self }
    }

    /// The host whose requests the application gets without a prefix. Default: `wsgiprox`.
    pub fn proxy_host(self, host: impl Into<String>) -> Self {
        Self { proxy_host: host.into(), ..self }
    }

    /// Another such host, with an application of its own.
    pub fn app<S, R>(mut self, host: impl Into<String>, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<R>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
        R: HttpBody<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        self.apps.push((host.into(), Some(Arc::new(Cloned(service)))));
        self
    }

    /// Another such host, whose requests the main application gets: `None` in `proxy_apps` of wsgiprox.
    pub fn alias(mut self, host: impl Into<String>) -> Self {
        self.apps.push((host.into(), None));
        self
    }

    /// Whether the certificate can be downloaded, under `/download/` of the download host. Default: yes.
    pub fn downloads(self, downloads: bool) -> Self {
        Self { downloads, ..self }
    }

    /// The host of the downloads. They need no credentials. Default: the proxy host.
    pub fn download_host(self, host: impl Into<String>) -> Self {
        Self { download_host: Some(host.into()), ..self }
    }

    /// Who may use the proxy. Default: everybody who reaches its port.
    pub fn credentials(self, credentials: Credentials) -> Self {
        Self { credentials: Some(credentials), ..self }
    }

    /// The ports to which tunnels may be asked for; others get 403. Nothing is dialled, so the default is all.
    pub fn ports(self, ports: impl IntoIterator<Item = u16>) -> Self {
        Self { ports: Some(ports.into_iter().collect()), ..self }
    }

    /// Whether a WebSocket reaches the application. Without, it gets the handshake as a plain request. Default: yes.
    pub fn enable_websockets(self, websockets: bool) -> Self {
        Self { websockets, ..self }
    }

    /// What happens to a URL whose path has a dot segment. Default: 400. Browsers never send one.
    pub fn dot_segments(self, dot_segments: DotSegments) -> Self {
        Self { dot_segments, ..self }
    }

    /// What happens to names with an underscore. Default: those that stand for another field are dropped.
    pub fn underscores(self, underscores: Underscores) -> Self {
        Self { underscores, ..self }
    }

    /// The limits.
    pub fn limits(self, limits: ForwardLimits) -> Self {
        Self { limits, ..self }
    }

    /// Checks the options.
    ///
    /// # Errors
    /// [`ConfigError::InvalidPrefix`] for `/a/../b`; [`ConfigError::InvalidHostName`] for `*.example.com`,
    /// `a:80`;
    /// [`ConfigError::RepeatedHost`] for two applications of one host; [`ConfigError::InvalidLimit`] for a limit of zero.
    pub fn build(self) -> Result<ForwardProxyLayer, ConfigError> {
        self.limits.check()?;
        let resolver = match self.resolver {
            Some(resolver) => resolver,
            None => Arc::new(FixedResolver::new(&self.prefix)?),
        };
        let mut hosts = Hosts::default();
        let proxy_host = hosts.insert(&self.proxy_host, None)?;
        for (host, app) in self.apps {
            hosts.insert(&host, app)?;
        }
        let download_host = match self.download_host.filter(|_| self.downloads) {
            None => self.downloads.then(|| proxy_host.clone()),
            Some(text) => {
                let host =
                    Host::parse(&text).ok_or_else(|| ConfigError::invalid_host_name(&text))?;
                if hosts.get(&host).is_none() {
                    hosts.insert(&text, None)?;
                }
                Some(host)
            }
        };
        // Forwarding headers that are still there may stay (`head.rs`, rule 2).
        let nobody = Config::builder()
            .proxies(TrustedProxies::none())
            .headers(HeaderPolicy::Keep)
            .build()
            .ok();
        let proxy_host: Arc<str> = proxy_host.to_string().into();
        let pseudonym = if is_token(&proxy_host) { &*proxy_host } else { "proxyfix" };
        let front = Front {
            resolver,
            pseudonym: pseudonym.to_owned(),
            proxy_host,
            hosts,
            download_host,
            credentials: self.credentials,
            ports: self.ports,
            websockets: self.websockets,
            dot_segments: self.dot_segments,
            underscores: self.underscores,
            leaves: Leaves::new(self.authority, self.limits.leaves),
            tunnels: Tunnels::new(self.limits.tunnels, self.limits.guests, self.limits.drain),
            limits: self.limits,
            nobody,
        };
        Ok(ForwardProxyLayer { front: Arc::new(front) })
    }
}

impl fmt::Debug for ForwardProxyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardProxyBuilder")
            .field("authority", &self.authority)
            .field("proxy_host", &self.proxy_host)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
