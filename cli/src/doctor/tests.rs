//! The manual has every finding; and behind every modelled proxy the derived line survives `proxyfix attack`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Parser as _;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use proxyfix::{Peer, Scheme};
use proxyfix_doctor::{
    arrived::Arrived,
    infer::{CODES, Report, infer},
    probe::{Catalogue, Kind, Probe},
    record::{Exchange, Outcome, Protocol, Recording, Way},
};

use super::{SECTIONS, save, section};
use crate::{
    args::{Arguments, Command},
    attack,
    model::{Chain, Client, Sent, all, link},
};

/// Each finding has a section in the manual, in the order of the code, and no other section is there.
#[test]
fn each_code_has_a_section() {
    let sections: Vec<_> = SECTIONS.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(sections, CODES);
    for code in CODES {
        assert!(section(code).is_some_and(|text| text.lines().count() > 2), "{code}");
    }
}

const CLIENT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

fn chain(names: &[&str]) -> Chain {
    let addresses: Vec<_> =
        (2..).take(names.len()).map(|last| IpAddr::from([10, 0, 0, last])).collect();
    Chain {
        links: names.iter().map(|name| link(name).unwrap()).collect(),
        own: *addresses.last().unwrap(),
        addresses: addresses.into_iter().map(Peer::from).collect(),
        between: Scheme::Http,
        sets: Vec::new(),
        secret: None,
    }
}

/// What arrives of a probe behind a modelled chain.
fn exchange(chain: &Chain, probe: Probe, scheme: Scheme) -> Exchange {
    let mut headers = HeaderMap::new();
    let host = match probe.kind {
        Kind::NoHost => None,
        Kind::EmptyHost => Some(""),
        _ => Some("app.example"),
    };
    headers.extend(host.map(|host| (header::HOST, HeaderValue::from_static(host))));
    let lie = if scheme == Scheme::Https { Scheme::Http } else { Scheme::Https };
    let uri = match probe.kind {
        Kind::AbsoluteForm => format!("{scheme}://app.example/p"),
        Kind::OtherScheme => format!("{lie}://app.example:{}/p", scheme.default_port()),
        Kind::OtherAuthority => format!("{scheme}://other.example/p"),
        _ => "/p".to_owned(),
    };
    for line in &probe.lines {
        let name: HeaderName = line.name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(line.value.as_bytes()).unwrap());
    }
    let sent = Sent { uri: uri.parse().unwrap(), headers };
    let request = chain.pass(&sent, Client { ip: CLIENT.into(), scheme });
    let peer = request.extensions().get::<Peer>().copied();
    Exchange {
        probe,
        way: Way {
            scheme: scheme.to_string(),
            protocol: Protocol::Http1,
            ipv6: false,
            host: "app.example".to_owned(),
            port: scheme.default_port(),
        },
        path: "/p".to_owned(),
        from: Some(SocketAddr::from((CLIENT, 5000))),
        to: Some(SocketAddr::from(([203, 0, 113, 1], scheme.default_port()))),
        outcome: Outcome::Arrived(Arrived::of(&request, peer, "a")),
        servers: Vec::new(),
    }
}

fn ask(chain: &Chain) -> Report {
    let mut recording = Recording::new("https://app.example/");
    for scheme in [Scheme::Https, Scheme::Http] {
        let mut catalogue = Catalogue::new(scheme, scheme.as_str());
        let mut probes = catalogue.honest(2);
        probes.extend(catalogue.standard());
        probes.extend(catalogue.alone(["cf-connecting-ip", "true-client-ip", "x-client-ip"]));
        probes.extend(catalogue.targets());
        let exchanges = probes.into_iter().map(|probe| exchange(chain, probe, scheme));
        recording.exchanges.extend(exchanges);
    }
    infer(&recording)
}

/// The derived lines survive the attacks; where there is none, something is in the way.
fn survives(names: &[&str]) -> bool {
    let chain = chain(names);
    if chain.strips() {
        return false;
    }
    let report = ask(&chain);
    let Some(line) = report.line else {
        assert!(report.is_blocked() && !report.findings.is_empty(), "{names:?}");
        return false;
    };
    let addresses: Vec<_> = chain.addresses.iter().map(ToString::to_string).collect();
    let (styles, addresses) = (names.join(","), addresses.join(","));
    let arguments = Arguments::try_parse_from([
        "proxyfix",
        "attack",
        "--config",
        line.text.as_str(),
        "--style",
        &styles,
        "--address",
        &addresses,
        "--client",
        &CLIENT.to_string(),
    ]);
    let Command::Attack(arguments) = arguments.unwrap().command else { panic!("no attack") };
    let tried = attack::attack(&line.text.parse().unwrap(), &arguments);
    let tried = tried.unwrap_or_else(|error| panic!("{names:?}: {error}"));
    assert!(tried.is_safe(), "{names:?}: {}", line.text);
    true
}

#[test]
fn lines_behind_modelled_proxies_survive_attacks() {
    let styles: Vec<_> = all().map(|style| style.name).collect();
    let mut lines = 0;
    for edge in &styles {
        lines += usize::from(survives(&[edge]));
        for inner in ["nginx", "apache"] {
            lines += usize::from(survives(&[edge, inner]));
        }
    }
    assert!(lines > styles.len(), "{lines} lines");
}

/// What is saved shows infrastructure: only its user reads it, also where a file or a link was before.
#[cfg(unix)]
#[test]
fn what_is_saved_is_for_its_user_alone() {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::new("https://app.example/");
    let [new, old, link, other] =
        ["new", "old", "link", "other"].map(|name| folder.path().join(name));
    for open in [&old, &other] {
        fs::write(open, "before").unwrap();
        fs::set_permissions(open, fs::Permissions::from_mode(0o666)).unwrap();
    }
    symlink(&other, &link).unwrap();
    for path in [&new, &old, &link] {
        save(Some(path), &recording).unwrap();
        let kind = fs::symlink_metadata(path).unwrap();
        assert!(kind.is_file(), "{}", path.display());
        assert_eq!(kind.permissions().mode() & 0o7777, 0o600, "{}", path.display());
        let read: Recording = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(read, recording);
    }
    assert_eq!(fs::read_to_string(&other).unwrap(), "before");
    save(None, &recording).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}
