//! What the settings build: the service that answers each request.
//!
//! 1. With `--trust`, `ProxyFixLayer` is outside the proxy, so that the proxy knows whom to believe.
//!    The forward proxy is between the two. If it has users, nobody gets past them: what is under its prefix is 403 for a
//!    request that did not come through the proxy.
//! 2. Files come before targets. What is no file goes on.
//! 3. A request under no prefix gets 404, or goes through the transparent proxy.
//! 4. With `fallback`, GET and HEAD of a path without a file, a mount and a target get the page, unless the last segment
//!    has a dot: a file that is missing is 404.

use std::{convert::Infallible, fs, path::Path, sync::Arc};

use http::{Method, Request, Response, StatusCode, Uri};
use proxyfix::{Config, ProxyFixLayer};
use proxyfix_gateway::{
    Body, ConfigError, FilesService, ForwardProxyLayer, HostHeader, Limits, Mount, NotFound,
    Protocol, ProxyOptions, ProxyRequest, ReverseProxyBuilder, ReverseProxyLayer, Target,
    TargetBuilder, TransparentProxy, WithoutSlash,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

use super::{
    files::Folder,
    forward::Logged,
    log::Log,
    mounts::Mounted,
    settings::{HostChoice, Place, Placed, Route, Settings, TargetOptions, Transparent},
};
use crate::{config, escape, status::Failure};

/// Answers requests.
pub(super) type Service = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The service, and what to tell of it.
pub(super) struct Table {
    pub(super) routes: Vec<Shown>,
    /// What happens to requests under no prefix. `None` if every path is under one.
    pub(super) otherwise: Option<Shown>,
    pub(super) service: Service,
    /// Around the service, if there is one.
    pub(super) forward: Option<ForwardProxyLayer>,
}

/// A route as it is shown.
pub(super) struct Shown {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) notes: Vec<String>,
    pub(super) danger: Option<&'static str>,
}

impl Shown {
    pub(super) fn new(from: String, to: String, options: Option<&TargetOptions>) -> Self {
        let is_insecure = options.is_some_and(|options| options.insecure);
        Self {
            from,
            to,
            notes: Vec::new(),
            danger: is_insecure.then_some("DANGER: every certificate is accepted"),
        }
    }
}

impl Table {
    /// Checks the settings and builds the service. Without a log, it is only to be checked.
    pub(super) fn build(settings: &Settings, log: Option<&Log>) -> Result<Self, Failure> {
        // Without this, TLS to a target would not know which cryptography to use.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = options(settings);
        let mut service = match &settings.transparent {
            Some(transparent) => transparent_proxy(transparent, settings, options.clone())?,
            None => BoxCloneSyncService::new(service_fn(not_found)),
        };
        service = pages(settings, service)?;
        let mut routes = Vec::new();
        if !settings.routes.is_empty() {
            let mut targets = Vec::new();
            for route in &settings.routes {
                let target = target(route)?;
                routes.push(shown(route, &target));
                targets.push(target);
            }
            let layer = layer(settings, &targets, &options)?;
            service = BoxCloneSyncService::new(layer.layer(service));
        }
        let mut mounted = Vec::new();
        if !settings.mounts.is_empty() {
            service = mount(&settings.mounts, service, &mut mounted)?;
        }
        // The first one is the outermost.
        for folder in settings.files.iter().rev() {
            service = BoxCloneSyncService::new(folder.layer()?.layer(service));
        }
        let folders = settings.files.iter().map(Folder::shown);
        let mut routes: Vec<_> = folders.chain(mounted).chain(routes).collect();
        let mut proxy = None;
        if let Some(forward) = &settings.forward {
            let layer = forward.layer(log.is_none())?;
            if !forward.users.is_empty() {
                service = only_proxied(&forward.prefix, service)
                    .map_err(|error| forward.place.refuse(&error))?;
            }
            let inner = Logged { inner: service, log: log.cloned() };
            service = BoxCloneSyncService::new(layer.layer(inner));
            routes.insert(0, forward.shown());
            proxy = Some(layer);
        }
        if let Some(trust) = &settings.trust {
            let config = believed(trust)?;
            service = BoxCloneSyncService::new(ProxyFixLayer::new(config).layer(service));
        }
        let has_all =
            settings.routes.iter().any(|route| route.prefix.value.trim_matches('/').is_empty());
        let otherwise = (!has_all).then(|| {
            let options = settings.transparent.as_ref().map(|transparent| &transparent.options);
            Shown::new(OTHER.to_owned(), elsewhere(settings.transparent.as_ref()), options)
        });
        Ok(Self { routes, otherwise, service, forward: proxy })
    }
}

/// The service, with a prefix that only the forward proxy may ask for.
fn only_proxied(prefix: &str, service: Service) -> Result<Service, ConfigError> {
    let forbidden = service_fn(async |_: Request<Body>| {
        let mut response = Response::new(Body::from("403 Forbidden\n"));
        *response.status_mut() = StatusCode::FORBIDDEN;
        Ok::<_, Infallible>(response)
    });
    let direct = Mount::new().at(prefix, forbidden).fallback(service.clone()).build()?;
    let direct = BoxCloneSyncService::new(direct);
    Ok(BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
        let is_proxied = request.extensions().get::<ProxyRequest>().is_some();
        let chosen: Service = if is_proxied { service.clone() } else { direct.clone() };
        chosen.oneshot(request)
    })))
}

/// The services of other files under their prefixes, before this one.
fn mount(
    mounts: &[Mounted],
    otherwise: Service,
    shown: &mut Vec<Shown>,
) -> Result<Service, Failure> {
    let mut mount = Mount::new().redirect(true);
    for one in mounts {
        let table =
            Table::build(&one.settings, None).map_err(|failure| one.place.around(failure))?;
        let name = one.settings.source.as_ref().map(|path| path.as_os_str().as_encoded_bytes());
        let note = format!("mount {}", escape::text(name.unwrap_or_default()));
        // The prefix by itself, so that an error is told where it stands.
        let probe = Mount::new().at(&one.prefix, table.service.clone());
        probe.build().map_err(|error| one.place.refuse(&error))?;
        mount = mount.at(&one.prefix, table.service);
        let prefix = format!("/{}", escape::text(one.prefix.trim_matches('/').as_bytes()));
        for route in table.routes.into_iter().chain(table.otherwise) {
            let rest =
                if route.from == OTHER { " other" } else { route.from.trim_end_matches('/') };
            let from = format!("{}{rest}", prefix.trim_end_matches('/'));
            let notes = [vec![note.clone()], route.notes].concat();
            shown.push(Shown { from, notes, ..route });
        }
    }
    let first = mounts.first().map(|one| one.place.clone()).unwrap_or_default();
    let built = mount.fallback(otherwise).build().map_err(|error| first.refuse(&error))?;
    Ok(BoxCloneSyncService::new(built))
}

/// The pages of `fallback`, under the prefixes of their files.
fn pages(settings: &Settings, otherwise: Service) -> Result<Service, Failure> {
    let mut mount = Mount::new();
    let mut last = None;
    for folder in &settings.files {
        let Some(page) = folder.page()? else { continue };
        if settings.transparent.is_some() {
            let text = "fallback and a transparent proxy cannot both have what is under no prefix";
            return Err(folder.place.refuse(&text));
        }
        mount =
            mount.at(&folder.prefix, service_fn(move |request| page_or_not(page.clone(), request)));
        last = Some(folder);
    }
    let Some(last) = last else { return Ok(otherwise) };
    let built = mount.fallback(otherwise).build().map_err(|error| last.place.refuse(&error))?;
    Ok(BoxCloneSyncService::new(built))
}

/// Rule 4.
async fn page_or_not(
    page: FilesService<NotFound>,
    mut request: Request<Body>,
) -> Result<Response<Body>, Infallible> {
    let is_asked = matches!(*request.method(), Method::GET | Method::HEAD);
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    if !is_asked || last.contains('.') {
        return not_found(request).await;
    }
    *request.uri_mut() = Uri::from_static("/");
    // The page is the same at the prefix and at its slash.
    request.extensions_mut().remove::<WithoutSlash>();
    page.oneshot(request).await
}

/// Stands for the requests under no prefix.
const OTHER: &str = "other";

fn shown(route: &Route, target: &Target) -> Shown {
    let from = format!("/{}", escape::text(route.prefix.value.trim_matches('/').as_bytes()));
    // A query may be a secret.
    let query = if route.url.value.contains('?') { "?..." } else { "" };
    let to = escape::text(format!("{target}{query}").as_bytes());
    let mut shown = Shown::new(from, to, Some(&route.options));
    if route.keep_prefix {
        shown.notes.push("the prefix stays in the path".to_owned());
    }
    if route.options.http2 {
        shown.notes.push("HTTP/2".to_owned());
    }
    shown
}

/// Where requests under no prefix go.
fn elsewhere(transparent: Option<&Transparent>) -> String {
    match transparent {
        None => "404".to_owned(),
        Some(Transparent { force_host: Some(host), .. }) => escape::text(host.as_bytes()),
        Some(transparent) => {
            let allowed = escape::text(transparent.allow.join(", ").as_bytes());
            format!("where the request asks to go: {allowed}")
        }
    }
}

/// The layer of all prefixes.
fn layer(
    settings: &Settings,
    targets: &[Target],
    options: &ProxyOptions,
) -> Result<ReverseProxyLayer, Failure> {
    let build = |count: usize| {
        let routes = settings.routes.iter().zip(targets).take(count);
        let builder = ReverseProxyLayer::builder().options(options.clone());
        let add = |builder: ReverseProxyBuilder, (route, target): (&Route, &Target)| {
            builder.target(&route.prefix.value, target.clone())
        };
        routes.fold(builder, add).build()
    };
    build(targets.len()).map_err(|error| {
        // The first route without which the others are right.
        let culprit = (1..=targets.len()).find(|&count| build(count).is_err());
        let route = culprit.and_then(|count| settings.routes.get(count - 1));
        match (&error, route) {
            (ConfigError::InvalidPseudonym { .. }, _) | (_, None) => of_all(settings, &error),
            (_, Some(route)) => route.prefix.place.refuse(&error),
        }
    })
}

/// A mistake in what holds for all targets.
fn of_all(settings: &Settings, error: &ConfigError) -> Failure {
    let place = settings.pseudonym.as_ref().map(|pseudonym| pseudonym.place.clone());
    place.unwrap_or_default().refuse(error)
}

/// Who is believed. The secrets of `secret-header=` come from the environment, as for `explain`.
fn believed(trust: &Placed<String>) -> Result<Config, Failure> {
    let what = trust.place.named("trust");
    match config::with_secrets(&trust.value, &what)? {
        Some(config) => Ok(config),
        None => Err(Failure::Usage(format!(
            "{what}: secret-header= needs the secret; set PROXYFIX_SECRET, or PROXYFIX_SECRET_FILE to the name of a file"
        ))),
    }
}

fn options(settings: &Settings) -> ProxyOptions {
    let options = ProxyOptions::new().family(settings.family).listener(settings.listener);
    match &settings.pseudonym {
        Some(pseudonym) => options.pseudonym(&pseudonym.value),
        None => options,
    }
}

async fn not_found(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::from("404 Not Found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let text = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, text);
    Ok(response)
}

fn transparent_proxy(
    transparent: &Transparent,
    settings: &Settings,
    options: ProxyOptions,
) -> Result<Service, Failure> {
    let target = set(Target::builder(""), &transparent.options, &transparent.place)?;
    let mut builder = TransparentProxy::builder().options(options).target_options(move |_| target);
    for authority in &transparent.allow {
        builder = builder.allow(authority);
    }
    for network in &transparent.allow_network {
        builder = builder.allow_network(network);
    }
    if let Some(host) = &transparent.force_host {
        builder = builder.force_host(host);
    }
    if let Some(scheme) = transparent.force_scheme {
        builder = builder.force_scheme(scheme.into());
    }
    let proxy = builder.build().map_err(|error| match error {
        ConfigError::InvalidPseudonym { .. } => of_all(settings, &error),
        // Its text names what to write in Rust.
        ConfigError::NothingAllowed => transparent.place.refuse(
            &"a transparent proxy needs the authorities that it may reach; write them in allow, such as app.example, or one in force-host",
        ),
        error => transparent.place.refuse(&error),
    })?;
    Ok(BoxCloneSyncService::new(proxy))
}

fn target(route: &Route) -> Result<Target, Failure> {
    let builder = Target::builder(&route.url.value).remove_prefix(!route.keep_prefix).host(
        match &route.host {
            HostChoice::Target => HostHeader::Target,
            HostChoice::Client => HostHeader::Client,
            HostChoice::Fixed(host) => HostHeader::Fixed(host.clone()),
        },
    );
    let built = set(builder, &route.options, &route.place)?.build();
    built.map_err(|error| match error {
        ConfigError::InvalidTarget { .. } => route.url.place.refuse(&error),
        error => route.place.refuse(&error),
    })
}

/// Sets the options.
fn set(
    builder: TargetBuilder,
    options: &TargetOptions,
    place: &Place,
) -> Result<TargetBuilder, Failure> {
    let mut limits = Limits::default();
    if let Some(bytes) = options.body_bytes {
        limits = limits.body_bytes(bytes);
    }
    let mut builder = builder
        .limits(limits)
        .rewrite_location(options.rewrite)
        .rewrite_cookies(options.rewrite)
        .danger_accept_invalid_certificates(options.insecure);
    if let Some(timeout) =
        options.timeout().map_err(|error| place.refuse_named("timeout", &error))?
    {
        builder = builder.timeout(timeout);
    }
    for (header, number) in options.headers.iter().zip(1..) {
        let Some((name, value)) = header.split_once(':') else {
            // The text may be a secret.
            let key = if place.is_argument() { "header" } else { "headers" };
            let text = format!("number {number} has no colon; write it like 'X-Tenant: blue'");
            return Err(place.refuse_named(key, &text));
        };
        builder = builder.header(name.trim(), value.trim());
    }
    for name in &options.remove_headers {
        builder = builder.remove_header(name);
    }
    if let Some(methods) = &options.methods {
        builder = builder.methods(methods);
    }
    if options.http2 {
        builder = builder.protocol(Protocol::Http2);
    }
    if let Some(path) = &options.cacert {
        let config = client_config(path);
        builder = builder.tls(config.map_err(|error| place.refuse_named("cacert", &error))?);
    }
    Ok(builder)
}

/// Trusts the certificates of a file in PEM.
fn client_config(path: &Path) -> Result<Arc<ClientConfig>, String> {
    let name = escape::text(path.as_os_str().as_encoded_bytes());
    let failed = |text: &dyn std::fmt::Display| format!("{name}: {text}");
    let pem = fs::read(path).map_err(|error| failed(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| failed(&error))?;
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    if roots.is_empty() {
        return Err(failed(&"no certificate in PEM"));
    }
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}
