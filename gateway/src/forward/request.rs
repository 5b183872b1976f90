//! [`ProxyRequest`]: what the application is told of a request that came through the proxy. `wsgiprox.proxy_host` and the
//! other keys of wsgiprox's environment.
//!
//! 1. It is an extension. No field of a request can set it, so who finds one knows that the request came through the proxy.
//! 2. It never has the password that the client sent.

use std::{fmt, sync::Arc};

use http::Uri;
use proxyfix::{Peer, Scheme};

use super::host::{Host, Origin};

/// In the extensions of each request that came through the forward proxy, and the input of a
/// [`Resolver`](crate::Resolver). A direct request has none.
///
/// ```
/// use http::Request;
/// use proxyfix_gateway::{Body, ProxyRequest};
///
/// fn is_proxied(request: &Request<Body>) -> bool {
///     request.extensions().get::<ProxyRequest>().is_some()
/// }
/// ```
#[derive(Clone)]
pub struct ProxyRequest {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) origin: Origin,
    /// Path and query.
    pub(super) path: String,
    pub(super) proxy_host: Arc<str>,
    pub(super) is_matched: bool,
    pub(super) tunnel: Option<(Host, u16)>,
    pub(super) original_uri: Uri,
    pub(super) client: Option<Peer>,
    pub(super) user: Option<Arc<str>>,
}

impl ProxyRequest {
    /// The URL that the client asks for, such as `https://example.com/path?query`. The path and the query are as they
    /// came, **written by a stranger**; the host is in lower case, and the default port is left out.
    pub fn url(&self) -> String {
        format!("{}{}", self.inner.origin, self.inner.path)
    }

    /// `https` in a tunnel with TLS, otherwise `http`. A WebSocket has the scheme of its handshake.
    pub fn scheme(&self) -> Scheme {
        self.inner.origin.scheme
    }

    /// The host of the URL, in lower case, without brackets around an IPv6 address.
    pub fn host(&self) -> String {
        self.inner.origin.host.bare()
    }

    /// The port of the URL, also if it is the default one.
    pub fn port(&self) -> u16 {
        self.inner.origin.port
    }

    /// The path and the query, as they came.
    pub fn path_and_query(&self) -> &str {
        &self.inner.path
    }

    /// The proxy host that the request is for, or the first one if it is for none: `wsgiprox.proxy_host`.
    pub fn proxy_host(&self) -> &str {
        &self.inner.proxy_host
    }

    /// The proxy host that the request is for. `None` if it is for another website:
    /// `wsgiprox.matched_proxy_host`.
    pub fn matched_proxy_host(&self) -> Option<&str> {
        self.inner.is_matched.then_some(&*self.inner.proxy_host)
    }

    /// Host and port of the CONNECT, if the request came in a tunnel: `wsgiprox.connect_host` and
    /// `wsgiprox.connect_port`. The host differs from [`host`](Self::host) if it is an address, and the client named
    /// another host in the TLS handshake.
    pub fn tunnel(&self) -> Option<(String, u16)> {
        self.inner.tunnel.as_ref().map(|(host, port)| (host.bare(), *port))
    }

    /// The target of the request as it came.
    pub fn original_uri(&self) -> &Uri {
        &self.inner.original_uri
    }

    /// The client, if it is known: by the core, if [`ProxyFixLayer`](proxyfix::ProxyFixLayer) is around this one, otherwise
    /// the peer of the connection.
    pub fn client(&self) -> Option<Peer> {
        self.inner.client
    }

    /// The user name of the client's credentials, if they were asked for. **A stranger may have chosen it.**
    pub fn user(&self) -> Option<&str> {
        self.inner.user.as_deref()
    }
}

impl fmt::Debug for ProxyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyRequest")
            .field("url", &self.url())
            .field("matched_proxy_host", &self.matched_proxy_host())
            .field("tunnel", &self.tunnel())
            .field("client", &self.inner.client)
            .finish_non_exhaustive()
    }
}
