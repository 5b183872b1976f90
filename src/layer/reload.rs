//! A configuration that is replaced while requests come in: [`ConfigHandle`].
//!
//! 1. A request is decided, rewritten and served under the configuration that was held when it
//!    reached the layer.
//! 2. Requests take no lock. A replacement is in force for every request that comes after it.
//! 3. Each configuration that a handle holds carries the handle's number. This tells an inner layer that
//!    an outer layer fixed the request under an earlier configuration of the same handle.

use std::{
    fmt,
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use arc_swap::{ArcSwap, Guard};

use crate::config::Config;

/// Holds the configuration of running layers, and replaces it. Needs the feature `reload`.
///
/// It is cheap to clone, and clones hold the same configuration: give one to
/// [`ProxyFixLayer::with_handle`](crate::ProxyFixLayer::with_handle) and keep another.
///
/// Requests take no lock. A request that has reached the layer finishes under the configuration
/// that it began with. The candidate of [shadow mode](crate::shadow) is not replaced.
///
/// If several layers wrap one service, give all of them the same handle. The configuration may be
/// replaced while a request is between two layers. The first layer then decides about the request, and
/// the others leave it alone.
///
/// ```
/// use proxyfix::{Config, ConfigHandle, ProxyFixLayer};
///
/// # fn main() -> Result<(), proxyfix::ConfigError> {
/// let handle = ConfigHandle::new("proxies=192.0.2.0/24 for=1".parse()?);
/// let layer = ProxyFixLayer::with_handle(handle.clone());
///
/// let next: Config = "proxies=192.0.2.0/24,198.51.100.0/24 for=1".parse()?;
/// handle.replace(next.clone());
/// assert_eq!(handle.current(), next);
/// # Ok(())
/// # }
/// ```
///
/// A configuration is checked when it is built, so an error leaves the old one in force:
///
/// ```
/// # use proxyfix::{ConfigError, ConfigHandle};
/// fn reload(handle: &ConfigHandle, text: &str) -> Result<(), ConfigError> {
///     handle.replace(text.parse()?);
///     Ok(())
/// }
///
/// # fn main() -> Result<(), ConfigError> {
/// # let handle = ConfigHandle::new("proxies=10.0.0.0/8 for=1".parse()?);
/// assert!(reload(&handle, "proxies=10.0.0.0/33 for=1").is_err());
/// assert_eq!(handle.current().to_string(), "proxies=10.0.0.0/8 for=1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ConfigHandle {
    shared: Arc<Shared>,
}

struct Shared {
    number: NonZeroU64,
    held: ArcSwap<Config>,
}

impl ConfigHandle {
    /// A handle that holds this configuration.
    pub fn new(config: Config) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NonZeroU64::MIN.saturating_add(NUMBERS.fetch_add(1, Relaxed));
        let held = ArcSwap::from_pointee(config.held_by(number));
        Self { shared: Arc::new(Shared { number, held }) }
    }

    /// Replaces the configuration, for all requests that reach a layer from now on.
    pub fn replace(&self, config: Config) {
        let Shared { number, held } = &*self.shared;
        held.store(Arc::new(config.held_by(*number)));
    }

    /// The configuration in force. Pass it to [`fix_request`](crate::fix_request), for instance.
    pub fn current(&self) -> Config {
        Config::clone(&self.load())
    }

    pub(super) fn load(&self) -> Guard<Arc<Config>> {
        self.shared.held.load()
    }
}

impl fmt::Debug for ConfigHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConfigHandle").field(&self.current()).finish()
    }
}
