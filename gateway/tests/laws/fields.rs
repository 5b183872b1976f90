//! Which fields cross.

use std::collections::BTreeSet;

use http::{HeaderMap, Request, StatusCode};
use proptest::prelude::*;
use proxyfix::is_forwarding_header;
use proxyfix_gateway::{Body, ReverseProxy, Target};

use super::{
    capture::Capture,
    generate::{cases, fields},
    reference,
};

/// All values of a name, in order.
fn values(headers: &HeaderMap, name: &str) -> Vec<Vec<u8>> {
    headers.get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect()
}

/// The names that the proxy itself writes.
const WRITTEN: [&str; 8] = [
    "host",
    "via",
    "content-length",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "te",
];

proptest! {
    #![proptest_config(cases())]

    /// No field that ends here or was nominated crosses, and no other is lost or changed.
    #[test]
    fn of_a_request(headers in fields()) {
        let capture = Capture::default();
        let target = Target::parse("http://up.example/").unwrap();
        let proxy = ReverseProxy::with_options(target, capture.options()).unwrap();
        let mut request = Request::get("/").body(Body::empty()).unwrap();
        *request.headers_mut() = headers.clone();
        request.headers_mut().insert("host", "app.example".parse().unwrap());
        let (response, seen) = capture.send(proxy, request);

        let nominated = reference::nominated(&headers);
        let refused = nominated.iter().any(|name| name.contains(' ') || reference::is_relied_on(name));
        if refused {
            prop_assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            prop_assert!(seen.is_none());
            return Ok(());
        }
        let seen = seen.expect("it goes upstream").headers;
        for name in headers.keys().map(http::HeaderName::as_str).collect::<BTreeSet<_>>() {
            let folded = name.replace('_', "-");
            let folded_name: http::HeaderName = folded.parse().unwrap();
            let is_alias = name.contains('_')
                && (reference::ends_here(&folded) || folded == "content-length" || is_forwarding_header(&folded_name));
            let ends = reference::ends_here(name)
                || nominated.contains(name)
                || is_alias
                || is_forwarding_header(&folded_name);
            if WRITTEN.contains(&name) {
                continue;
            }
            let expected = if ends { Vec::new() } else { values(&headers, name) };
            prop_assert_eq!(values(&seen, name), expected, "{}", name);
        }
        // `TE: trailers` stands for all of `TE`.
        let codings: Vec<_> = headers.get_all("te").iter().flat_map(|te| te.to_str().unwrap().split(',')).collect();
        let has_trailers = codings.iter().any(|coding| coding.trim() == "trailers");
        let te = if has_trailers { vec![b"trailers".to_vec()] } else { Vec::new() };
        prop_assert_eq!(values(&seen, "te"), te);
        // Ours comes after what others said.
        let mut via = values(&headers, "via");
        via.push(b"1.1 front".to_vec());
        prop_assert_eq!(values(&seen, "via"), via);
        for name in seen.keys() {
            prop_assert!(headers.contains_key(name) || WRITTEN.contains(&name.as_str()), "{} was added", name);
        }
    }

    /// The same for what comes back.
    #[test]
    fn of_a_response(headers in fields(), cookies in proptest::collection::vec("[a-c]=[0-9]", 0..4)) {
        let mut answer = headers;
        for cookie in &cookies {
            answer.append("set-cookie", cookie.parse().unwrap());
        }
        let capture = Capture::answering(answer.clone());
        let target = Target::parse("http://up.example/").unwrap();
        let proxy = ReverseProxy::with_options(target, capture.options()).unwrap();
        let request = Request::get("/").header("host", "a").body(Body::empty()).unwrap();
        let (response, _) = capture.send(proxy, request);
        prop_assert_eq!(response.status(), StatusCode::OK);
        let nominated = reference::nominated(&answer);
        // A name that is no token nominates nothing, nor does anything beside it.
        let nominates = !nominated.iter().any(|name| name.contains(' '));
        for name in answer.keys().map(http::HeaderName::as_str).collect::<BTreeSet<_>>() {
            let is_nominated = nominates && nominated.contains(name) && !reference::is_kept(name);
            let ends = reference::ends_here(name) || is_nominated;
            let expected = if ends { Vec::new() } else { values(&answer, name) };
            prop_assert_eq!(values(response.headers(), name), expected, "{}", name);
        }
    }
}
