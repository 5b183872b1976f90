//! Peers that walk the list from the right past trusted networks.

use std::{net::IpAddr, str::FromStr};

use http::{HeaderMap, Request};
use proxy_addr::Trust;
use proxyfix_benches::{Answer, Gives, Subject, Visitor, Workload};
use trusted_proxies::{Config, Trusted};

use crate::{parsers::text, reads_forwarded};

pub fn visit(visitor: &mut impl Visitor) {
    visitor.visit::<TrustedProxies>();
    visitor.visit::<RealIp>();
    visitor.visit::<ProxyAddr>();
}

fn networks<T: FromStr<Err: std::fmt::Debug>>(workload: &Workload) -> Vec<T> {
    workload.proxies.split(',').map(|network| network.parse().expect("a network")).collect()
}

/// The answer of a peer that only gives an address.
pub fn client(ip: Option<impl ToString>) -> Answer {
    Answer { client: ip.map(|ip| ip.to_string()), ..Answer::default() }
}

struct TrustedProxies;

impl Subject for TrustedProxies {
    const NAME: &'static str = "trusted-proxies 0.3.0, Trusted::from";
    const GIVES: Gives = Gives::All;
    type State = (Config, Request<()>);
    type Input = ();
    type Output<'a> = Trusted<'a>;

    fn state(workload: &Workload) -> Option<Self::State> {
        let mut config = Config::new();
        for network in workload.proxies.split(',') {
            config.add_trusted_ip(network).expect("a network");
        }
        if reads_forwarded(workload) {
            config.trust_forwarded();
        } else {
            config.trust_x_forwarded_for();
        }
        if workload.trust.contains("proto=") {
            config.trust_x_forwarded_proto();
            config.trust_x_forwarded_host();
        }
        Some((config, Workload::request(&workload.headers())))
    }

    fn input(_: &Self::State) -> Self::Input {}

    fn run<'a>((config, request): &'a Self::State, (): &'a mut ()) -> Self::Output<'a> {
        Trusted::from(Workload::peer(), request, config)
    }

    fn answer(said: Trusted<'_>) -> Answer {
        // The caller must know the scheme of the connection.
        let scheme = said.scheme().unwrap_or("http");
        Answer {
            scheme: Some(scheme.to_owned()),
            host: said.host_with_port().map(str::to_owned),
            ..client(Some(said.ip()))
        }
    }
}

struct RealIp;

impl Subject for RealIp {
    const NAME: &'static str = "real-ip 0.1.2, real_ip";
    const GIVES: Gives = Gives::Client;
    type State = (Vec<real_ip::IpNet>, HeaderMap);
    type Input = ();
    type Output<'a> = Option<IpAddr>;

    fn state(workload: &Workload) -> Option<Self::State> {
        Some((networks(workload), workload.headers()))
    }

    fn input(_: &Self::State) -> Self::Input {}

    fn run<'a>((trusted, headers): &'a Self::State, (): &'a mut ()) -> Self::Output<'a> {
        real_ip::real_ip(headers, Workload::peer(), trusted)
    }

    fn answer(said: Self::Output<'_>) -> Answer {
        client(said)
    }
}

struct ProxyAddr;

impl Subject for ProxyAddr {
    const NAME: &'static str = "proxy-addr 0.1.0, addr";
    const GIVES: Gives = Gives::Client;
    type State = (Trust, HeaderMap);
    type Input = ();
    type Output<'a> = String;

    fn state(workload: &Workload) -> Option<Self::State> {
        let trust = Trust::parse_list(workload.proxies.split(',')).expect("networks");
        (!reads_forwarded(workload)).then(|| (trust, workload.headers()))
    }

    fn input(_: &Self::State) -> Self::Input {}

    fn run<'a>((trust, headers): &'a Self::State, (): &'a mut ()) -> Self::Output<'a> {
        proxy_addr::addr(Workload::peer(), text(headers, "x-forwarded-for").as_deref(), trust)
    }

    fn answer(said: Self::Output<'_>) -> Answer {
        client(Some(said))
    }
}
