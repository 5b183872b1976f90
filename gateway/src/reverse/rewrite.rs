//! What of a response names upstream, turned back into what the client knows (Apache's `ProxyPassReverse`).
//!
//! 1. A URL is turned back if its scheme and host are the target's, or the scheme that upstream was told and the `Host`
//!    that it was sent, and its path is under the target's base and has no dot segment. So is a path under the base. The
//!    result is a path: the client knows the host. It begins with what a proxy in front strips, and with the mounts, so that
//!    [`PrefixLayer`](proxyfix::PrefixLayer) finds nothing to add. A redirect from `http` to `https` stays, or it would lead in a circle.
//! 2. Everything else stays as it is: other hosts, references that are relative to what was asked for (`login`, `?page=2`,
//!    `#top`, an empty one), and any value that a browser might read as another host, before or after the change.
//! 3. In `Refresh`, the URL after `url=` is turned back, if it is not quoted.
//! 4. In `Set-Cookie`, `Path` is turned back in the same way. A `Domain` that is the target's host goes, so that the
//!    cookie belongs to the host that the client knows. A `__Host-` cookie stays as it is.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_LOCATION, LOCATION, REFRESH, SET_COOKIE},
};
use proxyfix::{Scheme, is_own_path};

use super::target::Inner;
use crate::common::path::has_dot_segment;

/// How to turn back.
pub(super) struct Rewrite<'a> {
    pub(super) target: &'a Inner,
    /// What the client has before the path that upstream got: what is removed before this proxy, and by it.
    pub(super) prefix: [&'a str; 2],
    /// The `Host` that upstream was sent.
    pub(super) sent_host: &'a [u8],
    /// The scheme that upstream was told.
    pub(super) told: Scheme,
}

impl Rewrite<'_> {
    /// Turns back every field that the target's options name.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        if !self.target.turns_back() {
            return;
        }
        for (name, value) in headers.iter_mut() {
            // A value put together from valid values is valid.
            if let Some(Ok(mut turned)) =
                self.field(name, value.as_bytes()).map(HeaderValue::try_from)
            {
                turned.set_sensitive(value.is_sensitive());
                *value = turned;
            }
        }
    }

    fn field(&self, name: &HeaderName, value: &[u8]) -> Option<Vec<u8>> {
        if self.target.rewrites_location {
            if *name == LOCATION || *name == CONTENT_LOCATION {
                return self.url(value);
            }
            if *name == REFRESH {
                return self.refresh(value);
            }
        }
        if self.target.rewrites_cookies && *name == SET_COOKIE {
            return self.cookie(value);
        }
        None
    }

    /// Rules 1 and 2.
    fn url(&self, url: &[u8]) -> Option<Vec<u8>> {
        let turned = match split_origin(url) {
            Some((scheme, authority, path)) if self.is_upstream(scheme, authority) => {
                match path.first() {
                    // A URL without a path is the URL of the root.
                    None | Some(b'?' | b'#') => self.path(&[b"/".as_slice(), path].concat()),
                    Some(_) => self.path(path),
                }
            }
            Some(_) => None,
            None => self.path(url),
        };
        turned.filter(|turned| turned != url)
    }

    /// A path under the base, as the client knows it.
    fn path(&self, path: &[u8]) -> Option<Vec<u8>> {
        let only_path = path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
        if !is_own_path(path) || has_dot_segment(only_path) {
            return None;
        }
        let base = self.target.url.base.trim_end_matches('/').as_bytes();
        let rest = path.strip_prefix(base)?;
        if !matches!(rest.first(), None | Some(b'/' | b'?' | b'#')) {
            return None;
        }
        let [outer, removed] = self.prefix;
        let turned = [outer.as_bytes(), removed.as_bytes(), rest].concat();
        let turned = match turned.first() {
            None | Some(b'?' | b'#') => [b"/".as_slice(), &turned].concat(),
            Some(_) => turned,
        };
        is_own_path(&turned).then_some(turned)
    }

    /// Whether a URL is upstream's, as the target or the sent `Host` names it.
    fn is_upstream(&self, scheme: &[u8], authority: &[u8]) -> bool {
        let own = (self.target.url.scheme, self.target.url.authority.as_bytes());
        [own, (self.told, self.sent_host), (own.0, self.sent_host)].iter().any(|(known, host)| {
            let port = format!(":{}", known.default_port());
            let elided = authority.strip_suffix(port.as_bytes()).unwrap_or(authority);
            known.as_str().as_bytes().eq_ignore_ascii_case(scheme)
                && (host.eq_ignore_ascii_case(authority) || host.eq_ignore_ascii_case(elided))
        })
    }

    /// Rule 3.
    fn refresh(&self, value: &[u8]) -> Option<Vec<u8>> {
        let at = value.to_ascii_lowercase().windows(4).position(|four| four == b"url=")?;
        let (before, url) = value.split_at_checked(at.checked_add(4)?)?;
        let turned = self.url(url.trim_ascii())?;
        Some([before, &turned].concat())
    }

    /// Rule 4.
    fn cookie(&self, value: &[u8]) -> Option<Vec<u8>> {
        const FOR_THE_HOST: &[u8] = b"__host-";
        let mut parts = value.split(|&byte| byte == b';');
        let pair = parts.next()?;
        let name = pair.trim_ascii_start().to_ascii_lowercase();
        if name.starts_with(FOR_THE_HOST) {
            return None;
        }
        let mut cookie = pair.to_vec();
        for attribute in parts {
            let (name, argument) = split_attribute(attribute);
            if name.eq_ignore_ascii_case(b"domain") && self.is_own_domain(argument) {
                continue;
            }
            cookie.push(b';');
            let path = name.eq_ignore_ascii_case(b"path").then(|| self.path(argument)).flatten();
            match path.filter(|path| !path.contains(&b';')) {
                Some(path) => {
                    cookie.extend_from_slice(b" Path=");
                    cookie.extend_from_slice(&path);
                }
                None => cookie.extend_from_slice(attribute),
            }
        }
        (cookie != value).then_some(cookie)
    }

    fn is_own_domain(&self, domain: &[u8]) -> bool {
        let domain = domain.strip_prefix(b".").unwrap_or(domain);
        let host = |authority: &[u8]| match authority.iter().rposition(|&byte| byte == b':') {
            Some(colon) => authority.get(..colon).unwrap_or_default().to_ascii_lowercase(),
            None => authority.to_ascii_lowercase(),
        };
        let domain = domain.to_ascii_lowercase();
        let own = self.target.url.authority.as_bytes();
        !domain.is_empty() && [own, self.sent_host].iter().any(|known| host(known) == domain)
    }
}

/// An absolute URL of `http` or `https`: its scheme, its authority, and what follows.
fn split_origin(url: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let colon = url.iter().position(|&byte| byte == b':')?;
    let (scheme, rest) = url.split_at_checked(colon)?;
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return None;
    }
    let rest = rest.strip_prefix(b"://")?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    Some((scheme, authority, path))
}

/// The name and the value of an attribute (RFC 6265 §5.2).
fn split_attribute(attribute: &[u8]) -> (&[u8], &[u8]) {
    let equals = attribute.iter().position(|&byte| byte == b'=').unwrap_or(attribute.len());
    let (name, value) = attribute.split_at_checked(equals).unwrap_or((attribute, b""));
    (name.trim_ascii(), value.strip_prefix(b"=").unwrap_or(value).trim_ascii())
}
