//! `--forward` and `[forward]`: what clients send through a proxy is answered by the table, under a prefix.
//!
//! 1. With `--trust`, the core is outside, so that it finds the client of a CONNECT. What is written within a tunnel is
//!    believed nowhere.
//! 2. Each request of a tunnel gets its own line in the log, with its URL.
//! 3. `--check` makes no authority. One that is there is checked.
//! 4. Passwords stand in a file alone: everybody on the machine reads the arguments of a program.
//! 5. Tunnels are at most half of the connections, so that they never keep everybody else out.

use std::{
    path::PathBuf,
    task::{Context, Poll},
};

use http::{Request, Response};
use proxyfix::Peer;
use proxyfix_gateway::{
    Body, CertificateAuthority, ConfigError, Credentials, ForwardLimits, ForwardProxyLayer,
    ProxyRequest,
};

use super::{
    connection::Sent,
    keys::Keys,
    log::{Line, Log},
    server::{Listener, most_connections},
    settings::{Place, Placed},
    table::{Service, Shown},
};
use crate::{escape, status::Failure};

/// The keys of `[forward]`.
pub(super) const FORWARD: [&str; 4] = ["prefix", "proxy-host", "ca", "users"];

/// The host that is answered without the prefix: the default of wsgiprox.
pub(super) const PROXY_HOST: &str = "wsgiprox";
/// The most tunnels, if the process may have as many files.
const MOST_TUNNELS: usize = 1024;

/// The most tunnels of so many connections (rule 5).
fn most_tunnels(connections: usize) -> usize {
    (connections / 2).clamp(1, MOST_TUNNELS)
}

/// Where the authority is.
pub(super) const AUTHORITY: &str = "ca/proxyfix-ca.pem";

/// The forward proxy.
#[derive(Clone, Debug)]
pub(super) struct Forward {
    pub(super) prefix: String,
    pub(super) proxy_host: String,
    pub(super) authority: PathBuf,
    /// Names and passwords, with a colon between.
    pub(super) users: Vec<String>,
    pub(super) place: Place,
}

impl Forward {
    /// Reads `[forward]`.
    pub(super) fn table(keys: &mut Keys<'_, '_>) -> Result<Self, Failure> {
        let text = |found: Option<Placed<String>>, default: &str| {
            found.map_or_else(|| default.to_owned(), |found| found.value)
        };
        let users = keys.list("users", "ada:a password")?;
        if users.as_ref().is_some_and(Vec::is_empty) {
            let text = "users is empty, which would admit nobody; name some, or leave it out to admit everybody";
            return Err(keys.place().refuse(&text));
        }
        let users = users.unwrap_or_default();
        Ok(Self {
            prefix: text(keys.text("prefix", "/prefix/")?, "/"),
            proxy_host: text(keys.text("proxy-host", PROXY_HOST)?, PROXY_HOST),
            authority: keys.path("ca", AUTHORITY)?.unwrap_or_else(|| keys.beside(AUTHORITY)),
            users,
            place: keys.place(),
        })
    }

    /// The layer. With `is_check`, no file is written (rule 3).
    pub(super) fn layer(&self, is_check: bool) -> Result<ForwardProxyLayer, Failure> {
        if self.users.iter().any(|user| !user.contains(':')) {
            let text = "users: a name has no password; write users = [\"ada:a password\"]";
            return Err(self.place.refuse(&text));
        }
        self.build(is_check).map_err(|error| self.place.refuse(&error))
    }

    fn build(&self, is_check: bool) -> Result<ForwardProxyLayer, ConfigError> {
        let options = CertificateAuthority::options();
        let authority = if is_check && !self.authority.exists() {
            options.in_memory()?
        } else {
            options.open(&self.authority)?
        };
        let mut builder = ForwardProxyLayer::builder(authority)
            .prefix(&self.prefix)
            .proxy_host(&self.proxy_host)
            .limits(ForwardLimits::default().tunnels(most_tunnels(most_connections())));
        if !self.users.is_empty() {
            let users = self.users.iter();
            let users = users.filter_map(|user| user.split_once(':'));
            builder = builder.credentials(Credentials::users("proxyfix", users)?);
        }
        builder.build()
    }

    /// The line of the table of routes.
    pub(super) fn shown(&self) -> Shown {
        let prefix = escape::text(self.prefix.trim_matches('/').as_bytes());
        let slash = if prefix.is_empty() { "" } else { "/" };
        let host = escape::text(self.proxy_host.as_bytes());
        let to = format!("/{prefix}{slash}http://example.com/path; http://{host}/path is /path");
        let mut shown = Shown::new("proxied http://example.com/path".to_owned(), to, None);
        if !self.users.is_empty() {
            shown.notes.push("for its users".to_owned());
        }
        shown
    }
}

/// What to tell of a proxy at this address: where the authority is, and how to trust it.
pub(super) fn told(proxy: &ForwardProxyLayer, forward: &Forward, listener: &Listener) -> String {
    let authority = proxy.authority();
    let path = escape::text(forward.authority.as_os_str().as_encoded_bytes());
    let host = escape::text(forward.proxy_host.as_bytes());
    // Every system reaches itself by this one, and not by 0.0.0.0.
    let address = listener.to_string().replace("//0.0.0.0:", "//127.0.0.1:");
    let address = address.trim_end_matches('/');
    let exposed = authority.exposure().map_or_else(String::new, |exposure| {
        format!("\nDANGER: {exposure}; who reads it can pose as every website")
    });
    let open = if forward.users.is_empty() && listener.is_public() {
        "\nDANGER: everybody who reaches this address may use the proxy; name its users, or bind 127.0.0.1"
    } else {
        ""
    };
    let user = if forward.users.is_empty() { "" } else { " -U USER:PASSWORD" };
    format!(
        "the certificate authority is {path}; with this file, anybody can pose as every website to clients that trust it{exposed}{open}\n\
         its SHA-256 is {}\n\
         to try it: curl -x {address}{user} --cacert {path} https://example.com/\n\
         to trust it elsewhere: http://{host}/download/ through the proxy has the certificate, without its key, and says how",
        authority.fingerprint()
    )
}

/// Writes the lines of the requests of tunnels (rule 2). Those of others are written by their connection.
#[derive(Clone)]
pub(super) struct Logged {
    pub(super) inner: Service,
    pub(super) log: Option<Log>,
}

impl tower::Service<Request<Body>> for Logged {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = std::pin::Pin<
        Box<dyn Future<Output = Result<Response<Body>, std::convert::Infallible>> + Send>,
    >;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let proxied = request.extensions().get::<ProxyRequest>();
        let proxied = proxied.filter(|proxied| proxied.tunnel().is_some());
        let mut line = proxied.zip(self.log.as_ref()).and_then(|(proxied, log)| {
            let url = proxied.url();
            let url = url.split('?').next().unwrap_or_default();
            let peer = proxied.client().unwrap_or(Peer::UNIX);
            Line::begin(request.method(), url, peer, log)
        });
        let answer = self.inner.call(request);
        Box::pin(async move {
            let Ok(response) = answer.await;
            if let Some(line) = &mut line {
                line.answered(&response);
            }
            Ok(response.map(|body| Body::new(Sent::new(body, line, None))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::most_tunnels;

    #[test]
    fn tunnels() {
        for (connections, tunnels) in [(1, 1), (2, 1), (496, 248), (2048, 1024), (1 << 20, 1024)] {
            assert_eq!(most_tunnels(connections), tunnels, "{connections}");
        }
    }
}
