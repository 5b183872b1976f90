//! The URL of a target.
//!
//! 1. It is `http://host[:port][/base][?query]`, the same with `https`, or `unix:/socket[:/base]`.
//! 2. Userinfo, a fragment, another scheme, a dot segment or a byte above 0x7f is an error. A password in an
//!    error is left out.
//! 3. The host is one that the core accepts, in lower case. An IPv6 address stays in brackets.
//! 4. `Host` for a target has its port, except for the scheme's default port (RFC 9110 §7.2). For a socket it
//!    is `localhost`, as nginx has it.

use std::{fmt, path::PathBuf};

use http::{HeaderValue, Uri};
use proxyfix::Scheme;

use crate::common::{authority, error::ConfigError, path};

/// Where connections go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Tcp {
        /// In lower case. An IPv6 address without brackets.
        host: String,
        port: u16,
    },
    Unix(PathBuf),
}

/// A target's URL.
#[derive(Clone, Debug)]
pub(crate) struct TargetUrl {
    pub(crate) scheme: Scheme,
    pub(crate) address: Address,
    /// For `Host`: with its port, except for the default one.
    pub(crate) authority: HeaderValue,
    /// Empty, or begins with a slash.
    pub(crate) base: String,
    /// Without the question mark.
    pub(crate) query: Option<String>,
}

impl TargetUrl {
    /// Reads a URL.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::read(text)
            .map_err(|reason| ConfigError::InvalidTarget { url: without_userinfo(text), reason })
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        if text.contains('#') {
            return Err("has a fragment");
        }
        if let Some(socket) = text.strip_prefix("unix:") {
            return Self::read_unix(socket);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("has no scheme http, https or unix");
        };
        let scheme = if scheme.eq_ignore_ascii_case("http") {
            Scheme::Http
        } else if scheme.eq_ignore_ascii_case("https") {
            Scheme::Https
        } else {
            return Err("has a scheme other than http, https and unix");
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err("has userinfo; set the header Authorization instead");
        }
        Self::new(scheme, authority, path)
    }

    /// A URL of these parts. `path` is empty, or begins with `/` or `?`.
    pub(crate) fn new(scheme: Scheme, authority: &str, path: &str) -> Result<Self, &'static str> {
        authority::check(authority.as_bytes()).map_err(|_| "has an invalid host or port")?;
        let port = authority::port(authority.as_bytes());
        let host = match authority.rfind(']') {
            Some(bracket) => authority.get(..=bracket),
            None => authority.split(':').next(),
        };
        let host = host.unwrap_or(authority).trim_end_matches('.').to_ascii_lowercase();
        let port = port.unwrap_or_else(|| scheme.default_port());
        let is_default = port == scheme.default_port();
        let written = if is_default { host.clone() } else { format!("{host}:{port}") };
        let authority =
            HeaderValue::try_from(written).map_err(|_| "has an invalid host or port")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Self::with_path(scheme, Address::Tcp { host, port }, authority, path)
    }

    fn read_unix(text: &str) -> Result<Self, &'static str> {
        let (socket, path) = text.split_once(':').unwrap_or((text, ""));
        if !socket.starts_with('/') {
            return Err("has no absolute path of a socket");
        }
        if socket.ends_with('/') || !is_socket_path(socket) {
            return Err("has a path that no socket can have");
        }
        if !path.is_empty() && !path.starts_with('/') {
            return Err("has a path that does not begin with a slash");
        }
        let authority = HeaderValue::from_static("localhost");
        Self::with_path(Scheme::Http, Address::Unix(socket.into()), authority, path)
    }

    fn with_path(
        scheme: Scheme,
        address: Address,
        authority: HeaderValue,
        path: &str,
    ) -> Result<Self, &'static str> {
        let (base, query) = match path.split_once('?') {
            Some((base, query)) => (base, Some(query.to_owned())),
            None => (path, None),
        };
        if path::has_dot_segment(base.as_bytes()) {
            return Err("has a dot segment");
        }
        if !path.is_ascii() {
            return Err("has a character that must be percent-encoded");
        }
        let probe = format!("/{}", path.trim_start_matches('/'));
        if probe.parse::<Uri>().is_err() {
            return Err("has an invalid path or query");
        }
        Ok(Self { scheme, address, authority, base: base.to_owned(), query })
    }

    /// The URL of a path at this target, for logs.
    pub(crate) fn at(&self, path: &str) -> String {
        let is_unix = matches!(self.address, Address::Unix(_));
        let colon = if is_unix && !path.is_empty() { ":" } else { "" };
        format!("{self}{colon}{path}")
    }

    /// The authority as a text.
    pub(crate) fn authority_str(&self) -> &str {
        self.authority.to_str().unwrap_or_default()
    }
}

/// Prints scheme and authority, or the socket: what a log calls an upstream.
impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Tcp { .. } => write!(f, "{}://{}", self.scheme, self.authority_str()),
            Address::Unix(socket) => write!(f, "unix:{}", socket.display()),
        }
    }
}

/// Whether the system takes it: the path is not too long, and has no NUL.
fn is_socket_path(path: &str) -> bool {
    std::os::unix::net::SocketAddr::from_pathname(path).is_ok()
}

/// Rule 2: a URL to show, without userinfo, and without a query or a fragment, in which secrets stand too.
fn without_userinfo(text: &str) -> String {
    let (text, rest) = match text.find(['?', '#']) {
        Some(at) if text.get(at..).is_some_and(|rest| rest.starts_with('#')) => {
            (text.get(..at).unwrap_or_default(), "#...")
        }
        Some(at) => (text.get(..at).unwrap_or_default(), "?..."),
        None => (text, ""),
    };
    let scheme =
        text.find("://").map_or("", |at| text.get(..at.saturating_add(3)).unwrap_or_default());
    match text.rfind('@') {
        Some(at) => format!("{scheme}...{}{rest}", text.get(at..).unwrap_or_default()),
        None => format!("{text}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::TargetUrl;

    #[test]
    fn valid() {
        for (text, printed, authority, base, query) in [
            (
                "http://127.0.0.1:5001/base/",
                "http://127.0.0.1:5001",
                "127.0.0.1:5001",
                "/base/",
                None,
            ),
            ("HTTP://LocalHost", "http://localhost", "localhost", "", None),
            ("https://a.example:443?k=v", "https://a.example", "a.example", "", Some("k=v")),
            ("http://[::1]:80/a", "http://[::1]", "[::1]", "/a", None),
            ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81", "[2001:db8::1]:81", "/", None),
            ("unix:/run/a.sock:/base", "unix:/run/a.sock", "localhost", "/base", None),
            ("unix:/run/a.sock", "unix:/run/a.sock", "localhost", "", None),
            ("http://a.example/?", "http://a.example", "a.example", "/", Some("")),
        ] {
            let url = TargetUrl::parse(text).expect(text);
            assert_eq!(url.to_string(), printed);
            assert_eq!(url.authority, authority);
            assert_eq!((url.base.as_str(), url.query.as_deref()), (base, query), "{text}");
        }
    }

    #[test]
    fn invalid() {
        for text in [
            "",
            "127.0.0.1:5001",
            "ftp://a.example/",
            "http://",
            "http:///x",
            "http://u:p@a.example/",
            "http://a b/",
            "http://a.example/#x",
            "http://a.example:0/",
            "http://a.example:99999/",
            "http://a.example/../x",
            "http://a.example/%2e%2e/",
            "http://a.example/caf\u{e9}",
            "http://127.1/",
            "http://2130706433/",
            "unix:run/a.sock",
            "unix:/",
            "unix:/run/",
            "unix:/a\0b:/x",
            &format!("unix:/{}", "a".repeat(200)),
            "unix:/run/a.sock:base",
            "http://a.example/a b",
            "http://[::1/",
            "http://a.example/\n",
        ] {
            assert!(TargetUrl::parse(text).is_err(), "{text}");
        }
        for text in [
            "http://user:secret@a.example/",
            "user:secret@a.example:80",
            "//user:secret@a.example/",
            "http:user:secret@a.example/",
            "http://a.example/?token=secret#f",
            "a.example?secret",
        ] {
            let error = TargetUrl::parse(text).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }
}
