//! Who the client is, in a list of either family: rule 5 of the [decision](super).

use http::HeaderName;

use super::believe::Decision;
use crate::{
    config::{AllTrusted, ClientRule, Reach},
    error::{Error, ErrorKind, Fault},
    lines::{self, Element, FieldLines, LastComma},
    node::{ForwardedFor, Node},
    resolved::Vouched,
    trace::{Recorder, Rule, Step},
};

/// The element that names the client.
pub(super) struct Found<T> {
    pub(super) client: Result<Node, Error>,
    /// What was read of it. `None` where every element is a trusted proxy, and so none is the
    /// client's.
    pub(super) read: Option<T>,
}

/// What an element says: a node, which may be malformed, and what else was read. Or that it is
/// malformed as a whole.
type Read<T> = Result<(Result<ForwardedFor, Error>, T), Error>;

/// What an element of a walk is.
enum Visit<T> {
    /// One of the proxies.
    Proxy(ForwardedFor, T),
    /// The client's.
    Client(Node, T),
}

impl<'a, R: Recorder> Decision<'a, R> {
    /// Puts the client of the X-Forwarded family in place: our own value where every element is a
    /// trusted proxy. After an error it is as it was.
    pub(super) fn x_client(
        &mut self,
        lines: FieldLines<'a>,
        rule: ClientRule,
    ) -> Result<(), Error> {
        if lines.is_absent() {
            return Err(Error::in_header(ErrorKind::Incomplete, lines.name));
        }
        let reach = match rule {
            ClientRule::List(reach) | ClientRule::Forwarded(reach) => reach,
            ClientRule::Single | ClientRule::SingleWithPort => {
                if lines.elements().nth(1).is_some() {
                    return Err(Error::in_header(ErrorKind::Repeated, lines.name));
                }
                Reach::Count(1)
            }
        };
        let parse = match rule {
            ClientRule::SingleWithPort => Node::parse_with_port,
            ClientRule::List(_) | ClientRule::Forwarded(_) | ClientRule::Single => Node::parse_x,
        };
        let found = self.find(lines, lines::last_comma, reach, |element| {
            let hop = parse(non_empty(&element)?).map_err(|fault| element.error(fault));
            Ok((hop, element))
        })?;
        self.resolved.client = match (found.client?, found.read) {
            (client, Some(element)) => Vouched::at(client, &element),
            (client, None) => Vouched::own(client),
        };
        Ok(())
    }

    /// Finds the element that names the client, in a list of either family.
    pub(super) fn find<T>(
        &mut self,
        lines: FieldLines<'a>,
        last_comma: impl LastComma,
        reach: Reach,
        read: impl Fn(Element<'a>) -> Read<T>,
    ) -> Result<Found<T>, Error> {
        match reach {
            Reach::Count(count) => self.count(lines, last_comma, count, read),
            Reach::Walk => self.walk(lines, last_comma, read),
        }
    }

    /// The `count`th element from the right.
    fn count<T>(
        &mut self,
        lines: FieldLines<'a>,
        last_comma: impl LastComma,
        count: usize,
        read: impl Fn(Element<'a>) -> Read<T>,
    ) -> Result<Found<T>, Error> {
        let element = lines.nth_by(last_comma, count, |passed| {
            let outcome = self.pass(*passed, &read);
            outcome.inspect_err(|error| self.invalid(passed, error))
        })?;
        let (hop, rest) = read(element).inspect_err(|error| self.invalid(&element, error))?;
        match &hop {
            Ok(_) => self.recorder.record(|| Step::at(Rule::Client, &element)),
            Err(error) => self.invalid(&element, error),
        }
        Ok(Found { client: hop.map(client), read: Some(rest) })
    }

    /// Passes an element that is nearer than the count.
    fn pass<T>(
        &mut self,
        element: Element<'a>,
        read: impl Fn(Element<'a>) -> Read<T>,
    ) -> Result<(), Error> {
        if self.settings.verify_hops && !self.is_proxy(&read(element)?.0?) {
            return Err(element.error(Fault::new(ErrorKind::UntrustedHop, 0)));
        }
        self.recorder.record(|| Step::at(Rule::HopPassed, &element));
        Ok(())
    }

    /// The first element from the right that is not one of the proxies.
    fn walk<T>(
        &mut self,
        lines: FieldLines<'a>,
        last_comma: impl LastComma,
        read: impl Fn(Element<'a>) -> Read<T>,
    ) -> Result<Found<T>, Error> {
        let mut leftmost = None;
        for element in lines.elements_by(last_comma) {
            let element = element?;
            match self.visit(element, &read) {
                Ok(Visit::Proxy(hop, rest)) => leftmost = Some((hop, rest)),
                Ok(Visit::Client(client, rest)) => {
                    return Ok(Found { client: Ok(client), read: Some(rest) });
                }
                Err(error) => {
                    self.invalid(&element, &error);
                    return Err(error);
                }
            }
        }
        self.all_trusted(lines.name, leftmost)
    }

    /// Looks at one element of a walk.
    fn visit<T>(
        &mut self,
        element: Element<'a>,
        read: impl Fn(Element<'a>) -> Read<T>,
    ) -> Result<Visit<T>, Error> {
        let (hop, rest) = read(element)?;
        let hop = hop?;
        if !self.is_proxy(&hop) {
            self.recorder.record(|| Step::at(Rule::WalkEnd, &element));
            return Ok(Visit::Client(client(hop), rest));
        }
        if element.hop > self.settings.max_hops {
            return Err(element.error(Fault::new(ErrorKind::TooManyHops, 0)));
        }
        self.recorder.record(|| Step::at(Rule::HopTrusted, &element));
        Ok(Visit::Proxy(hop, rest))
    }

    /// A walk has ended at the leftmost element.
    fn all_trusted<T>(
        &mut self,
        name: &HeaderName,
        leftmost: Option<(ForwardedFor, T)>,
    ) -> Result<Found<T>, Error> {
        self.recorder.record(|| Step::new(Rule::AllTrusted));
        match (self.settings.all_trusted, leftmost) {
            (AllTrusted::Reject, _) => Err(Error::in_header(ErrorKind::AllTrusted, name)),
            (AllTrusted::Leftmost, Some((hop, rest))) => {
                Ok(Found { client: Ok(client(hop)), read: Some(rest) })
            }
            (AllTrusted::Unknown | AllTrusted::Leftmost, _) => {
                Ok(Found { client: Ok(Node::UNKNOWN), read: None })
            }
        }
    }

    fn is_proxy(&self, hop: &ForwardedFor) -> bool {
        self.settings.proxies.as_ref().is_some_and(|proxies| proxies.contains_hop(hop))
    }
}

/// The client that an element names. Behind a Unix socket it has no name.
fn client(hop: ForwardedFor) -> Node {
    match hop {
        ForwardedFor::Node(node) => node,
        ForwardedFor::Unix => Node::UNKNOWN,
    }
}

#[inline]
pub(super) fn non_empty<'a>(element: &Element<'a>) -> Result<&'a [u8], Error> {
    match element.text {
        b"" => Err(element.error(Fault::new(ErrorKind::Empty, 0))),
        text => Ok(text),
    }
}
