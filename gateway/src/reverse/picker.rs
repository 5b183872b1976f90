//! Where a table is not enough: a [`Picker`] chooses the target of each request.

use std::{future::Future, pin::Pin};

use http::request;

use super::target::Target;
use crate::common::body::BoxError;

/// The future of [`Picker::pick`].
pub type PickFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Target>, BoxError>> + Send + 'a>>;

/// Chooses the target of a request that is under no prefix of the table.
///
/// A target owns its connections: build each once, and return a clone. `None` leaves the request to the inner
/// service. An error is 500, `proxy_internal_error`.
///
/// ```
/// use proxyfix_gateway::{PickFuture, Picker, ReverseProxyLayer, Target};
///
/// struct ByTenant {
///     blue: Target,
///     green: Target,
/// }
///
/// impl Picker for ByTenant {
///     fn pick<'a>(&'a self, request: &'a http::request::Parts) -> PickFuture<'a> {
///         let is_green = request.headers.get("x-tenant").is_some_and(|tenant| tenant == "green");
///         let target = if is_green { &self.green } else { &self.blue };
///         Box::pin(async move { Ok(Some(target.clone())) })
///     }
/// }
///
/// let picker = ByTenant {
///     blue: Target::parse("http://127.0.0.1:5001/")?,
///     green: Target::parse("http://127.0.0.1:5002/")?,
/// };
/// let layer = ReverseProxyLayer::builder().picker(picker).build()?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
pub trait Picker: Send + Sync + 'static {
    /// Chooses the target.
    fn pick<'a>(&'a self, request: &'a request::Parts) -> PickFuture<'a>;
}
