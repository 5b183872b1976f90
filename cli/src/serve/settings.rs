//! What the command line or the file asks for.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::ValueEnum;
use proxyfix::{Family, Scheme};

use super::{args::Serve, file, files::Folder, forward::Forward, mounts::Mounted, private};
use crate::{escape, status::Failure};

/// Where a setting stands, as a message begins: `front.toml:3: `, or `--files /=dist: `. Nothing for an argument that
/// the message names.
#[derive(Clone, Debug, Default)]
pub(super) struct Place(String);

impl Place {
    /// A line of a file. The name is printable already.
    pub(super) fn line(file: &str, line: usize) -> Self {
        Self(format!("{file}:{line}: "))
    }

    /// A file, where no line is known.
    pub(super) fn file(file: &str) -> Self {
        Self(format!("{file}: "))
    }

    /// An argument, without what may be a secret.
    pub(super) fn argument(argument: &str) -> Self {
        Self(format!("{argument}: "))
    }

    /// A setting here, as a message begins: `front.toml:3: trust`, or `--trust`.
    pub(super) fn named(&self, key: &str) -> String {
        if self.0.is_empty() { format!("--{key}") } else { format!("{}{key}", self.0) }
    }

    /// Whether it is an argument that the message names.
    pub(super) fn is_argument(&self) -> bool {
        self.0.is_empty()
    }

    /// The setting here is wrong, and `key` is its name.
    pub(super) fn refuse_named(&self, key: &str, error: &dyn fmt::Display) -> Failure {
        let error = escape::lines(error.to_string().trim_end());
        Failure::Usage(format!("{}: {error}", self.named(key)))
    }

    /// What is named here has a mistake in it.
    pub(super) fn around(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Usage(text) => Failure::Usage(format!("{}{text}", self.0)),
            Failure::Output(_) => failure,
        }
    }

    /// The setting here is wrong.
    pub(super) fn refuse(&self, error: &dyn fmt::Display) -> Failure {
        Failure::Usage(format!("{}{}", self.0, escape::lines(error.to_string().trim_end())))
    }
}

/// A setting and its place.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

impl<T> Placed<T> {
    /// A setting of the command line.
    fn argument(value: T) -> Self {
        Self { value, place: Place::default() }
    }
}

/// Everything that `serve` needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    /// The file that has them, if one does.
    pub(super) source: Option<PathBuf>,
    pub(super) bind: Bind,
    /// A configuration of the library.
    pub(super) trust: Option<Placed<String>>,
    pub(super) family: Family,
    pub(super) listener: Scheme,
    pub(super) pseudonym: Option<Placed<String>>,
    pub(super) access_log: AccessLog,
    /// They come before the routes.
    pub(super) files: Vec<Folder>,
    pub(super) mounts: Vec<Mounted>,
    pub(super) routes: Vec<Route>,
    pub(super) transparent: Option<Transparent>,
    /// Around all of them.
    pub(super) forward: Option<Forward>,
}

impl Settings {
    /// Whether there is anything to serve.
    pub(super) fn is_empty(&self) -> bool {
        self.routes.is_empty()
            && self.files.is_empty()
            && self.mounts.is_empty()
            && self.transparent.is_none()
            && self.forward.is_none()
    }
}

/// A prefix and its target.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) prefix: Placed<String>,
    pub(super) url: Placed<String>,
    pub(super) keep_prefix: bool,
    pub(super) host: HostChoice,
    pub(super) options: TargetOptions,
    /// Where its options stand.
    pub(super) place: Place,
}

/// The options of every kind of target.
#[derive(Clone, Debug, Default)]
pub(super) struct TargetOptions {
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

impl TargetOptions {
    /// The limit of `timeout`.
    pub(super) fn timeout(&self) -> Result<Option<Duration>, String> {
        let Some(seconds) = self.timeout else { return Ok(None) };
        match Duration::try_from_secs_f64(seconds) {
            Ok(timeout) if !timeout.is_zero() => Ok(Some(timeout)),
            _ => Err(format!(
                "{seconds} is no number of seconds above zero; write it like 30 or 0.5"
            )),
        }
    }
}

/// The transparent proxy.
#[derive(Clone, Debug, Default)]
pub(super) struct Transparent {
    pub(super) allow: Vec<String>,
    pub(super) allow_network: Vec<String>,
    pub(super) force_host: Option<String>,
    pub(super) force_scheme: Option<SchemeChoice>,
    pub(super) options: TargetOptions,
    pub(super) place: Place,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bind {
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
            "expected an IP address with a port such as 127.0.0.1:8000, or unix:/run/front.sock";
        text.parse().map(Self::Tcp).map_err(|_| expected.to_owned())
    }
}

/// Reads `--timeout`.
pub(super) fn seconds(text: &str) -> Result<f64, &'static str> {
    text.parse().map_err(|_| "write a number of seconds without a unit, such as 30 or 0.5")
}

/// Reads `--body-bytes`.
pub(super) fn bytes(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "write a number of bytes without a unit, such as 1048576 for 1 MiB")
}

/// What `Host` tells upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum HostChoice {
    #[default]
    Target,
    Client,
    Fixed(String),
}

impl From<&str> for HostChoice {
    fn from(text: &str) -> Self {
        match text {
            "target" => Self::Target,
            "client" => Self::Client,
            _ => Self::Fixed(text.to_owned()),
        }
    }
}

/// A header family.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum FamilyChoice {
    #[default]
    XForwarded,
    Forwarded,
}

/// A scheme.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum SchemeChoice {
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum AccessLog {
    #[default]
    Text,
    Json,
    Off,
}

impl Settings {
    /// The settings of the file, or of the arguments.
    pub(super) fn of(serve: &Serve) -> Result<Self, Failure> {
        let mut settings = match &serve.config {
            Some(path) => file::read(path, &[])?,
            None => Self::of_arguments(serve)?,
        };
        // These may be given beside a file.
        if let Some(bind) = &serve.bind {
            settings.bind = bind.clone();
        }
        if let Some(access_log) = serve.access_log {
            settings.access_log = access_log;
        }
        if settings.is_empty() {
            let place = serve.config.as_ref().map(|path| {
                let name = escape::text(path.as_os_str().as_encoded_bytes());
                Place::file(&name)
            });
            let text = "there is nothing to serve; write a [[proxy]] with prefix and url, or a [[files]] with prefix and path";
            return Err(place.unwrap_or_default().refuse(&text));
        }
        private::check(&settings)?;
        Ok(settings)
    }

    fn of_arguments(serve: &Serve) -> Result<Self, Failure> {
        let options = TargetOptions {
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
                return Err(Failure::Usage(format!(
                    "--proxy {}: expected a prefix and a URL, such as /api=http://127.0.0.1:5001/",
                    shown(text)
                )));
            };
            routes.push(Route {
                prefix: Placed::argument(prefix.to_owned()),
                url: Placed::argument(url.to_owned()),
                keep_prefix: serve.keep_prefix,
                host: serve.host.clone(),
                options: options.clone(),
                place: Place::default(),
            });
        }
        let transparent = serve.transparent.then(|| Transparent {
            allow: serve.allow.clone(),
            allow_network: serve.allow_network.clone(),
            force_host: serve.force_host.clone(),
            force_scheme: serve.force_scheme,
            options,
            place: Place::default(),
        });
        Ok(Self {
            source: None,
            bind: Bind::default(),
            trust: serve.trust.clone().map(Placed::argument),
            family: serve.family.into(),
            listener: serve.listener.into(),
            pseudonym: serve.pseudonym.clone().map(Placed::argument),
            access_log: AccessLog::default(),
            files: serve
                .files
                .iter()
                .map(|text| Folder::argument(text))
                .collect::<Result<_, _>>()?,
            mounts: serve
                .mount
                .iter()
                .map(|text| Mounted::argument(text))
                .collect::<Result<_, _>>()?,
            routes,
            transparent,
            forward: serve.forward.clone().map(|prefix| Forward {
                prefix,
                proxy_host: serve.proxy_host.clone(),
                authority: serve.ca.clone(),
                users: Vec::new(),
                place: Place::default(),
            }),
        })
    }
}

/// The value of `--proxy` as a message may repeat it: without what may be a password, as in `http://user:password@host/`.
fn shown(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("...@{}", escape::text(rest.as_bytes())),
        None => escape::text(text.as_bytes()),
    }
}
