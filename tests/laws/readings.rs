//! The laws of texts: an [independent parser](super::reference) of each header agrees, and the printed form of
//! a value is read as the same value.

use http::{HeaderMap, Uri};
use proxyfix::{
    Config, ErrorKind, Node, Peer, Scheme, TrustedProxies, forwarded_elements, resolve,
};

use super::{Verdict, reference};

/// **Parse, print, parse**: the printed form of a value is read as the same value, and no text causes a panic.
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
    if let Ok(proxies) = text.parse::<TrustedProxies>() {
        assert_eq!(proxies.to_string().parse().as_ref(), Ok(&proxies));
        verdict = Verdict::Truth;
    }
    verdict
}

/// Every method of every parsed element can be called without a panic.
fn elements(headers: &HeaderMap) {
    for element in forwarded_elements(headers).flatten() {
        let _ = (element.for_node(), element.by_node(), element.host(), element.proto());
        assert!(element.parameter("for").is_some() || element.for_node() == Ok(None));
    }
}

/// Field lines of one header, and a count: the first byte is the count, the rest are lines.
fn lines<'a>(name: &'static str, data: &'a [u8]) -> Option<(usize, Vec<&'a [u8]>, HeaderMap)> {
    let (first, rest) = data.split_first()?;
    let lines: Vec<_> = rest.split(|&byte| byte == b'\n').collect();
    let mut headers = HeaderMap::new();
    for line in &lines {
        headers.append(name, http::HeaderValue::from_bytes(line).ok()?);
    }
    // We refuse longer elements; the RFC does not.
    (data.len() < 4096).then_some((usize::from(first % 4) + 1, lines, headers))
}

/// **An independent reading agrees** on `X-Forwarded-For`.
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

/// **An independent reading agrees** on the other headers of the X-Forwarded family, on a walk, and on joined
/// prefixes. The first byte chooses one of these, and the count.
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

/// **An independent reading agrees** on a list that may name an edge, and on the header of that edge.
/// The lines of the list end at `|`.
pub(crate) fn x_edge(data: &[u8]) -> Verdict {
    let (list, edge) = match data.iter().position(|&byte| byte == b'|') {
        Some(at) => (&data[..at], Some(&data[at..])),
        None => (data, None),
    };
    let Some((count, list, mut headers)) = lines("x-forwarded-for", list) else {
        return Verdict::None;
    };
    let Some(elements) = reference::x_list(&list) else { return Verdict::None };
    let mut said = Some(Vec::new());
    if let Some(edge) = edge {
        let Some((_, edge, more)) = lines("cf-connecting-ip", edge) else { return Verdict::None };
        said = reference::x_list(&edge);
        headers.extend(more);
    }
    let text = format!("proxies=any for={count} edge=10.0.0.0/8 client-ip=CF-Connecting-IP");
    let config: Config = text.parse().expect("valid");
    let found = resolve(None, &headers, &Uri::default(), &config);
    let outermost = elements.len().checked_sub(count).map(|at| &elements[at]);
    let outermost = outermost.and_then(|text| Some((text, reference::node(text, true)?)));
    let expected = outermost.and_then(|(text, node)| {
        // A Unix socket has no address.
        if text == "unix:" || !node.starts_with("10.") {
            return Some(node);
        }
        match said.as_deref() {
            Some([alone]) => reference::node(alone, true),
            _ => None,
        }
    });
    let found = found.ok().map(|found| found.client().to_string());
    assert_eq!(found, expected, "{elements:?} {said:?}");
    if expected.is_some() { Verdict::Truth } else { Verdict::Rejected }
}

/// **An independent reading agrees** on `Forwarded`. The first byte has the count, and also says which
/// elements name the scheme and the host if these are not the client's.
pub(crate) fn forwarded(data: &[u8]) -> Verdict {
    let Some((count, lines, headers)) = lines("forwarded", data) else { return Verdict::None };
    elements(&headers);
    let first = usize::from(data[0]);
    let [proto, host] = [first / 4 % 8, first / 32].map(|n| (1..=4).contains(&n).then_some(n));
    let mut text = format!("proxies=any forwarded={count}");
    for (key, at) in [("proto", proto), ("host", host)] {
        text.extend(at.map(|at| format!(" {key}={at}")));
    }
    let config: Config = text.parse().expect("valid");
    let found = resolve(None, &headers, &Uri::default(), &config);
    let Some(said) = reference::forwarded_list(&lines) else { return Verdict::None };
    let at = |n: usize| {
        let element = said.len().checked_sub(n).map(|at| &said[at]);
        element.filter(|element| !element.repeats)
    };
    let read = || {
        let node = match &at(count)?.node {
            None => "unknown".to_owned(),
            Some(text) => reference::node(text, false)?,
        };
        let scheme = at(proto.unwrap_or(count))?.proto.as_deref();
        let scheme = scheme.map_or(Some("http"), reference::scheme)?;
        let host = match at(host.unwrap_or(count))?.host.as_deref() {
            None | Some("") => None,
            Some(text) => Some(reference::authority(text, scheme)?),
        };
        Some((node, scheme.to_owned(), host))
    };
    let expected = read();
    let found = found.ok().map(|found| {
        let host = found.authority().map(ToString::to_string);
        (found.client().to_string(), found.scheme().to_string(), host)
    });
    assert_eq!(found, expected, "{config} {said:?}");
    if expected.is_some() { Verdict::Truth } else { Verdict::Rejected }
}
