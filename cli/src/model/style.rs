//! What a proxy does with forwarding headers: its style.
//!
//! 1. A style has two lists of headers that are written: one for the proxy as the edge, and one for the
//!    proxy behind another of ours. Headers that are not in the list pass through unchanged.
//! 2. The styles are those of `docs/recipes/`, in [`proxies`](super::proxies),
//!    [`platforms`](super::platforms) and [`gateways`](super::gateways). A few more are named by what they do,
//!    and use [`proxyfix::write`].

use proxyfix::{Family, WriteMode};

use super::{gateways::GATEWAYS, platforms::PLATFORMS, proxies::PROXIES};

/// What a proxy does.
#[derive(Debug)]
pub(crate) struct Style {
    pub(crate) name: &'static str,
    pub(crate) edge: Does,
    pub(crate) inner: Does,
    pub(crate) connection: Connection,
}

/// How a proxy writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// These headers; all others pass.
    Writes(&'static [Write]),
    /// As `proxyfix::write` does.
    Library(Family, WriteMode),
}

/// One header that a proxy writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write {
    pub(crate) header: &'static str,
    pub(crate) what: What,
    pub(crate) how: How,
}

/// The value that is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// The address at the other end of its connection.
    Address,
    /// The same with the port, IPv6 in brackets.
    AddressPort,
    /// The same without brackets.
    BareAddressPort,
    /// The same address, then one of the proxy's own.
    AddressAndOwn,
    /// The last element of the incoming `X-Forwarded-For`.
    LastFor,
    Scheme,
    /// The scheme as `on` or `off`.
    Switch,
    Prefix(&'static str),
    /// The name of a user, or something else that only the proxy knows.
    User,
    Host,
    /// The host, if the request has one; otherwise the header passes.
    HostIfAny,
    Port,
    /// A forwarded-element with address and scheme.
    Element,
    /// The same with an address of the proxy's own and the elements of the incoming `X-Forwarded-For` before
    /// it, IPv6 without quotes and brackets.
    BareElement,
    /// The incoming value of another header, if present.
    Copy(&'static str),
}

/// What happens to the incoming lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// All lines are joined, and the value is appended after this separator.
    Join(&'static str),
    /// The value is appended as a line of its own.
    NewLine,
    /// The value is appended to the last line.
    LastLine,
    /// The value replaces all lines.
    Set,
    /// The same, before `Connection` is obeyed: a client can have it dropped again.
    SetEarly,
    /// The incoming lines are written again after `Connection` is obeyed.
    Restore,
    /// The value is written if no line came in.
    IfAbsent,
    Remove,
}

/// What a proxy does with `Connection` (RFC 9110 §7.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Drops it, and nothing else.
    Dropped,
    /// Passes it on.
    Relayed,
    /// Drops the headers that it names, before it writes its own.
    Obeyed,
}

/// Appends after a comma and a space.
pub(crate) const fn adds(header: &'static str, what: What) -> Write {
    Write { header, what, how: How::Join(", ") }
}

/// Replaces the incoming lines.
pub(crate) const fn sets(header: &'static str, what: What) -> Write {
    Write { header, what, how: How::Set }
}

pub(crate) const fn does(header: &'static str, what: What, how: How) -> Write {
    Write { header, what, how }
}

pub(crate) const fn removes(header: &'static str) -> Write {
    Write { header, what: What::Host, how: How::Remove }
}

const fn library(name: &'static str, family: Family, mode: WriteMode) -> Style {
    let does = Does::Library(family, mode);
    Style { name, edge: does, inner: does, connection: Connection::Dropped }
}

/// The styles that are named by what they do.
const PLAIN: [Style; 6] = [
    library("append", Family::XForwarded, WriteMode::Append),
    library("replace", Family::XForwarded, WriteMode::Replace),
    library("if-absent", Family::XForwarded, WriteMode::IfAbsent),
    library("append-forwarded", Family::Forwarded, WriteMode::Append),
    library("replace-forwarded", Family::Forwarded, WriteMode::Replace),
    Style {
        name: "pass",
        edge: Does::Writes(&[]),
        inner: Does::Writes(&[]),
        connection: Connection::Relayed,
    },
];

/// All styles.
pub(crate) fn all() -> impl Iterator<Item = &'static Style> {
    PROXIES.iter().chain(&PLATFORMS).chain(&GATEWAYS).chain(&PLAIN)
}

/// A proxy in a chain, as the arguments name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) style: &'static Style,
    /// It writes as the edge does in any position.
    pub(crate) as_edge: bool,
}

impl Link {
    /// What it does in this position; 0 is the edge.
    pub(crate) fn does(&self, place: usize) -> Does {
        if place == 0 || self.as_edge { self.style.edge } else { self.style.inner }
    }

    /// Its name as in the arguments.
    pub(crate) fn name(&self) -> String {
        format!("{}{}", self.style.name, if self.as_edge { ":edge" } else { "" })
    }
}

/// Reads `nginx`, or `nginx:edge`.
pub(crate) fn link(text: &str) -> Result<Link, String> {
    let (name, as_edge) = match text.strip_suffix(":edge") {
        Some(name) => (name, true),
        None => (text, false),
    };
    let style = all().find(|style| style.name == name).ok_or_else(|| {
        let names: Vec<_> = all().map(|style| style.name).collect();
        format!("no such style; expected one of {}", names.join(", "))
    })?;
    Ok(Link { style, as_edge })
}
