//! Compares the originals and Go's reverse proxy with ours: the same requests, the same answers of the same
//! recording upstream, and then every fact of what upstream received and what the client got.
//!
//! 1. A difference without a name fails (`oracles/names.rs` has the names, each with its reason).
//! 2. A name that did not occur fails.
//!
//! `oracles/mounts.rs` and `oracles/files.rs` do the same for mounts and static files, without sockets.
//!
//! `cargo test -p proxyfix-gateway --test oracles -- --ignored --nocapture` prints how often each name occurred.
//! Without Go, its part is left out, and the output says so; with `GATEWAY_ALL_PROGRAMS=1` that is an error.

#[path = "oracles/cases.rs"]
mod cases;
#[path = "oracles/compare.rs"]
mod compare;
#[cfg(unix)]
#[path = "oracles/files.rs"]
mod files;
#[path = "oracles/fits/mod.rs"]
mod fits;
#[cfg(unix)]
#[path = "files/fixture.rs"]
#[allow(dead_code, reason = "the oracles use the tree alone")]
mod fixture;
#[path = "oracles/lists.rs"]
mod lists;
#[path = "oracles/mounts.rs"]
mod mounts;
#[path = "oracles/names.rs"]
mod names;
#[path = "oracles/programs.rs"]
mod programs;
#[path = "corpora/wire/mod.rs"]
#[allow(dead_code, reason = "each test uses a part")]
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    net::SocketAddr,
    time::Duration,
};

use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use proxyfix_gateway::{
    Body, HostHeader, ProxyOptions, ReverseProxy, ReverseProxyLayer, Target, TransparentProxy,
};
use tower::{Layer, service_fn};

use self::{
    cases::Case,
    compare::{Outcome, differences},
    wire::{
        client::ask,
        front,
        recorder::{Answer, Recorder},
    },
};

/// How long an answer may take. Paste has no limit of its own.
const PATIENCE: Duration = Duration::from_secs(8);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Oracle {
    /// Werkzeug's `ProxyMiddleware` and our `ReverseProxyLayer`.
    Werkzeug,
    /// Paste's `Proxy` and our `ReverseProxy`.
    Paste,
    /// Paste's `TransparentProxy` and ours.
    Transparent,
    /// Go's `NewSingleHostReverseProxy` and our `ReverseProxy`, which keeps `Host`.
    Go,
}

impl Oracle {
    fn name(self) -> &'static str {
        match self {
            Self::Werkzeug => "werkzeug",
            Self::Paste => "paste",
            Self::Transparent => "transparent",
            Self::Go => "go",
        }
    }

    /// Our proxy with the configuration that says the same.
    async fn ours(self, upstream: SocketAddr) -> SocketAddr {
        let options = ProxyOptions::new().pseudonym("ours");
        let base = format!("http://{upstream}/base/");
        match self {
            Self::Werkzeug => {
                let target = Target::builder(&base).remove_prefix(true).build().expect("a target");
                let layer = ReverseProxyLayer::builder().target("/p", target).options(options);
                let inner = service_fn(|_: Request<Incoming>| async {
                    let mut response = Response::new(Body::from("inner"));
                    *response.status_mut() = StatusCode::NOT_FOUND;
                    Ok::<_, Infallible>(response)
                });
                front::serve(layer.build().expect("a table").layer(inner)).await
            }
            Self::Paste => {
                let target = Target::parse(&base).expect("a target");
                front::serve(ReverseProxy::with_options(target, options).expect("options")).await
            }
            Self::Transparent => {
                let proxy = TransparentProxy::builder().force_host(upstream.to_string());
                front::serve(proxy.options(options).build().expect("a proxy")).await
            }
            Self::Go => {
                let target = Target::builder(&base).host(HostHeader::Client).build();
                let target = target.expect("a target");
                front::serve(ReverseProxy::with_options(target, options).expect("options")).await
            }
        }
    }
}

/// An upstream that answers each of these requests as it says.
async fn start(cases: &[Case]) -> Recorder {
    let answer = |case: &Case| Answer { bytes: case.answer.clone(), closes: case.closes };
    let answers: Vec<_> = cases.iter().map(answer).collect();
    Recorder::start(move |seen| {
        let id = seen.value("x-case").and_then(|id| id.parse::<usize>().ok());
        id.and_then(|id| answers.get(id).cloned()).unwrap_or_default()
    })
    .await
}

/// Sends all requests through one proxy.
async fn run(cases: &[Case], proxy: SocketAddr, upstream: &Recorder) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    upstream.take();
    for case in cases {
        let response = ask(proxy, &case.pieces(), &case.method, PATIENCE).await;
        outcomes.push(Outcome { seen: upstream.settled().await, response });
        upstream.take();
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python 3.11 and PyPI, and Go; .ci/run runs it"]
async fn oracles() {
    let cases = cases::cases();
    let upstreams =
        [start(&cases).await, start(&cases).await, start(&cases).await, start(&cases).await];
    let programs = programs::start(upstreams.each_ref().map(|upstream| upstream.address));
    let pairs =
        programs.addresses.iter().zip(&upstreams).map(async |((oracle, theirs), upstream)| {
            let ours = oracle.ours(upstream.address).await;
            (run(&cases, *theirs, upstream).await, run(&cases, ours, upstream).await)
        });
    let outcomes = join_all(pairs).await;

    let mut found: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    let (mut unexplained, mut same) = (Vec::new(), BTreeMap::new());
    for (((oracle, _), upstream), (theirs, ours)) in
        programs.addresses.iter().zip(&upstreams).zip(&outcomes)
    {
        let authority = upstream.address.to_string();
        for ((case, theirs), ours) in cases.iter().zip(theirs).zip(ours) {
            let (theirs, ours) = (theirs.facts(&authority), ours.facts(&authority));
            for difference in differences(case, *oracle, &theirs, &ours) {
                match names::name(&difference) {
                    Some((name, reason)) => found.entry(name).or_insert((0, reason)).0 += 1,
                    None => unexplained.push(format!(
                        "{} {:?} {:?} {:?} {}: {:?}, ours {:?}",
                        oracle.name(),
                        case.kind,
                        case.method,
                        if case.kind == cases::Kind::Answer {
                            wire::latin1(&case.answer[..case.answer.len().min(200)])
                        } else {
                            format!("{} {}", case.target, case.fields)
                        },
                        difference.fact,
                        difference.theirs,
                        difference.ours,
                    )),
                }
            }
            let facts: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
            let equal = facts.iter().filter(|fact| theirs.get(**fact) == ours.get(**fact));
            *same.entry(oracle.name()).or_insert(0_usize) += equal.count();
        }
    }
    println!("{} requests; facts that are the same: {same:?}", cases.len());
    for (name, (times, reason)) in &found {
        println!("{name:34} {times:5}  {reason}");
    }
    let text = unexplained.join("\n");
    assert!(unexplained.is_empty(), "{} unexplained:\n{text}", unexplained.len());
    let compared: BTreeSet<_> = programs.addresses.iter().map(|(oracle, _)| *oracle).collect();
    let silent: Vec<_> = names::all(&compared).filter(|name| !found.contains_key(name)).collect();
    assert!(silent.is_empty(), "did not occur: {silent:?}");
}
