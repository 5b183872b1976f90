//! One request under one configuration: the steps, the outcome, what was ignored, what would fit.

use std::collections::HashSet;

use http::{HeaderName, Request};
use proxyfix::{Config, Error, Explanation, Peer, Resolved, explain, fix_request};

use super::{
    hints::{self, Hint},
    request::Received,
};
use crate::{settings::Settings, status::Status};

/// All that there is to say of one request.
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
}

impl<'a> Account<'a> {
    pub(crate) fn new(config: &'a Config, peer: Option<Peer>, received: &'a Received) -> Self {
        let explanation = explain(peer, &received.headers, &received.uri, config);
        let mut request = received.request(peer);
        let fixed = fix_request(&mut request, config).map(|()| request);
        let settings = Settings::from(config);
        let ignored = ignored(&settings, peer, received);
        let mut account =
            Self { config, peer, received, explanation, fixed, ignored, hints: Vec::new() };
        account.hints = hints::all(&account, &settings);
        account
    }

    /// What is believed; the error of [`fix_request`], which checks more than `explain`.
    pub(crate) fn outcome(&self) -> Result<&Resolved, &Error> {
        self.fixed.as_ref()?;
        self.explanation.outcome()
    }

    /// Whether the peer may speak for the client.
    pub(crate) fn is_peer_trusted(&self) -> bool {
        self.explanation.steps().iter().any(|step| step.code() == "peer-trusted")
    }

    pub(crate) fn status(&self) -> Status {
        if self.outcome().is_ok() { Status::Good } else { Status::Found }
    }
}

/// The forwarding headers that are not believed, also where they are kept.
fn ignored(settings: &Settings, peer: Option<Peer>, received: &Received) -> Vec<HeaderName> {
    let removing = settings
        .with("headers", None)
        .map(|config| Settings::from(&config))
        .and_then(|settings| settings.with("exempt", None))
        // An invalid value is no reason not to say which headers are there.
        .map(|config| Settings::from(&config))
        .and_then(|settings| settings.with("invalid", Some("unknown")));
    let Ok(config) = removing else { return Vec::new() };
    explain(peer, &received.headers, &received.uri, &config).stripped().to_vec()
}

/// The header lines that the application gets, in the order and spelling in which they came.
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
