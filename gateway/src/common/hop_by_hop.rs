//! Fields that end at this hop (RFC 9110 §7.6.1), in requests, responses and trailers.
//!
//! 1. The fields of [`ENDS_HERE`] do not go on. `TE: trailers` goes on in a request, without other codings; a transport of
//!    HTTP/1.1 names it in `Connection`.
//!    `Trailer` goes on, because hyper and others send trailers only if it names them.
//! 2. Nor do the fields that `Connection` nominates.
//! 3. A request that nominates a field on which others rely is refused: `Host`, `Cookie`, `Authorization`,
//!    `Content-*`, `Via`, `Expect`, `Max-Forwards`, and every forwarding header. A client would otherwise choose what
//!    is dropped between two hops. So is one that nominates what is no token, or more than 32 names.
//!    A response that nominates such a field keeps it: an upstream must not be able to drop what says how its body is read.
//! 4. Trailers have no field that frames or routes a message, modifies or authenticates a request, controls a response,
//!    or says how a content is read (RFC 9110 §6.5.1), and none of rules 1 to 3. Those of a request have no `Proxy` either.
//! 5. Names in which `_` stands for `-`, and which so alias a field of rule 1, a framing field, a forwarding
//!    header or a configured header, are dropped from requests: CGI, WSGI and PHP fold both into one variable.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, TE},
};
use proxyfix::is_forwarding_header;

/// The fields that end at each hop.
const ENDS_HERE: [&str; 10] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// The fields that frame or route a message.
const FRAMES: [&str; 4] = ["content-length", "host", "trailer", "expect"];

/// The fields that have no meaning in trailers, or a dangerous one, besides those that frame and `Content-*`.
const NOT_IN_TRAILERS: [&str; 25] = [
    "accept-ranges",
    "age",
    "authorization",
    "cache-control",
    "cookie",
    "date",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-status",
    "range",
    "refresh",
    "retry-after",
    "set-cookie",
    "vary",
    "via",
    "warning",
    "www-authenticate",
];

/// The most names that `Connection` may nominate. Real ones have three at most; pingora admits 10.
const MAX_NOMINATED: usize = 32;

/// What happens to names with an underscore in requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Underscores {
    /// Those that stand for another field in CGI or WSGI are dropped: `X_Forwarded_For`,
    /// `Content_Length`, and the name of each configured header.
    #[default]
    DropAliases,
    /// All are dropped, as nginx does.
    DropAll,
    /// All go on, except those that stand for a forwarding header.
    Pass,
}

/// Why a `Connection` is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nomination {
    NoToken,
    TooMany,
    EndToEnd,
}

impl Nomination {
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Self::NoToken => "Connection names what is no token",
            Self::TooMany => "Connection names too many fields",
            Self::EndToEnd => "Connection names a field on which others rely",
        }
    }
}

/// Whether a field ends at each hop.
pub(crate) fn ends_here(name: &HeaderName) -> bool {
    ENDS_HERE.contains(&name.as_str())
}

/// Whether a field frames or routes a message, so that only the proxy may write it.
pub(crate) fn frames(name: &HeaderName) -> bool {
    FRAMES.contains(&name.as_str())
}

/// What may not stand in the trailers of a message either.
#[derive(Clone, Debug, Default)]
pub(crate) struct Barred {
    /// What its head nominated.
    nominated: Vec<HeaderName>,
    /// What holds for a request besides.
    request: Option<BarredInRequest>,
}

#[derive(Clone, Debug)]
struct BarredInRequest {
    underscores: Underscores,
    /// The headers that the proxy itself sets or removes.
    configured: Vec<HeaderName>,
}

/// Removes from a request what ends here. `configured` are the headers that the proxy itself sets.
pub(crate) fn strip_request(
    headers: &mut HeaderMap,
    underscores: Underscores,
    configured: &[HeaderName],
) -> Result<Barred, Nomination> {
    let nominated = nominated(headers)?;
    if nominated.iter().any(is_relied_on) {
        return Err(Nomination::EndToEnd);
    }
    let has_trailers = accepts_trailers(headers);
    // CGI makes of `Proxy` the variable in which many clients look for their proxy (CVE-2016-5385).
    strip(headers, &nominated, |name| {
        name == "proxy" || is_dropped_alias(name, underscores, configured)
    });
    if has_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    let request = Some(BarredInRequest { underscores, configured: configured.to_vec() });
    Ok(Barred { nominated, request })
}

/// Removes from a response what ends here.
pub(crate) fn strip_response(headers: &mut HeaderMap) -> Result<Barred, Nomination> {
    // A name that is no token names no field. Only the number is a reason to refuse.
    let nominated = match nominated(headers) {
        Err(Nomination::NoToken) => Vec::new(),
        other => other?,
    };
    let nominated: Vec<_> = nominated.into_iter().filter(|name| !is_kept(name)).collect();
    strip(headers, &nominated, |_| false);
    Ok(Barred { nominated, request: None })
}

/// Removes from trailers what ends here, what frames, and what was nominated in the head. In
/// requests also the forwarding headers and what the proxy itself sets or removes: nobody may add to them after
/// the head.
pub(crate) fn strip_trailers(headers: &mut HeaderMap, barred: &Barred) {
    strip(headers, &barred.nominated, |name| {
        let in_request = barred.request.as_ref().is_some_and(|request| {
            name == "proxy"
                || is_forwarding_header(name)
                || request.configured.contains(name)
                || is_dropped_alias(name, request.underscores, &request.configured)
        });
        let name = name.as_str();
        name.starts_with("content-")
            || FRAMES.contains(&name)
            || NOT_IN_TRAILERS.contains(&name)
            || in_request
    });
}

/// Removes fields.
fn strip(headers: &mut HeaderMap, nominated: &[HeaderName], also: impl Fn(&HeaderName) -> bool) {
    // Most heads have one or two, and removing while reading is not possible.
    let mut ending: Vec<HeaderName> = Vec::new();
    for name in headers.keys() {
        if ends_here(name) || also(name) {
            ending.push(name.clone());
        }
    }
    for name in ending.iter().chain(nominated) {
        headers.remove(name);
    }
}

/// The names that `Connection` nominates, except those that end here anyway and `close`.
fn nominated(headers: &HeaderMap) -> Result<Vec<HeaderName>, Nomination> {
    let mut names = Vec::new();
    let mut count = 0_usize;
    let lines = headers.get_all(CONNECTION).iter();
    for text in lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b',')) {
        let text = text.trim_ascii();
        if text.is_empty() {
            continue;
        }
        count = count.saturating_add(1);
        if count > MAX_NOMINATED {
            return Err(Nomination::TooMany);
        }
        if text.eq_ignore_ascii_case(b"close") || text.eq_ignore_ascii_case(b"keep-alive") {
            continue;
        }
        let name = HeaderName::from_bytes(text).map_err(|_| Nomination::NoToken)?;
        if !ends_here(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Rule 3.
fn is_relied_on(name: &HeaderName) -> bool {
    let folded = folded(name);
    let name = folded.as_ref().unwrap_or(name);
    frames(name)
        || name.as_str().starts_with("content-")
        || matches!(name.as_str(), "authorization" | "cookie" | "max-forwards" | "via")
        || is_forwarding_header(name)
}

/// Rule 3, in a response.
fn is_kept(name: &HeaderName) -> bool {
    const KEPT: [&str; 8] = [
        "cache-control",
        "etag",
        "location",
        "set-cookie",
        "strict-transport-security",
        "vary",
        "www-authenticate",
        "x-frame-options",
    ];
    is_relied_on(name) || KEPT.contains(&name.as_str())
}

/// Rule 5.
fn is_dropped_alias(
    name: &HeaderName,
    underscores: Underscores,
    configured: &[HeaderName],
) -> bool {
    let Some(folded) = folded(name) else { return false };
    match underscores {
        Underscores::Pass => false,
        Underscores::DropAll => true,
        Underscores::DropAliases => {
            ends_here(&folded)
                || frames(&folded)
                || is_forwarding_header(&folded)
                || configured.contains(&folded)
        }
    }
}

/// A name with `-` in the place of each `_`, if it has one.
fn folded(name: &HeaderName) -> Option<HeaderName> {
    if !name.as_str().contains('_') {
        return None;
    }
    HeaderName::try_from(name.as_str().replace('_', "-")).ok()
}

/// Whether a list of tokens has this one.
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .any(|found| found.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Whether a request says `TE: trailers`, beside other codings or not (RFC 9110 §10.1.4).
fn accepts_trailers(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(TE).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{Nomination, Underscores, strip_request, strip_response};

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn what_ends_here() {
        let mut headers = map(&[
            ("connection", "x-hop, close, te"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic x"),
            ("te", "deflate, trailers"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAA"),
            ("trailer", "x-t"),
            ("x-end", "1"),
        ]);
        strip_request(&mut headers, Underscores::default(), &[]).expect("valid");
        let mut left = names(&headers);
        left.sort_unstable();
        assert_eq!(left, ["te", "trailer", "x-end"]);
        assert_eq!(headers["te"], "trailers");
    }

    #[test]
    fn nominations_that_are_refused() {
        for (value, expected) in [
            ("close, Cookie", Nomination::EndToEnd),
            ("X-Forwarded-For", Nomination::EndToEnd),
            ("x_real_ip", Nomination::EndToEnd),
            ("Content-Type", Nomination::EndToEnd),
            ("host", Nomination::EndToEnd),
            ("a b", Nomination::NoToken),
        ] {
            let mut headers = map(&[("connection", value)]);
            let result = strip_request(&mut headers, Underscores::default(), &[]);
            assert_eq!(result.err(), Some(expected), "{value}");
        }
        let most = ["x"; 32].join(",");
        for (value, is_refused) in [(most.clone(), false), (most + ",x", true)] {
            let mut headers = HeaderMap::new();
            headers.insert("connection", HeaderValue::try_from(value).expect("valid"));
            assert_eq!(
                strip_request(&mut headers, Underscores::default(), &[]).is_err(),
                is_refused
            );
        }
    }

    #[test]
    fn aliases() {
        let configured = [HeaderName::from_static("x-user")];
        for (underscores, left) in [
            (Underscores::DropAliases, vec!["x_other"]),
            (Underscores::DropAll, vec![]),
            (
                Underscores::Pass,
                vec!["x_forwarded_for", "transfer_encoding", "content_length", "x_user", "x_other"],
            ),
        ] {
            let mut headers = map(&[
                ("x_forwarded_for", "1"),
                ("transfer_encoding", "chunked"),
                ("content_length", "5"),
                ("x_user", "root"),
                ("x_other", "1"),
            ]);
            strip_request(&mut headers, underscores, &configured).expect("valid");
            assert_eq!(names(&headers), left);
        }
    }

    #[test]
    fn responses() {
        let mut headers =
            map(&[("connection", "x-hop, close"), ("x-hop", "1"), ("set-cookie", "a=1")]);
        strip_response(&mut headers).expect("valid");
        assert_eq!(names(&headers), ["set-cookie"]);
    }
}
