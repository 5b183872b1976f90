//! What is sent, and what is true of it.
//!
//! One honest request, then lies: that the client is in 198.51.100.0/24, the host `evil.example`, the
//! port 6666, the prefix `/evil`, and the scheme the one that it is not. Nothing of that may be
//! believed, and nothing of it may be left in any header that the application's handler sees.

use std::net::IpAddr;

use crate::app::Answer;

/// How the client comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// HTTP/1.1 over IPv4.
    Plain,
    /// The same over TLS.
    Tls,
    /// HTTP/1.1 over IPv6.
    Ipv6,
    /// HTTP/1.1 over IPv4, and the proxy reaches the application by a Unix socket.
    Unix,
    /// HTTP/1.0 without `Host`.
    Http10,
    /// HTTP/2 over TLS.
    Http2,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Tls, Self::Ipv6, Self::Unix, Self::Http10, Self::Http2];

    /// As a column's head.
    pub fn title(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "TLS",
            Self::Ipv6 => "IPv6",
            Self::Unix => "Unix socket",
            Self::Http10 => "HTTP/1.0",
            Self::Http2 => "HTTP/2",
        }
    }

    /// Whether the client speaks TLS.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Http2)
    }

    /// The scheme that the client uses, and the other one.
    pub fn schemes(self) -> (&'static str, &'static str) {
        if self.is_tls() { ("https", "http") } else { ("http", "https") }
    }
}

/// What the request line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A path: the usual.
    Origin,
    /// The true URI, but for its scheme.
    OtherScheme,
    /// A URI with another authority than `Host` says, which is then the one that counts
    /// (RFC 9112 §3.2.2). In HTTP/2, the `Host` field differs from `:authority`.
    OtherHost,
}

/// The authority of [`Target::OtherHost`].
pub const OTHER_HOST: &str = "other.example";

/// One request, but for how it comes.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is tried.
    pub name: &'static str,
    /// What the request line asks for.
    pub target: Target,
    /// What stands in `Host` in place of the true authority.
    pub host: Option<&'static str>,
    /// The field lines besides `Host`.
    pub lines: Vec<(&'static str, String)>,
}

impl Request {
    /// Whether it lies about nothing.
    pub fn is_honest(&self) -> bool {
        self.target == Target::Origin && self.host.is_none() && self.lines.is_empty()
    }

    /// Whether it can be sent at all: HTTP/2 has no `Connection` (RFC 9113 §8.2.2), and a library
    /// sends no odd authority; [`Mode::Http10`] has no `Host`.
    pub fn can_come_by(&self, mode: Mode) -> bool {
        match mode {
            Mode::Http2 => {
                self.host.is_none() && self.lines.iter().all(|(name, _)| *name != "Connection")
            }
            Mode::Http10 => self.host.is_none(),
            _ => true,
        }
    }
}

/// The honest request, then the attacks. `lie` is the scheme that is not the client's.
pub fn all(lie: &str) -> Vec<Request> {
    let forged = "198.51.100.7";
    let xff = "X-Forwarded-For";
    let everything = || {
        vec![
            (xff, forged.to_owned()),
            ("X-Forwarded-Proto", lie.to_owned()),
            ("X-Forwarded-Host", "evil.example:6666".to_owned()),
            ("X-Forwarded-Port", "6666".to_owned()),
            ("X-Forwarded-Prefix", "/evil".to_owned()),
        ]
    };
    let forwarded = format!("for={forged};proto={lie};host=\"evil.example:6666\"");
    let long = format!("{forged}, ").repeat(8 * 1024 / 14) + forged;

    let request = |name, lines: &[(&'static str, &str)]| Request {
        name,
        target: Target::Origin,
        host: None,
        lines: lines.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    };
    let nominated =
        "X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port, Forwarded";
    vec![
        request("honest", &[]),
        request("one X-Forwarded-For", &[(xff, forged)]),
        request("a list", &[(xff, "198.51.100.7, 198.51.100.8, 198.51.100.9")]),
        request("two lines", &[(xff, forged), (xff, "198.51.100.8")]),
        request("a trusted address", &[(xff, "127.0.0.1, 127.0.0.2, 127.0.0.3")]),
        request("an empty line", &[(xff, "")]),
        request("commas", &[(xff, ", ,,")]),
        Request { lines: everything(), ..request("the whole family", &[]) },
        Request {
            lines: [everything(), everything()].concat(),
            ..request("the whole family twice", &[])
        },
        request("one Forwarded", &[("Forwarded", &forwarded)]),
        request("two lines of Forwarded", &[("Forwarded", &forwarded), ("Forwarded", &forwarded)]),
        request("Forwarded with capitals", &[("Forwarded", "For=198.51.100.7;PROTO=https")]),
        request("an open quote", &[(xff, "\"198.51.100.7")]),
        request("an open quote in Forwarded", &[("Forwarded", "for=\"198.51.100.7")]),
        request(
            "open quotes in both",
            &[(xff, "\""), ("Forwarded", "host=\"evil.example, for=\"")],
        ),
        request(
            "aliases",
            &[
                ("X_Forwarded_For", forged),
                ("X_Forwarded-Proto", lie),
                ("x-forwarded_host", "evil.example"),
            ],
        ),
        request(
            "vendors' headers",
            &[
                ("X-Real-IP", forged),
                ("True-Client-IP", forged),
                ("CF-Connecting-IP", forged),
                ("X-Forwarded-Ssl", if lie == "https" { "on" } else { "off" }),
                ("X-Original-Host", "evil.example"),
            ],
        ),
        request("Connection names X-Forwarded-For", &[(xff, forged), ("Connection", xff)]),
        request(
            "Connection names X-Forwarded-Proto",
            &[("X-Forwarded-Proto", lie), ("Connection", "close, X-Forwarded-Proto")],
        ),
        request(
            "Connection names all",
            &[(xff, forged), ("Forwarded", &forwarded), ("Connection", nominated)],
        ),
        Request { target: Target::OtherScheme, ..request("a URI with the other scheme", &[]) },
        Request {
            target: Target::OtherScheme,
            lines: everything(),
            ..request("a URI with the other scheme, and the family", &[])
        },
        Request { target: Target::OtherHost, ..request("a URI with another host", &[]) },
        Request {
            host: Some("x\", for=198.51.100.7;proto=https;host=\"evil.example"),
            ..request("an element in Host", &[])
        },
        Request {
            host: Some(""),
            lines: everything(),
            ..request("an empty Host, and the family", &[])
        },
        Request { host: Some("evil.example, app.example"), ..request("a list in Host", &[]) },
        Request { host: Some("user@evil.example:6666"), ..request("userinfo in Host", &[]) },
        request("8 KiB", &[(xff, &long)]),
        request(
            "4 KiB in an open quote",
            &[
                (xff, &format!("\"{}", "x,".repeat(2048))),
                ("Forwarded", &format!("for=\"{}", "x,".repeat(2048))),
            ],
        ),
    ]
}

/// What is true.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The client's own address.
    pub client: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The host and port that it asked for; none where it sent no `Host`.
    pub authority: Option<(&'static str, u16)>,
}

impl Truth {
    /// What is false in the answer; empty where all is true.
    pub fn check(&self, answer: &Answer) -> Vec<String> {
        let mut wrong = Vec::new();
        if answer.client_ip != Some(self.client) {
            wrong.push(format!("client {}, not {}", answer.client, self.client));
        }
        if answer.scheme != self.scheme {
            wrong.push(format!("scheme {}, not {}", answer.scheme, self.scheme));
        }
        let host = answer.host.as_deref().unwrap_or("none");
        match self.authority {
            Some((wanted, port)) => {
                if host != wanted {
                    wrong.push(format!("host {host}, not {wanted}"));
                }
                if answer.port != port {
                    wrong.push(format!("port {}, not {port}", answer.port));
                }
            }
            // The client says nothing, so the proxies do.
            None => {
                if is_forged(host) || answer.port == 6666 {
                    wrong.push(format!("host {host}, port {}", answer.port));
                }
            }
        }
        if !answer.prefix.is_empty() {
            wrong.push(format!("prefix {}", answer.prefix));
        }
        for (name, value) in &answer.headers {
            if is_forged(value) {
                let shown: String = value.chars().take(60).collect();
                wrong.push(format!("the handler sees {name}: {shown}"));
            }
        }
        wrong
    }
}

/// Whether a text holds anything that only an attacker writes.
fn is_forged(text: &str) -> bool {
    // A port stands by itself; these digits within a longer word are a proxy's random identifier.
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    ["198.51.100.", "evil"].iter().any(|forged| text.contains(forged))
        || words.any(|word| word == "6666")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value that any attack writes with the forged port in it is known again, also where a
    /// proxy puts its own beside it; an identifier that happens to have these digits is not one.
    #[test]
    fn forged_ports_are_known_again() {
        for lie in ["http", "https"] {
            for request in all(lie) {
                let host = request.host.map(|host| ("Host", host.to_owned()));
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
