//! The laws that hold for every request: one body of code for the property tests and the fuzz
//! targets. Each takes bytes, makes a case of them, and panics where the law is broken.
//!
//! A case is a configuration, a chain of one to four honest proxies and an attacker's head. The
//! proxies append with a comma or a line, overwrite, or use `write`; some obey `Connection`, some
//! relay it. What they wrote is known from the model, so the answer is known without reading any
//! header, and so are all headers downstream and the target. The laws compare with that: stronger
//! than to compare two attackers with each other.
#![allow(dead_code, reason = "each test and fuzz target uses a part")]

pub(crate) mod chain;
pub(crate) mod head;
pub(crate) mod reference;
pub(crate) mod scenario;

use arbitrary::{Result, Unstructured};
use http::{HeaderMap, Request, Uri};
use proxyfix::{
    Config, Error, ErrorKind, Family, Hop, Node, Peer, Resolved, Scheme, WriteMode, explain,
    forwarded_elements, resolve, write,
};

use self::{
    head::{Head, Target},
    scenario::{Answer, Choice, Downstream, Scenario},
};

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// The bytes made no case.
    None,
    /// The answer is the truth.
    Truth,
    /// `Connection` names headers; the answer is the truth, unknown or our own.
    Fallback,
    /// The request was rejected.
    Rejected,
}

fn generate(data: &[u8]) -> Result<(Scenario, Head)> {
    let mut u = Unstructured::new(data);
    let scenario = Scenario::generate(&mut u)?;
    let head = Head::generate(&mut u, &scenario.trusted)?;
    Ok((scenario, head))
}

/// Which hard cases the bytes make, to show that the generators reach them.
pub(crate) fn hard_cases(data: &[u8]) -> Vec<&'static str> {
    let Ok((scenario, head)) = generate(data) else { return Vec::new() };
    let aimed = |name: &http::HeaderName| scenario.trusted.contains(name);
    let lines: Vec<_> = head.lines.iter().filter(|(name, _)| aimed(name)).collect();
    let any = |test: &dyn Fn(&[u8]) -> bool| lines.iter().any(|(_, line)| test(line.as_bytes()));
    let odd_quotes = |line: &[u8]| line.iter().fold(false, |odd, &byte| odd ^ (byte == b'"'));
    let (attacked, alone) = (scenario.request(&head), scenario.request(&Head::default()));
    let glued = |name: &http::HeaderName| {
        // The line that holds the trusted elements holds the attacker's open quote too.
        let odd = |request: &Request<()>| {
            let last = request.headers().get_all(name).iter().next_back();
            last.is_some_and(|line| odd_quotes(line.as_bytes()))
        };
        odd(&attacked) && !odd(&alone)
    };
    let alias = |name: &http::HeaderName| name.as_str().contains('_') && !aimed(name);
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
        ("an absolute-form target", matches!(head.target, Target::Absolute(_))),
        ("a target of another form", !matches!(head.target, Target::Absolute(_) | Target::Origin)),
        ("another Host", !head.hosts.is_empty()),
    ];
    cases.into_iter().filter(|(_, reached)| *reached).map(|(case, _)| case).collect()
}

/// **Non-interference**: whatever the attacker sends, the answer and all that is downstream are
/// what the model says; or the request is rejected, for a fault that the model knows; or, where a
/// proxy obeyed `Connection`, it is rejected or a value is unknown or our own. The target's
/// authority and `Host` are the attacker's own, and count where no trusted header names the host.
pub(crate) fn non_interference(data: &[u8]) -> Verdict {
    let Ok((scenario, head)) = generate(data) else { return Verdict::None };
    let expected = scenario.expected(&head);
    let faults = scenario.faults(&head, true, expected.host.as_deref());
    match scenario.fixed(&head) {
        Err(error) => {
            let obeyed = !head.nominated.is_empty();
            let excused = obeyed || faults.contains(&error.kind());
            assert!(excused, "{error}: {scenario:#?} {head:#?}");
            Verdict::Rejected
        }
        Ok(fixed) => {
            // What is in effect without the dropped headers may be allowed.
            let hosts = |fault: &ErrorKind| *fault == ErrorKind::HostNotAllowed;
            let excused = !head.nominated.is_empty() && faults.iter().all(hosts);
            assert!(faults.is_empty() || excused, "{faults:?}: {scenario:#?} {head:#?}");
            let found = Answer::of(resolved(&fixed));
            let left = Downstream::of(&fixed, &scenario);
            let said = scenario.downstream(&head, &found, true);
            if found == expected && head.nominated.is_empty() {
                assert_eq!(left, said, "{scenario:#?} {head:#?}");
                return Verdict::Truth;
            }
            assert!(
                !head.nominated.is_empty(),
                "{found:?}, not {expected:?}: {scenario:#?} {head:#?}"
            );
            assert_eq!(left.target, said.target);
            for line in &left.headers {
                assert_eq!(Some(line.1), said.headers.get(line.0), "{scenario:#?} {head:#?}");
            }
            falls_back(&found, &expected, &scenario, &head);
            Verdict::Fallback
        }
    }
}

/// Without any trusted header, all is our own. Else each value is the truth, or our own or unknown:
/// the scheme only where the client is unknown, and the client never another one.
fn falls_back(found: &Answer, expected: &Answer, scenario: &Scenario, head: &Head) {
    let own = scenario.own_answer(head, true);
    let arrived = scenario.request(head);
    let case = || format!("{found:?}, not {expected:?}: {scenario:#?} {head:#?}");
    if !scenario.trusted.iter().any(|name| arrived.headers().contains_key(name)) {
        assert_eq!(*found, own, "{}", case());
        return;
    }
    let unknown = found.client == "unknown";
    assert!(found.client == expected.client || unknown, "{}", case());
    let may_fall_back = unknown && scenario.follows_client() || scenario.has(Choice::Lenient);
    // Never upwards: what is lost proves no TLS.
    let lower = found.scheme == Scheme::Http && may_fall_back;
    assert!(found.scheme == expected.scheme || lower, "{}", case());
    assert!([&expected.host, &own.host].contains(&&found.host), "{}", case());
    assert!(["", &expected.prefix].contains(&found.prefix.as_str()), "{}", case());
    // Without its own header, the port is that of the host or of the scheme.
    let follows = [80, 443, 8080, 3000].contains(&found.port) || found.port == own.port;
    assert!(follows, "{}", case());
}

/// **Truth**: without an attacker the answer is what the proxies saw, and nothing is rejected.
pub(crate) fn truth(data: &[u8]) -> Verdict {
    let Ok((scenario, _)) = generate(data) else { return Verdict::None };
    let head = Head::default();
    let fixed = scenario.fixed(&head).unwrap_or_else(|error| panic!("{error}: {scenario:#?}"));
    let expected = scenario.expected(&head);
    assert_eq!(Answer::of(resolved(&fixed)), expected, "{scenario:#?}");
    let left = Downstream::of(&fixed, &scenario);
    assert_eq!(left, scenario.downstream(&head, &expected, true), "{scenario:#?}");
    Verdict::Truth
}

/// **Atomicity**, **idempotence**, and **explain agrees with resolve**: a rejected request is as it
/// was, a fixed one stays as it is, and the three ways to ask answer the same.
pub(crate) fn fix_request_twice(data: &[u8]) -> Verdict {
    let Ok((scenario, head)) = generate(data) else { return Verdict::None };
    let request = scenario.request(&head);
    let config = &scenario.config;
    let peer = request.extensions().get::<Peer>().copied();
    let explained = explain(peer, request.headers(), request.uri(), config);
    let decided = resolve(peer, request.headers(), request.uri(), config);
    let text = |outcome: std::result::Result<&Resolved, &Error>| match outcome {
        Ok(resolved) => format!("{resolved:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(text(explained.outcome()), text(decided.as_ref()));
    assert!(!explained.to_string().is_empty());

    let mut fixed = request.clone();
    match proxyfix::fix_request(&mut fixed, config) {
        Err(error) => {
            assert_eq!(whole(&fixed), whole(&request));
            // Version and method are known to `fix_request` alone.
            if !matches!(error.kind(), ErrorKind::HostMismatch | ErrorKind::InvalidTarget) {
                assert_eq!(Some(&error), decided.as_ref().err());
            }
            Verdict::Rejected
        }
        Ok(()) => {
            assert_eq!(format!("{:?}", resolved(&fixed)), text(decided.as_ref()));
            for name in explained.stripped() {
                assert!(!fixed.headers().contains_key(name), "{name}");
            }
            let once = whole(&fixed);
            proxyfix::fix_request(&mut fixed, config).expect("fixed before");
            assert_eq!(whole(&fixed), once);
            again(&scenario, &head, fixed);
            Verdict::Truth
        }
    }
}

/// What was fixed and is read anew, one element from each header, is as it was: for whoever stands
/// behind a second proxy that passes everything on.
fn again(scenario: &Scenario, head: &Head, mut fixed: Request<()>) {
    let stays = !scenario.has(Choice::Strip) && head.nominated.is_empty();
    // HTTP/2 compares `Host` with the target's authority, which in authority form is not rewritten.
    if !stays || matches!(head.target, Target::Authority { .. } | Target::Asterisk) {
        return;
    }
    let before = (Answer::of(resolved(&fixed)), Downstream::of(&fixed, scenario));
    fixed.extensions_mut().remove::<Resolved>();
    let config = scenario.config_once_fixed();
    proxyfix::fix_request(&mut fixed, &config).unwrap_or_else(|error| {
        panic!("{error}, the second time: {scenario:#?} {head:#?}");
    });
    let after = (Answer::of(resolved(&fixed)), Downstream::of(&fixed, scenario));
    assert_eq!(before, after, "{scenario:#?} {head:#?}");
}

/// All laws of one request: [`truth`], [`fix_request_twice`] and [`untrusted`].
pub(crate) fn fix_request(data: &[u8]) -> Verdict {
    truth(data);
    untrusted(data);
    fix_request_twice(data)
}

/// **A walk never answers with a proxy**, and **from an untrusted peer headers change no answer**.
pub(crate) fn untrusted(data: &[u8]) -> Verdict {
    let Ok((scenario, head)) = generate(data) else { return Verdict::None };
    let walks = scenario.config.to_string().contains("=walk");
    if let (true, Ok(fixed)) = (walks, scenario.fixed(&head)) {
        let client = resolved(&fixed).client_ip();
        let proxies = scenario.chain.proxies.iter().skip(1).map(|proxy| proxy.seen.from);
        assert!(proxies.chain([scenario.chain.peer]).all(|proxy| match proxy {
            chain::Origin::Ip(ip) => Some(ip) != client,
            _ => true,
        }));
    }
    let mut request = scenario.request(&head);
    let stranger = Peer::from(std::net::IpAddr::from([203, 0, 113, 77]));
    let stranger = stranger.with_scheme(scenario.own_answer(&head, false).scheme);
    request.extensions_mut().insert(stranger);
    let mut expected = scenario.own_answer(&head, false);
    expected.client = "203.0.113.77".into();
    let faults = scenario.faults(&head, false, expected.host.as_deref());
    match proxyfix::fix_request(&mut request, &scenario.config) {
        Err(error) => {
            assert!(faults.contains(&error.kind()), "{error}: {scenario:#?} {head:#?}");
            Verdict::Rejected
        }
        Ok(()) => {
            assert_eq!(faults, [], "{scenario:#?} {head:#?}");
            assert_eq!(Answer::of(resolved(&request)), expected, "{scenario:#?} {head:#?}");
            let left = Downstream::of(&request, &scenario);
            assert_eq!(left, scenario.downstream(&head, &expected, false));
            Verdict::Truth
        }
    }
}

/// A hop as plain values, to write and to compare with.
#[derive(Clone, Debug)]
struct Plain {
    ip: Option<std::net::IpAddr>,
    scheme: Option<Scheme>,
    host: Option<(&'static str, Option<u16>)>,
    port: Option<u16>,
    prefix: Option<String>,
}

impl Plain {
    /// All hops of a chain set the same values.
    fn generate(u: &mut Unstructured<'_>, client: bool, sets: u8) -> Result<Self> {
        let ip: std::net::IpAddr = if u.arbitrary::<bool>()? {
            u.arbitrary::<[u8; 4]>()?.into()
        } else {
            u.arbitrary::<[u8; 16]>()?.into()
        };
        let hosts = [
            ("app.example", None),
            ("a.example", Some(81)),
            ("[::1]", Some(65535)),
            ("x_y.example", Some(443)),
        ];
        let segments = u.int_in_range(0..=3)?;
        let mut prefix = String::new();
        for _ in 0..segments {
            prefix.push('/');
            for _ in 0..u.int_in_range(1..=4)? {
                prefix.push_str(u.choose(&[
                    "a", "Z", "9", "-", "~", "%20", "%C3%a9", "!", "'", "(", "=", ":", "@", "$",
                    "&", "*", "+", ";",
                ])?);
            }
        }
        if segments == 0 || u.ratio(1, 4)? {
            prefix.push('/');
        }
        Ok(Self {
            ip: (client || u.ratio(3, 4)?).then_some(ip),
            scheme: Some(*u.choose(&[Scheme::Http, Scheme::Https])?).filter(|_| sets & 1 == 0),
            host: Some(*u.choose(&hosts)?).filter(|_| sets & 2 == 0),
            port: Some(u.int_in_range(1..=65535)?).filter(|_| sets & 4 == 0),
            prefix: Some(prefix).filter(|_| sets & 8 == 0),
        })
    }

    fn hop(&self) -> Hop {
        let mut hop = Hop::new(self.ip.map_or(Peer::UNIX, Peer::from));
        if let Some(scheme) = self.scheme {
            hop = hop.scheme(scheme);
        }
        if let Some((name, port)) = self.host {
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            hop = hop.host(format!("{name}{port}")).expect("a host");
        }
        if let Some(port) = self.port {
            hop = hop.port(port);
        }
        match &self.prefix {
            Some(prefix) => hop.prefix(prefix).expect("a prefix"),
            None => hop,
        }
    }

    /// What a reader of this family believes.
    fn answer(&self, family: Family) -> Answer {
        let ip = self.ip.map(|ip| ip.to_canonical());
        let scheme = self.scheme.unwrap_or(Scheme::Http);
        // `Forwarded` has a port with a host only, and no prefix.
        let x = family == Family::XForwarded;
        let stated = self.port.filter(|_| x || self.host.is_some());
        let prefix = self.prefix.as_deref().unwrap_or_default();
        Answer {
            client: match ip {
                None => "unknown".into(),
                Some(std::net::IpAddr::V4(ip)) => ip.to_string(),
                Some(std::net::IpAddr::V6(ip)) => format!("[{ip}]"),
            },
            scheme,
            host: self.host.map(|(name, _)| name.to_owned()),
            port: stated.or_else(|| self.host?.1).unwrap_or_else(|| scheme.default_port()),
            prefix: if x { prefix.trim_end_matches('/').to_owned() } else { String::new() },
        }
    }
}

/// **Round trip**: *n* hops written with `Append` and read with count *n* give back the first hop,
/// whatever was inherited; and no one rejects it. Of `Forwarded`, a reader who lexes from the left
/// finds the same elements.
pub(crate) fn round_trip(data: &[u8]) -> Verdict {
    fn case(data: &[u8]) -> Result<(bool, HeaderMap, Vec<Plain>)> {
        let mut u = Unstructured::new(data);
        let (forwarded, count, sets) =
            (u.arbitrary()?, u.int_in_range(1..=4)?, u.int_in_range(0..=15)?);
        let mut hops = Vec::new();
        for number in 0..count {
            hops.push(Plain::generate(&mut u, number == 0, sets)?);
        }
        let names = [
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
            "x-forwarded-port",
            "x-forwarded-prefix",
        ];
        let names = names.map(http::HeaderName::from_static);
        Ok((forwarded, Head::generate(&mut u, &names)?.lines, hops))
    }
    let Ok((forwarded, mut headers, hops)) = case(data) else { return Verdict::None };
    let (family, count) =
        (if forwarded { Family::Forwarded } else { Family::XForwarded }, hops.len());
    let first = &hops[0];
    let mut trust = format!("for={count}");
    for (key, set) in [
        ("proto", first.scheme.is_some()),
        ("host", first.host.is_some()),
        ("port", first.port.is_some()),
        ("prefix", first.prefix.is_some()),
    ] {
        if set {
            trust.extend([" ", key, "=", &count.to_string()]);
        }
    }
    if forwarded {
        trust = format!("forwarded={count}");
    }
    let config: Config = format!("proxies=unix {trust}").parse().expect("valid");
    for hop in &hops {
        write(&mut headers, &hop.hop(), family, WriteMode::Append).expect("room");
    }
    let read = resolve(Peer::UNIX, &headers, &Uri::default(), &config).expect("valid");
    assert_eq!(Answer::of(&read), first.answer(family), "{headers:?}");
    if forwarded {
        let line = headers["forwarded"].as_bytes();
        assert_eq!(headers.get_all("forwarded").iter().count(), 1);
        let ours: Vec<_> = forwarded_elements(&headers)
            .map(|element| element.expect("parses").as_bytes().to_vec())
            .collect();
        let theirs: Vec<_> = reference::split(line).into_iter().rev().collect();
        assert_eq!(ours, theirs, "{headers:?}");
        assert!(ours.len() >= count);
    }
    Verdict::Truth
}

/// **Parse, print, parse**: what a value prints as is read as the same value; no text panics.
pub(crate) fn config_text(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::None };
    let mut verdict = Verdict::Rejected;
    if let Ok(node) = text.parse::<Node>() {
        assert_eq!(node.to_string().parse::<Node>().as_ref(), Ok(&node));
        verdict = Verdict::Truth;
    }
    if let Ok(scheme) = text.parse::<Scheme>() {
        assert_eq!(scheme.to_string().parse::<Scheme>().as_ref(), Ok(&scheme));
        verdict = Verdict::Truth;
    }
    if let Ok(config) = text.parse::<Config>() {
        assert_eq!(config.to_string().parse::<Config>().as_ref(), Ok(&config));
        assert_eq!(config.to_builder().build().as_ref(), Ok(&config));
        verdict = Verdict::Truth;
    }
    if let Ok(proxies) = text.parse::<proxyfix::TrustedProxies>() {
        assert_eq!(proxies.to_string().parse().as_ref(), Ok(&proxies));
        verdict = Verdict::Truth;
    }
    verdict
}

/// Every element that parses can be asked for anything; none panics.
fn elements(headers: &HeaderMap) {
    for element in forwarded_elements(headers).flatten() {
        let _ = (element.for_node(), element.by_node(), element.host(), element.proto());
        assert!(element.parameter("for").is_some() || element.for_node() == Ok(None));
    }
}

/// Field lines of one header, and a count: the first byte counts, the rest are lines.
fn lines<'a>(name: &'static str, data: &'a [u8]) -> Option<(usize, Vec<&'a [u8]>, HeaderMap)> {
    let (first, rest) = data.split_first()?;
    let lines: Vec<_> = rest.split(|&byte| byte == b'\n').collect();
    let mut headers = HeaderMap::new();
    for line in &lines {
        headers.append(name, http::HeaderValue::from_bytes(line).ok()?);
    }
    // Longer elements are refused, which the RFC does not.
    (data.len() < 4096).then_some((usize::from(first % 4) + 1, lines, headers))
}

/// **An independent reading agrees**, of `X-Forwarded-For`.
pub(crate) fn x_forwarded(data: &[u8]) -> Verdict {
    let Some((count, lines, headers)) = lines("x-forwarded-for", data) else {
        return Verdict::None;
    };
    let config: Config = format!("proxies=any for={count}").parse().expect("valid");
    let found = resolve(None, &headers, &Uri::default(), &config);
    let Some(elements) = reference::x_list(&lines) else { return Verdict::None };
    let expected = match elements.len().checked_sub(count) {
        None => Err(ErrorKind::Short),
        Some(at) => reference::node(&elements[at], true).ok_or(ErrorKind::InvalidNode),
    };
    let found = found.map(|found| found.client().to_string()).map_err(|error| error.kind());
    assert_eq!(found, expected, "{elements:?}");
    if expected.is_ok() { Verdict::Truth } else { Verdict::Rejected }
}

/// **An independent reading agrees**, of the other headers of the X-Forwarded family, of a walk, and of
/// prefixes that are joined. The first byte says which, and the count.
pub(crate) fn x_scalars(data: &[u8]) -> Verdict {
    const CASES: [(&str, &str); 6] = [
        ("x-forwarded-for", "for=walk"),
        ("x-forwarded-proto", "proto="),
        ("x-forwarded-host", "host="),
        ("x-forwarded-port", "port="),
        ("x-forwarded-prefix", "prefix="),
        ("x-forwarded-prefix", "prefix=join:"),
    ];
    let Some(first) = data.first() else { return Verdict::None };
    let (name, rule) = CASES[usize::from(first / 4) % CASES.len()];
    let Some((count, lines, headers)) = lines(name, data) else { return Verdict::None };
    let Some(elements) = reference::x_list(&lines) else { return Verdict::None };
    let walk = rule == "for=walk";
    let trust = if walk { rule.to_owned() } else { format!("{rule}{count}") };
    let config: Config = format!("proxies=10.0.0.0/8 {trust}").parse().expect("valid");
    let peer = Peer::from(std::net::IpAddr::from([10, 0, 0, 1]));
    let found = resolve(peer, &headers, &Uri::default(), &config);

    let last = elements.len().checked_sub(count).and_then(|at| elements.get(at..));
    let nth = last.and_then(|last| last.first());
    let expected = match rule {
        "for=walk" => walked(&elements),
        "proto=" => nth.and_then(|text| reference::scheme(text)).map(str::to_owned),
        "host=" => nth.and_then(|text| reference::authority(text, "http")),
        "port=" => nth.and_then(|text| reference::port(text)).map(|port| port.to_string()),
        "prefix=" => nth.and_then(|text| reference::prefix(text)).map(str::to_owned),
        _ => last.and_then(|last| {
            last.iter().map(|text| reference::prefix(text).map(str::to_owned)).collect()
        }),
    };
    let found = found.ok().map(|found| match rule {
        "for=walk" => found.client().to_string(),
        "proto=" => found.scheme().to_string(),
        "host=" => found.authority().map(ToString::to_string).unwrap_or_default(),
        "port=" => found.port().to_string(),
        _ => found.prefix().to_owned(),
    });
    assert_eq!(found, expected, "{config}: {elements:?}");
    if expected.is_some() { Verdict::Truth } else { Verdict::Rejected }
}

/// A walk past 10.0.0.0/8; 16 proxies at most.
fn walked(elements: &[String]) -> Option<String> {
    let mut passed = 0;
    for element in elements.iter().rev() {
        let node = reference::node(element, true)?;
        if element == "unix:" || !node.starts_with("10.") {
            return Some(node);
        }
        passed += 1;
        if passed > 16 {
            return None;
        }
    }
    Some("unknown".to_owned())
}

/// **An independent reading agrees**, of `Forwarded`.
pub(crate) fn forwarded(data: &[u8]) -> Verdict {
    let Some((count, lines, headers)) = lines("forwarded", data) else { return Verdict::None };
    elements(&headers);
    let config: Config = format!("proxies=any forwarded={count}").parse().expect("valid");
    let found = resolve(None, &headers, &Uri::default(), &config);
    let Some(said) = reference::forwarded_list(&lines) else { return Verdict::None };
    let expected = match said.len().checked_sub(count) {
        None => None,
        Some(at) => Some(&said[at]).filter(|said| !said.repeats).and_then(|said| {
            let node = match &said.node {
                None => "unknown".to_owned(),
                Some(text) => reference::node(text, false)?,
            };
            let scheme = said.proto.as_deref().map_or(Some("http"), reference::scheme)?;
            let host = match said.host.as_deref() {
                None | Some("") => None,
                Some(text) => Some(reference::authority(text, scheme)?),
            };
            Some((node, scheme.to_owned(), host))
        }),
    };
    let found = found.ok().map(|found| {
        let host = found.authority().map(ToString::to_string);
        (found.client().to_string(), found.scheme().to_string(), host)
    });
    assert_eq!(found, expected, "{said:?}");
    if expected.is_some() { Verdict::Truth } else { Verdict::Rejected }
}

fn resolved(request: &Request<()>) -> &Resolved {
    request.extensions().get().expect("a fixed request")
}

fn whole(request: &Request<()>) -> String {
    let headers: Vec<_> = request.headers().iter().collect();
    format!(
        "{} {:?} {headers:?} {:?}",
        request.uri(),
        request.version(),
        request.extensions().get::<Resolved>()
    )
}
