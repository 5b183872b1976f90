//! One request, from its arrival to its response.
//!
//! 1. The head is checked before anything is sent: framing, size, method, expectation, hop count.
//! 2. Upstream is awaited within the limits. If the server sees that the client went away, this future is dropped, and
//!    upstream is told at once.
//! 3. A failure of the client's body is the client's, not upstream's.
//! 4. Each response that went upstream has an [`Exchange`] in its extensions, for logs.

use std::{fmt, future::Future, pin::pin, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{ALLOW, CONTENT_TYPE, HOST},
    request,
};
use http_body::{Body as HttpBody, SizeHint};
use hyper::upgrade::OnUpgrade;
use proxyfix::{MountPath, Resolved, Scheme};
use tokio::time::{Instant, sleep_until};

use super::{
    download::Download,
    gate::{self, Key},
    options::Options,
    progress::{Fault, Progress},
    request::{self as head, Mapping, Outgoing},
    response,
    rewrite::Rewrite,
    target::{Inner, Target},
    transport::send,
    tunnel,
    upgrade::{self, Wanted},
    upload::Upload,
};
use crate::common::{
    body::{Body, BoxError},
    failure::{Failure, FailureKind},
    framing,
    limits::Limits,
    via::{self, Forwards},
};

/// Where a request went: in the extensions of each response that a proxy makes for a target.
#[derive(Clone)]
pub struct Exchange {
    target: Target,
    /// In origin form. `None` if the request was refused before.
    uri: Option<Uri>,
}

impl Exchange {
    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The URL that was asked for upstream. **A stranger chose the path and the query**: escape it in logs.
    pub fn url(&self) -> String {
        let path = self.uri.as_ref().map(Uri::to_string).unwrap_or_default();
        self.target.0.url.at(&path)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({:?})", self.target)
    }
}

/// Sends a request to its target.
pub(crate) async fn exchange<B>(
    options: Arc<Options>,
    mapping: Mapping,
    request: Request<B>,
) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let version = request.version();
    let mut exchange = Exchange { target: mapping.target.clone(), uri: None };
    let result = run(&options, &mapping, request, &mut exchange).await;
    let mut response = result.unwrap_or_else(|failure| options.failed(failure, version));
    response.extensions_mut().insert(exchange);
    response
}

impl Options {
    /// The response of a failure.
    pub(crate) fn failed(&self, failure: Failure, version: Version) -> Response<Body> {
        #[cfg(feature = "tracing")]
        tracing::warn!(
            status = failure.kind().status().as_u16(),
            error = failure.kind().proxy_status(),
            cause = %failure,
            "a request was not answered by upstream"
        );
        let own = self.hooks.error.as_ref().and_then(|hook| hook(&failure));
        match own {
            Some(mut response) => {
                failure.close(&mut response, version);
                response.extensions_mut().insert(failure);
                response
            }
            None => failure.into_response(&self.via.pseudonym, version),
        }
    }
}

async fn run<B>(
    options: &Options,
    mapping: &Mapping,
    request: Request<B>,
    exchange: &mut Exchange,
) -> Result<Response<Body>, Failure>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let target = &*mapping.target.0;
    let ready = match prepare(options, mapping, request)? {
        Prepared::Ready(ready) => ready,
        Prepared::Answered(response) => return Ok(response),
    };
    let Ready { mut request, asked } = *ready;
    exchange.uri = Some(request.uri().clone());
    let progress = asked.progress.clone();
    watch_informational(&mut request, options, asked.key.as_ref());
    let (upstream, limits) = (&target.upstream, &target.limits);
    let response = match &options.transport {
        None => {
            let sent = pin!(send(upstream, request, Some(&progress)));
            within_limits(sent, &progress, limits).await
        }
        Some(own) => within_limits(own.send(upstream, request), &progress, limits).await,
    };
    let response = response.map_err(|failure| {
        if failure.kind() == FailureKind::ResponseTimeout {
            upstream.doubt(progress.http2());
        }
        of_the_client(failure, &progress)
    })?;
    answer(options, mapping, asked, response)
}

/// A request that is ready to be sent, or was answered without that.
enum Prepared {
    Ready(Box<Ready>),
    Answered(Response<Body>),
}

/// A request for upstream.
struct Ready {
    request: Request<Body>,
    asked: Asked,
}

/// What must be known of a request when its answer comes.
struct Asked {
    method: Method,
    sent_host: Option<HeaderValue>,
    told_scheme: Scheme,
    /// Where the client finds the path that the proxy got: what a proxy in front strips, and the mounts. Only if the
    /// target turns paths back.
    outer: String,
    wanted: Option<Wanted>,
    client: Option<OnUpgrade>,
    /// Of a body that waits for 100.
    key: Option<Key>,
    progress: Progress,
}

/// Everything before the request is sent.
fn prepare<B>(
    options: &Options,
    mapping: &Mapping,
    mut request: Request<B>,
) -> Result<Prepared, Failure>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let target = &*mapping.target.0;
    let has_upgrade = request.extensions().get::<OnUpgrade>().is_some();
    let client = has_upgrade.then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    let mut wanted = check(&parts, options, target)?;
    if wanted.is_some() && client.is_none() {
        let detail = "the server has no upgrades";
        return Err(Failure::new(FailureKind::NotImplemented, detail));
    }
    let expects = head::check_expect(&mut parts)?;
    if let Some(response) = answered_here(&mut parts, target)? {
        return Ok(Prepared::Answered(response));
    }
    if body.size_hint().lower() > target.limits.body_bytes.unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let is_empty = body.is_end_stream();
    let size = if is_empty { SizeHint::with_exact(0) } else { body.size_hint() };
    let told_scheme = options.forwarding.scheme(&parts.extensions);
    let outer = match parts.extensions.get::<Resolved>() {
        _ if !target.turns_back() => "",
        Some(resolved) => resolved.prefix(),
        None => MountPath::entered(&parts.extensions),
    };
    let outer = outer.to_owned();
    let Outgoing { parts, barred } =
        head::outgoing(parts, mapping, options, wanted.as_mut(), &size)?;
    let progress = Progress::new(!is_empty);
    let (gate, key) = (expects && !is_empty).then(|| gate::gate(target.limits.expect)).unzip();
    let asked = Asked {
        method: parts.method.clone(),
        sent_host: parts.headers.get(HOST).cloned(),
        told_scheme,
        outer,
        wanted,
        client,
        key,
        progress: progress.clone(),
    };
    let body = if is_empty {
        Body::empty()
    } else {
        Body::new(Upload::new(body, &target.limits, gate, progress, barred))
    };
    Ok(Prepared::Ready(Box::new(Ready { request: Request::from_parts(parts, body), asked })))
}

/// Everything after the head of the answer came.
fn answer(
    options: &Options,
    mapping: &Mapping,
    asked: Asked,
    response: Response<Body>,
) -> Result<Response<Body>, Failure> {
    let target = &*mapping.target.0;
    if let Some(key) = &asked.key {
        key.answer();
    }
    let (mut parts, body) = response.into_parts();
    let is_tunnel = match &asked.wanted {
        Some(wanted) => wanted.check(&parts)?,
        None => upgrade::check_unasked(&parts).map(|()| false)?,
    };
    let switched = asked.wanted.as_ref().filter(|_| is_tunnel);
    let upstream = parts.extensions.remove::<OnUpgrade>();
    let rewrite = Rewrite {
        target,
        prefix: [&asked.outer, mapping.removed()],
        sent_host: asked.sent_host.as_ref().map_or(b"", HeaderValue::as_bytes),
        told: asked.told_scheme,
    };
    let size = body.size_hint();
    let barred = response::incoming(&mut parts, &asked.method, &size, switched, &rewrite, options)?;
    if switched.is_some() {
        let (Some(client), Some(upstream)) = (asked.client, upstream) else {
            return Err(Failure::new(FailureKind::Upgrade, "the transport has no upgrades"));
        };
        tunnel::start(client, upstream, target.limits.upgraded_idle);
        return Ok(Response::from_parts(parts, Body::empty()));
    }
    #[cfg(feature = "tracing")]
    tracing::debug!(status = parts.status.as_u16(), upstream = %target.url, "answered");
    if body.is_end_stream() {
        asked.key.iter().for_each(Key::lock);
        return Ok(Response::from_parts(parts, Body::empty()));
    }
    let (target, http2) = (mapping.target.clone(), asked.progress.http2());
    let download = Download::new(body, target, http2, barred, asked.key);
    Ok(Response::from_parts(parts, Body::new(download)))
}

/// Rule 1. The upgrade that the request asks for.
fn check(
    parts: &request::Parts,
    options: &Options,
    target: &Inner,
) -> Result<Option<Wanted>, Failure> {
    framing::check_request(parts)?;
    head::check_size(parts, &target.limits)?;
    let wanted = upgrade::wanted(parts, &options.upgrades)?;
    // Extended CONNECT becomes a GET.
    let is_extended = parts.method == Method::CONNECT;
    head::check_method(if is_extended { &Method::GET } else { &parts.method }, target)?;
    if parts.method == Method::TRACE && !options.trace {
        const OTHERS: HeaderValue =
            HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
        let allow = target.methods.as_ref().map_or(OTHERS, |methods| methods.allow.clone());
        return Err(Failure::method(allow));
    }
    Ok(wanted)
}

/// A TRACE or OPTIONS that goes no further (RFC 9110 §7.6.2).
fn answered_here(
    parts: &mut request::Parts,
    target: &Inner,
) -> Result<Option<Response<Body>>, Failure> {
    if via::count_down(&parts.method, &mut parts.headers)? == Forwards::On {
        return Ok(None);
    }
    if parts.method == Method::OPTIONS {
        let mut response = Response::new(Body::empty());
        if let Some(methods) = &target.methods {
            response.headers_mut().insert(ALLOW, methods.allow.clone());
        }
        return Ok(Some(response));
    }
    // RFC 9110 §9.3.8: the request as it arrived, without what may be a secret.
    let mut text = format!("TRACE {} HTTP/1.1\r\n", parts.uri);
    for (name, value) in &parts.headers {
        if head::is_safe_to_echo(name) {
            let value = String::from_utf8_lossy(value.as_bytes());
            text.extend([name.as_str(), ": ", &value, "\r\n"]);
        }
    }
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("message/http"));
    Ok(Some(response))
}

/// Hears of 100, and tells the hook of the others.
fn watch_informational(request: &mut Request<Body>, options: &Options, key: Option<&Key>) {
    let (key, hook) = (key.cloned(), options.hooks.informational.clone());
    if key.is_none() && hook.is_none() {
        return;
    }
    hyper::ext::on_informational(request, move |response| {
        if response.status() == StatusCode::CONTINUE {
            if let Some(key) = &key {
                key.open();
            }
        } else if let Some(hook) = &hook {
            let mut headers = response.headers().clone();
            if crate::common::hop_by_hop::strip_response(&mut headers).is_ok() {
                hook(response.status(), &headers);
            }
        }
    });
}

/// Rule 2.
async fn within_limits(
    mut send: impl Future<Output = Result<Response<Body>, Failure>> + Unpin,
    progress: &Progress,
    limits: &Limits,
) -> Result<Response<Body>, Failure> {
    let first = Instant::now().checked_add(limits.head.min(limits.gap));
    let Some(first) = first else { return send.await };
    let mut timer = pin!(sleep_until(first));
    loop {
        tokio::select! {
            biased;
            response = &mut send => return response,
            () = &mut timer => {}
        }
        let now = Instant::now();
        match progress.deadline(limits) {
            Some(deadline) if deadline <= now => return Err(progress.late()),
            Some(deadline) => timer.as_mut().reset(deadline),
            None => {
                let next = now.checked_add(limits.head.min(limits.gap));
                timer.as_mut().reset(next.unwrap_or(now));
            }
        }
    }
}

/// Rule 3.
fn of_the_client(failure: Failure, progress: &Progress) -> Failure {
    match progress.fault() {
        None => failure,
        Some(Fault::Client) => Failure::new(FailureKind::ClientBody, "the client's body broke off")
            .with_source(failure),
        Some(Fault::ClientTimeout) => {
            Failure::new(FailureKind::ClientTimeout, "the client's body paused for too long")
                .and_close()
        }
        Some(Fault::TooLarge) => too_large(),
    }
}

fn too_large() -> Failure {
    Failure::new(FailureKind::BodyTooLarge, "the client's body is over the limit").and_close()
}
