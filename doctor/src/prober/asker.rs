//! Sends probes by one way, so many at once, and sends those again that do not arrive.
//!
//! It ends by itself: a way has [`LONGEST`] times the time of a probe. What is not sent until then has come to nothing.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Progress, Settings,
    answer::{BEHIND, Back, Sent},
    connect::Connect,
    secrets,
};
use crate::{
    probe::{Catalogue, Kind, Probe, proxy_line},
    record::{Exchange, Outcome, Protocol, Recording, Way},
};

/// How often a probe is sent again because something on the way limits requests, or fails, and how long it waits.
const LIMITED: (usize, Duration) = (3, Duration::from_secs(1));
/// How often in all probes of one way wait for that.
const WAITS: u32 = 600;
/// How many times the time of one probe a way may take.
const LONGEST: u32 = 12;
/// A lie gets so many times the time that the slowest honest probe took, and at least so much. What is stopped without
/// an answer then costs little.
const SLOWER: (u32, Duration) = (10, Duration::from_secs(2));
/// How many probes are on their way at once.
const AT_ONCE: usize = 8;
/// How often a probe is sent again because the receiver asks to wait, and how long it waits.
const AGAIN: (usize, Duration) = (50, Duration::from_millis(200));

/// What became of a probe that was sent twice. Only the same refusal counts as one; an end without an answer and then a
/// refusal is somebody who has had enough of this client.
fn both(first: &Outcome, second: Outcome) -> Outcome {
    match (first, second) {
        (Outcome::Refused { status: a, .. }, Outcome::Refused { status: b, .. }) if *a != b => {
            Outcome::Failed(format!("refused with {a}, and then with {b}"))
        }
        (
            Outcome::Closed | Outcome::TimedOut | Outcome::Failed(_),
            Outcome::Refused { status, .. },
        ) => Outcome::Failed(format!("no answer, and then refused with {status}")),
        (_, second) => second,
    }
}

/// Sends probes by one way.
pub(super) struct Asker {
    connect: Connect,
    way: Way,
    /// The path up to the probe's id, with the token.
    prefix: String,
    settings: Settings,
    patience: Patience,
}

/// How much time is left.
struct Patience {
    until: Instant,
    /// How often somebody may still wait because something limits requests.
    waits: AtomicU32,
    /// The time of a lie, in milliseconds.
    limit: AtomicU32,
}

impl Patience {
    fn new(timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            until: now.checked_add(timeout.saturating_mul(LONGEST)).unwrap_or(now),
            waits: AtomicU32::new(WAITS),
            limit: AtomicU32::new(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)),
        }
    }

    /// Takes one wait, if one is left.
    fn waits(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        self.waits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// Nobody waits any more: honest probes do not get through either.
    fn gives_up(&self) {
        self.waits.store(0, Ordering::Relaxed);
    }
}

impl Asker {
    pub(super) fn new(connect: Connect, way: Way, prefix: String, settings: Settings) -> Self {
        let patience = Patience::new(settings.timeout);
        Self { connect, way, prefix, settings, patience }
    }

    /// Sends the first honest probes. The slowest of them says how long a lie may take.
    pub(super) async fn first(
        self: &Arc<Self>,
        probes: Vec<Probe>,
        progress: &mut impl FnMut(Progress),
    ) -> Vec<Exchange> {
        let start = Instant::now();
        let exchanges = self.round(probes, progress).await;
        let limit = start.elapsed().saturating_mul(SLOWER.0).max(SLOWER.1);
        let limit = u32::try_from(limit.min(self.settings.timeout).as_millis());
        self.patience.limit.store(limit.unwrap_or(u32::MAX), Ordering::Relaxed);
        exchanges
    }

    /// Sends these probes, and returns what became of each, in their order.
    pub(super) async fn round(
        self: &Arc<Self>,
        probes: Vec<Probe>,
        progress: &mut impl FnMut(Progress),
    ) -> Vec<Exchange> {
        let of = probes.len();
        let mut waiting = probes.into_iter().enumerate();
        let mut running = JoinSet::new();
        let mut done: Vec<(usize, Exchange)> = Vec::new();
        loop {
            while running.len() < AT_ONCE {
                let Some((place, probe)) = waiting.next() else { break };
                let asker = Arc::clone(self);
                running.spawn(async move { (place, asker.in_time(probe).await) });
            }
            let Some(finished) = running.join_next().await else { break };
            done.extend(finished.ok());
            progress(Progress { way: self.way.name(), done: done.len(), of });
        }
        done.sort_by_key(|(place, _)| *place);
        done.into_iter().map(|(_, exchange)| exchange).collect()
    }

    /// Sends those again that did not arrive, and says whether honest probes get through meanwhile. If they do not, no
    /// refusal is evidence.
    pub(super) async fn confirm(
        self: &Arc<Self>,
        exchanges: &mut [Exchange],
        catalogue: &mut Catalogue,
        recording: &mut Recording,
        progress: &mut impl FnMut(Progress),
    ) -> bool {
        let is_lost = |each: &Exchange| {
            let ended = each.outcome == Outcome::Ended;
            each.probe.is_lie() && !ended && each.outcome.arrived().is_none()
        };
        let lost: Vec<_> =
            exchanges.iter().filter(|each| is_lost(each)).map(|each| each.probe.clone()).collect();
        if lost.is_empty() {
            return true;
        }
        let mut passes = self.passes(catalogue, recording, progress).await;
        if passes {
            let again = self.round(lost, progress).await;
            let lost = exchanges.iter_mut().filter(|each| is_lost(each));
            for (first, second) in lost.zip(again) {
                let outcome = both(&first.outcome, second.outcome.clone());
                *first = Exchange { outcome, ..second };
            }
            passes = self.passes(catalogue, recording, progress).await;
        }
        if !passes {
            for each in exchanges.iter_mut().filter(|each| is_lost(each)) {
                each.outcome =
                    Outcome::Failed("honest probes did not get through either".to_owned());
            }
        }
        passes
    }

    /// Whether an honest probe gets through, with some patience.
    async fn passes(
        self: &Arc<Self>,
        catalogue: &mut Catalogue,
        recording: &mut Recording,
        progress: &mut impl FnMut(Progress),
    ) -> bool {
        for _ in 0..LIMITED.0 {
            let sent = self.round(catalogue.honest(1), progress).await;
            let passes = sent.iter().any(|exchange| exchange.outcome.arrived().is_some());
            recording.exchanges.extend(sent);
            if passes {
                return true;
            }
            sleep(LIMITED.1).await;
        }
        false
    }

    /// Sends a probe, if there is time.
    async fn in_time(&self, probe: Probe) -> Exchange {
        if Instant::now() < self.patience.until {
            return self.one(probe).await;
        }
        let outcome = Outcome::Failed("no time was left".to_owned());
        self.exchange(probe, None, Back::of(outcome))
    }

    async fn one(&self, probe: Probe) -> Exchange {
        let is_lie = probe.is_lie();
        let limit = match self.patience.limit.load(Ordering::Relaxed) {
            // Nothing behind CONNECT is an answer too, and takes its time.
            limit if probe.kind == Kind::Tunnel => {
                Duration::from_millis(limit.into()).saturating_add(BEHIND)
            }
            limit if is_lie => Duration::from_millis(limit.into()),
            _ => self.settings.timeout,
        };
        let path = format!("{}{}", self.prefix, probe.id);
        let mut from = None;
        let mut back = Back::of(Outcome::TimedOut);
        let mut may_fail = true;
        let mut limited = 0;
        for _ in 0..AGAIN.0 {
            let sent = Sent {
                probe: &probe,
                way: &self.way,
                path: &path,
                more: &self.settings.headers,
                token: self.settings.token.as_str(),
            };
            let exchange = async {
                let before = proxy_line(&probe, &self.way);
                let connection = self.connect.connect(before.as_deref()).await?;
                from = connection.from;
                match self.way.protocol {
                    Protocol::Http2 => sent.http2(connection).await,
                    Protocol::Http1 | Protocol::Browser => sent.http1(connection).await,
                }
            };
            back = match timeout(limit, exchange).await {
                Err(_) => Back::of(Outcome::TimedOut),
                // A handshake that fails is the answer to what stands before it.
                Ok(Err(_)) if probe.kind == Kind::Proxy => Back::of(Outcome::Closed),
                Ok(Err(error)) => Back::of(Outcome::Failed(error.to_string())),
                Ok(Ok(back)) => back,
            };
            if back.wait {
                sleep(AGAIN.1).await;
                continue;
            }
            // A link may fail once. What fails twice is taken for stopped. A lie that is not answered is sent again later.
            let failed = match back.outcome {
                Outcome::TimedOut => !is_lie,
                Outcome::Failed(_) => true,
                _ => false,
            };
            if failed && std::mem::take(&mut may_fail) {
                sleep(AGAIN.1).await;
                continue;
            }
            let is_limited = matches!(back.outcome, Outcome::Refused { status: 429 | 503, .. });
            if is_limited && limited == LIMITED.0 && probe.is_honest() {
                self.patience.gives_up();
            }
            if !is_limited || limited == LIMITED.0 || !self.patience.waits() {
                break;
            }
            limited = limited.saturating_add(1);
            sleep(LIMITED.1).await;
        }
        self.exchange(probe, from, back)
    }

    /// What is recorded of a probe: nothing secret.
    fn exchange(&self, probe: Probe, from: Option<SocketAddr>, mut back: Back) -> Exchange {
        let path = format!("{}{}", self.prefix, probe.id);
        let token = self.settings.token.as_str();
        secrets::hide(&mut back, &self.settings);
        Exchange {
            probe,
            way: self.way.clone(),
            path: path.replace(token, &".".repeat(token.len())),
            from,
            to: Some(self.connect.to),
            outcome: back.outcome,
            servers: back.servers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::both;
    use crate::{arrived::Arrived, probe::Kind, record::Outcome};

    #[test]
    fn only_the_same_refusal_twice_is_one() {
        let refused = |status| Outcome::Refused { status, location: None };
        let arrived = || Outcome::Arrived(Arrived::default());
        for (first, second, counts) in [
            (refused(403), refused(403), true),
            (refused(403), refused(400), false),
            (Outcome::Closed, refused(403), false),
            (Outcome::TimedOut, refused(403), false),
            (Outcome::Failed(String::new()), refused(400), false),
            (refused(403), Outcome::TimedOut, false),
            (refused(503), refused(503), false),
            (refused(403), arrived(), true),
            (Outcome::TimedOut, arrived(), true),
        ] {
            let what = format!("{first:?}, then {second:?}");
            assert_eq!(both(&first, second).is_evidence_about(Kind::Honest), counts, "{what}");
        }
    }
}
