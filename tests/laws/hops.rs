//! The law of [`write()`]: `proxyfix` reads what hops write.

use std::net::IpAddr;

use arbitrary::{Result, Unstructured};
use http::{HeaderMap, Uri};
use proxyfix::{Config, Family, Hop, Peer, Scheme, WriteMode, forwarded_elements, resolve, write};

use super::{Verdict, answer::Answer, head::Head, reference};

/// A hop as plain values, to write and to compare with.
#[derive(Clone, Debug)]
struct Plain {
    ip: Option<IpAddr>,
    scheme: Option<Scheme>,
    host: Option<(&'static str, Option<u16>)>,
    port: Option<u16>,
    prefix: Option<String>,
}

impl Plain {
    /// All hops of a chain set the same values.
    fn generate(u: &mut Unstructured<'_>, client: bool, sets: u8) -> Result<Self> {
        let ip: IpAddr = if u.arbitrary::<bool>()? {
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

    /// What is believed of the headers of this family.
    fn answer(&self, family: Family) -> Answer {
        let ip = self.ip.map(|ip| ip.to_canonical());
        let scheme = self.scheme.unwrap_or(Scheme::Http);
        // `Forwarded` has a port only together with a host, and no prefix.
        let x = family == Family::XForwarded;
        let stated = self.port.filter(|_| x || self.host.is_some());
        let prefix = self.prefix.as_deref().unwrap_or_default();
        Answer {
            client: match ip {
                None => "unknown".into(),
                Some(IpAddr::V4(ip)) => ip.to_string(),
                Some(IpAddr::V6(ip)) => format!("[{ip}]"),
            },
            scheme,
            host: self.host.map(|(name, _)| name.to_owned()),
            port: stated.or_else(|| self.host?.1).unwrap_or_else(|| scheme.default_port()),
            prefix: if x { prefix.trim_end_matches('/').to_owned() } else { String::new() },
        }
    }
}

/// **Round trip**: *n* hops written with `Append` and read with count *n* give back the first hop, no
/// matter what was inherited, and the request is not rejected. A parser that reads `Forwarded` from the left
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
