#![no_main]

//! A request to the forward proxy, and a file of an authority: whatever they are, what the application sees of a URL is
//! under the prefix, and has one host, no credentials and no forwarding header; and no file panics.

use std::{
    convert::Infallible,
    sync::{Arc, LazyLock, Mutex},
};

use http::{HeaderName, HeaderValue, Method, Request, Response};
use proxyfix::is_forwarding_header;
use proxyfix_gateway::{Body, CertificateAuthority, ForwardProxyLayer, ProxyRequest};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, ServiceExt, service_fn};

static PROXY: LazyLock<ForwardProxyLayer> = LazyLock::new(|| {
    let authority = CertificateAuthority::options().in_memory().unwrap();
    ForwardProxyLayer::builder(authority).prefix("/prefix/").build().unwrap()
});
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());

libfuzzer_sys::fuzz_target!(|input: (&str, &str, &[u8])| {
    let (method, uri, fields) = input;
    let pem = |label: &str, data: &[u8]| {
        let text: String = data.iter().map(|byte| char::from(byte & 0x7f)).collect();
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    let key = CertificateAuthority::options().new_pem();
    let key = key
        .as_deref()
        .ok()
        .and_then(|text| text.split_inclusive("-----END PRIVATE KEY-----\n").next());
    let _ = CertificateAuthority::from_pem(
        &(key.unwrap_or_default().to_owned() + &pem("CERTIFICATE", fields)),
    );

    let (Ok(method), Ok(uri)) = (Method::from_bytes(method.as_bytes()), uri.parse::<http::Uri>())
    else {
        return;
    };
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    for line in fields.split(|&byte| byte == b'\n') {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..]));
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    let is_absolute = uri.scheme().is_some();
    let seen = Arc::new(Mutex::new(None));
    let into = Arc::clone(&seen);
    let app = service_fn(move |request: Request<Body>| {
        *into.lock().unwrap() = Some(request.into_parts().0);
        async { Ok::<_, Infallible>(Response::new(Body::empty())) }
    });
    let response = RUNTIME.block_on(PROXY.layer(app).oneshot(request)).unwrap();
    let Some(seen) = seen.lock().unwrap().take() else {
        assert!(
            !response.status().is_success()
                || uri.host().is_some_and(|host| host.eq_ignore_ascii_case("wsgiprox")
                    || host.eq_ignore_ascii_case("wsgiprox."))
        );
        return;
    };
    let Some(proxied) = seen.extensions.get::<ProxyRequest>() else {
        assert!(!is_absolute);
        return;
    };
    assert!(is_absolute);
    let url: http::Uri = proxied.url().parse().unwrap();
    assert_eq!(url.scheme_str(), Some("http"));
    assert_eq!(
        seen.headers.get_all("host").iter().collect::<Vec<_>>(),
        [url.authority().unwrap().as_str()]
    );
    let expected = match proxied.matched_proxy_host() {
        Some(_) => proxied.path_and_query().to_owned(),
        None => format!("/prefix/{}", proxied.url()),
    };
    assert_eq!(seen.uri.to_string(), expected);
    for name in seen.headers.keys() {
        assert!(!is_forwarding_header(name) && !name.as_str().starts_with("proxy-"), "{name}");
    }
});
