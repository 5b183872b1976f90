#![no_main]

//! A path, a query and two prefixes: what goes upstream, and what a mounted service sees, is what a slow reading of the rules
//! says.

#[path = "../../gateway/tests/laws/capture.rs"]
mod capture;
#[path = "../../gateway/tests/laws/mounted.rs"]
mod mounted;
#[path = "../../gateway/tests/laws/reference.rs"]
mod reference;

use http::{Request, StatusCode};
use proxyfix_gateway::{Body, ReverseProxyLayer, Target};
use tower::{Layer, service_fn};

/// A path, a query, two prefixes, the number of a base, and whether the prefix is removed.
type Input<'a> = (&'a str, Option<&'a str>, [&'a str; 2], u8, bool);

const BASES: [&str; 4] = ["", "/", "/base", "/base/"];

async fn inner(_: Request<Body>) -> Result<http::Response<Body>, std::convert::Infallible> {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = StatusCode::IM_A_TEAPOT;
    Ok(response)
}

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let (path, query, both, base, remove_prefix) = input;
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let Ok(uri) = format!("/{path}{query}").parse::<http::Uri>() else { return };
    let path = uri.path().to_owned();
    if !path.is_ascii() {
        return;
    }
    let base = BASES[usize::from(base) % BASES.len()];
    let capture = capture::Capture::default();
    let mut builder = ReverseProxyLayer::builder().options(capture.options());
    let mut prefixes = Vec::new();
    for (at, prefix) in both.iter().enumerate() {
        let target = Target::builder(format!("http://up{at}.example{base}"));
        builder = builder.target(*prefix, target.remove_prefix(remove_prefix).build().unwrap());
        // The slow reading knows no Unicode.
        if !prefix.is_ascii() {
            return;
        }
        prefixes.push(format!("/{}", prefix.trim_start_matches('/')));
    }
    let Ok(layer) = builder.build() else { return };
    assert_eq!(mounted::is_right(&prefixes, &uri, remove_prefix).unwrap_or(Ok(())), Ok(()));
    let request = Request::get(uri.clone()).header("host", "a").body(Body::empty()).unwrap();
    let (response, seen) = capture.send(layer.layer(service_fn(inner)), request);
    if reference::has_dot_segment(&path) {
        assert_eq!((response.status(), seen.is_none()), (StatusCode::BAD_REQUEST, true));
        return;
    }
    let Some((at, rest)) = reference::longest(&prefixes, &path) else {
        assert_eq!((response.status(), seen.is_none()), (StatusCode::IM_A_TEAPOT, true));
        return;
    };
    let rest = if remove_prefix { rest } else { path.as_str() };
    let Some(seen) = seen else {
        assert!(response.status().is_client_error() && rest.starts_with("//"));
        return;
    };
    assert_eq!(seen.headers["host"], format!("up{at}.example"));
    let joined =
        format!("{}{rest}", base.strip_suffix('/').filter(|_| !rest.is_empty()).unwrap_or(base));
    assert_eq!(seen.uri.path(), if joined.is_empty() { "/" } else { &joined });
    assert_eq!(seen.uri.query(), uri.query());
});
