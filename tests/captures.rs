//! What real proxies sent to a backend: 3,016 requests through 39 set-ups, in `tests/captures/`, each with
//! the truth about its client.
//!
//! Each head that arrived becomes a request, which is fixed with the set-up's recommended trust: by count
//! and by walk, both also for `Forwarded`, and with no trusted proxy. The requirements:
//!
//! 1. Every believed value is the truth. So is `Host` if it is believed as the host.
//! 2. There is one exception: the proxy itself may have been misled. `exceptions.json` says in which
//!    requests a reader has a wrong value or none. Exactly those occur, no more and no fewer.
//! 3. A request may be rejected instead. Then it is unchanged. An honest request, in which the client
//!    forged nothing, is not rejected.
//! 4. All departures from this are in `tests/captures/tables.rs`, with their reasons.
//! 5. An accepted request has no forwarding header left that is not trusted. Each trusted one has one
//!    value. `Host` and the target's authority are the host in effect. Everything else is unchanged.
//! 6. Nothing that a client forged is left in a forwarding header, in `Host` or in the target's authority,
//!    except as part of a value that is wrong under 2.
//! 7. With no trusted proxy, the client is the peer and the scheme is the listener's.
//!
//! The table and `exceptions.json` are checked in both directions: an entry that no longer occurs fails.

mod util;

#[path = "captures/tables.rs"]
mod tables;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Version, header::HOST, uri::Authority};
use proxyfix::{Config, Peer, Resolved, Scheme, Source, fix_request};
use serde::{Deserialize, de::DeserializeOwned};

use self::tables::{DEPARTURES, FIELDS, FORGED, PREFIX};

#[derive(Deserialize)]
struct Record {
    setup: String,
    scenario: String,
    peer: Option<SocketAddr>,
    received: Option<String>,
    truth: Truth,
}

#[derive(Deserialize)]
struct Truth {
    client_ip: IpAddr,
    scheme: String,
    host: Option<String>,
    port: u16,
}

impl Truth {
    fn of(&self, value: &str) -> Option<String> {
        match value {
            "x_for" | "forwarded.for" => Some(self.client_ip.to_string()),
            "x_proto" | "forwarded.proto" => Some(self.scheme.clone()),
            "x_port" => Some(self.port.to_string()),
            "x_prefix" => Some(PREFIX.to_owned()),
            _ => {
                let host = self.host.as_deref().unwrap_or_default().to_ascii_lowercase();
                Some(host.trim_end_matches('.').to_owned()).filter(|host| !host.is_empty())
            }
        }
    }
}

/// A configuration for a set-up.
struct Run {
    name: &'static str,
    config: Config,
    /// The headers that it trusts.
    trusted: Vec<&'static str>,
    /// The values that are checked.
    values: Vec<&'static str>,
}

impl Run {
    fn new(
        name: &'static str,
        config: &str,
        trusted: &[&'static str],
        values: &[&'static str],
    ) -> Self {
        let values = values.iter().copied().chain(["Host"]).collect();
        Self { name, config: config.parse().expect(config), trusted: trusted.to_vec(), values }
    }

    fn all(trust: &BTreeMap<String, usize>) -> Vec<Self> {
        const PROXIES: &str = "proxies=127.0.0.1,127.0.0.2,127.0.0.3";
        const FORWARDED: [&str; 3] = ["forwarded.for", "forwarded.proto", "forwarded.host"];
        let mut runs = vec![Self::new("none", "proxies=none for=1", &[], &[])];
        let (mut counts, mut headers, mut values) = (String::from(PROXIES), vec![], vec![]);
        for (value, key, header) in FIELDS {
            let Some(count) = trust.get(value) else { continue };
            counts.extend([" ", key, "=", &count.to_string()]);
            headers.push(header);
            values.push(value);
        }
        if !values.is_empty() {
            runs.push(Self::new("counts", &counts, &headers, &values));
        }
        if trust.contains_key("x_for") {
            let walk = format!("{PROXIES} for=walk");
            runs.push(Self::new("walk", &walk, &["x-forwarded-for"], &["x_for"]));
        }
        if let Some(count) = trust.get("forwarded") {
            let count = format!("{PROXIES} forwarded={count}");
            runs.push(Self::new("forwarded", &count, &["forwarded"], &FORWARDED));
            let walk = format!("{PROXIES} forwarded=walk");
            runs.push(Self::new("forwarded-walk", &walk, &["forwarded"], &FORWARDED));
        }
        runs
    }

    /// The result for each value. `None` if no header is believed for it.
    fn answers(&self, resolved: &Resolved) -> Vec<(&'static str, Option<String>)> {
        let source = resolved.source();
        let believed = |source| source != Source::Own;
        let x_host = believed(source.host());
        let x_port = source.port().to_string().starts_with("x-forwarded-port");
        let mut answers = Vec::new();
        for &value in &self.values {
            let answer = match value {
                // The source does not matter, because nothing here lets the peer be the client.
                "x_for" | "forwarded.for" => resolved.client_ip().map(|ip| ip.to_string()),
                "x_proto" | "forwarded.proto" => {
                    believed(source.scheme()).then(|| resolved.scheme().to_string())
                }
                "x_port" => x_port.then(|| resolved.port().to_string()),
                "x_prefix" => believed(source.prefix()).then(|| resolved.prefix().to_owned()),
                "x_host" if !x_host => None,
                // Most elements of `Forwarded` name no host.
                "forwarded.host" if !x_host => continue,
                "Host" if x_host => continue,
                _ => resolved.host().map(str::to_owned),
            };
            answers.push((value, answer));
        }
        answers
    }
}

/// The findings.
#[derive(Default)]
struct Findings {
    /// Departures, with details.
    departures: BTreeMap<String, String>,
    /// What `exceptions.json` says, and which entries have not occurred yet.
    exceptions: BTreeMap<String, String>,
    unseen: BTreeSet<String>,
    outcomes: BTreeMap<&'static str, usize>,
    faults: Vec<String>,
}

impl Findings {
    fn run(&mut self, run: &Run, place: &str, truth: &Truth, request: &Request<()>) {
        let name = run.name;
        let mut fixed = request.clone();
        if let Err(error) = fix_request(&mut fixed, &run.config) {
            self.not_accepted(&format!("{name} {:?}", error.kind()), place, error.to_string());
            for value in &run.values {
                self.unseen.remove(&format!("{value} {place}"));
            }
            let unchanged = fixed.method() == request.method()
                && fixed.uri() == request.uri()
                && fixed.version() == request.version()
                && fixed.headers().iter().eq(request.headers())
                && fixed.extensions().get::<Resolved>().is_none();
            if !unchanged {
                self.faults.push(format!("{place}: {name}: rejected, but changed: {fixed:?}"));
            }
            return;
        }
        let resolved: &Resolved = fixed.extensions().get().expect("a resolution");
        let mut wrong = Vec::new();
        for (value, got) in run.answers(resolved) {
            let want = truth.of(value);
            let outcome = match &got {
                got if *got == want => "ok",
                None => "none",
                Some(_) => "WRONG",
            };
            *self.outcomes.entry(outcome).or_default() += 1;
            let key = format!("{value} {place}");
            self.unseen.remove(&key);
            let listed = self.exceptions.get(&key).map_or("ok", String::as_str);
            if outcome != listed {
                let text = format!("{name}: expected {want:?} ({listed}), got {got:?}");
                self.departures.insert(format!("{value} {outcome} {place}"), text);
            }
            wrong.extend(got.filter(|_| outcome == "WRONG"));
        }
        let faults = faults(run, request, &fixed, &wrong);
        self.faults.extend(faults.iter().map(|fault| format!("{place}: {name}: {fault}")));
    }

    fn not_accepted(&mut self, what: &str, place: &str, reason: String) {
        let (_, scenario) = place.split_once('/').expect("set-up/scenario");
        if ["plain", "host-", "http10-"].iter().any(|honest| scenario.starts_with(honest)) {
            self.departures.insert(format!("honest {place}"), reason.clone());
        }
        self.departures.insert(format!("{what} {place}"), reason);
    }

    fn compare(&mut self) {
        let mut listed = BTreeSet::new();
        for (what, setups, scenarios) in DEPARTURES {
            assert!(!what.ends_with("WRONG"), "a departure must be an improvement: {what}");
            for setup in setups.split(' ') {
                let keys =
                    scenarios.split(' ').map(|scenario| format!("{what} {setup}/{scenario}"));
                listed.extend(keys);
            }
        }
        let new = self.departures.iter().filter(|(key, _)| !listed.contains(*key));
        self.faults.extend(new.map(|(key, text)| format!("{key}: {text}: not listed")));
        let gone = listed.iter().filter(|key| !self.departures.contains_key(*key));
        self.faults.extend(gone.chain(&self.unseen).map(|key| format!("{key}: does not occur")));
        self.faults.sort();
    }
}

/// What is wrong with an accepted request, except for values that are known to be wrong.
fn faults(run: &Run, before: &Request<()>, after: &Request<()>, wrong: &[String]) -> Vec<String> {
    let resolved: &Resolved = after.extensions().get().expect("a resolution");
    let mut faults = Vec::new();
    let is_known = |name: &HeaderName| {
        let name = name.as_str().replace('_', "-");
        util::KNOWN.contains(&name)
    };
    let is_clean = |text: &str| {
        let excused = |forged| wrong.iter().any(|wrong| wrong.contains(forged));
        FORGED.iter().all(|forged| !text.contains(forged) || excused(*forged))
    };
    let lines = |name: &HeaderName| -> Vec<_> {
        let lines = after.headers().get_all(name).iter();
        lines.map(|line| line.to_str().expect("ASCII")).collect()
    };
    for name in after.headers().keys().filter(|name| is_known(name)) {
        let trusted = run.trusted.contains(&name.as_str());
        if !trusted || !matches!(lines(name)[..], [line] if !line.contains(',') && is_clean(line)) {
            faults.push(format!("{name} is left, trusted={trusted}: {:?}", lines(name)));
        }
    }
    let authority = after.uri().authority().map(Authority::as_str);
    let right = match resolved.authority().map(Authority::as_str) {
        Some(host) => lines(&HOST) == [host] && authority == Some(host) && is_clean(host),
        None => before.uri() == after.uri() && lines(&HOST).concat().is_empty(),
    };
    if !right {
        faults.push(format!("authority {authority:?}, Host {:?}, of {resolved:?}", lines(&HOST)));
    }
    let rest = |request: &Request<()>| -> HeaderMap {
        let rest = request.headers().iter().filter(|(name, _)| *name != HOST && !is_known(name));
        rest.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    if rest(before) != rest(after)
        || (before.method(), before.version(), before.uri().path_and_query())
            != (after.method(), after.version(), after.uri().path_and_query())
    {
        faults.push(format!("something else has changed: {after:?}"));
    }
    let own = (resolved.peer().and_then(|peer| peer.ip()), Scheme::Http);
    if run.name == "none" && (resolved.client_ip(), resolved.scheme()) != own {
        faults.push(format!("not our own: {resolved:?}"));
    }
    faults
}

/// Reads a request head as servers do it.
fn parse(head: &str) -> Result<Request<()>, String> {
    let mut lines = head.strip_suffix("\r\n\r\n").ok_or("no end")?.split("\r\n");
    let mut parts = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("not a request line".to_owned());
    };
    let version = match version {
        "HTTP/1.0" => Version::HTTP_10,
        "HTTP/1.1" => Version::HTTP_11,
        _ => return Err(format!("version {version}")),
    };
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in lines {
        let folded = line.starts_with([' ', '\t']);
        if folded {
            let (_, value) = fields.last_mut().ok_or("folded first line")?;
            *value = format!("{value} {}", line.trim_matches([' ', '\t']));
        } else {
            let (name, value) = line.split_once(':').ok_or("no colon")?;
            fields.push((name, value.trim_matches([' ', '\t']).to_owned()));
        }
    }
    let mut request = Request::builder().method(method).uri(target).version(version);
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let latin1: Result<Vec<u8>, _> = value.chars().map(u8::try_from).collect();
        let value = HeaderValue::from_bytes(&latin1.expect("characters are bytes"));
        request = request.header(name, value.map_err(|error| error.to_string())?);
    }
    request.body(()).map_err(|error| error.to_string())
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let text = fs::read_to_string(folder().join(name)).expect(name);
    serde_json::from_str(&text).expect(name)
}

fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for entry in fs::read_dir(folder()).expect("captures") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let text = fs::read_to_string(path).expect("text");
            let lines = text.lines().map(serde_json::from_str::<Record>);
            records.extend(lines.map(|record| record.expect("a record")));
        }
    }
    records
}

#[test]
fn captures() {
    type ByName<T> = BTreeMap<String, T>;
    let trust: ByName<ByName<usize>> = read("trust.json");
    let records = records();
    let setups: BTreeSet<_> = records.iter().map(|record| &record.setup).collect();
    assert_eq!(setups, trust.keys().collect(), "trust.json must have exactly the set-ups");
    let delivered = records.iter().filter(|record| record.received.is_some()).count();
    assert_eq!((setups.len(), records.len(), delivered), (39, 3016, 2817));

    let mut findings = Findings::default();
    for (setup, values) in read::<ByName<ByName<ByName<Vec<String>>>>>("exceptions.json") {
        for (value, outcomes) in values {
            for (outcome, scenarios) in outcomes {
                let keys = scenarios.iter().map(|scenario| format!("{value} {setup}/{scenario}"));
                findings.exceptions.extend(keys.map(|key| (key, outcome.clone())));
            }
        }
    }
    findings.unseen = findings.exceptions.keys().cloned().collect();
    for record in &records {
        let Some(head) = &record.received else { continue };
        let place = format!("{}/{}", record.setup, record.scenario);
        match parse(head) {
            Ok(mut request) => {
                request.extensions_mut().insert(Peer::from(record.peer.expect("a peer")));
                for run in Run::all(&trust[&record.setup]) {
                    findings.run(&run, &place, &record.truth, &request);
                }
            }
            Err(reason) => {
                findings.unseen.retain(|key| !key.ends_with(&format!(" {place}")));
                findings.not_accepted("refused", &place, reason);
            }
        }
    }
    findings.compare();
    let faults = &findings.faults;
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let outcomes: Vec<_> = findings.outcomes.into_iter().collect();
    assert_eq!(outcomes, [("WRONG", 1056), ("none", 12), ("ok", 15215)]);
}
