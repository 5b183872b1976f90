//! A configuration is replaced while requests come in.
//!
//! 1. The next request is decided with the new configuration.
//! 2. A request that has reached the layer finishes with the configuration that it began with.
//! 3. Two layers that share a handle never answer 500 because of a replacement. Two layers that do not
//!    share one still do if their configurations differ.
//! 4. What a handle holds is equal to what it was given.

#![cfg(feature = "reload")]

mod util;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

use http::{Request, Response, StatusCode};
use proxyfix::{
    Config, ConfigHandle, ErrorKind, PrefixLayer, ProxyFixLayer, Resolved, fix_request,
    shadow::Shadow,
};
use tower::{Layer, Service, ServiceExt, service_fn};
use util::{PROXY, config, of, request};

const ONE: &str = "proxies=10.0.0.0/8 for=1 prefix=1";
const TWO: &str = "proxies=10.0.0.0/8 for=2";

fn handle(text: &str) -> ConfigHandle {
    ConfigHandle::new(config(text))
}

fn layer(handle: &ConfigHandle) -> ProxyFixLayer {
    ProxyFixLayer::with_handle(handle.clone())
}

/// A request whose client is 10.0.0.2 with a count of one, and 203.0.113.9 with a count of two.
fn fresh() -> Request<()> {
    let list = "X-Forwarded-For: 203.0.113.9, 10.0.0.2";
    request(PROXY, "/", &[list, "X-Forwarded-Prefix: /app"])
}

#[expect(clippy::needless_pass_by_value, reason = "a service takes it")]
fn show(request: Request<()>) -> Ready<Result<Response<String>, Infallible>> {
    ready(Ok(Response::new(of(&request).client().to_string())))
}

/// A service that replaces the configuration with this one and then passes the request on.
fn replacing<S>(
    handle: &ConfigHandle,
    with: &str,
    inner: S,
) -> impl Service<Request<()>, Response = Response<String>, Error = Infallible>
where
    S: Service<Request<()>, Response = Response<String>, Error = Infallible> + Clone,
{
    let (handle, with) = (handle.clone(), config(with));
    service_fn(move |request| {
        handle.replace(with.clone());
        inner.clone().oneshot(request)
    })
}

async fn client(layer: &ProxyFixLayer) -> String {
    let response = layer.layer(service_fn(show)).oneshot(fresh()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body()
}

#[tokio::test]
async fn the_next_request_is_decided_under_the_new_one() {
    let handle = handle(ONE);
    let layer = layer(&handle);
    assert_eq!(client(&layer).await, "10.0.0.2");
    handle.clone().replace(config(TWO));
    assert_eq!(client(&layer).await, "203.0.113.9");
    handle.replace(config(ONE));
    assert_eq!(client(&layer).await, "10.0.0.2");
}

#[tokio::test]
async fn a_request_inside_finishes_under_the_one_it_began_with() {
    let handle = handle(ONE);
    let inner = {
        let handle = handle.clone();
        service_fn(move |request: Request<()>| {
            let handle = handle.clone();
            async move {
                let before = format!("{:?}", of(&request));
                handle.replace(config("proxies=10.0.0.0/8 forwarded=1"));
                tokio::task::yield_now().await;
                let resolved = of(&request);
                assert_eq!(format!("{resolved:?}"), before);
                assert_eq!(resolved.source().client().to_string(), "x-forwarded-for, hop 1");
                let response = Response::builder().header("Location", "/x");
                Ok::<_, http::Error>(response.body(String::new()).unwrap())
            }
        })
    };
    let app = layer(&handle).layer(PrefixLayer::new().layer(inner));
    let response = app.oneshot(fresh()).await.unwrap();
    assert_eq!(response.headers()["location"], "/app/x");
}

#[tokio::test]
async fn layers_that_share_a_handle() {
    let handle = handle(ONE);
    let inner = layer(&handle).layer(service_fn(show));
    let app = layer(&handle).layer(replacing(&handle, TWO, inner));
    let response = app.oneshot(fresh()).await.unwrap();
    assert_eq!((response.status(), response.body().as_str()), (StatusCode::OK, "10.0.0.2"));
}

#[test]
fn a_request_that_was_fixed_is_not_fixed_again() {
    let handle = handle(ONE);
    let mut request = fresh();
    fix_request(&mut request, &handle.current()).unwrap();
    handle.replace(config(TWO));
    fix_request(&mut request, &handle.current()).unwrap();
    assert_eq!(of(&request).client().to_string(), "10.0.0.2");
    assert_eq!(request.headers()["x-forwarded-for"], "10.0.0.2");
}

#[tokio::test]
async fn layers_that_do_not() {
    let (outer, other) = (handle(ONE), handle(ONE));
    let moved = ConfigHandle::new(outer.current());
    for inner in [other, moved] {
        let inside = layer(&inner).layer(service_fn(show));
        let app = layer(&outer).layer(replacing(&inner, TWO, inside));
        let response = app.oneshot(fresh()).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let error: &proxyfix::Error = response.extensions().get().unwrap();
        assert_eq!(error.kind(), ErrorKind::OtherConfig);

        // Equal configurations count as one, as without a handle.
        inner.replace(config(ONE));
        let inside = layer(&inner).layer(service_fn(show));
        let response = layer(&outer).layer(inside).oneshot(fresh()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[test]
fn what_it_holds_is_what_it_was_given() {
    let handle = handle(ONE);
    assert_eq!(handle.current(), config(ONE));
    assert_eq!(handle.current().to_builder().build().unwrap(), config(ONE));
    handle.replace(config(TWO));
    assert_eq!(handle.current(), config(TWO));
    assert_eq!(format!("{handle:?}"), format!("ConfigHandle(Config({TWO}))"));
    assert!(format!("{:?}", layer(&handle)).contains(TWO));
}

#[tokio::test]
async fn the_candidate_of_shadow_mode_stays() {
    let handle = handle(ONE);
    let shadow = Shadow::new(config(TWO));
    let layer = layer(&handle).shadow(shadow.clone());
    client(&layer).await;
    assert_eq!(shadow.counts().client, 1);
    handle.replace(config(TWO));
    client(&layer).await;
    assert_eq!((shadow.counts().requests, shadow.counts().client), (2, 1));
    assert_eq!(*shadow.candidate(), config(TWO));
}

/// Each request sees exactly one of the configurations.
#[test]
fn while_requests_come_in() {
    let handle = handle("proxies=10.0.0.0/8 for=1 proto=1");
    let configs: [Config; 2] =
        [config("proxies=10.0.0.0/8 for=1 proto=1"), config("proxies=10.0.0.0/8 for=2")];
    let lines = ["X-Forwarded-For: 203.0.113.9, 10.0.0.2", "X-Forwarded-Proto: https"];
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = [(); 2].map(|()| {
            scope.spawn(|| {
                let show = |request: Request<()>| {
                    let resolved: &Resolved = of(&request);
                    let seen = format!("{} {}", resolved.client(), resolved.scheme());
                    ready(Ok::<_, Infallible>(Response::new(seen)))
                };
                let twice = layer(&handle).layer(layer(&handle).layer(service_fn(show)));
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                while !done.load(SeqCst) {
                    let request = request(PROXY, "/", &lines);
                    let response = runtime.block_on(twice.clone().oneshot(request)).unwrap();
                    assert_eq!(response.status(), StatusCode::OK);
                    let seen = response.into_body();
                    assert!(["10.0.0.2 https", "203.0.113.9 http"].contains(&&*seen), "{seen}");
                }
            })
        });
        for config in configs.iter().cycle().take(2_000) {
            handle.replace(config.clone());
            thread::yield_now();
        }
        done.store(true, SeqCst);
        _ = asking.map(|thread| thread.join().unwrap());
    });
}
