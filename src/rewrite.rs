//! The rewriting: everything downstream sees the truth and nothing else.
//!
//! 1. `Host` becomes the effective authority, one line. The URI gets the effective scheme and
//!    authority; its path and query stay byte for byte. `*` without an authority and the authority
//!    form stay, the latter only for CONNECT (RFC 9112 §3.2.3); where no host is known, all stays.
//! 2. `canonical`: every forwarding header that is not trusted for this request is removed, in
//!    every spelling that has `_` for `-`; a trusted one that is there is reduced to its effective
//!    value, which may be empty, and is left as it is where it is that already. `strip`: all are
//!    removed. `keep`: none is touched.
//! 3. [`Resolved`] goes into the extensions. A request that carries one under an equal
//!    configuration was fixed before and is left alone; under another, that is a wiring fault.
//! 4. All that can fail comes before all that changes, so that a rejected request is as it was.

use std::fmt::{self, Write};

use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::HOST,
    request::Parts,
    uri::{Authority, PathAndQuery},
};

use crate::{
    address,
    config::{ClientRule, Config, HeaderPolicy, Trusted, UriPolicy},
    error::{Error, ErrorKind},
    forwarded::PrintedElement,
    lines::{FieldLines, RequestLines},
    node::{Node, XNode},
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
/// As [`resolve`](fn@crate::resolve), and besides: [`ErrorKind::OtherConfig`] where the request was
/// fixed before under another configuration, [`ErrorKind::HostMismatch`] where `Host` differs from
/// the target's authority in HTTP/2 or HTTP/3, [`ErrorKind::InvalidTarget`] for
/// `GET app.example:80` (authority form), [`ErrorKind::TooManyHeaders`] where `Host` finds no room.
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

/// The same for a request whose body is elsewhere.
///
/// # Errors
/// As [`fix_request`].
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

/// What `Request` and `Parts` have in common.
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
    if let Some(earlier) = request.extensions().get::<Resolved>() {
        let same = earlier.config == *config;
        return if same { Ok(()) } else { Err(Error::new(ErrorKind::OtherConfig)) };
    }
    let peer = request.extensions().get::<Peer>().copied();
    let (uri, version) = (request.uri(), Some(request.version()));
    let head = Head::new(peer, request.headers(), uri, version, config);
    let mut resolved = resolve::decide(&head, config, &mut Off)?;
    let mut rewrite = Rewrite::default();
    rewrite.prepare(request.method(), request.headers(), &head, &resolved)?;
    resolved.original = Some(rewrite.apply(request)?);
    request.extensions_mut().insert(resolved);
    Ok(())
}

/// What [`fix_request`] would decide, and whether it would reject, but for a lack of room. Nothing is
/// touched.
#[cfg(feature = "tower")]
pub(crate) fn rehearse<B>(
    peer: Option<Peer>,
    request: &Request<B>,
    config: &Config,
) -> Result<Resolved, Error> {
    let head = Head::of(peer, request, config);
    let resolved = resolve::decide(&head, config, &mut Off)?;
    Rewrite::default().prepare(request.method(), request.headers(), &head, &resolved)?;
    Ok(resolved)
}

/// The forwarding headers that are removed from a request.
pub(crate) fn removed<'a>(
    headers: &'a HeaderMap,
    resolved: &'a Resolved,
) -> impl Iterator<Item = &'a HeaderName> {
    let (settings, plan) = (resolved.config.settings(), resolved.config.plan());
    let (keeps, reduces) = (settings.headers == HeaderPolicy::Keep, reduces_trusted(resolved));
    let stays = move |name: &HeaderName| {
        keeps
            || !plan.forwarding.contains(name.as_str())
            || reduces && plan.place(name).is_some()
            || settings.exempt.contains(name)
    };
    headers.keys().filter(move |name| !stays(name))
}

/// Whether trusted headers are reduced to their effective value, and not removed.
fn reduces_trusted(resolved: &Resolved) -> bool {
    resolved.trusted_peer && resolved.config.settings().headers == HeaderPolicy::Canonical
}

/// A new value for a header.
#[derive(Debug)]
struct Change<'a> {
    name: &'a HeaderName,
    value: HeaderValue,
    /// Whether it is there in one line, which is changed in place.
    in_place: bool,
}

/// All that changes in a request.
#[derive(Debug, Default)]
struct Rewrite<'a> {
    uri: Option<Uri>,
    /// Client, scheme, host, port, prefix in `canonical` form; and `Host`.
    changes: [Option<Change<'a>>; 6],
    removed: Vec<HeaderName>,
    old_host: Option<HeaderValue>,
}

impl<'a> Rewrite<'a> {
    fn prepare(
        &mut self,
        method: &Method,
        headers: &HeaderMap,
        head: &Head<'_>,
        resolved: &'a Resolved,
    ) -> Result<(), Error> {
        if reduces_trusted(resolved) {
            self.reduce_trusted(&head.lines, resolved)?;
        }
        let host = head.lines.host();
        if let Some(authority) = resolved.try_authority()? {
            if resolved.config.settings().uri == UriPolicy::Rewrite {
                if head.uri.path_and_query().is_none() && method != Method::CONNECT {
                    return Err(Error::new(ErrorKind::InvalidTarget));
                }
                self.uri = with_origin(head.uri, resolved.scheme(), authority)?;
            }
            let [.., change] = &mut self.changes;
            *change = changed(&HOST, host, authority)?;
        }
        self.removed.extend(removed(headers, resolved).cloned());
        self.old_host = host.alone().cloned();
        Ok(())
    }

    /// Reduces the trusted headers that are there to their effective values.
    fn reduce_trusted(
        &mut self,
        lines: &RequestLines<'_>,
        resolved: &'a Resolved,
    ) -> Result<(), Error> {
        fn reduce<'a, R>(
            change: &mut Option<Change<'a>>,
            lines: &RequestLines<'_>,
            trusted: Option<&'a Trusted<R>>,
            value: impl fmt::Display,
        ) -> Result<(), Error> {
            let Some(trusted) = trusted else { return Ok(()) };
            let lines = lines.of(trusted);
            if !lines.is_absent() {
                *change = changed(&trusted.name, lines, value)?;
            }
            Ok(())
        }
        let plan = resolved.config.plan();
        let client = plan.client.as_ref();
        let authority = resolved.authority().map_or("", Authority::as_str);
        let [node, scheme, host, port, prefix, _] = &mut self.changes;
        match client.map(|client| client.rule) {
            Some(ClientRule::Forwarded(_)) => reduce(node, lines, client, element(resolved))?,
            _ if client.is_some_and(|client| says_client(lines.of(client), resolved)) => {}
            _ => reduce(node, lines, client, XNode(resolved.client()))?,
        }
        reduce(scheme, lines, plan.proto.as_ref(), plan.scheme_form.text(resolved.scheme()))?;
        reduce(host, lines, plan.host.as_ref(), authority)?;
        reduce(port, lines, plan.port.as_ref(), resolved.port())?;
        reduce(prefix, lines, plan.prefix.as_ref(), resolved.prefix())
    }

    /// Changes the request, and returns what the changed values were.
    fn apply(&mut self, request: &mut impl RequestHead) -> Result<Original, Error> {
        let headers = request.headers_mut();
        let full = || Error::in_header(ErrorKind::TooManyHeaders, &HOST);
        if !self.changes.iter().flatten().all(|change| change.in_place) {
            // To insert needs room, even where it replaces. Asked for before anything changes, it
            // is there until a header is added, which is `Host`, the last.
            headers.try_entry(HOST).map_err(|_| full())?;
        }
        for Change { name, value, in_place } in self.changes.iter_mut().filter_map(Option::take) {
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

/// The URI with the effective scheme and authority, where it has not got them. The asterisk form
/// has neither in HTTP/1.1, the authority form no path; both stay.
pub(crate) fn with_origin(
    uri: &Uri,
    scheme: Scheme,
    authority: &Authority,
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
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(scheme.into());
    parts.authority = Some(authority.clone());
    // A path, a scheme and an authority always make a URI.
    Uri::from_parts(parts).map(Some).map_err(|_| Error::new(ErrorKind::InvalidTarget))
}

/// What `Forwarded` says in canonical form.
fn element(resolved: &Resolved) -> PrintedElement<'_> {
    PrintedElement {
        r#for: resolved.client(),
        proto: Some(resolved.scheme()),
        host: resolved.authority().map(Authority::as_str),
    }
}

/// The value as the one line of a header, where that is not what is there.
fn changed<'a>(
    name: &'a HeaderName,
    lines: FieldLines<'_>,
    value: impl fmt::Display,
) -> Result<Option<Change<'a>>, Error> {
    let line = lines.alone();
    if line.is_some_and(|line| prints_as(&value, line.as_bytes())) {
        return Ok(None);
    }
    // What is printed is ASCII that has passed a parser.
    let invalid = |_| Error::in_header(ErrorKind::InvalidHost, name);
    let value = HeaderValue::try_from(value.to_string()).map_err(invalid)?;
    Ok(Some(Change { name, value, in_place: line.is_some() }))
}

/// Whether the client's header is its IPv4 address already. That has one spelling, so that there is
/// nothing to print and compare.
fn says_client(lines: FieldLines<'_>, resolved: &Resolved) -> bool {
    let text = lines.alone().map(HeaderValue::as_bytes);
    text.and_then(address::ipv4).is_some_and(|ip| *resolved.client() == Node::new(ip.into(), None))
}

/// Whether a value prints as this text, without printing it anywhere.
fn prints_as(value: &impl fmt::Display, text: &[u8]) -> bool {
    /// What is left to match.
    struct Rest<'a>(&'a [u8]);

    impl Write for Rest<'_> {
        fn write_str(&mut self, printed: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(printed.as_bytes()).ok_or(fmt::Error)?;
            Ok(())
        }
    }

    let mut rest = Rest(text);
    write!(rest, "{value}").is_ok() && rest.0.is_empty()
}
