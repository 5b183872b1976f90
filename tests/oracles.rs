//! Compares the middlewares of Werkzeug, uvicorn and Hypercorn with `Config::werkzeug` and the equivalent
//! configurations, on generated requests.
//!
//! 1. Each of our answers is the same as that of an independent reading (`oracles/reading.rs`). If an
//!    oracle's answer differs, the difference has a name (`oracles/names.rs`) and a row in
//!    `docs/DEVIATIONS.md`.
//! 2. A difference without a name fails. So does a name without a row, a row without a name, and a row
//!    that did not occur.
//! 3. Most answers agree.
//!
//! `cargo test --test oracles -- --ignored --nocapture` prints how often each row occurred. `ORACLE_CASES`
//! sets the number of requests. Below the default, rows need not occur.

#[path = "oracles/cases.rs"]
mod cases;
#[path = "oracles/names.rs"]
mod names;
#[path = "oracles/reading.rs"]
mod reading;
#[path = "laws/reference.rs"]
#[allow(dead_code, reason = "each test uses a part")]
mod reference;
#[path = "oracles/theirs.rs"]
mod theirs;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::{Command, Stdio},
    thread,
};

use http::{HeaderName, HeaderValue, Request};
use proxyfix::{Config, NodeName, Peer, Resolved, fix_request};

use self::{cases::Case, theirs::Difference};

/// The answers to one request, by field.
type Answers = BTreeMap<&'static str, String>;

const CASES: usize = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Oracle {
    Werkzeug,
    Uvicorn,
    /// Its mode `legacy`.
    Hypercorn,
    /// Its mode `modern`.
    HypercornModern,
}

impl Oracle {
    const ALL: [Self; 4] = [Self::Werkzeug, Self::Uvicorn, Self::Hypercorn, Self::HypercornModern];

    fn name(self) -> &'static str {
        match self {
            Self::Werkzeug => "werkzeug",
            Self::Uvicorn => "uvicorn",
            Self::Hypercorn => "hypercorn",
            Self::HypercornModern => "hypercorn-modern",
        }
    }

    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Werkzeug => &["client", "scheme", "host", "port", "prefix"],
            Self::Uvicorn => &["client", "scheme"],
            Self::Hypercorn | Self::HypercornModern => &["client", "scheme", "host"],
        }
    }

    /// The configuration that does the same, as far as possible.
    fn config(self, case: &Case) -> Config {
        let [x_for, x_proto, x_host, x_port, x_prefix] = case.counts;
        let hops = case.hops;
        let (proxies, trust) = match self {
            Self::Werkzeug => return Config::werkzeug(x_for, x_proto, x_host, x_port, x_prefix),
            Self::Uvicorn => {
                ("10.0.0.0/8", "for=walk proto=1 all-trusted=leftmost max-hops=1000".to_owned())
            }
            _ if hops == 0 => return Config::werkzeug(0, 0, 0, 0, 0),
            Self::Hypercorn => ("any", format!("for={hops} proto={hops} host={hops}")),
            Self::HypercornModern => ("any", format!("forwarded={hops}")),
        };
        let rest = "missing=peer invalid=peer headers=keep connection=ignore";
        format!("proxies={proxies} {trust} {rest}").parse().expect("a configuration")
    }

    /// Our answers. A rejected request has none.
    fn ours(self, case: &Case) -> Answers {
        let peer = std::net::SocketAddr::from(([10, 0, 0, 1], 4711));
        let mut request = Request::get("/").header("host", reading::OWN_HOST);
        for (name, value) in &case.lines {
            let bytes: Vec<_> = value.chars().map(|c| u8::try_from(c).expect("a byte")).collect();
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            request = request.header(name, HeaderValue::from_bytes(&bytes).expect("a value"));
        }
        let mut request = request.extension(Peer::from(peer)).body(()).expect("a request");
        if fix_request(&mut request, &self.config(case)).is_err() {
            return Answers::new();
        }
        let resolved: &Resolved = request.extensions().get().expect("a fixed request");
        let client = match resolved.client().name() {
            NodeName::Ip(ip) => ip.to_string(),
            NodeName::Obfuscated(identifier) => identifier.as_str().to_owned(),
            _ => "unknown".to_owned(),
        };
        let own = request.headers()["host"].to_str().expect("ASCII").to_owned();
        let answer = |field: &&'static str| {
            let text = match (self, *field) {
                (Self::Uvicorn, "client") => {
                    format!("{client} {}", resolved.client_port().unwrap_or(0))
                }
                (_, "client") => client.clone(),
                (_, "scheme") => resolved.scheme().to_string(),
                (Self::Werkzeug, "host") => resolved.host().unwrap_or_default().to_owned(),
                (_, "host") => own.clone(),
                (_, "port") => resolved.port().to_string(),
                _ => resolved.prefix().to_owned(),
            };
            (*field, text)
        };
        self.fields().iter().map(answer).collect()
    }
}

/// The oracles' answers, by oracle and field, with a line for each case.
fn ask(cases: &[Case]) -> Vec<BTreeMap<String, BTreeMap<String, String>>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracles/oracles.py");
    let mut python = Command::new("python3");
    let mut child = python
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let lines = cases.iter().map(|case| serde_json::to_string(case).expect("JSON") + "\n");
    let (lines, mut stdin) = (lines.collect::<String>(), child.stdin.take().expect("a pipe"));
    let writer = thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "{script}: {}", output.status);
    writer.join().expect("no panic").expect("all cases are read");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The names in the section of `docs/DEVIATIONS.md`. They are in backquotes, in the first column.
fn rows() -> BTreeSet<String> {
    let text = include_str!("../docs/DEVIATIONS.md");
    let (_, section) = text.split_once("\n## From the oracles\n").expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    let first = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
#[ignore = "needs Python 3.11 and PyPI; .ci/run runs it"]
fn oracles() {
    let number = std::env::var("ORACLE_CASES").map_or(CASES, |n| n.parse().expect("a number"));
    let cases = cases::cases(number);
    let answers = ask(&cases);
    assert_eq!(answers.len(), cases.len());

    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut agreed: BTreeMap<(Oracle, &str), usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for (case, answers) in cases.iter().zip(&answers) {
        for oracle in Oracle::ALL {
            let theirs = &answers[&oracle.name().replace('-', "_")];
            let (ours, expected) = (oracle.ours(case), reading::expected(case, oracle));
            if let Some(authority) = theirs.get("authority") {
                let (host, port) = (&theirs["host"], &theirs["port"]);
                assert!(authority == host || *authority == format!("{host}:{port}"), "{theirs:?}");
            }
            for field in oracle.fields() {
                let (theirs, expected) = (theirs[*field].as_str(), expected[field].as_str());
                let ours = ours.get(field).map_or("rejected", String::as_str);
                if theirs == ours && ours == expected {
                    *agreed.entry((oracle, field)).or_default() += 1;
                    continue;
                }
                let difference = Difference { case, oracle, field, theirs, ours };
                match names::name(&difference).filter(|_| ours == expected && ours != theirs) {
                    Some(name) => *found.entry(name).or_default() += 1,
                    None => unexplained.push(format!(
                        "{} {field}: {theirs:?}, ours {ours:?}, expected {expected:?}\n    {}: {:?}",
                        oracle.name(),
                        oracle.config(case),
                        case.lines,
                    )),
                }
            }
        }
    }

    let some = unexplained.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(unexplained.is_empty(), "{} unexplained, such as\n{some}", unexplained.len());
    for oracle in Oracle::ALL {
        for field in oracle.fields() {
            let share = 100 * agreed.get(&(oracle, field)).unwrap_or(&0) / number;
            println!("{:16} {field:6} {share} % of {number} agree", oracle.name());
            assert!(share >= 60, "{} {field}: {share} %", oracle.name());
        }
    }
    for (name, times) in &found {
        println!("{name:34} {times}");
    }

    let (names, rows): (BTreeSet<_>, _) = (names::all().collect(), rows());
    let missing: Vec<_> = names.symmetric_difference(&rows).collect();
    assert!(missing.is_empty(), "not both in docs/DEVIATIONS.md and in the test: {missing:?}");
    let silent: Vec<_> = rows.iter().filter(|name| !found.contains_key(*name)).collect();
    assert!(number < CASES || silent.is_empty(), "did not occur: {silent:?}");
}
