//! The rounds of probes at one address: honest ones, those about headers, odd targets, honest ones again.
//!
//! 1. There are honest ones between the lies too. Two proxies behind one name then show themselves.
//! 2. Whoever is not answered, or is refused, is sent again, when an honest probe gets through. Only what is refused
//!    twice for the same reason is refused; what honest probes suffer too is no evidence.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use tokio::time::timeout;

use super::{Error, Progress, Settings, Url, asker::Asker, connect::Connect, tls};
use crate::{
    probe::{Catalogue, Kind, Probe, STANDARD, Shape},
    receiver::PATH,
    record::{Exchange, Outcome, Protocol, Recording, Way},
};

/// How often an honest probe is sent before the others, and after them.
const HONEST: (usize, usize) = (5, 3);
/// After how many lies an honest probe is sent.
const BETWEEN: usize = 8;
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
            let offered = timeout(limit, connect.connect(None)).await;
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
        let way = self.way(protocol);
        if way.scheme == "https" && protocol == Protocol::Http1 {
            let config = tls::config(&self.settings.trust, b"http/1.1")?;
            connect.tls = Some(Arc::new(config));
        }
        let number = recording.doors().len();
        let mut catalogue = Catalogue::new(way.scheme(), &format!("{number}-"));
        let token = self.settings.token.as_str();
        let prefix = format!("{}{PATH}/{token}/p/{}-", self.url.path, self.run);
        let asker = Arc::new(Asker::new(connect, way, prefix, self.settings.clone()));

        let times = if self.reached { HONEST.0 } else { 1 };
        let honest = asker.first(catalogue.honest(times), progress).await;
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
                .filter(|exchange| is_stopped(exchange))
                .filter_map(|exchange| exchange.probe.halves())
                .flatten()
                .collect();
            exchanges.retain(|exchange| !is_stopped(exchange) || exchange.probe.halves().is_none());
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
    fn way(&self, protocol: Protocol) -> Way {
        let Url { scheme, host, port, .. } = self.url;
        let (scheme, host) = (scheme.clone(), host.clone());
        Way { scheme, protocol, ipv6: self.address.is_ipv6(), host, port: *port }
    }

    /// Asks without any secret whether this plain listener is closed.
    pub(super) async fn knock(
        &self,
        recording: &mut Recording,
        progress: &mut impl FnMut(Progress),
    ) {
        let connect =
            Connect { to: self.address, host: self.url.host.clone(), tls: None, from: None };
        let no_token = ".".repeat(self.settings.token.as_str().len());
        let prefix = format!("{}{PATH}/{no_token}/p/", self.url.path);
        let way = self.way(Protocol::Http1);
        let asker = Arc::new(Asker::new(connect, way, prefix, self.settings.clone()));
        let (lines, markers) = (Vec::new(), Vec::new());
        let knock = Probe { id: "knock".to_owned(), kind: Kind::Knock, lines, markers };
        recording.exchanges.extend(asker.round(vec![knock], progress).await);
    }

    /// An address that is not asked.
    pub(super) fn left_out(&self) -> Exchange {
        let way = self.way(Protocol::Http1);
        let path = &self.url.path;
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

/// Whether something stopped a probe, of which a half may get through.
fn is_stopped(exchange: &Exchange) -> bool {
    exchange.outcome != Outcome::Ended && exchange.outcome.arrived().is_none()
}

/// Whether a probe can be sent by a version of HTTP. HTTP/2 has no `Connection` (RFC 9113 §8.2.2), but a `:scheme` and
/// an `:authority`, which can lie as a target in absolute form can.
fn can_send(protocol: Protocol, kind: Kind) -> bool {
    protocol == Protocol::Http1
        || match kind {
            Kind::Headers(shape) => !matches!(shape, Shape::Nominated | Shape::Second),
            Kind::Honest | Kind::OtherScheme | Kind::OtherAuthority | Kind::Tunnel => true,
            Kind::Proxy
            | Kind::Knock
            | Kind::AbsoluteForm
            | Kind::NoHost
            | Kind::EmptyHost
            | Kind::TwoHosts => false,
        }
}
