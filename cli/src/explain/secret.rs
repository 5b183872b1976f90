//! Hides the secrets in a request: no byte of them may be printed.
//!
//! 1. The library compares the header with the true secrets. Without them, any single line counts as right.
//! 2. Then all values of the header, in any spelling, are replaced: by [`SECRET`] if the comparison
//!    succeeds, by [`HIDDEN`] if it fails. All later code sees only the replaced values.

use http::{HeaderName, HeaderValue};
use proxyfix::{Config, Peer, explain};

use super::request::Received;
use crate::{
    config::ConfigArgument,
    settings::{SECRET, Settings, is_spelling},
    status::Failure,
};

/// Replaces the value of a line that is not the secret.
pub(crate) const HIDDEN: &str = "(hidden)";

/// A configuration, and the way to find out whether a request sends its secret.
#[derive(Debug)]
pub(crate) struct Guarded {
    /// With [`SECRET`] instead of the true ones.
    pub(crate) config: Config,
    /// With the true ones, if they are known.
    with_secrets: Option<Config>,
    names: Vec<HeaderName>,
}

impl Guarded {
    pub(crate) fn read(argument: &ConfigArgument) -> Result<Self, Failure> {
        let with_secrets = argument.with_secrets()?;
        let config = argument.read()?.config;
        let ways = Settings::of_ways(&config);
        let names = ways.iter().flat_map(|way| way.names("secret-header")).collect();
        Ok(Self { config, with_secrets, names })
    }

    /// Replaces the secrets of a request from this peer.
    pub(crate) fn hide(&self, peer: Option<Peer>, received: &mut Received) {
        if self.names.is_empty() {
            return;
        }
        let is_proved = self.with_secrets.as_ref().is_none_or(|config| {
            let explanation = explain(peer, &received.headers, &received.uri, config);
            explanation.steps().iter().all(|step| step.code() != "secret-missing")
        });
        let value = HeaderValue::from_static(if is_proved { SECRET } else { HIDDEN });
        let is_secret =
            |name: &HeaderName| self.names.iter().any(|other| is_spelling(name, other.as_str()));
        received.replace(is_secret, &value);
    }

    /// What is assumed if this way decides.
    pub(crate) fn note(&self, way: &Settings) -> Option<String> {
        let name = way.get("secret-header").filter(|_| self.with_secrets.is_none())?;
        Some(format!(
            "no secret is known, so any single line of {name} counts as right; give the secret in \
             PROXYFIX_SECRET or PROXYFIX_SECRET_FILE"
        ))
    }
}
