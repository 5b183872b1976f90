//! What all requests of a forward proxy share.

use std::{collections::BTreeSet, sync::Arc};

use http::{HeaderValue, Response, Version, header::PROXY_AUTHENTICATE};
use proxyfix::Config;

use super::{
    ca::leaves::Leaves, credentials::Credentials, host::Host, hosts::Hosts, limits::ForwardLimits,
    resolver::Resolver, tunnels::Tunnels,
};
use crate::common::{
    body::Body,
    failure::{Failure, FailureKind},
    hop_by_hop::Underscores,
    path::DotSegments,
};

/// A forward proxy, as it was built.
pub(super) struct Front {
    pub(super) resolver: Arc<dyn Resolver>,
    /// The first one, which requests that are for none are told of.
    pub(super) proxy_host: Arc<str>,
    pub(super) hosts: Hosts,
    /// `None` without downloads.
    pub(super) download_host: Option<Host>,
    pub(super) credentials: Option<Credentials>,
    /// `None` admits all.
    pub(super) ports: Option<BTreeSet<u16>>,
    pub(super) websockets: bool,
    pub(super) dot_segments: DotSegments,
    pub(super) underscores: Underscores,
    pub(super) limits: ForwardLimits,
    pub(super) leaves: Leaves,
    pub(super) tunnels: Tunnels,
    /// A configuration of the core that trusts nobody. It is always there.
    pub(super) nobody: Option<Config>,
    /// The name in `Proxy-Status`.
    pub(super) pseudonym: String,
}

impl Front {
    /// The response of a failure.
    pub(super) fn failed(&self, failure: Failure, version: Version) -> Response<Body> {
        #[cfg(feature = "tracing")]
        tracing::warn!(
            status = failure.kind().status().as_u16(),
            error = failure.kind().proxy_status(),
            cause = %failure,
            "a request to the proxy was refused"
        );
        let kind = failure.kind();
        let mut response = failure.into_response(&self.pseudonym, version);
        if kind == FailureKind::ProxyAuthentication {
            if let Some(credentials) = &self.credentials {
                response.headers_mut().insert(PROXY_AUTHENTICATE, credentials.challenge());
            }
        }
        response
    }

    /// Whether a tunnel to this port may begin.
    pub(super) fn admits_port(&self, port: u16) -> bool {
        self.ports.as_ref().is_none_or(|ports| ports.contains(&port))
    }

    /// Whether one of these hosts is answered by the proxy itself.
    pub(super) fn answers(&self, host: &Host, other: &Host) -> bool {
        [host, other]
            .iter()
            .any(|host| self.hosts.get(host).is_some() || self.is_download_host(host))
    }

    /// Whether this is the host of the downloads.
    pub(super) fn is_download_host(&self, host: &Host) -> bool {
        self.download_host.as_ref() == Some(host)
    }
}

/// The methods of a download.
pub(super) const GET_AND_HEAD: HeaderValue = HeaderValue::from_static("GET, HEAD");
