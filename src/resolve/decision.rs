//! A decision while it is made, and how it treats an error: rules 10 and 11 of the
//! [decision](super).

use crate::{
    config::{OnInvalid, OnMissing, Way},
    error::{Error, ErrorKind, Fault},
    lines::{Element, RequestLines},
    node::ForwardedFor,
    resolved::{Resolved, Speaker},
    scheme::Scheme,
    trace::{Recorder, Rule, Step},
};

pub(super) struct Decision<'a, R> {
    pub(super) way: &'a Way,
    pub(super) lines: &'a RequestLines<'a>,
    /// Our own values at first, with an unknown client. Values that are believed replace them.
    pub(super) resolved: &'a mut Resolved,
    pub(super) recorder: &'a mut R,
}

impl<R: Recorder> Decision<'_, R> {
    /// Stores the client for a request in which no header names it.
    pub(super) fn unnamed_client(&mut self) {
        match self.way.settings.missing {
            OnMissing::Peer => self.resolved.own_client(),
            OnMissing::Unknown | OnMissing::Reject => {}
        }
    }

    /// An error in the element that names the client. If it is forgiven, stores the client instead.
    #[cold]
    pub(super) fn without_client(&mut self, error: Error) -> Result<(), Error> {
        self.forgive(error)?;
        match self.way.settings.invalid {
            OnInvalid::Peer => self.resolved.own_client(),
            OnInvalid::Unknown | OnInvalid::Reject => {}
        }
        Ok(())
    }

    /// Rule 10: returns the error, or forgives it.
    #[cold]
    pub(super) fn forgive(&mut self, error: Error) -> Result<(), Error> {
        match self.way.settings.invalid {
            OnInvalid::Reject => Err(error),
            // This error is about `all-trusted=reject`, not about the form of one value.
            _ if error.kind() == ErrorKind::AllTrusted => Err(error),
            OnInvalid::Unknown | OnInvalid::Peer => {
                self.recorder.record(|| Step::new(Rule::Fallback).because(&error));
                Ok(())
            }
        }
    }

    /// Rule 11, if our own scheme is `https`. `missing=peer` and `invalid=peer` keep it, because they are
    /// for networks in which the peer may pass for the client.
    #[cold]
    #[inline(never)]
    pub(super) fn lower_scheme(&mut self) {
        let keeps = if self.lines.none_trusted() || !self.resolved.is_peer_trusted() {
            self.way.settings.missing == OnMissing::Peer
        } else {
            self.way.settings.invalid == OnInvalid::Peer
        };
        let is_own = self.resolved.scheme.hop.is_none() && self.way.plan.names_scheme();
        // A peer that is not a proxy is the client, and the connection is its own.
        if is_own && !keeps && self.resolved.speaker != Speaker::Nobody {
            self.resolved.scheme.value = Scheme::Http;
            self.recorder.record(|| Step::new(Rule::SchemeLowered));
        }
    }

    /// Makes the error of an invalid element, and records it.
    #[cold]
    pub(super) fn invalid(&mut self, element: Element<'_>, fault: Fault) -> Error {
        let error = element.error(fault);
        self.recorder.record(|| Step::at(Rule::Invalid, &element).because(&error));
        error
    }

    pub(super) fn is_proxy(&self, hop: &ForwardedFor) -> bool {
        self.way.settings.proxies.as_ref().is_some_and(|proxies| proxies.contains_hop(hop))
    }
}
