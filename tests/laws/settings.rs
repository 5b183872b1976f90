//! Configurations that fit a chain: what is read of each header, and which other keys are set.

use arbitrary::{Result, Unstructured};
use http::HeaderName;
use proxyfix::{
    AllTrusted, Config, HeaderPolicy, OnInvalid, OnMissing, Scheme, Trust, TrustedProxies,
};

use super::{
    chain::Chain,
    head::STRIPPED,
    proxy::{Kind, Origin},
};

/// How a header is read; with `forwarded`, how its element is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Count(usize),
    Walk,
    Aligned,
    Joined(usize),
    /// A single value.
    Single,
}

/// Keys that a configuration may have in addition to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// `headers=strip`
    Strip,
    /// `hosts=`, with all hosts that honest proxies see, and our own.
    Hosts,
    /// The same with their ports.
    HostPorts,
    /// `invalid=unknown`
    Lenient,
    /// `missing=reject`
    MissingReject,
    /// `verify=hops`
    Verify,
    /// `all-trusted=reject`
    AllTrustedReject,
    /// The proxies as networks instead of single addresses.
    Networks,
    /// `proxies=any`, if a secret proves the proxy.
    Any,
    /// `listener=https`
    ListenerHttps,
    /// `strip-also=`
    StripAlso,
    /// [`WAY_BEFORE`]
    WayBefore,
    /// [`WAY_AFTER`]
    WayAfter,
    /// `none` as the last way in.
    NoneAfter,
}

/// The address that a CDN connects from.
pub(crate) const EDGE: &str = "192.0.2.0/24,2001:db8:cd::/48";

/// The two secrets; a proxy proves itself by either of them.
pub(crate) const SECRET_HEADER: &str = "x-origin-secret";
pub(crate) const SECRETS: [&str; 2] = ["old-7f3a9c-55ce4ed1", "b7b1c8f6-9a52-4f43"];

/// Other ways in, for peers that are never ours, and the headers that the first of them trusts or removes. From
/// our peer, these headers count as a stranger's.
const WAY_BEFORE: &str = "proxies=198.51.100.0/24 client-ip=x-way-client proto=1 \
    proto-name=x-way-proto proxy-only=x-way-user strip-also=x-way-other";
const WAY_AFTER: &str = "proxies=198.18.0.0/15,unix forwarded=2 listener=https";
pub(crate) const OF_WAY_BEFORE: [&str; 4] =
    ["x-way-client", "x-way-proto", "x-way-user", "x-way-other"];

/// The entries of `hosts=`, each with its ports: all hosts that honest proxies see, and our own.
const HOSTS: [(&str, &[u16]); 5] = [
    ("app.example", &[]),
    ("shop.example", &[8080]),
    ("inner.example", &[80, 443]),
    ("[2001:DB8:0::1]", &[]),
    ("upstream.internal", &[3000]),
];

/// Whether `hosts=` contains a host with this port.
pub(crate) fn allows(host: &str, port: u16, with_ports: bool) -> bool {
    HOSTS.iter().any(|(allowed, ports)| {
        let same = *allowed == host || allowed.starts_with('[') && host == "[2001:db8::1]";
        same && (!with_ports || ports.is_empty() || ports.contains(&port))
    })
}

/// Other keys that contain a header's name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// `client-ip=` with `edge=`.
    pub(crate) edge: Option<HeaderName>,
    /// `secret-header=`
    pub(crate) secret: bool,
    /// `proxy-only=`
    pub(crate) guarded: Option<HeaderName>,
}

/// The element at which a walk through the proxies' own elements ends, if not at the list's left end.
pub(crate) fn walked(chain: &Chain) -> Option<usize> {
    (1..=chain.own_elements(0)).find(|n| {
        let first = *n == chain.proxies.len();
        first || matches!(chain.seen(*n).from, Origin::Unknown | Origin::Hidden)
    })
}

/// Rules that read only the proxies' own elements.
pub(crate) fn rules(u: &mut Unstructured<'_>, chain: &Chain) -> Result<[Option<Rule>; 5]> {
    let mut rules = [None; 5];
    let count = |u: &mut Unstructured<'_>, field| u.int_in_range(1..=chain.own_elements(field));
    rules[0] = Some(match chain.kind {
        Kind::ClientIp => Rule::Single,
        _ if u.ratio(1, 2)? => Rule::Walk,
        _ => Rule::Count(count(u, 0)?),
    });
    if chain.kind == Kind::Forwarded {
        // The element of scheme and host.
        for rule in &mut rules[1..3] {
            *rule = if u.ratio(1, 4)? { Some(Rule::Count(count(u, 0)?)) } else { None };
        }
        return Ok(rules);
    }
    let client_at = match rules[0] {
        Some(Rule::Count(n)) => Some(n),
        Some(Rule::Walk) => walked(chain),
        _ => None,
    };
    for (field, rule) in rules.iter_mut().enumerate().skip(1) {
        // The list that is aligned with the client's must be long enough.
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

/// Choices that fit. `secret` says whether the proxies send the required secret.
pub(crate) fn choices(
    u: &mut Unstructured<'_>,
    chain: &Chain,
    rules: &[Option<Rule>; 5],
    secret: Option<bool>,
) -> Result<Vec<Choice>> {
    let counts = matches!(rules[0], Some(Rule::Count(_)));
    let walks = rules[0] == Some(Rule::Walk);
    let ends = !walks || walked(chain).is_some();
    let mut choices: Vec<Choice> = Vec::new();
    for (choice, one_in, fits) in [
        (Choice::Strip, 8, true),
        (Choice::Hosts, 8, true),
        // A separate port could have any value.
        (Choice::HostPorts, 8, rules[3].is_none()),
        (Choice::Lenient, 8, true),
        // Without a secret, this would reject honest requests.
        (Choice::MissingReject, 8, secret != Some(false)),
        (Choice::Any, 2, secret.is_some() && !walks),
        (Choice::Verify, 4, counts),
        (Choice::AllTrustedReject, 4, ends),
        (Choice::Networks, 2, true),
        (Choice::ListenerHttps, 4, true),
        (Choice::StripAlso, 4, true),
        (Choice::WayBefore, 8, true),
        (Choice::WayAfter, 8, true),
        (Choice::NoneAfter, 8, true),
    ] {
        let excluded = match choice {
            Choice::HostPorts => choices.contains(&Choice::Hosts),
            // No way after `any` is reached, and every hop counts as a proxy.
            Choice::WayAfter | Choice::Verify => choices.contains(&Choice::Any),
            Choice::NoneAfter => {
                [Choice::Any, Choice::WayAfter].iter().any(|choice| choices.contains(choice))
            }
            _ => false,
        };
        if u.ratio(1, one_in)? && fits && !excluded {
            choices.push(choice);
        }
    }
    Ok(choices)
}

/// The configuration with all of these.
pub(crate) fn config(
    chain: &Chain,
    rules: [Option<Rule>; 5],
    choices: &[Choice],
    names: &Names,
) -> Config {
    let has = |choice| choices.contains(&choice);
    let trust = |rule| match rule {
        None | Some(Rule::Single) => Trust::Count(0),
        Some(Rule::Count(n) | Rule::Joined(n)) => Trust::Count(n),
        Some(Rule::Walk) => Trust::Walk,
        Some(Rule::Aligned) => Trust::Aligned,
    };
    let mut builder = Config::builder().proxies(proxies(chain, choices));
    builder = builder.x_proto(trust(rules[1])).x_host(trust(rules[2]));
    if chain.kind == Kind::Forwarded {
        builder = builder.forwarded(trust(rules[0]));
        if chain.bare {
            builder = builder.bare_forwarded_ipv6();
        }
    } else {
        let [x_for, proto, host, port, prefix] = &chain.names;
        builder = match rules[0] {
            Some(Rule::Single) => builder.client_ip_header(x_for),
            rule => builder.x_for_name(x_for).x_for(trust(rule)),
        };
        builder = builder.x_proto_name(proto).x_host_name(host).x_port_name(port);
        builder = builder.x_prefix_name(prefix).x_port(trust(rules[3]));
        builder = match rules[4] {
            Some(Rule::Joined(n)) => builder.x_prefix_joined(n),
            rule => builder.x_prefix(trust(rule)),
        };
    }
    if let Some(edge) = &names.edge {
        builder = builder.edge(EDGE.parse().expect("networks")).client_ip_header(edge);
    }
    if names.secret {
        builder = builder.secret_header(SECRET_HEADER);
        builder = SECRETS.into_iter().fold(builder, proxyfix::ConfigBuilder::secret);
    }
    if let Some(guarded) = &names.guarded {
        builder = builder.proxy_only(guarded);
    }
    if has(Choice::Verify) {
        builder = builder.verify_hops();
    }
    if has(Choice::Strip) {
        builder = builder.headers(HeaderPolicy::Strip);
    }
    if has(Choice::Hosts) {
        builder = builder.allowed_hosts(HOSTS.map(|(host, _)| host));
    }
    if has(Choice::HostPorts) {
        let with_ports = HOSTS.iter().flat_map(|(host, ports)| match ports {
            [] => vec![format!("{host}:*")],
            ports => ports.iter().map(|port| format!("{host}:{port}")).collect(),
        });
        builder = builder.allowed_hosts(with_ports);
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
    let mut config = builder.max_hops(chain.proxies.len()).build().expect("a valid configuration");
    let way = |text: &str| text.parse::<Config>().expect("a way in");
    if has(Choice::WayBefore) {
        config = way(WAY_BEFORE).or(&config).expect("a way that is reached");
    }
    for (choice, after) in [(Choice::WayAfter, WAY_AFTER), (Choice::NoneAfter, "none")] {
        if has(choice) {
            config = config.or(&way(after)).expect("a way that is reached");
        }
    }
    config
}

fn proxies(chain: &Chain, choices: &[Choice]) -> TrustedProxies {
    if choices.contains(&Choice::Any) {
        return TrustedProxies::any();
    }
    if choices.contains(&Choice::Networks) {
        return "10.0.0.0/8,fd00::/8,unix".parse().expect("networks");
    }
    let origins = chain.proxies.iter().skip(1).map(|proxy| proxy.seen.from).chain([chain.peer]);
    let name = |origin: Origin| match origin {
        Origin::Ip(ip) => ip.to_string(),
        _ => "unix".to_owned(),
    };
    origins.map(name).collect::<Vec<_>>().join(",").parse().expect("proxies")
}
