//! An upstream: where its connections go, how they are made, and those that are open.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use proxyfix::Scheme;

#[cfg(feature = "tls")]
use super::tls::{Tls, TlsOptions};
use super::{address::AddressPolicy, dial::Resolve, pool::Pool};
#[cfg(feature = "tls")]
use crate::common::error::ConfigError;
use crate::{
    common::limits::Limits,
    reverse::{
        target::Protocol,
        url::{Address, TargetUrl},
    },
};

/// An upstream and its connections. Each [`Target`](crate::Target) has one.
pub struct Upstream {
    scheme: Scheme,
    address: Address,
    name: String,
    protocol: Protocol,
    limits: Limits,
    policy: AddressPolicy,
    resolver: Option<Arc<dyn Resolve>>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    pool: Arc<Pool>,
}

impl Upstream {
    pub(crate) fn new(
        url: &TargetUrl,
        protocol: Protocol,
        limits: Limits,
        policy: AddressPolicy,
        resolver: Option<Arc<dyn Resolve>>,
    ) -> Self {
        Self {
            scheme: url.scheme,
            address: url.address.clone(),
            name: url.to_string(),
            protocol,
            limits,
            policy,
            resolver,
            #[cfg(feature = "tls")]
            tls: None,
            pool: Pool::new(&limits),
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn with_tls(
        self,
        url: &TargetUrl,
        options: &TlsOptions,
    ) -> Result<Self, ConfigError> {
        let tls = Tls::new(url, self.protocol, options)?;
        Ok(Self { tls: Some(tls), ..self })
    }

    /// The scheme of its connections.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Which version of HTTP it speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The limits of its connections.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The host and the port, for a transport of one's own. `None` for a Unix socket.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        match &self.address {
            Address::Tcp { host, port } => Some((host, *port)),
            Address::Unix(_) => None,
        }
    }

    /// Whether an address may be dialled. A transport of one's own must ask this of each address that it looked up, and
    /// dial that address: otherwise a [`TransparentProxy`](crate::TransparentProxy) reaches private addresses.
    pub fn admits(&self, address: SocketAddr) -> bool {
        self.policy.admits(address)
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn policy(&self) -> &AddressPolicy {
        &self.policy
    }

    #[cfg(feature = "tls")]
    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Uses an HTTP/2 connection for no other request: one took too long, and it may be dead. Without its number, whichever
    /// there is.
    pub(crate) fn doubt(&self, http2: Option<u64>) {
        match http2 {
            Some(number) => self.pool.forget_http2(number),
            None => self.pool.forget_any_http2(),
        }
    }

    /// The addresses of a name.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match &self.resolver {
            Some(resolver) => resolver.resolve(host, port).await,
            None => Ok(tokio::net::lookup_host((host, port)).await?.collect()),
        }
    }
}

/// Prints the scheme and the authority, or the path of the socket.
impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({self})")
    }
}
