//! The recording: for each probe what was sent, by which way, and what became of it. It is the only input of
//! [`infer`](fn@crate::infer::infer), and the file of `--save` and of `judge`.
//!
//! 1. An exchange says what is true of it: the connection's own address, the scheme that the client spoke, the
//!    host, port and path that it asked for.
//! 2. A proxy may see another address than the client knows of itself, because addresses are translated on the
//!    way. [`Exchange::sight`] says what an address that a proxy wrote can be.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use proxyfix::Scheme;
use proxyfix_lint::settings::is_private;
use serde::{Deserialize, Serialize};

use crate::{
    arrived::Arrived,
    probe::{Kind, Probe, Shape},
};

/// The format of [`Recording`]. A file with another number is not read.
pub const FORMAT: u32 = 1;

/// The version of HTTP in which a probe is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    /// HTTP/1.1, or HTTP/1.0 where a probe asks for it.
    #[serde(rename = "HTTP/1.1")]
    Http1,
    /// HTTP/2 over TLS.
    #[serde(rename = "HTTP/2")]
    Http2,
    /// What a browser chose.
    #[serde(rename = "browser")]
    Browser,
}

/// The way by which a probe was sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Way {
    /// The scheme that the client spoke, `http` or `https`.
    pub scheme: String,
    /// The version of HTTP.
    pub protocol: Protocol,
    /// Whether the client connected by IPv6.
    pub ipv6: bool,
    /// The host that was asked for, in lower case.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Way {
    /// The scheme that the client spoke.
    pub fn scheme(&self) -> Scheme {
        if self.scheme == "https" { Scheme::Https } else { Scheme::Http }
    }

    /// The scheme that it did not speak.
    pub fn lie(&self) -> Scheme {
        if self.scheme == "https" { Scheme::Http } else { Scheme::Https }
    }

    /// Its name in findings.
    ///
    /// ```
    /// use proxyfix_doctor::record::{Protocol, Way};
    ///
    /// let way = Way {
    ///     scheme: "https".to_owned(),
    ///     protocol: Protocol::Http2,
    ///     ipv6: false,
    ///     host: "app.example".to_owned(),
    ///     port: 443,
    /// };
    /// assert_eq!(way.name(), "https, HTTP/2");
    /// ```
    pub fn name(&self) -> String {
        self.named("")
    }

    /// The same, with this place behind the scheme.
    fn named(&self, place: &str) -> String {
        let protocol = match self.protocol {
            Protocol::Http2 => ", HTTP/2",
            Protocol::Http1 | Protocol::Browser => "",
        };
        let family = if self.ipv6 { ", IPv6" } else { "" };
        format!("{}{place}{protocol}{family}", self.scheme)
    }

    /// The authority that was asked for, without the port if it is the scheme's own.
    pub fn authority(&self) -> String {
        if self.port == self.scheme().default_port() {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// What became of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The receiver saw it.
    Arrived(Arrived),
    /// Somebody before the receiver answered.
    Refused {
        /// The status.
        status: u16,
        /// Where a redirect leads.
        location: Option<String>,
    },
    /// The answer was about another probe: something on the way keeps answers.
    Kept,
    /// Somebody ended the connection after the honest request before the probe, which is the end of that lie too.
    Ended,
    /// The connection ended without an answer.
    Closed,
    /// No answer came in time.
    TimedOut,
    /// No connection came about, for this reason.
    Failed(String),
    /// This client is not able to send it.
    NotSent,
}

impl Outcome {
    /// Whether it says what is on the way: the probe arrived, or somebody refused it for what it is. An end without
    /// an answer, a limit (429) and a failure (5xx) say nothing: the next one may get through. An odd target may lead
    /// to another site of the proxy, and has its answer.
    pub fn is_evidence_about(&self, kind: Kind) -> bool {
        let about_target = !matches!(kind, Kind::Honest | Kind::Headers(_));
        match self {
            Self::Arrived(_)
            | Self::Ended
            | Self::Refused { status: 400 | 403 | 421 | 431 | 501 | 505, .. } => true,
            Self::Refused { status, .. } => {
                about_target && (200..500).contains(status) && !matches!(status, 408 | 429)
            }
            Self::Kept | Self::Closed | Self::TimedOut | Self::Failed(_) | Self::NotSent => false,
        }
    }

    /// What arrived, if it did.
    pub fn arrived(&self) -> Option<&Arrived> {
        match self {
            Self::Arrived(arrived) => Some(arrived),
            Self::Refused { .. }
            | Self::Kept
            | Self::Ended
            | Self::Closed
            | Self::TimedOut
            | Self::Failed(_)
            | Self::NotSent => None,
        }
    }
}

/// What an address in a header can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// Not the client's: it has another one.
    Other,
    /// The client's, if its address is translated on the way, as it is at home and in most offices.
    Translated,
    /// The client's own.
    Own,
}

/// One probe, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The probe.
    pub probe: Probe,
    /// How it was sent.
    pub way: Way,
    /// The path that was asked for.
    pub path: String,
    /// The client's own end of its connection, if it is known.
    pub from: Option<SocketAddr>,
    /// The other end of it.
    pub to: Option<SocketAddr>,
    /// What became of it.
    pub outcome: Outcome,
    /// The values of `Server` and `Via` in the answer, which tell who is on the way.
    #[serde(default)]
    pub servers: Vec<String>,
}

/// A way at one of its addresses: a name can lead to several proxies, and each may behave otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Door<'a> {
    /// The way.
    pub way: &'a Way,
    /// The address that was connected to, if it is known.
    pub to: Option<IpAddr>,
}

impl Exchange {
    /// Where it was sent.
    pub fn door(&self) -> Door<'_> {
        Door { way: &self.way, to: self.to.map(|to| to.ip().to_canonical()) }
    }

    /// What this address can be, if the user says that the client's own addresses are `given`.
    pub fn sight(&self, ip: IpAddr, given: &[IpAddr]) -> Sight {
        let ip = ip.to_canonical();
        let mut given = given.iter().filter(|own| own.is_ipv4() == ip.is_ipv4()).peekable();
        if given.peek().is_some() {
            return if given.any(|own| *own == ip) { Sight::Own } else { Sight::Other };
        }
        let Some(from) = self.from else {
            // A page does not know its own address.
            return Sight::Translated;
        };
        let from = from.ip().to_canonical();
        let leaves = is_private(from) && self.to.is_none_or(|to| !is_private(to.ip()));
        match ip {
            _ if ip == from => Sight::Own,
            _ if leaves && !is_private(ip) => Sight::Translated,
            _ => Sight::Other,
        }
    }

    /// The part of the path that a proxy took away: the path that was asked for, without what arrived.
    pub fn stripped(&self) -> Option<String> {
        let path = self.outcome.arrived()?.path();
        self.path.strip_suffix(&path).map(str::to_owned)
    }
}

/// Everything that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// [`FORMAT`].
    pub format: u32,
    /// The URL that the user named, without the token.
    pub url: String,
    /// The client's own addresses, if the user named them.
    #[serde(default)]
    pub client: Vec<IpAddr>,
    /// The names of the proxies, if the user named them.
    #[serde(default)]
    pub proxies: Vec<String>,
    /// The exchanges, in order.
    pub exchanges: Vec<Exchange>,
}

impl Recording {
    /// An empty recording about this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            format: FORMAT,
            url: url.into(),
            client: Vec::new(),
            proxies: Vec::new(),
            exchanges: Vec::new(),
        }
    }

    /// The doors at which probes were sent.
    pub fn doors(&self) -> BTreeSet<Door<'_>> {
        let asked = self.exchanges.iter().filter(|exchange| exchange.probe.kind != Kind::Knock);
        asked.map(Exchange::door).collect()
    }

    /// What became of each request that asked for plain HTTP without the token.
    pub fn knocks(&self) -> impl Iterator<Item = &Outcome> {
        let knocks = self.exchanges.iter().filter(|exchange| exchange.probe.kind == Kind::Knock);
        knocks.map(|exchange| &exchange.outcome)
    }

    /// The doors by which an honest probe arrived.
    pub fn open_doors(&self) -> BTreeSet<Door<'_>> {
        self.honest().map(|(exchange, _)| exchange.door()).collect()
    }

    /// The name of a door in findings: that of its way, with its address if the way has several.
    pub fn name(&self, door: Door<'_>) -> String {
        let name = self.way_name(door.way);
        let others = |other: &Exchange| other.way == *door.way && other.door() != door;
        match door.to {
            Some(to) if self.exchanges.iter().any(others) => format!("{name}, {to}"),
            _ => name,
        }
    }

    /// The name of a way in findings: with its port if several listeners speak the scheme, and with its host if they
    /// have several.
    pub fn way_name(&self, way: &Way) -> String {
        let asked = self.exchanges.iter().filter(|exchange| exchange.probe.kind != Kind::Knock);
        let alike = || {
            asked.clone().map(|exchange| &exchange.way).filter(|other| other.scheme == way.scheme)
        };
        if alike().any(|other| other.host != way.host) {
            way.named(&format!(" {}:{}", way.host, way.port))
        } else if alike().any(|other| other.port != way.port) {
            way.named(&format!(" :{}", way.port))
        } else {
            way.name()
        }
    }

    /// The exchanges in which the probe arrived.
    pub fn arrived(&self) -> impl Iterator<Item = (&Exchange, &Arrived)> {
        let arrived = |exchange: &'_ Exchange| exchange.outcome.arrived().is_some();
        self.exchanges
            .iter()
            .filter(move |exchange| arrived(exchange))
            .filter_map(|exchange| Some((exchange, exchange.outcome.arrived()?)))
    }

    /// The same, of honest probes.
    pub fn honest(&self) -> impl Iterator<Item = (&Exchange, &Arrived)> {
        self.arrived().filter(|(exchange, _)| exchange.probe.is_honest())
    }
}

/// What the probes about a header say about one door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    /// Everything that is needed arrived, or was refused deliberately.
    All,
    /// This client is not able to send what is named.
    NotSent(&'static str),
    /// What is named has come to nothing, or was not asked at all.
    Nothing(&'static str),
}

/// Whether the lies in this header say what the proxies make of it at this door.
///
/// 1. One plain lie at least must have arrived, or have been refused deliberately. A lie that came to nothing says
///    nothing, and neither does another door.
/// 2. Every other plain lie, and each odd target, must be evidence too: what stopped the one may let the next one
///    through.
/// 3. Two lines of `Host` matter only to what names the host and the port.
pub(crate) fn tried(recording: &Recording, header: &str, door: Door<'_>) -> Tried {
    let about_host = header.contains("host") || header.contains("port") || header == "forwarded";
    let (mut evidence, mut unsent) = (false, None);
    for exchange in recording.exchanges.iter().filter(|exchange| exchange.door() == door) {
        let kind = exchange.probe.kind;
        let matters = match kind {
            Kind::Headers(
                Shape::Once
                | Shape::Twice
                | Shape::List
                | Shape::Empty
                | Shape::Nominated
                | Shape::Second,
            ) => exchange.probe.lies_in(header),
            // Who gets past the proxies is a finding of its own, whatever line is derived.
            Kind::Honest
            | Kind::Knock
            | Kind::Proxy
            | Kind::Tunnel
            | Kind::Headers(Shape::OpenQuote | Shape::Long | Shape::Underscore) => false,
            Kind::TwoHosts => about_host,
            Kind::AbsoluteForm
            | Kind::OtherScheme
            | Kind::OtherAuthority
            | Kind::NoHost
            | Kind::EmptyHost => true,
        };
        if !matters {
            continue;
        }
        if exchange.outcome == Outcome::NotSent {
            unsent = unsent.or_else(|| Some(kind.name()));
        } else if !exchange.outcome.is_evidence_about(kind) {
            return Tried::Nothing(kind.name());
        } else if matches!(kind, Kind::Headers(_)) && exchange.outcome != Outcome::Ended {
            evidence = true;
        }
    }
    match unsent {
        _ if !evidence => Tried::Nothing("a lie"),
        Some(kind) => Tried::NotSent(kind),
        None => Tried::All,
    }
}
