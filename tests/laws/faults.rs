//! The faults that a head may be rejected for.

use http::{HeaderName, HeaderValue, Method, header};
use proxyfix::ErrorKind;

use super::{
    answer::Answer,
    head::{Authority, EVIL, Head, Target, UPSTREAM},
    scenario::{Scenario, Sender},
    settings::{self, Choice, OF_WAY_BEFORE},
};

impl Scenario {
    /// The faults of this head that it may be rejected for; `answer` is in effect.
    pub(crate) fn faults(&self, head: &Head, sender: Sender, answer: &Answer) -> Vec<ErrorKind> {
        let mut faults = Vec::new();
        let request = self.request(head);
        let hosts: Vec<_> = request.headers().get_all(header::HOST).iter().collect();
        if hosts.len() > 1 {
            faults.push(ErrorKind::Repeated);
        }
        let invalid = |host: &&HeaderValue| {
            ["a b", "app.example:99999"].contains(&host.to_str().expect("text"))
        };
        if hosts.iter().any(invalid) {
            faults.push(ErrorKind::InvalidHost);
        }
        let differs = |host: &&HeaderValue| {
            let same = |known: &Authority| *host == known.0 && known.1 == head.authority.1;
            let same = EVIL
                .iter()
                .chain([&UPSTREAM])
                .any(|known| same(known) && known.2 == head.authority.2);
            !host.is_empty() && !same
        };
        if head.is_multiplexed() && request.uri().authority().is_some() && hosts.iter().any(differs)
        {
            faults.push(ErrorKind::HostMismatch);
        }
        if head.target == Target::Authority && head.method != Method::CONNECT {
            faults.push(ErrorKind::InvalidTarget);
        }
        if sender == Sender::Unproved && self.has(Choice::MissingReject) {
            faults.push(ErrorKind::MissingSecret);
        }
        let of_last_way = sender == Sender::Stranger
            && (self.has(Choice::WayAfter) || self.has(Choice::NoneAfter));
        let with_ports = self.has(Choice::HostPorts);
        if (with_ports || self.has(Choice::Hosts)) && !of_last_way {
            match &answer.host {
                None => faults.push(ErrorKind::MissingHost),
                Some(host) if settings::allows(host, answer.port, with_ports) => {}
                Some(_) => faults.push(ErrorKind::HostNotAllowed),
            }
        }
        let watched = |name: &HeaderName| {
            self.named.contains(name) && !OF_WAY_BEFORE.contains(&name.as_str())
        };
        let arrived = !head.connection.is_empty() && self.chain.relays();
        if sender == Sender::Proxy && arrived && head.nominated.iter().any(watched) {
            faults.push(ErrorKind::Nominated);
        }
        faults
    }
}
