//! Peers that are part of a framework: actix-web, rama, trillium.

use std::convert::Infallible;

use actix_web::dev::ConnectionInfo;
use actix_web::test::TestRequest;
use futures_util::FutureExt;
use rama_core::extensions::ExtensionsRef;
use rama_core::service::service_fn;
use rama_core::{Layer, Service};
use rama_http::headers::forwarded::{ForwardHeader, Forwarded, XForwardedFor};
use rama_http::layer::forwarded::GetForwardedHeaderLayer;
use trillium_forwarding::Forwarding;
use trillium_testing::{Status, TestConn, methods};

use super::{Lines, Peer, proxy_ip, proxy_socket, text_or_none};

pub const PEERS: [Peer; 7] = [
    Peer {
        package: "actix-web",
        version: "4.18.1",
        value: "",
        call: "ConnectionInfo::realip_remote_addr",
        ask: |lines| text_or_none(actix(lines).realip_remote_addr()),
    },
    Peer {
        package: "actix-web",
        version: "4.18.1",
        value: "(host)",
        call: "ConnectionInfo::host",
        ask: |lines| actix(lines).host().to_owned(),
    },
    Peer {
        package: "actix-web",
        version: "4.18.1",
        value: "(scheme)",
        call: "ConnectionInfo::scheme",
        ask: |lines| actix(lines).scheme().to_owned(),
    },
    Peer {
        package: "rama-http",
        version: "0.3.0-alpha.4",
        value: "",
        call: "GetForwardedHeaderLayer, X-Forwarded-For",
        ask: rama::<XForwardedFor>,
    },
    Peer {
        package: "rama-http",
        version: "0.3.0-alpha.4",
        value: "(Forwarded)",
        call: "GetForwardedHeaderLayer, Forwarded",
        ask: rama::<Forwarded>,
    },
    Peer {
        package: "trillium-forwarding",
        version: "0.3.1",
        value: "",
        call: "Forwarding::trust_ips, Conn::peer_ip",
        ask: |lines| trillium(lines, |conn| text_or_none(conn.peer_ip())),
    },
    Peer {
        package: "trillium-forwarding",
        version: "0.3.1",
        value: "(host)",
        call: "Forwarding::trust_ips, Conn::host",
        ask: |lines| trillium(lines, |conn| text_or_none(conn.host())),
    },
];

fn actix(lines: &Lines) -> ConnectionInfo {
    let mut request = TestRequest::default().peer_addr(proxy_socket());
    for (name, value) in lines {
        request = request.append_header((name.as_str(), value.as_str()));
    }
    request.to_http_request().connection_info().clone()
}

fn rama<H: ForwardHeader + Send + Sync + 'static>(lines: &Lines) -> String {
    let inner = service_fn(async |request: rama_http::Request<()>| {
        let found = request.extensions().get::<rama_net::forwarded::Forwarded>();
        Ok::<_, Infallible>(text_or_none(found.and_then(|chain| chain.client_ip())))
    });
    let mut request = rama_http::Request::builder();
    for (name, value) in lines {
        request = request.header(name, value);
    }
    let request = request.body(()).expect("the lines are valid");
    let service = GetForwardedHeaderLayer::<H>::new().into_layer(inner);
    let answer = service.serve(request).now_or_never().expect("it does not wait");
    answer.expect("the inner service cannot fail")
}

fn trillium(lines: &Lines, value: fn(&TestConn) -> String) -> String {
    let mut conn = methods::get("/").with_peer_ip(proxy_ip());
    for (name, line) in lines {
        conn = conn.with_request_header(name.clone(), line.clone());
    }
    let conn = conn.run(&Forwarding::trust_ips(["10.0.0.0/8"]));
    match conn.status() {
        Some(Status::BadRequest) => "400".to_owned(),
        _ => value(&conn),
    }
}
