//! A configuration, a chain of honest proxies, and what they wrote: the answer that no attacker
//! may change, computed from the model and not from any header.

use std::net::IpAddr;

use arbitrary::{Result, Unstructured};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version, header};
use proxyfix::{
    Config, Error, ErrorKind, Peer, Resolved, Scheme, Trust, TrustedProxies, fix_request,
};

use super::{
    chain::{Chain, FIELDS},
    head::Head,
};

const CLIENTS: [&str; 3] = ["203.0.113.9", "203.0.113.10", "2001:db8::9"];
const UPSTREAM: &str = "upstream.internal:3000";

/// How a header is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Count(usize),
    Walk,
    Aligned,
    Joined(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) config: Config,
    pub(crate) chain: Chain,
    /// The headers that are trusted.
    pub(crate) trusted: Vec<HeaderName>,
    rules: [Option<Rule>; 5],
}

/// What is believed, as text: client, scheme, host, port, prefix.
pub(crate) type Answer = [String; 5];

impl Scenario {
    pub(crate) fn generate(u: &mut Unstructured<'_>) -> Result<Self> {
        let client: IpAddr = u.choose(&CLIENTS)?.parse().expect("an address");
        let forwarded = u.ratio(1, 2)?;
        let mut names = FIELDS.map(HeaderName::from_static);
        if !forwarded && u.ratio(1, 4)? {
            names[0] = HeaderName::from_static("x-original-for");
            names[1] = HeaderName::from_static("x-edge-scheme");
            names[4] = HeaderName::from_static("x_script_name");
        }
        let chain = Chain::generate(u, client, names, forwarded)?;
        let rules = rules(u, &chain)?;
        let config = config(u, &chain, rules)?;
        let mut trusted = Vec::new();
        if forwarded {
            trusted.push(header::FORWARDED);
        } else {
            let with_rules = chain.names.iter().zip(rules);
            trusted.extend(with_rules.filter_map(|(name, rule)| rule.map(|_| name.clone())));
        }
        Ok(Self { config, chain, trusted, rules })
    }

    /// What the proxies' own elements say under the configuration.
    pub(crate) fn expected(&self) -> std::result::Result<Answer, ErrorKind> {
        let client_at = self.client_at();
        let mut answer = own_answer();
        answer[0] = self.expected_client();
        if self.chain.forwarded {
            if let Some(at) = client_at {
                let seen = self.chain.seen(at);
                answer[1] = seen.scheme.to_string();
                answer[2] = host_name(seen.host);
                answer[3] = port(seen.host, seen.scheme);
            }
            return Ok(answer);
        }
        let at = |rule: Option<Rule>, field: usize| match rule? {
            Rule::Count(n) | Rule::Joined(n) => Some(Ok(n)),
            Rule::Walk => None,
            Rule::Aligned if client_at? > self.chain.own_elements(field) => {
                Some(Err(ErrorKind::Short))
            }
            Rule::Aligned => client_at.map(Ok),
        };
        let mut scheme = Scheme::Http;
        if let Some(n) = at(self.rules[1], 1).transpose()? {
            scheme = self.chain.seen(n).scheme;
        }
        answer[1] = scheme.to_string();
        answer[3] = port(UPSTREAM, scheme);
        if let Some(n) = at(self.rules[2], 2).transpose()? {
            let host = self.chain.seen(n).host;
            answer[2] = host_name(host);
            answer[3] = port(host, scheme);
        }
        if let Some(n) = at(self.rules[3], 3).transpose()? {
            answer[3] = self.chain.seen(n).port.to_string();
        }
        if let Some(n) = at(self.rules[4], 4).transpose()? {
            let first = if matches!(self.rules[4], Some(Rule::Joined(_))) { 1 } else { n };
            let prefixes = (first..=n).rev().map(|n| self.chain.seen(n).prefix);
            answer[4] = prefixes.map(|prefix| prefix.trim_end_matches('/')).collect();
        }
        Ok(answer)
    }

    pub(crate) fn expected_client(&self) -> String {
        let seen = self.client_at().map(|at| self.chain.seen(at).from);
        seen.map_or_else(|| "unknown".to_owned(), |from| from.to_canonical().to_string())
    }

    /// Which element from the right names the client, if any does.
    fn client_at(&self) -> Option<usize> {
        match self.rules[0]? {
            Rule::Count(n) | Rule::Joined(n) => Some(n),
            Rule::Walk | Rule::Aligned => {
                let own = self.chain.own_elements(0);
                (own == self.chain.proxies.len()).then_some(own)
            }
        }
    }

    /// The request as it arrives, from this attacker.
    pub(crate) fn request(&self, head: &Head) -> Request<()> {
        let mut headers = head.lines.clone();
        let connection = self.chain.pass(&mut headers, &head.nominated);
        let mut request = Request::new(());
        // What a proxy relays of target and Host is the attacker's; the authority is the truth.
        if let Some(scheme) = head.target_scheme {
            *request.uri_mut() = format!("{scheme}://{UPSTREAM}/item").parse().expect("a target");
            for host in &head.hosts {
                headers.append(header::HOST, host.clone());
            }
        } else {
            *request.uri_mut() = "/item".parse().expect("a target");
            headers.insert(header::HOST, HeaderValue::from_static(UPSTREAM));
        }
        for name in head.nominated.iter().filter(|_| connection) {
            headers.append(header::CONNECTION, name.clone().into());
        }
        *request.headers_mut() = headers;
        if head.http_2 {
            *request.version_mut() = Version::HTTP_2;
        }
        request.extensions_mut().insert(Peer::from(self.chain.peer));
        request
    }

    /// The fixed request, from this attacker.
    pub(crate) fn fixed(&self, head: &Head) -> std::result::Result<Request<()>, Error> {
        let mut request = self.request(head);
        fix_request(&mut request, &self.config).map(|()| request)
    }
}

/// What is ours, without any header: a client who is unknown.
pub(crate) fn own_answer() -> Answer {
    [
        "unknown".into(),
        "http".into(),
        host_name(UPSTREAM),
        port(UPSTREAM, Scheme::Http),
        String::new(),
    ]
}

pub(crate) fn answer(resolved: &Resolved) -> Answer {
    [
        resolved.client_ip().map_or_else(|| "unknown".to_owned(), |ip| ip.to_string()),
        resolved.scheme().to_string(),
        resolved.host().unwrap_or_default().to_owned(),
        resolved.port().to_string(),
        resolved.prefix().to_owned(),
    ]
}

fn host_name(host: &str) -> String {
    let host: http::uri::Authority = host.parse().expect("a host");
    host.host().to_owned()
}

fn port(host: &str, scheme: Scheme) -> String {
    let host: http::uri::Authority = host.parse().expect("a host");
    host.port_u16().unwrap_or_else(|| scheme.default_port()).to_string()
}

/// Rules under which only the proxies' own elements are asked for.
fn rules(u: &mut Unstructured<'_>, chain: &Chain) -> Result<[Option<Rule>; 5]> {
    let mut rules = [None; 5];
    let count = |u: &mut Unstructured<'_>, field| u.int_in_range(1..=chain.own_elements(field));
    rules[0] = Some(if u.ratio(1, 2)? { Rule::Walk } else { Rule::Count(count(u, 0)?) });
    if chain.forwarded {
        return Ok(rules);
    }
    for (field, rule) in rules.iter_mut().enumerate().skip(1) {
        *rule = match u.int_in_range(0..=3)? {
            0 => None,
            1 => Some(Rule::Aligned),
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

fn config(u: &mut Unstructured<'_>, chain: &Chain, rules: [Option<Rule>; 5]) -> Result<Config> {
    let trust = |rule| match rule {
        None => Trust::Count(0),
        Some(Rule::Count(n) | Rule::Joined(n)) => Trust::Count(n),
        Some(Rule::Walk) => Trust::Walk,
        Some(Rule::Aligned) => Trust::Aligned,
    };
    let addresses = chain.proxies.iter().skip(1).map(|proxy| proxy.seen.from).chain([chain.peer]);
    let mut builder = Config::builder().proxies(addresses.collect::<TrustedProxies>());
    if chain.forwarded {
        builder = builder.forwarded(trust(rules[0]));
    } else {
        let [x_for, proto, host, port, prefix] = &chain.names;
        builder = builder.x_for_name(x_for).x_proto_name(proto).x_host_name(host).x_port_name(port);
        builder = builder.x_prefix_name(prefix).x_for(trust(rules[0])).x_proto(trust(rules[1]));
        builder = builder.x_host(trust(rules[2])).x_port(trust(rules[3]));
        builder = match rules[4] {
            Some(Rule::Joined(n)) => builder.x_prefix_joined(n),
            rule => builder.x_prefix(trust(rule)),
        };
    }
    if u.ratio(1, 4)? && matches!(rules[0], Some(Rule::Count(_))) {
        builder = builder.verify_hops();
    }
    if u.ratio(1, 8)? {
        builder = builder.headers(proxyfix::HeaderPolicy::Strip);
    }
    Ok(builder.build().expect("a valid configuration"))
}

/// What is downstream of a fixed request: everything that names a client, a scheme, a host.
pub(crate) fn downstream(request: &Request<()>) -> Vec<String> {
    let forwarding = |name: &HeaderName| {
        let name = name.as_str().replace('_', "-");
        !matches!(name.as_str(), "via" | "accept" | "connection")
    };
    let headers: &HeaderMap = request.headers();
    let mut lines: Vec<_> = headers
        .iter()
        .filter(|(name, _)| forwarding(name))
        .map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii()))
        .collect();
    lines.sort();
    lines.push(request.uri().to_string());
    lines.push(format!("{:?}", request.extensions().get::<Resolved>()));
    lines
}
