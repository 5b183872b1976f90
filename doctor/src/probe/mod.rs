//! The catalogue of probes. It is pure: it says which probes there are, and sends none.
//!
//! 1. A *marker* tells who wrote a value: an address of the documentation ranges (RFC 5737, RFC 3849), a name
//!    under `.example` (RFC 2606), a port, or a path. It occurs in one probe only. A scheme has only two values:
//!    its marker is the one that the client does not speak.
//! 2. Honest probes say nothing about the client. The others lie in one header, or in several headers that no
//!    honest probe brought, in one [`Shape`], or they have an odd target.
//! 3. If a probe with several headers is refused, [`Probe::halves`] tells which header it was.
//! 4. `catalogue` says which probes there are, `values` what they contain, `write` how they are written.

mod catalogue;
mod values;
mod write;

use serde::{Deserialize, Serialize};

pub(crate) use self::values::PROXY;
#[cfg(any(feature = "listen", feature = "prober"))]
pub(crate) use self::write::TUNNEL;
pub(crate) use self::write::{END, WHY};
#[cfg(feature = "prober")]
pub(crate) use self::write::{connect_head, proxy_line};
pub use self::{
    catalogue::{Catalogue, STANDARD},
    write::{Fetch, curl, fetch, head, sendable_by_browsers},
};
use crate::arrived::Field;

/// The shape of a lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// One line with one value.
    Once,
    /// Two lines with a value each.
    Twice,
    /// One line with a list of two.
    List,
    /// One empty line.
    Empty,
    /// A value behind a quote that is not closed.
    OpenQuote,
    /// A list of 8 KiB.
    Long,
    /// The name with underscores instead of hyphens.
    Underscore,
    /// A value, and a `Connection` that names the header (RFC 9110 §7.6.1).
    Nominated,
    /// One line with one value, in the second request on a connection. The first one is honest.
    Second,
}

impl Shape {
    /// All shapes.
    pub const ALL: [Self; 9] = [
        Self::Once,
        Self::Twice,
        Self::List,
        Self::Empty,
        Self::OpenQuote,
        Self::Long,
        Self::Underscore,
        Self::Nominated,
        Self::Second,
    ];

    /// Its name in findings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Once => "one line",
            Self::Twice => "two lines",
            Self::List => "a list",
            Self::Empty => "an empty line",
            Self::OpenQuote => "an open quote",
            Self::Long => "8 KiB",
            Self::Underscore => "underscores",
            Self::Nominated => "named in Connection",
            Self::Second => "a second request on the connection",
        }
    }
}

/// What a probe tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing.
    Honest,
    /// Lies in headers.
    Headers(Shape),
    /// A target in absolute form (RFC 9112 §3.2.2) that says the truth.
    AbsoluteForm,
    /// A target in absolute form with the other scheme.
    OtherScheme,
    /// A target in absolute form with another authority than `Host`.
    OtherAuthority,
    /// HTTP/1.0 without `Host`.
    NoHost,
    /// An empty `Host`.
    EmptyHost,
    /// Two lines of `Host`.
    TwoHosts,
    /// A line of the PROXY protocol before everything else on the connection, also before TLS. Whoever believes it from
    /// a stranger lets the stranger choose the address.
    Proxy,
    /// A request without the token and without the user's own lines. It is no probe of what arrives: it asks whether
    /// plain HTTP is closed, where nobody said that secrets may go unencrypted.
    Knock,
    /// CONNECT (RFC 9110 §9.3.6), and lies in a request behind it on the same connection. A proxy that opens a tunnel
    /// lets the client write to the application itself.
    Tunnel,
}

impl Kind {
    /// Those that are about the target or `Host`, which only HTTP/1.1 can say.
    pub const TARGETS: [Self; 6] = [
        Self::AbsoluteForm,
        Self::OtherScheme,
        Self::OtherAuthority,
        Self::NoHost,
        Self::EmptyHost,
        Self::TwoHosts,
    ];

    /// Its name in findings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Honest => "an honest request",
            Self::Headers(shape) => shape.name(),
            Self::AbsoluteForm => "a target in absolute form",
            Self::OtherScheme => "a target with the other scheme",
            Self::OtherAuthority => "a target with another authority than Host",
            Self::NoHost => "HTTP/1.0 without Host",
            Self::EmptyHost => "an empty Host",
            Self::TwoHosts => "two lines of Host",
            Self::Proxy => "a line of the PROXY protocol",
            Self::Knock => "a request without the token",
            Self::Tunnel => "a request behind CONNECT",
        }
    }

    /// Whether the client says clearly which host it asks for.
    pub fn names_its_host(self) -> bool {
        !matches!(self, Self::OtherAuthority | Self::NoHost | Self::EmptyHost | Self::TwoHosts)
    }
}

/// A value that nobody but this probe writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The header that it is sent in, in its usual spelling in lower case.
    pub header: String,
    /// The value.
    pub text: String,
    /// Whether an honest value can be equal: the marker is a scheme, or it is empty.
    pub is_common: bool,
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Its name in a run, which is the last segment of the path that it asks for.
    pub id: String,
    /// What it tries.
    pub kind: Kind,
    /// The field lines beside `Host` and the ordinary ones.
    pub lines: Vec<Field>,
    /// The lies in it.
    pub markers: Vec<Marker>,
}

impl Probe {
    /// Whether it says nothing about the client.
    pub fn is_honest(&self) -> bool {
        self.kind == Kind::Honest
    }

    /// Whether it lies, so that the proof is about it.
    pub fn is_lie(&self) -> bool {
        !matches!(self.kind, Kind::Honest | Kind::Knock)
    }

    /// The headers that it lies in, without repetition.
    pub fn headers(&self) -> Vec<&str> {
        let mut headers: Vec<_> =
            self.markers.iter().map(|marker| marker.header.as_str()).collect();
        headers.dedup();
        headers
    }

    /// Whether it lies in this header.
    pub fn lies_in(&self, header: &str) -> bool {
        self.markers.iter().any(|marker| marker.header == header)
    }

    /// Whether its `Connection` names this header.
    pub fn nominates(&self, header: &str) -> bool {
        let lines = self.lines.iter().filter(|f| f.name.eq_ignore_ascii_case(values::CONNECTION));
        lines
            .flat_map(|line| line.value.as_bytes().split(|byte| *byte == b','))
            .any(|name| name.trim_ascii().eq_ignore_ascii_case(header.as_bytes()))
    }

    /// The two halves of a probe with several headers.
    pub fn halves(&self) -> Option<[Self; 2]> {
        let headers = self.headers();
        let middle = headers.len() / 2;
        if middle == 0 || !matches!(self.kind, Kind::Headers(_)) {
            return None;
        }
        let half = |part: &[&str], suffix: char| {
            let is_in = |name: &str| {
                part.iter().any(|header| name.replace('_', "-").eq_ignore_ascii_case(header))
            };
            let line = |field: &&Field| is_in(&field.name) || field.name == values::CONNECTION;
            let mut lines: Vec<Field> = self.lines.iter().filter(line).cloned().collect();
            for field in lines.iter_mut().filter(|field| field.name == values::CONNECTION) {
                field.value = part.join(", ").as_str().into();
            }
            let markers = self.markers.iter().filter(|marker| is_in(&marker.header));
            Self {
                id: format!("{}{suffix}", self.id),
                kind: self.kind,
                lines,
                markers: markers.cloned().collect(),
            }
        };
        let (left, right) = headers.split_at(middle);
        Some([half(left, 'a'), half(right, 'b')])
    }
}
