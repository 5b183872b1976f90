//! The steps of a decision, for [`explain`](fn@crate::explain).
//!
//! 1. The decision has one implementation, generic over a [`Recorder`]; [`Off`] compiles to nothing.
//! 2. A step has a stable code for machines and a sentence for people.
//! 3. Steps own their text, which a stranger may have written. It is printed escaped.

use std::{fmt, ops::Range};

use http::HeaderName;

use crate::{error::Error, lines::Element};

/// Receives the steps of a decision.
pub(crate) trait Recorder {
    /// Whether steps are kept.
    const IS_ON: bool;

    fn record(&mut self, step: impl FnOnce() -> Step);
}

/// Records nothing.
#[derive(Debug)]
pub(crate) struct Off;

impl Recorder for Off {
    const IS_ON: bool = false;

    #[inline]
    fn record(&mut self, _: impl FnOnce() -> Step) {}
}

impl Recorder for Vec<Step> {
    const IS_ON: bool = true;

    fn record(&mut self, step: impl FnOnce() -> Step) {
        self.push(step());
    }
}

/// Which rule a step applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    AllTrusted,
    Client,
    ClientUntrusted,
    Edge,
    Fallback,
    Host,
    HopPassed,
    HopTrusted,
    Invalid,
    Missing,
    NearerScheme,
    OwnClient,
    OwnHost,
    OwnPort,
    OwnPrefix,
    OwnScheme,
    PastEdge,
    PeerTrusted,
    PeerUntrusted,
    Port,
    Prefix,
    Scheme,
    SchemeLowered,
    SecretMissing,
    WalkEnd,
}

const OWN: &str = "our own value: no trusted header gives one";

impl Rule {
    /// The stable code and the sentence.
    fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::AllTrusted => ("all-trusted", "every element is a trusted proxy"),
            Self::Client => ("client", "at the trusted count: this is the client"),
            Self::ClientUntrusted => {
                ("client-untrusted", "no header is trusted to name the client")
            }
            Self::Edge => (
                "edge",
                "this is an address of the edge: the edge's own header says who the client is",
            ),
            Self::Fallback => ("fallback", "the value is unknown, or our own"),
            Self::Host => ("host", "this is the host"),
            Self::HopPassed => ("hop-passed", "nearer than the trusted count, passed over"),
            Self::HopTrusted => ("hop-trusted", "a trusted proxy, so the walk goes on"),
            Self::Invalid => ("invalid", "not valid"),
            Self::Missing => ("missing", "none of the trusted headers is present"),
            Self::NearerScheme => (
                "nearer-scheme",
                "the element that is read names no scheme, and this nearer one does: proto=N reads it",
            ),
            Self::OwnClient => ("own-client", OWN),
            Self::OwnHost => ("own-host", OWN),
            Self::OwnPort => ("own-port", OWN),
            Self::OwnPrefix => ("own-prefix", OWN),
            Self::OwnScheme => ("own-scheme", OWN),
            Self::PastEdge => (
                "past-edge",
                "this is not an address of the edge: it is the client, and the edge's own header is not read",
            ),
            Self::PeerTrusted => {
                ("peer-trusted", "the peer is a trusted proxy: its headers are read")
            }
            Self::PeerUntrusted => (
                "peer-untrusted",
                "the peer is not a trusted proxy: it is the client, and no forwarding header is read",
            ),
            Self::Port => ("port", "this is the port"),
            Self::Prefix => ("prefix", "this is the path prefix"),
            Self::Scheme => ("scheme", "this is the scheme"),
            Self::SchemeLowered => (
                "scheme-lowered",
                "no trusted header says that the client came by https, so it is http",
            ),
            Self::SecretMissing => (
                "secret-missing",
                "the peer is a trusted proxy, but does not send the secret: nothing is believed",
            ),
            Self::WalkEnd => (
                "walk-end",
                "not the address of a trusted proxy, so the walk ends: this is the client",
            ),
        }
    }
}

/// One step of a decision: the rule applied, and the element and header it was applied to.
#[derive(Clone, Debug)]
pub struct Step {
    rule: Rule,
    header: Option<HeaderName>,
    line: Option<usize>,
    hop: Option<usize>,
    span: Option<Range<usize>>,
    text: Option<Box<[u8]>>,
    error: Option<Error>,
}

impl Step {
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, header: None, line: None, hop: None, span: None, text: None, error: None }
    }

    pub(crate) fn at(rule: Rule, element: &Element<'_>) -> Self {
        Self {
            header: Some(element.name.clone()),
            line: Some(element.line),
            hop: Some(element.hop),
            span: Some(element.start..element.start.saturating_add(element.text.len())),
            text: Some(element.text.into()),
            ..Self::new(rule)
        }
    }

    /// Adds why the element or the value is not believed.
    pub(crate) fn because(self, error: &Error) -> Self {
        let header = self.header.or_else(|| error.header().cloned());
        Self { header, error: Some(error.clone()), ..self }
    }

    /// The stable code of the rule, such as `client` or `hop-passed`.
    pub fn code(&self) -> &'static str {
        self.rule.text().0
    }

    /// The header that the step looked at.
    pub fn header(&self) -> Option<&HeaderName> {
        self.header.as_ref()
    }

    /// The number of the field line of that header, from 1.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// The number of the element, counted from the right, from 1.
    pub fn hop(&self) -> Option<usize> {
        self.hop
    }

    /// Where the element is in its field line, in bytes.
    pub fn span(&self) -> Option<Range<usize>> {
        self.span.clone()
    }

    /// The element's text. A stranger may have written it.
    pub fn text(&self) -> Option<&[u8]> {
        self.text.as_deref()
    }

    /// Why the element or the value is not believed.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The result of the step, as a sentence without its place and text.
    pub fn reason(&self) -> impl fmt::Display + '_ {
        Reason(self)
    }
}

/// Prints the sentence of a step.
struct Reason<'a>(&'a Step);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, sentence) = self.0.rule.text();
        match (self.0.rule, &self.0.error) {
            (Rule::Invalid, Some(error)) => f.write_str(error.kind().text()),
            (_, Some(error)) => write!(f, "{sentence}, because of {error}"),
            (_, None) => f.write_str(sentence),
        }
    }
}

/// Prints one line: the code, the place, the escaped text in quotes, the sentence.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16} ", self.code())?;
        if let (Some(header), Some(line), Some(hop)) = (&self.header, self.line, self.hop) {
            write!(f, "{header}, line {line}, hop {hop}")?;
        }
        if let (Some(span), Some(text)) = (&self.span, &self.text) {
            write!(f, ", bytes {}..{} \"{}\": ", span.start, span.end, text.escape_ascii())?;
        }
        self.reason().fmt(f)
    }
}
