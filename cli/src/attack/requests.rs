//! Spoofing requests, known from past vulnerabilities, for the headers that a configuration trusts.
//!
//! 1. The lies: the client is in 198.51.100.0/24 or is a proxy, the host is `evil.example`, the port is
//!    6666, the prefix is `/evil`, and the scheme is the one that the client does not use.
//! 2. Each lie is told in every trusted header alone, in all of them, in the usual headers of both
//!    families and of vendors, in lists, in several lines, and under names with underscores.
//! 3. Some values confuse parsers: empty elements, open quotes, long elements, addresses of proxies.
//! 4. Some requests make proxies drop or move headers: `Connection`, targets with a scheme, odd hosts.

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use proxyfix::Scheme;

use crate::{
    model::Sent,
    settings::{Settings, Trusted, is_switch},
};

/// An address that no honest client of ours has.
pub(super) const FORGED: &str = "198.51.100.7";
const HOST: &str = "evil.example";
const PREFIX: &str = "/evil";
const PORT: &str = "6666";

/// One spoofing request.
#[derive(Clone, Debug)]
pub(crate) struct Attack {
    pub(crate) name: String,
    pub(crate) sent: Sent,
    /// The client sends another `Host`, which it may choose.
    pub(crate) other_host: bool,
}

/// What the attacks are made for.
pub(super) struct Target<'a> {
    pub(super) settings: &'a Settings,
    /// The host that honest clients ask for.
    pub(super) host: &'a str,
    /// The proxies' addresses.
    pub(super) proxies: &'a [String],
    /// The scheme that the client does not speak.
    pub(super) lie: Scheme,
}

/// A header line.
pub(super) type Line = (String, Vec<u8>);

impl Target<'_> {
    /// The request of an honest client.
    pub(super) fn honest(&self) -> Sent {
        self.sent(&[])
            .unwrap_or_else(|| Sent { uri: Uri::from_static("/"), headers: HeaderMap::new() })
    }

    /// All attacks.
    pub(super) fn attacks(&self) -> Vec<Attack> {
        let trusted = self.settings.trusted();
        let mut attacks: Vec<Attack> = trusted.iter().flat_map(|t| self.one_header(t)).collect();
        let client = trusted.iter().find(|t| matches!(t.key, "for" | "client-ip"));
        attacks.extend(client.map(|t| self.client(t)).unwrap_or_default());
        let forwarded = trusted.iter().find(|t| t.key == "forwarded");
        attacks.extend(forwarded.map(|t| self.forwarded(t)).unwrap_or_default());
        attacks.extend(self.families(&trusted));
        attacks.extend(self.connection(&trusted));
        attacks.extend(self.hosts_and_targets(&trusted));
        attacks.extend(self.of_proxies());
        attacks.extend(self.of_secret());
        attacks
    }

    /// Lies in one trusted header.
    fn one_header(&self, trusted: &Trusted) -> Vec<Attack> {
        let (name, lie) = (trusted.header.as_str(), self.lie(trusted));
        let list = |n: usize| vec![lie.as_str(); n].join(", ");
        let shown = |what: &str| format!("{name}: {what}");
        let mut attacks = Vec::new();
        for n in 1..=self.depth(trusted) {
            let what = if n == 1 { "one value".to_owned() } else { format!("a list of {n}") };
            attacks.extend(self.attack(&shown(&what), &[line(name, &list(n))]));
        }
        let two = [line(name, &lie), line(name, &lie)];
        let empty_behind = [line(name, &lie), line(name, "")];
        attacks.extend(self.attack(&shown("two lines"), &two));
        attacks.extend(self.attack(&shown("an empty line"), &[line(name, "")]));
        attacks.extend(self.attack(&shown("an empty line behind"), &empty_behind));
        attacks.extend(self.attack(&shown("commas"), &[line(name, &format!("{lie}, ,,"))]));
        attacks.extend(self.attack(&shown("an open quote"), &[line(name, &format!("\"{lie}"))]));
        attacks.extend(self.attack(&shown("quoted commas"), &[line(name, &format!("\"{lie},"))]));
        let long = format!("{lie}, {}", "x".repeat(5000));
        attacks.extend(self.attack(&shown("5 KB in an element"), &[line(name, &long)]));
        attacks
            .extend(self.attack(&shown("8 KB in a list"), &[line(name, &list(8192 / lie.len()))]));
        let bytes = (name.to_owned(), [lie.as_bytes(), b"\x80\xff"].concat());
        attacks.extend(self.attack(&shown("bytes above ASCII"), &[bytes]));
        for alias in aliases(name) {
            attacks.extend(self.attack(&shown(&format!("as {alias}")), &[line(&alias, &lie)]));
        }
        attacks
    }

    /// Lies about the client in a list of addresses.
    fn client(&self, trusted: &Trusted) -> Vec<Attack> {
        let name = trusted.header.as_str();
        let proxies = self.proxies.join(", ");
        let mut values = vec![
            ("a proxy in front", self.proxies.first().cloned().unwrap_or_default()),
            ("the proxies in front", proxies.clone()),
            ("a lie, then the proxies", format!("{FORGED}, {proxies}")),
            (
                "a lie, then twenty proxies",
                format!(
                    "{FORGED}{}",
                    format!(", {}", self.proxies.first().map_or("127.0.0.1", String::as_str))
                        .repeat(20)
                ),
            ),
            ("unknown", "unknown".to_owned()),
            ("an identifier", "_hidden".to_owned()),
            ("unix:", "unix:".to_owned()),
            ("loopback", "127.0.0.1".to_owned()),
            ("IPv4-mapped", format!("::ffff:{FORGED}")),
            ("with a port", format!("{FORGED}:6666")),
            ("no address", "x".to_owned()),
        ];
        values.push(("a lie, then no address", format!("{FORGED}, x")));
        let attack = |(what, value): &(&str, String)| {
            self.attack(&format!("{name}: {what}"), &[line(name, value)])
        };
        values.iter().filter_map(attack).collect()
    }

    /// Lies in the syntax of `Forwarded`.
    fn forwarded(&self, trusted: &Trusted) -> Vec<Attack> {
        let name = trusted.header.as_str();
        let element = self.lie(trusted);
        let proxy = self.proxies.first().map_or("127.0.0.1", String::as_str);
        let values = [
            (
                "capitals",
                format!("FOR={FORGED};Proto={};HOST={HOST}", self.lie.as_str().to_uppercase()),
            ),
            ("an open value", "for=\"_x".to_owned()),
            ("an open value behind", format!("{element}, host=\"{HOST}, for=\"")),
            ("an escaped quote", format!("for=\"_x\\\", {element}")),
            ("a backslash at the end", format!("{element};x=\"\\")),
            ("the same parameter twice", format!("for={FORGED};for={proxy}")),
            ("without for", format!("proto={}", self.lie)),
            ("a proxy", format!("for={proxy}")),
            ("a comma at the end", format!("{element},")),
        ];
        let attack = |(what, value): &(&str, String)| {
            self.attack(&format!("{name}: {what}"), &[line(name, value)])
        };
        values.iter().filter_map(attack).collect()
    }

    /// Lies in many headers.
    fn families(&self, trusted: &[Trusted]) -> Vec<Attack> {
        let all = self.everything(trusted);
        let switch = if self.lie == Scheme::Https { "on" } else { "off" };
        let lie = self.lie.as_str();
        let vendors = [
            ("x-real-ip", FORGED),
            ("true-client-ip", FORGED),
            ("cf-connecting-ip", FORGED),
            ("x-client-ip", FORGED),
            ("x-envoy-external-address", FORGED),
            ("x-forwarded-ssl", switch),
            ("front-end-https", switch),
            ("x-forwarded-scheme", lie),
            ("x-url-scheme", lie),
            ("x-original-host", HOST),
            ("x-original-forwarded-for", FORGED),
            ("x-original-url", "/admin"),
            ("x-script-name", PREFIX),
        ];
        // A vendor's header may be trusted; it then has its own attacks.
        let unread = |name: &str| trusted.iter().all(|trusted| trusted.header.as_str() != name);
        let vendors: Vec<_> =
            vendors.iter().filter(|(n, _)| unread(n)).map(|(n, v)| line(n, v)).collect();
        let usual = self.usual();
        let aliased = usual.iter().map(|(name, value)| (name.replace('-', "_"), value.clone()));
        let aliased: Vec<_> = aliased.filter(|(name, _)| name.contains('_')).collect();
        let none_trusted: Vec<_> = usual.iter().filter(|(name, _)| unread(name)).cloned().collect();
        [
            self.attack("all trusted headers", &all),
            self.attack("all trusted headers, twice", &[all.clone(), all].concat()),
            self.attack("the usual headers of both families", &usual),
            self.attack("the usual headers that are not trusted", &none_trusted),
            self.attack("the usual headers with underscores", &aliased),
            self.attack("vendors' headers", &vendors),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// A proxy on the way may drop the headers that `Connection` names.
    fn connection(&self, trusted: &[Trusted]) -> Vec<Attack> {
        let names: Vec<_> = trusted.iter().map(|trusted| trusted.header.as_str()).collect();
        let mut attacks = Vec::new();
        for name in &names {
            let connection = line("connection", &format!("close, {name}"));
            attacks.extend(self.attack(&format!("connection names {name}"), &[connection]));
        }
        let all = line("connection", &names.join(", "));
        let lies = [self.everything(trusted), vec![all.clone()]].concat();
        attacks.extend(self.attack("connection names all", &[all]));
        attacks.extend(self.attack("connection names all, with lies", &lies));
        attacks.extend(self.attack("connection names host", &[line("connection", "host")]));
        attacks
    }

    /// Odd hosts and targets.
    fn hosts_and_targets(&self, trusted: &[Trusted]) -> Vec<Attack> {
        let all = self.everything(trusted);
        let mut attacks = Vec::new();
        let target: Option<Uri> = format!("{}://{}/", self.lie, self.host).parse().ok();
        for (name, lines) in [
            ("a URI with the other scheme", &[][..]),
            ("a URI with the other scheme, with lies", &all),
        ] {
            let attack = self.attack(name, lines).zip(target.clone());
            attacks.extend(attack.map(|(mut attack, uri)| {
                attack.sent.uri = uri;
                attack
            }));
        }
        let element = format!("x\", for={FORGED};proto={};host=\"{HOST}", self.lie);
        for (name, host) in [
            ("an element in Host", Some(element.as_str())),
            ("a list in Host", Some("app.example, evil.example")),
            ("userinfo in Host", Some("user@evil.example:6666")),
            ("2 KB in Host", Some("a.".repeat(1024).as_str())),
            ("an empty Host, with lies", Some("")),
            ("no Host, with lies", None),
        ] {
            attacks.extend(self.attack(name, &all).and_then(|mut attack| {
                attack.sent.headers.remove(header::HOST);
                attack.other_host = true;
                if let Some(host) = host {
                    attack.sent.headers.insert(header::HOST, HeaderValue::from_str(host).ok()?);
                }
                Some(attack)
            }));
        }
        let two = self.attack("two lines of Host", &[line("host", HOST)]);
        attacks.extend(two.map(|attack| Attack { other_host: true, ..attack }));
        attacks
    }

    /// How many elements are worth forging: one more than are read.
    fn depth(&self, trusted: &Trusted) -> usize {
        let count = self.settings.get(trusted.key).map(|value| value.trim_start_matches("join:"));
        count.and_then(|count| count.parse().ok()).unwrap_or(2).min(16) + 1
    }

    /// A lie in each trusted header.
    pub(super) fn everything(&self, trusted: &[Trusted]) -> Vec<Line> {
        trusted.iter().map(|t| line(t.header.as_str(), &self.lie(t))).collect()
    }

    /// A lie in each usual header of both families.
    fn usual(&self) -> Vec<Line> {
        vec![
            line("x-forwarded-for", FORGED),
            line("x-forwarded-proto", self.lie.as_str()),
            line("x-forwarded-host", HOST),
            line("x-forwarded-port", PORT),
            line("x-forwarded-prefix", PREFIX),
            line("forwarded", &format!("for={FORGED};proto={};host={HOST}", self.lie)),
        ]
    }

    /// The lie that a trusted header could tell.
    fn lie(&self, trusted: &Trusted) -> String {
        match trusted.key {
            "proto" if is_switch(&trusted.header) => {
                if self.lie == Scheme::Https { "on" } else { "off" }.to_owned()
            }
            "proto" => self.lie.to_string(),
            "host" => HOST.to_owned(),
            "port" => PORT.to_owned(),
            "prefix" => PREFIX.to_owned(),
            "forwarded" => format!("for={FORGED};proto={};host={HOST}", self.lie),
            "client-ip" if trusted.header == "cloudfront-viewer-address" => {
                format!("{FORGED}:{PORT}")
            }
            _ => FORGED.to_owned(),
        }
    }

    pub(super) fn attack(&self, name: &str, lines: &[Line]) -> Option<Attack> {
        Some(Attack { name: name.to_owned(), sent: self.sent(lines)?, other_host: false })
    }

    /// The honest request with more lines.
    fn sent(&self, lines: &[Line]) -> Option<Sent> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(self.host).ok()?);
        for (name, value) in lines {
            let name: HeaderName = name.parse().ok()?;
            headers.append(name, HeaderValue::from_bytes(value).ok()?);
        }
        Some(Sent { uri: Uri::from_static("/"), headers })
    }
}

pub(super) fn line(name: &str, value: &str) -> Line {
    (name.to_owned(), value.as_bytes().to_vec())
}

/// The same name with some hyphens as underscores, which many frameworks treat as the same name.
pub(super) fn aliases(name: &str) -> Vec<String> {
    let all = name.replace('-', "_");
    let first = name.replacen('-', "_", 1);
    let mut aliases = vec![all, first];
    aliases.dedup();
    aliases.retain(|alias| alias != name);
    aliases
}
