//! Who the client is, in a list of either family or in a header with one address: rules 6 and 7 of the
//! [decision](super).

use std::num::NonZeroUsize;

use super::decision::Decision;
use crate::{
    address,
    config::{AllTrusted, ClientRule, Edge, Reach, Trusted},
    error::{Error, ErrorKind, Fault},
    forwarded::{self, Parameters},
    lines::{self, Element, FieldLines},
    node::{ForwardedFor, Node},
    resolved::{Speaker, Vouched},
    trace::{Recorder, Rule, Step},
};

/// How a family writes the elements of a list. Holds what was read of one element.
pub(super) trait Entry<'a> {
    /// Finds where the last element of a line begins.
    fn last_start(line: &[u8]) -> Result<usize, Fault>;

    /// Reads an element into `self`, which loses the one read before. Returning it would cost a move.
    fn read(&mut self, text: &'a [u8]) -> Result<(), Fault>;

    /// The node that the element names.
    fn node(&self) -> Result<ForwardedFor, Fault>;

    /// Stores that node in `place`, as the client.
    #[inline]
    fn put_client(&self, place: &mut Node) -> Result<(), Fault> {
        *place = client(self.node()?);
        Ok(())
    }
}

/// An element of `X-Forwarded-For` or a related header.
#[derive(Default)]
struct XEntry<'a>(&'a [u8]);

impl<'a> Entry<'a> for XEntry<'a> {
    #[inline]
    fn last_start(line: &[u8]) -> Result<usize, Fault> {
        lines::last_start(line)
    }

    #[inline]
    fn read(&mut self, text: &'a [u8]) -> Result<(), Fault> {
        self.0 = non_empty(text)?;
        Ok(())
    }

    #[inline]
    fn node(&self) -> Result<ForwardedFor, Fault> {
        Node::parse_x(self.0)
    }

    #[expect(clippy::inline_always, reason = "a call takes 1 % of a decision")]
    #[inline(always)]
    fn put_client(&self, place: &mut Node) -> Result<(), Fault> {
        // An IPv4 address is the usual case. It is a few bytes, and a node is many: this saves moving one.
        match address::ipv4(self.0) {
            Some(ip) => *place = Node::new(ip.into(), None),
            None => *place = client(self.node()?),
        }
        Ok(())
    }
}

/// The same for a header whose address always has a port after it.
#[derive(Default)]
struct XEntryWithPort<'a>(XEntry<'a>);

impl<'a> Entry<'a> for XEntryWithPort<'a> {
    fn last_start(line: &[u8]) -> Result<usize, Fault> {
        lines::last_start(line)
    }

    fn read(&mut self, text: &'a [u8]) -> Result<(), Fault> {
        self.0.read(text)
    }

    fn node(&self) -> Result<ForwardedFor, Fault> {
        Node::parse_with_port(self.0.0)
    }
}

impl<'a> Entry<'a> for Parameters<'a> {
    fn last_start(line: &[u8]) -> Result<usize, Fault> {
        forwarded::last_start(line)
    }

    fn read(&mut self, text: &'a [u8]) -> Result<(), Fault> {
        self.read(non_empty(text)?)?;
        if self.has_any() { Ok(()) } else { Err(Fault::new(ErrorKind::Empty, 0)) }
    }

    fn node(&self) -> Result<ForwardedFor, Fault> {
        Ok(ForwardedFor::Node(self.for_node()?.unwrap_or(Node::UNKNOWN)))
    }
}

impl<'a, R: Recorder> Decision<'a, R> {
    /// Stores the client of the X-Forwarded family.
    pub(super) fn x_client(&mut self, trusted: &'a Trusted<ClientRule>) -> Result<(), Error> {
        let lines = self.lines.of(trusted);
        match trusted.rule {
            ClientRule::List(_) | ClientRule::Forwarded(_) if lines.is_absent() => {
                Err(Error::in_header(ErrorKind::Incomplete, lines.name))
            }
            ClientRule::List(reach) | ClientRule::Forwarded(reach) => {
                self.find(lines, reach, &mut XEntry::default()).map(|_| ())
            }
            ClientRule::Single => self.single(lines, &mut XEntry::default()),
            ClientRule::SingleWithPort => self.single(lines, &mut XEntryWithPort::default()),
        }
    }

    /// Stores the client that a header with one address names.
    #[inline(never)]
    fn single<E: Entry<'a>>(&mut self, lines: FieldLines<'a>, entry: &mut E) -> Result<(), Error> {
        let mut elements = lines.elements();
        match (elements.next(), elements.next()) {
            (None, _) => Err(Error::in_header(ErrorKind::Incomplete, lines.name)),
            (Some(_), Some(_)) => Err(Error::in_header(ErrorKind::Repeated, lines.name)),
            (Some(Ok(element)), None) => self.take(element, entry, Some(Rule::Client)),
            (Some(Err(fault)), None) => Err(elements.error(fault)),
        }
    }

    /// Rule 7: if the list names an address of the edge, the edge's own header says who the client is.
    #[inline]
    pub(super) fn behind_edge(&mut self) -> Result<(), Error> {
        match &self.way.plan.edge {
            Some(edge) => self.client_of_edge(edge),
            None => Ok(()),
        }
    }

    #[inline(never)]
    fn client_of_edge(&mut self, edge: &'a Edge) -> Result<(), Error> {
        let found = &self.resolved.client;
        if found.hop.is_none() {
            return Ok(());
        }
        if !found.value.ip().is_some_and(|ip| edge.networks.contains(ip)) {
            self.tell_edge(Rule::PastEdge);
            return Ok(());
        }
        self.tell_edge(Rule::Edge);
        self.resolved.client = Vouched::own(Node::UNKNOWN);
        self.resolved.speaker = Speaker::Edge;
        let lines = FieldLines::of(self.lines.headers(), &edge.name);
        let found = if edge.rule == ClientRule::SingleWithPort {
            self.single(lines, &mut XEntryWithPort::default())
        } else {
            self.single(lines, &mut XEntry::default())
        };
        found.or_else(|error| self.without_client(error))
    }

    /// Records what the list's element is in front of an edge.
    fn tell_edge(&mut self, rule: Rule) {
        let (client, hop) = (self.way.plan.client.as_ref(), self.resolved.client.hop);
        let (true, Some(client), Some(hop)) = (R::IS_ON, client, hop) else { return };
        let lines = self.lines.of(client);
        let element = match client.rule {
            ClientRule::Forwarded(_) => lines.nth_by(forwarded::last_start, hop.get()),
            ClientRule::List(_) | ClientRule::Single | ClientRule::SingleWithPort => {
                lines.nth(hop.get())
            }
        };
        if let Ok(element) = element {
            self.recorder.record(|| Step::at(rule, &element));
        }
    }

    /// Finds the element that names the client in a list of either family, stores the client, and
    /// returns the element's hop. `None` if every element is a trusted proxy, so that none is the client's.
    #[inline]
    pub(super) fn find<E: Entry<'a>>(
        &mut self,
        lines: FieldLines<'a>,
        reach: Reach,
        entry: &mut E,
    ) -> Result<Option<usize>, Error> {
        match reach {
            Reach::Count(count) => self.count(lines, count, entry).map(|()| Some(count)),
            Reach::Walk => self.walk(lines, entry),
        }
    }

    /// The `count`th element from the right.
    fn count<E: Entry<'a>>(
        &mut self,
        lines: FieldLines<'a>,
        count: usize,
        entry: &mut E,
    ) -> Result<(), Error> {
        if self.way.settings.verify_hops || R::IS_ON {
            self.pass(lines, count, entry)?;
        }
        let element = lines.nth_by(E::last_start, count).map_err(|missed| lines.missed(missed))?;
        self.take(element, entry, self.last(Rule::Client))
    }

    /// The rule by which a list's element is the client. In front of an edge, that is not decided yet.
    fn last(&self, rule: Rule) -> Option<Rule> {
        self.way.plan.edge.is_none().then_some(rule)
    }

    /// Takes the client from the element that names it, by this rule.
    #[expect(clippy::inline_always, reason = "a call takes 2 % of a decision")]
    #[inline(always)]
    fn take<E: Entry<'a>>(
        &mut self,
        element: Element<'a>,
        entry: &mut E,
        rule: Option<Rule>,
    ) -> Result<(), Error> {
        entry.read(element.text).map_err(|fault| self.invalid(element, fault))?;
        match entry.put_client(&mut self.resolved.client.value) {
            Ok(()) => {
                if let Some(rule) = rule {
                    self.recorder.record(|| Step::at(rule, &element));
                }
                self.resolved.client.hop = NonZeroUsize::new(element.hop);
                Ok(())
            }
            Err(fault) => {
                let error = self.invalid(element, fault);
                self.without_client(error)
            }
        }
    }

    /// Passes over the elements that are nearer than the count.
    fn pass<E: Entry<'a>>(
        &mut self,
        lines: FieldLines<'a>,
        count: usize,
        entry: &mut E,
    ) -> Result<(), Error> {
        // If a line is malformed as a whole, the count meets the same fault.
        let nearer = lines.elements_by(E::last_start).take(count.saturating_sub(1)).flatten();
        for element in nearer {
            if self.way.settings.verify_hops {
                let fault = match entry.read(element.text).and_then(|()| entry.node()) {
                    Ok(hop) if self.is_proxy(&hop) => None,
                    Ok(_) => Some(Fault::new(ErrorKind::UntrustedHop, 0)),
                    Err(fault) => Some(fault),
                };
                fault.map_or(Ok(()), |fault| Err(self.invalid(element, fault)))?;
            }
            self.recorder.record(|| Step::at(Rule::HopPassed, &element));
        }
        Ok(())
    }

    /// The first element from the right that is not one of the proxies.
    fn walk<E: Entry<'a>>(
        &mut self,
        lines: FieldLines<'a>,
        entry: &mut E,
    ) -> Result<Option<usize>, Error> {
        let mut leftmost = None;
        let mut elements = lines.elements_by(E::last_start);
        while let Some(element) = elements.next() {
            let element = element.map_err(|fault| elements.error(fault))?;
            let hop = entry.read(element.text).and_then(|()| entry.node());
            let hop = hop.map_err(|fault| self.invalid(element, fault))?;
            if !self.is_proxy(&hop) {
                if let Some(rule) = self.last(Rule::WalkEnd) {
                    self.recorder.record(|| Step::at(rule, &element));
                }
                self.resolved.client = Vouched::at(client(hop), element.hop);
                return Ok(Some(element.hop));
            }
            if element.hop > self.way.settings.max_hops {
                return Err(self.invalid(element, Fault::new(ErrorKind::TooManyHops, 0)));
            }
            self.recorder.record(|| Step::at(Rule::HopTrusted, &element));
            leftmost = Some((element.hop, hop));
        }
        self.recorder.record(|| Step::new(Rule::AllTrusted));
        match (self.way.settings.all_trusted, leftmost) {
            (AllTrusted::Reject, _) => Err(Error::in_header(ErrorKind::AllTrusted, lines.name)),
            (AllTrusted::Leftmost, Some((at, hop))) => {
                self.resolved.client = Vouched::at(client(hop), at);
                Ok(Some(at))
            }
            (AllTrusted::Unknown | AllTrusted::Leftmost, _) => {
                self.resolved.client = Vouched::own(Node::UNKNOWN);
                Ok(None)
            }
        }
    }
}

/// The client that an element names. A client behind a Unix socket has no name.
fn client(hop: ForwardedFor) -> Node {
    match hop {
        ForwardedFor::Node(node) => node,
        ForwardedFor::Unix => Node::UNKNOWN,
    }
}

/// The text of an element that must not be empty.
#[inline]
pub(super) fn non_empty(text: &[u8]) -> Result<&[u8], Fault> {
    if text.is_empty() { Err(Fault::new(ErrorKind::Empty, 0)) } else { Ok(text) }
}
