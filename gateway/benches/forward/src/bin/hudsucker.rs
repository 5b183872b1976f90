//! hudsucker with a handler that answers itself.

use hudsucker::{
    Body, HttpContext, HttpHandler, Proxy, RequestOrResponse,
    certificate_authority::RcgenAuthority,
    hyper::{Request, Response},
    rustls::crypto::aws_lc_rs,
};
use proxyfix_gateway_benches_forward::{ANSWER, address, issuer};

#[derive(Clone)]
struct Handler;

impl HttpHandler for Handler {
    async fn handle_request(
        &mut self,
        _: &HttpContext,
        request: Request<Body>,
    ) -> RequestOrResponse {
        // It asks for the CONNECT too.
        if request.method() == "CONNECT" {
            return request.into();
        }
        Response::new(Body::from(ANSWER.as_str())).into()
    }
}

#[tokio::main]
async fn main() {
    let authority = RcgenAuthority::new(issuer(), 1_000, aws_lc_rs::default_provider());
    let proxy = Proxy::builder()
        .with_addr(address())
        .with_ca(authority)
        .with_rustls_connector(aws_lc_rs::default_provider())
        .with_http_handler(Handler)
        .build()
        .expect("valid");
    proxy.start().await.expect("it serves");
}
