//! Recordings that must give no line, or say why it is none.

use proxyfix::Scheme;

use super::{Report, infer};
use crate::{
    arrived::{Arrived, Field},
    probe::{Catalogue, Kind, Probe, Shape},
    record::{Exchange, Outcome, Protocol, Recording, Way},
};

const CLIENT: &str = "198.18.0.9";

fn way(scheme: &str) -> Way {
    let port = if scheme == "https" { 443 } else { 80 };
    let (scheme, host) = (scheme.to_owned(), "app.example".to_owned());
    Way { scheme, protocol: Protocol::Http1, ipv6: false, host, port }
}

/// A proxy that appends to the list and sets the scheme, if it is told to.
fn behaves(probe: &Probe, way: &Way, sets: bool) -> Vec<Field> {
    let mut list = Vec::new();
    let mut fields = vec![Field::new("host", "app.example")];
    for line in &probe.lines {
        match line.name.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => list.push(line.value.to_string()),
            "x-forwarded-proto" if sets => {}
            "host" | "connection" => {}
            name => fields.push(Field { name: name.to_owned(), value: line.value.clone() }),
        }
    }
    list.push(CLIENT.to_owned());
    fields.push(Field::new("x-forwarded-for", &list.join(", ")));
    if sets {
        fields.push(Field::new("x-forwarded-proto", &way.scheme));
    }
    fields
}

fn arrived(probe: &Probe, fields: Vec<Field>) -> Outcome {
    Outcome::Arrived(Arrived {
        peer: Some("10.0.0.2:4000".to_owned()),
        version: "HTTP/1.1".to_owned(),
        method: "GET".to_owned(),
        target: format!("/p/{}", probe.id).as_str().into(),
        fields,
        instance: String::new(),
    })
}

fn usual(probe: &Probe, way: &Way) -> Outcome {
    arrived(probe, behaves(probe, way, true))
}

/// What is asked by one way, and what becomes of it.
fn add(
    recording: &mut Recording,
    way: &Way,
    to: &str,
    mut outcome: impl FnMut(&Probe, &Way) -> Outcome,
) {
    let lie = if way.scheme == "https" { Scheme::Https } else { Scheme::Http };
    let mut catalogue = Catalogue::new(lie, &format!("{}-", recording.exchanges.len()));
    let mut probes = catalogue.honest(3);
    probes.extend(catalogue.standard());
    probes.extend(catalogue.targets());
    for probe in probes {
        recording.exchanges.push(Exchange {
            path: format!("/p/{}", probe.id),
            outcome: outcome(&probe, way),
            from: format!("{CLIENT}:5000").parse().ok(),
            to: format!("{to}:{}", way.port).parse().ok(),
            probe,
            way: way.clone(),
            servers: Vec::new(),
        });
    }
}

fn asked(ways: &[&str], outcome: impl Fn(&Probe, &Way) -> Outcome) -> Report {
    let mut recording = Recording::new("https://app.example/");
    for scheme in ways {
        add(&mut recording, &way(scheme), "10.0.0.1", &outcome);
    }
    infer(&recording)
}

fn line(report: &Report) -> Option<&str> {
    report.line.as_ref().map(|line| line.text.as_str())
}

fn has(report: &Report, code: &str) -> bool {
    report.findings.iter().any(|finding| finding.code == code)
}

const LINE: Option<&str> = Some("proxies=10.0.0.2 for=1 proto=1");

#[test]
fn a_proxy_that_behaves() {
    let report = asked(&["https", "http"], usual);
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
    assert!(!has(&report, "not-asked"));
    // What is refused for what it is proves as much as what arrives.
    let report = asked(&["https", "http"], |probe, way| match probe.kind {
        Kind::TwoHosts | Kind::Headers(Shape::Nominated) => {
            Outcome::Refused { status: 400, location: None }
        }
        _ => usual(probe, way),
    });
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
}

/// Over http, lies in the list come to nothing. The effect over https says nothing about that.
#[test]
fn a_way_where_no_lie_arrives() {
    let nothing = [
        Outcome::Failed("reset".to_owned()),
        Outcome::Closed,
        Outcome::TimedOut,
        Outcome::Kept,
        Outcome::Refused { status: 429, location: None },
        Outcome::Refused { status: 503, location: None },
    ];
    for header in ["x-forwarded-for", "x-forwarded-proto"] {
        for outcome in &nothing {
            let report = asked(&["https", "http"], |probe, way| {
                if way.scheme == "http" && probe.headers() == [header] {
                    return outcome.clone();
                }
                usual(probe, way)
            });
            assert_eq!(line(&report), None, "{header}: {outcome:?}");
            assert!(has(&report, "untried"), "{header}: {outcome:?}: {:#?}", report.findings);
        }
    }
}

/// One lie gets through, and then somebody asks to wait.
#[test]
fn a_limit_of_requests() {
    for status in [429, 503] {
        let report = asked(&["http"], |probe, way| match probe.kind {
            Kind::Honest | Kind::Headers(Shape::Once) => usual(probe, way),
            _ => Outcome::Refused { status, location: None },
        });
        assert_eq!(line(&report), None);
        assert!(has(&report, "untried"), "{:#?}", report.findings);
    }
    // The same for odd targets alone.
    let report = asked(&["http"], |probe, way| match probe.kind {
        Kind::OtherScheme => Outcome::TimedOut,
        _ => usual(probe, way),
    });
    assert_eq!(line(&report), None);
}

/// A browser and `curl` cannot send everything: what is missing is no proof.
#[test]
fn what_cannot_be_sent() {
    for kind in [Kind::OtherScheme, Kind::NoHost, Kind::Headers(Shape::Nominated)] {
        let report = asked(&["https", "http"], |probe, way| {
            if probe.kind == kind { Outcome::NotSent } else { usual(probe, way) }
        });
        assert_eq!(line(&report), None);
        assert_eq!(report.unproved.as_deref(), LINE);
        assert!(has(&report, "needs-command"), "{:#?}", report.findings);
    }
}

/// The second address of the name leads to a proxy that passes the client's list.
#[test]
fn another_address_of_the_name() {
    let passes = |probe: &Probe, _: &Way| {
        let mut fields = vec![Field::new("host", "app.example")];
        fields.extend(probe.lines.iter().cloned());
        arrived(probe, fields)
    };
    let mut recording = Recording::new("http://app.example/");
    add(&mut recording, &way("http"), "10.0.0.1", usual);
    assert_eq!(line(&infer(&recording)), LINE);
    add(&mut recording, &way("http"), "10.0.0.3", passes);
    let report = infer(&recording);
    assert_eq!(line(&report), None);
    assert!(report.asked.iter().any(|asked| asked.way == "http, 10.0.0.3"), "{:?}", report.asked);
}

/// Two listeners with one scheme, of which one is behind two proxies.
#[test]
fn two_ways_by_one_scheme() {
    let two = |probe: &Probe, way: &Way| {
        let mut fields = behaves(probe, way, true);
        for field in fields.iter_mut().filter(|field| field.name == "x-forwarded-for") {
            field.value = format!("{}, 10.0.0.1", field.value).as_str().into();
        }
        arrived(probe, fields)
    };
    let at = |port, host: &str| Way { port, host: host.to_owned(), ..way("http") };
    for (ways, names) in [
        ([at(9080, "app.example"), at(9081, "app.example")], ["http :9080", "http :9081"]),
        (
            [at(80, "app.example"), at(80, "b.example")],
            ["http app.example:80", "http b.example:80"],
        ),
    ] {
        let mut recording = Recording::new("http://app.example:9080/");
        add(&mut recording, &ways[0], "10.0.0.1", usual);
        add(&mut recording, &ways[1], "10.0.0.1", two);
        let report = infer(&recording);
        let asked: Vec<_> = report.asked.iter().map(|asked| asked.way.as_str()).collect();
        assert_eq!(asked, names);
        let urls: Vec<_> = report.asked.iter().map(|asked| asked.url.as_str()).collect();
        assert_eq!(urls, ways.map(|way| format!("http://{}/", way.authority())));
        let list = report.headers.iter().find(|header| header.name == "x-forwarded-for").unwrap();
        assert_eq!(list.honest.len(), 2, "{list:?}");
        assert!(list.effect.text().contains(&format!("1 element over {}", names[0])), "{list:?}");
        assert!(!has(&report, "unstable"), "{:#?}", report.findings);
        let first = &report.findings[0];
        assert_eq!((line(&report), first.code), (None, "client-conditional"));
        assert!(first.instead.contains("give each a line of its own"), "{first:?}");
    }
}

/// Some requests go to a proxy that writes nothing, and the honest ones do not.
#[test]
fn another_configuration_behind_the_name() {
    let mut number = 0;
    let mut recording = Recording::new("http://app.example/");
    add(&mut recording, &way("http"), "10.0.0.1", |probe, way| {
        number += 1;
        if number % 11 == 0 && !probe.is_honest() && !probe.lies_in("x-forwarded-for") {
            return arrived(probe, vec![Field::new("host", "app.example")]);
        }
        usual(probe, way)
    });
    let report = infer(&recording);
    assert_eq!(line(&report), None);
    assert!(has(&report, "unstable"), "{:#?}", report.findings);
}

/// Two proxies, both of which let CONNECT through: fewer elements arrive than the line counts, so it would reject this
/// request. Another one behind the same CONNECT has as many as it likes.
#[test]
fn a_tunnel_through_two_proxies() {
    let two = |probe: &Probe, way: &Way| {
        let mut fields = behaves(probe, way, true);
        for field in fields.iter_mut().filter(|field| field.name == "x-forwarded-for") {
            field.value = format!("{}, 10.0.0.1", field.value).as_str().into();
        }
        arrived(probe, fields)
    };
    let report = asked(&["https", "http"], two);
    assert_eq!(line(&report), Some("proxies=10.0.0.2 for=2 proto=1"), "{:#?}", report.findings);
    // A proxy that answers CONNECT and goes on reading is none of them.
    for (tunnel, expected) in [(true, None), (false, Some("proxies=10.0.0.2 for=2 proto=1"))] {
        let report = asked(&["https", "http"], |probe, way| match probe.kind {
            Kind::Tunnel if tunnel => {
                let host = Field::new("host", "app.example");
                arrived(probe, [vec![host], probe.lines.clone()].concat())
            }
            _ => two(probe, way),
        });
        assert_eq!(line(&report), expected, "{:#?}", report.findings);
        assert_eq!(has(&report, "tunnel"), tunnel);
    }
}

/// A bridge of containers, as the peer and as the client that a proxy names.
#[test]
fn a_shared_gateway() {
    let behind = |address: &'static str, is_peer: bool| {
        let report = asked(&["http"], |probe, way| {
            let mut fields = behaves(probe, way, true);
            if !is_peer {
                for field in fields.iter_mut().filter(|field| field.name == "x-forwarded-for") {
                    field.value = field.value.to_string().replace(CLIENT, address).as_str().into();
                }
            }
            let mut outcome = arrived(probe, fields);
            if let (Outcome::Arrived(arrived), true) = (&mut outcome, is_peer) {
                arrived.peer = Some(format!("{address}:4000"));
            }
            outcome
        });
        let seen = report.findings.iter().find(|finding| finding.code == "shared-gateway");
        (line(&report).map(str::to_owned), seen.map(|finding| finding.seen.clone()))
    };
    let (line, seen) = behind("172.17.0.1", true);
    assert_eq!(line.as_deref(), Some("proxies=172.17.0.1 for=1 proto=1"));
    assert!(seen.unwrap().starts_with("the application is connected from 172.17.0.1"));
    let (line, seen) = behind("192.168.65.1", false);
    assert_eq!(line, None);
    assert!(seen.unwrap().starts_with("x-forwarded-for names 192.168.65.1 as the client"));
    assert_eq!(behind("10.0.0.7", true).1, None);
}

/// A proxy that writes what it finds in the list into `Forwarded` too.
#[test]
fn a_list_that_is_translated() {
    let report = asked(&["http"], |probe, way| {
        let mut fields = behaves(probe, way, true);
        let list = fields.iter().find(|field| field.name == "x-forwarded-for").unwrap();
        let list = list.value.to_string();
        let elements: Vec<_> = list.split(',').map(|ip| format!("for={}", ip.trim())).collect();
        fields.retain(|field| field.name != "forwarded");
        fields.push(Field::new("forwarded", &elements.join(", ")));
        arrived(probe, fields)
    });
    assert_eq!(line(&report), LINE, "{:#?}", report.findings);
}

/// A client is lost by a lie in the list that is not named in `Connection`.
#[test]
fn a_client_that_is_lost() {
    let lost = |kind: Kind| {
        asked(&["http"], |probe, way| {
            if probe.kind == kind && probe.lies_in("x-forwarded-for") {
                let fields = behaves(probe, way, false);
                let others = fields.into_iter().filter(|field| field.name != "x-forwarded-for");
                return arrived(probe, others.collect());
            }
            arrived(probe, behaves(probe, way, false))
        })
    };
    let report = lost(Kind::Headers(Shape::Nominated));
    assert_eq!(line(&report), Some("proxies=10.0.0.2 for=1 missing=reject"));
    assert_eq!(line(&lost(Kind::Headers(Shape::Underscore))), None);
}

/// The listener speaks TLS only if plain HTTP was asked, and is closed.
#[test]
fn https_alone() {
    let silent = |probe: &Probe, way: &Way| {
        arrived(probe, {
            let fields = behaves(probe, way, true);
            fields.into_iter().filter(|field| field.name != "x-forwarded-proto").collect()
        })
    };
    let report = asked(&["https"], silent);
    assert_eq!(line(&report), None);
    assert!(has(&report, "scheme-missing") && has(&report, "not-asked"), "{:#?}", report.findings);
    let with = |closed: Outcome| {
        asked(&["https", "http"], |probe, way| {
            if way.scheme == "http" { closed.clone() } else { silent(probe, way) }
        })
    };
    let to = |location: &str| Outcome::Refused { status: 301, location: Some(location.to_owned()) };
    for closed in [
        to("https://app.example/"),
        Outcome::Refused { status: 403, location: None },
        Outcome::Failed("Connection refused (os error 111)".to_owned()),
    ] {
        let report = with(closed);
        let expected = Some("proxies=10.0.0.2 for=1 listener=https");
        assert_eq!(line(&report), expected, "{:#?}", report.findings);
    }
    for open in [
        to("http://other.example/"),
        Outcome::Refused { status: 503, location: None },
        Outcome::TimedOut,
    ] {
        assert_eq!(line(&with(open.clone())), None, "{open:?}");
    }
}

/// Nobody named the plain listener: it was asked without the token, and what it says counts only if it is closed.
#[test]
fn a_knock() {
    let silent = |probe: &Probe, way: &Way| {
        arrived(probe, {
            let fields = behaves(probe, way, true);
            fields.into_iter().filter(|field| field.name != "x-forwarded-proto").collect()
        })
    };
    let with = |outcome: Outcome, sets: bool| {
        let mut recording = Recording::new("https://app.example:8443/");
        add(&mut recording, &way("https"), "10.0.0.1", if sets { usual } else { silent });
        let (id, lines, markers) = ("knock".to_owned(), Vec::new(), Vec::new());
        recording.exchanges.push(Exchange {
            probe: Probe { id, kind: Kind::Knock, lines, markers },
            way: way("http"),
            path: "/p/knock".to_owned(),
            from: None,
            to: "10.0.0.1:80".parse().ok(),
            outcome,
            servers: Vec::new(),
        });
        infer(&recording)
    };
    let (refused, https) = ("Connection refused".to_owned(), "https://app.example/".to_owned());
    for closed in
        [Outcome::Failed(refused), Outcome::Refused { status: 301, location: Some(https) }]
    {
        let report = with(closed, false);
        assert_eq!(line(&report), Some("proxies=10.0.0.2 for=1 listener=https"));
        assert!(!has(&report, "not-asked") && !has(&report, "refused"), "{:#?}", report.findings);
        assert_eq!(report.line.unwrap().proof.stopped, 0);
    }
    // Another service may have that port. It is no way in that is closed.
    for other in [Outcome::Refused { status: 404, location: None }, Outcome::TimedOut] {
        let report = with(other.clone(), false);
        assert_eq!(line(&report), None);
        assert!(
            has(&report, "scheme-missing") && has(&report, "not-asked"),
            "{:#?}",
            report.findings
        );
        let report = with(other, true);
        assert_eq!(line(&report), LINE);
        assert!(has(&report, "not-asked") && !has(&report, "way-closed"), "{:#?}", report.findings);
        assert!(report.asked.iter().all(|asked| asked.way == "https"), "{:?}", report.asked);
    }
}

/// Over http, the proxy connects from the client's own address, and proves nothing there.
#[test]
fn an_address_that_is_shared_by_one_way() {
    let report = asked(&["https", "http"], |probe, way| {
        let mut outcome = usual(probe, way);
        if let Outcome::Arrived(arrived) = &mut outcome {
            if way.scheme == "http" {
                arrived.peer = Some(format!("{CLIENT}:4000"));
            }
        }
        outcome
    });
    assert_eq!(line(&report), None);
    assert!(has(&report, "same-address"), "{:#?}", report.findings);
}
