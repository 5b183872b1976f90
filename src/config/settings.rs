//! The settings of one way in, each valid by itself.

use http::{HeaderMap, HeaderName};

use super::{
    AllTrusted, HeaderPolicy, OnInvalid, OnMissing, TrustedProxies, UriPolicy, hosts::HostPattern,
    secret::Secrets,
};
use crate::{peer::Peer, scheme::Scheme};

/// How the client is found in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Count(usize),
    Walk,
}

/// Which element of a list holds a scheme, host, port or prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarRule {
    Count(usize),
    Aligned,
}

/// Which elements hold the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrefixRule {
    One(ScalarRule),
    /// This many, outermost first.
    Joined(usize),
}

/// The names of the X-Forwarded family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) r#for: HeaderName,
    pub(crate) proto: HeaderName,
    pub(crate) host: HeaderName,
    pub(crate) port: HeaderName,
    pub(crate) prefix: HeaderName,
}

impl Names {
    pub(crate) fn all(&self) -> [&HeaderName; 5] {
        [&self.r#for, &self.proto, &self.host, &self.port, &self.prefix]
    }
}

impl Names {
    /// The usual names, made by the compiler: making one takes longer than using it.
    pub(crate) const X_FORWARDED: Self = Self {
        r#for: HeaderName::from_static("x-forwarded-for"),
        proto: HeaderName::from_static("x-forwarded-proto"),
        host: HeaderName::from_static("x-forwarded-host"),
        port: HeaderName::from_static("x-forwarded-port"),
        prefix: HeaderName::from_static("x-forwarded-prefix"),
    };
}

impl Default for Names {
    fn default() -> Self {
        Self::X_FORWARDED
    }
}

/// The settings of one way in, each valid by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) proxies: Option<TrustedProxies>,
    pub(crate) secret_header: Option<HeaderName>,
    pub(crate) secrets: Secrets,
    pub(crate) x_for: Option<Reach>,
    pub(crate) x_proto: Option<ScalarRule>,
    pub(crate) x_host: Option<ScalarRule>,
    pub(crate) x_port: Option<ScalarRule>,
    pub(crate) x_prefix: Option<PrefixRule>,
    pub(crate) forwarded: Option<Reach>,
    /// Whether IPv6 without brackets is read in `Forwarded`.
    pub(crate) bare_ipv6: bool,
    pub(crate) edge: Option<TrustedProxies>,
    pub(crate) client_ip: Option<HeaderName>,
    pub(crate) names: Names,
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) listener: Scheme,
    pub(crate) missing: OnMissing,
    pub(crate) invalid: OnInvalid,
    pub(crate) all_trusted: AllTrusted,
    pub(crate) verify_hops: bool,
    pub(crate) headers: HeaderPolicy,
    pub(crate) uri: UriPolicy,
    pub(crate) max_hops: usize,
    pub(crate) strip_also: Vec<HeaderName>,
    pub(crate) proxy_only: Vec<HeaderName>,
    pub(crate) exempt: Vec<HeaderName>,
    pub(crate) ignore_connection: bool,
}

/// The default bound of a walk: four times the longest chain in common use (CDN, load balancer,
/// ingress, sidecar).
pub(crate) const MAX_HOPS: usize = 16;

impl Default for Settings {
    fn default() -> Self {
        Self {
            proxies: None,
            secret_header: None,
            secrets: Secrets::default(),
            x_for: None,
            x_proto: None,
            x_host: None,
            x_port: None,
            x_prefix: None,
            forwarded: None,
            bare_ipv6: false,
            edge: None,
            client_ip: None,
            names: Names::default(),
            hosts: Vec::new(),
            listener: Scheme::Http,
            missing: OnMissing::Unknown,
            invalid: OnInvalid::Reject,
            all_trusted: AllTrusted::Unknown,
            verify_hops: false,
            headers: HeaderPolicy::Canonical,
            uri: UriPolicy::Rewrite,
            max_hops: MAX_HOPS,
            strip_also: Vec::new(),
            proxy_only: Vec::new(),
            exempt: Vec::new(),
            ignore_connection: false,
        }
    }
}

impl Settings {
    /// Whether the peer is one of the proxies. An unknown peer is one only with `proxies=any`.
    #[inline]
    pub(crate) fn is_proxy(&self, peer: Option<&Peer>) -> bool {
        let Some(proxies) = &self.proxies else { return false };
        peer.map_or_else(|| proxies.is_any(), |peer| proxies.contains(*peer))
    }

    /// Whether a request has the secret by which a proxy proves itself, if one is needed.
    #[inline]
    pub(crate) fn is_proved(&self, headers: &HeaderMap) -> bool {
        let Some(name) = &self.secret_header else { return true };
        self.secrets.are_sent(headers, name)
    }
}
