//! The hard cases, to show that the generators reach them.

use http::{HeaderName, Method, Request, Version, header::UPGRADE};

use super::{
    generate,
    head::{Head, Target},
    proxy::{Kind, Origin},
    scenario::{Scenario, Sender},
    settings::Choice,
};

/// The hard cases that the bytes produce.
pub(crate) fn hard_cases(data: &[u8]) -> Vec<&'static str> {
    let Ok((scenario, head)) = generate(data) else { return Vec::new() };
    let aimed = |name: &HeaderName| scenario.trusted.contains(name);
    let lines: Vec<_> = head.lines.iter().filter(|(name, _)| aimed(name)).collect();
    let any = |test: &dyn Fn(&[u8]) -> bool| lines.iter().any(|(_, line)| test(line.as_bytes()));
    let odd_quotes = |line: &[u8]| line.iter().fold(false, |odd, &byte| odd ^ (byte == b'"'));
    let (attacked, alone) = (scenario.request(&head), scenario.request(&Head::default()));
    let glued = |name: &HeaderName| {
        // The line with the trusted elements also contains the attacker's open quote.
        let odd = |request: &Request<()>| {
            let last = request.headers().get_all(name).iter().next_back();
            last.is_some_and(|line| odd_quotes(line.as_bytes()))
        };
        odd(&attacked) && !odd(&alone)
    };
    let beside = |name: &HeaderName| scenario.named.contains(name) && !aimed(name);
    let arrives = scenario.chain.relays();
    let alias = |name: &HeaderName| name.as_str().contains('_') && !aimed(name);
    let cases = [
        ("a line of a trusted header", !lines.is_empty()),
        ("two lines of a trusted header", lines.len() > 1),
        ("an open quote in one", any(&odd_quotes)),
        ("an open quote beside the trusted elements", scenario.trusted.iter().any(glued)),
        ("a backslash in one", any(&|line| line.contains(&b'\\'))),
        ("an empty element in one", any(&|line| line.windows(2).any(|pair| pair == b",,"))),
        ("an element over 4 KiB in one", any(&|line| line.len() > 4096)),
        ("bytes beyond ASCII in one", any(&|line| !line.is_ascii())),
        ("an alias", head.lines.keys().any(alias)),
        ("Connection names a trusted header", head.nominated.iter().any(aimed)),
        ("Connection names another header that is configured", head.nominated.iter().any(beside)),
        ("such a Connection arrives", arrives && head.nominated.iter().any(beside)),
    ];
    let cases =
        cases.into_iter().chain(of_head(&head, &attacked)).chain(of_scenario(&scenario, &head));
    cases.filter(|(_, reached)| *reached).map(|(case, _)| case).collect()
}

/// The hard cases of the request, without its forwarding headers.
fn of_head(head: &Head, arrives: &Request<()>) -> [(&'static str, bool); 14] {
    let connect = head.method == Method::CONNECT;
    let usual = [Method::GET, Method::HEAD, Method::OPTIONS, Method::CONNECT];
    let path = head.path.as_str();
    [
        ("an absolute-form target", matches!(head.target, Target::Absolute(_))),
        ("a target of another form", !matches!(head.target, Target::Absolute(_) | Target::Origin)),
        ("a path that is a query", head.has_path() && path.starts_with('?')),
        ("a path of two slashes", head.has_path() && path.starts_with("//")),
        ("a long path", head.has_path() && path.len() > 4096),
        ("CONNECT with a path", connect && head.has_path()),
        ("a method with a body or another one", !usual.contains(&head.method)),
        ("HTTP/1.0", head.version == Version::HTTP_10),
        ("HTTP/2 or HTTP/3", head.is_multiplexed()),
        ("Upgrade", arrives.headers().contains_key(UPGRADE)),
        ("hundreds of other headers", head.others > 100),
        ("another Host", !head.hosts.is_empty()),
        ("no Host", head.hostless),
        ("resolved before, and not fixed", head.resolved.is_some()),
    ]
}

/// The hard cases of the configuration and its proxies.
fn of_scenario(scenario: &Scenario, head: &Head) -> [(&'static str, bool); 13] {
    let chain = &scenario.chain;
    let behind = scenario.by_edge().is_some();
    let counts = scenario.rules[1..3].iter().any(Option::is_some);
    let sends = |name: &HeaderName| {
        let folded = name.as_str().replace('_', "-");
        head.lines.keys().any(|sent| sent.as_str().replace('_', "-") == folded)
    };
    let ways = [Choice::WayBefore, Choice::WayAfter, Choice::NoneAfter];
    let ipv6 = |origin: Origin| matches!(origin, Origin::Ip(ip) if ip.is_ipv6());
    [
        ("a client behind an edge", behind),
        ("a client past it", scenario.edge.is_some() && !behind),
        ("a forged header of an edge", scenario.edge.iter().any(|(name, _)| sends(name))),
        ("a secret", scenario.secret.is_some() && scenario.sender() == Sender::Proxy),
        ("no secret where one is asked for", scenario.sender() == Sender::Unproved),
        ("a secret for any peer", scenario.has(Choice::Any)),
        ("a forged header of proxies alone", scenario.guarded.iter().any(|(name, _)| sends(name))),
        ("several ways in", ways.iter().any(|way| scenario.has(*way))),
        ("counts beside forwarded", chain.kind == Kind::Forwarded && counts),
        ("bare IPv6 in Forwarded", chain.bare),
        (
            "IPv6 in another spelling",
            chain.proxies.iter().any(|proxy| proxy.is_long() && ipv6(proxy.seen.from)),
        ),
        ("hosts with ports", scenario.has(Choice::HostPorts)),
        ("a client in a header of its own", chain.kind == Kind::ClientIp),
    ]
}
