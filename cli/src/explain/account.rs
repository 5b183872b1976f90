//! One request under one configuration: the steps, the outcome, what was ignored, what would fit.

use std::collections::HashSet;

use http::{HeaderName, Request};
use proxyfix::{Config, Error, Explanation, Peer, Resolved, explain, fix_request};

use super::{
    hints::{self, Hint},
    request::Received,
    secret::Guarded,
};
use crate::{
    settings::{Settings, is_spelling},
    status::Status,
};

/// Everything that is reported about one request.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    pub(crate) config: &'a Config,
    pub(crate) peer: Option<Peer>,
    pub(crate) received: &'a Received,
    pub(crate) explanation: Explanation,
    /// The request as the application gets it.
    pub(crate) fixed: Result<Request<()>, Error>,
    /// The forwarding headers that are not believed.
    pub(crate) ignored: Vec<HeaderName>,
    pub(crate) hints: Vec<Hint>,
    /// What is assumed.
    pub(crate) note: Option<String>,
    /// The way in that decides.
    pub(crate) settings: Settings,
}

impl<'a> Account<'a> {
    /// The account of a request, after its secrets are replaced.
    pub(crate) fn of(guarded: &'a Guarded, peer: Option<Peer>, received: &'a mut Received) -> Self {
        guarded.hide(peer, received);
        let account = Self::new(&guarded.config, peer, received);
        let note = guarded.note(&account.settings);
        Self { note, ..account }
    }

    pub(super) fn new(config: &'a Config, peer: Option<Peer>, received: &'a Received) -> Self {
        let explanation = explain(peer, &received.headers, &received.uri, config);
        let mut request = received.request(peer);
        let fixed = fix_request(&mut request, config).map(|()| request);
        let settings = Settings::of_ways(config).swap_remove(explanation.way());
        let ignored = ignored(&settings, peer, received);
        let (hints, note) = (Vec::new(), None);
        let mut account =
            Self { config, peer, received, explanation, fixed, ignored, hints, note, settings };
        account.hints = hints::all(&account);
        account
    }

    /// Whether there is a step with this code.
    pub(crate) fn says(&self, code: &str) -> bool {
        self.explanation.steps().iter().any(|step| step.code() == code)
    }

    /// Whether this is the header of a secret, in any spelling.
    pub(crate) fn is_secret(&self, name: &HeaderName) -> bool {
        let secret = self.settings.get("secret-header");
        secret.is_some_and(|secret| is_spelling(name, secret))
    }

    /// What is believed, or the error of [`fix_request`], which checks more than `explain`.
    pub(crate) fn outcome(&self) -> Result<&Resolved, &Error> {
        self.fixed.as_ref()?;
        self.explanation.outcome()
    }

    /// Whether the peer may speak for the client.
    pub(crate) fn is_peer_trusted(&self) -> bool {
        self.says("peer-trusted")
    }

    pub(crate) fn status(&self) -> Status {
        if self.outcome().is_ok() { Status::Good } else { Status::Found }
    }
}

/// The forwarding headers that are not believed, even if they are kept.
fn ignored(settings: &Settings, peer: Option<Peer>, received: &Received) -> Vec<HeaderName> {
    let removing = settings.changed("headers", None).changed("exempt", None);
    // The headers are listed even if a value is invalid.
    let removing = removing.changed("invalid", Some("unknown")).config();
    let Ok(config) = removing else { return Vec::new() };
    explain(peer, &received.headers, &received.uri, &config).stripped().to_vec()
}

/// The header lines that the application gets, in their original order and spelling.
pub(crate) fn fixed_lines<'a>(
    received: &'a Received,
    fixed: &'a Request<()>,
) -> Vec<(&'a str, &'a [u8])> {
    let mut lines = Vec::new();
    let mut done: HashSet<&HeaderName> = HashSet::new();
    let added = fixed.headers().keys().filter(|name| !received.headers.contains_key(*name));
    let added = added.map(|name| (name.as_str(), name));
    let came = received.lines.iter().map(|line| (line.spelling.as_str(), &line.name));
    for (spelling, name) in added.chain(came) {
        if done.insert(name) {
            let values = fixed.headers().get_all(name);
            lines.extend(values.iter().map(|value| (spelling, value.as_bytes())));
        }
    }
    lines
}
