//! Extractors for axum's handlers: the values of a request that may be believed, by name.
//!
//! 1. All of them read the [`Resolved`] that [`ProxyFixLayer`](crate::ProxyFixLayer) leaves, and
//!    no header. If the layer does not wrap the route, they reject with status 500, even if the
//!    extractor is optional, because our own wiring is at fault. Only `Option<Resolved>` is then `None`.
//! 2. [`ClientIp`] rejects with 403 if the client has no address that may be believed (unknown,
//!    or an obfuscated identifier, RFC 7239 §6): a rule that needs an address can allow nobody
//!    without one. `Option<ClientIp>` is `None` then.
//! 3. [`Host`] and [`ExternalUrl`] reject with 400 if the request had no host. [`ExternalUrl`] also does
//!    if the path begins with two slashes, because as a link by itself it would name another host.
//! 4. [`Scheme`] and [`Prefix`] always have a value.
//! 5. The body of a rejection says what is wrong, and contains none of the client's text.
//!
//! ```
//! use axum::{Router, routing::get};
//! use proxyfix::{
//!     ProxyFixLayer,
//!     extract::{ClientIp, ExternalUrl, Host, Prefix, Resolved, Scheme},
//! };
//!
//! async fn show(ClientIp(ip): ClientIp, ExternalUrl(url): ExternalUrl) -> String {
//!     format!("{ip} came by {url}")
//! }
//!
//! async fn login(scheme: Scheme, Host(host): Host, Prefix(prefix): Prefix) -> String {
//!     format!("{scheme} to {host}, mounted at {prefix:?}")
//! }
//!
//! async fn log(client: Option<ClientIp>, resolved: Resolved) -> String {
//!     format!("{client:?}, which {} says", resolved.source().client())
//! }
//!
//! # fn main() -> Result<(), proxyfix::ConfigError> {
//! let app: Router = Router::new()
//!     .route("/", get(show))
//!     .route("/login", get(login))
//!     .route("/log", get(log))
//!     .layer(ProxyFixLayer::new("proxies=loopback for=1 proto=1 host=1".parse()?));
//! # Ok(())
//! # }
//! ```

use std::{convert::Infallible, net::IpAddr};

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts, OriginalUri},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode, Uri, header::CACHE_CONTROL, request::Parts, uri::PathAndQuery,
};

pub use crate::{resolved::Resolved, scheme::Scheme};

/// The client's address. `Option<ClientIp>` is `None` if it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a handler takes it apart")]
pub struct ClientIp(pub IpAddr);

/// The host the client asked for, in lower case, without port. `Option<Host>` is `None` if the
/// request had none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a handler takes it apart")]
pub struct Host(pub String);

/// The path prefix of the application, by a proxy and by [mounts](crate::MountPath): empty, or with a
/// leading and without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a handler takes it apart")]
pub struct Prefix(pub String);

/// The URL of the request as the client has it, with the prefix, in nested routers too. For the URL
/// of another path use [`Resolved::external_url`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a handler takes it apart")]
pub struct ExternalUrl(pub Uri);

/// Why an extractor rejects a request. As a response, its body says why.
///
/// ```
/// use axum::response::IntoResponse;
/// use proxyfix::extract::Rejection;
///
/// let response = Rejection::UnknownClient.into_response();
/// assert_eq!(response.status(), 403);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// No [`ProxyFixLayer`](crate::ProxyFixLayer) wraps the route. Status 500.
    #[error(
        "ProxyFixLayer does not wrap this route; add it with Router::layer, as the last \
         call"
    )]
    MissingLayer,
    /// The client's address is not known. Status 403.
    #[error(
        "the client's address is not known, and this resource needs it; no trusted proxy named one"
    )]
    UnknownClient,
    /// The request has no host. Status 400.
    #[error("the request has no host, and this resource needs one")]
    MissingHost,
    /// The request's path cannot be part of a URL. Status 400.
    #[error("the request's path must start with a single slash")]
    InvalidPath,
}

impl Rejection {
    /// The status of the response.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MissingLayer => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UnknownClient => StatusCode::FORBIDDEN,
            Self::MissingHost | Self::InvalidPath => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let no_store = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        (self.status(), no_store, format!("{self}\n")).into_response()
    }
}

/// What the layer left in the extensions.
fn resolved(parts: &Parts) -> Result<&Resolved, Rejection> {
    parts.extensions.get().ok_or(Rejection::MissingLayer)
}

impl<S: Sync> FromRequestParts<S> for Resolved {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        resolved(parts).cloned()
    }
}

/// `None` if the layer does not wrap the route.
impl<S: Sync> OptionalFromRequestParts<S> for Resolved {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}

/// The scheme the client used.
impl<S: Sync> FromRequestParts<S> for Scheme {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        resolved(parts).map(Resolved::scheme)
    }
}

impl<S: Sync> FromRequestParts<S> for Prefix {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        resolved(parts).map(|resolved| Self(resolved.prefix().to_owned()))
    }
}

/// Makes both extractors of a value that may be unknown: the plain one, which rejects then, and
/// the optional one.
macro_rules! may_be_unknown {
    ($name:ident, $find:expr, $otherwise:expr) => {
        impl<S: Sync> FromRequestParts<S> for $name {
            type Rejection = Rejection;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
                resolved(parts).map($find)?.map(Self).ok_or($otherwise)
            }
        }

        impl<S: Sync> OptionalFromRequestParts<S> for $name {
            type Rejection = Rejection;

            async fn from_request_parts(
                parts: &mut Parts,
                _: &S,
            ) -> Result<Option<Self>, Rejection> {
                Ok(resolved(parts).map($find)?.map(Self))
            }
        }
    };
}

may_be_unknown!(ClientIp, Resolved::client_ip, Rejection::UnknownClient);
may_be_unknown!(Host, |resolved| resolved.host().map(str::to_owned), Rejection::MissingHost);

impl<S: Sync> FromRequestParts<S> for ExternalUrl {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let resolved = resolved(parts)?;
        if resolved.host().is_none() {
            return Err(Rejection::MissingHost);
        }
        // A nested router or a mount has removed its own path from the URI.
        let uri = parts.extensions.get().map_or(&parts.uri, |OriginalUri(uri)| uri);
        let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
        resolved
            .url_under(resolved.believed_prefix(), path)
            .map(Self)
            .map_err(|_| Rejection::InvalidPath)
    }
}
