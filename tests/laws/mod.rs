//! The laws that hold for every request: one body of code for the property tests and the fuzz
//! targets. Each takes bytes, makes a case of them, and panics where the law is broken.
//!
//! A case is a configuration, a chain of one to four honest proxies and an attacker's head. The
//! proxies append with a comma or a line, overwrite, or use `write`; some obey `Connection`, some
//! relay it. What they wrote is known from the model, so the answer is known without reading any
//! header, and the laws compare with that: stronger than to compare two attackers with each other.
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
    head::Head,
    scenario::{Scenario, answer, downstream, own_answer},
};

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// The bytes made no case.
    None,
    /// The answer is the truth.
    Truth,
    /// A value is unknown or our own, for a proxy obeyed `Connection`.
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
    let request = scenario.request(&head);
    let glued = |name: &http::HeaderName| {
        // The line that holds the trusted elements holds the attacker's open quote too.
        let last = request.headers().get_all(name).iter().next_back();
        last.is_some_and(|line| odd_quotes(line.as_bytes()))
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
        ("an absolute-form target", head.target_scheme.is_some()),
        ("Host beside it", !head.hosts.is_empty()),
    ];
    cases.into_iter().filter(|(_, reached)| *reached).map(|(case, _)| case).collect()
}

/// **Non-interference**: whatever the attacker sends, the answer and all that is downstream are
/// what they are without it; or the request is rejected; or, where a proxy obeyed `Connection`, a
/// value is unknown or our own. Without `Connection`, `Host` and target, nothing is rejected.
pub(crate) fn non_interference(data: &[u8]) -> Verdict {
    let Ok((scenario, head)) = generate(data) else { return Verdict::None };
    let expected = scenario.expected();
    let harmless = head.nominated.is_empty() && head.hosts.is_empty();
    match (scenario.fixed(&head), &expected) {
        (Ok(fixed), Ok(expected)) => {
            let found = answer(resolved(&fixed));
            if found == *expected {
                let alone = scenario.fixed(&Head::default()).expect("not rejected alone");
                if head.nominated.is_empty() {
                    assert_eq!(downstream(&fixed), downstream(&alone), "{scenario:#?} {head:#?}");
                }
                return Verdict::Truth;
            }
            assert!(
                !head.nominated.is_empty(),
                "{found:?}, not {expected:?}: {scenario:#?} {head:#?}"
            );
            falls_back(&found, expected, &scenario, &head);
            Verdict::Fallback
        }
        (Ok(fixed), Err(_)) => {
            assert!(!head.nominated.is_empty(), "{scenario:#?} {head:#?}");
            // What would be short is absent. The client is still no other.
            let client = &answer(resolved(&fixed))[0];
            let excused = *client == scenario.expected_client() || client == "unknown";
            assert!(excused, "{client}: {scenario:#?} {head:#?}");
            Verdict::Fallback
        }
        (Err(error), expected) => {
            let kind = error.kind();
            let excused = !harmless || expected.as_ref().err() == Some(&kind);
            assert!(excused, "{error}: {scenario:#?} {head:#?}");
            Verdict::Rejected
        }
    }
}

/// Each value is the truth or a fallback, and the client is never another one.
fn falls_back(found: &[String; 5], expected: &[String; 5], scenario: &Scenario, head: &Head) {
    let own = own_answer();
    for (at, value) in found.iter().enumerate() {
        // Without its own header, the port is that of the host or of the scheme, each as the
        // proxies or we know it; the attacker writes others.
        let follows = at == 3 && ["80", "443", "8080", "3000"].contains(&value.as_str());
        let excused = *value == expected[at] || *value == own[at] || follows;
        assert!(excused, "{found:?}, not {expected:?}: {scenario:#?} {head:#?}");
    }
}

/// **Truth**: without an attacker the answer is what the proxies saw, and nothing is rejected.
pub(crate) fn truth(data: &[u8]) -> Verdict {
    let Ok((scenario, _)) = generate(data) else { return Verdict::None };
    let found = scenario.fixed(&Head::default()).map(|fixed| answer(resolved(&fixed)));
    assert_eq!(found.map_err(|error| error.kind()), scenario.expected(), "{scenario:#?}");
    Verdict::Truth
}

/// **Atomicity**, **idempotence**, and **explain agrees with resolve**: a rejected request is as it
/// was, a fixed one stays as it is, and the three ways to ask answer the same.
pub(crate) fn fix_request_twice(data: &[u8]) -> Verdict {
    let Ok((scenario, head)) = generate(data) else { return Verdict::None };
    let request = scenario.request(&head);
    let config = &scenario.config;
    let peer = Peer::from(scenario.chain.peer);
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
            // The version is known to `fix_request` alone.
            if error.kind() != ErrorKind::HostMismatch {
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
            Verdict::Truth
        }
    }
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
        assert!(proxies.chain([scenario.chain.peer]).all(|proxy| Some(proxy) != client));
    }
    let stranger = scenario.chain.proxies[0].seen.from;
    let fix = |mut request: Request<()>| {
        request.extensions_mut().insert(Peer::from(stranger));
        proxyfix::fix_request(&mut request, &scenario.config).map(|()| request)
    };
    let Ok(fixed) = fix(scenario.request(&head)) else { return Verdict::Rejected };
    let mut expected = own_answer();
    expected[0] = stranger.to_string();
    assert_eq!(answer(resolved(&fixed)), expected);
    let mut bare = scenario.request(&head);
    *bare.headers_mut() = HeaderMap::new();
    bare.headers_mut().insert("host", fixed.headers()["host"].clone());
    assert_eq!(downstream(&fixed), downstream(&fix(bare).expect("no header, no error")));
    Verdict::Truth
}

/// **Round trip**: *n* hops written with `Append` and read with count *n* give back what the first
/// hop saw, whatever was inherited; and no one rejects it.
pub(crate) fn round_trip(data: &[u8]) -> Verdict {
    fn case(data: &[u8]) -> Result<(bool, usize, HeaderMap, Vec<Hop>)> {
        let mut u = Unstructured::new(data);
        let (forwarded, count) = (u.arbitrary()?, u.int_in_range(1..=4)?);
        let mut hops = Vec::new();
        for number in 0..count {
            let peer: std::net::IpAddr = if u.arbitrary::<bool>()? {
                u.arbitrary::<[u8; 4]>()?.into()
            } else {
                u.arbitrary::<[u8; 16]>()?.into()
            };
            let peer = if number == 0 || u.ratio(3, 4)? { Peer::from(peer) } else { Peer::UNIX };
            let scheme = *u.choose(&[Scheme::Http, Scheme::Https])?;
            let hosts = ["app.example", "a.example:81", "[::1]:65535", "x_y.example:443"];
            let hop = Hop::new(peer).scheme(scheme).host(u.choose(&hosts)?).expect("a host");
            let hop = hop.port(u.int_in_range(1..=65535)?);
            hops.push(hop.prefix(u.choose(&["/", "/a", "/b/c"])?).expect("a prefix"));
        }
        let names =
            ["forwarded", "x-forwarded-for", "x-forwarded-host"].map(http::HeaderName::from_static);
        Ok((forwarded, count, Head::generate(&mut u, &names)?.lines, hops))
    }
    let Ok((forwarded, count, mut headers, hops)) = case(data) else { return Verdict::None };
    let family = if forwarded { Family::Forwarded } else { Family::XForwarded };
    let trust = if forwarded {
        format!("forwarded={count}")
    } else {
        format!("for={count} proto={count} host={count} port={count} prefix={count}")
    };
    let config: Config = format!("proxies=unix {trust}").parse().expect("valid");
    let mut alone = HeaderMap::new();
    write(&mut alone, &hops[0], family, WriteMode::Append).expect("room");
    let first: Config =
        config.to_string().replace(&format!("={count}"), "=1").parse().expect("valid");
    for hop in &hops {
        write(&mut headers, hop, family, WriteMode::Append).expect("room");
    }
    let read = |headers: &HeaderMap, config: &Config| {
        resolve(Peer::UNIX, headers, &Uri::default(), config).map(|resolved| answer(&resolved))
    };
    assert_eq!(read(&headers, &config).expect("valid"), read(&alone, &first).expect("valid"));
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
