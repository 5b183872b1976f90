//! What the layer tells `tracing`.
//!
//! 1. One event for each rejection: a warning with the status and the error.
//! 2. One event for each resolution, at debug level, with what is effective; what is not known is
//!    left out.
//! 3. One event for each request that a candidate in shadow mode would decide otherwise.
//! 4. A warning where `PrefixLayer` finds nothing resolved.
//! 5. Nothing in them was written by a stranger.

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
    PrefixLayer, ProxyFixLayer,
    shadow::{Shadow, ShadowLayer},
};
use tower::{Layer, ServiceExt, service_fn};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use util::{PROXY, config, request};

/// A level and fields, in the order of their names.
type Recorded = (Level, BTreeMap<&'static str, String>);

/// Records every event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Recorded>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
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

/// The events of a request through a service.
fn events<S>(service: S, request: Request<()>) -> Vec<Recorded>
where
    S: tower::Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tracing::subscriber::with_default(log.clone(), || {
        runtime.block_on(service.oneshot(request)).unwrap();
    });
    let events = log.0.lock().unwrap();
    events.clone()
}

/// The only event of a request through the layer.
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

/// The mistake that looks like an answer: the client is the proxy, which was not listed.
#[test]
fn a_proxy_that_is_not_trusted() {
    let (_, fields) = event("proxies=10.9.0.0/16 for=1", &["X-Forwarded-For: 203.0.113.9"]);
    assert_eq!(fields["client.address"], "10.0.0.1");
    assert_eq!(fields["network.peer.address"], "10.0.0.1");
    assert_eq!(fields["proxyfix.peer.trusted"], "false");
}

#[test]
fn a_rejection() {
    let (level, fields) = event("proxies=10.0.0.0/8 for=2", &["X-Forwarded-For: 203.0.113.9"]);
    assert_eq!(level, Level::WARN);
    let names: Vec<_> = fields.keys().copied().collect();
    assert_eq!(names, ["error", "http.response.status_code", "message"]);
    assert_eq!(fields["message"], "request rejected");
    assert_eq!(fields["http.response.status_code"], "400");
    assert!(fields["error"].starts_with("x-forwarded-for"), "{fields:?}");
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
        let event = event(configuration, &lines);
        assert_eq!(event.0, Level::WARN, "{line}");
        assert!(!format!("{event:?}").contains("stranger"), "{event:?}");
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

#[test]
fn a_difference() {
    let shadow = || Shadow::new(config("proxies=10.0.0.0/8 for=2"));
    let lines = ["X-Forwarded-For: stranger, 203.0.113.9"];
    let text = "passes, would be rejected: x-forwarded-for, hop 2, byte 0: malformed node, \
                expected an address with an optional port, unknown, or _identifier (IPv6 in brackets \
                where a port follows, and in Forwarded)";
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
    let text = "PrefixLayer adds nothing: ProxyFixLayer must stand around it";
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
