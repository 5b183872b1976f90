//! The rounds of probes at one address: honest ones, those about headers, odd targets, honest ones again.
//!
//! 1. There are honest ones between the lies too. Two proxies behind one name then show themselves.
//! 2. Whoever is not answered, or is refused, is sent again, when an honest probe gets through. Only what is refused
//!    twice for the same reason is refused; what honest probes suffer too is no evidence.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Error, Progress, Settings, Url,
    answer::{Back, Sent},
    connect::Connect,
    tls,
};
use crate::{
    probe::{Catalogue, Kind, Probe, STANDARD, Shape},
    receiver::PATH,
    record::{Exchange, Outcome, Protocol, Recording, Way},
};

/// How often an honest probe is sent before the others, and after them.
const HONEST: (usize, usize) = (5, 3);
/// After how many lies an honest probe is sent.
const BETWEEN: usize = 8;
/// How often a probe is sent again because something on the way limits requests, or fails, and how long it waits.
const LIMITED: (usize, Duration) = (3, Duration::from_secs(1));
/// How many probes are on their way at once.
const AT_ONCE: usize = 8;
/// How often a probe is sent again because the receiver asks to wait, and how long it waits.
const AGAIN: (usize, Duration) = (50, Duration::from_millis(200));

/// A listener at one of its addresses.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) settings: &'a Settings,
    pub(super) url: &'a Url,
    pub(super) address: SocketAddr,
    pub(super) run: &'a str,
    /// Whether this is the first address of the listener, which gets all probes.
    pub(super) first: bool,
    /// Whether somebody accepts connections there.
    pub(super) reached: bool,
}

impl Place<'_> {
    /// Asks by HTTP/1.1, and by HTTP/2 if it is offered.
    pub(super) async fn ask(
        &self,
        recording: &mut Recording,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), Error> {
        let mut connect =
            Connect { to: self.address, host: self.url.host.clone(), tls: None, from: None };
        let limit = self.settings.timeout;
        // If nobody answers there, one probe says why.
        let reached = timeout(limit, connect.choose()).await.unwrap_or_default();
        let place = Self { reached, ..*self };
        place.by(Protocol::Http1, connect.clone(), recording, progress).await?;
        if self.url.scheme == "https" {
            let config = tls::config(&self.settings.trust, b"h2")?;
            connect.tls = Some(Arc::new(config));
            let offered = timeout(limit, connect.connect()).await;
            if matches!(offered, Ok(Ok(connection)) if connection.http2) {
                place.by(Protocol::Http2, connect, recording, progress).await?;
            }
        }
        Ok(())
    }

    async fn by(
        &self,
        protocol: Protocol,
        mut connect: Connect,
        recording: &mut Recording,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), Error> {
        let Url { scheme, host, port, .. } = self.url;
        if scheme == "https" && protocol == Protocol::Http1 {
            let config = tls::config(&self.settings.trust, b"http/1.1")?;
            connect.tls = Some(Arc::new(config));
        }
        let way = Way {
            scheme: scheme.clone(),
            protocol,
            ipv6: self.address.is_ipv6(),
            host: host.clone(),
            port: *port,
        };
        let number = recording.doors().len();
        let mut catalogue = Catalogue::new(way.scheme(), &format!("{number}-"));
        let asker = Arc::new(Asker {
            connect,
            way: way.clone(),
            prefix: format!(
                "{}{PATH}/{}/p/{}-",
                self.url.path,
                self.settings.token.as_str(),
                self.run
            ),
            settings: self.settings.clone(),
        });

        let times = if self.reached { HONEST.0 } else { 1 };
        let honest = asker.round(catalogue.honest(times), progress).await;
        let arrived: Vec<_> =
            honest.iter().filter_map(|exchange| exchange.outcome.arrived()).collect();
        let is_open = !arrived.is_empty();
        let brought = proxyfix::forwarding_headers()
            .filter(|name| arrived.iter().any(|arrived| arrived.values(name).next().is_some()));
        let mut alone: Vec<&str> = STANDARD.into();
        alone.extend(brought.filter(|name| !STANDARD.contains(name)));
        recording.exchanges.extend(honest);
        if !is_open {
            return Ok(());
        }
        let except: BTreeSet<_> = alone.iter().map(|name| (*name).to_owned()).collect();
        let mut probes = catalogue.alone(alone);
        if self.first {
            probes.extend(catalogue.others(&except));
        }
        probes.extend(catalogue.targets());
        probes.retain(|probe| can_send(protocol, probe.kind));
        let mut mixed = Vec::new();
        for lies in probes.chunks(BETWEEN) {
            mixed.extend_from_slice(lies);
            mixed.extend(catalogue.honest(1));
        }
        let mut exchanges = asker.round(mixed, progress).await;
        // Who is refused together may arrive alone.
        loop {
            let passes = asker.confirm(&mut exchanges, &mut catalogue, recording, progress).await;
            if !passes {
                recording.exchanges.append(&mut exchanges);
                break;
            }
            let halves: Vec<_> = exchanges
                .iter()
                .filter(|exchange| exchange.outcome.arrived().is_none())
                .filter_map(|exchange| exchange.probe.halves())
                .flatten()
                .collect();
            exchanges.retain(|exchange| {
                exchange.outcome.arrived().is_some() || exchange.probe.halves().is_none()
            });
            recording.exchanges.append(&mut exchanges);
            if halves.is_empty() {
                break;
            }
            exchanges = asker.round(halves, progress).await;
        }
        let again = catalogue.honest(HONEST.1);
        recording.exchanges.extend(asker.round(again, progress).await);
        Ok(())
    }
}

impl Place<'_> {
    /// An address that is not asked.
    pub(super) fn left_out(&self) -> Exchange {
        let Url { scheme, host, port, path } = self.url;
        let (scheme, host) = (scheme.clone(), host.clone());
        let ipv6 = self.address.is_ipv6();
        let way = Way { scheme, protocol: Protocol::Http1, ipv6, host, port: *port };
        let probe = Probe {
            id: "0".to_owned(),
            kind: Kind::Honest,
            lines: Vec::new(),
            markers: Vec::new(),
        };
        let reason = "not asked, because the name has too many addresses".to_owned();
        Exchange {
            probe,
            way,
            path: path.clone(),
            from: None,
            to: Some(self.address),
            outcome: Outcome::Failed(reason),
            servers: Vec::new(),
        }
    }
}

/// What became of a probe that was sent twice. Only the same refusal counts as one.
fn both(first: &Outcome, second: Outcome) -> Outcome {
    match (first, second) {
        (Outcome::Refused { status: a, .. }, Outcome::Refused { status: b, .. }) if *a != b => {
            Outcome::Failed(format!("refused with {a}, and then with {b}"))
        }
        (_, second) => second,
    }
}

/// Sends probes by one way.
struct Asker {
    connect: Connect,
    way: Way,
    /// The path up to the probe's id, with the token.
    prefix: String,
    settings: Settings,
}

impl Asker {
    /// Sends these probes, and returns what became of each, in their order.
    async fn round(
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
                running.spawn(async move { (place, asker.one(probe).await) });
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
    async fn confirm(
        self: &Arc<Self>,
        exchanges: &mut [Exchange],
        catalogue: &mut Catalogue,
        recording: &mut Recording,
        progress: &mut impl FnMut(Progress),
    ) -> bool {
        let is_lost = |each: &Exchange| !each.probe.is_honest() && each.outcome.arrived().is_none();
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

    async fn one(&self, probe: Probe) -> Exchange {
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
                let connection = self.connect.connect().await?;
                from = connection.from;
                match self.way.protocol {
                    Protocol::Http2 => sent.http2(connection).await,
                    Protocol::Http1 | Protocol::Browser => sent.http1(connection).await,
                }
            };
            back = match timeout(self.settings.timeout, exchange).await {
                Err(_) => Back::of(Outcome::TimedOut),
                Ok(Err(error)) => Back::of(Outcome::Failed(error.to_string())),
                Ok(Ok(back)) => back,
            };
            if back.wait {
                sleep(AGAIN.1).await;
                continue;
            }
            // A link may fail once. What fails twice is taken for stopped.
            let failed = matches!(back.outcome, Outcome::TimedOut | Outcome::Failed(_));
            if failed && std::mem::take(&mut may_fail) {
                sleep(AGAIN.1).await;
                continue;
            }
            let is_limited = matches!(back.outcome, Outcome::Refused { status: 429 | 503, .. });
            if !is_limited || limited == LIMITED.0 {
                break;
            }
            limited = limited.saturating_add(1);
            sleep(LIMITED.1).await;
        }
        let token = self.settings.token.as_str();
        if let Outcome::Arrived(arrived) = &mut back.outcome {
            // What lets the prober through a login is nobody else's business.
            for field in &self.settings.headers {
                arrived.hide(&field.value.to_string());
            }
        }
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

/// Whether a probe can be sent by a version of HTTP. HTTP/2 has no `Connection` (RFC 9113 §8.2.2), but a `:scheme` and
/// an `:authority`, which can lie as a target in absolute form can.
fn can_send(protocol: Protocol, kind: Kind) -> bool {
    protocol == Protocol::Http1
        || match kind {
            Kind::Headers(shape) => shape != Shape::Nominated,
            Kind::Honest | Kind::OtherScheme | Kind::OtherAuthority | Kind::Tunnel => true,
            Kind::AbsoluteForm | Kind::NoHost | Kind::EmptyHost | Kind::TwoHosts => false,
        }
}
