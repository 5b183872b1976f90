//! How a probe is written: as the bytes of an HTTP/1 head, as a line for `curl`, and for a browser's `fetch`.
//!
//! 1. A head is written by hand, so that no library corrects it.
//! 2. `curl` and browsers cannot write everything. [`curl`] gives nothing where it cannot; for a browser,
//!    [`sendable_by_browsers`] says what is forbidden to it
//!    ([Fetch, forbidden request-header](https://fetch.spec.whatwg.org/#forbidden-request-header)).

use std::fmt::Write as _;

use serde::Serialize;

use super::{Kind, Probe, Shape};
use crate::{arrived::Field, record::Way};

/// The name under which probes are sent.
const AGENT: &str = concat!("proxyfix-doctor/", env!("CARGO_PKG_VERSION"));

/// The head of a probe as it is sent, with these lines besides.
///
/// ```
/// use proxyfix_doctor::{probe::{Catalogue, head}, record::{Protocol, Way}};
/// # let way = Way { scheme: "http".into(), protocol: Protocol::Http1, ipv6: false, host: "app.example".into(), port: 80 };
///
/// let probe = &Catalogue::new(way.scheme(), "").honest(1)[0];
/// let head = head(probe, &way, "/probe", &[]);
/// assert!(head.starts_with(b"GET /probe HTTP/1.1\r\nHost: app.example\r\n"));
/// ```
pub fn head(probe: &Probe, way: &Way, path: &str, more: &[Field]) -> Vec<u8> {
    let authority = way.authority();
    let version = if probe.kind == Kind::NoHost { "1.0" } else { "1.1" };
    let target = match probe.kind {
        Kind::AbsoluteForm => format!("{}://{authority}{path}", way.scheme),
        // The port stays, because only the scheme is the lie.
        Kind::OtherScheme => format!("{}://{}:{}{path}", way.lie(), way.host, way.port),
        Kind::OtherAuthority => format!("{}://other.example{path}", way.scheme),
        Kind::Honest
        | Kind::Headers(_)
        | Kind::NoHost
        | Kind::EmptyHost
        | Kind::TwoHosts
        | Kind::Proxy
        | Kind::Knock
        | Kind::Tunnel => path.to_owned(),
    };
    let host = match probe.kind {
        Kind::NoHost => String::new(),
        Kind::EmptyHost => "Host: \r\n".to_owned(),
        Kind::OtherScheme => format!("Host: {}:{}\r\n", way.host, way.port),
        _ => format!("Host: {authority}\r\n"),
    };
    let mut head = format!("GET {target} HTTP/{version}\r\n{host}User-Agent: {AGENT}\r\n");
    head.push_str("Accept: application/json\r\n");
    let mut head = head.into_bytes();
    for field in more.iter().chain(&probe.lines) {
        head.extend_from_slice(field.name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(field.value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// The line of the PROXY protocol, version 1, before the head of a [`Kind::Proxy`]; `None` for all others.
#[cfg(feature = "prober")]
pub(crate) fn proxy_line(probe: &Probe, way: &Way) -> Option<String> {
    let marker = probe.markers.first().filter(|_| probe.kind == Kind::Proxy)?;
    Some(format!("PROXY TCP4 {} 192.0.2.1 4711 {}\r\n", marker.text, way.port))
}

/// The head of the CONNECT before a [`Kind::Tunnel`]. The receiver answers it only with its token.
#[cfg(feature = "prober")]
pub(crate) fn connect_head(way: &Way, token: &str, more: &[Field]) -> Vec<u8> {
    let Way { host, port, .. } = way;
    let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    for field in more {
        let _ = write!(head, "{}: {}\r\n", field.name, field.value);
    }
    let _ = write!(head, "{TUNNEL}: {token}\r\n\r\n");
    head.into_bytes()
}

/// The header with the token of a CONNECT, which has no path.
#[cfg(any(feature = "listen", feature = "prober"))]
pub(crate) const TUNNEL: &str = "proxyfix-doctor";

/// A line for a shell that sends a probe with `curl` and these options of it; `None` if `curl` cannot send it.
pub fn curl(probe: &Probe, url: &str, options: &str) -> Option<String> {
    // `--next` forgets all options.
    let all = format!("-sS --http1.1 --max-time 20{options}");
    let mut line = format!("curl {all}");
    match probe.kind {
        // curl keeps the connection. Of the first answer only the second one's end is told.
        Kind::Headers(Shape::Second) => {
            let _ = write!(line, " -o /dev/null '{url}' --next {all}");
        }
        Kind::Honest | Kind::Headers(_) => {}
        Kind::NoHost => line.push_str(" --http1.0 -H 'Host:'"),
        Kind::EmptyHost => line.push_str(" -H 'Host;'"),
        // `curl` sends one `Host`, opens no tunnel to the receiver, and claims no address.
        Kind::Proxy | Kind::Knock | Kind::Tunnel | Kind::TwoHosts => return None,
        Kind::AbsoluteForm | Kind::OtherScheme | Kind::OtherAuthority => {
            let (scheme, rest) = url.split_once("://")?;
            let (authority, path) = rest.split_once('/')?;
            let other = if scheme == "https" { "http" } else { "https" };
            let port = if scheme == "https" { 443 } else { 80 };
            let target = match probe.kind {
                Kind::OtherAuthority => format!("{scheme}://other.example/{path}"),
                Kind::OtherScheme if authority.rsplit_once(':').is_some_and(is_port) => {
                    format!("{other}://{authority}/{path}")
                }
                // The port stays, because only the scheme is the lie.
                Kind::OtherScheme => {
                    let _ = write!(line, " -H 'Host: {authority}:{port}'");
                    format!("{other}://{authority}:{port}/{path}")
                }
                _ => url.to_owned(),
            };
            let _ = write!(line, " --request-target '{target}'");
        }
    }
    for field in &probe.lines {
        let value = field.value.to_string().replace('\'', r"'\''");
        // `Name;` is an empty line.
        let between = if value.is_empty() { ";" } else { ": " };
        let _ = write!(line, " -H '{}{between}{value}'", field.name);
    }
    let ends = "%{local_ip} %{local_port} %{remote_ip} %{remote_port}";
    let why = "%{errormsg}";
    let _ =
        write!(line, " -w '\\n{} {} %{{http_code}} {ends}{WHY}{why}\\n' '{url}'", END, probe.id);
    Some(line)
}

/// Whether what follows the last colon of an authority is a port, and no part of an IPv6 address.
fn is_port((_, port): (&str, &str)) -> bool {
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first word of the line that [`curl`] prints after each answer.
pub(crate) const END: &str = "#proxyfix-doctor";

/// What is between both ends of the connection and the reason why none came about. curl has told that since 7.75.
pub(crate) const WHY: &str = " | ";

/// Whether a page in a browser is able to send a probe.
pub fn sendable_by_browsers(probe: &Probe) -> bool {
    // `fetch` joins two lines to one, and may not name anything in `Connection`.
    let shape = match probe.kind {
        Kind::Honest => true,
        Kind::Headers(shape) => !matches!(shape, Shape::Twice | Shape::Nominated | Shape::Second),
        _ => false,
    };
    shape && probe.lines.iter().all(|field| !is_forbidden(&field.name.to_ascii_lowercase()))
}

/// Whether a browser refuses to send a header that a page asks for.
fn is_forbidden(name: &str) -> bool {
    ["proxy-", "sec-"].iter().any(|prefix| name.starts_with(prefix))
        || ["connection", "host", "te", "upgrade", "via", "x-http-method-override"].contains(&name)
}

/// A probe for a browser's `fetch`.
#[derive(Clone, Debug, Serialize)]
pub struct Fetch<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it tries, and where.
    pub name: String,
    /// The headers, by name and value.
    pub headers: Vec<(&'a str, String)>,
}

/// A probe for a browser's `fetch`; `None` if a browser refuses it.
pub fn fetch(probe: &Probe) -> Option<Fetch<'_>> {
    let line = |field: &'_ Field| field.value.to_string();
    let headers = probe.lines.iter().map(|field| (field.name.as_str(), line(field))).collect();
    let about = probe.headers();
    let name = match about.as_slice() {
        [] => probe.kind.name().to_owned(),
        [one] => format!("{one}: {}", probe.kind.name()),
        [first, rest @ ..] => format!("{first} and {} more: {}", rest.len(), probe.kind.name()),
    };
    sendable_by_browsers(probe).then_some(Fetch { id: &probe.id, name, headers })
}

#[cfg(test)]
mod tests {
    use super::{curl, fetch, head};
    use crate::{
        probe::{Catalogue, Kind, Shape},
        record::{Protocol, Way},
    };

    fn way() -> Way {
        let (scheme, host) = ("https".to_owned(), "app.example".to_owned());
        Way { scheme, protocol: Protocol::Http1, ipv6: false, host, port: 8443 }
    }

    #[test]
    fn heads_of_targets() {
        let mut catalogue = Catalogue::new(way().scheme(), "s");
        let probes = catalogue.targets();
        let text = |kind: Kind| {
            let probe = probes.iter().find(|probe| probe.kind == kind).unwrap();
            String::from_utf8(head(probe, &way(), "/p", &[])).unwrap()
        };
        let starts = |kind, start: &str| assert!(text(kind).starts_with(start), "{}", text(kind));
        starts(
            Kind::OtherScheme,
            "GET http://app.example:8443/p HTTP/1.1\r\nHost: app.example:8443\r\n",
        );
        starts(
            Kind::OtherAuthority,
            "GET https://other.example/p HTTP/1.1\r\nHost: app.example:8443\r\n",
        );
        starts(Kind::NoHost, "GET /p HTTP/1.0\r\nUser-Agent: ");
        assert!(text(Kind::TwoHosts).ends_with("Host: other.example\r\n\r\n"));
    }

    #[test]
    fn curl_and_fetch() {
        let mut catalogue = Catalogue::new(way().scheme(), "s");
        let probes = catalogue.standard();
        let find = |shape| {
            let is = |probe: &&crate::probe::Probe| probe.kind == Kind::Headers(shape);
            probes.iter().find(is).unwrap()
        };
        let line = curl(find(Shape::Empty), "https://app.example/", "").unwrap();
        assert!(line.contains("-H 'x-forwarded-for;'"), "{line}");
        assert!(fetch(find(Shape::Once)).is_some());
        assert!(fetch(find(Shape::Nominated)).is_none());
        assert!(fetch(find(Shape::Twice)).is_none());
        let targets = catalogue.targets();
        let of = |kind: Kind| {
            let probe = targets.iter().find(|probe| probe.kind == kind).unwrap();
            curl(probe, "https://app.example/p", "")
        };
        assert!(of(Kind::TwoHosts).is_none());
        let line = of(Kind::OtherScheme).unwrap();
        assert!(line.contains("--request-target 'http://app.example:443/p'"), "{line}");
        assert!(of(Kind::AbsoluteForm).unwrap().contains("'https://app.example/p'"), "{line}");
    }
}
