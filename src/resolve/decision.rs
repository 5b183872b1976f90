//! A decision while it is made, and what becomes of an error in it: rule 8 of the
//! [decision](super).

use crate::{
    config::{OnInvalid, OnMissing, Plan, Settings},
    error::{Error, ErrorKind, Fault},
    lines::{Element, RequestLines},
    node::ForwardedFor,
    resolved::Resolved,
    trace::{Recorder, Rule, Step},
};

pub(super) struct Decision<'a, R> {
    pub(super) settings: &'a Settings,
    pub(super) plan: &'a Plan,
    pub(super) lines: &'a RequestLines<'a>,
    /// What is believed goes here, in place of our own values; the client is unknown at first.
    pub(super) resolved: &'a mut Resolved,
    pub(super) recorder: &'a mut R,
}

impl<R: Recorder> Decision<'_, R> {
    /// The client where no header names it.
    pub(super) fn unnamed_client(&mut self) {
        match self.settings.missing {
            OnMissing::Peer => self.resolved.own_client(),
            OnMissing::Unknown | OnMissing::Reject => {}
        }
    }

    /// An error in what names the client, or the client that is put in place where it is forgiven.
    #[cold]
    pub(super) fn without_client(&mut self, error: Error) -> Result<(), Error> {
        self.forgive(error)?;
        match self.settings.invalid {
            OnInvalid::Peer => self.resolved.own_client(),
            OnInvalid::Unknown | OnInvalid::Reject => {}
        }
        Ok(())
    }

    /// Rule 8: an error, or no value.
    #[cold]
    pub(super) fn forgive(&mut self, error: Error) -> Result<(), Error> {
        match self.settings.invalid {
            OnInvalid::Reject => Err(error),
            // Not a matter of one value's form: `all-trusted=reject`.
            _ if error.kind() == ErrorKind::AllTrusted => Err(error),
            OnInvalid::Unknown | OnInvalid::Peer => {
                self.recorder.record(|| Step::new(Rule::Fallback).because(&error));
                Ok(())
            }
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
        self.settings.proxies.as_ref().is_some_and(|proxies| proxies.contains_hop(hop))
    }
}
