//! A configuration, a chain of honest proxies, and what they wrote. The answer is computed from the model,
//! not from any header.

use std::net::IpAddr;

use arbitrary::{Result, Unstructured};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Uri, header, uri};
use proxyfix::{Config, Error, Peer, Scheme, fix_request, resolve};

use super::{
    answer::{Answer, Downstream},
    chain::Chain,
    head::{Earlier, Head, Target},
    proxy::{FIELDS, Kind, Origin},
    settings::{self, Choice, Names, OF_WAY_BEFORE, Rule, SECRET_HEADER, SECRETS, walked},
};

const CLIENTS: [&str; 3] = ["203.0.113.9", "203.0.113.10", "2001:db8::9"];

/// The address that the edge connects from, if it connects.
const CDN: [&str; 2] = ["192.0.2.77", "2001:db8:cd::77"];

/// What an edge writes, and the client that this names.
const SAID_BY_EDGE: [(&str, &str); 4] = [
    ("203.0.113.9", "203.0.113.9"),
    ("2001:DB8:0::9", "[2001:db8::9]"),
    ("203.0.113.9:4711", "203.0.113.9:4711"),
    ("[2001:db8::9]:4711", "[2001:db8::9]:4711"),
];

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) config: Config,
    pub(crate) chain: Chain,
    /// The trusted headers. If one of them arrives, the trusted headers are not missing.
    pub(crate) trusted: Vec<HeaderName>,
    /// All headers that the configuration contains.
    pub(crate) named: Vec<HeaderName>,
    pub(crate) rules: [Option<Rule>; 5],
    /// The header of the edge, and the client that it names if the edge connected.
    pub(crate) edge: Option<(HeaderName, Option<&'static str>)>,
    /// Whether the proxies send the secret, if one is required.
    pub(crate) secret: Option<bool>,
    pub(crate) guarded: Option<Guarded>,
    /// The scheme of our own socket, from the configuration or the peer.
    own_scheme: Scheme,
    peer: Peer,
    choices: Vec<Choice>,
}

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// One of the proxies.
    Proxy,
    /// One of `proxies`, without the secret.
    Unproved,
    Stranger,
}

impl Scenario {
    pub(crate) fn generate(u: &mut Unstructured<'_>) -> Result<Self> {
        let kind =
            *u.choose(&[Kind::Forwarded, Kind::XForwarded, Kind::XForwarded, Kind::ClientIp])?;
        let mut said = None;
        let mut client = match u.int_in_range(0..=9)? {
            8 if kind != Kind::ClientIp => Origin::Unknown,
            9 if kind != Kind::ClientIp => Origin::Hidden,
            n => Origin::Ip(CLIENTS[n % 3].parse().expect("an address")),
        };
        let mut edge = None;
        if kind != Kind::ClientIp && u.ratio(1, 3)? {
            edge = Some(*u.choose(&["cf-connecting-ip", "fastly-client-ip", "x-cdn-client"])?);
            if u.ratio(2, 3)? {
                client = Origin::Ip(u.choose(&CDN)?.parse().expect("an address"));
                said = Some(*u.choose(&SAID_BY_EDGE)?);
            }
        }
        let mut fields = FIELDS;
        if kind != Kind::Forwarded && u.ratio(1, 4)? {
            fields[0] = "x-edge-for";
            fields[1] = u.choose(&["x-edge-scheme", "x-forwarded-ssl", "x-https"])?;
            fields[2] = "x-original-host";
            fields[3] = "x-edge-port";
            fields[4] = "x_script_name";
        }
        if kind == Kind::ClientIp {
            fields[0] = u.choose(&["cf-connecting-ip", "x-real-ip", "x-edge-client"])?;
        }
        let mut chain = Chain::generate(u, client, fields.map(HeaderName::from_static), kind)?;
        let rules = settings::rules(u, &chain)?;
        // An edge needs a list.
        let edge = edge.filter(|_| rules[0].is_some()).map(HeaderName::from_static);
        let edge = edge.map(|name| {
            let value = said.map(|(value, _)| HeaderValue::from_static(value));
            chain.cdn = value.map(|value| (name.clone(), value));
            (name, said.map(|(_, client)| client))
        });
        let (secret, guarded) = marks(u, &mut chain)?;
        let choices = settings::choices(u, &chain, &rules, secret)?;
        let mut trusted = Vec::new();
        if kind == Kind::Forwarded {
            trusted.push(header::FORWARDED);
        } else {
            let with_rules = chain.names.iter().zip(rules);
            trusted.extend(with_rules.filter_map(|(name, rule)| rule.map(|_| name.clone())));
        }
        let mut peer = match chain.peer {
            Origin::Ip(IpAddr::V4(ip)) if u.ratio(1, 4)? => {
                Peer::from(IpAddr::from(ip.to_ipv6_mapped()))
            }
            peer => peer.peer(),
        };
        let mut own_scheme =
            if choices.contains(&Choice::ListenerHttps) { Scheme::Https } else { Scheme::Http };
        if u.ratio(1, 8)? {
            own_scheme = *u.choose(&[Scheme::Http, Scheme::Https])?;
            peer = peer.with_scheme(own_scheme);
        }
        let configured = Names {
            edge: edge.as_ref().map(|(name, _)| name.clone()),
            secret: secret.is_some(),
            guarded: guarded.as_ref().map(|(name, _)| name.clone()),
        };
        let config = settings::config(&chain, rules, &choices, &configured);
        let mut named = trusted.clone();
        named.extend(configured.edge.into_iter().chain(configured.guarded));
        named.extend(secret.map(|_| HeaderName::from_static(SECRET_HEADER)));
        if choices.contains(&Choice::WayBefore) {
            named.extend(OF_WAY_BEFORE.map(HeaderName::from_static));
        }
        Ok(Self {
            config,
            chain,
            trusted,
            named,
            rules,
            edge,
            secret,
            guarded,
            own_scheme,
            peer,
            choices,
        })
    }

    /// Whether the scheme depends on who the client is.
    pub(crate) fn follows_client(&self) -> bool {
        self.rules[1].map_or(self.chain.kind == Kind::Forwarded, |rule| rule == Rule::Aligned)
    }

    pub(crate) fn has(&self, choice: Choice) -> bool {
        self.choices.contains(&choice)
    }

    /// What this configuration calls the last proxy.
    pub(crate) fn sender(&self) -> Sender {
        if self.secret == Some(false) { Sender::Unproved } else { Sender::Proxy }
    }

    /// The header of the edge, if it names the client.
    pub(crate) fn by_edge(&self) -> Option<&HeaderName> {
        let (name, said) = self.edge.as_ref()?;
        let outermost = self.client_at() == Some(self.chain.proxies.len());
        (said.is_some() && outermost).then_some(name)
    }

    /// The configuration for a request that this one has fixed, which has one element in each header and no
    /// secret.
    pub(crate) fn config_once_fixed(&self) -> Config {
        let rules = self.rules.map(|rule| match rule? {
            Rule::Count(_) => Some(Rule::Count(1)),
            Rule::Joined(_) => Some(Rule::Joined(1)),
            rule => Some(rule),
        });
        let names = Names {
            edge: self.edge.as_ref().map(|(name, _)| name.clone()),
            secret: false,
            guarded: self.guarded.as_ref().map(|(name, _)| name.clone()),
        };
        settings::config(&self.chain, rules, &self.choices, &names)
    }

    /// What the proxies' own elements say, with our own value for everything that none of them says.
    pub(crate) fn expected(&self, head: &Head) -> Answer {
        let mut answer = self.own_answer(head, self.sender());
        if self.sender() == Sender::Unproved {
            return answer;
        }
        let client_at = self.client_at();
        if let Some(at) = client_at {
            answer.client = self.chain.proxy(at).client();
        }
        if let Some((_, Some(said))) = self.edge.as_ref().filter(|_| self.by_edge().is_some()) {
            (*said).clone_into(&mut answer.client);
        }
        let forwarded = self.chain.kind == Kind::Forwarded;
        let at = |field: usize| match self.rules[field] {
            Some(Rule::Count(n) | Rule::Joined(n)) => Some(n),
            Some(Rule::Aligned) => client_at,
            // One element names everything.
            None if forwarded && field < 3 => client_at,
            Some(Rule::Walk | Rule::Single) | None => None,
        };
        if let Some(n) = at(1) {
            answer.scheme = self.chain.seen(n).scheme;
        }
        answer.port = port(head.port(), answer.scheme);
        if let Some(n) = at(2) {
            self.take_host(&mut answer, n);
        }
        if let Some(port) = at(3).map(|n| self.chain.seen(n).port).filter(|port| *port > 0) {
            answer.port = port;
        }
        if let Some(n) = at(4) {
            let first = if matches!(self.rules[4], Some(Rule::Joined(_))) { 1 } else { n };
            let prefixes = (first..=n).rev().map(|n| self.chain.seen(n).prefix);
            answer.prefix = prefixes.map(|prefix| prefix.trim_end_matches('/')).collect();
        }
        answer
    }

    /// The host that the `n`th proxy saw, and its port.
    fn take_host(&self, answer: &mut Answer, n: usize) {
        let host = self.chain.seen(n).host;
        if host.is_empty() {
            return;
        }
        let authority: uri::Authority = host.parse().expect("a host");
        answer.host = Some(authority.host().to_owned());
        answer.port = port(authority.port_u16(), answer.scheme);
    }

    /// Our own values, without any header; the client is unknown. If a proxy is trusted to name the scheme and
    /// does not, our own `https` does not count for the client.
    pub(crate) fn own_answer(&self, head: &Head, sender: Sender) -> Answer {
        let named = self.chain.kind == Kind::Forwarded || self.rules[1].is_some();
        let lowered = sender != Sender::Stranger && named;
        let scheme = if lowered { Scheme::Http } else { self.own_scheme };
        Answer {
            client: "unknown".into(),
            scheme,
            host: head.host().map(str::to_owned),
            port: port(head.port(), scheme),
            prefix: String::new(),
        }
    }

    /// The number, from the right, of the element that names the client, if there is one.
    fn client_at(&self) -> Option<usize> {
        match self.rules[0]? {
            Rule::Single => Some(self.chain.edge()),
            Rule::Count(n) | Rule::Joined(n) => Some(n),
            Rule::Walk | Rule::Aligned => walked(&self.chain),
        }
    }

    /// The request as it arrives, from this attacker.
    pub(crate) fn request(&self, head: &Head) -> Request<()> {
        // The attacker chooses the target and Host that the proxies relay.
        let mut hosts = head.hosts.clone();
        if matches!(head.target, Target::Origin | Target::Asterisk) && !head.hostless {
            hosts.insert(0, HeaderValue::from_static(head.authority.0));
        }
        let add_hosts = |headers: &mut HeaderMap| {
            for host in &hosts {
                headers.append(header::HOST, host.clone());
            }
        };
        let mut headers = HeaderMap::new();
        if head.host_first {
            add_hosts(&mut headers);
        }
        headers.extend(head.lines.clone());
        self.chain.pass(&mut headers, &head.nominated);
        if self.chain.relays() {
            for line in &head.connection {
                headers.append(header::CONNECTION, line.clone());
            }
        }
        if headers.contains_key(header::UPGRADE) {
            headers.append(header::CONNECTION, HeaderValue::from_static("upgrade"));
        }
        if !head.host_first {
            add_hosts(&mut headers);
        }
        let mut target = uri::Parts::default();
        if !matches!(head.target, Target::Origin | Target::Asterisk) {
            target.authority = Some(uri::Authority::from_static(head.authority.0));
        }
        (target.scheme, target.path_and_query) = match head.target {
            Target::Origin => (None, Some(head.path.clone())),
            Target::Absolute(scheme) => (scheme.parse().ok(), Some(head.path.clone())),
            Target::Authority => (None, None),
            Target::Asterisk => (None, Some(uri::PathAndQuery::from_static("*"))),
            Target::AsteriskWithAuthority => {
                (Some(uri::Scheme::HTTPS), Some(uri::PathAndQuery::from_static("*")))
            }
        };
        let mut request = Request::new(());
        request.method_mut().clone_from(&head.method);
        *request.uri_mut() = target.try_into().expect("a target");
        *request.headers_mut() = headers;
        *request.version_mut() = head.version;
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().extend(self.resolved_before(head));
        request
    }

    /// What an outer middleware resolved: lies, because the request was not fixed.
    fn resolved_before(&self, head: &Head) -> Extensions {
        let mut extensions = Extensions::new();
        let lies = "proxies=any for=1 proto=1 host=1".parse().expect("valid");
        let config = match head.resolved {
            None => return extensions,
            Some(Earlier::Equal) => &self.config,
            Some(Earlier::Other) => &lies,
        };
        let headers = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
        let headers = headers.map(HeaderName::from_static).into_iter();
        let headers =
            headers.zip(["6.6.6.6", "https", "evil.example"].map(HeaderValue::from_static));
        // If `hosts` does not contain the host, there is no such value.
        let resolved = resolve(self.peer, &headers.collect(), &Uri::default(), config);
        resolved.ok().map(|resolved| extensions.insert(resolved));
        extensions
    }

    /// The fixed request of this attacker.
    pub(crate) fn fixed(&self, head: &Head) -> std::result::Result<Request<()>, Error> {
        let mut request = self.request(head);
        fix_request(&mut request, &self.config).map(|()| request)
    }

    /// The request downstream of this answer, from this sender.
    pub(crate) fn downstream(&self, head: &Head, answer: &Answer, sender: Sender) -> Downstream {
        Downstream::expected(self, head, answer, sender == Sender::Proxy)
    }

    /// Removes the secret from a request, if one is required. The sender is then a stranger, perhaps at the
    /// address of a peer.
    pub(crate) fn forget_secret(&self, request: &mut Request<()>) {
        if self.secret.is_some() {
            request.headers_mut().remove(SECRET_HEADER);
        }
    }
}

/// A header that only proxies may send, and what they send in it.
type Guarded = (HeaderName, &'static str);

/// Lines that one of the proxies also writes: the secret, and a header that only proxies may send.
fn marks(u: &mut Unstructured<'_>, chain: &mut Chain) -> Result<(Option<bool>, Option<Guarded>)> {
    let mut add = |u: &mut Unstructured<'_>, name: &HeaderName, value| {
        let at = u.int_in_range(0..=chain.proxies.len() - 1)?;
        chain.marks.push((at, name.clone(), HeaderValue::from_static(value)));
        Ok(())
    };
    let secret = if u.ratio(1, 4)? { Some(u.ratio(7, 8)?) } else { None };
    if secret == Some(true) {
        let secret = u.choose(&SECRETS)?;
        add(u, &HeaderName::from_static(SECRET_HEADER), secret)?;
    }
    let guarded = if u.ratio(1, 4)? {
        let name = HeaderName::from_static(u.choose(&["remote-user", "x-forwarded-uri"])?);
        add(u, &name, "alice")?;
        Some((name, "alice"))
    } else {
        None
    };
    Ok((secret, guarded))
}

pub(crate) fn port(port: Option<u16>, scheme: Scheme) -> u16 {
    port.unwrap_or_else(|| scheme.default_port())
}
