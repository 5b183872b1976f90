//! proxyfix itself: the decision, the rewriting, the layer.

use std::{
    convert::Infallible,
    future,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response, Uri};
use proxyfix::{Config, Error, Peer, ProxyFix, ProxyFixLayer, Resolved, fix_request, resolve};
use tower::{Layer, Service};

use crate::{Answer, Gives, Subject, Visitor, Workload, poll};

/// Shows every subject of this file to the visitor.
pub fn visit(visitor: &mut impl Visitor) {
    visitor.visit::<Resolve>();
    visitor.visit::<Fix<false>>();
    visitor.visit::<Fix<true>>();
    visitor.visit::<Served<true>>();
    visitor.visit::<Served<false>>();
}

fn answer(resolved: &Resolved) -> Answer {
    Answer {
        client: resolved.client_ip().map(|ip| ip.to_string()),
        scheme: Some(resolved.scheme().to_string()),
        host: resolved.authority().map(ToString::to_string),
    }
}

/// The decision alone.
#[derive(Debug)]
pub struct Resolve;

impl Subject for Resolve {
    const NAME: &'static str = "resolve";
    const GIVES: Gives = Gives::All;
    type State = (Config, HeaderMap, Uri);
    type Input = ();
    type Output<'a> = Result<Resolved, Error>;

    fn state(workload: &Workload) -> Option<Self::State> {
        Some((workload.config(""), workload.headers(), Workload::uri()))
    }

    fn input(_: &Self::State) -> Self::Input {}

    fn run<'a>(state: &'a Self::State, (): &'a mut Self::Input) -> Self::Output<'a> {
        let (config, headers, uri) = state;
        resolve(Peer::from(Workload::peer()), headers, uri, config)
    }

    fn answer(output: Self::Output<'_>) -> Answer {
        output.map_or_else(|_| Answer::default(), |resolved| answer(&resolved))
    }
}

/// The decision and the rewriting, with the default treatment of headers, or with the forwarding
/// headers left as they are.
#[derive(Debug)]
pub struct Fix<const KEEP: bool>;

impl<const KEEP: bool> Subject for Fix<KEEP> {
    const NAME: &'static str = if KEEP { "fix_request, keep" } else { "fix_request" };
    const GIVES: Gives = Gives::All;
    type State = (Config, HeaderMap);
    type Input = Request<()>;
    type Output<'a> = Result<&'a Request<()>, Error>;

    fn state(workload: &Workload) -> Option<Self::State> {
        Some((workload.config(if KEEP { "headers=keep" } else { "" }), workload.headers()))
    }

    fn input((_, headers): &Self::State) -> Self::Input {
        Workload::request(headers)
    }

    fn run<'a>(state: &'a Self::State, request: &'a mut Self::Input) -> Self::Output<'a> {
        fix_request(request, &state.0).map(|()| &*request)
    }

    fn answer(output: Self::Output<'_>) -> Answer {
        output.map_or_else(|_| Answer::default(), rewritten)
    }
}

/// The contents of a rewritten request. An application sees nothing else.
fn rewritten(request: &Request<()>) -> Answer {
    let Some(resolved) = request.extensions().get() else { return Answer::default() };
    let (host, uri) = (request.headers().get("host"), request.uri());
    Answer {
        host: host.map(|host| host.to_str().expect("text").to_owned()),
        scheme: uri.scheme_str().map(str::to_owned),
        ..answer(resolved)
    }
}

/// A service that is always ready, and answers at once with the request that it receives.
#[derive(Clone, Copy, Debug)]
pub struct Ready;

impl Service<Request<()>> for Ready {
    type Response = Response<Option<Request<()>>>;
    type Error = Infallible;
    type Future = future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        future::ready(Ok(Response::new(Some(request))))
    }
}

/// A service with or without the layer around it. The difference is what the layer adds.
#[derive(Debug)]
pub struct Served<const LAYERED: bool>;

impl<const LAYERED: bool> Subject for Served<LAYERED> {
    const NAME: &'static str = if LAYERED { "layer" } else { "no layer" };
    const GIVES: Gives = if LAYERED { Gives::All } else { Gives::Nothing };
    type State = (ProxyFix<Ready>, HeaderMap);
    type Input = (ProxyFix<Ready>, Option<Request<()>>);
    type Output<'a> = Response<Option<Request<()>>>;

    fn state(workload: &Workload) -> Option<Self::State> {
        Some((ProxyFixLayer::new(workload.config("")).layer(Ready), workload.headers()))
    }

    fn input((service, headers): &Self::State) -> Self::Input {
        (service.clone(), Some(Workload::request(headers)))
    }

    fn run<'a>(_: &'a Self::State, (service, request): &'a mut Self::Input) -> Self::Output<'a> {
        let request = request.take().expect("an input is used once");
        let outcome = if LAYERED { poll(service.call(request)) } else { poll(Ready.call(request)) };
        match outcome {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    fn answer(output: Self::Output<'_>) -> Answer {
        output.into_body().map_or_else(Answer::default, |request| rewritten(&request))
    }
}
