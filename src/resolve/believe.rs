//! What a trusted peer's headers say: rules 2, 4, 5 and 8 to 10 of the [decision](super).

use std::num::NonZeroUsize;

use http::HeaderValue;

use super::{client::Entry, decision::Decision};
use crate::{
    config::{ClientRule, OnMissing, PrefixRule, Reach, ScalarRule, Trusted},
    error::{Error, ErrorKind, Fault},
    forwarded::{self, Parameters, is_token},
    host::{self, Host, HostPort},
    lines::{Element, FieldLines, Missed},
    prefix::{self, Prefix},
    resolved::Vouched,
    trace::{Recorder, Rule, Step},
};

impl<'a, R: Recorder> Decision<'a, R> {
    /// Rule 2, if the peer is one of the proxies and sends no secret.
    #[cold]
    #[inline(never)]
    pub(super) fn unproved(&mut self) -> Result<(), Error> {
        self.recorder.record(|| Step::new(Rule::SecretMissing));
        match (self.way.settings.missing, &self.way.settings.secret_header) {
            (OnMissing::Reject, Some(name)) => {
                Err(Error::in_header(ErrorKind::MissingSecret, name))
            }
            _ => {
                self.unnamed_client();
                Ok(())
            }
        }
    }

    /// Reads the headers of a trusted peer.
    #[inline]
    pub(super) fn believe(&mut self) -> Result<(), Error> {
        if self.lines.has_connection() {
            self.check_connection()?;
        }
        if self.lines.none_trusted() {
            return self.missing();
        }
        match &self.way.plan.client {
            Some(client @ Trusted { rule: ClientRule::Forwarded(reach), .. }) => {
                self.forwarded(self.lines.of(client), *reach)
            }
            _ => self.x_forwarded(),
        }
    }

    /// Rule 5.
    fn missing(&mut self) -> Result<(), Error> {
        self.recorder.record(|| Step::new(Rule::Missing));
        if self.way.settings.missing != OnMissing::Reject {
            self.unnamed_client();
            return Ok(());
        }
        let name = self.way.plan.trusted_names().next();
        Err(name.map_or_else(
            || Error::new(ErrorKind::Missing),
            |name| Error::in_header(ErrorKind::Missing, name),
        ))
    }

    /// Rule 4.
    fn check_connection(&self) -> Result<(), Error> {
        if self.way.settings.ignore_connection {
            return Ok(());
        }
        // Deliberately, the line is split at every byte that cannot be in a token, not only at commas. A lax
        // proxy may have read more options.
        let nominated = |line: &HeaderValue| {
            let mut options = line.as_bytes().split(|&byte| !is_token(byte));
            options.find_map(|option| self.way.plan.watched_name(option))
        };
        let lines = self.lines.connection();
        let name = match lines.alone() {
            Some(line) => nominated(line),
            None => lines.lines().find_map(nominated),
        };
        name.map_or(Ok(()), |name| Err(Error::in_header(ErrorKind::Nominated, name)))
    }

    /// Rules 6 to 8. A separate function, so that a request without any header does not pay for it.
    #[inline(never)]
    fn x_forwarded(&mut self) -> Result<(), Error> {
        let plan = &self.way.plan;
        let distance = match &plan.client {
            Some(trusted) => {
                if let Err(error) = self.x_client(trusted) {
                    self.without_client(error)?;
                }
                let distance = self.resolved.client.hop.map(NonZeroUsize::get);
                self.behind_edge()?;
                distance
            }
            None => {
                self.recorder.record(|| Step::new(Rule::ClientUntrusted));
                self.unnamed_client();
                None
            }
        };
        if let Some(trusted) = &plan.proto {
            let hop = hop(trusted.rule, distance);
            let parse = |text: &'a [u8]| plan.scheme_form.parse(text);
            if let Some(scheme) = self.read(trusted, hop, Rule::Scheme, parse)? {
                self.resolved.scheme = scheme;
            }
        }
        if let Some(trusted) = &plan.host {
            let hop = hop(trusted.rule, distance);
            if let Some(host) = self.read(trusted, hop, Rule::Host, Host::parse)? {
                self.resolved.host.value.insert(HostPort::EMPTY).set(host.value);
                self.resolved.host.hop = host.hop;
            }
        }
        if let Some(trusted) = &plan.port {
            let hop = hop(trusted.rule, distance);
            if let Some(port) = self.read(trusted, hop, Rule::Port, host::port)? {
                self.resolved.port = port.map(Some);
            }
        }
        if let Some(trusted) = &plan.prefix {
            let prefix = match trusted.rule {
                PrefixRule::One(rule) => {
                    self.read(trusted, hop(rule, distance), Rule::Prefix, prefix::parse)?
                }
                PrefixRule::Joined(count) => self.joined_prefix(self.lines.of(trusted), count)?,
            };
            if let Some(prefix) = prefix {
                self.resolved.prefix = prefix;
            }
        }
        Ok(())
    }

    /// Rule 9. A separate function, like the other family.
    #[inline(never)]
    fn forwarded(&mut self, lines: FieldLines<'a>, reach: Reach) -> Result<(), Error> {
        let mut parameters = Parameters::new(self.way.settings.bare_ipv6);
        let client = match self.find(lines, reach, &mut parameters) {
            Ok(hop) => hop,
            Err(error) => {
                self.without_client(error)?;
                None
            }
        };
        self.behind_edge()?;
        let (proto, host) = (self.way.plan.proto_element, self.way.plan.host_element);
        if let Some(hop) = client {
            if proto.is_none() {
                self.element_scheme(lines, hop, &parameters)?;
            }
            if host.is_none() {
                self.element_host(lines, hop, &parameters)?;
            }
        }
        if let Some(hop) = proto {
            if self.read_element(lines, hop, &mut parameters)? {
                self.element_scheme(lines, hop, &parameters)?;
            }
        }
        if let Some(hop) = host {
            if self.read_element(lines, hop, &mut parameters)? {
                self.element_host(lines, hop, &parameters)?;
            }
        }
        Ok(())
    }

    /// Stores the scheme that the element at a hop names.
    #[inline]
    fn element_scheme(
        &mut self,
        lines: FieldLines<'a>,
        hop: usize,
        parameters: &Parameters<'a>,
    ) -> Result<(), Error> {
        let element = || lines.nth_by(forwarded::last_start, hop);
        if let Some(scheme) = parameters.proto().transpose() {
            if let Some(scheme) = self.value(scheme, Rule::Scheme, hop, element)? {
                self.resolved.scheme = scheme;
            }
        } else if R::IS_ON {
            self.nearer_scheme(lines, hop);
        }
        Ok(())
    }

    /// Stores the host that the element at a hop names.
    #[inline]
    fn element_host(
        &mut self,
        lines: FieldLines<'a>,
        hop: usize,
        parameters: &Parameters<'a>,
    ) -> Result<(), Error> {
        let element = || lines.nth_by(forwarded::last_start, hop);
        let place = &mut self.resolved.host.value;
        let host = parameters.host(|host| place.insert(HostPort::EMPTY).set(host));
        if let Some(host) = host.transpose() {
            if let Some(host) = self.value(host, Rule::Host, hop, element)? {
                self.resolved.host.hop = host.hop;
            }
        }
        Ok(())
    }

    /// Reads the element at a hop. `false` if it could not be read and that is forgiven.
    #[cold]
    fn read_element(
        &mut self,
        lines: FieldLines<'a>,
        hop: usize,
        parameters: &mut Parameters<'a>,
    ) -> Result<bool, Error> {
        let read = match lines.nth_by(forwarded::last_start, hop) {
            Ok(element) => {
                Entry::read(parameters, element.text).map_err(|fault| self.invalid(element, fault))
            }
            Err(missed) => Err(lines.missed(missed)),
        };
        match read {
            Ok(()) => Ok(true),
            Err(error) => self.forgive(error).map(|()| false),
        }
    }

    /// Records an element nearer than this hop that names a scheme, if this hop's element names none.
    fn nearer_scheme(&mut self, lines: FieldLines<'a>, hop: usize) {
        let nearer = lines.elements_by(forwarded::last_start).take(hop.saturating_sub(1));
        for element in nearer.flatten() {
            let mut parameters = Parameters::default();
            let named = parameters.read(element.text).and_then(|()| parameters.proto());
            if matches!(named, Ok(Some(_))) {
                self.recorder.record(|| Step::at(Rule::NearerScheme, &element));
                return;
            }
        }
    }

    /// The last `count` prefixes, outermost first. An empty one adds nothing. If all are empty, the result
    /// is `None`.
    fn joined_prefix(
        &mut self,
        lines: FieldLines<'a>,
        count: usize,
    ) -> Result<Option<Vouched<Prefix>>, Error> {
        let mut joined = None;
        match self.join_prefixes(lines, count, &mut joined) {
            Ok(true) => Ok(joined.map(|joined| Vouched::at(Prefix::new(&joined), count))),
            Ok(false) => self.unread(lines, Some(count), false).map(|()| None),
            Err(error) => self.forgive(error).map(|()| None),
        }
    }

    /// Joins the last `count` prefixes. `false` if there are fewer.
    fn join_prefixes(
        &mut self,
        lines: FieldLines<'a>,
        count: usize,
        joined: &mut Option<Vec<u8>>,
    ) -> Result<bool, Error> {
        let mut elements = lines.elements();
        while let Some(element) = elements.next() {
            let element = element.map_err(|fault| elements.error(fault))?;
            if !element.text.is_empty() {
                let part = prefix::check(element.text);
                let part = part.map_err(|fault| self.invalid(element, fault))?;
                joined.get_or_insert_default().splice(..0, part.iter().copied());
            }
            self.recorder.record(|| Step::at(Rule::Prefix, &element));
            if element.hop == count {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads the value that a trusted header has at a hop. `None` leaves our own value.
    #[inline]
    fn read<T, Q>(
        &mut self,
        trusted: &'a Trusted<Q>,
        hop: Option<usize>,
        rule: Rule,
        parse: impl Fn(&'a [u8]) -> Result<T, Fault>,
    ) -> Result<Option<Vouched<T>>, Error> {
        let text = hop.and_then(|hop| Some((hop, self.lines.text(trusted, hop)?)));
        match text {
            Some((hop, text @ [_, ..])) => {
                let lines = self.lines;
                self.value(parse(text), rule, hop, || lines.of(trusted).nth(hop))
            }
            _ => self.unread(self.lines.of(trusted), hop, rule == Rule::Scheme).map(|()| None),
        }
    }

    /// Tells why there is nothing to read: our own value counts, or it is an error.
    fn unread(
        &mut self,
        lines: FieldLines<'a>,
        hop: Option<usize>,
        required: bool,
    ) -> Result<(), Error> {
        let error = match hop.map(|hop| lines.nth(hop)) {
            _ if lines.is_absent() && required => {
                Error::in_header(ErrorKind::Incomplete, lines.name)
            }
            Some(Ok(element)) if required => element.error(Fault::new(ErrorKind::Empty, 0)),
            // Deliberately, a short list of empty elements is treated as an absent one. HAProxy writes an
            // empty X-Forwarded-Host for a request without a host, and Apache httpd then appends nothing.
            Some(Err(Missed { fault: None, .. })) if !required && lines.is_blank() => return Ok(()),
            Some(Err(missed)) => lines.missed(missed),
            Some(Ok(_)) | None => return Ok(()),
        };
        self.forgive(error)
    }

    /// The value that was read in an element, or `None` if it is malformed and that is forgiven.
    #[inline]
    fn value<T>(
        &mut self,
        value: Result<T, Fault>,
        rule: Rule,
        hop: usize,
        element: impl Fn() -> Result<Element<'a>, Missed>,
    ) -> Result<Option<Vouched<T>>, Error> {
        match value {
            Ok(value) => {
                if R::IS_ON {
                    if let Ok(element) = element() {
                        self.recorder.record(|| Step::at(rule, &element));
                    }
                }
                Ok(Some(Vouched::at(value, hop)))
            }
            Err(fault) => self.malformed(element(), fault).map(|()| None),
        }
    }

    #[cold]
    fn malformed(
        &mut self,
        element: Result<Element<'a>, Missed>,
        fault: Fault,
    ) -> Result<(), Error> {
        let error = match element {
            Ok(element) => self.invalid(element, fault),
            // The element was read before, so it is there.
            Err(_) => Error::new(fault.kind),
        };
        self.forgive(error)
    }
}

/// The hop at which a scalar is read, if the client has this distance.
fn hop(rule: ScalarRule, distance: Option<usize>) -> Option<usize> {
    match rule {
        ScalarRule::Count(count) => Some(count),
        ScalarRule::Aligned => distance,
    }
}
