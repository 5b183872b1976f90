//! Peers from the axum and tower side.

use std::{convert::Infallible, future, net::IpAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum_extra::extract::{Host, Scheme};
use http::{HeaderMap, Request, Response, request::Parts};
use proxyfix_benches::{Answer, Gives, Subject, Visitor, Workload, poll};
use tower::{Layer, Service, service_fn, util::ServiceFn};
use tower_real_ip::{RealIp, RealIpLayer, RealIpService, TrustedProxyConfig};

use crate::{reads_forwarded, walkers::client};

pub fn visit(visitor: &mut impl Visitor) {
    visitor.visit::<ClientIp>();
    visitor.visit::<TowerRealIp>();
    visitor.visit::<ExtraHost>();
    visitor.visit::<ExtraScheme>();
}

struct ClientIp;

impl Subject for ClientIp {
    const NAME: &'static str = "client-ip 0.2.1, rightmost_…";
    const GIVES: Gives = Gives::Client;
    type State = (fn(&HeaderMap) -> Result<IpAddr, client_ip::Error>, HeaderMap);
    type Input = ();
    type Output<'a> = Result<IpAddr, client_ip::Error>;

    fn state(workload: &Workload) -> Option<Self::State> {
        let ask = if reads_forwarded(workload) {
            client_ip::rightmost_forwarded
        } else {
            client_ip::rightmost_x_forwarded_for
        };
        Some((ask, workload.headers()))
    }

    fn input(_: &Self::State) -> Self::Input {}

    fn run<'a>((ask, headers): &'a Self::State, (): &'a mut ()) -> Self::Output<'a> {
        ask(headers)
    }

    fn answer(said: Self::Output<'_>) -> Answer {
        client(said.ok())
    }
}

type Answered = future::Ready<Result<Response<()>, Infallible>>;
type Inner = ServiceFn<fn(Request<()>) -> Answered>;

/// A service that is always ready, and answers with what the layer found.
fn found(mut request: Request<()>) -> Answered {
    let mut response = Response::new(());
    *response.extensions_mut() = std::mem::take(request.extensions_mut());
    future::ready(Ok(response))
}

struct TowerRealIp;

impl Subject for TowerRealIp {
    const NAME: &'static str = "tower-real-ip 0.1.0, layer";
    const GIVES: Gives = Gives::Client;
    type State = (RealIpService<Inner>, HeaderMap);
    type Input = (RealIpService<Inner>, Option<Request<()>>);
    type Output<'a> = Response<()>;

    fn state(workload: &Workload) -> Option<Self::State> {
        let config = TrustedProxyConfig::parse_str(&workload.proxies.replace(',', ";"));
        let layer = RealIpLayer::new(config.expect("networks"));
        let service = layer.layer(service_fn(found as fn(Request<()>) -> Answered));
        (!reads_forwarded(workload)).then(|| (service, workload.headers()))
    }

    fn input((service, headers): &Self::State) -> Self::Input {
        (service.clone(), Some(connected(headers)))
    }

    fn run<'a>(_: &'a Self::State, (service, request): &'a mut Self::Input) -> Self::Output<'a> {
        let request = request.take().expect("an input is used once");
        match poll(service.call(request)) {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    fn answer(said: Self::Output<'_>) -> Answer {
        client(said.extensions().get::<RealIp>().map(|found| found.0))
    }
}

/// A request with the proxy's address where axum keeps it.
fn connected(headers: &HeaderMap) -> Request<()> {
    let mut request = Workload::request(headers);
    let address = std::net::SocketAddr::new(Workload::peer(), 40000);
    request.extensions_mut().insert(ConnectInfo(address));
    request
}

fn parts(headers: &HeaderMap) -> Parts {
    connected(headers).into_parts().0
}

struct ExtraHost;

impl Subject for ExtraHost {
    const NAME: &'static str = "axum-extra 0.10.3, Host";
    const GIVES: Gives = Gives::Host;
    type State = HeaderMap;
    type Input = Parts;
    type Output<'a> = Option<String>;

    fn state(workload: &Workload) -> Option<Self::State> {
        Some(workload.headers())
    }

    fn input(headers: &Self::State) -> Self::Input {
        parts(headers)
    }

    fn run<'a>(_: &'a Self::State, parts: &'a mut Parts) -> Self::Output<'a> {
        poll(Host::from_request_parts(parts, &())).ok().map(|found| found.0)
    }

    fn answer(host: Self::Output<'_>) -> Answer {
        Answer { host, ..Answer::default() }
    }
}

struct ExtraScheme;

impl Subject for ExtraScheme {
    const NAME: &'static str = "axum-extra 0.10.3, Scheme";
    const GIVES: Gives = Gives::Scheme;
    type State = HeaderMap;
    type Input = Parts;
    type Output<'a> = Option<String>;

    fn state(workload: &Workload) -> Option<Self::State> {
        Some(workload.headers())
    }

    fn input(headers: &Self::State) -> Self::Input {
        parts(headers)
    }

    fn run<'a>(_: &'a Self::State, parts: &'a mut Parts) -> Self::Output<'a> {
        poll(Scheme::from_request_parts(parts, &())).ok().map(|found| found.0)
    }

    fn answer(scheme: Self::Output<'_>) -> Answer {
        // The caller must know the scheme of the connection.
        Answer { scheme: Some(scheme.unwrap_or_else(|| "http".to_owned())), ..Answer::default() }
    }
}
