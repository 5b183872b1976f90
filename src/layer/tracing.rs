//! The events that the layer sends to `tracing`, with OpenTelemetry's field names if it has one.
//!
//! 1. A rejection is a warning. It has the error, the peer's address, a refused host, and the key of the
//!    configuration to change if the request was right.
//! 2. A resolution is an event at level debug, with the effective values.
//! 3. A likely mistake in the configuration is a warning; see [`diagnosis`](super::diagnosis).
//! 4. A difference that a candidate makes is an event at level debug, because strangers can cause as
//!    many as they like.
//! 5. Values are effective ones, valid and in canonical form. Of other text that a stranger wrote, an event
//!    holds at most one escaped character, and a rejection the refused host, escaped and cut.

use std::fmt;

use http::{
    Extensions, Request,
    header::{FORWARDED, HOST},
};

use super::diagnosis::Mistake;
use crate::{
    config::{ClientRule, Config, Plan, Trusted},
    error::{Error, ErrorKind},
    forwarded::forwarded_elements,
    lines::FieldLines,
    peer::Peer,
    resolved::Resolved,
};

pub(super) fn wants_warnings() -> bool {
    ::tracing::enabled!(::tracing::Level::WARN)
}

pub(super) fn mistake(mistake: Mistake, requests: u64, resolved: &Resolved) {
    ::tracing::warn!(
        network.peer.address =
            resolved.peer().and_then(|peer| peer.ip()).map(::tracing::field::display),
        client.address = resolved.client_ip().map(::tracing::field::display),
        proxyfix.key = mistake.key,
        proxyfix.fits = mistake.fits,
        proxyfix.requests = requests,
        "{}",
        mistake.text,
    );
}

pub(super) fn difference(difference: &dyn fmt::Display) {
    ::tracing::debug!(target: "proxyfix::shadow", %difference, "candidate configuration differs");
}

pub(super) fn prefix_without_resolved() {
    ::tracing::warn!("PrefixLayer adds nothing: ProxyFixLayer must wrap it");
}

pub(super) fn rejected<B>(error: &Error, config: &Config, request: &Request<B>) {
    let peer = request.extensions().get::<Peer>();
    ::tracing::warn!(
        http.response.status_code = error.status().as_u16(),
        %error,
        network.peer.address = peer.and_then(Peer::ip).map(::tracing::field::display),
        proxyfix.key = key(error, &config.way_of(peer).plan),
        proxyfix.refused.host = refused_host(error, request),
        "request rejected",
    );
}

pub(super) fn resolved(extensions: &Extensions) {
    let Some(resolved) = extensions.get::<Resolved>() else { return };
    ::tracing::debug!(
        client.address = resolved.client_ip().map(::tracing::field::display),
        client.port = resolved.client().socket_addr().map(|address| address.port()),
        url.scheme = resolved.scheme().as_str(),
        server.address = resolved.host(),
        server.port = resolved.port(),
        network.peer.address =
            resolved.peer().and_then(|peer| peer.ip()).map(::tracing::field::display),
        proxyfix.peer.trusted = resolved.is_peer_trusted(),
        "request resolved",
    );
}

/// The key of the configuration that decides about this error. `None` if the configuration is not at
/// fault, because the request breaks HTTP or our own wiring is wrong.
fn key(error: &Error, plan: &Plan) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::AllTrusted => Some("all-trusted"),
        ErrorKind::HostNotAllowed | ErrorKind::MissingHost => Some("hosts"),
        ErrorKind::BareIpv6 => Some("forwarded-ipv6"),
        ErrorKind::Missing => Some("missing"),
        ErrorKind::MissingSecret => Some("secret-header"),
        ErrorKind::Nominated => Some("connection"),
        ErrorKind::TooManyHops => Some("max-hops"),
        ErrorKind::UntrustedHop => Some("proxies"),
        ErrorKind::DuplicateParameter
        | ErrorKind::Empty
        | ErrorKind::HostMismatch
        | ErrorKind::Incomplete
        | ErrorKind::InvalidElement
        | ErrorKind::InvalidHost
        | ErrorKind::InvalidNode
        | ErrorKind::InvalidPath
        | ErrorKind::InvalidPort
        | ErrorKind::InvalidPrefix
        | ErrorKind::InvalidScheme
        | ErrorKind::InvalidTarget
        | ErrorKind::MissingPeer
        | ErrorKind::OtherConfig
        | ErrorKind::Repeated
        | ErrorKind::Short
        | ErrorKind::TooLong
        | ErrorKind::TooManyHeaders => key_of_header(error, plan),
    }
}

/// The key that trusts the header at fault.
fn key_of_header(error: &Error, plan: &Plan) -> Option<&'static str> {
    let header = error.header()?;
    let client = plan.client.as_ref().map(|client| {
        let key = match client.rule {
            ClientRule::List(_) => "for",
            ClientRule::Forwarded(_) => "forwarded",
            ClientRule::Single | ClientRule::SingleWithPort => "client-ip",
        };
        (client.name(), key)
    });
    let edge = plan.edge.as_ref().map(|edge| (&edge.name, "client-ip"));
    let trusted = [
        client,
        edge,
        plan.proto.as_ref().map(|trusted| (Trusted::name(trusted), "proto")),
        plan.host.as_ref().map(|trusted| (Trusted::name(trusted), "host")),
        plan.port.as_ref().map(|trusted| (Trusted::name(trusted), "port")),
        plan.prefix.as_ref().map(|trusted| (Trusted::name(trusted), "prefix")),
    ];
    trusted.into_iter().flatten().find(|(name, _)| *name == header).map(|(_, key)| key)
}

/// The most characters that are shown of a refused host.
const SHOWN: usize = 60;

/// The host that was refused, as it was written, but escaped and cut.
fn refused_host<B>(error: &Error, request: &Request<B>) -> Option<String> {
    let refused = [ErrorKind::HostNotAllowed, ErrorKind::HostMismatch, ErrorKind::InvalidHost];
    if !refused.contains(&error.kind()) {
        return None;
    }
    let show = |text: &[u8]| text.escape_ascii().map(char::from).take(SHOWN).collect();
    let Some(name) = error.header() else {
        return Some(show(request.uri().authority()?.as_str().as_bytes()));
    };
    if *name == HOST {
        // The whole value is shown, because a part of it would be a host that nobody sent.
        return Some(show(request.headers().get(HOST)?.as_bytes()));
    }
    let hop = error.hop().unwrap_or(1);
    if *name == FORWARDED {
        let element = forwarded_elements(request.headers()).nth(hop.checked_sub(1)?)?.ok()?;
        return Some(show(&element.parameter("host")?));
    }
    Some(show(FieldLines::of(request.headers(), name).nth(hop).ok()?.text))
}
