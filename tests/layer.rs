//! The layer around a service.
//!
//! 1. A good request passes, rewritten. The service's error and its readiness pass too.
//! 2. A bad request does not reach the service. Its response has the error's status, an empty body,
//!    `Cache-Control: no-store`, and the `Error` in its extensions.
//! 3. A custom response keeps its status, body and `Cache-Control`, and its body needs no default.
//! 4. The peer is the one that `peer_from` finds, otherwise the `Peer` in the extensions.
//! 5. `on_resolved` sees the values in effect, and may change the extensions.
//! 6. Two layers with equal configurations work. With different configurations they answer 500.
//! 7. Nothing is boxed.

#![cfg(feature = "tower")]

mod util;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::SocketAddr,
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, Request, Response, StatusCode, header::CACHE_CONTROL};
use proxyfix::{
    Error, ErrorKind, Peer, ProxyFix, ProxyFixLayer, RejectionResponse, Resolved, ResponseFuture,
};
use tower::{Layer, Service, ServiceExt, service_fn};
use util::{PROXY, config, of, peer, request};

/// The request that the service saw, if it saw one.
type Seen = Option<Request<()>>;

/// A service that answers with the request it sees.
fn show(request: Request<()>) -> Ready<Result<Response<Seen>, Infallible>> {
    ready(Ok(Response::new(Some(request))))
}

/// A service that no request may reach.
fn unreached<B>(_: Request<()>) -> Ready<Result<Response<B>, Infallible>> {
    panic!("a rejected request reached the service")
}

/// The response to a request that goes through the layer.
async fn respond<R>(layer: ProxyFixLayer<R>, request: Request<()>) -> Response<Seen>
where
    R: RejectionResponse<Seen> + Clone,
{
    layer.layer(service_fn(show)).oneshot(request).await.unwrap()
}

/// The request that the service sees behind the layer.
async fn seen(layer: ProxyFixLayer, request: Request<()>) -> Request<()> {
    respond(layer, request).await.into_body().expect("the request passes")
}

fn layer(text: &str) -> ProxyFixLayer {
    ProxyFixLayer::new(config(text))
}

fn good() -> Request<()> {
    request(
        PROXY,
        "/item?q=1",
        &[
            "Host: app.example",
            "X-Forwarded-For: 6.6.6.6, 203.0.113.9",
            "X-Forwarded-Proto: https",
            "X-Real-IP: 6.6.6.6",
        ],
    )
}

fn bad() -> Request<()> {
    request(PROXY, "/", &["X-Forwarded-For: 203.0.113.256"])
}

#[track_caller]
fn assert_kind<B>(response: &Response<B>, kind: ErrorKind) {
    let error: &Error = response.extensions().get().expect("an error in the extensions");
    assert_eq!(error.kind(), kind);
}

fn cache_control(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all(CACHE_CONTROL).iter().map(|line| line.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_good_request_passes_rewritten() {
    let request = seen(layer("proxies=10.0.0.0/8 for=1 proto=1"), good()).await;
    assert_eq!(request.uri(), "https://app.example/item?q=1");
    assert_eq!(request.headers()["x-forwarded-for"], "203.0.113.9");
    assert!(!request.headers().contains_key("x-real-ip"));
    assert_eq!(of(&request).client().to_string(), "203.0.113.9");
}

#[tokio::test]
async fn the_response_of_the_service_passes() {
    let service = service_fn(|_: Request<()>| {
        ready(Response::builder().status(StatusCode::ACCEPTED).body("done"))
    });
    let fixed = layer("proxies=10.0.0.0/8 for=1").layer(service);
    let response = fixed.oneshot(good()).await.unwrap();
    assert_eq!((response.status(), *response.body()), (StatusCode::ACCEPTED, "done"));
    assert!(response.headers().is_empty());
    assert!(response.extensions().is_empty());
}

#[tokio::test]
async fn a_bad_request_is_rejected() {
    let fixed = layer("proxies=10.0.0.0/8 for=1").layer(service_fn(unreached::<String>));
    let response = fixed.oneshot(bad()).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.body(), "");
    assert_eq!(response.headers().len(), 1);
    assert_eq!(cache_control(response.headers()), ["no-store"]);
    assert_kind(&response, ErrorKind::InvalidNode);
}

#[tokio::test]
async fn a_missing_peer_is_a_fault_of_ours() {
    let request = Request::get("/").body(()).unwrap();
    let fixed = layer("proxies=10.0.0.0/8 for=1").layer(service_fn(unreached::<String>));
    let response = fixed.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(cache_control(response.headers()), ["no-store"]);
    assert_kind(&response, ErrorKind::MissingPeer);
}

/// A body without a default.
#[derive(Debug, PartialEq)]
struct Page(&'static str);

#[tokio::test]
async fn a_response_of_ones_own() {
    let layer = layer("proxies=10.0.0.0/8 for=1").with_rejection_response(|error: &Error| {
        assert_eq!(error.hop(), Some(1));
        Response::builder().status(StatusCode::IM_A_TEAPOT).body(Page("no")).unwrap()
    });
    let response = layer.layer(service_fn(unreached::<Page>)).oneshot(bad()).await.unwrap();
    assert_eq!((response.status(), response.body()), (StatusCode::IM_A_TEAPOT, &Page("no")));
    assert_eq!(cache_control(response.headers()), ["no-store"]);
    assert_kind(&response, ErrorKind::InvalidNode);

    let service = service_fn(|_| ready(Ok::<_, Infallible>(Response::new(Page("yes")))));
    let response = layer.layer(service).oneshot(good()).await.unwrap();
    assert_eq!((response.status(), response.body()), (StatusCode::OK, &Page("yes")));
}

#[tokio::test]
async fn its_own_cache_control_stays() {
    let layer = layer("proxies=10.0.0.0/8 for=1").with_rejection_response(|_: &Error| {
        Response::builder().header(CACHE_CONTROL, "private").body(None).unwrap()
    });
    let response = respond(layer, bad()).await;
    assert_eq!(cache_control(response.headers()), ["private"]);
}

#[tokio::test]
async fn the_error_of_the_service_passes() {
    let service = service_fn(|_: Request<()>| ready(Err::<Response<String>, _>("out of order")));
    let fixed = layer("proxies=10.0.0.0/8 for=1").layer(service);
    assert_eq!(fixed.clone().oneshot(good()).await.unwrap_err(), "out of order");
    assert_eq!(fixed.oneshot(bad()).await.unwrap().status(), StatusCode::BAD_REQUEST);
}

/// A service that must be asked whether it is ready before it is called.
#[derive(Clone, Default)]
struct Careful {
    asked: bool,
}

impl Service<Request<()>> for Careful {
    type Response = Response<Seen>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.asked), "called before it was ready");
        show(request)
    }
}

#[tokio::test]
async fn the_service_is_asked_whether_it_is_ready() {
    let mut fixed = layer("proxies=10.0.0.0/8 for=1").layer(Careful::default());
    for request in [good(), good(), bad(), good()] {
        fixed.ready().await.unwrap().call(request).await.unwrap();
    }
}

/// A service that gives this answer when asked whether it is ready.
struct Asked(Poll<Result<(), &'static str>>);

impl Service<Request<()>> for Asked {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        unreachable!()
    }
}

#[test]
fn its_answer_passes() {
    let mut context = Context::from_waker(Waker::noop());
    for answer in [Poll::Pending, Poll::Ready(Ok(())), Poll::Ready(Err("out of order"))] {
        let mut fixed = layer("proxies=any for=1").layer(Asked(answer));
        assert_eq!(fixed.poll_ready(&mut context), answer);
    }
}

#[tokio::test]
async fn twice_under_equal_configurations() {
    // If it were read again, the list would be too short.
    let text = "proxies=10.0.0.0/8 for=2";
    let elsewhere = layer(text).peer_from(|_| Some(peer("192.0.2.1")));
    let request = request(PROXY, "/", &["X-Forwarded-For: 203.0.113.9, 10.0.0.2"]);
    let fixed = layer(text).layer(elsewhere.layer(service_fn(show)));
    let request = fixed.oneshot(request).await.unwrap().into_body().expect("the request passes");
    assert_eq!(of(&request).client().to_string(), "203.0.113.9");
    assert_eq!(request.extensions().get(), Some(&peer(PROXY)));
    assert_eq!(request.headers()["x-forwarded-for"], "203.0.113.9");
}

#[tokio::test]
async fn twice_under_different_configurations() {
    let inner = layer("proxies=10.0.0.0/8 for=1 proto=1")
        .on_resolved(|_, _| panic!("called for a rejected request"))
        .layer(service_fn(unreached::<String>));
    let fixed = layer("proxies=10.0.0.0/8 for=1").layer(inner);
    let response = fixed.oneshot(good()).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_kind(&response, ErrorKind::OtherConfig);
}

/// Where a custom server leaves the address of its peer.
#[derive(Clone)]
struct Connection(SocketAddr);

#[tokio::test]
async fn peer_from_comes_before_the_extension() {
    let layer = layer("proxies=10.0.0.0/8 for=1")
        .peer_from(|extensions| extensions.get().map(|Connection(address)| Peer::from(*address)));

    let request = seen(layer.clone(), good()).await;
    assert_eq!(of(&request).peer(), Some(peer(PROXY)));

    let mut request = good();
    let address = SocketAddr::from(([192, 0, 2, 1], 4711));
    request.extensions_mut().insert(Connection(address));
    let request = seen(layer, request).await;
    assert_eq!(of(&request).peer(), Some(Peer::from(address)));
    assert_eq!(request.extensions().get(), Some(&Peer::from(address)));
    assert_eq!(of(&request).client().to_string(), "192.0.2.1:4711");
    assert!(!request.headers().contains_key("x-forwarded-for"));
}

#[tokio::test]
async fn on_resolved_sees_what_is_effective() {
    #[derive(Clone, Debug, PartialEq)]
    struct Note(String);

    let layer = layer("proxies=10.0.0.0/8 for=1 proto=1").on_resolved(|resolved, extensions| {
        assert!(extensions.get::<Resolved>().is_some());
        let url = resolved.external_url("/").unwrap();
        extensions.insert(Note(format!("{} at {url}", resolved.client())));
    });
    let request = seen(layer.clone(), good()).await;
    let expected = Note("203.0.113.9 at https://app.example/".to_owned());
    assert_eq!(request.extensions().get(), Some(&expected));

    let layer = layer.on_resolved(|_, _| panic!("called for a rejected request"));
    assert_eq!(respond(layer, bad()).await.status(), StatusCode::BAD_REQUEST);
}

#[test]
fn new_is_the_layer_and_gives_the_service_back() {
    let fixed = ProxyFix::new("service", config("proxies=any for=1"));
    let layered = layer("proxies=any for=1").layer("service");
    assert_eq!(format!("{fixed:?}"), format!("{layered:?}"));
    assert_eq!(*fixed.get_ref(), "service");
    assert_eq!(fixed.into_inner(), "service");
}

#[test]
fn nothing_is_boxed() {
    fn in_place<S, B>(_: &S)
    where
        S: Service<Request<()>, Response = Response<B>>,
        B: Default,
        ProxyFix<S>: Service<Request<()>, Future = ResponseFuture<S::Future, B>>,
    {
        let arms = size_of::<S::Future>().max(size_of::<Response<B>>());
        let whole = size_of::<ResponseFuture<S::Future, B>>();
        assert!((arms..=arms + 16).contains(&whole), "{whole} bytes for arms of {arms}");
    }

    in_place(&service_fn(show));
    in_place(&service_fn(|_: Request<()>| async {
        let large = [1_u8; 4096];
        std::future::pending::<()>().await;
        Ok::<_, Infallible>(Response::new(large.len()))
    }));
}

#[test]
fn debug() {
    let text = format!("{:?}", layer("proxies=any for=1"));
    assert!(text.starts_with("ProxyFixLayer { config: Config"), "{text}");
    let text = format!("{:?}", layer("proxies=any for=1").layer("inner"));
    assert!(text.starts_with("ProxyFix { ") && text.contains("inner"), "{text}");
}
