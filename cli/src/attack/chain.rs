//! The chain of proxies that the arguments name.

use std::net::IpAddr;

use http::HeaderName;
use proxyfix::{Peer, Scheme, ipnet::IpNet};

use super::honest::PREFIX;
use crate::{
    args::Attack as Arguments,
    model::{Chain, What},
    settings::{Settings, is_switch},
    status::Failure,
};

/// The chain that the arguments name, at addresses that the configuration trusts.
pub(super) fn new(settings: &Settings, arguments: &Arguments) -> Result<Chain, Failure> {
    let links = arguments.style.clone();
    let addresses = if arguments.address.is_empty() {
        addresses(settings, links.len())
    } else if arguments.address.len() == links.len() {
        arguments.address.clone()
    } else {
        let (styles, addresses) = (links.len(), arguments.address.len());
        return Err(Failure::Usage(format!(
            "--address has {addresses} and --style {styles}; write one address for each style"
        )));
    };
    let between = if arguments.inner_tls { Scheme::Https } else { Scheme::Http };
    // A platform's own address is one of `proxies`, if `proxies` has networks.
    let last = settings.networks("proxies").last().map(IpNet::network);
    let own = last.unwrap_or_else(|| IpAddr::from([192, 0, 2, 199]));
    let sets = sets(settings, &arguments.sets)?;
    let secret = settings.names("secret-header").next();
    Ok(Chain { links, addresses, own, between, sets, secret })
}

/// The headers of `--sets`, each with the value that the configuration reads in it.
fn sets(settings: &Settings, names: &[HeaderName]) -> Result<Vec<(HeaderName, What)>, Failure> {
    let trusted = settings.trusted();
    let set = |name: &HeaderName| {
        if settings.names("proxy-only").any(|other| other == *name) {
            return Ok((name.clone(), What::User));
        }
        let trusted = trusted.iter().find(|trusted| trusted.header == *name).ok_or_else(|| {
            Failure::Usage(format!(
                "--sets {name}: the configuration neither trusts this header nor lists it in proxy-only="
            ))
        })?;
        let what = match (trusted.key, name.as_str()) {
            ("forwarded", _) => What::Element,
            ("proto", _) if is_switch(name) => What::Switch,
            ("proto", _) => What::Scheme,
            ("host", _) => What::Host,
            ("port", _) => What::Port,
            ("prefix", _) => What::Prefix(PREFIX),
            (_, "cloudfront-viewer-address") => What::BareAddressPort,
            _ => What::Address,
        };
        Ok((name.clone(), what))
    };
    names.iter().map(set).collect()
}

/// Addresses for so many proxies, the edge first: trusted addresses for the nearest ones, and for the edge
/// one of `edge=`.
fn addresses(settings: &Settings, count: usize) -> Vec<Peer> {
    let of = |key: &str| settings.networks(key).into_iter().flat_map(|network| network.hosts());
    let edge = of("edge").next().filter(|_| count > 1);
    let inner = count - usize::from(edge.is_some());
    // A network may be large: take only as many addresses as are needed.
    let hosts = settings.networks("proxies").into_iter();
    let hosts = hosts.flat_map(|network| network.hosts().take(count + 1));
    let hosts = hosts.filter(|ip| Some(*ip) != edge);
    let mut trusted: Vec<Peer> = hosts.take(inner).map(Peer::from).collect();
    if trusted.is_empty() && settings.list("proxies").any(|entry| entry == "unix") {
        trusted.push(Peer::UNIX);
    }
    let outer = (2..).map(|n| Peer::from(IpAddr::from([10, 0, 0, n])));
    let missing = inner.saturating_sub(trusted.len());
    edge.map(Peer::from).into_iter().chain(outer.take(missing)).chain(trusted).collect()
}
