//! The forward proxy of this crate.

use axum::Router;
use proxyfix_gateway::{CertificateAuthority, ForwardProxyLayer, serve};
use proxyfix_gateway_benches_forward::{ANSWER, address};
use tower::Layer as _;

#[tokio::main]
async fn main() {
    let authority = CertificateAuthority::options().in_memory().expect("an authority");
    let proxy = ForwardProxyLayer::builder(authority).build().expect("valid");
    let app = Router::new().fallback(async || ANSWER.as_str());
    let listener = tokio::net::TcpListener::bind(address()).await.expect("a port");
    serve(listener, proxy.layer(app)).await.expect("it serves");
}
