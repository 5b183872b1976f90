//! Runs the cases of `reverse.jsonl`.
//!
//! Text stands for bytes: each character up to U+00FF is one. `PORT` is upstream's port, `UPSTREAM` its address and
//! port, `PATH` in an answer the path that upstream was asked for. A pause comes before its piece, in milliseconds.
//! A case may have several lines: each but the first has a `variant`, such as the same request under another policy.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use proxyfix_gateway::{
    Body, ConfigError, DotSegments, HostHeader, Limits, ProxyOptions, ReverseProxy,
    ReverseProxyLayer, Target, TargetBuilder, TransparentProxy, Underscores,
};
use serde::Deserialize;
use tower::{Layer, util::BoxCloneSyncService};

use super::check::{Outcome, check};
use crate::net::{
    Step,
    client::Client,
    front,
    upstream::{Begin, Seen, Upstream},
};

const CASES: &str = include_str!("reverse.jsonl");

type Service = BoxCloneSyncService<Request<Incoming>, Response<Body>, std::convert::Infallible>;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) variant: Option<String>,
    #[serde(default)]
    targets: Vec<Entry>,
    proxy: Option<String>,
    transparent: Option<Transparent>,
    #[serde(default)]
    suppress: Vec<String>,
    methods: Option<Vec<String>>,
    host: Option<String>,
    dot_segments: Option<String>,
    underscores: Option<String>,
    body_bytes: Option<u64>,
    timeout: Option<u64>,
    /// Nothing listens where upstream would be.
    #[serde(default)]
    refused: bool,
    pub(super) send: Vec<(u64, String)>,
    answer: Option<Vec<(u64, String)>>,
    pub(super) expect: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    prefix: String,
    url: String,
    #[serde(default)]
    remove_prefix: bool,
    host: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transparent {
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    networks: Vec<String>,
    force_host: Option<String>,
}

/// The bytes that a text stands for.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).expect("a byte")).collect()
}

fn host(text: &str) -> HostHeader {
    match text {
        "client" => HostHeader::Client,
        text => HostHeader::Fixed(text.to_owned()),
    }
}

impl Case {
    fn target(&self, url: &str, upstream: SocketAddr) -> TargetBuilder {
        let url = url.replace("PORT", &upstream.port().to_string());
        let mut limits = Limits::default();
        if let Some(bytes) = self.body_bytes {
            limits = limits.body_bytes(bytes);
        }
        let mut target = Target::builder(url).limits(limits);
        if let Some(timeout) = self.timeout {
            target = target.timeout(Duration::from_millis(timeout));
        }
        for name in &self.suppress {
            target = target.remove_header(name);
        }
        if let Some(methods) = &self.methods {
            target = target.methods(methods);
        }
        match &self.host {
            Some(text) => target.host(host(text)),
            None => target,
        }
    }

    fn options(&self) -> ProxyOptions {
        let options = ProxyOptions::new().pseudonym("front");
        let options = match self.dot_segments.as_deref() {
            None => options,
            Some("normalize") => options.dot_segments(DotSegments::Normalize),
            Some("pass") => options.dot_segments(DotSegments::Pass),
            Some(other) => panic!("{other} is no policy for dot segments"),
        };
        match self.underscores.as_deref() {
            None => options,
            Some("drop-all") => options.underscores(Underscores::DropAll),
            Some("pass") => options.underscores(Underscores::Pass),
            Some(other) => panic!("{other} is no policy for underscores"),
        }
    }

    fn service(&self, upstream: SocketAddr) -> Result<Service, ConfigError> {
        let options = self.options();
        let with_port = |text: &str| text.replace("PORT", &upstream.port().to_string());
        if let Some(transparent) = &self.transparent {
            let mut builder = TransparentProxy::builder().options(options);
            for authority in &transparent.allow {
                builder = builder.allow(with_port(authority));
            }
            for network in &transparent.networks {
                builder = builder.allow_network(network);
            }
            if let Some(host) = &transparent.force_host {
                builder = builder.force_host(with_port(host));
            }
            return builder.build().map(BoxCloneSyncService::new);
        }
        if let Some(url) = &self.proxy {
            let target = self.target(url, upstream).build()?;
            return ReverseProxy::with_options(target, options).map(BoxCloneSyncService::new);
        }
        let mut builder = ReverseProxyLayer::builder().options(options);
        for entry in &self.targets {
            let mut target = self.target(&entry.url, upstream).remove_prefix(entry.remove_prefix);
            if let Some(text) = &entry.host {
                target = target.host(host(text));
            }
            for (name, value) in &entry.headers {
                target = target.header(name, value);
            }
            builder = builder.target(&entry.prefix, target.build()?);
        }
        Ok(BoxCloneSyncService::new(builder.build()?.layer(front::inner())))
    }

    /// What upstream does with a request.
    fn steps(&self, seen: &Seen) -> Vec<Step> {
        let path = seen.line().split(' ').nth(1).unwrap_or_default();
        let ok =
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok".to_owned();
        let answer = self.answer.clone().unwrap_or_else(|| vec![(0, ok)]);
        let mut steps = Vec::new();
        for (pause, text) in &answer {
            steps.push(Step::Wait(Duration::from_millis(*pause)));
            steps.push(if text == "RST" {
                Step::Reset
            } else {
                Step::Send(bytes(&text.replace("PATH", path)))
            });
        }
        if self.answer.is_some() {
            steps.push(Step::Close);
        }
        steps
    }
}

async fn run(case: Case) -> Result<(), String> {
    let begin = if case.expect.iter().any(|line| line == "no-informational") {
        Begin::AfterHead
    } else {
        Begin::AfterBody
    };
    let upstream = {
        let case = case.clone();
        Upstream::start(begin, move |_, seen| case.steps(seen)).await
    };
    let mut address = upstream.address;
    let (_socket, refused) = crate::net::refused();
    if case.refused {
        address = refused;
    }
    let service = case.service(address);
    if case.expect[0] == "config-error" {
        return service
            .map(|_| ())
            .map_or(Ok(()), |()| Err("the configuration is accepted".to_owned()));
    }
    let address = front::serve(service.map_err(|error| error.to_string())?).await;
    let mut client = Client::connect(address).await;
    let sent: Vec<_> = case.send.clone();
    let mut is_head = false;
    for (pause, text) in sent {
        is_head |= text.starts_with("HEAD ");
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let text = text.replace("PORT", &upstream.address.port().to_string());
        client.send(bytes(&text)).await;
    }
    let answer = client.answer(is_head).await;
    let mut answers = vec![answer.clone()];
    let number = case.expect.iter().find_map(|line| line.strip_prefix("answers "));
    for _ in 1..number.map_or(1, |statuses| statuses.split(' ').count()) {
        answers.push(client.answer(is_head).await);
    }
    let is_closed = if case.expect.iter().any(|line| line == "closed") {
        client.is_closed().await
    } else {
        false
    };
    let seen = if answer.status == 200 { upstream.last().await } else { upstream.seen().pop() };
    let outcome = Outcome {
        answer,
        answers,
        is_closed,
        seen,
        all: upstream.seen(),
        raw: upstream.raw(),
        upstream: upstream.address,
    };
    for line in &case.expect {
        check(line, &outcome).map_err(|got| format!("{line:?}: {got}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all() {
    let cases: Vec<Case> =
        CASES.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let mut tasks = Vec::new();
    for case in cases {
        let name = format!("{} {}", case.id, case.variant.as_deref().unwrap_or_default());
        tasks.push((name, tokio::spawn(run(case))));
    }
    let mut wrong = Vec::new();
    for (name, task) in tasks {
        match task.await {
            Ok(Ok(())) => {}
            Ok(Err(got)) => wrong.push(format!("{name}: {got}")),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
