#![no_main]

//! The head of a request: whatever it is, what goes upstream has one framing, no field that ends here, and our own
//! forwarding headers alone.

#[path = "../../gateway/tests/laws/capture.rs"]
mod capture;
#[path = "../../gateway/tests/laws/reference.rs"]
mod reference;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use proxyfix::{Peer, is_forwarding_header};
use proxyfix_gateway::{Body, ReverseProxy, Target};

/// Field lines of any bytes that make some.
fn headers(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|&byte| byte == b'\n') {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..]));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

libfuzzer_sys::fuzz_target!(|input: (&str, &str, &[u8])| {
    let (method, uri, fields) = input;
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method.as_bytes()), uri.parse::<http::Uri>())
    else {
        return;
    };
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers(fields);
    let ends_here =
        request.method() == Method::OPTIONS && request.headers().contains_key("max-forwards");
    request.extensions_mut().insert(Peer::from(std::net::IpAddr::from([203, 0, 113, 9])));
    let capture = capture::Capture::default();
    let target = Target::parse("http://up.example/base/").unwrap();
    let proxy = ReverseProxy::with_options(target, capture.options()).unwrap();
    let (response, seen) = capture.send(proxy, request);
    let Some(seen) = seen else {
        // Only what `Max-Forwards` ends is answered here and right.
        assert!(!response.status().is_success() || ends_here);
        return;
    };
    assert_eq!(seen.headers.get_all("host").iter().collect::<Vec<_>>(), ["up.example"]);
    assert_eq!(seen.headers.get_all("x-forwarded-for").iter().collect::<Vec<_>>(), ["203.0.113.9"]);
    assert!(seen.headers.get_all("content-length").iter().count() < 2);
    assert!(seen.uri.path().starts_with("/base") && !reference::has_dot_segment(seen.uri.path()));
    for name in seen.headers.keys() {
        assert!(!reference::ends_here(name.as_str()) || name == "te", "{name}");
        let is_ours = ["for", "proto", "host", "port"]
            .iter()
            .any(|part| name == format!("x-forwarded-{part}").as_str());
        assert!(is_ours || !is_forwarding_header(name), "{name}");
    }
});
