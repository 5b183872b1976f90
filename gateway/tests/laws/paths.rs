//! Where a path goes.

use http::{Request, StatusCode};
use proptest::prelude::*;
use proxyfix_gateway::{Body, DotSegments, ReverseProxyLayer, Target};
use tower::{Layer, service_fn};

use super::{
    capture::Capture,
    generate::{base, cases, path, prefixes, query},
    reference,
};

/// Answers what is under no prefix.
const INNER: StatusCode = StatusCode::IM_A_TEAPOT;

async fn inner(_: Request<Body>) -> Result<http::Response<Body>, std::convert::Infallible> {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = INNER;
    Ok(response)
}

proptest! {
    #![proptest_config(cases())]

    /// The longest prefix wins, whatever the order; what follows goes on byte for byte, after the base; the target's
    /// query comes first; and nothing leaves the base.
    #[test]
    fn mapping(
        path in path(),
        query in query(),
        prefixes in prefixes(),
        base in base(),
        own_query in proptest::option::of("[a-c=]{1,4}"),
        remove_prefix in any::<bool>(),
    ) {
        let text = match &query {
            Some(query) => format!("{path}?{query}"),
            None => path.clone(),
        };
        let Ok(uri) = text.parse::<http::Uri>() else { return Ok(()) };
        let capture = Capture::default();
        let mut builder = ReverseProxyLayer::builder().options(capture.options());
        for (at, prefix) in prefixes.iter().enumerate() {
            let own = own_query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
            let target = Target::builder(format!("http://up{at}.example{base}{own}"));
            builder = builder.target(prefix, target.remove_prefix(remove_prefix).build().unwrap());
        }
        let service = builder.build().unwrap().layer(service_fn(inner));
        let request = Request::get(uri).header("host", "a").body(Body::empty()).unwrap();
        let (response, seen) = capture.send(service, request);

        if reference::has_dot_segment(&path) {
            prop_assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            prop_assert!(seen.is_none());
            return Ok(());
        }
        let Some((at, rest)) = reference::longest(&prefixes, &path) else {
            prop_assert_eq!(response.status(), INNER);
            prop_assert!(seen.is_none());
            return Ok(());
        };
        let rest = if remove_prefix { rest } else { path.as_str() };
        let joined = match rest {
            "" if base.is_empty() => "/".to_owned(),
            "" => base.to_owned(),
            rest => format!("{}{rest}", base.strip_suffix('/').unwrap_or(base)),
        };
        let is_cut = remove_prefix && !prefixes[at].trim_end_matches('/').is_empty();
        if is_cut && joined.starts_with("//") {
            prop_assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            prop_assert!(seen.is_none());
            return Ok(());
        }
        let seen = seen.expect("it goes upstream");
        prop_assert_eq!(&seen.headers["host"], &format!("up{at}.example"));
        prop_assert_eq!(seen.uri.path(), &joined);
        let query = match (own_query, query) {
            (Some(own), Some(query)) if !query.is_empty() => Some(format!("{own}&{query}")),
            (Some(own), _) => Some(own),
            (None, query) => query,
        };
        prop_assert_eq!(seen.uri.query(), query.as_deref());
        // Whoever decodes once more finds no way out of the base.
        prop_assert!(!reference::has_dot_segment(seen.uri.path()));
        prop_assert!(seen.uri.path().starts_with(base.trim_end_matches('/')));
        prop_assert!(seen.uri.scheme().is_none() && seen.uri.authority().is_none());
    }

    /// Normal paths are those of RFC 3986, and have no dot segment in any spelling.
    #[test]
    fn normalization(path in path()) {
        let Ok(uri) = path.parse::<http::Uri>() else { return Ok(()) };
        let normal = reference::normal(&path);
        let capture = Capture::default();
        let options = capture.options().dot_segments(DotSegments::Normalize);
        let target = Target::parse("http://up.example/base").unwrap();
        let layer = ReverseProxyLayer::builder().target("/", target).options(options).build().unwrap();
        let request = Request::get(uri).header("host", "a").body(Body::empty()).unwrap();
        let (response, seen) = capture.send(layer.layer(service_fn(inner)), request);
        match seen {
            Some(seen) => {
                prop_assert!(!reference::has_dot_segment(&normal));
                prop_assert_eq!(seen.uri.path(), format!("/base{normal}"));
            }
            None => {
                prop_assert_eq!(response.status(), StatusCode::BAD_REQUEST);
                prop_assert!(reference::has_dot_segment(&normal));
            }
        }
    }

    /// Without a rule for dot segments, each path goes on as it is.
    #[test]
    fn no_rule(path in path()) {
        let Ok(uri) = path.parse::<http::Uri>() else { return Ok(()) };
        let capture = Capture::default();
        let options = capture.options().dot_segments(DotSegments::Pass);
        let target = Target::parse("http://up.example/base").unwrap();
        let layer = ReverseProxyLayer::builder().target("/", target).options(options).build().unwrap();
        let request = Request::get(uri).header("host", "a").body(Body::empty()).unwrap();
        let (_, seen) = capture.send(layer.layer(service_fn(inner)), request);
        let seen = seen.expect("it goes upstream");
        prop_assert_eq!(seen.uri.path(), format!("/base{path}"));
    }
}

/// A path of the longest size that `http` takes is mapped.
#[test]
fn long_paths() {
    let path = format!("/api{}", "/%2e%2f.a".repeat(7_000));
    let capture = Capture::default();
    let target = Target::builder("http://up.example/base").remove_prefix(true).build().unwrap();
    let layer = ReverseProxyLayer::builder()
        .target("/api", target)
        .options(capture.options())
        .build()
        .unwrap();
    let request = Request::get(&path).header("host", "a").body(Body::empty()).unwrap();
    let (response, seen) = capture.send(layer.layer(service_fn(inner)), request);
    // `%2e%2f` is a dot between a slash and an encoded one.
    assert_eq!((response.status(), seen.is_none()), (StatusCode::BAD_REQUEST, true));

    let path = format!("/api{}", "/%2ea%2f.a".repeat(5_000));
    let request = Request::get(&path).header("host", "a").body(Body::empty()).unwrap();
    let target = Target::builder("http://up.example/base").remove_prefix(true);
    let limits = proxyfix_gateway::Limits::default().head_bytes(1 << 20);
    let target = target.limits(limits).build().unwrap();
    let layer = ReverseProxyLayer::builder()
        .target("/api", target)
        .options(capture.options())
        .build()
        .unwrap();
    let (_, seen) = capture.send(layer.layer(service_fn(inner)), request);
    assert_eq!(seen.expect("it goes upstream").uri.path(), format!("/base{}", &path[4..]));
}
