//! The probes as a shell script with `curl`, and what it printed, for machines on which nothing may be installed.
//!
//! 1. The script sends the probes about the standard headers, which `curl` can write.
//! 2. After each answer it prints a line with the probe's id, the status, and both ends of the connection.
//! 3. It waits now and then, because the receiver answers only so many requests a second, and `curl` does not ask again.
//! 4. The same catalogue is made again when the answers are read, so that an id is enough.

use std::{collections::BTreeSet, fmt::Write as _, net::IpAddr};

use proxyfix::Scheme;

use crate::{
    probe::{Catalogue, END, Probe, WHY, curl},
    record::{Exchange, Outcome, Protocol, Recording, Way},
    wire::Answer,
};

/// How often an honest probe is sent.
const HONEST: usize = 5;

/// After how many probes the script waits for a second (rule 3). Each has two requests at most.
const TOGETHER: usize = 40;

/// Text that the script did not print, or not to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAnswers {
    /// Something else.
    #[error("this is neither a recording of --save nor what the script of `doctor curl` printed")]
    Other,
    /// The last lines are missing.
    #[error("the file ends early: run the script of `doctor curl` to its end")]
    EndsEarly,
}

/// What `curl` is told of each listener.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Addresses instead of those of a name, as with `--resolve`.
    pub resolve: Vec<(String, u16, IpAddr)>,
    /// The file of `--cacert`.
    pub cacert: Option<String>,
    /// Whether every certificate is accepted.
    pub insecure: bool,
}

impl Options {
    /// As arguments in a shell.
    fn text(&self) -> String {
        let mut text = String::new();
        for (host, port, address) in &self.resolve {
            let argument = format!("{host}:{port}:{address}");
            let _ = write!(text, " --resolve {}", quoted(&argument));
        }
        if let Some(file) = &self.cacert {
            let _ = write!(text, " --cacert {}", quoted(file));
        }
        if self.insecure {
            text.push_str(" --insecure");
        }
        text
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A listener, in the parts that the script needs.
#[derive(Clone, Debug)]
pub struct Listener {
    /// `http` or `https`.
    pub scheme: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, with a slash at its end.
    pub path: String,
}

fn probes(scheme: Scheme) -> Vec<Probe> {
    let mut catalogue = Catalogue::new(scheme, "c");
    let mut probes = catalogue.honest(HONEST);
    probes.extend(catalogue.standard());
    probes.extend(catalogue.targets());
    probes
}

fn scheme_of(text: &str) -> Scheme {
    if text == "https" { Scheme::Https } else { Scheme::Http }
}

/// A script for a shell, which sends the probes to these listeners. `token` is the receiver's.
///
/// ```
/// use proxyfix_doctor::curl::{Listener, Options, script};
///
/// let (scheme, host) = ("https".to_owned(), "app.example".to_owned());
/// let listener = Listener { scheme, host, port: 443, path: "/".to_owned() };
/// let script = script(&[listener], &Options::default(), "0123456789abcdef0123456789abcdef");
/// assert!(script.contains("curl -sS --http1.1"));
/// ```
pub fn script(listeners: &[Listener], options: &Options, token: &str) -> String {
    let options = options.text();
    let mut script = String::from(
        "# Run this where a client is, and judge what it prints:\n\
         #   sh probes.sh > answers.txt; proxyfix doctor judge answers.txt\n",
    );
    for Listener { scheme, host, port, path } in listeners {
        let way = way(scheme, host, *port);
        let url = format!("{scheme}://{}{path}", way.authority());
        let _ = writeln!(script, "echo '{END} url {scheme} {host} {port} {path}'");
        for (number, probe) in probes(way.scheme()).into_iter().enumerate() {
            if number % TOGETHER == 0 {
                script.push_str("sleep 1\n");
            }
            let url = format!("{url}proxyfix-doctor/{token}/p/{}", probe.id);
            if let Some(line) = curl(&probe, &url, &options) {
                script.push_str(&line);
                script.push('\n');
            }
        }
    }
    let _ = writeln!(script, "echo '{END} {LAST}'");
    script
}

/// What stands in the script's last line.
const LAST: &str = "end";

fn way(scheme: &str, host: &str, port: u16) -> Way {
    let (scheme, host) = (scheme.to_owned(), host.to_owned());
    Way { scheme, protocol: Protocol::Http1, ipv6: false, host, port }
}

/// What the script printed, as a recording.
///
/// # Errors
///
/// If it is not what the script prints.
pub fn read(text: &str) -> Result<Recording, NotAnswers> {
    let mut recording: Option<Recording> = None;
    let mut listeners = Vec::new();
    let mut place: Option<(Way, String, Vec<Probe>)> = None;
    let mut body = String::new();
    let mut has_ended = false;
    for line in text.lines() {
        let Some(end) = line.strip_prefix(END) else {
            body.push_str(line);
            continue;
        };
        let (end, why) = end.split_once(WHY.trim_end()).unwrap_or((end, ""));
        let words: Vec<_> = end.split_whitespace().collect();
        match (words.as_slice(), &mut place) {
            (["url", scheme, host, port, path], _) => {
                let way = way(scheme, host, port.parse().map_err(|_| NotAnswers::Other)?);
                let url = format!("{scheme}://{}{path}", way.authority());
                recording.get_or_insert_with(|| Recording::new(url));
                listeners.push(way.clone());
                place = Some((way, (*path).to_owned(), probes(scheme_of(scheme))));
            }
            ([LAST], _) => {
                has_ended = true;
                break;
            }
            ([id, status, ends @ ..], Some((way, path, probes))) => {
                let at =
                    probes.iter().position(|probe| probe.id == *id).ok_or(NotAnswers::Other)?;
                let probe = probes.remove(at);
                let path = format!("{path}proxyfix-doctor/{}/p/{id}", ".".repeat(32));
                let status = status.parse().map_err(|_| NotAnswers::Other)?;
                let (outcome, ends) = (outcome(&body, id, status, why.trim()), socket(ends));
                let exchange = Exchange {
                    probe,
                    way: Way { ipv6: ends.0.is_some_and(|end| end.is_ipv6()), ..way.clone() },
                    path,
                    from: ends.0,
                    to: ends.1,
                    outcome,
                    servers: Vec::new(),
                };
                recording.as_mut().ok_or(NotAnswers::Other)?.exchanges.push(exchange);
            }
            _ => return Err(NotAnswers::Other),
        }
        body.clear();
    }
    let mut recording =
        recording.filter(|recording| !recording.exchanges.is_empty()).ok_or(NotAnswers::Other)?;
    if !has_ended {
        return Err(NotAnswers::EndsEarly);
    }
    let unsent = unsent(&recording, &listeners);
    recording.exchanges.extend(unsent);
    Ok(recording)
}

/// What was not sent at each door: what `curl` cannot send, what went to another address of the name, and what the
/// output lacks.
fn unsent(recording: &Recording, listeners: &[Way]) -> Vec<Exchange> {
    let mut unsent = Vec::new();
    for way in listeners {
        let is_here = |exchange: &&Exchange| {
            let at = &exchange.way;
            (&at.scheme, &at.host, at.port) == (&way.scheme, &way.host, way.port)
        };
        for door in recording.open_doors() {
            let mut sent = recording
                .exchanges
                .iter()
                .filter(is_here)
                .filter(|exchange| exchange.door() == door)
                .peekable();
            let Some(first) = sent.peek().copied() else { continue };
            let ids: BTreeSet<_> = sent.map(|exchange| exchange.probe.id.as_str()).collect();
            let probes = probes(scheme_of(&way.scheme));
            let missing = probes.into_iter().filter(|probe| !ids.contains(probe.id.as_str()));
            unsent.extend(missing.map(|probe| Exchange {
                probe,
                outcome: Outcome::NotSent,
                servers: Vec::new(),
                ..first.clone()
            }));
        }
    }
    unsent
}

type Ends = (Option<std::net::SocketAddr>, Option<std::net::SocketAddr>);

fn socket(words: &[&str]) -> Ends {
    let end = |ip: &str, port: &str| Some((ip.parse::<IpAddr>().ok()?, port.parse().ok()?));
    match words {
        [ip, port, to, at] => (end(ip, port).map(Into::into), end(to, at).map(Into::into)),
        _ => (None, None),
    }
}

fn outcome(body: &str, id: &str, status: u16, why: &str) -> Outcome {
    match serde_json::from_str::<Answer>(body) {
        Ok(answer) if status == 200 => {
            if answer.arrived.path().rsplit('/').next() == Some(id) {
                Outcome::Arrived(answer.arrived)
            } else {
                Outcome::Kept
            }
        }
        _ if status == 0 && (why.is_empty() || why.contains("Empty reply")) => Outcome::Closed,
        _ if status == 0 => Outcome::Failed(why.to_owned()),
        _ => Outcome::Refused { status, location: None },
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::{Listener, NotAnswers, Options, read, script};
    use crate::{
        arrived::{Arrived, Field},
        wire::Answer,
    };

    /// A proxy that appends, as the script sees it.
    #[test]
    fn script_and_back() {
        let (scheme, host) = ("http".to_owned(), "app.example".to_owned());
        let listener = Listener { scheme, host, port: 80, path: "/".to_owned() };
        let script = script(&[listener], &Options::default(), &"0".repeat(32));
        let mut printed = String::new();
        for line in script.lines().filter(|line| !line.starts_with("# ") && *line != "sleep 1") {
            if let Some(echo) = line.strip_prefix("echo '") {
                writeln!(printed, "{}", echo.trim_end_matches('\'')).unwrap();
                continue;
            }
            let id = line.split("#proxyfix-doctor ").nth(1).unwrap().split(' ').next().unwrap();
            let mut fields = vec![Field::new("host", "app.example")];
            let mut list = String::new();
            for header in line.split("-H '").skip(1) {
                let header = header.split('\'').next().unwrap();
                if let Some(value) = header.strip_prefix("x-forwarded-for: ") {
                    list = format!("{list}{value}, ");
                }
            }
            fields.push(Field::new("x-forwarded-for", &format!("{list}198.18.0.9")));
            let arrived = Arrived {
                peer: Some("10.0.0.2:4000".to_owned()),
                version: "HTTP/1.1".to_owned(),
                method: "GET".to_owned(),
                target: format!("/proxyfix-doctor/{}/p/{id}", ".".repeat(32)).as_str().into(),
                fields,
                instance: "a".to_owned(),
            };
            let answer = Answer { version: "0".to_owned(), arrived };
            let answer = serde_json::to_string(&answer).unwrap();
            let ends = "198.18.0.9 5000 10.0.0.1 80";
            writeln!(printed, "{answer}\n#proxyfix-doctor {id} 200 {ends} | ").unwrap();
        }
        let report = crate::infer::infer(&read(&printed).unwrap());
        assert_eq!(report.line.unwrap().text, "proxies=10.0.0.2 for=1");
        assert!(read("hello").is_err() && read("").is_err());
        let early = printed.trim_end().rsplit_once('\n').unwrap().0;
        assert_eq!(read(early), Err(NotAnswers::EndsEarly));
    }

    /// What curl is told is told again behind `--next`, and what it says of a failure is read.
    #[test]
    fn options_and_failures() {
        let (scheme, host) = ("https".to_owned(), "app.example".to_owned());
        let listener = Listener { scheme, host, port: 443, path: "/".to_owned() };
        let address = "10.0.0.1".parse().unwrap();
        let options = Options {
            resolve: vec![("app.example".to_owned(), 443, address)],
            cacert: Some("it's.pem".to_owned()),
            insecure: true,
        };
        let script = script(&[listener], &options, &"0".repeat(32));
        let told = r" --resolve 'app.example:443:10.0.0.1' --cacert 'it'\''s.pem' --insecure";
        for line in script.lines().filter(|line| line.starts_with("curl ")) {
            let commands = 1 + line.matches("--next").count();
            assert_eq!(line.matches(told).count(), commands, "{line}");
        }
        let printed = "#proxyfix-doctor url https app.example 443 /\n\
             \n#proxyfix-doctor c1 000  0  0 | SSL certificate problem: self-signed\n\
             #proxyfix-doctor end\n";
        let id = script.split("#proxyfix-doctor c").nth(1).unwrap().split(' ').next().unwrap();
        let recording = read(&printed.replace(" c1 ", &format!(" c{id} "))).unwrap();
        let report = crate::infer::infer(&recording);
        assert_eq!(report.findings[0].code, "no-answer");
        assert!(report.findings[0].seen.contains("self-signed"), "{:?}", report.findings[0]);
        assert!(report.findings[0].instead.contains("--cacert"), "{:?}", report.findings[0]);
    }

    /// The receiver answers 100 requests a second (`limit.rs`).
    #[test]
    fn few_enough_a_second() {
        let (scheme, host) = ("http".to_owned(), "app.example".to_owned());
        let listener = Listener { scheme, host, port: 80, path: "/".to_owned() };
        let token = "0123456789abcdef0123456789abcdef";
        let script = script(&[listener.clone(), listener], &Options::default(), token);
        let requests =
            |part: &str| part.matches("\ncurl ").count() + part.matches(" --next ").count();
        let parts: Vec<_> = script.split("\nsleep 1").map(requests).collect();
        assert!(parts.len() > 2 && parts.iter().all(|count| *count < 100), "{parts:?}");
        assert!(parts.iter().sum::<usize>() > 100, "{parts:?}");
    }
}
