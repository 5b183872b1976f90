//! What a trusted peer's headers say: rules 3, 4 and 6 to 8 of the [decision](super).

use std::num::NonZeroUsize;

use super::{client::non_empty, own_client};
use crate::{
    config::{
        ClientRule, OnInvalid, OnMissing, Plan, PrefixRule, Reach, ScalarRule, Settings, Trusted,
    },
    error::{Error, ErrorKind, Fault},
    forwarded::{self, ForwardedElement, is_token},
    host::{self, HostPort},
    lines::{Element, FieldLines, RequestLines},
    node::{ForwardedFor, Node},
    prefix::{self, Prefix},
    resolved::{Resolved, Vouched},
    trace::{Recorder, Rule, Step},
};

pub(super) struct Decision<'a, R> {
    pub(super) settings: &'a Settings,
    pub(super) plan: &'a Plan,
    pub(super) lines: &'a RequestLines<'a>,
    /// What is believed goes here, in place of our own values.
    pub(super) resolved: &'a mut Resolved,
    pub(super) recorder: &'a mut R,
}

impl<'a, R: Recorder> Decision<'a, R> {
    /// What a trusted peer's headers say.
    pub(super) fn believe(&mut self) -> Result<(), Error> {
        self.check_connection()?;
        if self.lines.none_trusted() {
            self.recorder.record(|| Step::new(Rule::Missing));
            return match (self.settings.missing, self.plan.trusted_names().next()) {
                (OnMissing::Reject, Some(name)) => Err(Error::in_header(ErrorKind::Missing, name)),
                (OnMissing::Reject, None) => Err(Error::new(ErrorKind::Missing)),
                (OnMissing::Unknown | OnMissing::Peer, _) => {
                    self.resolved.client = Vouched::own(self.unnamed_client());
                    Ok(())
                }
            };
        }
        match &self.plan.client {
            Some(client @ Trusted { rule: ClientRule::Forwarded(reach), .. }) => {
                self.forwarded(self.lines.of(client), *reach)
            }
            _ => self.x_forwarded(),
        }
    }

    /// Rule 3.
    fn check_connection(&self) -> Result<(), Error> {
        let connection = self.lines.connection();
        if connection.is_absent() || self.settings.ignore_connection {
            return Ok(());
        }
        for line in connection.lines() {
            // Deliberately split at more than commas: a lax proxy may have read more options.
            for option in line.as_bytes().split(|&byte| !is_token(byte)) {
                if let Some(name) = self.plan.trusted_name(option) {
                    return Err(Error::in_header(ErrorKind::Nominated, name));
                }
            }
        }
        Ok(())
    }

    /// The client where no header names it.
    fn unnamed_client(&self) -> Node {
        match self.settings.missing {
            OnMissing::Peer => own_client(self.resolved.peer),
            OnMissing::Unknown | OnMissing::Reject => Node::UNKNOWN,
        }
    }

    /// The client where the header that names it is invalid, and that is no error.
    fn invalid_client(&self) -> Node {
        match self.settings.invalid {
            OnInvalid::Peer => own_client(self.resolved.peer),
            OnInvalid::Unknown | OnInvalid::Reject => Node::UNKNOWN,
        }
    }

    /// Rule 8: an error, or no value.
    fn settle<T>(&mut self, value: Result<T, Error>) -> Result<Option<T>, Error> {
        match value {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.forgive(error).map(|()| None),
        }
    }

    #[cold]
    fn forgive(&mut self, error: Error) -> Result<(), Error> {
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

    /// Rules 5 and 6.
    fn x_forwarded(&mut self) -> Result<(), Error> {
        let distance = match &self.plan.client {
            Some(trusted) => {
                if let Err(error) = self.x_client(self.lines.of(trusted), trusted.rule) {
                    self.forgive(error)?;
                    self.resolved.client = Vouched::own(self.invalid_client());
                }
                self.resolved.client.hop.map(NonZeroUsize::get)
            }
            None => {
                self.recorder.record(|| Step::new(Rule::ClientUntrusted));
                self.resolved.client = Vouched::own(self.unnamed_client());
                None
            }
        };
        let (plan, lines) = (self.plan, self.lines);
        if let Some(trusted) = &plan.proto {
            let element = select(lines.of(trusted), trusted.rule, distance, true);
            let parse = |text: &[u8]| plan.scheme_form.parse(text);
            if let Some(scheme) = self.read(element, Rule::Scheme, parse)? {
                self.resolved.scheme = scheme;
            }
        }
        if let Some(trusted) = &plan.host {
            let element = select(lines.of(trusted), trusted.rule, distance, false);
            if let Some(host) = self.read(element, Rule::Host, HostPort::parse)? {
                self.resolved.host = host.map(Some);
            }
        }
        if let Some(trusted) = &plan.port {
            let element = select(lines.of(trusted), trusted.rule, distance, false);
            if let Some(port) = self.read(element, Rule::Port, host::port)? {
                self.resolved.port = port.map(Some);
            }
        }
        self.prefix(distance)
    }

    /// Rule 7.
    fn forwarded(&mut self, lines: FieldLines<'a>, reach: Reach) -> Result<(), Error> {
        let found = self.find(lines, forwarded::last_comma, reach, |element| {
            non_empty(&element)?;
            let parsed = ForwardedElement::parse(element)?;
            if parsed.is_empty() {
                return Err(element.error(Fault::new(ErrorKind::Empty, 0)));
            }
            let node = parsed.for_node().map(|node| node.unwrap_or(Node::UNKNOWN));
            Ok((node.map(ForwardedFor::Node), parsed))
        });
        let Some(found) = self.settle(found)? else {
            self.resolved.client = Vouched::own(self.invalid_client());
            return Ok(());
        };
        self.resolved.client = match (self.settle(found.client)?, &found.read) {
            (Some(client), Some(read)) => Vouched::at(client, read.element()),
            (Some(client), None) => Vouched::own(client),
            (None, _) => Vouched::own(self.invalid_client()),
        };
        let Some(parsed) = found.read else { return Ok(()) };
        let element = parsed.element();
        if let Some(scheme) = self.value(parsed.proto(), Rule::Scheme, element)? {
            self.resolved.scheme = scheme;
        }
        if let Some(host) = self.value(parsed.host_port(), Rule::Host, element)? {
            self.resolved.host = host.map(Some);
        }
        Ok(())
    }

    fn prefix(&mut self, distance: Option<usize>) -> Result<(), Error> {
        let Some(trusted) = &self.plan.prefix else { return Ok(()) };
        let lines = self.lines.of(trusted);
        let prefix = match trusted.rule {
            PrefixRule::One(rule) => {
                let element = select(lines, rule, distance, false);
                self.read(element, Rule::Prefix, prefix::parse)?
            }
            PrefixRule::Joined(count) if !lines.is_absent() => {
                let joined = self.joined_prefix(lines, count);
                self.settle(joined)?
            }
            PrefixRule::Joined(_) => None,
        };
        if let Some(prefix) = prefix {
            self.resolved.prefix = prefix;
        }
        Ok(())
    }

    /// The last `count` prefixes, outermost first. An empty one adds nothing.
    fn joined_prefix(
        &mut self,
        lines: FieldLines<'a>,
        count: usize,
    ) -> Result<Vouched<Prefix>, Error> {
        let mut joined = Vec::new();
        for element in lines.elements() {
            let element = element?;
            if !element.text.is_empty() {
                let part = prefix::check(element.text).map_err(|fault| element.error(fault));
                let part = part.inspect_err(|error| self.invalid(&element, error))?;
                joined.splice(..0, part.iter().copied());
            }
            self.recorder.record(|| Step::at(Rule::Prefix, &element));
            if element.hop == count {
                return Ok(Vouched::at(Prefix::new(&joined), &element));
            }
        }
        Err(Error::in_header(ErrorKind::Short, lines.name).at_hop(count))
    }

    /// Reads the value of a selected element.
    fn read<T>(
        &mut self,
        element: Result<Option<Element<'a>>, Error>,
        rule: Rule,
        parse: impl Fn(&[u8]) -> Result<T, Fault>,
    ) -> Result<Option<Vouched<T>>, Error> {
        match element {
            Ok(Some(element)) => {
                let value = parse(element.text).map_err(|fault| element.error(fault));
                self.value(value.map(Some), rule, &element)
            }
            Ok(None) => Ok(None),
            Err(error) => self.forgive(error).map(|()| None),
        }
    }

    /// The value that was read in an element, if it has one.
    fn value<T>(
        &mut self,
        value: Result<Option<T>, Error>,
        rule: Rule,
        element: &Element<'a>,
    ) -> Result<Option<Vouched<T>>, Error> {
        match value {
            Ok(None) => Ok(None),
            Ok(Some(value)) => {
                self.recorder.record(|| Step::at(rule, element));
                Ok(Some(Vouched::at(value, element)))
            }
            Err(error) => {
                self.invalid(element, &error);
                self.forgive(error).map(|()| None)
            }
        }
    }

    /// Records why an element is not valid.
    pub(super) fn invalid(&mut self, element: &Element<'a>, error: &Error) {
        self.recorder.record(|| Step::at(Rule::Invalid, element).because(error));
    }
}

/// Selects the element that holds a scheme, host or port; `None` is our own value.
fn select(
    lines: FieldLines<'_>,
    rule: ScalarRule,
    distance: Option<usize>,
    required: bool,
) -> Result<Option<Element<'_>>, Error> {
    if lines.is_absent() {
        let incomplete = || Error::in_header(ErrorKind::Incomplete, lines.name);
        return if required { Err(incomplete()) } else { Ok(None) };
    }
    let n = match (rule, distance) {
        (ScalarRule::Count(count), _) => count,
        (ScalarRule::Aligned, Some(distance)) => distance,
        (ScalarRule::Aligned, None) => return Ok(None),
    };
    let element = match lines.nth(n) {
        // Deliberately: what is short, but of empty elements alone, says as little as what is
        // absent. HAProxy writes an empty X-Forwarded-Host for a request without a host, to which
        // Apache httpd then appends nothing.
        Err(error) if error.kind() == ErrorKind::Short && !required && lines.is_blank() => {
            return Ok(None);
        }
        element => element?,
    };
    if required {
        non_empty(&element)?;
    }
    Ok((!element.text.is_empty()).then_some(element))
}
