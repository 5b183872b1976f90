//! Whether a request goes through the proxy, and where it wants to go (RFC 9112 §3.2, RFC 9110 §9.3.6).
//!
//! 1. Only HTTP/1 in absolute form and CONNECT are requests to a proxy. `Host` alone never makes one: a page could
//!    otherwise reach a proxy host by a name of its own (DNS rebinding).
//! 2. A request over HTTP/2 always has a scheme and an authority, so it is direct. Extended CONNECT (RFC 8441) is none.
//! 3. If the core rewrote the target before, what the client wrote counts.
//! 4. In absolute form the scheme is `http`. Others are 400: `https` and `wss` belong into a tunnel.
//! 5. CONNECT has a host and a port, and nothing else. It has no body.

use http::{
    Extensions, Method, Uri, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    request,
};
use hyper::ext::Protocol;
use proxyfix::{Resolved, Scheme};

use super::host::{Host, Origin, host_and_port};
use crate::common::failure::Failure;

/// What a request asks of a proxy.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// Nothing: it is for the application itself.
    Direct,
    /// A resource of another host.
    Resource(Origin),
    /// A tunnel.
    Tunnel(Host, u16),
}

/// What a request asks of a proxy.
pub(super) fn asked(request: &request::Parts) -> Result<Asked, Failure> {
    if is_connect(&request.method, &request.extensions) {
        return tunnel(request);
    }
    let target = target(request);
    let is_absolute = request.version <= Version::HTTP_11 && target.scheme().is_some();
    if !is_absolute {
        return Ok(Asked::Direct);
    }
    if target.scheme_str() != Some(Scheme::Http.as_str()) {
        return Err(Failure::invalid("a scheme other than http").and_close());
    }
    let authority = target.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let (host, port) = host_and_port(authority)
        .ok_or_else(|| Failure::invalid("the target has no valid host").and_close())?;
    let port = port.unwrap_or_else(|| Scheme::Http.default_port());
    Ok(Asked::Resource(Origin { scheme: Scheme::Http, host, port }))
}

/// Whether a request is a CONNECT for a tunnel (rule 2).
pub(super) fn is_connect(method: &Method, extensions: &Extensions) -> bool {
    *method == Method::CONNECT && extensions.get::<Protocol>().is_none()
}

/// The target as the client wrote it (rule 3).
pub(super) fn target(request: &request::Parts) -> &Uri {
    match request.extensions.get::<Resolved>() {
        Some(resolved) => resolved.original().uri(),
        None => &request.uri,
    }
}

/// Rule 5.
fn tunnel(request: &request::Parts) -> Result<Asked, Failure> {
    let invalid = |detail| Failure::invalid(detail).and_close();
    let headers = &request.headers;
    let has_length = headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    if has_length || headers.contains_key(TRANSFER_ENCODING) {
        return Err(invalid("CONNECT with a body"));
    }
    let uri = &request.uri;
    if uri.scheme().is_some() || uri.path_and_query().is_some() {
        return Err(invalid("CONNECT with more than a host and a port"));
    }
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    match host_and_port(authority) {
        Some((host, Some(port))) => Ok(Asked::Tunnel(host, port)),
        _ => Err(invalid("CONNECT without a valid host and port")),
    }
}
