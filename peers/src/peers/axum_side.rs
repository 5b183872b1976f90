//! Peers from the axum and tower side.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use futures_util::FutureExt;
use http::{Request, Response};
use tower::{Layer, Service};
use tower_governor::key_extractor::{KeyExtractor, SmartIpKeyExtractor};
use tower_real_ip::{RealIp, RealIpLayer, TrustedProxyConfig};

use super::{Lines, Peer, header_map, ip_or_error, proxy_socket, request};

pub const PEERS: [Peer; 10] = [
    Peer {
        package: "axum-client-ip",
        version: "1.3.1",
        value: "",
        call: "RightmostXForwardedFor",
        ask: |lines| {
            let answer = extract::<axum_client_ip::RightmostXForwardedFor>(lines);
            ip_or_error(answer.map(|found| found.0))
        },
    },
    Peer {
        package: "axum-client-ip",
        version: "1.3.1",
        value: "(Forwarded)",
        call: "RightmostForwarded",
        ask: |lines| {
            let answer = extract::<axum_client_ip::RightmostForwarded>(lines);
            ip_or_error(answer.map(|found| found.0))
        },
    },
    Peer {
        package: "axum-extra",
        version: "0.10.3",
        value: "",
        call: "extract::Host",
        ask: |lines| text(extract::<axum_extra::extract::Host>(lines).map(|found| found.0)),
    },
    Peer {
        package: "axum-extra",
        version: "0.10.3",
        value: "(scheme)",
        call: "extract::Scheme",
        ask: |lines| text(extract::<axum_extra::extract::Scheme>(lines).map(|found| found.0)),
    },
    Peer {
        package: "axum-extra",
        version: "0.12.6",
        value: "",
        call: "extract::Host (deprecated)",
        #[allow(deprecated)]
        ask: |lines| text(extract::<axum_extra_012::extract::Host>(lines).map(|found| found.0)),
    },
    Peer {
        package: "axum-extra",
        version: "0.12.6",
        value: "(scheme)",
        call: "extract::Scheme (deprecated)",
        #[allow(deprecated)]
        ask: |lines| text(extract::<axum_extra_012::extract::Scheme>(lines).map(|found| found.0)),
    },
    Peer {
        package: "client-ip",
        version: "0.2.1",
        value: "",
        call: "rightmost_x_forwarded_for",
        ask: |lines| ip_or_error(client_ip::rightmost_x_forwarded_for(&header_map(lines))),
    },
    Peer {
        package: "client-ip",
        version: "0.2.1",
        value: "(Forwarded)",
        call: "rightmost_forwarded",
        ask: |lines| ip_or_error(client_ip::rightmost_forwarded(&header_map(lines))),
    },
    Peer {
        package: "tower_governor",
        version: "0.8.0",
        value: "",
        call: "SmartIpKeyExtractor",
        ask: |lines| ip_or_error(SmartIpKeyExtractor.extract(&connected(lines))),
    },
    Peer {
        package: "tower-real-ip",
        version: "0.1.0",
        value: "",
        call: "RealIpLayer",
        ask: tower_real_ip,
    },
];

/// A request with the address of the proxy.
fn connected(lines: &Lines) -> Request<()> {
    let mut request = request(lines);
    request.extensions_mut().insert(ConnectInfo::<SocketAddr>(proxy_socket()));
    request
}

fn extract<T: FromRequestParts<()>>(lines: &Lines) -> Result<T, T::Rejection> {
    let (mut parts, ()) = connected(lines).into_parts();
    T::from_request_parts(&mut parts, &()).now_or_never().expect("it does not wait")
}

fn text<E>(answer: Result<String, E>) -> String {
    answer.unwrap_or_else(|_| "none".to_owned())
}

fn tower_real_ip(lines: &Lines) -> String {
    let config = TrustedProxyConfig::parse_str("10.0.0.0/8").expect("a network");
    let inner = tower::service_fn(|request: Request<String>| async move {
        let found = request.extensions().get::<RealIp>().expect("the layer sets it").0;
        Ok::<_, Infallible>(Response::new(found.to_string()))
    });
    let mut service = RealIpLayer::new(config).layer(inner);
    let request = connected(lines).map(|()| String::new());
    let answer = service.call(request).now_or_never().expect("it does not wait");
    answer.expect("the inner service cannot fail").into_body()
}
