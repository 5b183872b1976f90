//! [`MountService`]: finds the service of a request, and hides the path before it.
//!
//! 1. The tables of the host come first, the one of its port before the one of all ports. In each, the longest path
//!    wins.
//! 2. A path with a dot segment is refused before it is looked up: who is meant depends on who resolves it.
//! 3. The service sees what follows the path, byte for byte, and `/` where that is empty. Query, scheme and authority
//!    stay.
//! 4. `*` and CONNECT are under no path. They go to the fallback, untouched.
//! 5. With `redirect`, GET and HEAD of a mount's own path without its slash are sent to the slash.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, request, uri::PathAndQuery};
use proxyfix::MountPath;
use tower_service::Service;

use crate::common::{
    authority::{self, HostPort},
    body::Body,
    boxed::{BoxFuture, Mounted},
    failure::{Failure, plain},
    path::{DotSegments, WithoutSlash},
    prefix::{self, PrefixTable},
    slash,
};

/// A service, and where it is.
pub(super) struct Entry<B, E> {
    pub(super) path: MountPath,
    pub(super) service: Arc<dyn Mounted<B, E>>,
}

pub(super) struct Mounts<B, E> {
    pub(super) everywhere: PrefixTable<Entry<B, E>>,
    pub(super) by_host: HashMap<HostPort, PrefixTable<Entry<B, E>>>,
    pub(super) fallback: Option<Arc<dyn Mounted<B, E>>>,
    pub(super) dot_segments: DotSegments,
    pub(super) redirect: bool,
}

impl<B, E> Mounts<B, E> {
    /// Rule 1.
    fn find<'a>(
        &'a self,
        request: &request::Parts,
        path: &'a str,
    ) -> Option<prefix::Found<'a, Entry<B, E>>> {
        let asked = if self.by_host.is_empty() { None } else { authority::asked(request) };
        let asked = asked.and_then(HostPort::read);
        let any_port = asked.as_ref().map(HostPort::without_port);
        let mut of_host = [asked, any_port].into_iter().flatten();
        let own = of_host.find_map(|host| self.by_host.get(&host)?.find(path));
        own.or_else(|| self.everywhere.find(path))
    }

    fn call(&self, request: Request<B>) -> BoxFuture<E>
    where
        E: Send + 'static,
    {
        let (mut parts, body) = request.into_parts();
        let asked = parts.uri.clone();
        let Ok(path) = self.dot_segments.apply(asked.path()) else {
            return answer(Failure::invalid("the path has a dot segment"));
        };
        let Some(found) = self.find(&parts, &path) else {
            return match &self.fallback {
                Some(fallback) => fallback.call(Request::from_parts(parts, body)),
                None => Box::pin(async { Ok(plain(StatusCode::NOT_FOUND)) }),
            };
        };
        let Some(below) = uri_below(&asked, found.rest) else {
            return answer(Failure::invalid("the path is invalid"));
        };
        found.value.path.enter(&mut parts.extensions, &asked);
        if found.rest.is_empty() {
            parts.extensions.insert(WithoutSlash);
        }
        parts.uri = below;
        if let Some(response) = self.redirect.then(|| to_slash(&parts)).flatten() {
            return Box::pin(async { Ok(response) });
        }
        found.value.service.call(Request::from_parts(parts, body))
    }
}

/// The response to a request that no service gets.
fn answer<E: Send + 'static>(failure: Failure) -> BoxFuture<E> {
    let mut response = plain(failure.kind().status());
    response.extensions_mut().insert(failure);
    Box::pin(async { Ok(response) })
}

/// Rule 5.
fn to_slash(request: &request::Parts) -> Option<Response<Body>> {
    let is_asked = matches!(request.method, Method::GET | Method::HEAD) && slash::is_mount(request);
    is_asked.then(|| slash::location(request)).flatten().and_then(slash::redirect)
}

/// Rule 3.
fn uri_below(uri: &Uri, rest: &str) -> Option<Uri> {
    let rest = if rest.is_empty() { "/" } else { rest };
    let text = match uri.query() {
        Some(query) => Cow::Owned([rest, "?", query].concat()),
        None => Cow::Borrowed(rest),
    };
    let mut parts = uri.clone().into_parts();
    let text = Bytes::from(text.into_owned());
    parts.path_and_query = Some(PathAndQuery::from_maybe_shared(text).ok()?);
    Uri::from_parts(parts).ok()
}

/// The services of a [`Mount`](crate::Mount).
pub struct MountService<B, E> {
    pub(super) mounts: Arc<Mounts<B, E>>,
}

impl<B, E> Clone for MountService<B, E> {
    fn clone(&self) -> Self {
        Self { mounts: Arc::clone(&self.mounts) }
    }
}

impl<B, E> fmt::Debug for MountService<B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = self.mounts.everywhere.iter().map(|(path, _)| path);
        f.debug_set().entries(paths).finish()
    }
}

impl<B, E> Service<Request<B>> for MountService<B, E>
where
    B: Send + 'static,
    E: Send + 'static,
{
    type Response = Response<Body>;
    type Error = E;
    type Future = MountFuture<E>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> MountFuture<E> {
        self.mounts.call(request)
    }
}

/// The response of a [`MountService`].
pub type MountFuture<E> = BoxFuture<E>;
