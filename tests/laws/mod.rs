//! The laws that hold for every request. The property tests and the fuzz targets share this code. Each law
//! takes bytes, makes a case of them, and panics if the law is broken.
//!
//! A case is a configuration, a chain of one to four honest proxies and an attacker's head. The
//! proxies append with a comma or a line, overwrite, or use `write`; some obey `Connection`, some
//! relay it. A CDN may be in front of them, and the attacker may bypass it. One of them may send a secret,
//! or a header that only proxies may send, and there may be other ways in. The model knows what they wrote,
//! so it knows the answer, all headers downstream and the target without reading any header. The laws compare
//! with the model, which is stronger than a comparison of two attackers with each other.
//!
//! | module | what it has |
//! |---|---|
//! | `proxy`, `chain` | the proxies |
//! | `head` | the attacker's request |
//! | `settings` | the configurations that fit the proxies |
//! | `scenario`, `faults` | a configuration and proxies: the answer, and the faults of a head |
//! | `answer` | what is believed, and what is downstream |
//! | `hard` | the hard cases |
//! | `layer`, `trailers` | laws that only `tests/properties.rs` uses |
//! | `gate`, `hops`, `readings`, `reference` | laws that need no scenario |
#![allow(dead_code, unused_imports, reason = "each test and fuzz target uses a part")]

pub(crate) mod answer;
pub(crate) mod chain;
mod faults;
mod gate;
pub(crate) mod hard;
pub(crate) mod head;
pub(crate) mod hops;
pub(crate) mod proxy;
pub(crate) mod readings;
pub(crate) mod reference;
pub(crate) mod scenario;
pub(crate) mod settings;

use arbitrary::{Result, Unstructured};
use http::{HeaderName, Request, Uri};
use proxyfix::{Error, ErrorKind, Peer, Resolved, Scheme, explain, resolve};

use self::{
    answer::{Answer, Downstream},
    head::{Head, Target},
    proxy::Origin,
    scenario::{Scenario, Sender},
    settings::{Choice, Rule, SECRET_HEADER, SECRETS},
};
pub(crate) use self::{
    gate::gate,
    hard::hard_cases,
    hops::round_trip,
    readings::{config_text, forwarded, x_edge, x_forwarded, x_scalars},
};

/// The result of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// The bytes are not a case.
    None,
    /// The answer is the truth.
    Truth,
    /// `Connection` names headers. Each value is the truth, unknown or our own.
    Fallback,
    /// The request was rejected.
    Rejected,
}

/// The case that the bytes make.
pub(crate) fn generate(data: &[u8]) -> Result<(Scenario, Head)> {
    let mut u = Unstructured::new(data);
    let scenario = Scenario::generate(&mut u)?;
    let head = Head::generate(&mut u, &scenario.named)?;
    Ok((scenario, head))
}

/// **Non-interference**: whatever the attacker sends, the answer and everything downstream are what the
/// model says, or the request is rejected for a fault that the model knows. If a proxy obeyed `Connection`,
/// the request may also be rejected, and a value may be unknown or our own. The attacker chooses the target's
/// authority and `Host`, and they are used if no trusted header names the host.
pub(crate) fn non_interference(data: &[u8]) -> Verdict {
    let Ok((scenario, head)) = generate(data) else { return Verdict::None };
    let expected = scenario.expected(&head);
    let faults = scenario.faults(&head, scenario.sender(), &expected);
    match scenario.fixed(&head) {
        Err(error) => {
            let obeyed = !head.nominated.is_empty();
            let excused = obeyed || faults.contains(&error.kind());
            assert!(excused, "{error}: {scenario:#?} {head:#?}");
            Verdict::Rejected
        }
        Ok(fixed) => {
            // The host in effect without the dropped headers may be allowed.
            let hosts = |fault: &ErrorKind| {
                matches!(fault, ErrorKind::HostNotAllowed | ErrorKind::MissingHost)
            };
            let excused = !head.nominated.is_empty() && faults.iter().all(hosts);
            assert!(faults.is_empty() || excused, "{faults:?}: {scenario:#?} {head:#?}");
            let found = Answer::of(resolved(&fixed));
            let left = Downstream::of(&fixed, &scenario);
            let said = scenario.downstream(&head, &found, scenario.sender());
            if found == expected && head.nominated.is_empty() {
                assert_eq!(left, said, "{scenario:#?} {head:#?}");
                return Verdict::Truth;
            }
            assert!(
                !head.nominated.is_empty(),
                "{found:?}, not {expected:?}: {scenario:#?} {head:#?}"
            );
            assert_eq!((&left.target, left.others), (&said.target, said.others));
            for line in &left.headers {
                assert_eq!(Some(line.1), said.headers.get(line.0), "{scenario:#?} {head:#?}");
            }
            falls_back(&found, &expected, &scenario, &head);
            Verdict::Fallback
        }
    }
}

/// Without any trusted header, or without the secret, all values are our own. Otherwise each value is the
/// truth, our own, or unknown. The scheme may be our own only if the client is unknown, and the client is never
/// another one.
fn falls_back(found: &Answer, expected: &Answer, scenario: &Scenario, head: &Head) {
    let own = scenario.own_answer(head, Sender::Proxy);
    let arrived = scenario.request(head);
    let case = || format!("{found:?}, not {expected:?}: {scenario:#?} {head:#?}");
    let has = |name: &HeaderName| arrived.headers().contains_key(name);
    let is_proved = scenario.secret.is_none() || has(&HeaderName::from_static(SECRET_HEADER));
    if !is_proved || !scenario.trusted.iter().any(has) {
        assert_eq!(*found, own, "{}", case());
        return;
    }
    let unknown = found.client == "unknown";
    assert!(found.client == expected.client || unknown, "{}", case());
    let may_fall_back = unknown && scenario.follows_client() || scenario.has(Choice::Lenient);
    // The scheme never rises to `https`: a lost header does not prove TLS.
    let lower = found.scheme == Scheme::Http && may_fall_back;
    assert!(found.scheme == expected.scheme || lower, "{}", case());
    assert!([&expected.host, &own.host].contains(&&found.host), "{}", case());
    assert!(["", &expected.prefix].contains(&found.prefix.as_str()), "{}", case());
    // Without its own header, the port is that of the host or of the scheme.
    let follows = [80, 443, 8080].contains(&found.port) || found.port == own.port;
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
    assert_eq!(left, scenario.downstream(&head, &expected, scenario.sender()), "{scenario:#?}");
    Verdict::Truth
}

/// **Atomicity**, **idempotence**, and **explain agrees with resolve**: a rejected request is unchanged, a
/// fixed one stays the same if fixed again, and the three functions give the same answer.
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
    assert_hidden(&format!("{explained} {explained:?} {config} {config:?}"));

    let mut fixed = request.clone();
    match proxyfix::fix_request(&mut fixed, config) {
        Err(error) => {
            assert_eq!(whole(&fixed), whole(&request));
            assert_hidden(&format!("{error} {error:?}"));
            // Only `fix_request` knows version and method.
            if !matches!(error.kind(), ErrorKind::HostMismatch | ErrorKind::InvalidTarget) {
                assert_eq!(Some(&error), decided.as_ref().err());
            }
            Verdict::Rejected
        }
        Ok(()) => {
            assert_eq!(format!("{:?}", resolved(&fixed)), text(decided.as_ref()));
            assert_hidden(&text(decided.as_ref()));
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

/// Panics if a text contains a secret.
fn assert_hidden(text: &str) {
    let shown = SECRETS.iter().any(|secret| text.contains(secret));
    assert!(!shown, "a secret is shown: {text}");
}

/// A fixed request gives the same answer if it is read again, one element from each header, as an application
/// behind a second proxy that passes everything on does.
fn again(scenario: &Scenario, head: &Head, mut fixed: Request<()>) {
    let stays = !scenario.has(Choice::Strip) && head.nominated.is_empty();
    // In HTTP/2, `Host` is compared with the target's authority, which is not rewritten in authority form.
    if !stays || matches!(head.target, Target::Authority | Target::Asterisk) {
        return;
    }
    let mut before = (Answer::of(resolved(&fixed)), Downstream::of(&fixed, scenario));
    // The list now names no edge, so the edge's own header counts as a stranger's.
    if let Some((edge, _)) = &scenario.edge {
        before.1.headers.remove(edge.as_str());
    }
    fixed.extensions_mut().remove::<Resolved>();
    let config = scenario.config_once_fixed();
    proxyfix::fix_request(&mut fixed, &config).unwrap_or_else(|error| {
        panic!("{error}, the second time: {scenario:#?} {head:#?}");
    });
    let after = (Answer::of(resolved(&fixed)), Downstream::of(&fixed, scenario));
    assert_eq!(before, after, "{scenario:#?} {head:#?}");
}

/// All laws of one request: [`truth`], [`fix_request_twice`], [`untrusted`] and [`redirects`].
pub(crate) fn fix_request(data: &[u8]) -> Verdict {
    truth(data);
    untrusted(data);
    redirects(data);
    fix_request_twice(data)
}

/// **A walk never answers with a proxy**, and **from an untrusted peer headers change no answer**. Such a
/// peer is not in `proxies`, or does not know the secret.
pub(crate) fn untrusted(data: &[u8]) -> Verdict {
    let Ok((scenario, head)) = generate(data) else { return Verdict::None };
    if let (Some(Rule::Walk), Ok(fixed)) = (scenario.rules[0], scenario.fixed(&head)) {
        let client = resolved(&fixed).client_ip();
        let proxies = scenario.chain.proxies.iter().skip(1).map(|proxy| proxy.seen.from);
        assert!(proxies.chain([scenario.chain.peer]).all(|proxy| match proxy {
            Origin::Ip(ip) => Some(ip) != client,
            _ => true,
        }));
    }
    let (mut request, sender) = by_stranger(&scenario, &head);
    let mut expected = scenario.own_answer(&head, sender);
    if sender == Sender::Stranger {
        expected.client = STRANGER.into();
    }
    let faults = scenario.faults(&head, sender, &expected);
    match proxyfix::fix_request(&mut request, &scenario.config) {
        Err(error) => {
            assert!(faults.contains(&error.kind()), "{error}: {scenario:#?} {head:#?}");
            Verdict::Rejected
        }
        Ok(()) => {
            assert_eq!(faults, [], "{scenario:#?} {head:#?}");
            assert_eq!(Answer::of(resolved(&request)), expected, "{scenario:#?} {head:#?}");
            let left = Downstream::of(&request, &scenario);
            assert_eq!(
                left,
                scenario.downstream(&head, &expected, sender),
                "{scenario:#?} {head:#?}"
            );
            Verdict::Truth
        }
    }
}

const STRANGER: &str = "203.0.113.77";

/// The same request from a stranger, who does not know the secret.
pub(crate) fn by_stranger(scenario: &Scenario, head: &Head) -> (Request<()>, Sender) {
    let mut request = scenario.request(head);
    scenario.forget_secret(&mut request);
    let stranger = Peer::from(STRANGER.parse::<std::net::IpAddr>().expect("an address"));
    let scheme = scenario.own_answer(head, Sender::Stranger).scheme;
    request.extensions_mut().insert(stranger.with_scheme(scheme));
    let sender = if scenario.has(Choice::Any) { Sender::Unproved } else { Sender::Stranger };
    (request, sender)
}

/// The URL that a service redirects to for a directory without its slash.
fn of_directory(uri: &Uri) -> Uri {
    let mut parts = uri.clone().into_parts();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = format!("{}/{query}", uri.path());
    parts.path_and_query = Some(path.parse().expect("a path"));
    Uri::from_parts(parts).expect("a location")
}

/// **Redirects**: a service that builds `Location` from the URI, as for a directory without its slash,
/// sends the client to the scheme and authority of [`Resolved`]. Its host is one that a proxy saw or that the
/// client asked for.
pub(crate) fn redirects(data: &[u8]) -> Verdict {
    let Ok((scenario, head)) = generate(data) else { return Verdict::None };
    let mut verdict = Verdict::None;
    for mut request in [scenario.request(&head), by_stranger(&scenario, &head).0] {
        if !head.has_path() {
            return Verdict::None;
        }
        if proxyfix::fix_request(&mut request, &scenario.config).is_err() {
            continue;
        }
        let answer = Answer::of(resolved(&request));
        let location = of_directory(request.uri()).into_parts();
        let origin = (location.scheme, location.authority);
        // For a client that names no host, there is no authority.
        let expected = answer.host.as_ref().map(|_| (answer.scheme.as_str(), answer.authority()));
        let found = origin.0.as_ref().zip(origin.1.as_ref());
        let found = found.map(|(scheme, authority)| (scheme.as_str(), authority.to_string()));
        assert_eq!(found, expected, "{scenario:#?} {head:#?}");
        let known = |host: &String| {
            let seen = scenario.chain.proxies.iter().any(|proxy| {
                proxy
                    .seen
                    .host
                    .strip_prefix(host.as_str())
                    .is_some_and(|port| port.is_empty() || port.starts_with(':'))
            });
            seen || head.host() == Some(host)
        };
        assert!(answer.host.iter().all(known), "{scenario:#?} {head:#?}");
        verdict = Verdict::Truth;
    }
    verdict
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
