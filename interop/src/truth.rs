//! What is true of a request, and what is false in an answer to it.
//!
//! 1. The client's address and the scheme are those of its connection, and there is no prefix.
//! 2. Host and port are those that it asked for. If it names none, a proxy may name the host that it
//!    serves, or an address of a proxy or of the application, with a port of theirs.
//! 3. The URI and the `Host` that the handler sees say the same. The path is the one that was sent.
//! 4. No header that the handler sees contains anything that only an attacker writes, and no forwarding
//!    header has the value that the client sent.
//! 5. The headers that arrive are as the documents say: see [`arrived`](crate::arrived).

use std::net::{IpAddr, SocketAddr};

use crate::{
    app::Answer,
    arrived::Arrives,
    certificate,
    client::Client,
    request::{Mode, OTHER_HOST, Request, SECOND, Target},
};

/// Lines of a request that are about its own connection or its host.
const NOT_FORWARDING: [&str; 4] = ["Connection", "Upgrade", "HTTP2-Settings", "Host"];

/// Names that a proxy may give if the client gives none: the name that it serves, and `localhost`, which
/// names an application on a Unix socket.
const SERVED: [&str; 2] = [certificate::NAME, "localhost"];

/// What is true.
#[derive(Clone, Debug)]
pub struct Truth<'a> {
    /// The client's own address.
    pub client: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The host and port that it asked for.
    pub authority: Authority<'a>,
    /// The path.
    pub path: &'static str,
    /// What it sent.
    pub request: &'a Request,
    /// How it was sent.
    pub mode: Mode,
    /// What the documents say about the headers that arrive.
    pub arrives: &'a Arrives,
}

/// What is true of host and port.
#[derive(Clone, Debug)]
pub struct Authority<'a> {
    /// One of these.
    pub named: Vec<(&'static str, u16)>,
    /// The sockets of the proxies and the application, which may be named if the client named no host.
    pub own: Option<&'a [SocketAddr]>,
}

impl<'a> Truth<'a> {
    /// What is true of this request from this client.
    pub fn of(request: &'a Request, client: &'a Client, mode: Mode) -> Self {
        let (scheme, _) = mode.schemes();
        let port = client.to.port();
        let other = (OTHER_HOST, port);
        let own = (certificate::NAME, port);
        let usual = default_port(scheme);
        let named = match (request.target, request.host.as_deref()) {
            (Target::OtherHost, _) if mode != Mode::Http2 => vec![other],
            // Apache takes a URI with a scheme that is not its own for a URI of another server, and keeps
            // `Host`.
            (Target::OtherUri, _) if mode != Mode::Http2 => vec![other, own],
            (Target::OtherScheme, None) => vec![own],
            _ if mode == Mode::Http10 => vec![],
            // Some proxies take the first line, some the last.
            _ if request.names("Host") => vec![own, other, (OTHER_HOST, usual)],
            (_, None) => vec![own],
            // Without a port, it is the proxy's port, or the default of the scheme.
            (_, Some(certificate::NAME)) => vec![own, (certificate::NAME, usual)],
            (_, Some(_)) => vec![],
        };
        // Not every proxy looks for a host in the target of HTTP/1.0.
        let unnamed = named.is_empty() || mode == Mode::Http10;
        let authority = Authority { named, own: unnamed.then_some(&client.own) };
        let path = match request.target {
            Target::Path(path) => path,
            Target::Tunnel => SECOND,
            _ => "/",
        };
        let (client, arrives) = (client.from, &client.arrives);
        Self { client, scheme, authority, path, request, mode, arrives }
    }

    /// What is false in the answer. Empty if all is true.
    pub fn check(&self, answer: &Answer) -> Vec<String> {
        let mut wrong = Vec::new();
        if answer.client_ip != Some(self.client) {
            wrong.push(format!("client {}, not {}", answer.client, self.client));
        }
        if answer.scheme != self.scheme {
            wrong.push(format!("scheme {}, not {}", answer.scheme, self.scheme));
        }
        let host = answer.host.as_deref();
        if !self.authority.allows(host, answer.port, self.scheme) {
            wrong.push(format!("host {}, port {}", host.unwrap_or("none"), answer.port));
        }
        if !answer.prefix.is_empty() {
            wrong.push(format!("prefix {}", answer.prefix));
        }
        if let Some(host) = host {
            let authority = if answer.port == default_port(&answer.scheme) {
                host.to_owned()
            } else {
                format!("{host}:{}", answer.port)
            };
            if answer.uri != format!("{}://{authority}{}", self.scheme, self.path) {
                wrong.push(format!("the handler sees the URI {}", answer.uri));
            }
            let lines = answer.headers.iter().filter(|(name, _)| name == "host");
            let lines: Vec<&str> = lines.map(|(_, value)| value.as_str()).collect();
            if lines != [authority.as_str()] {
                wrong.push(format!("the handler sees the hosts {lines:?}"));
            }
        } else if answer.uri != self.path {
            wrong.push(format!("the handler sees the URI {}", answer.uri));
        }
        for (name, value) in &answer.headers {
            if is_forged(value) || self.is_left(name, value) {
                let shown: String = value.chars().take(60).collect();
                wrong.push(format!("the handler sees {name}: {shown}"));
            }
        }
        wrong.extend(self.arrives.check(&answer.arrived, self.request, self.mode));
        wrong
    }

    /// Whether this is what the client sent under this name, in any spelling.
    fn is_left(&self, name: &str, value: &str) -> bool {
        let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        let forwards =
            |name: &str| !NOT_FORWARDING.iter().any(|other| other.eq_ignore_ascii_case(name));
        let mut sent = self.request.lines.iter().filter(|(name, _)| forwards(name));
        sent.any(|(sent, lie)| plain(sent) == plain(name) && lie == value)
    }
}

impl Authority<'_> {
    fn allows(&self, host: Option<&str>, port: u16, scheme: &str) -> bool {
        let named = self.named.iter().any(|it| (host, port) == (Some(it.0), it.1));
        named
            || self.own.is_some_and(|own| {
                let known = host.is_none_or(|host| {
                    let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
                    SERVED.contains(&host) || own.iter().any(|own| Ok(own.ip()) == ip)
                });
                known && (port == default_port(scheme) || own.iter().any(|own| own.port() == port))
            })
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

/// Whether a text contains anything that only an attacker writes.
pub fn is_forged(text: &str) -> bool {
    // A port is a whole word. In a longer word, these digits are part of a proxy's random identifier.
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    ["198.51.100.", "evil"].iter().any(|forged| text.contains(forged))
        || words.any(|word| word == "6666")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::all;

    /// Every value with the forged port that an attack writes is recognized, also if a proxy adds its own
    /// value to it. An identifier that happens to contain these digits is not.
    #[test]
    fn forged_ports_are_known_again() {
        for lie in ["http", "https"] {
            for request in all(lie) {
                let host = request.host.map(|host| ("Host", host.clone()));
                for (name, value) in request.lines.into_iter().chain(host) {
                    if value.contains("6666") {
                        assert!(is_forged(&value), "{name}: {value}");
                        assert!(is_forged(&format!("{value}, 80")), "{name}: {value}");
                        assert!(is_forged(&format!("80,{value}")), "{name}: {value}");
                    }
                }
            }
        }
        for alone in
            ["6666", "80,6666", "app.example:6666", "[::1]:6666", "for=\"192.0.2.1:6666\";by=_x"]
        {
            assert!(is_forged(alone), "{alone}");
        }
        for identifier in
            ["bf10733a-23a9-4846-a1d8-4fe63ac66666", "bf10733a-6666-4846-a1d8-4fe63ac60000"]
        {
            assert!(!is_forged(identifier), "{identifier}");
        }
    }
}
