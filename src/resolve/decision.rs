//! A decision while it is made, and what becomes of an error in it: rules 10 and 11 of the
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
    /// What is believed replaces our own values here; the client is unknown at first.
    pub(super) resolved: &'a mut Resolved,
    pub(super) recorder: &'a mut R,
}

impl<R: Recorder> Decision<'_, R> {
    /// The client where no header names it.
    pub(super) fn unnamed_client(&mut self) {
        match self.way.settings.missing {
            OnMissing::Peer => self.resolved.own_client(),
            OnMissing::Unknown | OnMissing::Reject => {}
        }
    }

    /// An error in what names the client, or the client that is put in place where it is forgiven.
    #[cold]
    pub(super) fn without_client(&mut self, error: Error) -> Result<(), Error> {
        self.forgive(error)?;
        match self.way.settings.invalid {
            OnInvalid::Peer => self.resolved.own_client(),
            OnInvalid::Unknown | OnInvalid::Reject => {}
        }
        Ok(())
    }

    /// Rule 10: an error, or no value.
    #[cold]
    pub(super) fn forgive(&mut self, error: Error) -> Result<(), Error> {
        match self.way.settings.invalid {
            OnInvalid::Reject => Err(error),
            // Not a matter of one value's form: `all-trusted=reject`.
            _ if error.kind() == ErrorKind::AllTrusted => Err(error),
            OnInvalid::Unknown | OnInvalid::Peer => {
                self.recorder.record(|| Step::new(Rule::Fallback).because(&error));
                Ok(())
            }
        }
    }

    /// Rule 11, where our own scheme is `https`. `missing=peer` and `invalid=peer` keep it: they are for
    /// networks in which the peer may pass for the client.
    #[cold]
    #[inline(never)]
    pub(super) fn lower_scheme(&mut self) {
        let keeps = if self.lines.none_trusted() || !self.resolved.is_peer_trusted() {
            self.way.settings.missing == OnMissing::Peer
        } else {
            self.way.settings.invalid == OnInvalid::Peer
        };
        let is_own = self.resolved.scheme.hop.is_none() && self.way.plan.names_scheme();
        // A peer that is no proxy is the client, and the connection is its own.
        if is_own && !keeps && self.resolved.speaker != Speaker::Nobody {
            self.resolved.scheme.value = Scheme::Http;
            self.recorder.record(|| Step::new(Rule::SchemeLowered));
        }
    }

    /// The error of an element that is not valid, which is recorded.
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
