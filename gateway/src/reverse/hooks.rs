//! What an application may do at each step.
//!
//! 1. Hooks run in line and hold up nothing else. What must wait belongs into a [`Picker`](super::picker::Picker)
//!    or into a layer around the proxy.
//! 2. What a request hook adds is checked again: no hook can add a framing or hop-by-hop field.

use std::{fmt, sync::Arc};

use http::{HeaderMap, Response, StatusCode, request, response};

use crate::common::{
    body::{Body, BoxError},
    failure::Failure,
};

type OnRequest = Arc<dyn Fn(&mut request::Parts) -> Result<(), BoxError> + Send + Sync>;
type OnResponse = Arc<dyn Fn(&mut response::Parts) -> Result<(), BoxError> + Send + Sync>;
type OnError = Arc<dyn Fn(&Failure) -> Option<Response<Body>> + Send + Sync>;
type OnInformational = Arc<dyn Fn(StatusCode, &HeaderMap) + Send + Sync>;

/// The hooks of a proxy.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) request: Option<OnRequest>,
    pub(crate) response: Option<OnResponse>,
    pub(crate) error: Option<OnError>,
    pub(crate) informational: Option<OnInformational>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        let hooks = [
            ("request", self.request.is_some()),
            ("response", self.response.is_some()),
            ("error", self.error.is_some()),
            ("informational", self.informational.is_some()),
        ];
        set.entries(hooks.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name));
        set.finish()
    }
}
