//! A proxy that is its own upstream.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use http::Request;
use hyper::body::Incoming;
use proxyfix_gateway::{ProxyOptions, ReverseProxy, Target, TransparentProxy};
use tower::{ServiceExt, service_fn};

use crate::net::{client::Client, front};

/// One turn, and no more.
#[tokio::test]
async fn a_proxy_that_is_its_own_target() {
    for is_transparent in [false, true] {
        let proxies: Arc<OnceLock<(ReverseProxy, TransparentProxy)>> = Arc::default();
        let turns = Arc::new(AtomicUsize::new(0));
        let (built, counted) = (Arc::clone(&proxies), Arc::clone(&turns));
        let address = front::serve(service_fn(move |request: Request<Incoming>| {
            let (reverse, transparent) = built.get().unwrap().clone();
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                if is_transparent {
                    transparent.oneshot(request).await
                } else {
                    reverse.oneshot(request).await
                }
            }
        }))
        .await;
        let target = Target::parse(&format!("http://{address}/")).unwrap();
        let reverse = ReverseProxy::with_options(target, ProxyOptions::new()).unwrap();
        let transparent = TransparentProxy::builder().allow(address.to_string()).build().unwrap();
        proxies.set((reverse, transparent)).unwrap();

        let request = format!("GET /x HTTP/1.1\r\nHost: {address}\r\n\r\n");
        assert_eq!(Client::once(address, request).await.status, 508);
        assert_eq!(turns.load(Ordering::SeqCst), 2);
    }
}
