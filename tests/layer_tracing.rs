//! The events that the layer sends to `tracing`.
//!
//! 1. One event for each rejection: a warning with the status, the error, the peer's address, the key to
//!    change, and a refused host, escaped and shortened.
//! 2. One event for each resolution, at debug level, with the values in effect. Unknown values are left
//!    out.
//! 3. One event for each request that a candidate in shadow mode would decide differently.
//! 4. A warning if `PrefixLayer` finds nothing resolved.
//! 5. A warning for each likely mistake, at most once in a while.
//! 6. Except for the refused host, the events have nothing that a stranger wrote.

#![cfg(feature = "tracing")]

mod util;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    future::ready,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use proxyfix::{
    ConfigBuilder, PrefixLayer, ProxyFixLayer,
    shadow::{Shadow, ShadowLayer},
};
use tower::{Layer, ServiceExt, service_fn};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use util::{PROXY, config, request};

/// A level, and the fields in the order of their names.
type Recorded = (Level, BTreeMap<&'static str, String>);

/// Records every event up to a level.
#[derive(Clone)]
struct Log(Arc<Mutex<Vec<Recorded>>>, Level);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.1
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if event.metadata().target() == "proxyfix::shadow" {
            fields.0.insert("target", "proxyfix::shadow".to_owned());
        }
        self.0.lock().unwrap().push((*event.metadata().level(), fields.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

fn layer(text: &str) -> ProxyFixLayer {
    ProxyFixLayer::new(config(text))
}

fn empty(_: Request<()>) -> std::future::Ready<Result<Response<()>, Infallible>> {
    ready(Ok(Response::new(())))
}

/// The events of a request that goes through a service.
fn events<S>(service: S, request: Request<()>) -> Vec<Recorded>
where
    S: tower::Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    events_up_to(Level::TRACE, service, [request])
}

/// The events, up to a level, of requests that go through a service one after another.
fn events_up_to<S>(
    level: Level,
    service: S,
    requests: impl IntoIterator<Item = Request<()>>,
) -> Vec<Recorded>
where
    S: tower::Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let mut service = service;
    let log = Log(Arc::default(), level);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tracing::subscriber::with_default(log.clone(), || {
        for request in requests {
            runtime.block_on((&mut service).oneshot(request)).unwrap();
        }
    });
    let events = log.0.lock().unwrap();
    events.clone()
}

/// The only event of a request that goes through the layer.
#[track_caller]
fn event(configuration: &str, lines: &[&str]) -> Recorded {
    let request = request(PROXY, "/", lines);
    let mut events = events(layer(configuration).layer(service_fn(empty)), request);
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

fn fields<const N: usize>(fields: [(&'static str, &str); N]) -> BTreeMap<&'static str, String> {
    fields.map(|(name, value)| (name, value.to_owned())).into()
}

#[test]
fn a_resolution() {
    let event = event(
        "proxies=10.0.0.0/8 for=1 proto=1 host=1",
        &[
            "X-Forwarded-For: 6.6.6.6, 203.0.113.9:5000",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: app.example:8443",
        ],
    );
    let expected = fields([
        ("message", "request resolved"),
        ("client.address", "203.0.113.9"),
        ("client.port", "5000"),
        ("network.peer.address", "10.0.0.1"),
        ("proxyfix.peer.trusted", "true"),
        ("url.scheme", "https"),
        ("server.address", "app.example"),
        ("server.port", "8443"),
    ]);
    assert_eq!(event, (Level::DEBUG, expected));
}

#[test]
fn what_is_not_known_is_left_out() {
    let known = [
        ("message", "request resolved"),
        ("network.peer.address", "10.0.0.1"),
        ("proxyfix.peer.trusted", "true"),
        ("url.scheme", "http"),
        ("server.port", "80"),
    ];
    for client in ["unknown", "_hidden", "_hidden:_port"] {
        let event = event("proxies=10.0.0.0/8 for=1", &[&format!("X-Forwarded-For: {client}")]);
        assert_eq!(event, (Level::DEBUG, fields(known)), "{client}");
    }
    let event = event("proxies=10.0.0.0/8 for=1", &["X-Forwarded-For: 203.0.113.9"]);
    let mut expected = fields(known);
    expected.insert("client.address", "203.0.113.9".to_owned());
    assert_eq!(event, (Level::DEBUG, expected));
}

/// The mistake that looks like an answer: the client is the proxy, because the proxy is not listed.
#[test]
fn a_proxy_that_is_not_trusted() {
    let request = request(PROXY, "/", &["X-Forwarded-For: 203.0.113.9"]);
    let app = layer("proxies=10.9.0.0/16 for=1").layer(service_fn(empty));
    let (_, fields) = events(app, request).pop().unwrap();
    assert_eq!(fields["client.address"], "10.0.0.1");
    assert_eq!(fields["network.peer.address"], "10.0.0.1");
    assert_eq!(fields["proxyfix.peer.trusted"], "false");
}

#[test]
fn a_rejection() {
    let (level, fields) = event("proxies=10.0.0.0/8 for=2", &["X-Forwarded-For: 203.0.113.9"]);
    assert_eq!(level, Level::WARN);
    let names: Vec<_> = fields.keys().copied().collect();
    let known =
        ["error", "http.response.status_code", "message", "network.peer.address", "proxyfix.key"];
    assert_eq!(names, known);
    assert_eq!(fields["message"], "request rejected");
    assert_eq!(fields["http.response.status_code"], "400");
    assert_eq!(fields["network.peer.address"], PROXY);
    assert_eq!(fields["proxyfix.key"], "for");
    assert!(fields["error"].starts_with("x-forwarded-for"), "{fields:?}");
}

/// One field of the event of a rejection.
#[track_caller]
fn rejected(configuration: &str, lines: &[&str], field: &str) -> Option<String> {
    let (level, mut fields) = event(configuration, lines);
    assert_eq!((level, &*fields["message"]), (Level::WARN, "request rejected"));
    fields.remove(field)
}

#[test]
fn the_key_to_change() {
    let x = "proxies=10.0.0.0/8 for=1 proto=1 host=1 port=1 prefix=1";
    let (good, proto) = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https");
    let by_element = "proxies=10.0.0.0/8 forwarded=1";
    let rows: &[(&str, &[&str], &str)] = &[
        (x, &["X-Forwarded-For: x", proto], "for"),
        (x, &[proto], "for"),
        (x, &[good], "proto"),
        (x, &[good, "X-Forwarded-Proto: x"], "proto"),
        (x, &[good, proto, "X-Forwarded-Host: a b"], "host"),
        (x, &[good, proto, "X-Forwarded-Port: x"], "port"),
        (x, &[good, proto, "X-Forwarded-Prefix: x"], "prefix"),
        (x, &[good, proto, "Connection: x-forwarded-host"], "connection"),
        (by_element, &["Forwarded: for=x"], "forwarded"),
        (by_element, &["Forwarded: for=192.0.2.9;host=\"a b\""], "forwarded"),
        (by_element, &["Forwarded: for=192.0.2.9;for=192.0.2.9"], "forwarded"),
        ("proxies=10.0.0.0/8 client-ip=X-Real-IP", &["X-Real-IP: x"], "client-ip"),
        ("proxies=10.0.0.0/8 for=1 hosts=app.example", &[good, "Host: a.example"], "hosts"),
        ("proxies=10.0.0.0/8 for=1 hosts=app.example", &[good], "hosts"),
        ("proxies=10.0.0.0/8 for=1 missing=reject", &[], "missing"),
        ("proxies=10.0.0.0/8 for=2 verify=hops", &[&format!("{good}, 192.0.2.1")], "proxies"),
        (
            "proxies=10.0.0.0/8 for=walk all-trusted=reject",
            &["X-Forwarded-For: 10.0.0.2"],
            "all-trusted",
        ),
        (
            "proxies=10.0.0.0/8 for=walk max-hops=1",
            &["X-Forwarded-For: 10.0.0.3, 10.0.0.2"],
            "max-hops",
        ),
        (by_element, &["Forwarded: for=2001:db8::9"], "forwarded-ipv6"),
        (
            "proxies=10.0.0.0/8 for=1 edge=192.0.2.0/24 client-ip=X-Real-IP",
            &["X-Forwarded-For: 192.0.2.7", "X-Real-IP: x"],
            "client-ip",
        ),
        // No key corrects these.
        (x, &[good, proto, "Host: a b"], ""),
        (x, &[good, proto, "Host: a.example", "Host: a.example"], ""),
    ];
    for (configuration, lines, expected) in rows {
        let key = rejected(configuration, lines, "proxyfix.key").unwrap_or_default();
        assert_eq!(key, *expected, "{configuration} {lines:?}");
        let is_word = |word: &str| word.split('=').next() == Some(&key);
        let set = configuration.split(' ').any(is_word);
        let not_yet = ["", "connection", "forwarded-ipv6"].contains(&&*key);
        assert!(set || not_yet, "{key} is not in {configuration}");
    }
}

#[test]
fn a_refused_host() {
    let (host, hosts) = ("proxyfix.refused.host", "hosts=app.example");
    let x = &format!("proxies=10.0.0.0/8 for=1 host=1 {hosts}");
    let good = "X-Forwarded-For: 203.0.113.9";
    let refused = |lines: &[&str]| rejected(x, &[&[good], lines].concat(), host).unwrap();
    assert_eq!(refused(&["Host: A.Example:81"]), "A.Example:81");
    assert_eq!(refused(&["X-Forwarded-Host: app.example, b.example"]), "b.example");
    assert_eq!(refused(&["X-Forwarded-Host: a\tb"]), "a\\tb");
    assert_eq!(refused(&["Host: a\"b"]), "a\\\"b");
    // Not a part of it that looks like a host of ours.
    assert_eq!(refused(&["Host: evil.example,app.example"]), "evil.example,app.example");
    let long = format!("{}.example", "a".repeat(63));
    assert_eq!(refused(&[&format!("Host: {long}")]), "a".repeat(60));
    let escaped = refused(&[&format!("Host: {}", "\u{e9}".repeat(40))]);
    assert_eq!(escaped, "\\xc3\\xa9".repeat(8)[..60]);

    let by_element = format!("proxies=10.0.0.0/8 forwarded=2 {hosts}");
    let line =
        "Forwarded: host=c.example;for=192.0.2.1, for=203.0.113.9;host=\"b.example\", for=10.0.0.2";
    assert_eq!(rejected(&by_element, &[line], host).unwrap(), "b.example");

    // The host in the request target, which is not in a header.
    let request = request(PROXY, "http://d.example/", &[good]);
    let events = events(layer(x).layer(service_fn(empty)), request);
    assert_eq!(events[0].1[host], "d.example");

    // An error about something else shows no host.
    let lines = ["X-Forwarded-For: x", "Host: a.example"];
    assert_eq!(rejected("proxies=10.0.0.0/8 for=1", &lines, host), None);
}

#[test]
fn nothing_that_a_stranger_wrote() {
    let configuration = "proxies=10.0.0.0/8 for=1 proto=1 host=1 prefix=1";
    let good = [
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: app.example",
        "X-Forwarded-Prefix: /app",
    ];
    let rejected = [
        "X-Forwarded-For: stranger",
        "X-Forwarded-Proto: stranger",
        "X-Forwarded-Host: stranger@stranger",
        "X-Forwarded-Prefix: stranger",
        "Host: stranger/stranger",
        "Connection: stranger, x-forwarded-for",
    ];
    for line in rejected {
        let name = line.split_once(':').unwrap().0;
        let mut lines: Vec<_> = good.into_iter().filter(|line| !line.starts_with(name)).collect();
        lines.push(line);
        let (level, mut fields) = event(configuration, &lines);
        assert_eq!(level, Level::WARN, "{line}");
        // The only field that may have it.
        let host = fields.remove("proxyfix.refused.host");
        assert_eq!(host.is_some(), name.ends_with("Host"), "{line}");
        assert!(!format!("{fields:?}").contains("stranger"), "{fields:?}");
    }
    let ignored = ["X-Real-IP: stranger", "Forwarded: for=stranger", "X-Forwarded_For: stranger"];
    for line in ignored {
        let mut lines = good.to_vec();
        lines.insert(0, "X-Forwarded-For: stranger");
        lines.insert(1, "Host: stranger.example");
        lines.push(line);
        let event = event(configuration, &lines);
        assert_eq!(event.0, Level::DEBUG, "{line}");
        assert!(!format!("{event:?}").contains("stranger"), "{event:?}");
    }
}

/// The only warning of a request, without its message. `None` if there is none.
#[track_caller]
fn mistake(
    configuration: &str,
    from: &str,
    lines: &[&str],
) -> Option<BTreeMap<&'static str, String>> {
    let request = request(from, "/", lines);
    let app = layer(configuration).layer(service_fn(empty));
    let mut events = events_up_to(Level::WARN, app, [request]);
    assert!(events.len() <= 1, "{events:?}");
    let (_, mut fields) = events.pop()?;
    assert!(!format!("{fields:?}").contains("6.6.6.6"), "{fields:?}");
    assert!(fields.remove("message").is_some());
    Some(fields)
}

#[test]
fn a_proxy_that_is_likely_missing() {
    let from = |from, lines: &[&str]| mistake("proxies=10.0.0.0/8 for=1", from, lines);
    let expected = fields([
        ("network.peer.address", "172.18.0.1"),
        ("client.address", "172.18.0.1"),
        ("proxyfix.key", "proxies"),
        ("proxyfix.requests", "1"),
    ]);
    for line in ["X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6", "X_Real_IP: 6.6.6.6"] {
        assert_eq!(from("172.18.0.1", &[line]), Some(expected.clone()), "{line}");
    }
    assert_eq!(from("172.18.0.1", &["Host: a.example", "Accept: */*"]), None);
    assert_eq!(from(PROXY, &["X-Forwarded-For: 203.0.113.9"]), None);
    let none = mistake("proxies=none for=1", "172.18.0.1", &["X-Forwarded-For: 203.0.113.9"]);
    assert_eq!(none, Some(expected));
}

#[test]
fn a_header_that_is_not_the_trusted_one() {
    let rows = [
        ("for=1 proto=1", &["X-Real-IP: 6.6.6.6"][..], Some(("client-ip=X-Real-IP", "client-ip"))),
        ("for=1", &["Forwarded: for=6.6.6.6"], Some(("forwarded=1", "forwarded"))),
        ("forwarded=1", &["X-Forwarded-For: 6.6.6.6"], Some(("for=1", "for"))),
        ("client-ip=X-Real-IP", &["X-Forwarded-For: 6.6.6.6"], Some(("for=1", "for"))),
        (
            "for=1",
            &["X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6"],
            Some(("forwarded=1", "forwarded")),
        ),
        ("forwarded=1", &["Forwarded: for=203.0.113.9", "X-Real-IP: 6.6.6.6"], None),
        ("for=1", &["X-Forwarded-For: 203.0.113.9", "X-Real-IP: 6.6.6.6"], None),
        ("for=1", &["Host: a.example"], None),
    ];
    for (trusted, lines, expected) in rows {
        let configuration = format!("proxies=10.0.0.0/8 {trusted}");
        let expected = expected.map(|(fits, key)| {
            fields([
                ("network.peer.address", PROXY),
                ("proxyfix.fits", fits),
                ("proxyfix.key", key),
                ("proxyfix.requests", "1"),
            ])
        });
        assert_eq!(mistake(&configuration, PROXY, lines), expected, "{trusted} {lines:?}");
        if let Some(fields) = expected {
            // `proxyfix.fits` makes a configuration that believes the header.
            let fitting = config(&format!("proxies=10.0.0.0/8 {}", fields["proxyfix.fits"]));
            let mut request = request(PROXY, "/", lines);
            proxyfix::fix_request(&mut request, &fitting).unwrap();
            assert_eq!(util::of(&request).client().to_string(), "6.6.6.6");
        }
    }
    // Nothing is trusted, so nothing is missing.
    let nothing = ProxyFixLayer::new(proxyfix::Config::werkzeug(0, 0, 0, 0, 0));
    let app = nothing.layer(service_fn(empty));
    let request = request(PROXY, "/", &["X-Real-IP: 6.6.6.6"]);
    assert_eq!(events_up_to(Level::WARN, app, [request]), []);
}

#[test]
fn a_count_that_is_likely_too_low() {
    let key = |trusted: &str, line: &str| {
        let configuration = format!("proxies=10.0.0.0/8,192.0.2.1 {trusted}");
        let fields = mistake(&configuration, PROXY, &[line])?;
        assert_eq!(fields["network.peer.address"], PROXY);
        Some((fields["client.address"].clone(), fields["proxyfix.key"].clone()))
    };
    let found = |ip: &str, key: &str| Some((ip.to_owned(), key.to_owned()));
    let rows = [
        ("for=1", "X-Forwarded-For: 6.6.6.6, 10.0.0.2", found("10.0.0.2", "for")),
        ("for=1", "X-Forwarded-For: 6.6.6.6, 192.0.2.1", found("192.0.2.1", "for")),
        ("for=1", "X-Forwarded-For: 6.6.6.6, 172.18.0.1", found("172.18.0.1", "for")),
        ("for=2", "X-Forwarded-For: 6.6.6.6, fd00::1, 10.0.0.2", found("fd00::1", "for")),
        (
            "forwarded=1",
            "Forwarded: for=6.6.6.6;x=\"a,b\", for=10.0.0.2",
            found("10.0.0.2", "forwarded"),
        ),
        (
            "for=walk",
            "X-Forwarded-For: 6.6.6.6, 172.18.0.1, 10.0.0.2",
            found("172.18.0.1", "proxies"),
        ),
        // The list ends there, or the client is not a proxy.
        ("for=1", "X-Forwarded-For: 10.0.0.2", None),
        ("for=1", "X-Forwarded-For: , 10.0.0.2", None),
        ("forwarded=1", "Forwarded: for=10.0.0.2;x=\"a,b\"", None),
        ("for=1", "X-Forwarded-For: 6.6.6.6, 203.0.113.9", None),
        ("for=1", "X-Forwarded-For: 6.6.6.6, unknown", None),
        ("for=walk", "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2", None),
        ("client-ip=X-Real-IP", "X-Real-IP: 10.0.0.2", None),
    ];
    for (trusted, line, expected) in rows {
        assert_eq!(key(trusted, line), expected, "{trusted} {line}");
    }
    // If anyone counts as a proxy, that means nothing.
    let any = "proxies=any for=1";
    assert_eq!(mistake(any, PROXY, &["X-Forwarded-For: 6.6.6.6, 203.0.113.9"]), None);
    let private = mistake(any, PROXY, &["X-Forwarded-For: 6.6.6.6, 10.0.0.2"]).unwrap();
    assert_eq!(private["proxyfix.key"], "for");
}

#[test]
fn each_mistake_once_in_a_while() {
    let from_stranger = || request("192.0.2.1", "/", &["X-Forwarded-For: 6.6.6.6"]);
    let other_header = || request(PROXY, "/", &["X-Real-IP: 6.6.6.6"]);
    let requests =
        [from_stranger(), from_stranger(), other_header(), from_stranger(), other_header()];
    // Clones of a layer, as axum makes them, share the limit of one warning a minute.
    let layer = layer("proxies=10.0.0.0/8 for=1");
    let app = layer.clone().layer(layer.clone().layer(service_fn(empty)));
    let events = events_up_to(Level::WARN, app, requests);
    let keys: Vec<_> = events.iter().map(|(_, fields)| &*fields["proxyfix.key"]).collect();
    assert_eq!(keys, ["proxies", "client-ip"]);
    let again = layer.layer(service_fn(empty));
    assert_eq!(events_up_to(Level::WARN, again, [from_stranger()]), []);
}

#[test]
fn nothing_is_counted_where_nobody_listens() {
    let layer = layer("proxies=10.0.0.0/8 for=1");
    let from_stranger = || request("192.0.2.1", "/", &["X-Forwarded-For: 6.6.6.6"]);
    let unheard = layer.clone().layer(service_fn(empty));
    assert_eq!(events_up_to(Level::ERROR, unheard, [from_stranger()]), []);
    let events = events_up_to(Level::WARN, layer.layer(service_fn(empty)), [from_stranger()]);
    assert_eq!(events[0].1["proxyfix.requests"], "1");
}

/// No event shows three bytes of a secret in a row.
#[test]
fn no_byte_of_a_secret() {
    const SECRET: &str = "Qz7!Wk3#Vx9$Jy5%Gu2&Rt8*";
    let build = |text: &str| text.parse::<ConfigBuilder>().unwrap().secret(SECRET).build().unwrap();
    let trusted = "proxies=10.0.0.0/8 for=1 secret-header=X-Origin-Secret";
    let app = |text: &str| {
        let shadow = Shadow::new(build("proxies=any for=2 secret-header=X-Origin-Secret"));
        let layer = ProxyFixLayer::new(build(text)).shadow(shadow);
        layer.layer(service_fn(empty))
    };
    let sent = |secret: &str| {
        let lines = ["X-Forwarded-For: 203.0.113.9".into(), format!("X-Origin-Secret: {secret}")];
        request(PROXY, "/", &lines)
    };
    let missing = fields([
        ("network.peer.address", PROXY),
        ("proxyfix.key", "secret-header"),
        ("proxyfix.requests", "1"),
    ]);
    let shown = |text: &str, secret: &str| {
        let mut events = events(app(text), sent(secret));
        for part in SECRET.as_bytes().windows(3) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(!format!("{events:?}").contains(part), "{part}: {events:?}");
        }
        events.retain(|(level, _)| *level == Level::WARN);
        for (_, fields) in &mut events {
            fields.remove("message");
        }
        events.into_iter().map(|(_, fields)| fields).collect::<Vec<_>>()
    };
    assert_eq!(shown(trusted, SECRET), []);
    assert_eq!(shown(trusted, &SECRET[1..]), [missing]);
    let rejects = format!("{trusted} missing=reject");
    let rejection = shown(&rejects, &SECRET[1..]).remove(0);
    assert_eq!(rejection["proxyfix.key"], "secret-header");
    assert_eq!(shown(&rejects, SECRET), []);
}

#[test]
fn a_difference() {
    let shadow = || Shadow::new(config("proxies=10.0.0.0/8 for=2"));
    let lines = ["X-Forwarded-For: stranger, 203.0.113.9"];
    let text = "passes, would be rejected: x-forwarded-for, hop 2, byte 0: malformed node, \
                expected an address with an optional port, unknown, or _identifier (IPv6 in brackets \
                if a port follows, and in Forwarded)";
    let expected = fields([
        ("message", "candidate configuration differs"),
        ("difference", text),
        ("target", "proxyfix::shadow"),
    ]);

    let beside = layer("proxies=10.0.0.0/8 for=1").shadow(shadow()).layer(service_fn(empty));
    let events_beside = events(beside, request(PROXY, "/", &lines));
    assert_eq!(events_beside[0], (Level::DEBUG, expected.clone()));
    assert_eq!(events_beside.len(), 2, "{events_beside:?}");

    let alone = ShadowLayer::new(shadow()).layer(service_fn(empty));
    assert_eq!(events(alone, request(PROXY, "/", &lines)), [(Level::DEBUG, expected)]);

    let same = layer("proxies=10.0.0.0/8 for=2").shadow(shadow()).layer(service_fn(empty));
    assert_eq!(events(same, request(PROXY, "/", &lines)).len(), 1);
}

#[test]
fn a_prefix_layer_in_the_wrong_place() {
    let text = "PrefixLayer adds nothing: ProxyFixLayer must wrap it";
    let inside = layer("proxies=10.0.0.0/8 for=1").layer(service_fn(empty));
    let outermost = events(PrefixLayer::new().layer(inside), request(PROXY, "/", &[""; 0]));
    assert_eq!(outermost[0], (Level::WARN, fields([("message", text)])));

    let inside = PrefixLayer::new().layer(service_fn(empty));
    let around = layer("proxies=10.0.0.0/8 for=1").layer(inside);
    assert_eq!(events(around, request(PROXY, "/", &[""; 0])).len(), 1);
}

#[test]
fn one_event_where_the_layer_stands_twice() {
    let text = "proxies=10.0.0.0/8 for=1";
    let twice = || layer(text).layer(layer(text).layer(service_fn(empty)));
    for client in ["203.0.113.9", "stranger"] {
        let request = request(PROXY, "/", &[format!("X-Forwarded-For: {client}")]);
        assert_eq!(events(twice(), request).len(), 1, "{client}");
    }
}

#[test]
fn a_rejection_by_another_configuration() {
    let inside = layer("proxies=10.0.0.0/8 for=2").layer(service_fn(empty));
    let request = request(PROXY, "/", &["X-Forwarded-For: 203.0.113.9"]);
    let events = events(layer("proxies=10.0.0.0/8 for=1").layer(inside), request);
    assert_eq!(
        events.iter().map(|(level, _)| *level).collect::<Vec<_>>(),
        [Level::DEBUG, Level::WARN]
    );
    assert_eq!(events[1].1["http.response.status_code"], "500");
}
