//! [`Resolver`]: where in the application a URL is. wsgiprox's `prefix_resolver`.
//!
//! 1. A fixed prefix is followed by the URL byte for byte: `/prefix/http://example.com/a%2Fb?c`.
//! 2. The name of a user becomes one segment: everything but letters, digits, `-`, `_`, `.` and `~` is percent-encoded, and
//!    so is a name that would be a dot segment.
//! 3. A resolver of one's own answers with a path and a query, or with a status.

use std::fmt::Write as _;

use http::{Extensions, StatusCode};

use super::request::ProxyRequest;
use crate::common::{error::ConfigError, prefix::Prefix};

/// Says where in the application a URL is. Every function of this form is one.
///
/// ```
/// use proxyfix_gateway::{ForwardTarget, ProxyRequest};
///
/// // An archive for each client.
/// let by_client = |request: &ProxyRequest| {
///     let ip = request.client().and_then(|client| client.ip());
///     let name = ip.map_or("unknown".to_owned(), |ip| ip.to_string().replace(':', "-"));
///     ForwardTarget::path(format!("/{name}/{}", request.url()))
/// };
/// # fn check(_: impl proxyfix_gateway::Resolver) {}
/// # check(by_client);
/// ```
pub trait Resolver: Send + Sync + 'static {
    /// Where the URL of this request is. It is not asked for requests to a proxy host.
    fn resolve(&self, request: &ProxyRequest) -> ForwardTarget;
}

impl<F> Resolver for F
where
    F: Fn(&ProxyRequest) -> ForwardTarget + Send + Sync + 'static,
{
    fn resolve(&self, request: &ProxyRequest) -> ForwardTarget {
        self(request)
    }
}

/// Where a URL is in the application.
#[derive(Clone, Debug)]
#[must_use]
pub struct ForwardTarget {
    pub(super) kind: Kind,
    pub(super) extensions: Extensions,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Path(String),
    Refused(StatusCode),
}

impl ForwardTarget {
    /// A path of the application, with a query or without, beginning with a slash. What is none becomes 500.
    pub fn path(path_and_query: impl Into<String>) -> Self {
        Self { kind: Kind::Path(path_and_query.into()), extensions: Extensions::new() }
    }

    /// Nowhere. The client gets this status.
    pub fn refuse(status: StatusCode) -> Self {
        Self { kind: Kind::Refused(status), extensions: Extensions::new() }
    }

    /// Puts a value into the extensions of the request.
    pub fn with<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.extensions.insert(value);
        self
    }
}

/// Puts each URL under one prefix: wsgiprox's `FixedResolver`.
///
/// ```
/// use proxyfix_gateway::FixedResolver;
///
/// // http://example.com/path?query becomes /prefix/http://example.com/path?query.
/// let resolver = FixedResolver::new("/prefix/")?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FixedResolver {
    prefix: Prefix,
}

impl FixedResolver {
    /// A prefix. `/p`, `/p/` and `p` are one; `/` puts the URL right behind the first slash.
    ///
    /// # Errors
    /// [`ConfigError::InvalidPrefix`] for `/a/../b`, `/a//b`, `/a?b`.
    pub fn new(prefix: &str) -> Result<Self, ConfigError> {
        Ok(Self { prefix: Prefix::parse(prefix)? })
    }
}

impl Resolver for FixedResolver {
    fn resolve(&self, request: &ProxyRequest) -> ForwardTarget {
        ForwardTarget::path([self.prefix.as_str(), "/", &request.url()].concat())
    }
}

/// Puts each URL under the name of the client's user: wsgiprox's `ProxyAuthResolver`. It needs
/// [`credentials`](crate::ForwardProxyBuilder::credentials).
///
/// ```
/// use proxyfix_gateway::UserResolver;
///
/// // For the user "mine", http://example.com/path becomes /mine/http://example.com/path.
/// let resolver = UserResolver::new();
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct UserResolver;

impl UserResolver {
    /// The resolver.
    pub fn new() -> Self {
        Self
    }
}

impl Resolver for UserResolver {
    fn resolve(&self, request: &ProxyRequest) -> ForwardTarget {
        match request.user() {
            Some(user) => ForwardTarget::path(format!("/{}/{}", segment(user), request.url())),
            None => ForwardTarget::refuse(StatusCode::FORBIDDEN),
        }
    }
}

/// Rule 2.
fn segment(text: &str) -> String {
    let is_dots = text.bytes().all(|byte| byte == b'.');
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        if is_plain && !is_dots {
            segment.push(char::from(byte));
        } else {
            // A string takes every text.
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn segments() {
        for (text, expected) in [
            ("other-prefix", "other-prefix"),
            ("../etc?x#", "..%2Fetc%3Fx%23"),
            ("..", "%2E%2E"),
            ("a b", "a%20b"),
            ("%2e", "%252e"),
            ("\u{e9}", "%C3%A9"),
            ("\r\n", "%0D%0A"),
        ] {
            assert_eq!(segment(text), expected);
        }
    }
}
