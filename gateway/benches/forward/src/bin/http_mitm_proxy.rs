//! http-mitm-proxy with a service that answers itself.

use std::convert::Infallible;

use http_body_util::Full;
use http_mitm_proxy::{
    MitmProxy,
    hyper::{Response, body::Bytes, service::service_fn},
    moka::sync::Cache,
};
use proxyfix_gateway_benches_forward::{ANSWER, address, issuer};

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let proxy = MitmProxy::new(Some(issuer()), Some(Cache::new(1_000)));
    let service = service_fn(async |_| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes()))))
    });
    proxy.bind(address(), service).await.expect("a port").await;
}
