//! A configuration, a chain of honest proxies, and what they wrote: the answer, and all that is
//! downstream of it, computed from the model and not from any header.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
};

use arbitrary::{Result, Unstructured};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use proxyfix::{
    AllTrusted, Config, Error, ErrorKind, HeaderPolicy, OnInvalid, OnMissing, Peer, Resolved,
    Scheme, Trust, fix_request,
};

use super::{
    chain::{Chain, FIELDS, HOSTS, Kind, Origin, scheme_text},
    head::{Head, STRIPPED, Target, UPSTREAM},
};

const CLIENTS: [&str; 3] = ["203.0.113.9", "203.0.113.10", "2001:db8::9"];

/// How a header is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Count(usize),
    Walk,
    Aligned,
    Joined(usize),
    /// A single value.
    Single,
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) config: Config,
    pub(crate) chain: Chain,
    /// The headers that are trusted.
    pub(crate) trusted: Vec<HeaderName>,
    pub(crate) rules: [Option<Rule>; 5],
    /// What our own socket speaks, as the configuration or the peer says.
    own_scheme: Scheme,
    peer: Peer,
    choices: Vec<Choice>,
}

/// What a configuration may say besides the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// `headers=strip`
    Strip,
    /// `hosts=`, with all that honest proxies see, and our own.
    Hosts,
    /// `invalid=unknown`
    Lenient,
    /// `missing=reject`
    MissingReject,
    /// `verify=hops`
    Verify,
    /// `all-trusted=reject`
    AllTrustedReject,
    /// The proxies as networks, and not address by address.
    Networks,
    /// `listener=https`
    ListenerHttps,
    /// `strip-also=`
    StripAlso,
}

/// What is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// As a node.
    pub(crate) client: String,
    pub(crate) scheme: Scheme,
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
    pub(crate) prefix: String,
}

impl Answer {
    pub(crate) fn of(resolved: &Resolved) -> Self {
        Self {
            client: resolved.client().to_string(),
            scheme: resolved.scheme(),
            host: resolved.host().map(str::to_owned),
            port: resolved.port(),
            prefix: resolved.prefix().to_owned(),
        }
    }

    /// Host and port, but for the scheme's own; empty where no host is known.
    fn authority(&self) -> String {
        match &self.host {
            None => String::new(),
            Some(host) if self.port == self.scheme.default_port() => host.clone(),
            Some(host) => format!("{host}:{}", self.port),
        }
    }
}

impl Scenario {
    pub(crate) fn generate(u: &mut Unstructured<'_>) -> Result<Self> {
        let kind =
            *u.choose(&[Kind::Forwarded, Kind::XForwarded, Kind::XForwarded, Kind::ClientIp])?;
        let client = match u.int_in_range(0..=9)? {
            8 if kind != Kind::ClientIp => Origin::Unknown,
            9 if kind != Kind::ClientIp => Origin::Hidden,
            n => Origin::Ip(CLIENTS[n % 3].parse().expect("an address")),
        };
        let mut names = FIELDS;
        if kind != Kind::Forwarded && u.ratio(1, 4)? {
            names[0] = "x-edge-for";
            names[1] = u.choose(&["x-edge-scheme", "x-forwarded-ssl", "x-https"])?;
            names[2] = "x-original-host";
            names[3] = "x-edge-port";
            names[4] = "x_script_name";
        }
        if kind == Kind::ClientIp {
            names[0] = u.choose(&["cf-connecting-ip", "x-real-ip", "x-edge-client"])?;
        }
        let chain = Chain::generate(u, client, names.map(HeaderName::from_static), kind)?;
        let rules = rules(u, &chain)?;
        let choices = choices(u, &chain, &rules)?;
        let config = config(&chain, rules, &choices);
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
        Ok(Self { config, chain, trusted, rules, own_scheme, peer, choices })
    }

    /// Whether what is said of the scheme depends on who the client is.
    pub(crate) fn follows_client(&self) -> bool {
        self.chain.kind == Kind::Forwarded || self.rules[1] == Some(Rule::Aligned)
    }

    pub(crate) fn has(&self, choice: Choice) -> bool {
        self.choices.contains(&choice)
    }

    /// The configuration for a request that this one has fixed: one element in each header.
    pub(crate) fn config_once_fixed(&self) -> Config {
        let rules = self.rules.map(|rule| match rule? {
            Rule::Count(_) => Some(Rule::Count(1)),
            Rule::Joined(_) => Some(Rule::Joined(1)),
            rule => Some(rule),
        });
        config(&self.chain, rules, &self.choices)
    }

    /// What the proxies' own elements say, and of what none of them says our own.
    pub(crate) fn expected(&self, head: &Head) -> Answer {
        let mut answer = self.own_answer(head, true);
        let client_at = self.client_at();
        if let Some(at) = client_at {
            answer.client = self.chain.proxy(at).client();
        }
        if self.chain.kind == Kind::Forwarded {
            if let Some(at) = client_at {
                answer.scheme = self.chain.seen(at).scheme;
                answer.port = port(head.authority.2, answer.scheme);
                self.take_host(&mut answer, at);
            }
            return answer;
        }
        let at = |field: usize| match self.rules[field]? {
            Rule::Count(n) | Rule::Joined(n) => Some(n),
            Rule::Aligned => client_at,
            Rule::Walk | Rule::Single => None,
        };
        if let Some(n) = at(1) {
            answer.scheme = self.chain.seen(n).scheme;
        }
        answer.port = port(head.authority.2, answer.scheme);
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
        let authority: http::uri::Authority = host.parse().expect("a host");
        answer.host = Some(authority.host().to_owned());
        answer.port = port(authority.port_u16(), answer.scheme);
    }

    /// What is ours, without any header: a client who is unknown. From a proxy that is trusted to name
    /// the scheme and does not, our own `https` is not the client's.
    pub(crate) fn own_answer(&self, head: &Head, trusted_peer: bool) -> Answer {
        let named = self.chain.kind == Kind::Forwarded || self.rules[1].is_some();
        let scheme = if trusted_peer && named { Scheme::Http } else { self.own_scheme };
        Answer {
            client: "unknown".into(),
            scheme,
            host: Some(head.authority.1.to_owned()),
            port: port(head.authority.2, scheme),
            prefix: String::new(),
        }
    }

    /// Which element from the right names the client, if any does.
    fn client_at(&self) -> Option<usize> {
        match self.rules[0]? {
            Rule::Single => Some(self.chain.edge()),
            Rule::Count(n) | Rule::Joined(n) => Some(n),
            Rule::Walk | Rule::Aligned => walked(&self.chain),
        }
    }

    /// The ways in which this head is at fault, and may be rejected for; `host` is in effect.
    pub(crate) fn faults(
        &self,
        head: &Head,
        trusted_peer: bool,
        host: Option<&str>,
    ) -> Vec<ErrorKind> {
        let mut faults = Vec::new();
        let request = self.request(head);
        let hosts: Vec<_> = request.headers().get_all(header::HOST).iter().collect();
        if hosts.len() > 1 {
            faults.push(ErrorKind::Repeated);
        }
        let invalid = |host: &&HeaderValue| {
            ["a b", "app.example:99999"].contains(&host.to_str().expect("text"))
        };
        if hosts.iter().any(invalid) {
            faults.push(ErrorKind::InvalidHost);
        }
        let differs = |host: &&HeaderValue| !host.is_empty() && *host != head.authority.0;
        if head.http_2 && request.uri().authority().is_some() && hosts.iter().any(differs) {
            faults.push(ErrorKind::HostMismatch);
        }
        if head.target == (Target::Authority { connect: false }) {
            faults.push(ErrorKind::InvalidTarget);
        }
        let allowed = |host: &str| {
            HOSTS.iter().any(|allowed| allowed.starts_with(host)) || host == UPSTREAM.1
        };
        if self.has(Choice::Hosts) && !host.is_some_and(allowed) {
            faults.push(ErrorKind::HostNotAllowed);
        }
        let arrived = request.headers().get_all(header::CONNECTION).iter().next().is_some();
        if trusted_peer && arrived && head.nominated.iter().any(|name| self.trusted.contains(name))
        {
            faults.push(ErrorKind::Nominated);
        }
        faults
    }

    /// The request as it arrives, from this attacker.
    pub(crate) fn request(&self, head: &Head) -> Request<()> {
        let mut headers = head.lines.clone();
        let relayed = self.chain.pass(&mut headers, &head.nominated);
        for line in head.connection.iter().filter(|_| relayed) {
            headers.append(header::CONNECTION, line.clone());
        }
        let authority = head.authority.0;
        let (method, target) = match head.target {
            Target::Origin => (Method::GET, "/item".parse()),
            Target::Absolute(scheme) => {
                (Method::GET, format!("{scheme}://{authority}/item").parse())
            }
            Target::Authority { connect } => {
                (if connect { Method::CONNECT } else { Method::GET }, authority.parse())
            }
            Target::Asterisk => (Method::OPTIONS, "*".parse()),
            Target::AsteriskWithAuthority => {
                let uri = Uri::builder().scheme("https").authority(authority);
                (Method::OPTIONS, Ok(uri.path_and_query("*").build().expect("a target")))
            }
        };
        // What proxies relay of target and Host is the attacker's.
        if matches!(head.target, Target::Origin | Target::Asterisk) {
            headers.append(header::HOST, HeaderValue::from_static(authority));
        }
        for host in &head.hosts {
            headers.append(header::HOST, host.clone());
        }
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = target.expect("a target");
        *request.headers_mut() = headers;
        if head.http_2 {
            *request.version_mut() = Version::HTTP_2;
        }
        request.extensions_mut().insert(self.peer);
        request
    }

    /// The fixed request, from this attacker.
    pub(crate) fn fixed(&self, head: &Head) -> std::result::Result<Request<()>, Error> {
        let mut request = self.request(head);
        fix_request(&mut request, &self.config).map(|()| request)
    }

    /// All that names a client, a scheme, a host or a prefix downstream of this answer, where the
    /// trusted headers arrived, or none of them was believed.
    pub(crate) fn downstream(&self, head: &Head, answer: &Answer, believed: bool) -> Downstream {
        let authority = answer.authority();
        let mut headers = BTreeMap::from([("host".to_owned(), vec![authority.clone()])]);
        if believed && !self.has(Choice::Strip) {
            let mut say = |name: &HeaderName, value: String| {
                headers.insert(name.to_string(), vec![value]);
            };
            if self.chain.kind == Kind::Forwarded {
                say(&header::FORWARDED, element(answer, &authority));
            } else {
                let values = [
                    x_node(&answer.client),
                    scheme_text(&self.chain.names[1], answer.scheme).to_owned(),
                    authority.clone(),
                    answer.port.to_string(),
                    answer.prefix.clone(),
                ];
                for ((name, rule), value) in self.chain.names.iter().zip(self.rules).zip(values) {
                    if rule.is_some() {
                        say(name, value);
                    }
                }
            }
        }
        let scheme = answer.scheme;
        let target = match head.target {
            Target::Origin | Target::Absolute(_) => format!("{scheme}://{authority}/item"),
            Target::AsteriskWithAuthority => format!("{scheme}://{authority}*"),
            Target::Asterisk => "*".to_owned(),
            Target::Authority { .. } => head.authority.0.to_owned(),
        };
        Downstream { headers, target }
    }
}

/// Of a request, every header but those that name nothing, and the target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Downstream {
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    pub(crate) target: String,
}

impl Downstream {
    pub(crate) fn of(request: &Request<()>, scenario: &Scenario) -> Self {
        let headers: &HeaderMap = request.headers();
        let stays = |name: &HeaderName| {
            matches!(name.as_str(), "via" | "accept" | "connection")
                || name.as_str().replace('_', "-") == STRIPPED && !scenario.has(Choice::StripAlso)
        };
        let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers.iter().filter(|(name, _)| !stays(name)) {
            let value = value.as_bytes().escape_ascii().to_string().replace("\\\"", "\"");
            lines.entry(name.to_string()).or_default().push(value);
        }
        let uri = request.uri();
        let target = match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => {
                let path = uri.path_and_query().map_or("", |path| path.as_str());
                format!("{scheme}://{authority}{path}")
            }
            _ => uri.to_string(),
        };
        Self { headers: lines, target }
    }
}

/// A forwarded-element in canonical form.
fn element(answer: &Answer, authority: &str) -> String {
    let quoted = |text: &str| {
        if text.contains([':', '[']) { format!("\"{text}\"") } else { text.to_owned() }
    };
    let host =
        if authority.is_empty() { String::new() } else { format!(";host={}", quoted(authority)) };
    format!("for={};proto={}{host}", quoted(&answer.client), answer.scheme)
}

/// A node in the form of `X-Forwarded-For`: an address without port needs no brackets.
fn x_node(node: &str) -> String {
    let bare = node.strip_prefix('[').and_then(|node| node.strip_suffix(']'));
    match bare.map(str::parse::<Ipv6Addr>) {
        Some(Ok(ip)) => ip.to_string(),
        _ => node.to_owned(),
    }
}

fn port(port: Option<u16>, scheme: Scheme) -> u16 {
    port.unwrap_or_else(|| scheme.default_port())
}

/// Where a walk through the proxies' own elements ends, if not at the list's left end.
fn walked(chain: &Chain) -> Option<usize> {
    (1..=chain.own_elements(0)).find(|n| {
        let first = *n == chain.proxies.len();
        first || matches!(chain.seen(*n).from, Origin::Unknown | Origin::Hidden)
    })
}

/// Rules under which only the proxies' own elements are asked for.
fn rules(u: &mut Unstructured<'_>, chain: &Chain) -> Result<[Option<Rule>; 5]> {
    let mut rules = [None; 5];
    let count = |u: &mut Unstructured<'_>, field| u.int_in_range(1..=chain.own_elements(field));
    rules[0] = Some(match chain.kind {
        Kind::ClientIp => Rule::Single,
        _ if u.ratio(1, 2)? => Rule::Walk,
        _ => Rule::Count(count(u, 0)?),
    });
    if chain.kind == Kind::Forwarded {
        return Ok(rules);
    }
    let client_at = match rules[0] {
        Some(Rule::Count(n)) => Some(n),
        Some(Rule::Walk) => walked(chain),
        _ => None,
    };
    for (field, rule) in rules.iter_mut().enumerate().skip(1) {
        // The client's distance must be within the list that is aligned with it.
        let fits = client_at.is_none_or(|at| at <= chain.own_elements(field));
        *rule = match u.int_in_range(0..=3)? {
            0 => None,
            1 if fits && chain.kind != Kind::ClientIp => Some(Rule::Aligned),
            2 if field == 4 => Some(Rule::Joined(count(u, field)?)),
            _ => Some(Rule::Count(count(u, field)?)),
        };
    }
    if u.ratio(1, 8)?
        && rules.iter().skip(1).any(Option::is_some)
        && !rules.contains(&Some(Rule::Aligned))
    {
        rules[0] = None;
    }
    Ok(rules)
}

fn choices(
    u: &mut Unstructured<'_>,
    chain: &Chain,
    rules: &[Option<Rule>; 5],
) -> Result<Vec<Choice>> {
    let counts = matches!(rules[0], Some(Rule::Count(_)));
    let ends = rules[0] != Some(Rule::Walk) || walked(chain).is_some();
    let mut choices = Vec::new();
    for (choice, one_in, fits) in [
        (Choice::Strip, 8, true),
        (Choice::Hosts, 8, true),
        (Choice::Lenient, 8, true),
        (Choice::MissingReject, 8, true),
        (Choice::Verify, 4, counts),
        (Choice::AllTrustedReject, 4, ends),
        (Choice::Networks, 2, true),
        (Choice::ListenerHttps, 4, true),
        (Choice::StripAlso, 4, true),
    ] {
        if u.ratio(1, one_in)? && fits {
            choices.push(choice);
        }
    }
    Ok(choices)
}

fn config(chain: &Chain, rules: [Option<Rule>; 5], choices: &[Choice]) -> Config {
    let has = |choice| choices.contains(&choice);
    let trust = |rule| match rule {
        None | Some(Rule::Single) => Trust::Count(0),
        Some(Rule::Count(n) | Rule::Joined(n)) => Trust::Count(n),
        Some(Rule::Walk) => Trust::Walk,
        Some(Rule::Aligned) => Trust::Aligned,
    };
    let origins = chain.proxies.iter().skip(1).map(|proxy| proxy.seen.from).chain([chain.peer]);
    let proxies = if has(Choice::Networks) {
        "10.0.0.0/8,fd00::/8,unix".to_owned()
    } else {
        let name = |origin: Origin| match origin {
            Origin::Ip(ip) => ip.to_string(),
            _ => "unix".to_owned(),
        };
        origins.map(name).collect::<Vec<_>>().join(",")
    };
    let mut builder = Config::builder().proxies(proxies.parse().expect("proxies"));
    if chain.kind == Kind::Forwarded {
        builder = builder.forwarded(trust(rules[0]));
    } else {
        let [x_for, proto, host, port, prefix] = &chain.names;
        builder = match rules[0] {
            Some(Rule::Single) => builder.client_ip_header(x_for),
            rule => builder.x_for_name(x_for).x_for(trust(rule)),
        };
        builder = builder.x_proto_name(proto).x_host_name(host).x_port_name(port);
        builder = builder.x_prefix_name(prefix).x_proto(trust(rules[1]));
        builder = builder.x_host(trust(rules[2])).x_port(trust(rules[3]));
        builder = match rules[4] {
            Some(Rule::Joined(n)) => builder.x_prefix_joined(n),
            rule => builder.x_prefix(trust(rule)),
        };
    }
    if has(Choice::Verify) {
        builder = builder.verify_hops();
    }
    if has(Choice::Strip) {
        builder = builder.headers(HeaderPolicy::Strip);
    }
    if has(Choice::Hosts) {
        let name = |host: &'static str| match host.rfind(':') {
            Some(colon) if !host.ends_with(']') => &host[..colon],
            _ => host,
        };
        builder = builder.allowed_hosts(HOSTS.into_iter().chain([UPSTREAM.0]).map(name));
    }
    if has(Choice::Lenient) {
        builder = builder.on_invalid(OnInvalid::Unknown);
    }
    if has(Choice::MissingReject) {
        builder = builder.on_missing(OnMissing::Reject);
    }
    if has(Choice::AllTrustedReject) {
        builder = builder.all_trusted(AllTrusted::Reject);
    }
    if has(Choice::ListenerHttps) {
        builder = builder.listener_scheme(Scheme::Https);
    }
    if has(Choice::StripAlso) {
        builder = builder.strip_also(STRIPPED);
    }
    builder = builder.max_hops(chain.proxies.len());
    builder.build().expect("a valid configuration")
}
