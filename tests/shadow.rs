//! Shadow mode: a candidate beside the configuration in force, or before any is in force.
//!
//! 1. It changes nothing, neither the request that the service sees nor the response.
//! 2. For each request that differs, it reports once what differs and from which source.
//! 3. It counts requests, and the elements of lists from trusted peers.
//! 4. A request that an outer layer has fixed is not compared.

#![cfg(feature = "tower")]

mod util;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use proxyfix::{
    ErrorKind, Peer, ProxyFixLayer, Resolved,
    shadow::{Counts, Difference, Differs, ListLengths, Shadow, ShadowLayer},
};
use tower::{Layer, Service, ServiceExt, service_fn};
use util::{PROXY, config, peer, request, table};

type Seen = Option<Request<()>>;

/// A service that answers with the request it sees.
fn show(request: Request<()>) -> Ready<Result<Response<Seen>, Infallible>> {
    ready(Ok(Response::new(Some(request))))
}

fn shadow(candidate: &str) -> Shadow {
    Shadow::new(config(candidate))
}

/// What a shadow reports, as text.
type Told = Arc<Mutex<Vec<String>>>;

fn telling(candidate: &str) -> (Shadow, Told) {
    let told = Told::default();
    let log = Arc::clone(&told);
    let tell = move |difference: &Difference<'_>| log.lock().unwrap().push(difference.to_string());
    (shadow(candidate).on_difference(tell), told)
}

/// Sends a request through a layer, and returns what its service saw.
fn send<L, S>(layer: L, request: Request<()>) -> Response<Seen>
where
    L: Layer<
            tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<Seen>, Infallible>>>,
            Service = S,
        >,
    S: Service<Request<()>, Response = Response<Seen>, Error = Infallible>,
{
    let show: fn(Request<()>) -> _ = show;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(layer.layer(service_fn(show)).oneshot(request)).unwrap()
}

fn beside(in_force: &str, shadow: Shadow) -> ProxyFixLayer {
    ProxyFixLayer::new(config(in_force)).shadow(shadow)
}

const LINES: [&str; 6] = [
    "Host: internal.example",
    "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2",
    "X-Forwarded-Proto: http, https",
    "X-Forwarded-Host: App.Example",
    "X-Forwarded-Port: 80, 8443",
    "X-Forwarded-Prefix: /app",
];

/// What is reported about a request with these lines from the proxy.
#[test]
fn beside_one_in_force() {
    let rows: [(&str, &str, &[&str], &str); 15] = [
        ("for=1", "for=1", &LINES, ""),
        (
            "for=1",
            "for=2",
            &LINES,
            "client is 10.0.0.2 (x-forwarded-for, hop 1), would be 203.0.113.9 (x-forwarded-for, hop 2)",
        ),
        ("for=2", "for=walk", &LINES, ""),
        (
            "for=1",
            "for=1 proto=1 host=1 port=1 prefix=1",
            &LINES,
            "scheme is http (own), would be https (x-forwarded-proto, hop 1); \
             host is internal.example (own), would be app.example (x-forwarded-host, hop 1); \
             port is 80 (own), would be 8443 (x-forwarded-port, hop 1); \
             prefix is \"\" (own), would be \"/app\" (x-forwarded-prefix, hop 1)",
        ),
        ("for=1 proto=2", "for=1", &LINES, ""),
        (
            "for=1 host=1",
            "for=1",
            &["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: a"],
            "host is a (x-forwarded-host, hop 1), would be unknown (own)",
        ),
        (
            "for=1",
            "for=4",
            &LINES,
            "passes, would be rejected: x-forwarded-for, hop 4: no such element, the list is \
             shorter than the trusted count; lower the count if fewer proxies append",
        ),
        (
            "for=4",
            "for=1",
            &LINES,
            "is rejected, would pass: x-forwarded-for, hop 4: no such element, the list is \
             shorter than the trusted count; lower the count if fewer proxies append",
        ),
        ("for=4", "for=5", &LINES, ""),
        (
            "for=1",
            "for=2 invalid=unknown",
            &["X-Forwarded-For: x, 203.0.113.9"],
            "client is 203.0.113.9 (x-forwarded-for, hop 1), would be unknown (own)",
        ),
        (
            "for=1",
            "for=2",
            &["X-Forwarded-For: <b>, 203.0.113.9"],
            "passes, would be rejected: x-forwarded-for, hop 2, byte 0: malformed node, expected an address with an optional port, unknown, or _identifier (IPv6 in brackets if a port follows, and in Forwarded), found '<'",
        ),
        ("for=1", "for=1 missing=peer", &[], "client is unknown (own), would be 10.0.0.1 (own)"),
        ("for=1", "for=1 headers=strip uri=keep", &LINES, ""),
        (
            "for=1",
            "for=1 hosts=app.example",
            &LINES,
            "passes, would be rejected: host: the host is not one of the allowed hosts; if it is ours, add it to hosts=",
        ),
        (
            "for=1 hosts=app.example",
            "for=1 hosts=internal.example",
            &LINES,
            "is rejected, would pass: host: the host is not one of the allowed hosts; if it is ours, add it to hosts=",
        ),
    ];
    let rows = rows.map(|(is, would, lines, told)| ((is, would, lines), told.to_owned()));
    table(rows, |(is, would, lines)| {
        let (shadow, told) = telling(&format!("proxies=10.0.0.0/8 {would}"));
        let layer = beside(&format!("proxies=10.0.0.0/8 {is}"), shadow.clone());
        send(layer, request(PROXY, "/", lines));
        let told = told.lock().unwrap().join("\n");
        let counts = shadow.counts();
        assert_eq!((counts.requests, counts.different), (1, u64::from(!told.is_empty())));
        told
    });
}

#[test]
fn before_any_is_in_force() {
    let rows: [(&str, &str, &[&str], &str); 8] = [
        (
            "proxies=10.0.0.0/8 for=1",
            PROXY,
            &[],
            "client is 10.0.0.1 (own), would be unknown (own)",
        ),
        ("proxies=10.0.0.0/8 for=1 missing=peer", PROXY, &["Host: a"], ""),
        ("proxies=10.0.0.0/8 for=1", "192.0.2.1", &LINES, ""),
        ("proxies=10.0.0.0/8 for=1 listener=https", "192.0.2.1", &LINES, ""),
        (
            "proxies=10.0.0.0/8 for=2 host=1",
            PROXY,
            &LINES,
            "client is 10.0.0.1 (own), would be 203.0.113.9 (x-forwarded-for, hop 2); \
             host is internal.example (own), would be app.example (x-forwarded-host, hop 1)",
        ),
        (
            "proxies=none for=1 hosts=a",
            PROXY,
            &["Host: b"],
            "passes, would be rejected: host: the host is not one of the allowed hosts; if it is ours, add it to hosts=",
        ),
        (
            "proxies=none for=1",
            PROXY,
            &["Host: b@c"],
            "passes, would be rejected: host, byte 1: malformed host, expected a name or address with an optional port, found '@'",
        ),
        (
            "proxies=any for=1",
            PROXY,
            &["X-Forwarded-For: 203.0.113.9", "Connection: X-Forwarded-For"],
            "passes, would be rejected: x-forwarded-for: named in the connection header, so a proxy on the way may have dropped it",
        ),
    ];
    let rows = rows.map(|(would, from, lines, told)| ((would, from, lines), told.to_owned()));
    table(rows, |(would, from, lines)| {
        let (shadow, told) = telling(would);
        let response = send(ShadowLayer::new(shadow.clone()), request(from, "/", lines));
        assert_eq!(response.status(), StatusCode::OK);
        let told = told.lock().unwrap().join("\n");
        let counts = shadow.counts();
        assert_eq!((counts.requests, counts.different), (1, u64::from(!told.is_empty())));
        told
    });
}

/// A target that only `fix_request` rejects, and a `Host` that contradicts the target in HTTP/2.
#[test]
fn all_that_a_layer_rejects() {
    let (shadow, told) = telling("proxies=10.0.0.0/8 for=1 missing=peer");
    let layer = ShadowLayer::new(shadow);
    send(layer.clone(), request(PROXY, "app.example:80", &[""; 0]));
    let mut http_2 = request(PROXY, "http://a.example/", &["Host: b.example"]);
    *http_2.version_mut() = http::Version::HTTP_2;
    send(layer, http_2);
    assert_eq!(
        *told.lock().unwrap(),
        [
            "passes, would be rejected: malformed request target, authority form is for CONNECT only",
            "passes, would be rejected: host: differs from the authority of the request target",
        ]
    );
}

#[test]
fn nothing_changes() {
    let candidates = ["for=1", "for=2 proto=2 host=1 prefix=1", "for=9", "for=1 headers=strip"];
    for candidate in candidates {
        let shadow = || shadow(&format!("proxies=10.0.0.0/8 {candidate}"));

        let sent = request(PROXY, "/item", &LINES);
        let seen = send(ShadowLayer::new(shadow()), sent.clone()).into_body().unwrap();
        assert_eq!((seen.uri(), seen.headers()), (sent.uri(), sent.headers()), "{candidate}");
        assert_eq!(seen.extensions().len(), sent.extensions().len(), "{candidate}");

        let text = "proxies=10.0.0.0/8 for=1 proto=1";
        let alone = send(ProxyFixLayer::new(config(text)), sent.clone()).into_body().unwrap();
        let seen = send(beside(text, shadow()), sent).into_body().unwrap();
        assert_eq!((seen.uri(), seen.headers()), (alone.uri(), alone.headers()), "{candidate}");
        assert_eq!(seen.extensions().len(), alone.extensions().len(), "{candidate}");
        let (seen, alone) = (util::of(&seen), util::of(&alone));
        assert_eq!(format!("{seen:?}"), format!("{alone:?}"), "{candidate}");
    }
    // The configuration in force rejects for its own reason.
    let lenient = shadow("proxies=10.0.0.0/8 for=1");
    let response = send(beside("proxies=10.0.0.0/8 for=9", lenient), request(PROXY, "/", &LINES));
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.into_body().is_none());
}

#[test]
fn differences_are_counted_by_kind() {
    let shadow = shadow("proxies=10.0.0.0/8 for=2 proto=1 host=1 port=1 prefix=1");
    let layer = beside("proxies=10.0.0.0/8,192.0.2.1 for=1", shadow.clone());
    let short = ["X-Forwarded-For: 203.0.113.9"];
    let nominated = [&LINES[..], &["Connection: x-forwarded-for"]].concat();
    for (from, lines) in [
        (PROXY, &LINES[..]),
        (PROXY, &LINES),
        (PROXY, &short),
        (PROXY, &nominated),
        ("192.0.2.1", &LINES),
        ("192.0.2.2", &LINES),
    ] {
        send(layer.clone(), request(from, "/", lines));
    }
    let counts = shadow.counts();
    let seen = (counts.requests, counts.different, counts.untrusted_peers, counts.already_fixed);
    assert_eq!(seen, (6, 4, 2, 0));
    assert_eq!((counts.rejected, counts.accepted), (1, 0));
    let values = [counts.client, counts.scheme, counts.host, counts.port, counts.prefix];
    assert_eq!(values, [3, 2, 2, 2, 2]);

    let shadow = self::shadow("proxies=10.0.0.0/8 for=1");
    send(beside("proxies=10.0.0.0/8 for=9", shadow.clone()), request(PROXY, "/", &LINES));
    assert_eq!((shadow.counts().rejected, shadow.counts().accepted), (0, 1));
}

#[test]
fn the_parts_of_a_difference() {
    let shadow = shadow("proxies=10.0.0.0/8 for=2").on_difference(|difference| {
        let client = |resolved: &Resolved| resolved.client().to_string();
        let differs: Vec<_> = difference.differs().collect();
        match difference.in_force() {
            Ok(Some(is)) if differs == [Differs::Client] => {
                assert_eq!(client(is), "10.0.0.2");
                assert_eq!(client(difference.candidate().unwrap()), "203.0.113.9");
            }
            Ok(Some(is)) => {
                assert_eq!(differs, [Differs::Rejected]);
                assert_eq!(client(is), "203.0.113.9");
                assert_eq!(difference.candidate().unwrap_err().kind(), ErrorKind::Short);
            }
            Ok(None) => panic!("a configuration is in force"),
            Err(error) => {
                assert_eq!(differs, [Differs::Accepted]);
                assert_eq!(error.kind(), ErrorKind::InvalidNode);
                assert_eq!(client(difference.candidate().unwrap()), "203.0.113.9");
            }
        }
    });
    let layer = beside("proxies=10.0.0.0/8 for=1", shadow.clone());
    for list in ["203.0.113.9, 10.0.0.2", "203.0.113.9", "203.0.113.9, x"] {
        send(layer.clone(), request(PROXY, "/", &[format!("X-Forwarded-For: {list}")]));
    }
    assert_eq!(shadow.counts().different, 3);

    let alone = Shadow::new(config("proxies=any for=1")).on_difference(|difference| {
        assert!(matches!(difference.in_force(), Ok(None)));
    });
    send(ShadowLayer::new(alone.clone()), request(PROXY, "/", &["Host: a", "Host: b"]));
    assert_eq!(alone.counts().rejected, 1);
}

#[test]
fn what_an_outer_layer_has_fixed() {
    let inner = shadow("proxies=10.0.0.0/8 for=2");
    let text = "proxies=10.0.0.0/8 for=1";
    for layer in [text, "proxies=10.0.0.0/8 for=3"] {
        let inner = beside(layer, inner.clone());
        let show: fn(Request<()>) -> _ = show;
        let app = ProxyFixLayer::new(config(text)).layer(inner.layer(service_fn(show)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(app.oneshot(request(PROXY, "/", &LINES))).unwrap();
    }
    // Also with an equal configuration, when the inner layer has nothing to do.
    assert_eq!(inner.counts().already_fixed, 2);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let show: fn(Request<()>) -> _ = show;
    let alone = ShadowLayer::new(inner.clone()).layer(service_fn(show));
    let app = ProxyFixLayer::new(config(text)).layer(alone);
    runtime.block_on(app.oneshot(request(PROXY, "/", &LINES))).unwrap();
    let counts = inner.counts();
    assert_eq!((counts.requests, counts.untrusted_peers, counts.already_fixed), (0, 0, 3));
    assert!(inner.list_lengths().iter().all(|lengths| lengths.absent() == 0));
}

#[test]
fn the_peer() {
    let shadow = shadow("proxies=unix for=1");
    let elsewhere = ShadowLayer::new(shadow.clone())
        .peer_from(|extensions| extensions.get::<&str>().map(|_| Peer::UNIX));
    send(elsewhere.clone(), request(PROXY, "/", &LINES));
    assert_eq!(shadow.counts().untrusted_peers, 1);
    let mut from_unix = request(PROXY, "/", &LINES);
    from_unix.extensions_mut().insert("unix");
    let seen = send(elsewhere, from_unix).into_body().unwrap();
    assert_eq!(seen.extensions().get(), Some(&peer(PROXY)));
    assert_eq!((shadow.counts().untrusted_peers, shadow.counts().client), (1, 1));

    // Nobody says who the peer is. This is a wiring fault, which would be a 500.
    let (shadow, told) = telling("proxies=unix for=1");
    send(ShadowLayer::new(shadow), Request::new(()));
    assert!(told.lock().unwrap()[0].starts_with("passes, would be rejected: no peer is known"));
    let (shadow, told) = telling("proxies=any for=1");
    send(ShadowLayer::new(shadow), Request::new(()));
    assert_eq!(*told.lock().unwrap(), [""; 0]);
}

#[cfg(feature = "axum")]
#[test]
fn the_peer_of_axum() {
    use axum::extract::ConnectInfo;

    let shadow = shadow("proxies=10.0.0.0/8 for=2");
    let mut request = request(PROXY, "/", &LINES);
    request.extensions_mut().remove::<Peer>();
    request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from(([10, 0, 0, 1], 80))));
    send(ShadowLayer::new(shadow.clone()), request);
    let counts = shadow.counts();
    assert_eq!((counts.untrusted_peers, counts.client, counts.rejected), (0, 1, 0));
}

/// The list lengths of the only request, for the header with that name.
fn lengths(candidate: &str, lines: &[impl AsRef<[u8]>], header: &str) -> ListLengths {
    let shadow = shadow(candidate);
    send(ShadowLayer::new(shadow.clone()), request(PROXY, "/", lines));
    let lengths = shadow.list_lengths();
    lengths
        .into_iter()
        .find(|lengths| lengths.header() == header)
        .expect("a header that is counted")
}

#[test]
fn list_lengths() {
    let sixteen = format!("X-Forwarded-For: {}", ["192.0.2.1"; 16].join(","));
    let forwarded = |text: &str| vec![format!("Forwarded: {text}")];
    let x_for = |text: &str| vec![format!("X-Forwarded-For: {text}")];
    let xff = "x-forwarded-for";
    let rows = [
        ((xff, vec![]), "absent: 1"),
        ((xff, x_for("")), "absent: 0, 1: 1"),
        ((xff, x_for("192.0.2.1")), "absent: 0, 1: 1"),
        ((xff, x_for("\"a, b\", , x y,")), "absent: 0, 5: 1"),
        ((xff, [x_for("a, b"), x_for(""), x_for("c")].concat()), "absent: 0, 4: 1"),
        ((xff, vec![sixteen.clone()]), "absent: 0, 16 and more: 1"),
        ((xff, vec![sixteen.replacen(',', "", 1)]), "absent: 0, 15: 1"),
        (
            (xff, vec![format!("{sixteen},{}", "x".repeat(1 << 20)), sixteen.clone()]),
            "absent: 0, 16 and more: 1",
        ),
        ((xff, x_for(&"x,".repeat(1 << 19))), "absent: 0, 16 and more: 1"),
        ((xff, x_for(&"x".repeat(4096))), "absent: 0, 1: 1"),
        ((xff, x_for(&"x".repeat(4097))), "absent: 0, unreadable: 1"),
        ((xff, x_for(&format!("{}, y", "x".repeat(1 << 20)))), "absent: 0, unreadable: 1"),
        (("x-forwarded-proto", x_for("a")), "absent: 1"),
        (("forwarded", forwarded("for=_a;proto=http, for=\"_b, c\"")), "absent: 0, 2: 1"),
        (("forwarded", forwarded("for=\"_a, for=_b")), "absent: 0, unreadable: 1"),
        (("cf-connecting-ip", vec!["CF-Connecting-IP: a, b".into()]), "absent: 0, 2: 1"),
    ];
    let rows = rows.map(|((header, lines), text)| ((header, lines), format!("{header}: {text}")));
    table(rows, |(header, lines)| {
        lengths("proxies=10.0.0.0/8 client-ip=CF-Connecting-IP", lines, header).to_string()
    });
    let renamed = lengths("proxies=any for=1 for-name=X-Chain", &["X-Chain: a, b"], "x-chain");
    assert_eq!(renamed.requests(2), 1);
}

/// A proxy may have dropped part of the list.
#[test]
fn a_list_that_connection_names_is_not_counted() {
    let lines = |connection: &[&str]| {
        let connection = connection.iter().map(|value| format!("Connection: {value}"));
        let lists = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https, https"];
        connection.chain(lists.map(str::to_owned)).collect::<Vec<_>>()
    };
    let rows = [
        (&["close, X-Forwarded-For"][..], true),
        (&["close", "keep-alive,x-forwarded-for"], true),
        (&["close;X-FORWARDED-FOR"], true),
        (&["close", "X-Forwarded-Fo, X-Forwarded-Format, X_Forwarded_For"], false),
        (&["close"], false),
        (&[], false),
    ];
    for (connection, is_named) in rows {
        let length = |header| lengths("proxies=10.0.0.0/8 for=1", &lines(connection), header);
        let x_for = length("x-forwarded-for");
        let expected = if is_named { (None, 0, 0) } else { (Some(1), 0, 0) };
        let found = (x_for.shortest(), x_for.absent(), x_for.unreadable());
        assert_eq!(found, expected, "{connection:?}");
        // The other lists in the request are counted.
        assert_eq!(length("x-forwarded-proto").shortest(), Some(2), "{connection:?}");
    }
}

#[test]
fn which_lists_are_counted() {
    let headers = |candidate: &str| {
        let lengths = shadow(candidate).list_lengths();
        let headers: Vec<_> = lengths.iter().map(|lengths| lengths.header().to_string()).collect();
        headers.join(" ")
    };
    let all = "x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port \
               x-forwarded-prefix forwarded";
    assert_eq!(headers("proxies=any for=1"), all);
    assert_eq!(headers("proxies=any client-ip=X-Real-IP"), format!("{all} x-real-ip"));
}

#[test]
fn lengths_of_many_requests() {
    let shadow = shadow("proxies=10.0.0.0/8 for=1");
    let layer = ShadowLayer::new(shadow.clone());
    let header = HeaderName::from_static("x-forwarded-for");
    for (length, requests) in [(0, 2), (2, 3), (3, 3), (5, 1), (40, 1)] {
        for _ in 0..requests {
            let mut request = request(PROXY, "/", &[""; 0]);
            for _ in 0..length {
                request.headers_mut().append(&header, HeaderValue::from_static("192.0.2.1"));
            }
            send(layer.clone(), request);
        }
    }
    let long = format!("X-Forwarded-For: {}", "x".repeat(5000));
    for _ in 0..4 {
        send(layer.clone(), request(PROXY, "/", &[&long]));
    }
    // Nothing is counted from a peer that is not believed.
    send(layer, request("192.0.2.1", "/", &["X-Forwarded-For: 192.0.2.1"]));
    let lengths = &shadow.list_lengths()[0];
    assert_eq!(lengths.header(), header);
    let text = "x-forwarded-for: absent: 2, 2: 3, 3: 3, 5: 1, 16 and more: 1, unreadable: 4";
    assert_eq!(lengths.to_string(), text);
    assert_eq!((lengths.absent(), lengths.unreadable()), (2, 4));
    assert_eq!([1, 2, 5, 16, 17, 40].map(|n| lengths.requests(n)), [0, 3, 1, 1, 1, 1]);
    assert_eq!((lengths.shortest(), lengths.most_frequent()), (Some(2), Some(2)));
    let none = &shadow.list_lengths()[1];
    assert_eq!((none.shortest(), none.most_frequent()), (None, None));
}

/// No count is lost when many threads count.
#[test]
fn from_many_threads() {
    let shadow = shadow("proxies=10.0.0.0/8 for=2");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let layer = beside("proxies=10.0.0.0/8 for=1", shadow.clone());
                    send(layer, request(PROXY, "/", &LINES));
                }
            });
        }
    });
    let counts = shadow.counts();
    assert_eq!((counts.requests, counts.different, counts.client), (200, 200, 200));
    assert_eq!(shadow.list_lengths()[0].requests(3), 200);
    assert_ne!(counts, Counts::default());
}

/// The service's own readiness passes.
#[test]
fn readiness() {
    struct Asked(Poll<Result<(), &'static str>>);

    impl Service<Request<()>> for Asked {
        type Response = ();
        type Error = &'static str;
        type Future = Ready<Result<(), &'static str>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            self.0
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            unreachable!()
        }
    }

    let mut context = Context::from_waker(Waker::noop());
    for answer in [Poll::Pending, Poll::Ready(Ok(())), Poll::Ready(Err("out of order"))] {
        let mut service = ShadowLayer::new(shadow("proxies=any for=1")).layer(Asked(answer));
        assert_eq!(service.poll_ready(&mut context), answer);
    }
}

#[test]
fn debug() {
    let shadow = shadow("proxies=any for=1").on_difference(|_| {});
    assert_eq!(*shadow.candidate(), config("proxies=any for=1"));
    let text = format!("{shadow:?}");
    assert!(text.starts_with("Shadow { candidate: Config(proxies=any for=1), counts: Counts {"));
    let text = format!("{:?}", ShadowLayer::new(shadow).layer("inner"));
    assert!(
        text.starts_with("ShadowService { inner: \"inner\", layer: ShadowLayer { shadow: Shadow")
    );
}
