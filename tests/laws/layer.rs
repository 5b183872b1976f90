//! The law of the layer in axum, which the fuzz targets do not use: what axum stores about a request outside
//! its head says the client and the effective target.

use std::{
    cell::RefCell,
    convert::Infallible,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use axum::extract::{ConnectInfo, OriginalUri, connect_info::MockConnectInfo};
use http::{Extensions, Request, Response, Uri, uri::PathAndQuery};
use proxyfix::{Error, Peer, ProxyFixLayer, Resolved, fix_request};
use tower::{Layer, ServiceExt, service_fn};

use super::laws::{
    Verdict,
    answer::{Answer, target},
    by_stranger, generate,
    head::Head,
    scenario::Scenario,
};

/// The other end of a TLS connection, as a server keeps it in a type of its own.
#[derive(Clone)]
struct TlsInfo(Option<SocketAddr>);

/// **Addresses and targets**: inside the layer, `ConnectInfo`, `OriginalUri` and the value that `on_resolved`
/// corrects agree with [`Resolved`], which is what `fix_request` makes of the same request. They never
/// contain the peer or what a stranger wrote.
pub(crate) fn corrections(data: &[u8]) -> Verdict {
    let Ok((scenario, head)) = generate(data) else { return Verdict::None };
    let mut verdict = Verdict::Rejected;
    for request in [scenario.request(&head), by_stranger(&scenario, &head).0] {
        let sent = as_served(&request, &head, data);
        let mut alone = sent.clone();
        let peer = *request.extensions().get::<Peer>().expect("a peer");
        // axum also knows the port.
        let peer = connection(&request).map_or(peer, |address| {
            let connected = Peer::from(address);
            peer.scheme().map_or(connected, |scheme| connected.with_scheme(scheme))
        });
        alone.extensions_mut().insert(peer);
        let decided = fix_request(&mut alone, &scenario.config).map(|()| alone);
        match (behind_layer(&scenario, sent.clone()), decided) {
            (Ok(seen), Ok(alone)) => {
                let answers = [&seen, &alone].map(|request| {
                    Answer::of(request.extensions().get::<Resolved>().expect("a fixed request"))
                });
                assert_eq!(answers[0], answers[1], "{scenario:#?} {head:#?}");
                assert_eq!((seen.uri(), seen.headers()), (alone.uri(), alone.headers()));
                corrected(&seen, &sent, &answers[0]);
                verdict = Verdict::Truth;
            }
            (layer, decided) => assert_eq!(layer.err(), decided.err(), "{scenario:#?} {head:#?}"),
        }
    }
    verdict
}

/// The address that a request comes from, unless it is a Unix socket.
fn connection(request: &Request<()>) -> Option<SocketAddr> {
    let peer = request.extensions().get::<Peer>().expect("a peer");
    peer.ip().map(|ip| SocketAddr::new(ip, 4711))
}

/// A request as axum serves it: with the address of the connection, and the target before a nested router
/// took the start of its path away.
fn as_served(request: &Request<()>, head: &Head, data: &[u8]) -> Request<()> {
    let mut request = request.clone();
    let connected = connection(&request);
    let mut original = request.uri().clone();
    // The generators have used up the bytes; only their number is left.
    let (is_nested, is_mocked) = (data.len() % 2 == 0, data.len() % 3 == 0);
    if head.has_path() && is_nested {
        let mut parts = original.into_parts();
        parts.path_and_query = Some(format!("/api{}", head.path.as_str()).parse().expect("a path"));
        original = Uri::from_parts(parts).expect("a target");
    }
    let extensions = request.extensions_mut();
    extensions.insert(OriginalUri(original));
    extensions.insert(TlsInfo(connected));
    if let Some(address) = connected {
        // The layer finds the peer there, unless it also needs the scheme of the connection.
        if let Some(scheme) = extensions.remove::<Peer>().and_then(|peer| peer.scheme()) {
            extensions.insert(Peer::from(address).with_scheme(scheme));
        }
        if is_mocked {
            extensions.insert(MockConnectInfo(address));
        } else {
            extensions.insert(ConnectInfo(address));
        }
    }
    request
}

/// The request that a service inside the layer sees.
fn behind_layer(scenario: &Scenario, request: Request<()>) -> Result<Request<()>, Error> {
    let layer = ProxyFixLayer::new(scenario.config.clone()).on_resolved(|resolved, extensions| {
        let client = client(&Answer::of(resolved));
        if let Some(TlsInfo(address)) = extensions.get_mut() {
            *address = client;
        }
    });
    let seen = Rc::new(RefCell::new(None));
    let service = service_fn(|request: Request<()>| {
        seen.replace(Some(request));
        async { Ok::<_, Infallible>(Response::new(())) }
    });
    let answered = pin!(layer.layer(service).oneshot(request));
    let Poll::Ready(Ok(response)) = answered.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("nothing to wait for");
    };
    seen.take().ok_or_else(|| response.extensions().get::<Error>().expect("a rejection").clone())
}

/// Checks that what axum stores is the client's.
fn corrected(seen: &Request<()>, sent: &Request<()>, answer: &Answer) {
    let client = client(answer);
    let kept = |extensions: &Extensions| {
        let mocked = extensions.get().map(|MockConnectInfo::<SocketAddr>(address)| *address);
        (extensions.get().map(|ConnectInfo::<SocketAddr>(address)| *address), mocked)
    };
    let was_mocked = kept(sent.extensions()).1.is_some();
    assert_eq!(kept(seen.extensions()), (client, client.filter(|_| was_mocked)), "{answer:?}");
    let TlsInfo(address) = seen.extensions().get().expect("a connection");
    assert_eq!(*address, client, "{answer:?}");

    let OriginalUri(before) = sent.extensions().get().expect("a target");
    let OriginalUri(after) = seen.extensions().get().expect("a target");
    let path = before.path_and_query().map(PathAndQuery::as_str);
    let expected = match path {
        // The forms without an origin, and a client that names no host.
        None => target(before),
        Some("*") if before.authority().is_none() => "*".to_owned(),
        Some(path) if answer.host.is_none() => path.to_owned(),
        Some(path) => format!("{}://{}{path}", answer.scheme, answer.authority()),
    };
    assert_eq!(target(after), expected, "{answer:?}");
}

/// The address of the client, with port 0 if it has none.
fn client(answer: &Answer) -> Option<SocketAddr> {
    let text = answer.client.as_str();
    let ip = || text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    text.parse().ok().or_else(|| Some(SocketAddr::new(ip()?, 0)))
}
