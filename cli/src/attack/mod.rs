//! `proxyfix attack`: whether spoofed requests get through a chain of proxies and a configuration.
//!
//! 1. [`model`](crate::model) has the proxies, [`requests`] the attacks, [`mod@judge`] the verdicts.
//! 2. Each client sends every attack over `http` and over `https` through the chain. If the configuration
//!    decides about requests that bypass proxies, the attacks also bypass them ([`mod@entry`]).
//! 3. If the last proxy is not in `proxies`, client and scheme are misread, no matter what is trusted.
//! 4. A configuration is safe if nothing got through, honest requests are read right, and no header is read
//!    further than the proxies write it. The last holds even if, for example, `hosts=` stopped every lie.

mod chain;
mod entry;
mod guarded;
mod honest;
mod hosts;
mod judge;
mod report;
mod requests;

use std::io::{self, Write};

use proxyfix::{Config, Peer, Scheme};

use self::{
    entry::{Entry, entries},
    honest::{Header, Misread},
    judge::{Got, Verdict, judge},
    requests::{Attack, Target},
};
use crate::{
    args::Attack as Arguments,
    json,
    model::{Chain, Client, Sent},
    settings::Settings,
    status::{Failure, Status},
};

/// The clients if the arguments name none, from the documentation ranges.
const CLIENTS: [&str; 2] = ["203.0.113.9", "2001:db8::9"];

/// Everything that was tried, and the results.
pub(crate) struct Tried {
    chain: Chain,
    /// The trusted headers, and how much of each the chain writes.
    headers: Vec<Header>,
    misread: Vec<Misread>,
    attacks: Vec<Outcome>,
    /// What to write if the last proxy is not in `proxies`.
    unlisted: Option<String>,
    /// What is also tried, what is assumed, and what is not tried.
    notes: Vec<String>,
}

/// The worst result of one attack.
struct Outcome {
    name: String,
    verdict: Verdict,
    detail: String,
    sent: Sent,
}

impl Tried {
    pub(crate) fn is_safe(&self) -> bool {
        let holes = self.attacks.iter().any(|attack| attack.verdict.is_hole());
        let too_far = self.headers.iter().any(|header| header.too_far);
        self.misread.is_empty() && !holes && !too_far
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.attacks.iter().filter(|attack| attack.verdict == verdict).count()
    }
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> Result<Status, Failure> {
    let config = &arguments.config.read()?.config;
    let tried = attack(config, arguments)?;
    let status = if tried.is_safe() { Status::Good } else { Status::Found };
    status.written(if arguments.json {
        json::line(&mut io::stdout().lock(), &report::Answer::new(config, &tried))
    } else {
        let text = report::text(&tried, arguments.all);
        anstream::stdout().lock().write_all(text.as_bytes())
    })
}

pub(crate) fn attack(config: &Config, arguments: &Arguments) -> Result<Tried, Failure> {
    // The way in of the last proxy, or the first way if its address is not given.
    let settings = match arguments.address.last() {
        Some(peer) => Settings::of_peer(config, *peer),
        None => Settings::of_ways(config).swap_remove(0),
    };
    let chain = chain::new(&settings, arguments)?;
    let entries = entries(config, &settings, &chain);
    let proxies: Vec<_> =
        chain.addresses.iter().filter_map(Peer::ip).map(|ip| ip.to_string()).collect();
    let clients = if arguments.client.is_empty() {
        CLIENTS.iter().filter_map(|ip| ip.parse().ok()).collect()
    } else {
        arguments.client.clone()
    };
    let schemes = [Scheme::Https, Scheme::Http];
    let schemes = if arguments.https_only { &schemes[..1] } else { &schemes };
    let mut tried = Tried {
        headers: Vec::new(),
        misread: Vec::new(),
        attacks: Vec::new(),
        unlisted: unlisted(&settings, &chain),
        notes: notes(&settings, &chain, &entries, schemes),
        chain,
    };
    for (at, ip) in clients.into_iter().enumerate() {
        for &scheme in schemes {
            let client = Client { ip, scheme };
            let host = &hosts::asked_anyhow(&settings, scheme);
            let lie = if scheme == Scheme::Https { Scheme::Http } else { Scheme::Https };
            let target = Target { settings: &settings, host, proxies: &proxies, lie };
            tried.run(config, &target, client);
            // The client matters only past the edge: the other entries have their own peers.
            let entries = entries.iter().filter(|entry| at == 0 || **entry == Entry::PastEdge);
            for entry in entries {
                tried.enter(config, *entry, &target, client);
            }
        }
    }
    Ok(tried)
}

impl Tried {
    /// Sends everything once through all proxies.
    fn run(&mut self, config: &Config, target: &Target<'_>, client: Client) {
        let sent = target.honest();
        let honest = Got::new(&self.chain, config, &sent, client);
        let truth = honest::truth(client, target.host, &self.chain);
        if self.headers.is_empty() {
            self.headers = honest::headers(&self.chain, target.settings, &sent, client);
        }
        for misread in honest::misread(&self.chain, target.settings, &sent, client, &truth, &honest)
        {
            if !self.misread.iter().any(|known| known.is_like(&misread)) {
                self.misread.push(misread);
            }
        }
        let before = if honest.error().is_some() { truth } else { honest.values() };
        for attack in target.attacks() {
            let attacked = Got::new(&self.chain, config, &attack.sent, client);
            let judged = judge(&attack, &honest, &before, &attacked);
            self.record(attack.name.clone(), attack, judged);
        }
    }

    /// Sends everything once past proxies, including attacks for other ways in: a stranger may send by one
    /// way what another way trusts.
    fn enter(&mut self, config: &Config, entry: Entry, target: &Target<'_>, client: Client) {
        let sent = target.honest();
        let honest = entry.got(&self.chain, config, &sent, client);
        let before = entry.expected(&honest, target, &self.chain, client);
        let ways = Settings::of_ways(config);
        let others = ways.iter().flat_map(|settings| Target { settings, ..*target }.attacks());
        let no_lie = Attack { name: "no lie".to_owned(), sent, other_host: false };
        for attack in [no_lie].into_iter().chain(target.attacks()).chain(others) {
            let attacked = entry.got(&self.chain, config, &attack.sent, client);
            let judged = judge(&attack, &honest, &before, &attacked);
            self.record(format!("{}: {}", entry.name(), attack.name), attack, judged);
        }
    }

    /// Keeps the result of an attack if it is the worst so far.
    fn record(&mut self, name: String, attack: Attack, (verdict, detail): (Verdict, String)) {
        let outcome = Outcome { name, verdict, detail, sent: attack.sent };
        match self.attacks.iter_mut().find(|known| known.name == outcome.name) {
            Some(known) if known.verdict < verdict => *known = outcome,
            Some(_) => {}
            None => self.attacks.push(outcome),
        }
    }
}

/// What to write if the last proxy is not in `proxies` and so is not believed.
fn unlisted(settings: &Settings, chain: &Chain) -> Option<String> {
    let last = chain.addresses.last().filter(|peer| !settings.proxies().contains(**peer))?;
    let every = settings.walks() || settings.get("verify").is_some();
    let needed = if every { &chain.addresses[..] } else { std::slice::from_ref(last) };
    Some(format!("proxies={}", honest::all_proxies(needed, settings)))
}

/// What is also tried, what is assumed, and what is not tried.
fn notes(settings: &Settings, chain: &Chain, entries: &[Entry], schemes: &[Scheme]) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(settings.place_in_words().map(|way| {
        format!("{way} decides, by the address of the last of these proxies: see --address")
    }));
    notes.extend(chain.secret.as_ref().map(|name| {
        format!("the model assumes that the edge writes {name} with the secret on every request")
    }));
    notes.extend(entries.iter().map(|entry| entry.note(chain)));
    if settings.get("edge").is_some() && !chain.links.iter().any(|link| link.as_edge) {
        notes.push(
            "edge= is for a proxy that clients reach past the edge too: if your first proxy writes as an edge \
             does, append :edge to its style; if everyone connects by TLS alone, add --https-only --inner-tls"
                .to_owned(),
        );
    }
    for scheme in schemes.iter().filter(|scheme| hosts::asked(settings, **scheme).is_none()) {
        let port = scheme.default_port();
        notes.push(format!(
            "hosts= does not allow port {port}: clients who use {scheme} are rejected, even honest ones"
        ));
    }
    let any = settings.get("proxies") == Some("any");
    let all = settings.networks("proxies").iter().any(|network| network.prefix_len() == 0);
    if (any || all) && settings.get("secret-header").is_none() {
        notes.push(
            "connections that bypass these proxies are not tried: this proxies= believes everyone (lint: \
             every-peer, every-address)"
                .to_owned(),
        );
    }
    notes
}

#[cfg(test)]
mod tests;
