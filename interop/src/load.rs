//! Honest and hostile clients together, for a given number of requests. Every reply is checked.
//!
//! 1. Each client has its own connection and address (127.0.1.1, 127.0.1.2 and so on), so an answer
//!    that was meant for another client is false. In each group of four clients, one is honest, one is
//!    hostile, and two alternate. Half of the requests are honest.
//! 2. Before the load, each request is sent alone, on its own connection. Its result is the expected one:
//!    the truth, a rejection by proxyfix, or a refusal by the proxy. Under load the result must be the
//!    same each time, including the rejection's text and the refusal's status.
//! 3. A false answer is wrong. So is an honest request that is rejected, or refused with a 4xx. Any
//!    other unexpected result is an error: no connection, no answer, half an answer, a 5xx.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    Context, Result, attacks,
    cell::{Cell, Verdict},
    client::Client,
    keepalive::Connection,
    matrix,
    request::{Mode, Request},
    truth::Truth,
};

/// A load ends early after this many failures.
const ENOUGH: u64 = 100;
/// This many failures are described.
const DESCRIBED: usize = 10;

/// How far a load is, for the thread that watches it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Requests that were answered or failed.
    pub done: AtomicU64,
    /// How many of them were wrong or an error.
    pub failed: AtomicU64,
    /// Ends the load when set.
    pub stop: AtomicBool,
}

/// The results of the requests.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Honest requests.
    pub honest: u64,
    /// Answered with the truth.
    pub truth: u64,
    /// Rejected by proxyfix, as expected.
    pub rejected: u64,
    /// Refused by the proxy, as expected.
    pub refused: u64,
    /// Answered with something false, or an honest request that was rejected or refused.
    pub wrong: u64,
    /// Any other unexpected result.
    pub errors: u64,
    /// Connections that were opened.
    pub opened: u64,
    /// Descriptions of the first wrong results and errors.
    pub failures: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Tally {
    /// All requests.
    pub fn requests(&self) -> u64 {
        self.truth + self.rejected + self.refused + self.wrong + self.errors
    }

    /// Requests per second.
    pub fn rate(&self) -> f64 {
        // No load has enough requests to make this inexact.
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
        let requests = self.requests() as f64;
        requests / self.took.as_secs_f64().max(f64::EPSILON)
    }

    fn add(&mut self, other: Self) {
        self.honest += other.honest;
        self.truth += other.truth;
        self.rejected += other.rejected;
        self.refused += other.refused;
        self.wrong += other.wrong;
        self.errors += other.errors;
        self.opened += other.opened;
        self.failures.extend(other.failures);
        self.failures.truncate(DESCRIBED);
    }

    /// Counts one reply. Returns whether it was a failure.
    fn count(&mut self, sent: &Sent, verdict: Result<Verdict>) -> bool {
        self.honest += u64::from(sent.request.is_honest());
        let (count, failed) = match &verdict {
            Ok(Verdict::Wrong(_)) => (&mut self.wrong, true),
            Ok(Verdict::Rejected(_) | Verdict::Refused(Some(..500)))
                if sent.request.is_honest() =>
            {
                (&mut self.wrong, true)
            }
            Ok(verdict) if *verdict != sent.meant => (&mut self.errors, true),
            Ok(Verdict::True) => (&mut self.truth, false),
            Ok(Verdict::Rejected(_)) => (&mut self.rejected, false),
            Ok(Verdict::Refused(_)) => (&mut self.refused, false),
            Err(_) => (&mut self.errors, true),
        };
        *count += 1;
        if failed && self.failures.len() < DESCRIBED {
            let became = verdict.map_or_else(|error| error.to_string(), |it| it.to_string());
            self.failures
                .push(format!("{}: {became} (expected: {})", sent.request.name, sent.meant));
        }
        failed
    }
}

/// A request, and its expected result.
#[derive(Debug)]
struct Sent {
    request: Request,
    head: String,
    meant: Verdict,
}

/// Which requests a client sends.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Honest,
    Hostile,
    Both,
}

/// Sends `requests` requests over `connections` connections, to the proxy of this client.
///
/// # Errors
///
/// If a request that is sent alone does not get the right result.
pub async fn run(
    client: &Client,
    requests: u64,
    connections: u8,
    progress: &Arc<Progress>,
) -> Result<Tally> {
    let all = Arc::new(meant(client).await?);
    let (honest, hostile): (Vec<_>, Vec<_>) =
        (0..all.len()).partition(|&index| all.get(index).is_some_and(|it| it.request.is_honest()));
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for index in 0..connections {
        let client = Client { from: Ipv4Addr::new(127, 0, 1, 1 + index).into(), ..client.clone() };
        let (each, more) = (requests / u64::from(connections), requests % u64::from(connections));
        let requests = each + u64::from(u64::from(index) < more);
        let kind = match index % 4 {
            0 => Kind::Honest,
            1 => Kind::Hostile,
            _ => Kind::Both,
        };
        // Each client begins with another attack.
        let mut lies = hostile.clone().into_iter().cycle().skip(index.into());
        let mut truths = honest.clone().into_iter().cycle();
        let order = (0..requests).map_while(move |nth| match kind {
            Kind::Honest => truths.next(),
            // Some begin with an honest request, some with an attack.
            Kind::Both if (nth + u64::from(index)) % 2 == 0 => truths.next(),
            Kind::Hostile | Kind::Both => lies.next(),
        });
        clients.spawn(one(client, Arc::clone(&all), order, Arc::clone(progress)));
    }
    let mut tally = Tally::default();
    while let Some(one) = clients.join_next().await {
        tally.add(one?);
    }
    tally.took = started.elapsed();
    Ok(tally)
}

/// Sends each request once, on its own connection, to learn the expected results.
async fn meant(client: &Client) -> Result<Vec<Sent>> {
    let (_, lie) = Mode::Plain.schemes();
    let mut all = Vec::new();
    for (cell, request) in
        matrix::attack(client, Mode::Plain).await?.into_iter().zip(attacks::all(lie))
    {
        if !Cell::passes(&cell) || cell.request != request.name {
            return Err(format!("before the load: {cell}").into());
        }
        let head = client.head(&request, Mode::Plain);
        all.push(Sent { request, head, meant: cell.verdict });
    }
    Ok(all)
}

/// One client.
async fn one(
    client: Client,
    all: Arc<Vec<Sent>>,
    order: impl Iterator<Item = usize>,
    progress: Arc<Progress>,
) -> Tally {
    let mut tally = Tally::default();
    let truths: Vec<_> =
        all.iter().map(|sent| Truth::of(&sent.request, &client, Mode::Plain)).collect();
    let mut connection = Connection::new(client.clone());
    for index in order {
        let (Some(sent), Some(truth)) = (all.get(index), truths.get(index)) else { break };
        if progress.stop.load(Relaxed) {
            break;
        }
        let reply = connection.send(&sent.head).await.context(client.from);
        let failed = tally.count(sent, reply.map(|reply| Verdict::of(reply, truth)));
        progress.done.fetch_add(1, Relaxed);
        if failed && progress.failed.fetch_add(1, Relaxed) + 1 >= ENOUGH {
            progress.stop.store(true, Relaxed);
        }
    }
    tally.opened = connection.opened();
    tally
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::{Answer, Arrived},
        arrived::Arrives,
        client::Reply,
    };

    fn sent(name: &str, meant: Verdict) -> Sent {
        let (_, lie) = Mode::Plain.schemes();
        let request = attacks::all(lie).into_iter().find(|request| request.name == name).unwrap();
        Sent { request, head: String::new(), meant }
    }

    #[test]
    fn what_counts_as_what() {
        let honest = sent("honest", Verdict::True);
        let believed = sent("a list", Verdict::True);
        let rejected = sent("a list in Host", Verdict::Rejected("why".into()));
        let refused = sent("8 KiB", Verdict::Refused(Some(400)));
        let wrong = || Verdict::Wrong(vec!["client 198.51.100.7".into()]);
        for (sent, verdict, counts) in [
            (&honest, Ok(Verdict::True), [1, 0, 0, 0, 0]),
            (&honest, Ok(wrong()), [0, 0, 0, 1, 0]),
            (&honest, Ok(Verdict::Rejected("why".into())), [0, 0, 0, 1, 0]),
            (&honest, Ok(Verdict::Refused(Some(400))), [0, 0, 0, 1, 0]),
            (&honest, Ok(Verdict::Refused(Some(502))), [0, 0, 0, 0, 1]),
            (&honest, Ok(Verdict::Refused(None)), [0, 0, 0, 0, 1]),
            (&honest, Err("no answer".into()), [0, 0, 0, 0, 1]),
            (&believed, Ok(Verdict::True), [1, 0, 0, 0, 0]),
            (&believed, Ok(wrong()), [0, 0, 0, 1, 0]),
            (&believed, Ok(Verdict::Rejected("why".into())), [0, 0, 0, 0, 1]),
            (&rejected, Ok(Verdict::Rejected("why".into())), [0, 1, 0, 0, 0]),
            (&rejected, Ok(Verdict::Rejected("other".into())), [0, 0, 0, 0, 1]),
            (&rejected, Ok(Verdict::True), [0, 0, 0, 0, 1]),
            (&rejected, Ok(wrong()), [0, 0, 0, 1, 0]),
            (&refused, Ok(Verdict::Refused(Some(400))), [0, 0, 1, 0, 0]),
            (&refused, Ok(Verdict::Refused(Some(503))), [0, 0, 0, 0, 1]),
            (&refused, Ok(Verdict::Refused(None)), [0, 0, 0, 0, 1]),
        ] {
            let mut tally = Tally::default();
            let shown = format!("{}: {verdict:?}", sent.request.name);
            let failed = tally.count(sent, verdict);
            let Tally { truth, rejected, refused, wrong, errors, .. } = tally;
            assert_eq!([truth, rejected, refused, wrong, errors], counts, "{shown}");
            assert_eq!(failed, wrong + errors == 1, "{shown}");
            assert_eq!(tally.failures.len(), usize::from(failed), "{shown}");
        }
    }

    /// One client's true answer is wrong for another client.
    #[test]
    fn clients_differ() {
        let headers = vec![("host".to_owned(), "app.example".to_owned())];
        let answer = |client_ip: Ipv4Addr| Answer {
            client: client_ip.to_string(),
            client_ip: Some(client_ip.into()),
            scheme: "http".into(),
            host: Some("app.example".into()),
            port: 80,
            prefix: String::new(),
            uri: "http://app.example/".into(),
            headers: headers.clone(),
            arrived: Arrived { authority: None, headers: headers.clone() },
        };
        let [one, other] = [1, 2].map(|index| Ipv4Addr::new(127, 0, 1, index));
        let to = ([127, 0, 0, 2], 80).into();
        let tls = crate::certificate::write(tempfile::tempdir().unwrap().path()).unwrap();
        let client =
            Client { from: one.into(), to, tls, own: Vec::new(), arrives: Arrives::default() };
        let honest = Request::honest();
        let truth = Truth::of(&honest, &client, Mode::Plain);
        let verdict = |ip| Verdict::of(Reply::Answer(Box::new(answer(ip))), &truth);
        assert_eq!(verdict(one), Verdict::True);
        assert!(matches!(verdict(other), Verdict::Wrong(_)));
    }
}
