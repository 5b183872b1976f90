//! Which probes there are for one way.
//!
//! 1. Honest probes come first. What they bring says which headers the proxies write.
//! 2. Each standard header, and each one that an honest probe brought, is probed alone in each shape. The
//!    result for it then depends on nothing else.
//! 3. All other known forwarding headers are probed together, so many at once that no server refuses the
//!    number of lines: Apache and HAProxy take a hundred. Long ones are probed alone.
//! 4. Odd targets come last, each alone and with lies.

use std::collections::BTreeSet;

use proxyfix::Scheme;

use super::{Kind, Marker, Probe, Shape, values};
use crate::arrived::Field;

/// The headers that proxyfix reads without being told another name, and the commonest one of a single address.
pub const STANDARD: [&str; 7] = [
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "forwarded",
    "x-real-ip",
];

/// How many headers are probed together.
const TOGETHER: usize = 15;

/// The name of the other authority.
const OTHER: &str = "other.example";

/// The probes for one way. The same calls give the same probes, so that a probe is known by its id.
///
/// ```
/// use proxyfix::Scheme;
/// use proxyfix_doctor::probe::Catalogue;
///
/// let mut catalogue = Catalogue::new(Scheme::Https, "s");
/// assert_eq!(catalogue.honest(1)[0].id, "s1");
/// let probes = catalogue.standard();
/// assert!(probes.iter().all(|probe| probe.lies_in(probe.headers()[0])));
/// ```
#[derive(Clone, Debug)]
pub struct Catalogue {
    lie: Scheme,
    prefix: String,
    probes: u32,
    markers: u16,
}

impl Catalogue {
    /// The probes for a client that speaks this scheme. Their ids begin with `prefix`.
    pub fn new(scheme: Scheme, prefix: &str) -> Self {
        let lie = if scheme == Scheme::Https { Scheme::Http } else { Scheme::Https };
        Self { lie, prefix: prefix.to_owned(), probes: 0, markers: 0 }
    }

    /// So many honest probes.
    pub fn honest(&mut self, times: usize) -> Vec<Probe> {
        (0..times).map(|_| self.probe(Kind::Honest, Vec::new(), Vec::new())).collect()
    }

    /// Each of the [`STANDARD`] headers alone in each shape.
    pub fn standard(&mut self) -> Vec<Probe> {
        self.alone(STANDARD)
    }

    /// Each of these headers alone in each shape.
    pub fn alone<'a>(&mut self, headers: impl IntoIterator<Item = &'a str>) -> Vec<Probe> {
        let mut probes = Vec::new();
        for header in headers {
            for shape in Shape::ALL {
                probes.extend(self.headers(&[header], shape));
            }
        }
        probes
    }

    /// All known forwarding headers except these, many in one probe.
    pub fn others(&mut self, except: &BTreeSet<String>) -> Vec<Probe> {
        let others: Vec<_> =
            proxyfix::forwarding_headers().filter(|name| !except.contains(*name)).collect();
        let mut probes = Vec::new();
        for shape in Shape::ALL {
            let together = if shape == Shape::Long { 1 } else { TOGETHER };
            for group in others.chunks(together) {
                probes.extend(self.headers(group, shape));
            }
        }
        probes
    }

    /// Odd targets and hosts, each alone and with a lie in every standard header: a proxy may write a header only
    /// where the request names a host (lighttpd), or take its value from the target (nghttpx).
    pub fn targets(&mut self) -> Vec<Probe> {
        let mut probes = Vec::new();
        for kind in Kind::TARGETS {
            let (mut lines, mut markers) = (Vec::new(), Vec::new());
            if kind == Kind::TwoHosts {
                lines.push(Field::new("Host", OTHER));
            }
            if matches!(kind, Kind::TwoHosts | Kind::OtherAuthority) {
                let (header, text) = ("host".to_owned(), OTHER.to_owned());
                markers.push(Marker { header, text, is_common: true });
            }
            probes.push(self.probe(kind, lines.clone(), markers.clone()));
            if let Some(lies) = self.headers(&STANDARD, Shape::Once) {
                lines.extend(lies.lines);
                markers.extend(lies.markers);
                probes.push(self.probe(kind, lines, markers));
            }
        }
        if let Some(lies) = self.headers(&STANDARD, Shape::Once) {
            probes.push(self.probe(Kind::Tunnel, lies.lines, lies.markers));
        }
        let text = values::CLAIMED.to_owned();
        let marker = Marker { header: values::PROXY.to_owned(), text, is_common: false };
        probes.push(self.probe(Kind::Proxy, Vec::new(), vec![marker]));
        probes
    }

    /// One probe that lies in these headers; `None` if they have no such shape.
    fn headers(&mut self, headers: &[&str], shape: Shape) -> Option<Probe> {
        let can = |name: &&&str| shape != Shape::Underscore || name.contains('-');
        let headers: Vec<&str> = headers.iter().filter(can).copied().collect();
        let (mut lines, mut markers) = (Vec::new(), Vec::new());
        for name in &headers {
            let lie = self.lie;
            let mut number = || {
                self.markers = self.markers.wrapping_add(1);
                self.markers
            };
            let (sent, told) = values::lies(name, shape, lie, &mut number);
            lines.extend(sent);
            markers.extend(told);
        }
        if shape == Shape::Nominated {
            lines.push(Field::new(values::CONNECTION, &headers.join(", ")));
        }
        (!headers.is_empty()).then(|| self.probe(Kind::Headers(shape), lines, markers))
    }

    fn probe(&mut self, kind: Kind, lines: Vec<Field>, markers: Vec<Marker>) -> Probe {
        self.probes = self.probes.saturating_add(1);
        Probe { id: format!("{}{}", self.prefix, self.probes), kind, lines, markers }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Catalogue, STANDARD};
    use crate::probe::{Kind, Shape};
    use proxyfix::Scheme;

    #[test]
    fn each_known_header_in_each_shape() {
        let mut catalogue = Catalogue::new(Scheme::Http, "");
        let mut probes = catalogue.standard();
        probes.extend(catalogue.others(&STANDARD.map(str::to_owned).into()));
        let asked: BTreeSet<_> = probes
            .iter()
            .flat_map(|probe| probe.headers().into_iter().map(|name| (name, probe.kind)))
            .collect();
        for name in proxyfix::forwarding_headers() {
            for shape in Shape::ALL {
                let possible = shape != Shape::Underscore || name.contains('-');
                let is_asked = asked.contains(&(name, Kind::Headers(shape)));
                assert_eq!(is_asked, possible, "{name}, {}", shape.name());
            }
        }
        let texts: Vec<_> = probes
            .iter()
            .flat_map(|probe| &probe.markers)
            .filter(|marker| !marker.is_common)
            .map(|marker| &marker.text)
            .collect();
        let unique: BTreeSet<_> = texts.iter().collect();
        assert_eq!(unique.len(), texts.len());
        assert!(probes.len() < 300, "{}", probes.len());
        for probe in &probes {
            let bytes: usize = probe.lines.iter().map(|line| line.value.as_bytes().len()).sum();
            assert!(bytes <= 8192 && probe.lines.len() < 50, "{}", probe.id);
        }
    }

    #[test]
    fn halves() {
        let mut catalogue = Catalogue::new(Scheme::Https, "s");
        let probe = catalogue.headers(&["x-real-ip", "x-host", "x-scheme"], Shape::Nominated);
        let probe = probe.unwrap();
        let [left, right] = probe.halves().unwrap();
        assert_eq!(left.headers(), ["x-real-ip"]);
        assert_eq!(right.headers(), ["x-host", "x-scheme"]);
        assert_eq!(right.lines[2].value.to_string(), "x-host, x-scheme");
        assert!(left.halves().is_none());
        assert!(catalogue.honest(1)[0].halves().is_none());
    }
}
