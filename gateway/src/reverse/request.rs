//! The head that goes upstream.
//!
//! 1. The path is the target's base and what follows the prefix, byte for byte; without `remove_prefix`, the whole
//!    path. The target's query comes before the request's.
//! 2. If the path without its prefix begins with `//`, and the target has no base, the request is refused: upstream
//!    could take it for another host.
//! 3. Fields change in this order: what ends here goes, cookies are joined, forwarding headers and `Via` are
//!    written, configured headers are set, then `Host` and the length. So nothing that a client writes survives by an
//!    earlier step.
//! 4. The version is never the client's.
//! 5. The request hook comes last. What it adds may not end here or frame the message.

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Uri, Version,
    header::{EXPECT, HOST},
    request,
    uri::PathAndQuery,
};
use http_body::SizeHint;
use proxyfix::MountPath;

use super::{
    options::Options,
    target::{Host, Inner, Target},
    upgrade::Wanted,
};
use crate::common::{
    authority,
    failure::{Failure, FailureKind},
    framing,
    hop_by_hop::{Barred, ends_here, frames, strip_request},
    limits::Limits,
    path,
};

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) target: Target,
    /// The prefix that matched, canonical. `None` if there is no table.
    pub(crate) prefix: Option<MountPath>,
    /// The path without dot segments, if it had any.
    pub(crate) normal: Option<String>,
    /// Where in the path the prefix ends.
    pub(crate) rest_at: usize,
}

impl Mapping {
    /// The prefix that is removed from the path, or nothing.
    pub(super) fn removed(&self) -> &str {
        let removed = self.prefix.as_ref().filter(|_| self.target.0.remove_prefix);
        removed.map_or("", MountPath::as_str)
    }
}

/// A head for upstream.
pub(super) struct Outgoing {
    pub(super) parts: request::Parts,
    /// What may not stand in the trailers either.
    pub(super) barred: Barred,
}

/// Makes the head.
pub(super) fn outgoing(
    mut parts: request::Parts,
    mapping: &Mapping,
    options: &Options,
    wanted: Option<&mut Wanted>,
    body: &SizeHint,
) -> Result<Outgoing, Failure> {
    let target = &*mapping.target.0;
    let asked = authority::asked(&parts).map(<[u8]>::to_vec);
    let uri = uri(&parts.method, &parts.uri, mapping)?;
    let barred = strip_request(&mut parts.headers, options.underscores, &target.configured)
        .map_err(|nomination| Failure::invalid(nomination.detail()).and_close())?;
    let headers = &mut parts.headers;
    if parts.version >= Version::HTTP_2 {
        framing::join_cookies(headers);
    }
    options.forwarding.write(headers, &parts.extensions, asked.as_deref(), mapping.removed())?;
    options.via.add(headers, parts.version)?;
    configure(headers, target)?;
    set_host(headers, target, asked.as_deref())?;
    framing::set_length(&parts.method, headers, body);
    if body.exact() == Some(0) {
        // Nothing is to be continued.
        headers.remove(EXPECT);
    }
    // The client's extensions are not upstream's.
    let (mut outgoing, ()) = http::Request::new(()).into_parts();
    outgoing.method = parts.method;
    outgoing.uri = uri;
    outgoing.version = Version::HTTP_11;
    outgoing.headers = parts.headers;
    if let Some(hook) = &options.hooks.request {
        let before = [HOST, EXPECT].map(|name| (outgoing.headers.get(&name).cloned(), name));
        hook(&mut outgoing).map_err(|error| {
            Failure::new(FailureKind::Denied, "a hook refused").with_source(error)
        })?;
        check_hook(&mut outgoing, before, body);
    }
    if let Some(wanted) = wanted {
        wanted.ask(&mut outgoing)?;
    }
    Ok(Outgoing { parts: outgoing, barred })
}

/// Rules 1 and 2.
fn uri(method: &Method, asked: &Uri, mapping: &Mapping) -> Result<Uri, Failure> {
    let target = &*mapping.target.0;
    let (base, own_query) = (target.url.base.as_str(), target.url.query.as_deref());
    let path = mapping.normal.as_deref().unwrap_or_else(|| asked.path());
    if path == "*" {
        if *method != Method::OPTIONS {
            return Err(Failure::invalid("* is for OPTIONS alone").and_close());
        }
        if base.len() > 1 {
            return Err(Failure::invalid("* has no place under the path of the target"));
        }
        return Ok(Uri::from_static("*"));
    }
    let rest_at = if target.remove_prefix { mapping.rest_at } else { 0 };
    let rest = path.get(rest_at..).unwrap_or_default();
    if base.len() <= 1 && rest_at == 0 && own_query.is_none() && mapping.normal.is_none() {
        return Ok(origin_form(asked));
    }
    let mut text = path::join(base, rest);
    let is_changed = rest_at > 0 || mapping.normal.is_some();
    if is_changed && text.starts_with("//") {
        return Err(Failure::invalid("the path would begin with //"));
    }
    if let Some(query) = query(own_query, asked.query()) {
        text.push('?');
        text.push_str(&query);
    }
    let invalid = |error| Failure::invalid("the path is invalid").with_source(error);
    PathAndQuery::from_maybe_shared(Bytes::from(text)).map(Uri::from).map_err(invalid)
}

/// The target's query, then the request's. An empty one of the request is kept.
fn query<'a>(own: Option<&'a str>, asked: Option<&'a str>) -> Option<Cow<'a, str>> {
    match (own.filter(|own| !own.is_empty()), asked) {
        (None, asked) => asked.map(Cow::Borrowed),
        (Some(own), None | Some("")) => Some(Cow::Borrowed(own)),
        (Some(own), Some(asked)) => Some(Cow::Owned(format!("{own}&{asked}"))),
    }
}

/// The headers that the target's options name.
fn configure(headers: &mut HeaderMap, target: &Inner) -> Result<(), Failure> {
    let full = |_| Failure::new(FailureKind::HeadTooLarge, "no room for a configured header");
    for name in target.remove.iter().chain(target.set.keys()) {
        headers.remove(name);
    }
    for (name, value) in target.set.iter().chain(target.append.iter()) {
        headers.try_append(name, value.clone()).map_err(full)?;
    }
    Ok(())
}

fn set_host(headers: &mut HeaderMap, target: &Inner, asked: Option<&[u8]>) -> Result<(), Failure> {
    let host = match (&target.host, asked) {
        (Host::Fixed(host), _) => host.clone(),
        (Host::Target, _) | (Host::Client, None) => target.url.authority.clone(),
        (Host::Client, Some(asked)) => HeaderValue::from_bytes(asked)
            .map_err(|error| Failure::invalid("invalid Host").with_source(error))?,
    };
    headers.insert(HOST, host);
    Ok(())
}

/// Rule 5.
fn check_hook(
    outgoing: &mut request::Parts,
    before: [(Option<HeaderValue>, http::HeaderName); 2],
    body: &SizeHint,
) {
    let names: Vec<_> = outgoing.headers.keys().filter(|name| ends_here(name)).cloned().collect();
    for name in names {
        // The proxy itself keeps `TE: trailers`.
        if outgoing
            .headers
            .get(&name)
            .is_none_or(|value| name != http::header::TE || value != "trailers")
        {
            outgoing.headers.remove(name);
        }
    }
    for (before, name) in before {
        let now = outgoing.headers.get(&name).cloned().filter(|_| name == HOST);
        outgoing.headers.remove(&name);
        if let Some(value) = now.or(before) {
            outgoing.headers.insert(name, value);
        }
    }
    // Where the request goes is the target's choice.
    if outgoing.uri.authority().is_some() {
        outgoing.uri = origin_form(&outgoing.uri);
    }
    outgoing.version = Version::HTTP_11;
    framing::set_length(&outgoing.method, &mut outgoing.headers, body);
}

/// The path and the query alone. An empty path is `/` (RFC 9112 §3.2.1), as it is after an authority that nothing, or
/// only a fragment, follows. `Uri` knows that only as long as it has the authority.
fn origin_form(uri: &Uri) -> Uri {
    let alone = uri.path_and_query().cloned().map(Uri::from);
    alone.filter(|alone| !alone.path().is_empty()).unwrap_or_else(|| Uri::from_static("/"))
}

/// Whether a head is within the limits.
pub(super) fn check_size(parts: &request::Parts, limits: &Limits) -> Result<(), Failure> {
    let bytes = parts.headers.iter().fold(parts.uri.path().len(), |bytes, (name, value)| {
        // A colon, a space and the end of the line.
        bytes.saturating_add(name.as_str().len()).saturating_add(value.len()).saturating_add(4)
    });
    let bytes = bytes.saturating_add(parts.uri.query().map_or(0, str::len));
    if parts.headers.len() > limits.head_fields || bytes > limits.head_bytes {
        return Err(
            Failure::new(FailureKind::HeadTooLarge, "the head is over the limits").and_close()
        );
    }
    Ok(())
}

/// Whether the target admits the method.
pub(super) fn check_method(method: &Method, target: &Inner) -> Result<(), Failure> {
    match &target.methods {
        Some(methods) if !methods.list.contains(method) => {
            Err(Failure::method(methods.allow.clone()))
        }
        _ => Ok(()),
    }
}

/// The only expectation that there is (RFC 9110 §10.1.1). Says whether the body waits for 100.
pub(super) fn check_expect(parts: &mut request::Parts) -> Result<bool, Failure> {
    let Some(expect) = parts.headers.get(EXPECT) else { return Ok(false) };
    let is_known = expect.as_bytes().trim_ascii().eq_ignore_ascii_case(b"100-continue");
    if !is_known || parts.headers.get_all(EXPECT).iter().count() > 1 {
        return Err(Failure::new(
            FailureKind::Expectation,
            "an expectation other than 100-continue",
        ));
    }
    if parts.version < Version::HTTP_11 {
        parts.headers.remove(EXPECT);
        return Ok(false);
    }
    Ok(true)
}

/// Checks that no one set a framing field by hand; used when a request is answered here.
pub(super) fn is_safe_to_echo(name: &http::HeaderName) -> bool {
    !ends_here(name)
        && !frames(name)
        && !matches!(name.as_str(), "authorization" | "cookie" | "proxy-authorization")
}
