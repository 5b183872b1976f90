#![no_main]

//! The head of an answer: whatever it is, what the client gets has one framing and no field that ends here.

#[path = "../../gateway/tests/laws/capture.rs"]
mod capture;
#[path = "../../gateway/tests/laws/reference.rs"]
mod reference;

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use proxyfix::is_own_path;
use proxyfix_gateway::{Body, ReverseProxyLayer, Target};
use tower::{Layer, service_fn};

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

libfuzzer_sys::fuzz_target!(|fields: &[u8]| {
    let capture = capture::Capture::answering(headers(fields));
    let target =
        Target::builder("http://up.example/base/").rewrite_location(true).rewrite_cookies(true);
    let target = target.remove_prefix(true).build().unwrap();
    let layer = ReverseProxyLayer::builder()
        .target("/p", target)
        .options(capture.options())
        .build()
        .unwrap();
    let inner = service_fn(|_: Request<Body>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
    });
    let request = Request::get("/p/x").header("host", "app.example").body(Body::empty()).unwrap();
    let (response, _) = capture.send(layer.layer(inner), request);
    for name in response.headers().keys() {
        assert!(!reference::ends_here(name.as_str()), "{name}");
    }
    let lengths: Vec<_> = response.headers().get_all("content-length").iter().collect();
    assert!(lengths.is_empty() || response.status() != 200 || lengths == ["2"], "{lengths:?}");
    // What was turned back is a path that no browser takes for another host.
    let sent: Vec<_> = headers(fields).get_all("location").iter().cloned().collect();
    for location in response.headers().get_all("location") {
        assert!(sent.contains(location) || is_own_path(location.as_bytes()), "{location:?}");
    }
});
