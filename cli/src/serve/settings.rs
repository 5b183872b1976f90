//! What the command line or the file asks for.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::ValueEnum;
use proxyfix::{Family, Scheme};
use serde::Deserialize;

use super::file;
use crate::{args::Serve, escape, status::Failure};

/// Everything that `serve` needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) bind: Bind,
    /// A configuration of the library.
    pub(super) trust: Option<String>,
    pub(super) family: Family,
    pub(super) listener: Scheme,
    pub(super) pseudonym: Option<String>,
    pub(super) access_log: AccessLog,
    pub(super) routes: Vec<Route>,
    pub(super) transparent: Option<Transparent>,
}

/// One target.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) prefix: String,
    pub(super) url: String,
    pub(super) options: RouteOptions,
}

/// The options of a target.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub(super) struct RouteOptions {
    pub(super) keep_prefix: bool,
    pub(super) host: HostChoice,
    pub(super) headers: Vec<String>,
    pub(super) remove_headers: Vec<String>,
    pub(super) methods: Option<Vec<String>>,
    pub(super) timeout: Option<f64>,
    pub(super) body_bytes: Option<u64>,
    pub(super) rewrite: bool,
    pub(super) http2: bool,
    pub(super) cacert: Option<PathBuf>,
    pub(super) insecure: bool,
}

impl RouteOptions {
    /// The limit of `timeout`, which must be more than zero seconds.
    pub(super) fn timeout(&self) -> Result<Option<Duration>, Failure> {
        let Some(seconds) = self.timeout else { return Ok(None) };
        match Duration::try_from_secs_f64(seconds) {
            Ok(timeout) if !timeout.is_zero() => Ok(Some(timeout)),
            _ => Err(Failure::Usage(format!(
                "timeout: {seconds} is no number of seconds above zero; write it like 30 or 0.5"
            ))),
        }
    }
}

/// The transparent proxy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Transparent {
    pub(super) allow: Vec<String>,
    pub(super) allow_network: Vec<String>,
    pub(super) force_host: Option<String>,
    pub(super) force_scheme: Option<SchemeChoice>,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bind {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Default for Bind {
    fn default() -> Self {
        Self::Tcp(SocketAddr::from(([127, 0, 0, 1], 8000)))
    }
}

impl FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        let expected =
            "expected an address with a port such as 127.0.0.1:8000, or unix:/run/front.sock";
        text.parse().map(Self::Tcp).map_err(|_| expected.to_owned())
    }
}

/// What `Host` tells upstream.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(from = "String")]
pub(crate) enum HostChoice {
    #[default]
    Target,
    Client,
    Fixed(String),
}

impl From<String> for HostChoice {
    fn from(text: String) -> Self {
        match text.as_str() {
            "target" => Self::Target,
            "client" => Self::Client,
            _ => Self::Fixed(text),
        }
    }
}

impl From<&str> for HostChoice {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

/// A header family.
#[derive(Clone, Copy, Debug, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FamilyChoice {
    #[default]
    XForwarded,
    Forwarded,
}

/// A scheme.
#[derive(Clone, Copy, Debug, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SchemeChoice {
    #[default]
    Http,
    Https,
}

impl From<SchemeChoice> for Scheme {
    fn from(choice: SchemeChoice) -> Self {
        match choice {
            SchemeChoice::Http => Self::Http,
            SchemeChoice::Https => Self::Https,
        }
    }
}

impl From<FamilyChoice> for Family {
    fn from(choice: FamilyChoice) -> Self {
        match choice {
            FamilyChoice::XForwarded => Self::XForwarded,
            FamilyChoice::Forwarded => Self::Forwarded,
        }
    }
}

/// The lines of requests.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AccessLog {
    #[default]
    Text,
    Json,
    Off,
}

impl Settings {
    /// The settings of the file, or of the arguments.
    pub(super) fn of(serve: &Serve) -> Result<Self, Failure> {
        let mut settings = match &serve.config {
            Some(path) => file::read(path)?,
            None => Self::of_arguments(serve)?,
        };
        // These may be given beside a file.
        if let Some(bind) = &serve.bind {
            settings.bind = bind.clone();
        }
        if let Some(access_log) = serve.access_log {
            settings.access_log = access_log;
        }
        if settings.routes.is_empty() && settings.transparent.is_none() {
            let text = "there is nothing to serve; write --proxy /api=http://127.0.0.1:5001/, or --config FILE";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(settings)
    }

    fn of_arguments(serve: &Serve) -> Result<Self, Failure> {
        let options = RouteOptions {
            keep_prefix: serve.keep_prefix,
            host: serve.host.clone(),
            headers: serve.headers.clone(),
            remove_headers: serve.remove_headers.clone(),
            methods: (!serve.methods.is_empty()).then(|| serve.methods.clone()),
            timeout: serve.timeout,
            body_bytes: serve.body_bytes,
            rewrite: serve.rewrite,
            http2: serve.http2,
            cacert: serve.cacert.clone(),
            insecure: serve.insecure,
        };
        let mut routes = Vec::new();
        for text in &serve.proxy {
            let Some((prefix, url)) = text.split_once('=') else {
                let shown = escape::text(text.as_bytes());
                return Err(Failure::Usage(format!(
                    "--proxy {shown}: expected a prefix and a URL, such as /api=http://127.0.0.1:5001/"
                )));
            };
            routes.push(Route { prefix: prefix.into(), url: url.into(), options: options.clone() });
        }
        let transparent = serve.transparent.then(|| Transparent {
            allow: serve.allow.clone(),
            allow_network: serve.allow_network.clone(),
            force_host: serve.force_host.clone(),
            force_scheme: serve.force_scheme,
        });
        Ok(Self {
            bind: Bind::default(),
            trust: serve.trust.clone(),
            family: serve.family.into(),
            listener: serve.listener.into(),
            pseudonym: serve.pseudonym.clone(),
            access_log: AccessLog::default(),
            routes,
            transparent,
        })
    }
}
