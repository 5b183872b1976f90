//! Who the client is, in a list of either family: rule 5 of the [decision](super).

use http::HeaderName;

use super::believe::Decision;
use crate::{
    config::{AllTrusted, ClientRule, Reach},
    error::{Error, ErrorKind, Fault},
    lines::{Element, Elements, FieldLines, LastComma},
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

/// What an element is to the search for the client.
enum Visit<T> {
    /// Nearer than the count.
    Passed,
    /// By walk, one of the proxies.
    Proxy(ForwardedFor, T),
    /// The client's, though its node may be malformed.
    Client(Result<Node, Error>, T),
}

impl<'a, R: Recorder> Decision<'a, R> {
    /// The client of the X-Forwarded family; our own value where every element is a
    /// trusted proxy.
    pub(super) fn x_client(
        &mut self,
        lines: FieldLines<'a>,
        rule: ClientRule,
    ) -> Result<Vouched<Node>, Error> {
        if lines.is_absent() {
            return Err(Error::in_header(ErrorKind::Incomplete, lines.name));
        }
        let mut elements = lines.elements();
        let reach = match rule {
            ClientRule::List(reach) | ClientRule::Forwarded(reach) => reach,
            ClientRule::Single | ClientRule::SingleWithPort => {
                elements.next();
                if elements.next().is_some() {
                    return Err(Error::in_header(ErrorKind::Repeated, lines.name));
                }
                elements = lines.elements();
                Reach::Count(1)
            }
        };
        let parse = match rule {
            ClientRule::SingleWithPort => Node::parse_with_port,
            ClientRule::List(_) | ClientRule::Forwarded(_) | ClientRule::Single => Node::parse_x,
        };
        let found = self.find(lines.name, elements, reach, |element| {
            let hop = parse(non_empty(&element)?).map_err(|fault| element.error(fault));
            Ok((hop, element))
        })?;
        let client = found.client?;
        Ok(match found.read {
            Some(element) => Vouched::at(client, &element),
            None => Vouched::own(client),
        })
    }

    /// Finds the element that names the client, in a list of either family.
    pub(super) fn find<T>(
        &mut self,
        name: &HeaderName,
        elements: Elements<'a, impl LastComma>,
        reach: Reach,
        read: impl Fn(Element<'a>) -> Result<(Result<ForwardedFor, Error>, T), Error>,
    ) -> Result<Found<T>, Error> {
        let mut leftmost = None;
        for element in elements {
            let element = element?;
            match self.visit(element, reach, &read) {
                Ok(Visit::Passed) => {}
                Ok(Visit::Proxy(hop, read)) => leftmost = Some((hop, read)),
                Ok(Visit::Client(client, read)) => {
                    return Ok(Found { client, read: Some(read) });
                }
                Err(error) => {
                    self.invalid(&element, &error);
                    return Err(error);
                }
            }
        }
        match reach {
            Reach::Count(count) => Err(Error::in_header(ErrorKind::Short, name).at_hop(count)),
            Reach::Walk => self.all_trusted(name, leftmost),
        }
    }

    /// Looks at one element of the list.
    fn visit<T>(
        &mut self,
        element: Element<'a>,
        reach: Reach,
        read: impl Fn(Element<'a>) -> Result<(Result<ForwardedFor, Error>, T), Error>,
    ) -> Result<Visit<T>, Error> {
        match reach {
            Reach::Count(count) if element.hop < count => {
                if self.settings.verify_hops && !self.is_proxy(&read(element)?.0?) {
                    return Err(element.error(Fault::new(ErrorKind::UntrustedHop, 0)));
                }
                self.recorder.record(|| Step::at(Rule::HopPassed, &element));
                Ok(Visit::Passed)
            }
            Reach::Count(_) => {
                let (hop, rest) = read(element)?;
                match &hop {
                    Ok(_) => self.recorder.record(|| Step::at(Rule::Client, &element)),
                    Err(error) => self.invalid(&element, error),
                }
                Ok(Visit::Client(hop.map(client), rest))
            }
            Reach::Walk => {
                let (hop, rest) = read(element)?;
                let hop = hop?;
                if !self.is_proxy(&hop) {
                    self.recorder.record(|| Step::at(Rule::WalkEnd, &element));
                    return Ok(Visit::Client(Ok(client(hop)), rest));
                }
                if element.hop > self.settings.max_hops {
                    return Err(element.error(Fault::new(ErrorKind::TooManyHops, 0)));
                }
                self.recorder.record(|| Step::at(Rule::HopTrusted, &element));
                Ok(Visit::Proxy(hop, rest))
            }
        }
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
            (AllTrusted::Leftmost, Some((hop, read))) => {
                Ok(Found { client: Ok(client(hop)), read: Some(read) })
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

pub(super) fn non_empty<'a>(element: &Element<'a>) -> Result<&'a [u8], Error> {
    match element.text {
        b"" => Err(element.error(Fault::new(ErrorKind::Empty, 0))),
        text => Ok(text),
    }
}
