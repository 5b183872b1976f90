//! What the settings build: the service that answers each request.
//!
//! 1. With `--trust`, `ProxyFixLayer` is outside the proxy, so that the proxy knows whom to believe.
//! 2. A request under no prefix gets 404, or goes through the transparent proxy.

use std::{convert::Infallible, fs, path::Path, sync::Arc};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use proxyfix::{Config, ProxyFixLayer};
use proxyfix_gateway::{
    Body, ConfigError, HostHeader, Limits, Protocol, ProxyOptions, ReverseProxyLayer, Target,
    TargetBuilder, TransparentProxy,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tower::{Layer, service_fn, util::BoxCloneSyncService};

use super::settings::{HostChoice, Route, RouteOptions, Settings, Transparent};
use crate::{escape, status::Failure};

/// Answers requests.
pub(super) type Service = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

/// The service, and what to tell of it.
pub(super) struct Table {
    pub(super) routes: Vec<Shown>,
    /// What happens to requests under no prefix.
    pub(super) otherwise: &'static str,
    pub(super) service: Service,
}

/// A route as it is shown.
pub(super) struct Shown {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) note: &'static str,
}

fn refused(error: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(escape::lines(&error.to_string()))
}

impl Table {
    /// Checks the settings and builds the service.
    pub(super) fn build(settings: &Settings) -> Result<Self, Failure> {
        // Without this, TLS to a target would not know which cryptography to use.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = options(settings);
        let mut routes = Vec::new();
        let inner = match &settings.transparent {
            Some(transparent) => transparent_proxy(transparent, options.clone())?,
            None => BoxCloneSyncService::new(service_fn(not_found)),
        };
        let mut service = inner;
        if !settings.routes.is_empty() {
            let mut builder = ReverseProxyLayer::builder().options(options);
            for route in &settings.routes {
                let target = target(route)?;
                routes.push(Shown {
                    from: format!("/{}", escape::text(route.prefix.trim_matches('/').as_bytes())),
                    to: escape::text(target.to_string().as_bytes()),
                    note: if route.options.keep_prefix {
                        "the prefix stays in the path"
                    } else {
                        ""
                    },
                });
                builder = builder.target(&route.prefix, target);
            }
            let layer = builder.build().map_err(|error| refused(&error))?;
            service = BoxCloneSyncService::new(layer.layer(service));
        }
        if let Some(trust) = &settings.trust {
            let config: Config = trust.parse().map_err(|error| {
                Failure::Usage(format!("trust: {}", escape::lines(&format!("{error}"))))
            })?;
            service = BoxCloneSyncService::new(ProxyFixLayer::new(config).layer(service));
        }
        let otherwise =
            if settings.transparent.is_some() { "where the request asks to go" } else { "404" };
        Ok(Self { routes, otherwise, service })
    }
}

fn options(settings: &Settings) -> ProxyOptions {
    let options = ProxyOptions::new().family(settings.family).listener(settings.listener);
    match &settings.pseudonym {
        Some(pseudonym) => options.pseudonym(pseudonym),
        None => options,
    }
}

async fn not_found(_: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::from("404 Not Found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let text = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, text);
    Ok(response)
}

fn transparent_proxy(transparent: &Transparent, options: ProxyOptions) -> Result<Service, Failure> {
    let mut builder = TransparentProxy::builder().options(options);
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
    let proxy = builder.build().map_err(|error| refused(&error))?;
    Ok(BoxCloneSyncService::new(proxy))
}

fn target(route: &Route) -> Result<Target, Failure> {
    let options = &route.options;
    let mut builder = Target::builder(&route.url)
        .remove_prefix(!options.keep_prefix)
        .host(match &options.host {
            HostChoice::Target => HostHeader::Target,
            HostChoice::Client => HostHeader::Client,
            HostChoice::Fixed(host) => HostHeader::Fixed(host.clone()),
        })
        .rewrite_location(options.rewrite)
        .rewrite_cookies(options.rewrite);
    for header in &options.headers {
        let Some((name, value)) = header.split_once(':') else {
            return Err(refused(&"a header is no 'Name: value'"));
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
    if let Some(bytes) = options.body_bytes {
        builder = builder.limits(Limits::default().body_bytes(bytes));
    }
    if let Some(timeout) = options.timeout()? {
        builder = builder.timeout(timeout);
    }
    tls(builder, options)?.build().map_err(|error: ConfigError| refused(&error))
}

fn tls(builder: TargetBuilder, options: &RouteOptions) -> Result<TargetBuilder, Failure> {
    let builder = match &options.cacert {
        Some(path) => builder.tls(client_config(path)?),
        None => builder,
    };
    Ok(builder.danger_accept_invalid_certificates(options.insecure))
}

/// Trusts the certificates of a file in PEM.
fn client_config(path: &Path) -> Result<Arc<ClientConfig>, Failure> {
    let name = escape::text(path.as_os_str().as_encoded_bytes());
    let failed = |text: &dyn std::fmt::Display| {
        Failure::Usage(format!("cacert: {name}: {}", escape::lines(&text.to_string())))
    };
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
