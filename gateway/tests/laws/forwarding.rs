//! A stranger, this proxy, and an application that believes it.

use std::net::IpAddr;

use http::{HeaderMap, Request};
use proptest::prelude::*;
use proxyfix::{Config, Family, Peer, Resolved, Scheme, fix_parts};
use proxyfix_gateway::{Body, ReverseProxyLayer, Target};
use tower::{Layer, service_fn};

use super::{
    capture::Capture,
    generate::{cases, fields},
};

const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

/// What an application behind the proxy believes of a request with these fields. `None` if it was refused.
fn believed(headers: HeaderMap, family: Family) -> Option<Resolved> {
    let capture = Capture::default();
    let target = Target::builder("http://up.example/").remove_prefix(true).build().unwrap();
    let options = capture.options().family(family).listener(Scheme::Https);
    let layer =
        ReverseProxyLayer::builder().target("/app", target).options(options).build().unwrap();
    let service = layer.layer(service_fn(|_: Request<Body>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
    }));
    let mut request =
        Request::get("/app/x").extension(Peer::from(STRANGER)).body(Body::empty()).unwrap();
    *request.headers_mut() = headers;
    request.headers_mut().insert("host", "shop.example:8443".parse().unwrap());
    let (_, seen) = capture.send(service, request);
    let mut seen = seen?;
    let line = match family {
        Family::Forwarded => "proxies=loopback forwarded=1",
        _ => "proxies=loopback for=1 proto=1 host=1 port=1 prefix=1",
    };
    let config: Config = line.parse().unwrap();
    let front = Peer::from(IpAddr::from([127, 0, 0, 1]));
    seen.extensions.insert(front);
    fix_parts(&mut seen, &config).expect("what the proxy writes is valid");
    seen.extensions.remove::<Resolved>()
}

proptest! {
    #![proptest_config(cases())]

    /// Nothing that a stranger writes changes who he is taken for, which scheme he used, or where the application is.
    #[test]
    fn non_interference(headers in fields(), in_forwarded in any::<bool>()) {
        let family = if in_forwarded { Family::Forwarded } else { Family::XForwarded };
        let honest = believed(HeaderMap::new(), family).expect("an honest request goes on");
        prop_assert_eq!(honest.client_ip(), Some(STRANGER));
        let Some(forged) = believed(headers, family) else { return Ok(()) };
        prop_assert_eq!(forged.client_ip(), honest.client_ip());
        prop_assert_eq!((forged.scheme(), forged.port()), (Scheme::Https, 8443));
        prop_assert_eq!(forged.host(), Some("shop.example"));
        let prefix = if in_forwarded { "" } else { "/app" };
        prop_assert_eq!(forged.prefix(), prefix);
        prop_assert!(forged.is_peer_trusted());
    }
}
