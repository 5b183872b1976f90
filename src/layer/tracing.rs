//! One event per rejection and, at debug level, per resolution, with the field names of
//! OpenTelemetry, but for `proxyfix.peer.trusted`; and at debug level one per difference that a
//! candidate makes, for strangers can make as many as they like. Their values are effective ones,
//! validated and in canonical form; of what else a stranger wrote, they hold one escaped character
//! at most.

use std::fmt;

use http::Extensions;

use crate::{error::Error, resolved::Resolved};

pub(super) fn difference(difference: &dyn fmt::Display) {
    ::tracing::debug!(target: "proxyfix::shadow", %difference, "candidate configuration differs");
}

pub(super) fn prefix_without_resolved() {
    ::tracing::warn!("PrefixLayer adds nothing: ProxyFixLayer must stand around it");
}

pub(super) fn event(outcome: &Result<(), Error>, extensions: &Extensions) {
    match outcome {
        Err(error) => {
            let status = error.status().as_u16();
            ::tracing::warn!(http.response.status_code = status, %error, "request rejected");
        }
        Ok(()) => {
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
    }
}
