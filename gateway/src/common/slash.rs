//! The redirect to the slash at the end of a path, so that relative links lead below it.
//!
//! 1. It goes to the path as the client sees it: after what a proxy strips, and after the mounts. The query stays.
//! 2. It is 307, so the method stays.
//! 3. A path that a browser reads as that of another host has none.

use http::{HeaderValue, Response, StatusCode, header::LOCATION, request};
use proxyfix::{MountPath, Resolved, is_own_path};

use super::{body::Body, path::WithoutSlash};

/// Whether the path is that of a mount, without its slash.
pub(crate) fn is_mount(request: &request::Parts) -> bool {
    request.uri.path() == "/" && request.extensions.get::<WithoutSlash>().is_some()
}

/// The path with a slash at its end (rules 1 and 3).
pub(crate) fn location(request: &request::Parts) -> Option<String> {
    let (path, extensions) = (request.uri.path(), &request.extensions);
    if !is_own_path(path.as_bytes()) {
        return None;
    }
    let mut target = match extensions.get::<Resolved>() {
        Some(resolved) => resolved.external_path(path),
        None => format!("{}{path}", MountPath::entered(extensions)),
    };
    if !target.ends_with('/') {
        target.push('/');
    }
    if let Some(query) = request.uri.query() {
        target.push('?');
        target.push_str(query);
    }
    Some(target)
}

/// Rule 2.
pub(crate) fn redirect(location: String) -> Option<Response<Body>> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, HeaderValue::try_from(location).ok()?);
    Some(response)
}
