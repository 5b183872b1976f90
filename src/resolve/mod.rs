//! The decision: which of the headers' claims are believed.
//!
//! 1. **Way in.** If there are several, the first one whose `proxies` include the peer decides. If none
//!    does, the last one decides. Nothing else in the request has an influence on this.
//! 2. **Peer gate.** If the peer is not one of `proxies`, nothing is believed: the peer is the client.
//!    A missing peer is a fault of our own wiring, except with `proxies=any`. If the proxy must send a
//!    secret and the request has none, nothing is believed either. Then `missing` says who the client
//!    is, because the peer may be a proxy that a client got to drop the secret.
//! 3. **`Host`** is checked on every request, even if a header overrides it: one line, valid.
//!    In HTTP/2 and HTTP/3 it equals the target's authority (RFC 9113 §8.3.1).
//! 4. **`Connection`** must not name a trusted header (RFC 9110 §7.6.1), the secret's header or a header
//!    that only proxies may send: a proxy on the way may have dropped what another proxy wrote.
//! 5. **Missing.** If no trusted header is present, `missing` says who the client is. It also says so if
//!    no header is trusted to name the client.
//! 6. **Client.** With a count, it is the *n*th element from the right, never a nearer one. With a walk, it
//!    is the first element from the right that is not one of `proxies`. An identifier, `unknown` and an
//!    address that is not a proxy end the walk. A malformed element is never skipped.
//! 7. **Edge.** If that element is an address of the `edge`, the header of `client-ip` names the
//!    client and must be present once. Any other address is the client, and the header is not read.
//! 8. **Scheme, host, port, prefix** are each read from a list of their own: by count, or aligned with the
//!    client's distance in its list. If `for` or `proto` is trusted but absent, the request is
//!    incomplete. If host, port or prefix is absent, our own value counts. A list of these three that is
//!    short counts as absent if all its elements are empty.
//! 9. **`Forwarded`** gives client, scheme and host in one element, or scheme and host in the elements
//!    that `proto` and `host` count. With a count, a malformed `for` does not spoil a valid `proto` and
//!    `host`, if `invalid` forgives it. A walk that meets a malformed `for` has found no element, so it
//!    gives up everything that the element would have named.
//! 10. **Invalid** values reject the request or count as absent, as `invalid` says.
//! 11. **Our own scheme** is the connection's, never the target's, because a client writes the target. If a
//!     header is trusted to name the scheme and does not, our own `https` becomes `http`: the connection
//!     proves TLS between the proxy and us, not between the client and the proxy.
//! 12. **Allowed hosts** apply to the host and port in effect, no matter where these come from.

mod believe;
mod client;
mod decision;

use std::sync::OnceLock;

use http::{HeaderMap, Uri, Version, header::HOST};

use self::decision::Decision;
use crate::{
    config::Config,
    error::{Error, ErrorKind, Fault},
    host::{Host, HostPort},
    lines::{RequestLines, trim},
    node::Node,
    peer::Peer,
    prefix::Prefix,
    resolved::{Resolved, Source, Speaker, Vouched},
    scheme::Scheme,
    trace::{Off, Recorder, Rule, Step},
};

/// The parts of a request that a decision looks at.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) peer: Option<Peer>,
    /// The decision fills these in.
    pub(crate) lines: RequestLines<'a>,
    pub(crate) uri: &'a Uri,
    /// `None` if the caller does not know it; rule 3 then assumes HTTP/1.1.
    pub(crate) version: Option<Version>,
}

impl<'a> Head<'a> {
    /// The decision finds the lines.
    #[inline]
    pub(crate) fn new(
        peer: Option<Peer>,
        headers: &'a HeaderMap,
        uri: &'a Uri,
        version: Option<Version>,
    ) -> Self {
        Self { peer, lines: RequestLines::new(headers), uri, version }
    }

    /// The head of a request from this peer.
    #[cfg(feature = "tower")]
    pub(crate) fn of<B>(peer: Option<Peer>, request: &'a http::Request<B>) -> Self {
        Self::new(peer, request.headers(), request.uri(), Some(request.version()))
    }
}

/// Decides what may be believed about a request, and changes nothing.
///
/// If you have only headers, pass `Uri::default()` as the URI. This function does not know the version of
/// the request, so only [`fix_request`](crate::fix_request) checks that `Host` equals the target's
/// authority in HTTP/2.
///
/// It makes one pass over the field names, and then looks at the trusted elements, `Host` and
/// `Connection`. It allocates nothing, except for hosts over 62 bytes, prefixes over 30,
/// identifiers over 22, joined prefixes, and escaped values of `Forwarded`.
///
/// # Errors
/// An error means: reject the request with [`Error::status`]. Examples are `X-Forwarded-For: 192.0.2.256`
/// with `for=1`, one element with `for=2`, two `Host` lines, `Connection: X-Forwarded-For`.
/// [`ErrorKind::MissingPeer`] if `peer` is `None` and `proxies` is not `any`.
///
/// ```
/// use http::{HeaderMap, Uri};
/// use proxyfix::{resolve, Config, Peer};
///
/// let config: Config = "proxies=loopback for=1".parse()?;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "6.6.6.6, 203.0.113.9".parse()?);
///
/// let peer = Peer::from(std::net::IpAddr::from([127, 0, 0, 1]));
/// let resolved = resolve(peer, &headers, &Uri::default(), &config)?;
/// assert_eq!(resolved.client_ip(), Some([203, 0, 113, 9].into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn resolve(
    peer: impl Into<Option<Peer>>,
    headers: &HeaderMap,
    uri: &Uri,
    config: &Config,
) -> Result<Resolved, Error> {
    decide(&mut Head::new(peer.into(), headers, uri, None), config, &mut Off)
}

/// The one algorithm behind [`resolve`], [`explain`](fn@crate::explain) and
/// [`fix_request`](crate::fix_request).
pub(crate) fn decide<R: Recorder>(
    head: &mut Head<'_>,
    config: &Config,
    recorder: &mut R,
) -> Result<Resolved, Error> {
    let way = config.way_of(head.peer.as_ref());
    let mut speaker =
        if way.settings.is_proxy(head.peer.as_ref()) { Speaker::Peer } else { Speaker::Nobody };
    // An unknown peer selects no way in.
    if head.peer.is_none() && (speaker == Speaker::Nobody || config.has_several()) {
        return Err(Error::new(ErrorKind::MissingPeer));
    }
    head.lines.find(&way.plan);
    if speaker == Speaker::Peer && !way.settings.is_proved(head.lines.headers()) {
        speaker = Speaker::Unproved;
    }
    let own_scheme = head.peer.and_then(|peer| peer.scheme()).unwrap_or(way.settings.listener);
    let own_host = own_host(head, own_scheme)?;
    // Our own values, until a header that is believed says otherwise.
    let mut resolved = Resolved {
        config: config.clone(),
        peer: head.peer,
        speaker,
        client: Vouched::own(Node::UNKNOWN),
        scheme: Vouched::own(own_scheme),
        host: Vouched::own(None),
        port: Vouched::own(None),
        prefix: Vouched::own(Prefix::EMPTY),
        mounted: 0,
        original: None,
        authority: OnceLock::new(),
    };
    match speaker {
        Speaker::Peer | Speaker::Edge => {
            recorder.record(|| Step::new(Rule::PeerTrusted));
            Decision { way, lines: &head.lines, resolved: &mut resolved, recorder }.believe()?;
        }
        Speaker::Nobody => {
            recorder.record(|| Step::new(Rule::PeerUntrusted));
            resolved.own_client();
        }
        Speaker::Unproved => {
            Decision { way, lines: &head.lines, resolved: &mut resolved, recorder }.unproved()?;
        }
    }
    if own_scheme == Scheme::Https {
        Decision { way, lines: &head.lines, resolved: &mut resolved, recorder }.lower_scheme();
    }
    if let (None, Some(own)) = (&resolved.host.value, own_host) {
        resolved.host.value.insert(HostPort::EMPTY).set(own);
    }
    if let (None, Some(host)) = (resolved.port.hop, &resolved.host.value) {
        resolved.port.value = host.port;
    }
    if !way.settings.hosts.is_empty() {
        check_allowed(&resolved, head)?;
    }
    for rule in own_values(&resolved) {
        recorder.record(|| Step::new(rule));
    }
    Ok(resolved)
}

/// One rule for each value that is our own.
fn own_values(resolved: &Resolved) -> impl Iterator<Item = Rule> {
    [
        (Rule::OwnClient, resolved.client.hop),
        (Rule::OwnScheme, resolved.scheme.hop),
        (Rule::OwnHost, resolved.host.hop),
        (Rule::OwnPort, resolved.port.hop.or(resolved.host.hop)),
        (Rule::OwnPrefix, resolved.prefix.hop),
    ]
    .into_iter()
    .filter_map(|(rule, hop)| hop.is_none().then_some(rule))
}

/// Rule 3: the target's authority, or `Host` if there is none.
#[inline]
fn own_host<'a>(head: &Head<'a>, own_scheme: Scheme) -> Result<Option<Host<'a>>, Error> {
    let field = match head.lines.host().single()?.map(|line| trim(line.as_bytes())) {
        None | Some(b"") => None,
        Some(text) => Some(Host::parse(text).map_err(|fault| fault.in_header(&HOST))?),
    };
    let Some(authority) = head.uri.authority() else { return Ok(field) };
    let target = Host::parse(authority.as_str().as_bytes()).map_err(Fault::in_target)?;
    let multiplexed = matches!(head.version, Some(Version::HTTP_2 | Version::HTTP_3));
    // The target's own scheme says which port it leaves out.
    let scheme = head.uri.scheme_str().and_then(|scheme| scheme.parse().ok()).unwrap_or(own_scheme);
    let port = |host: &Host<'_>| host.port.unwrap_or_else(|| scheme.default_port());
    let differs = |field: Host<'_>| !field.is_host_of(&target) || port(&field) != port(&target);
    if multiplexed && field.is_some_and(differs) {
        return Err(Error::in_header(ErrorKind::HostMismatch, &HOST));
    }
    Ok(Some(target))
}

/// Rule 12, if there are allowed hosts.
fn check_allowed(resolved: &Resolved, head: &Head<'_>) -> Result<(), Error> {
    let (hosts, port) = (&resolved.way().settings.hosts, resolved.port());
    let kind = match resolved.host() {
        None => return Err(Error::new(ErrorKind::MissingHost)),
        Some(host) if hosts.iter().any(|allowed| allowed.matches(host, port)) => return Ok(()),
        Some(_) => ErrorKind::HostNotAllowed,
    };
    Err(match resolved.source().host() {
        Source::Header { name, hop } => Error::in_header(kind, name).at_hop(hop),
        Source::Own if head.uri.authority().is_some() => Error::new(kind),
        Source::Own => Error::in_header(kind, &HOST),
    })
}
