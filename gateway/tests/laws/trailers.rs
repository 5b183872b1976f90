//! Which fields cross after a body.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use proxyfix::is_forwarding_header;
use proxyfix_gateway::{Body, ProxyOptions, ReverseProxy, SendFuture, Target, Transport, Upstream};
use tower::ServiceExt;

use super::{
    generate::{cases, fields},
    reference,
};

/// A transport that reads the whole request, keeps its trailers, and answers with others.
#[derive(Clone)]
struct Exchange {
    sent: Arc<Mutex<Option<HeaderMap>>>,
    head: HeaderMap,
    trailers: HeaderMap,
}

impl Transport for Exchange {
    fn send<'a>(&'a self, _: &'a Upstream, request: Request<Body>) -> SendFuture<'a> {
        Box::pin(async {
            let body = request.into_body().collect().await.expect("a whole body");
            *self.sent.lock().unwrap() = Some(body.trailers().cloned().unwrap_or_default());
            let mut response = Response::new(with_trailers(self.trailers.clone()));
            *response.headers_mut() = self.head.clone();
            Ok(response)
        })
    }
}

fn with_trailers(trailers: HeaderMap) -> Body {
    let trailers = async { Some(Ok::<_, std::convert::Infallible>(trailers)) };
    Body::new(Full::new(Bytes::from_static(b"data")).with_trailers(trailers))
}

/// All values of each name.
type Fields = BTreeMap<String, Vec<Vec<u8>>>;

/// What must be left of trailers.
fn left(head: &HeaderMap, trailers: &HeaderMap, is_request: bool) -> Fields {
    let nominated = reference::nominated(head);
    // In an answer, a name that is no token nominates nothing, nor does anything beside it.
    let counts = is_request || !nominated.iter().any(|name| name.contains(' '));
    let frames = |name: &str| ["content-length", "host", "trailer", "expect"].contains(&name);
    let counts = |name: &str| counts && (is_request || !reference::is_kept(name));
    let crosses = |name: &&HeaderName| {
        let folded: HeaderName = name.as_str().replace('_', "-").parse().unwrap();
        let (text, is_alias) = (name.as_str(), folded != **name);
        let ends = |name: &HeaderName| reference::ends_here(name.as_str()) || frames(name.as_str());
        let is_refused = ends(name)
            || is_request && (is_forwarding_header(&folded) || is_alias && ends(&folded));
        !(is_refused || reference::is_no_trailer(text) || counts(text) && nominated.contains(text))
    };
    trailers.keys().filter(crosses).map(|name| (name.to_string(), values(trailers, name))).collect()
}

fn values(headers: &HeaderMap, name: &HeaderName) -> Vec<Vec<u8>> {
    headers.get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect()
}

fn all(headers: &HeaderMap) -> Fields {
    headers.keys().map(|name| (name.to_string(), values(headers, name))).collect()
}

proptest! {
    #![proptest_config(cases())]

    /// No field that ends here, frames, names a client, or was nominated crosses, and no other is lost or changed.
    #[test]
    fn of_both_sides(head in fields(), up in fields(), answer in fields(), down in fields()) {
        let transport = Exchange { sent: Arc::default(), head: answer.clone(), trailers: down.clone() };
        let sent = Arc::clone(&transport.sent);
        let options = ProxyOptions::new().pseudonym("front").transport(transport);
        let target = Target::parse("http://up.example/").unwrap();
        let proxy = ReverseProxy::with_options(target, options).unwrap();
        let mut request = Request::post("/").body(with_trailers(up.clone())).unwrap();
        *request.headers_mut() = head.clone();
        request.headers_mut().insert("host", "app.example".parse().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (status, body) = runtime.block_on(async {
            let response = proxy.oneshot(request).await.unwrap();
            (response.status(), response.into_body().collect().await.expect("a whole body"))
        });
        let Some(sent) = sent.lock().unwrap().take() else {
            prop_assert_eq!(status, StatusCode::BAD_REQUEST);
            return Ok(());
        };
        prop_assert_eq!(all(&sent), left(&head, &up, true));
        prop_assert_eq!(status, StatusCode::OK);
        let none = HeaderMap::new();
        prop_assert_eq!(all(body.trailers().unwrap_or(&none)), left(&answer, &down, false));
        prop_assert_eq!(body.to_bytes(), "data");
    }
}

/// A configured header cannot be written after the body either, nor can `Proxy`.
#[test]
fn configured_headers() {
    let transport =
        Exchange { sent: Arc::default(), head: HeaderMap::new(), trailers: HeaderMap::new() };
    let sent = Arc::clone(&transport.sent);
    let options = ProxyOptions::new().transport(transport);
    let target =
        Target::builder("http://up.example/").header("x-user", "guest").remove_header("x-secret");
    let proxy = ReverseProxy::with_options(target.build().unwrap(), options).unwrap();
    let up = HeaderMap::from_iter(
        ["x-user", "x-secret", "x_user", "proxy", "x-other"]
            .map(|name| (HeaderName::from_static(name), "root".parse().unwrap())),
    );
    let request = Request::post("/").header("host", "a").body(with_trailers(up)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(proxy.oneshot(request)).unwrap();
    let sent = sent.lock().unwrap().take().unwrap();
    assert_eq!(sent.keys().collect::<Vec<_>>(), ["x-other"]);
}
