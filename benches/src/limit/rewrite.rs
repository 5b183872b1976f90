//! The limit of rewriting: the decided values go into the extensions, `Host` and the URI, and the
//! forwarding headers are removed.

use std::net::IpAddr;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Uri,
    header::HOST,
    uri::{Authority, Scheme},
};

use super::Policy;
use crate::{Answer, Gives, Subject, Workload};

/// The decision and the rewriting.
#[derive(Debug)]
pub struct Rewritten;

/// What an application finds in the extensions.
#[derive(Clone, Copy, Debug)]
struct Client(IpAddr);

const FORWARDING: [&str; 4] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// Rewrites a request from this peer. `None` means: reject the request.
pub fn rewrite<B>(request: &mut Request<B>, peer: IpAddr, policy: &Policy) -> Option<()> {
    let decided = policy.decide(peer, request.headers())?;
    let client = Client(decided.client);
    // `Host` and the URI share the bytes.
    let host = Bytes::copy_from_slice(decided.host);
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(if decided.https { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(Authority::from_maybe_shared(host.clone()).ok()?);
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_maybe_shared(host).ok()?);
    for name in FORWARDING {
        headers.remove(name);
    }
    request.extensions_mut().insert(client);
    Some(())
}

impl Subject for Rewritten {
    const NAME: &'static str = "limit, rewritten";
    const GIVES: Gives = Gives::All;
    type State = (Policy, HeaderMap);
    type Input = Request<()>;
    type Output<'a> = Option<&'a Request<()>>;

    fn state(workload: &Workload) -> Option<Self::State> {
        let policy = Policy::of(workload);
        (policy.proxies.len() < 10).then(|| (policy, workload.headers()))
    }

    fn input((_, headers): &Self::State) -> Self::Input {
        Workload::request(headers)
    }

    fn run<'a>((policy, _): &'a Self::State, request: &'a mut Self::Input) -> Self::Output<'a> {
        rewrite(request, Workload::peer(), policy).map(|()| &*request)
    }

    fn answer(output: Self::Output<'_>) -> Answer {
        let Some(request) = output else { return Answer::default() };
        let client = request.extensions().get().map(|Client(client)| client);
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        Answer {
            client: client.map(ToString::to_string),
            scheme: request.uri().scheme_str().map(str::to_owned),
            host: host.map(str::to_owned),
        }
    }
}
