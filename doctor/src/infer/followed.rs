//! Whoever does what the `do:` lines say gets to a line, and is never told to do what is done.
//!
//! HAProxy, which never shows itself, is before an nginx, which does. The user does what is said, and asks again.

use std::collections::BTreeSet;

use super::{Finding, Report, Severity, infer};
use crate::{
    arrived::{Arrived, Field},
    probe::{Catalogue, Kind, Probe},
    record::{Exchange, Outcome, Protocol, Recording, Way},
};

const READ: [&str; 4] =
    ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"];
const CLIENT: &str = "198.18.0.9";

/// What is configured, as the lines that the doctor knows.
#[derive(Clone, Debug, Default)]
struct Chain {
    haproxy: BTreeSet<String>,
    nginx: BTreeSet<String>,
    /// Whether HAProxy sets the scheme under TLS alone.
    tls_alone: bool,
}

const FORWARDFOR: &str = "option forwardfor";
const FOR: &str = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
const SCHEME: &str = "proxy_set_header X-Forwarded-Proto $scheme;";
const SERVER_PORT: &str = "proxy_set_header X-Forwarded-Port $server_port;";
const HOST: &str = "proxy_set_header Host $host;";

impl Chain {
    /// What arrives of a probe, whose host passes.
    fn pass(&self, probe: &Probe, way: &Way) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        let mut host = way.authority();
        for line in &probe.lines {
            let name = line.name.to_ascii_lowercase();
            if name != "host" && name != "connection" {
                fields.push(Field { name, value: line.value.clone() });
            }
        }
        if matches!(probe.kind, Kind::NoHost | Kind::EmptyHost) {
            host.clear();
        }
        let set = |fields: &mut Vec<Field>, name: &str, value: &str| {
            fields.retain(|field| field.name != name);
            fields.push(Field::new(name, value));
        };
        let append = |fields: &mut Vec<Field>, value: &str| {
            let name = "x-forwarded-for";
            let lines = fields.iter().filter(|field| field.name == name);
            let lines = lines.map(|field| field.value.to_string()).chain([value.to_owned()]);
            let list = lines.collect::<Vec<_>>().join(", ");
            fields.retain(|field| field.name != name);
            fields.push(Field::new(name, &list));
        };
        let has = |of: &BTreeSet<String>, word: &str| of.iter().any(|line| line.contains(word));
        if has(&self.haproxy, "forwardfor") {
            append(&mut fields, CLIENT);
        }
        if has(&self.haproxy, "-Proto") || self.tls_alone && way.scheme == "https" {
            set(&mut fields, "x-forwarded-proto", &way.scheme);
        }
        if has(&self.haproxy, "-Port") {
            set(&mut fields, "x-forwarded-port", &way.port.to_string());
        }
        if has(&self.nginx, "$proxy_add") {
            append(&mut fields, "10.0.0.1");
        }
        if has(&self.nginx, "-Proto") {
            set(&mut fields, "x-forwarded-proto", "http");
        }
        if let Some(port) = self.nginx.iter().find_map(|line| {
            line.strip_prefix("proxy_set_header X-Forwarded-Port ")?.split(';').next()
        }) {
            let port = if port == "$server_port" { "9100" } else { port };
            set(&mut fields, "x-forwarded-port", port);
        }
        if self.nginx.contains(HOST) {
            host = host.split(':').next().unwrap().to_owned();
        }
        fields.push(Field::new("host", &host));
        fields
    }

    fn ask(&self, ports: [u16; 2], told: &[&str]) -> Report {
        let mut recording = Recording::new("https://app.example/");
        recording.proxies = told.iter().map(|name| (*name).to_owned()).collect();
        for (scheme, port) in ["https", "http"].into_iter().zip(ports) {
            let (scheme, host) = (scheme.to_owned(), "app.example".to_owned());
            let way = Way { scheme, protocol: Protocol::Http1, ipv6: false, host, port };
            let mut catalogue = Catalogue::new(way.scheme(), &way.scheme);
            let mut probes = catalogue.honest(2);
            probes.extend(catalogue.alone(READ));
            probes.extend(catalogue.targets());
            for probe in probes {
                let refused = Outcome::Refused { status: 400, location: None };
                let outcome = match probe.kind {
                    Kind::TwoHosts | Kind::NoHost | Kind::EmptyHost | Kind::OtherAuthority => {
                        refused
                    }
                    _ => Outcome::Arrived(Arrived {
                        peer: Some("10.0.0.2:4000".to_owned()),
                        version: "HTTP/1.1".to_owned(),
                        method: "GET".to_owned(),
                        target: format!("/p/{}", probe.id).as_str().into(),
                        fields: self.pass(&probe, &way),
                        instance: String::new(),
                    }),
                };
                recording.exchanges.push(Exchange {
                    path: format!("/p/{}", probe.id),
                    outcome,
                    from: format!("{CLIENT}:5000").parse().ok(),
                    to: format!("10.0.0.1:{port}").parse().ok(),
                    probe,
                    way: way.clone(),
                    servers: vec!["nginx/1.22.1".to_owned()],
                });
            }
        }
        infer(&recording)
    }

    /// Does what a finding says. `literal` is who does not look whether nginx is the outermost.
    fn follow(&mut self, finding: &Finding, literal: bool, told: bool) {
        let before = self.clone();
        let mut hidden = false;
        for header in ["X-Forwarded-Proto", "X-Forwarded-Port"] {
            let out =
                format!("may set {header}: take the line for it out of nginx").to_ascii_lowercase();
            if finding.instead.to_ascii_lowercase().contains(&out) {
                self.nginx.retain(|line| !line.contains(header));
                // What HAProxy writes does not arrive.
                hidden = true;
            }
        }
        if !literal && finding.instead.contains("take the line for it out of every other proxy") {
            self.nginx.remove(SERVER_PORT);
            hidden = true;
        }
        for text in finding.instead.lines() {
            let Some((name, line)) = text.split_once(": ") else { continue };
            let line = line.split(" (docs/").next().unwrap().to_owned();
            let (what, is) = match name {
                "haproxy" => (&mut self.haproxy, &before.haproxy),
                "nginx" => (&mut self.nginx, &before.nginx),
                "nginx, if it is the outermost" if literal => (&mut self.nginx, &before.nginx),
                _ => continue,
            };
            assert!(hidden || !is.contains(&line), "done already: {finding:#?}");
            let outermost = line.contains("$scheme") || line.contains("X-Forwarded-Port ");
            assert!(!(told && name == "nginx" && outermost), "not the outermost: {finding:#?}");
            assert!(!line.contains("$server_port"), "{finding:#?}");
            if line.contains("X-Forwarded-Port ") {
                what.retain(|line| !line.contains("X-Forwarded-Port "));
            }
            what.insert(line);
        }
        self.tls_alone &= !self.haproxy.iter().any(|line| line.contains("-Proto"));
    }

    /// Does what is said, until there is a line.
    fn follow_all(mut self, ports: [u16; 2], told: &[&str], literal: bool) {
        let start = self.clone();
        let mut said = BTreeSet::new();
        for _ in 0..8 {
            let report = self.ask(ports, told);
            if report.line.is_some() {
                return;
            }
            let blocks = report.findings.iter().filter(|each| each.severity == Severity::Blocks);
            for finding in blocks {
                let told_again = !said.insert((finding.code, finding.instead.clone()));
                assert!(!told_again, "{start:?}, {told:?}, {literal}: a loop: {finding:#?}");
                self.follow(finding, literal, !told.is_empty());
            }
        }
        panic!("{start:?}, {told:?}, {literal}: no line");
    }
}

fn lines(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|line| (*line).to_owned()).collect()
}

/// From each beginning, for users who name their proxies and for others.
fn each(ports: [u16; 2], inner: [&str; 2]) {
    for bits in 0..2_usize.pow(4) {
        let is = |bit: usize| bits >> bit & 1 == 1;
        let literal = bits.count_ones() % 2 == 0;
        let inner = inner.iter().zip(2..).filter(|(_, bit)| is(*bit));
        let chain = Chain {
            haproxy: lines(if is(0) { &[FORWARDFOR] } else { &[] }),
            nginx: inner.map(|(line, _)| (*line).to_owned()).collect(),
            tls_alone: is(1),
        };
        let named: &[&str] = if literal { &["haproxy", "nginx"] } else { &["haproxy"] };
        for (told, literal) in [(&[][..], literal), (named, false)] {
            chain.clone().follow_all(ports, told, literal);
        }
    }
}

#[test]
fn the_client_and_the_scheme() {
    each([443, 80], [FOR, SCHEME]);
}

#[test]
fn the_port() {
    each([9443, 9080], [SERVER_PORT, HOST]);
}
