//! A name for every way in which an oracle's answer differs. Each predicate says how the oracle read the
//! same lines. A difference that no predicate describes is unexplained.
//!
//! These predicates do not check that our answer is right: `reading.rs` does.

use super::{
    Oracle::{self, Hypercorn, HypercornModern, Uvicorn, Werkzeug},
    reading::{elements, forwarded_element, is_proxy, lines, nth, said, split, too_long},
    reference,
    theirs::{Difference, Splitting},
};

type Predicate = fn(&Difference<'_>) -> bool;

/// The oracles, the rest of the name, and the predicate. The first one that fits gives the name.
const NAMES: &[(&[Oracle], &str, Predicate)] = &[
    (&[HypercornModern], "falls-back-to-x", falls_back),
    (&[HypercornModern], "comma-in-quotes", comma_in_quotes),
    (&[Werkzeug, Uvicorn, Hypercorn, HypercornModern], "long-element", long_element),
    (&[HypercornModern], "malformed-element", malformed_element),
    (&[HypercornModern], "no-for", no_for),
    (&[HypercornModern], "parameter-name", parameter_name),
    (&[HypercornModern], "quotes", modern_quotes),
    (&[Uvicorn], "mapped-proxy", mapped_proxy),
    (&[Uvicorn], "brackets", brackets),
    (&[Uvicorn], "any-port", any_client_port),
    (&[Uvicorn], "obfuscated-port", obfuscated_port),
    (&[Uvicorn], "last-proto-line", last_proto_line),
    (&[Uvicorn], "scheme-spelling", scheme_not_understood),
    (&[Hypercorn], "empty-elements", empty_element),
    (&[Uvicorn, Hypercorn], "white-space", white_space),
    (&[Werkzeug, Uvicorn, Hypercorn], "unix", unix),
    (&[Werkzeug, Uvicorn, Hypercorn, HypercornModern], "any-text", any_text),
    (&[Werkzeug, Hypercorn, HypercornModern], "client-port", client_port),
    (&[Werkzeug, Uvicorn, Hypercorn, HypercornModern], "client-spelling", client_spelling),
    (&[Werkzeug, Hypercorn, HypercornModern], "any-scheme", any_scheme),
    (&[Werkzeug, Uvicorn, Hypercorn, HypercornModern], "websocket", websocket),
    (&[Werkzeug, Hypercorn, HypercornModern], "scheme-spelling", scheme_spelling),
    (&[Werkzeug, Hypercorn, HypercornModern], "any-host", any_host),
    (&[Hypercorn, HypercornModern], "default-port", default_port),
    (&[Werkzeug, Hypercorn, HypercornModern], "host-spelling", host_spelling),
    (&[Werkzeug], "server-port", server_port),
    (&[Werkzeug], "any-port", any_port),
    (&[Werkzeug], "port-spelling", port_spelling),
    (&[Werkzeug], "any-prefix", any_prefix),
    (&[Werkzeug], "prefix-slash", prefix_slash),
    (&[Werkzeug], "empty-elements", skipped_elements),
    (&[Werkzeug], "quotes", quotes),
];

/// All names.
pub(crate) fn all() -> impl Iterator<Item = String> {
    let full = |&(oracles, rest, _): &'static (&[Oracle], &str, Predicate)| {
        oracles.iter().map(move |oracle| format!("{}-{rest}", oracle.name()))
    };
    NAMES.iter().flat_map(full)
}

/// The name of a difference.
pub(crate) fn name(difference: &Difference<'_>) -> Option<String> {
    let oracle = difference.oracle;
    let fits = |(oracles, _, predicate): &&(&[Oracle], &str, Predicate)| {
        oracles.contains(&oracle) && predicate(difference)
    };
    NAMES.iter().find(fits).map(|(_, rest, _)| format!("{}-{rest}", oracle.name()))
}

fn any_text(d: &Difference<'_>) -> bool {
    let valid = reference::node(d.text(), d.oracle != HypercornModern).is_some();
    d.field == "client" && d.verbatim() && !valid && d.ours == d.own()
}

fn unix(d: &Difference<'_>) -> bool {
    d.field == "client" && d.verbatim() && d.text() == "unix:"
}

fn client_port(d: &Difference<'_>) -> bool {
    let node = reference::node(d.text(), d.oracle != HypercornModern);
    d.field == "client" && d.verbatim() && node.is_some_and(|node| split(&node).1.is_some())
}

fn client_spelling(d: &Difference<'_>) -> bool {
    let node = reference::node(d.text(), d.oracle != HypercornModern);
    let port = |node: &str| split(node).1.is_some() && d.oracle != Uvicorn;
    d.field == "client" && d.verbatim() && node.is_some_and(|node| !port(&node))
}

fn any_scheme(d: &Difference<'_>) -> bool {
    d.field == "scheme" && d.verbatim() && reference::scheme(d.text()).is_none()
}

fn websocket(d: &Difference<'_>) -> bool {
    let text = d.text().to_ascii_lowercase();
    d.field == "scheme" && d.verbatim() && matches!(text.as_str(), "ws" | "wss")
}

fn scheme_spelling(d: &Difference<'_>) -> bool {
    d.field == "scheme" && d.verbatim() && d.text().eq_ignore_ascii_case(d.ours)
}

fn any_host(d: &Difference<'_>) -> bool {
    let host = match (d.field, d.texts()[..].last()) {
        ("host", _) => d.text(),
        // The host's port, if there is no other.
        ("port", Some(Some(host))) if d.text().is_empty() => host,
        _ => return false,
    };
    let believed = match d.field {
        "host" => d.verbatim(),
        _ => split(host).1 == Some(d.theirs),
    };
    believed && reference::authority(host, "http").is_none()
}

fn default_port(d: &Difference<'_>) -> bool {
    let (host, number) = split(d.text());
    let default = number.and_then(reference::port).is_some_and(|port| [80, 443].contains(&port));
    d.field == "host" && d.verbatim() && default && host.eq_ignore_ascii_case(d.ours)
}

fn host_spelling(d: &Difference<'_>) -> bool {
    let host = reference::authority(d.text(), "http");
    d.field == "host" && d.verbatim() && host.is_some()
}

/// No header states a port. Werkzeug keeps the server's port.
fn server_port(d: &Difference<'_>) -> bool {
    let texts = d.texts();
    let stated = |text: Option<&str>| text.is_some_and(|text| split(text).1.is_some());
    let none = d.field == "port" && d.text().is_empty() && !stated(texts[1]);
    none && d.theirs == "80" && d.ours == "443"
}

fn any_port(d: &Difference<'_>) -> bool {
    d.field == "port" && d.verbatim() && reference::port(d.text()).is_none()
}

fn port_spelling(d: &Difference<'_>) -> bool {
    let host = d.texts().last().copied().flatten().unwrap_or_default();
    let stated = match d.text() {
        "" if reference::authority(host, "http").is_some() => split(host).1.unwrap_or("x"),
        text => text,
    };
    let read = reference::port(stated).map_or(stated.is_empty(), |port| port.to_string() == d.ours);
    d.field == "port" && d.theirs == stated && read
}

fn any_prefix(d: &Difference<'_>) -> bool {
    d.field == "prefix" && d.verbatim() && reference::prefix(d.text()).is_none()
}

fn prefix_slash(d: &Difference<'_>) -> bool {
    d.field == "prefix" && d.verbatim() && d.text().trim_end_matches('/') == d.ours
}

/// The selected element is empty, and the oracle believes it.
fn empty_element(d: &Difference<'_>) -> bool {
    d.theirs.is_empty() && d.texts()[0] == Some("")
}

/// The oracle's count skips empty elements.
fn skipped_elements(d: &Difference<'_>) -> bool {
    let empty = |(name, n): &(&str, usize)| {
        *n > 0
            && elements(d.case, name).iter().any(|text| text.trim_matches([' ', '\t']).is_empty())
    };
    d.headers().iter().any(empty) && d.theirs == d.werkzeug_counts(Splitting::NonEmpty)
}

/// Commas in quotes separate nothing, quotes are removed, and an unclosed quote voids the list.
fn quotes(d: &Difference<'_>) -> bool {
    let quoted = |(name, n): &(&str, usize)| {
        *n > 0 && lines(d.case, name).iter().any(|line| line.contains('"'))
    };
    d.headers().iter().any(quoted) && d.theirs == d.werkzeug_counts(Splitting::Quotes)
}

/// The element is longer than 4 KiB. We read no further.
fn long_element(d: &Difference<'_>) -> bool {
    let long = |(name, n): &(&str, usize)| {
        let list = elements(d.case, name);
        let n = if (d.oracle, d.field) == (Uvicorn, "client") { list.len() } else { *n };
        too_long(&list, n)
    };
    let believed = match (d.oracle, d.field) {
        (HypercornModern, _) => d.is_part(),
        (Werkzeug, _) => d.theirs == d.werkzeug_counts(Splitting::Commas),
        (Uvicorn, "client") => d.is_listed(),
        _ => d.verbatim(),
    };
    believed && d.headers().iter().any(long)
}

/// The oracle also drops white space other than SP and HTAB.
fn white_space(d: &Difference<'_>) -> bool {
    let text = d.text();
    let found = if (d.oracle, d.field) == (Uvicorn, "client") {
        d.uvicorn_reads(text.trim()) || is_proxy(text.trim()) && d.is_listed()
    } else {
        d.theirs == text.trim()
    };
    text.trim() != text && found
}

/// uvicorn does not recognize a proxy by its IPv4-mapped address.
fn mapped_proxy(d: &Difference<'_>) -> bool {
    let proxy = reference::node(d.text(), true).is_some_and(|node| is_proxy(&node));
    d.field == "client" && proxy && d.text().contains("::") && d.verbatim()
}

/// uvicorn reads IPv4 in brackets, as the client or as a proxy that it passes.
fn brackets(d: &Difference<'_>) -> bool {
    let ip = split(d.text()).0.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let ip = ip.filter(|ip| ip.parse::<std::net::Ipv4Addr>().is_ok());
    d.field == "client"
        && ip.is_some_and(|ip| d.verbatim() || is_proxy(ip) && d.is_listed())
        && d.ours == d.own()
}

/// uvicorn takes any number for a port, and drops a port that is not a number.
fn any_client_port(d: &Difference<'_>) -> bool {
    let (ip, number) = split(d.text());
    let address = reference::node(ip, false).is_some_and(|_| !ip.starts_with('_'));
    let bad = number.is_some() && reference::node(d.text(), true).is_none();
    let passed = is_proxy(ip) && d.is_listed();
    d.field == "client" && address && bad && (d.verbatim() || passed) && d.ours == d.own()
}

/// uvicorn does not know obfuscated ports, so the element is not an address.
fn obfuscated_port(d: &Difference<'_>) -> bool {
    let port = split(d.text()).1.is_some_and(|port| port.starts_with('_'));
    let node = reference::node(d.text(), true).is_some();
    d.field == "client" && port && node && d.verbatim()
}

/// uvicorn reads the whole last line, and a list is not a scheme.
fn last_proto_line(d: &Difference<'_>) -> bool {
    let last = lines(d.case, "x-forwarded-proto").last().is_some_and(|line| line.contains(','));
    d.field == "scheme" && last && d.theirs == d.own()
}

/// uvicorn knows schemes only in lower case.
fn scheme_not_understood(d: &Difference<'_>) -> bool {
    let upper = d.text().contains(|c: char| c.is_ascii_uppercase());
    d.field == "scheme"
        && upper
        && d.theirs == d.own()
        && reference::scheme(d.text()) == Some(d.ours)
}

/// `Forwarded` has too few elements, or none, so Hypercorn believes the other family.
fn falls_back(d: &Difference<'_>) -> bool {
    let few = elements(d.case, "forwarded").len() < d.case.hops;
    let other = Difference { oracle: Hypercorn, ..*d };
    let text = other.texts()[0];
    few && d.ours == d.own() && text.map(str::trim) == Some(d.theirs)
}

/// A comma in a quoted-string separates elements.
fn comma_in_quotes(d: &Difference<'_>) -> bool {
    let quoted = lines(d.case, "forwarded").iter().any(|line| line.contains('"'));
    let piece = nth(&elements(d.case, "forwarded"), d.case.hops);
    quoted && d.is_part() && piece != forwarded_element(d.case).as_deref()
}

/// Hypercorn searches even what is not a forwarded-element.
fn malformed_element(d: &Difference<'_>) -> bool {
    d.ours == d.own() && d.is_part() && said(d.case).is_none()
}

/// The element does not say who the client is.
fn no_for(d: &Difference<'_>) -> bool {
    let none = said(d.case).is_some_and(|said| said.node.is_none());
    d.field == "client" && none && d.theirs == d.own() && d.ours == "unknown"
}

/// Hypercorn overlooks a parameter that is not in lower case, or that has white space before it.
fn parameter_name(d: &Difference<'_>) -> bool {
    let element = forwarded_element(d.case).unwrap_or_default();
    let odd = element.contains(|c: char| c.is_ascii_uppercase() || c == ' ' || c == '\t');
    odd && d.part().is_none() && d.theirs == d.own()
}

/// Quotes and escapes stay, and a `;` between quotes separates.
fn modern_quotes(d: &Difference<'_>) -> bool {
    let quoted = forwarded_element(d.case).is_some_and(|element| element.contains('"'));
    quoted && d.is_part() && d.theirs.contains('"')
}
