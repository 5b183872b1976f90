//! `proxyfix attack`: whether spoofed requests get through a chain of proxies and a configuration.
//!
//! 1. [`model`](crate::model) has the proxies, [`requests`] the attacks, [`mod@judge`] the verdict.
//! 2. Every attack is sent by each client, over `http` and over `https`, through the chain.
//! 3. If the last proxy is none of `proxies`, client and scheme are misread, whatever is trusted.
//! 4. A configuration is safe where nothing got through, honest requests are read truly, and no header
//!    is read further than the proxies write it (also where `hosts=`, say, let no lie through).

mod honest;
mod judge;
mod report;
mod requests;

use std::{
    io::{self, Write},
    net::IpAddr,
};

use http::HeaderName;
use proxyfix::{Config, Peer, Scheme, ipnet::IpNet};

use self::{
    honest::{Header, Misread},
    judge::{Got, Verdict, judge},
    requests::Target,
};
use crate::{
    args::Attack as Arguments,
    json,
    model::{Chain, Client, Sent, What},
    settings::{Settings, host_name, is_switch},
    status::{Failure, Status},
};

/// The clients, where the arguments name none: of the documentation's networks.
const CLIENTS: [&str; 2] = ["203.0.113.9", "2001:db8::9"];

/// All that was tried, and what came of it.
struct Tried {
    chain: Chain,
    /// What is trusted, and how much of it the chain writes.
    headers: Vec<Header>,
    misread: Vec<Misread>,
    attacks: Vec<Outcome>,
    /// What to write, where the last proxy is none of `proxies`.
    unlisted: Option<String>,
    /// What is not tried.
    notes: Vec<String>,
}

/// What became of one attack, at its worst.
struct Outcome {
    name: String,
    verdict: Verdict,
    detail: String,
    sent: Sent,
}

impl Tried {
    fn is_safe(&self) -> bool {
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

fn attack(config: &Config, arguments: &Arguments) -> Result<Tried, Failure> {
    let settings = Settings::of_ways(config).swap_remove(0);
    let chain = chain(&settings, arguments)?;
    let host = host(&settings);
    let proxies: Vec<_> =
        chain.addresses.iter().filter_map(Peer::ip).map(|ip| ip.to_string()).collect();
    let clients = if arguments.client.is_empty() {
        CLIENTS.iter().filter_map(|ip| ip.parse().ok()).collect()
    } else {
        arguments.client.clone()
    };
    let mut tried = Tried {
        headers: Vec::new(),
        misread: Vec::new(),
        attacks: Vec::new(),
        unlisted: unlisted(&settings, &chain),
        notes: notes(&settings),
        chain,
    };
    for ip in clients {
        let schemes = [(Scheme::Https, Scheme::Http), (Scheme::Http, Scheme::Https)];
        for (scheme, lie) in schemes.into_iter().take(if arguments.https_only { 1 } else { 2 }) {
            let client = Client { ip, scheme };
            let target = Target { settings: &settings, host: &host, proxies: &proxies, lie };
            tried.run(config, &target, client);
        }
    }
    Ok(tried)
}

impl Tried {
    /// Sends everything once.
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
            let (verdict, detail) = judge(&attack, &honest, &before, &attacked);
            let outcome = Outcome { name: attack.name, verdict, detail, sent: attack.sent };
            match self.attacks.iter_mut().find(|known| known.name == outcome.name) {
                Some(known) if known.verdict < verdict => *known = outcome,
                Some(_) => {}
                None => self.attacks.push(outcome),
            }
        }
    }
}

/// What to write, where the last proxy is none of `proxies`, and so is not believed.
fn unlisted(settings: &Settings, chain: &Chain) -> Option<String> {
    let last = chain.addresses.last().filter(|peer| !settings.proxies().contains(**peer))?;
    let every = settings.walks() || settings.get("verify").is_some();
    let needed = if every { &chain.addresses[..] } else { std::slice::from_ref(last) };
    Some(format!("proxies={}", honest::all_proxies(needed, settings)))
}

/// What is not tried: requests that come past the proxies, where those would be believed too.
fn notes(settings: &Settings) -> Vec<String> {
    let any = settings.get("proxies") == Some("any");
    let all = settings.networks("proxies").iter().any(|network| network.prefix_len() == 0);
    let note = "not tried is who connects to the application past these proxies: by this proxies= \
                everybody is believed (lint: every-peer, every-address)";
    (any || all).then(|| note.to_owned()).into_iter().collect()
}

/// The host that honest clients ask for: one that is allowed.
fn host(settings: &Settings) -> String {
    let allowed = settings.list("hosts").next().map_or("app.example", host_name);
    allowed.strip_prefix("*.").map_or_else(|| allowed.to_owned(), |under| format!("app.{under}"))
}

/// The chain that the arguments name, at addresses that the configuration trusts.
fn chain(settings: &Settings, arguments: &Arguments) -> Result<Chain, Failure> {
    let links = arguments.style.clone();
    let trusted = addresses(settings, links.len());
    let addresses = if arguments.address.is_empty() {
        trusted.clone()
    } else if arguments.address.len() == links.len() {
        arguments.address.clone()
    } else {
        let (styles, addresses) = (links.len(), arguments.address.len());
        return Err(Failure::Usage(format!(
            "--address has {addresses} and --style {styles}; write one address for each style"
        )));
    };
    let between = if arguments.inner_tls { Scheme::Https } else { Scheme::Http };
    // A platform's own address is one of `proxies` where it has room for one.
    let last = settings.networks("proxies").last().map(IpNet::network);
    let own = last.unwrap_or_else(|| IpAddr::from([192, 0, 2, 199]));
    Ok(Chain { links, addresses, own, between, sets: sets(settings, &arguments.sets)? })
}

/// What the edge sets in each of these headers: what the configuration reads there.
fn sets(settings: &Settings, names: &[HeaderName]) -> Result<Vec<(HeaderName, What)>, Failure> {
    let trusted = settings.trusted();
    let set = |name: &HeaderName| {
        let trusted = trusted.iter().find(|trusted| trusted.header == *name).ok_or_else(|| {
            Failure::Usage(format!("--sets {name}: the configuration does not trust it"))
        })?;
        let what = match (trusted.key, name.as_str()) {
            ("forwarded", _) => What::Element,
            ("proto", _) if is_switch(name) => What::Switch,
            ("proto", _) => What::Scheme,
            ("host", _) => What::Host,
            ("port", _) => What::Port,
            ("prefix", _) => What::Prefix(honest::PREFIX),
            (_, "cloudfront-viewer-address") => What::BareAddressPort,
            _ => What::Address,
        };
        Ok((name.clone(), what))
    };
    names.iter().map(set).collect()
}

/// Where so many proxies connect from, the edge first: trusted addresses for those next to us.
fn addresses(settings: &Settings, count: usize) -> Vec<Peer> {
    let hosts =
        settings.networks("proxies").into_iter().flat_map(|network| network.hosts().take(count));
    let mut trusted: Vec<Peer> = hosts.take(count).map(Peer::from).collect();
    if trusted.is_empty() && settings.list("proxies").any(|entry| entry == "unix") {
        trusted.push(Peer::UNIX);
    }
    let outer = (2..).map(|n| Peer::from(IpAddr::from([10, 0, 0, n])));
    let missing = count.saturating_sub(trusted.len());
    outer.take(missing).chain(trusted).collect()
}

#[cfg(test)]
mod tests;
