//! [`TransparentProxy`]: sends requests where they ask to go, within an allow-list. Paste's `TransparentProxy`.
//!
//! 1. Without `force_host`, the authority of the request says where: the target's in absolute form, else `Host`. Only
//!    authorities of the list are reached; any other is 403.
//! 2. Addresses are checked after the look-up, and the checked one is dialled. Those that are not public
//!    are refused, unless they are listed: by their network, or as an authority that is an address.
//! 3. Scheme: `force_scheme`, else the one in absolute form, else that of our own connection. If nothing says which
//!    certificates are right, `https` is not reached: 403.
//! 4. The path, the query and `Host` go on as they came.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, request};
use http_body::Body as HttpBody;
use hyper::ext::Protocol;
use ipnet::IpNet;
use proxyfix::{Resolved, Scheme};
use tower_service::Service;

use super::{
    exchange::exchange,
    layer::whole,
    options::{Options, ProxyOptions},
    proxy::ProxyFuture,
    target::{HostHeader, Target, TargetBuilder},
    transport::AddressPolicy,
    url::{Address, TargetUrl},
};
use crate::common::{
    authority,
    body::{Body, BoxError},
    error::ConfigError,
    failure::{Failure, FailureKind},
};

/// Sends requests where they ask to go, within an allow-list.
///
/// ```
/// use proxyfix_gateway::TransparentProxy;
///
/// let proxy = TransparentProxy::builder().allow("app.example").allow("api.example:8080").build()?;
/// let forced = TransparentProxy::builder().force_host("127.0.0.1:5001").build()?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct TransparentProxy {
    inner: Arc<Inner>,
}

struct Inner {
    options: Arc<Options>,
    force_scheme: Option<Scheme>,
    is_forced: bool,
    /// By scheme and authority, with the port if it is not the default one. One entry per scheme with
    /// an empty authority if the host is forced.
    targets: HashMap<(Scheme, String), Target>,
}

impl TransparentProxy {
    /// A proxy with options.
    pub fn builder() -> TransparentProxyBuilder {
        TransparentProxyBuilder {
            allowed: Vec::new(),
            networks: Vec::new(),
            force_host: None,
            force_scheme: None,
            options: ProxyOptions::new(),
            target: Target::builder(""),
        }
    }
}

impl fmt::Debug for TransparentProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.inner.targets.values()).finish()
    }
}

/// The options of a [`TransparentProxy`]. They are checked by [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use]
pub struct TransparentProxyBuilder {
    allowed: Vec<String>,
    networks: Vec<String>,
    force_host: Option<String>,
    force_scheme: Option<Scheme>,
    options: ProxyOptions,
    target: TargetBuilder,
}

impl TransparentProxyBuilder {
    /// Admits an authority: `app.example` at the default port of the scheme, or `app.example:8080`. An authority that is
    /// an address may be dialled even if it is not public.
    pub fn allow(mut self, authority: impl Into<String>) -> Self {
        self.allowed.push(authority.into());
        self
    }

    /// Admits addresses that are not public, such as `10.0.0.0/8`, for the names of the list.
    pub fn allow_network(mut self, network: impl Into<String>) -> Self {
        self.networks.push(network.into());
        self
    }

    /// Sends every request to this authority. `Host` goes on as it came.
    pub fn force_host(self, authority: impl Into<String>) -> Self {
        Self { force_host: Some(authority.into()), ..self }
    }

    /// Connects with this scheme, whatever the request says.
    pub fn force_scheme(self, scheme: Scheme) -> Self {
        Self { force_scheme: Some(scheme), ..self }
    }

    /// What holds for all targets.
    pub fn options(self, options: ProxyOptions) -> Self {
        Self { options, ..self }
    }

    /// The options of each target, such as limits and TLS. Prefix and host are the proxy's own.
    pub fn target_options(self, set: impl FnOnce(TargetBuilder) -> TargetBuilder) -> Self {
        Self { target: set(self.target), ..self }
    }

    /// Checks the options.
    ///
    /// # Errors
    /// [`ConfigError::NothingAllowed`] without `allow` and `force_host`; [`ConfigError::InvalidHost`] for
    /// `http://app.example`, `127.1`; [`ConfigError::InvalidNetwork`] for `10.0.0.0/33`.
    pub fn build(self) -> Result<TransparentProxy, ConfigError> {
        if self.allowed.is_empty() && self.force_host.is_none() {
            return Err(ConfigError::NothingAllowed);
        }
        let mut networks = Vec::new();
        for network in &self.networks {
            let invalid = || ConfigError::InvalidNetwork { network: network.clone() };
            networks.push(network.parse::<IpNet>().map_err(|_| invalid())?);
        }
        let mut targets = HashMap::new();
        for scheme in self.schemes() {
            if let Some(host) = &self.force_host {
                if let Some(target) = self.target_at(scheme, host, AddressPolicy::Any)? {
                    targets.insert((scheme, String::new()), target);
                }
                continue;
            }
            for host in &self.allowed {
                let policy = AddressPolicy::Public(networks.clone());
                if let Some(target) = self.target_at(scheme, host, policy)? {
                    targets.insert((scheme, target.0.url.authority_str().to_owned()), target);
                }
            }
        }
        let inner = Inner {
            options: Arc::new(self.options.build()?),
            force_scheme: self.force_scheme,
            is_forced: self.force_host.is_some(),
            targets,
        };
        Ok(TransparentProxy { inner: Arc::new(inner) })
    }

    /// The schemes that requests may have.
    fn schemes(&self) -> Vec<Scheme> {
        match self.force_scheme {
            Some(scheme) => vec![scheme],
            None if cfg!(feature = "tls") => vec![Scheme::Http, Scheme::Https],
            None => vec![Scheme::Http],
        }
    }

    /// The target of an authority. `None` if it needs TLS, nobody says how, and nobody forces it.
    fn target_at(
        &self,
        scheme: Scheme,
        host: &str,
        policy: AddressPolicy,
    ) -> Result<Option<Target>, ConfigError> {
        let invalid = |_| ConfigError::invalid_host(host);
        let url = TargetUrl::new(scheme, host, "").map_err(invalid)?;
        let policy = match (&url.address, policy) {
            // An address that is listed by itself.
            (Address::Tcp { host, .. }, AddressPolicy::Public(mut networks)) => {
                networks
                    .extend(host.parse::<IpAddr>().ok().map(|ip| IpNet::from(ip.to_canonical())));
                AddressPolicy::Public(networks)
            }
            (_, policy) => policy,
        };
        let target = self.target.clone().at(url).policy(policy);
        match target.host(HostHeader::Client).remove_prefix(false).build() {
            Err(ConfigError::Tls { .. }) if self.force_scheme.is_none() => Ok(None),
            built => built.map(Some),
        }
    }
}

impl Inner {
    /// Rules 1 and 3.
    fn target(&self, request: &request::Parts) -> Result<&Target, Failure> {
        if request.method == Method::CONNECT && request.extensions.get::<Protocol>().is_none() {
            return Err(Failure::new(FailureKind::NotImplemented, "CONNECT").and_close());
        }
        let asked = authority::asked(request);
        let invalid = |error| Failure::invalid("invalid Host").with_source(error);
        asked.map_or(Ok(()), authority::check).map_err(invalid)?;
        if !matches!(request.uri.scheme_str(), None | Some("http" | "https")) {
            return Err(Failure::invalid("a scheme other than http and https"));
        }
        let scheme = self.scheme(request);
        let authority = if self.is_forced {
            String::new()
        } else {
            // HTTP/1.0 needs none.
            let asked = asked.ok_or_else(|| Failure::invalid("no host"))?;
            let text = std::str::from_utf8(asked).map_err(|_| Failure::invalid("invalid Host"))?;
            let url = TargetUrl::new(scheme, text, "").map_err(Failure::invalid)?;
            url.authority_str().to_owned()
        };
        let denied = || Failure::new(FailureKind::Denied, "the authority is not one of the list");
        self.targets.get(&(scheme, authority)).ok_or_else(denied)
    }

    fn scheme(&self, request: &request::Parts) -> Scheme {
        if let Some(scheme) = self.force_scheme {
            return scheme;
        }
        if let Some(resolved) = request.extensions.get::<Resolved>() {
            return resolved.scheme();
        }
        match request.uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some(_) => Scheme::Http,
            None => self.options.forwarding.listener,
        }
    }
}

impl<B> Service<Request<B>> for TransparentProxy
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ProxyFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let options = Arc::clone(&self.inner.options);
        let (parts, body) = request.into_parts();
        let target = self.inner.target(&parts);
        let mapping = target.and_then(|target| whole(&options, target, parts.uri.path()));
        match mapping {
            Ok(mapping) => {
                let request = Request::from_parts(parts, body);
                Box::pin(async move { Ok(exchange(options, mapping, request).await) })
            }
            Err(failure) => {
                let response = options.failed(failure, parts.version);
                Box::pin(async { Ok(response) })
            }
        }
    }
}
