//! The rewriting: everything downstream sees the truth and nothing else.
//!
//! 1. `Host` becomes the effective authority, in one line. The URI gets the effective scheme and
//!    authority; its path and query stay byte for byte. `*` without an authority and the authority
//!    form stay as they are. If no host is known, everything stays. The authority form is accepted for
//!    CONNECT only (RFC 9112 §3.2.3), even if the URI is kept, because it would be the host.
//! 2. `canonical`: a forwarding header that is not trusted for this request is removed, in every
//!    spelling that has `_` for `-`. A trusted header that is present is reduced to its effective value,
//!    which may be empty; if it already has that value, it is not touched. `strip`: all are removed.
//!    `keep`: none is touched.
//! 3. [`Resolved`] goes into the extensions. If a request was fixed before, under an equal
//!    configuration or an earlier one of the same handle, it is left alone. If it was fixed under another
//!    one, that is a wiring fault. A [`Resolved`] that [`resolve`](fn@crate::resolve) made has fixed
//!    nothing, so it is replaced.
//! 4. Everything that can fail comes before everything that changes, so a rejected request stays as it was.
//!
//! The request is changed here; `change.rs` makes the new values of headers.

mod change;

use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::HOST,
    request::Parts,
    uri::{self, Authority, PathAndQuery},
};

use self::change::{Change, Printed, changed, reduced, says_client};
use crate::{
    config::{ClientRule, Config, Edge, HeaderPolicy, UriPolicy, Way},
    error::{Error, ErrorKind},
    forwarded::PrintedElement,
    lines::FieldLines,
    mount,
    node::XNode,
    peer::Peer,
    resolve::{self, Head},
    resolved::{Original, Resolved},
    scheme::Scheme,
    trace::Off,
};

/// Decides what may be believed about a request, rewrites it accordingly, and leaves the
/// [`Resolved`] in its extensions. The [`Peer`] is read from its extensions.
///
/// # Errors
/// Those of [`resolve`](fn@crate::resolve), and also: [`ErrorKind::OtherConfig`] if the request was
/// fixed before under another configuration, [`ErrorKind::HostMismatch`] if `Host` differs from
/// the target's authority in HTTP/2 or HTTP/3, [`ErrorKind::InvalidTarget`] for
/// `GET app.example:80` (authority form), [`ErrorKind::TooManyHeaders`] if there is no room for `Host`.
/// The request is then exactly as it was.
///
/// ```
/// use http::Request;
/// use proxyfix::{fix_request, Config, Peer, Resolved};
///
/// let config: Config = "proxies=loopback for=1 proto=1".parse()?;
/// let mut request = Request::get("/item")
///     .header("Host", "app.example")
///     .header("X-Forwarded-For", "6.6.6.6, 203.0.113.9")
///     .header("X-Forwarded-Proto", "https")
///     .header("X-Real-IP", "6.6.6.6")
///     .extension(Peer::from(std::net::IpAddr::from([127, 0, 0, 1])))
///     .body(())?;
///
/// fix_request(&mut request, &config)?;
/// assert_eq!(request.uri(), "https://app.example/item");
/// assert_eq!(request.headers()["x-forwarded-for"], "203.0.113.9");
/// assert!(!request.headers().contains_key("x-real-ip"));
/// let resolved: &Resolved = request.extensions().get().unwrap();
/// assert_eq!(resolved.client_ip(), Some([203, 0, 113, 9].into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fix_request<B>(request: &mut Request<B>, config: &Config) -> Result<(), Error> {
    fix(request, config)
}

/// Does the same as [`fix_request`] for a request whose body is elsewhere.
///
/// # Errors
/// Those of [`fix_request`].
///
/// ```
/// use http::Request;
/// use proxyfix::{fix_parts, Config, Peer};
///
/// let config: Config = "proxies=unix for=1".parse()?;
/// let request = Request::get("/item").header("X-Forwarded-For", "203.0.113.9").body("body")?;
/// let (mut parts, body) = request.into_parts();
/// parts.extensions.insert(Peer::UNIX);
/// fix_parts(&mut parts, &config)?;
/// let request = Request::from_parts(parts, body);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fix_parts(parts: &mut Parts, config: &Config) -> Result<(), Error> {
    fix(parts, config)
}

/// The methods that `Request` and `Parts` have in common.
trait RequestHead {
    fn headers(&self) -> &HeaderMap;
    fn headers_mut(&mut self) -> &mut HeaderMap;
    fn uri(&self) -> &Uri;
    fn uri_mut(&mut self) -> &mut Uri;
    fn method(&self) -> &Method;
    fn version(&self) -> Version;
    fn extensions(&self) -> &Extensions;
    fn extensions_mut(&mut self) -> &mut Extensions;
}

impl<B> RequestHead for Request<B> {
    fn headers(&self) -> &HeaderMap {
        self.headers()
    }
    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }
    fn uri(&self) -> &Uri {
        self.uri()
    }
    fn uri_mut(&mut self) -> &mut Uri {
        self.uri_mut()
    }
    fn method(&self) -> &Method {
        self.method()
    }
    fn version(&self) -> Version {
        self.version()
    }
    fn extensions(&self) -> &Extensions {
        self.extensions()
    }
    fn extensions_mut(&mut self) -> &mut Extensions {
        self.extensions_mut()
    }
}

impl RequestHead for Parts {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }
    fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }
    fn uri(&self) -> &Uri {
        &self.uri
    }
    fn uri_mut(&mut self) -> &mut Uri {
        &mut self.uri
    }
    fn method(&self) -> &Method {
        &self.method
    }
    fn version(&self) -> Version {
        self.version
    }
    fn extensions(&self) -> &Extensions {
        &self.extensions
    }
    fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }
}

fn fix(request: &mut impl RequestHead, config: &Config) -> Result<(), Error> {
    if is_fixed(request.extensions(), config)? {
        return Ok(());
    }
    let peer = request.extensions().get::<Peer>().copied();
    fix_first(request, peer, config, |_, _| {})
}

/// Whether a request was fixed before: rule 3.
pub(crate) fn is_fixed(extensions: &Extensions, config: &Config) -> Result<bool, Error> {
    match fixed(extensions).map(|earlier| &earlier.config) {
        None => Ok(false),
        Some(earlier) if earlier == config || earlier.shares_handle(config) => Ok(true),
        Some(_) => Err(Error::new(ErrorKind::OtherConfig)),
    }
}

/// The result of an earlier fix. A [`Resolved`] that [`resolve`](fn@crate::resolve) made has no original.
pub(crate) fn fixed(extensions: &Extensions) -> Option<&Resolved> {
    extensions.get::<Resolved>().filter(|earlier| earlier.original.is_some())
}

/// Fixes a request from this peer that was not fixed before. `observe` is called after the decision
/// and before anything changes.
#[cfg(feature = "tower")]
pub(crate) fn fix_from<B>(
    request: &mut Request<B>,
    peer: Option<Peer>,
    config: &Config,
    observe: impl FnOnce(&Resolved, &Head<'_>),
) -> Result<(), Error> {
    fix_first(request, peer, config, observe)
}

fn fix_first(
    request: &mut impl RequestHead,
    peer: Option<Peer>,
    config: &Config,
    observe: impl FnOnce(&Resolved, &Head<'_>),
) -> Result<(), Error> {
    let mut head = Head::new(peer, request.headers(), request.uri(), Some(request.version()));
    // The outcome is large, so it stays in place until it goes into the extensions.
    let mut outcome = resolve::decide(&mut head, config, &mut Off);
    if let Ok(resolved) = &mut outcome {
        observe(resolved, &head);
        let mut rewrite = Rewrite::default();
        rewrite.prepare(request.method(), &head, resolved)?;
        let original = rewrite.apply(request)?;
        resolved.original = Some(original);
        // After the headers are written, which say what the proxies said.
        mount::add_entered(resolved, request.extensions());
    }
    outcome.map(|resolved| {
        request.extensions_mut().insert(resolved);
    })
}

/// What [`fix_request`] would decide, and whether it would reject, except for a lack of room. Changes
/// nothing.
#[cfg(feature = "tower")]
pub(crate) fn rehearse<B>(
    peer: Option<Peer>,
    request: &Request<B>,
    config: &Config,
) -> Result<Resolved, Error> {
    let mut head = Head::of(peer, request);
    let resolved = resolve::decide(&mut head, config, &mut Off)?;
    Rewrite::default().prepare(request.method(), &head, &resolved)?;
    Ok(resolved)
}

/// The forwarding headers that are removed from a request.
pub(crate) fn removed(headers: &HeaderMap, resolved: &Resolved) -> Vec<HeaderName> {
    let way @ Way { settings, plan } = resolved.way();
    let mut removed = Vec::new();
    let set = match (settings.headers, &plan.guarded) {
        (HeaderPolicy::Canonical | HeaderPolicy::Strip, _) => &plan.forwarding,
        // Guarded headers are removed even if the others are kept.
        (HeaderPolicy::Keep, Some(guarded)) => guarded,
        (HeaderPolicy::Keep, None) => return removed,
    };
    let reduces = reduces_trusted(resolved, way);
    for name in headers.keys() {
        let stays = reduces && plan.place(name).is_some();
        if !stays && set.contains(name.as_str()) && !is_left(name, resolved, way) {
            removed.push(name.clone());
        }
    }
    removed
}

/// Whether a header that is not read from a list stays: it is exempt, or a proxy sent it in its own spelling.
fn is_left(name: &HeaderName, resolved: &Resolved, way: &Way) -> bool {
    let Way { settings, plan } = way;
    let of_edge = || resolved.is_by_edge() && plan.edge.iter().any(|edge| edge.name == *name);
    settings.exempt.contains(name)
        || resolved.is_peer_trusted() && settings.proxy_only.contains(name)
        || reduces_trusted(resolved, way) && of_edge()
}

/// Whether trusted headers are reduced to their effective value instead of removed.
fn reduces_trusted(resolved: &Resolved, way: &Way) -> bool {
    resolved.is_peer_trusted() && way.settings.headers == HeaderPolicy::Canonical
}

/// Everything that changes in a request.
#[derive(Debug, Default)]
struct Rewrite<'a> {
    uri: Option<Uri>,
    /// Client, scheme, host, port, prefix and the header of the edge in `canonical` form, then `Host`.
    changes: [Option<Change<'a>>; 7],
    removed: Vec<HeaderName>,
    old_host: Option<HeaderValue>,
}

impl<'a> Rewrite<'a> {
    /// Fills in `self` instead of returning it, because it is large.
    fn prepare(
        &mut self,
        method: &Method,
        head: &Head<'_>,
        resolved: &'a Resolved,
    ) -> Result<(), Error> {
        if head.uri.path_and_query().is_none() && method != Method::CONNECT {
            return Err(Error::new(ErrorKind::InvalidTarget));
        }
        let (lines, way @ Way { settings, plan }) = (&head.lines, resolved.way());
        let authority = resolved.make_authority()?;
        let [client, scheme, host, port, prefix, edge, own_host] = &mut self.changes;
        if reduces_trusted(resolved, way) {
            let text = authority.as_ref().map_or("", Authority::as_str);
            if let Some(trusted) = &plan.client {
                let lines = lines.of(trusted);
                if matches!(trusted.rule, ClientRule::Forwarded(_)) {
                    let element = PrintedElement {
                        r#for: resolved.client(),
                        proto: Some(resolved.scheme()),
                        host: authority.is_some().then_some(text),
                    };
                    *client = reduced(&trusted.name, lines, &Printed(element))?;
                } else if !says_client(lines, resolved) {
                    *client = reduced(&trusted.name, lines, &Printed(XNode(resolved.client())))?;
                }
            }
            if let Some(trusted) = &plan.proto {
                let text = plan.scheme_form.text(resolved.scheme());
                *scheme = reduced(&trusted.name, lines.of(trusted), text)?;
            }
            if let Some(trusted) = &plan.host {
                *host = reduced(&trusted.name, lines.of(trusted), text)?;
            }
            if let Some(trusted) = &plan.port {
                *port = reduced(&trusted.name, lines.of(trusted), &Printed(resolved.port()))?;
            }
            if let Some(trusted) = &plan.prefix {
                *prefix = reduced(&trusted.name, lines.of(trusted), resolved.prefix())?;
            }
            if let Some(Edge { name, .. }) = plan.edge.as_ref().filter(|_| resolved.is_by_edge()) {
                let lines = FieldLines::of(lines.headers(), name);
                *edge = reduced(name, lines, &Printed(XNode(resolved.client())))?;
            }
        }
        if let Some(authority) = authority {
            *own_host = changed(&HOST, lines.host(), authority.as_str())?;
            if settings.uri == UriPolicy::Rewrite {
                self.uri = with_origin(head.uri, resolved.scheme(), authority)?;
            }
        }
        self.removed = removed(lines.headers(), resolved);
        self.old_host = lines.host().alone().cloned();
        Ok(())
    }

    /// Changes the request, and returns the old values.
    fn apply(&mut self, request: &mut impl RequestHead) -> Result<Original, Error> {
        let headers = request.headers_mut();
        let full = || Error::in_header(ErrorKind::TooManyHeaders, &HOST);
        if !self.changes.iter().flatten().all(|change| change.in_place) {
            // An insertion needs room even if it replaces a line. The room is checked before anything
            // changes. It lasts until a header is added, and that is `Host`, the last change.
            headers.try_entry(HOST).map_err(|_| full())?;
        }
        // Most places hold no change. The filter skips them, so they are not moved.
        let changes = self.changes.iter_mut().filter(|change| change.is_some());
        for Change { name, value, in_place } in changes.filter_map(Option::take) {
            match headers.get_mut(name).filter(|_| in_place) {
                Some(line) => *line = value,
                None => {
                    headers.try_insert(name, value).map_err(|_| full())?;
                }
            }
        }
        for name in &self.removed {
            headers.remove(name);
        }
        let uri = match self.uri.take() {
            Some(uri) => std::mem::replace(request.uri_mut(), uri),
            None => request.uri().clone(),
        };
        Ok(Original { uri, host: self.old_host.take() })
    }
}

/// The URI with the effective scheme and authority, or `None` if it stays as it is. In HTTP/1.1 the
/// asterisk form has neither scheme nor authority, and the authority form has no path. Both stay.
pub(crate) fn with_origin(
    uri: &Uri,
    scheme: Scheme,
    authority: Authority,
) -> Result<Option<Uri>, Error> {
    let stays = match uri.path_and_query().map(PathAndQuery::as_str) {
        None => true,
        Some("*") => uri.authority().is_none(),
        Some(_) => false,
    };
    let done = uri.scheme_str() == Some(scheme.as_str())
        && uri.authority().is_some_and(|old| old.as_str() == authority.as_str());
    if stays || done {
        return Ok(None);
    }
    let mut parts = uri::Parts::default();
    parts.scheme = Some(scheme.into());
    parts.authority = Some(authority);
    parts.path_and_query = uri.path_and_query().cloned();
    // A path, a scheme and an authority always make a URI.
    Uri::from_parts(parts).map(Some).map_err(|_| Error::new(ErrorKind::InvalidTarget))
}
