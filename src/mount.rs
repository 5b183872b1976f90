//! Mounts: where this server itself puts an application (`SCRIPT_NAME` in WSGI and CGI, RFC 3875 §4.1.13).
//!
//! 1. The path of a mount is a prefix, by the same rules as one that a proxy strips.
//! 2. An application is at the believed prefix, followed by the path of each mount on the way to it.
//!    [`Resolved::prefix`] is all of it, and everything that adds a prefix adds all of it.
//! 3. A mount counts whether the request is fixed before it or within it, and without being fixed too.
//! 4. The URI of the request as it was before the first mount is kept, with the feature `axum` in axum's
//!    `OriginalUri`.

use http::{Extensions, Uri};

use crate::{
    error::Error,
    prefix::{self, Prefix},
    resolved::Resolved,
};

/// The path at which a service mounts an application: the part of the request's path that the application
/// does not see. It is for authors of such a service. `Mount` of the crate `proxyfix-gateway` is one.
///
/// ```
/// use http::{Extensions, Uri};
/// use proxyfix::MountPath;
///
/// let (outer, inner) = (MountPath::new("/site")?, MountPath::new("/blog/")?);
/// let mut extensions = Extensions::new();
/// // The service for `/site` forwards the request with the path `/blog/item`.
/// outer.enter(&mut extensions, &Uri::from_static("/site/blog/item"));
/// // The one for `/blog` forwards it with the path `/item`.
/// inner.enter(&mut extensions, &Uri::from_static("/blog/item"));
/// assert_eq!(MountPath::entered(&extensions), "/site/blog");
/// assert_eq!(MountPath::original_uri(&extensions).unwrap(), "/site/blog/item");
/// # Ok::<(), proxyfix::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MountPath(Prefix);

/// What the mounts on the way to an application leave in the extensions.
#[derive(Clone, Debug)]
struct Mounted {
    path: Prefix,
    original: Uri,
}

impl MountPath {
    /// Reads the path of a mount. A slash at its end changes nothing; `/` is the whole server.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPrefix`](crate::ErrorKind::InvalidPrefix) for `""`, `blog` (no slash), `//blog`,
    /// `/a/../b`, `/a,b`, `/a%2Fb`; [`ErrorKind::TooLong`](crate::ErrorKind::TooLong) for a path over 4096 bytes.
    pub fn new(path: &str) -> Result<Self, Error> {
        prefix::of_ours(path).map(Self)
    }

    /// The path: empty, or with a leading and without a trailing slash.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Notes that the application sees only what follows this path. Call it with the URI as it is before this
    /// path is removed from it.
    pub fn enter(&self, extensions: &mut Extensions, uri: &Uri) {
        match extensions.get_mut::<Mounted>() {
            Some(mounted) => mounted.path = mounted.path.followed_by(&self.0),
            None => {
                extensions.insert(Mounted { path: self.0.clone(), original: uri.clone() });
            }
        }
        if let Some(resolved) = extensions.get_mut::<Resolved>() {
            resolved.mount(&self.0);
        }
        #[cfg(feature = "axum")]
        if extensions.get::<axum::extract::OriginalUri>().is_none() {
            extensions.insert(axum::extract::OriginalUri(uri.clone()));
        }
    }

    /// The paths of all mounts that a request has entered, without the prefix that a proxy strips: empty, or
    /// with a leading and without a trailing slash.
    pub fn entered(extensions: &Extensions) -> &str {
        extensions.get::<Mounted>().map_or("", |mounted| mounted.path.as_str())
    }

    /// The URI before the first mount. `None` if the request has entered none.
    pub fn original_uri(extensions: &Extensions) -> Option<&Uri> {
        extensions.get::<Mounted>().map(|mounted| &mounted.original)
    }
}

/// Adds the mounts that the request entered before it was fixed.
pub(crate) fn add_entered(resolved: &mut Resolved, extensions: &Extensions) {
    if let Some(mounted) = extensions.get::<Mounted>() {
        resolved.mount(&mounted.path);
    }
}
