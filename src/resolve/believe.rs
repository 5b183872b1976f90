//! What a trusted peer's headers say: rules 3, 4 and 6 to 8 of the [decision](super).

use http::HeaderName;

use super::client::non_empty;
use crate::{
    config::{
        ClientRule, OnInvalid, OnMissing, Plan, PrefixRule, Reach, ScalarRule, Settings, Trusted,
    },
    error::{Error, ErrorKind, Fault},
    forwarded::{self, ForwardedElement, is_token},
    host::{self, HostPort},
    lines::{Element, FieldLines, RequestLines},
    node::{ForwardedFor, Node},
    peer::Peer,
    prefix::{self, Prefix},
    resolved::Source,
    scheme::Scheme,
    trace::{Recorder, Rule, Step},
};

/// A value and who vouches for it.
pub(super) struct Claim<T> {
    pub(super) value: T,
    pub(super) source: Source,
}

impl<T> Claim<T> {
    pub(super) fn own(value: T) -> Self {
        Self { value, source: Source::Own }
    }

    pub(super) fn at(value: T, element: &Element<'_>) -> Self {
        Self { value, source: Source::Header { name: element.name.clone(), hop: element.hop } }
    }
}

/// What is believed of a request; `None` is our own value.
pub(super) struct Believed {
    pub(super) client: Claim<Node>,
    pub(super) scheme: Option<Claim<Scheme>>,
    pub(super) host: Option<Claim<HostPort>>,
    pub(super) port: Option<Claim<u16>>,
    pub(super) prefix: Option<Claim<Prefix>>,
}

impl Believed {
    pub(super) fn only(client: Claim<Node>) -> Self {
        Self { client, scheme: None, host: None, port: None, prefix: None }
    }
}

pub(super) struct Decision<'a, R> {
    pub(super) settings: &'a Settings,
    pub(super) plan: &'a Plan,
    pub(super) peer: Option<Peer>,
    pub(super) lines: &'a RequestLines<'a>,
    pub(super) recorder: &'a mut R,
}

impl<'a, R: Recorder> Decision<'a, R> {
    /// What a trusted peer's headers say.
    pub(super) fn believe(&mut self) -> Result<Believed, Error> {
        self.check_connection()?;
        if self.lines.trusted().all(FieldLines::is_absent) {
            self.recorder.record(|| Step::new(Rule::Missing));
            return match (self.settings.missing, self.plan.trusted_names().next()) {
                (OnMissing::Reject, Some(name)) => Err(Error::in_header(ErrorKind::Missing, name)),
                (OnMissing::Reject, None) => Err(Error::new(ErrorKind::Missing)),
                (OnMissing::Unknown | OnMissing::Peer, _) => {
                    Ok(Believed::only(self.unnamed_client()))
                }
            };
        }
        match (&self.plan.client, self.lines.client) {
            (Some(Trusted { rule: ClientRule::Forwarded(reach), .. }), Some(lines)) => {
                self.forwarded(lines, *reach)
            }
            _ => self.x_forwarded(),
        }
    }

    /// Rule 3.
    fn check_connection(&self) -> Result<(), Error> {
        if self.settings.ignore_connection {
            return Ok(());
        }
        for options in self.lines.connection.elements() {
            // Deliberately split at more than commas: a lax proxy may have read more options.
            for option in options?.text.split(|&byte| !is_token(byte)) {
                let names =
                    |name: &&HeaderName| option.eq_ignore_ascii_case(name.as_str().as_bytes());
                if let Some(name) = self.plan.trusted_names().find(names) {
                    return Err(Error::in_header(ErrorKind::Nominated, name));
                }
            }
        }
        Ok(())
    }

    pub(super) fn own_client(&self) -> Claim<Node> {
        Claim::own(self.peer.map_or(Node::UNKNOWN, |peer| peer.node()))
    }

    /// The client where no header names it.
    fn unnamed_client(&self) -> Claim<Node> {
        match self.settings.missing {
            OnMissing::Peer => self.own_client(),
            OnMissing::Unknown | OnMissing::Reject => Claim::own(Node::UNKNOWN),
        }
    }

    /// The client where the header that names it is invalid, and that is no error.
    fn invalid_client(&self) -> Claim<Node> {
        match self.settings.invalid {
            OnInvalid::Peer => self.own_client(),
            OnInvalid::Unknown | OnInvalid::Reject => Claim::own(Node::UNKNOWN),
        }
    }

    /// Rule 8: an error, or no value.
    fn settle<T>(&mut self, value: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
        match (value, self.settings.invalid) {
            (Ok(value), _) => Ok(value),
            (Err(error), OnInvalid::Reject) => Err(error),
            // Not a matter of one value's form: `all-trusted=reject`.
            (Err(error), _) if error.kind() == ErrorKind::AllTrusted => Err(error),
            (Err(error), OnInvalid::Unknown | OnInvalid::Peer) => {
                self.recorder.record(|| Step::new(Rule::Fallback).because(&error));
                Ok(None)
            }
        }
    }

    /// Rules 5 and 6.
    fn x_forwarded(&mut self) -> Result<Believed, Error> {
        let (client, distance) = match (&self.plan.client, self.lines.client) {
            (Some(trusted), Some(lines)) => {
                let found = self.x_client(lines, trusted.rule);
                match self.settle(found.map(Some))? {
                    Some((claim, distance)) => (claim, distance),
                    None => (self.invalid_client(), None),
                }
            }
            _ => {
                self.recorder.record(|| Step::new(Rule::ClientUntrusted));
                (self.unnamed_client(), None)
            }
        };
        let (plan, lines) = (self.plan, self.lines);
        let rule = |trusted: &Option<Trusted<ScalarRule>>| trusted.as_ref().map(|t| t.rule);
        let proto = select(lines.proto, rule(&plan.proto), distance, true);
        let host = select(lines.x_host, rule(&plan.host), distance, false);
        let port = select(lines.port, rule(&plan.port), distance, false);
        Ok(Believed {
            client,
            scheme: self.claim(proto, Rule::Scheme, |text| plan.scheme_form.parse(text))?,
            host: self.claim(host, Rule::Host, HostPort::parse)?,
            port: self.claim(port, Rule::Port, host::port)?,
            prefix: self.prefix(distance)?,
        })
    }

    /// Rule 7.
    fn forwarded(&mut self, lines: FieldLines<'a>, reach: Reach) -> Result<Believed, Error> {
        let elements = lines.elements_by(forwarded::last_comma);
        let found = self.find(lines.name, elements, reach, |element| {
            non_empty(&element)?;
            let parsed = ForwardedElement::parse(element)?;
            if parsed.is_empty() {
                return Err(element.error(Fault::new(ErrorKind::Empty, 0)));
            }
            let node = parsed.for_node().map(|node| node.unwrap_or(Node::UNKNOWN));
            Ok((node.map(ForwardedFor::Node), parsed))
        });
        let Some(found) = self.settle(found.map(Some))? else {
            return Ok(Believed::only(self.invalid_client()));
        };
        let client = self.settle(found.client.map(Some))?;
        let Some((element, parsed)) = found.at else {
            return Ok(Believed::only(client.map_or_else(|| self.invalid_client(), Claim::own)));
        };
        let claimed = |node| Claim::at(node, &element);
        let scheme = self.settle(parsed.proto())?;
        let host = self.settle(parsed.host_port())?;
        if scheme.is_some() {
            self.recorder.record(|| Step::at(Rule::Scheme, &element));
        }
        if host.is_some() {
            self.recorder.record(|| Step::at(Rule::Host, &element));
        }
        Ok(Believed {
            client: client.map_or_else(|| self.invalid_client(), claimed),
            scheme: scheme.map(|scheme| Claim::at(scheme, &element)),
            host: host.map(|host| Claim::at(host, &element)),
            port: None,
            prefix: None,
        })
    }

    fn prefix(&mut self, distance: Option<usize>) -> Result<Option<Claim<Prefix>>, Error> {
        let (Some(trusted), Some(lines)) = (&self.plan.prefix, self.lines.prefix) else {
            return Ok(None);
        };
        match trusted.rule {
            PrefixRule::One(rule) => {
                let element = select(Some(lines), Some(rule), distance, false);
                self.claim(element, Rule::Prefix, prefix::parse)
            }
            PrefixRule::Joined(count) if !lines.is_absent() => {
                let joined = self.joined_prefix(lines, count).map(Some);
                self.settle(joined)
            }
            PrefixRule::Joined(_) => Ok(None),
        }
    }

    /// The last `count` prefixes, outermost first. An empty one adds nothing.
    fn joined_prefix(
        &mut self,
        lines: FieldLines<'a>,
        count: usize,
    ) -> Result<Claim<Prefix>, Error> {
        let mut joined = Vec::new();
        for element in lines.elements() {
            let element = element?;
            if !element.text.is_empty() {
                let part = prefix::check(element.text).map_err(|fault| element.error(fault))?;
                joined.splice(..0, part.iter().copied());
            }
            self.recorder.record(|| Step::at(Rule::Prefix, &element));
            if element.hop == count {
                return Ok(Claim::at(Prefix::new(&joined), &element));
            }
        }
        Err(Error::in_header(ErrorKind::Short, lines.name).at_hop(count))
    }

    /// Reads the value of a selected element.
    fn claim<T>(
        &mut self,
        element: Result<Option<Element<'a>>, Error>,
        rule: Rule,
        parse: impl Fn(&[u8]) -> Result<T, Fault>,
    ) -> Result<Option<Claim<T>>, Error> {
        let claim = match element {
            Ok(Some(element)) => match parse(element.text) {
                Ok(value) => {
                    self.recorder.record(|| Step::at(rule, &element));
                    Ok(Some(Claim::at(value, &element)))
                }
                Err(fault) => {
                    let error = element.error(fault);
                    self.recorder.record(|| Step::at(Rule::Invalid, &element).because(&error));
                    Err(error)
                }
            },
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        self.settle(claim)
    }
}

/// Selects the element that holds a scheme, host or port; `None` is our own value.
fn select(
    lines: Option<FieldLines<'_>>,
    rule: Option<ScalarRule>,
    distance: Option<usize>,
    required: bool,
) -> Result<Option<Element<'_>>, Error> {
    let (Some(lines), Some(rule)) = (lines, rule) else { return Ok(None) };
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
