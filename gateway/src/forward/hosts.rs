//! Proxy hosts: those that the application answers without a prefix. wsgiprox's `proxy_host` and `proxy_apps`.
//!
//! 1. A proxy host is asked for in absolute form or by CONNECT, never by `Host` alone. Its port is ignored.
//! 2. A host has an application of its own, or it is an alias: then the main application gets its requests.
//! 3. An application may hand a request back ([`NotMine`]). The main application then gets it, without a prefix.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use http::{Request, Response, StatusCode};

use super::host::Host;
use crate::common::{body::Body, boxed::Mounted, error::ConfigError, failure::plain};

/// An application of a proxy host.
pub(super) type App = Arc<dyn Mounted<Body, Infallible>>;

/// What answers the requests to a proxy host. `None` is the main application.
#[derive(Clone, Default)]
pub(super) struct Hosts {
    by_host: HashMap<Host, Option<App>>,
}

impl Hosts {
    pub(super) fn insert(&mut self, text: &str, app: Option<App>) -> Result<Host, ConfigError> {
        let host = Host::parse(text).ok_or_else(|| ConfigError::invalid_host_name(text))?;
        if self.by_host.insert(host.clone(), app).is_some() {
            return Err(ConfigError::RepeatedHost { host: text.to_owned() });
        }
        Ok(host)
    }

    pub(super) fn get(&self, host: &Host) -> Option<&Option<App>> {
        self.by_host.get(host)
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_host.keys()).finish()
    }
}

/// The answer of an application of a proxy host that leaves a request to the main application. An application of
/// wsgiprox returns `None` for that.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response};
/// use proxyfix_gateway::{Body, NotMine};
///
/// async fn status(request: Request<Body>) -> Result<Response<Body>, Infallible> {
///     Ok(match request.uri().path() {
///         "/status" => Response::new(Body::from("all is well\n")),
///         _ => NotMine::response(request),
///     })
/// }
/// ```
#[derive(Clone)]
pub struct NotMine(Arc<Mutex<Option<Request<Body>>>>);

impl NotMine {
    /// The answer. Outside of a forward proxy, it is 404.
    pub fn response(request: Request<Body>) -> Response<Body> {
        let mut response = plain(StatusCode::NOT_FOUND);
        response.extensions_mut().insert(Self(Arc::new(Mutex::new(Some(request)))));
        response
    }

    /// The request that was handed back, if this is such an answer.
    pub(super) fn of(response: &mut Response<Body>) -> Option<Request<Body>> {
        let Self(request) = response.extensions_mut().remove()?;
        let mut request = request.lock().unwrap_or_else(PoisonError::into_inner);
        request.take()
    }
}

impl fmt::Debug for NotMine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotMine")
    }
}
