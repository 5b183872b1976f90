//! The response side: puts what proxies and mounts stripped from the request's path back into redirects and
//! cookies (RFC 3986 §4.2, RFC 9110 §10.2.2, RFC 6265 §5.1.4). [`PrefixLayer`] has the rules.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{
    Extensions, HeaderMap, HeaderValue, Request, Response,
    header::{LOCATION, SET_COOKIE},
    uri::Authority,
};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{mount::MountPath, resolved::Resolved, scheme::Scheme};

/// Puts the prefix before the paths in `Location` and `Set-Cookie`. It is for an application that a proxy or a
/// [mount](crate::MountPath) puts at a prefix and that knows nothing of it. WSGI and CGI applications use `SCRIPT_NAME`
/// for this.
///
/// Put it inside [`ProxyFixLayer`](crate::ProxyFixLayer), and trust a header with
/// [`prefix`](crate::ConfigBuilder::x_prefix).
///
/// 1. **The prefix** is [`Resolved::prefix`] of the request as it reached this layer: what a trusted proxy
///    strips, followed by the paths of the mounts around this layer. It is valid. If it is empty, the layer
///    does nothing. Nothing that the service writes, and no header, has an influence on it. Without a
///    [`Resolved`] there are only the mounts; if there are none either, the layer does nothing, and with the
///    feature `tracing` it warns.
/// 2. **`Location`** gets the prefix if it begins with one slash, or if it is an absolute URL of our own
///    origin: the scheme, host and port of [`Resolved`], in any case, with or without the scheme's default
///    port. A service that makes `Location` from the request's URI answers with such a URL. A URL
///    of any other origin, a relative path, a query and a fragment stay as they are. So does anything that a
///    browser may read as another host: `//host`, `/\host`, userinfo, and any value with a tab, because
///    browsers drop tabs (`/⇥/host`).
/// 3. **`Set-Cookie`** gets the prefix in each `Path` that begins with a slash. `Path=/` becomes the prefix
///    without a slash after it: `/app` covers `/app` itself and everything below, but not `/application`
///    (RFC 6265 §5.1.4), while `/app/` would not cover `/app`. A cookie without such a `Path` stays as it
///    is, because the browser takes the path of the URL it knows. So does a `__Host-` cookie, whose `Path`
///    must be `/`. So does every cookie if the prefix has a `;`, which no `Path` can hold.
/// 4. **Once.** A path that equals the prefix, or begins with it and a slash, stays as it is. So you may add
///    the layer twice, combine it with handlers that use [`Resolved::external_path`], or use it if the proxy
///    does not strip the prefix and the application is nested there (axum's `nest("/app", …)`). This also
///    means that a route named like the prefix, such as `/api/…` in an application mounted at `/api`, is
///    taken for prefixed: redirect there with [`Resolved::external_path`]. Some proxies put the prefix into
///    responses themselves (`proxy_redirect` and `proxy_cookie_path` of nginx, `ProxyPassReverse` and
///    `ProxyPassReverseCookiePath` of Apache httpd). They do not check whether it is already there, and
///    would add it a second time: use either the proxy's setting or this layer.
/// 5. **Nothing else** changes. `Content-Location` (which nobody follows), `Link` and `Refresh` (which have
///    a syntax of their own) and links in bodies are left to the application. Use
///    [`Resolved::external_path`] or [`Resolved::external_url`] there.
///
/// ```
/// use http::{Request, Response};
/// use proxyfix::{Config, Peer, PrefixLayer, ProxyFixLayer};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: Config = "proxies=loopback for=1 prefix=1".parse()?;
/// let app = ServiceBuilder::new()
///     .layer(ProxyFixLayer::new(config))
///     .layer(PrefixLayer::new())
///     .service_fn(|_: Request<String>| async {
///         let response = Response::builder().status(303).header("Location", "/login");
///         response.header("Set-Cookie", "id=1; Path=/; Secure").body(String::new())
///     });
///
/// let request = Request::get("/")
///     .header("X-Forwarded-For", "203.0.113.9")
///     .header("X-Forwarded-Prefix", "/app")
///     .extension(Peer::from(std::net::IpAddr::from([127, 0, 0, 1])))
///     .body(String::new())?;
/// let response = app.oneshot(request).await?;
/// assert_eq!(response.headers()["location"], "/app/login");
/// assert_eq!(response.headers()["set-cookie"], "id=1; Path=/app; Secure");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct PrefixLayer;

impl PrefixLayer {
    /// A layer that adds the prefix.
    pub fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for PrefixLayer {
    type Service = PrefixService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PrefixService { inner }
    }
}

/// A service behind a [`PrefixLayer`].
#[derive(Clone, Debug)]
pub struct PrefixService<S> {
    inner: S,
}

impl<S, Q, B> Service<Request<Q>> for PrefixService<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = PrefixFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let place = Place::of(request.extensions());
        PrefixFuture { future: self.inner.call(request), place }
    }
}

pin_project! {
    /// The response of [`PrefixService`].
    #[derive(Debug)]
    pub struct PrefixFuture<F> {
        #[pin]
        future: F,
        place: Option<Place>,
    }
}

impl<F, B, E> Future for PrefixFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.future.poll(context))?;
        if let Some(place) = this.place {
            place.add(response.headers_mut());
        }
        Poll::Ready(Ok(response))
    }
}

/// Where the application is, as it was known before the service took the request.
#[derive(Debug)]
struct Place {
    prefix: String,
    scheme: Scheme,
    authority: Option<Authority>,
}

impl Place {
    /// `None` if there is no prefix.
    fn of(extensions: &Extensions) -> Option<Self> {
        let Some(resolved) = extensions.get::<Resolved>() else {
            return Self::of_mounts(extensions);
        };
        let prefix = resolved.prefix();
        (!prefix.is_empty()).then(|| Self {
            prefix: prefix.to_owned(),
            scheme: resolved.scheme(),
            authority: resolved.authority().cloned(),
        })
    }

    /// Nothing says which origin is ours, so no absolute URL gets the prefix.
    fn of_mounts(extensions: &Extensions) -> Option<Self> {
        let prefix = MountPath::entered(extensions);
        if prefix.is_empty() {
            #[cfg(feature = "tracing")]
            super::tracing::prefix_without_resolved();
            return None;
        }
        Some(Self { prefix: prefix.to_owned(), scheme: Scheme::Http, authority: None })
    }

    /// Adds the prefix to every value that needs it.
    fn add(&self, headers: &mut HeaderMap) {
        let prefix = self.prefix.as_bytes();
        for (name, value) in headers.iter_mut() {
            let prefixed = if *name == LOCATION {
                self.location(value.as_bytes())
            } else if *name == SET_COOKIE {
                cookie(value.as_bytes(), prefix)
            } else {
                None
            };
            // A value put together from valid values is valid.
            if let Some(Ok(mut prefixed)) = prefixed.map(HeaderValue::try_from) {
                prefixed.set_sensitive(value.is_sensitive());
                *value = prefixed;
            }
        }
    }

    /// Rule 2.
    fn location(&self, value: &[u8]) -> Option<Vec<u8>> {
        let prefix = self.prefix.as_bytes();
        let Some((origin, rest)) = self.split_origin(value) else { return path(value, prefix) };
        // A URL without a path is the URL of the root.
        let prefixed = match rest.first() {
            None | Some(b'?' | b'#') => path(&[b"/".as_slice(), rest].concat(), prefix),
            Some(_) => path(rest, prefix),
        };
        prefixed.map(|path| [origin, &path].concat())
    }

    /// Splits a URL of our own origin after the origin.
    fn split_origin<'a>(&self, url: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let (scheme, rest) = url.split_at_checked(self.scheme.as_str().len())?;
        let rest = rest.strip_prefix(b"://")?;
        let authority = rest.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()?;
        let is_own = scheme.eq_ignore_ascii_case(self.scheme.as_str().as_bytes())
            && self.is_own_authority(authority);
        let path = rest.len().checked_sub(authority.len())?;
        url.split_at_checked(url.len().checked_sub(path)?).filter(|_| is_own)
    }

    /// Whether this is our own host and port. The scheme's default port may be written or not.
    fn is_own_authority(&self, authority: &[u8]) -> bool {
        let Some(own) = &self.authority else { return false };
        let port = format!(":{}", self.scheme.default_port());
        let elided = authority.strip_suffix(port.as_bytes()).filter(|_| own.port().is_none());
        elided.unwrap_or(authority).eq_ignore_ascii_case(own.as_str().as_bytes())
    }
}

/// A path with the prefix before it, unless it may be another host.
fn path(value: &[u8], prefix: &[u8]) -> Option<Vec<u8>> {
    (is_own_path(value) && !has(value, prefix)).then(|| [prefix, value].concat())
}

/// Whether a browser reads a value of `Location` as a path of the same host: it begins with one slash, no
/// second slash or backslash follows, and it has no tab, which browsers drop.
///
/// ```
/// use proxyfix::is_own_path;
///
/// assert!(is_own_path(b"/login?next=/"));
/// assert!(!is_own_path(b"//other.example/login"));
/// assert!(!is_own_path(b"/\t/other.example"));
/// ```
pub fn is_own_path(value: &[u8]) -> bool {
    value
        .strip_prefix(b"/")
        .is_some_and(|rest| !matches!(rest.first(), Some(b'/' | b'\\')) && !rest.contains(&b'\t'))
}

/// Rule 3.
fn cookie(value: &[u8], prefix: &[u8]) -> Option<Vec<u8>> {
    // Browsers compare this prefix of a name ignoring case.
    const FOR_THE_HOST: &[u8] = b"__Host-";
    let mut parts = value.split(|&byte| byte == b';');
    let pair = parts.next()?;
    let name = pair.trim_ascii_start().get(..FOR_THE_HOST.len());
    if prefix.contains(&b';') || name.is_some_and(|n| n.eq_ignore_ascii_case(FOR_THE_HOST)) {
        return None;
    }
    let mut cookie = pair.to_vec();
    let mut changed = false;
    for attribute in parts {
        cookie.push(b';');
        match cookie_path(attribute).filter(|path| path.starts_with(b"/") && !has(path, prefix)) {
            Some(path) => {
                changed = true;
                cookie.extend_from_slice(b" Path=");
                cookie.extend_from_slice(prefix);
                cookie.extend_from_slice(if path == b"/" { b"" } else { path });
            }
            None => cookie.extend_from_slice(attribute),
        }
    }
    changed.then_some(cookie)
}

/// The value of a `Path` attribute (RFC 6265 §5.2).
fn cookie_path(attribute: &[u8]) -> Option<&[u8]> {
    let equals = attribute.iter().position(|&byte| byte == b'=')?;
    let (name, value) = attribute.split_at_checked(equals)?;
    let value = value.strip_prefix(b"=")?;
    name.trim_ascii().eq_ignore_ascii_case(b"path").then(|| value.trim_ascii())
}

/// Rule 4. A browser reads a backslash as a slash.
fn has(path: &[u8], prefix: &[u8]) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'/' | b'\\' | b'?' | b'#')))
}
