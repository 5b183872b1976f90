//! `tower_governor` with one allowance for each true client, no matter what the client writes.
//!
//! ```console
//! $ cargo run --features axum --example rate_limit
//! listening on http://127.0.0.1:3000
//! ```
//!
//! The limit is two requests a minute. This machine is a trusted proxy, so curl plays the proxy here:
//! the last address is the client's.
//!
//! ```console
//! $ curl -H 'X-Forwarded-For: 203.0.113.9' http://127.0.0.1:3000/
//! hello
//! $ curl -H 'X-Forwarded-For: 6.6.6.6, 203.0.113.9' http://127.0.0.1:3000/
//! hello
//! $ curl -H 'X-Forwarded-For: 6.6.6.7, 203.0.113.9' http://127.0.0.1:3000/
//! too many requests
//! $ curl -H 'X-Forwarded-For: 203.0.113.10' http://127.0.0.1:3000/
//! hello
//! $ curl -H 'X-Forwarded-For: 2001:db8::1' http://127.0.0.1:3000/
//! hello
//! $ curl -H 'X-Forwarded-For: 2001:db8::2' http://127.0.0.1:3000/
//! hello
//! $ curl -H 'X-Forwarded-For: 2001:db8::3' http://127.0.0.1:3000/
//! too many requests
//! ```

use std::{
    error::Error,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use axum::{
    Router,
    http::{Request, StatusCode},
    response::IntoResponse,
    routing::get,
};
use proxyfix::{Config, ProxyFixLayer, Resolved};
use tokio::net::TcpListener;
use tower_governor::{
    GovernorError, GovernorLayer, governor::GovernorConfigBuilder, key_extractor::KeyExtractor,
};

/// The key is the network that one subscriber has: an IPv4 address, or the first 64 bits of an IPv6
/// address. All clients whose address is not known share one allowance.
#[derive(Clone, Copy, Debug)]
struct TrueClient;

impl KeyExtractor for TrueClient {
    type Key = Option<IpAddr>;

    fn extract<T>(&self, request: &Request<T>) -> Result<Self::Key, GovernorError> {
        let resolved: Option<&Resolved> = request.extensions().get();
        let ip = resolved.ok_or(GovernorError::UnableToExtractKey)?.client_ip();
        Ok(ip.map(|ip| match ip {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
            IpAddr::V4(_) => ip,
        }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config: Config = "proxies=loopback for=1".parse()?;
    let limit = GovernorConfigBuilder::default()
        .key_extractor(TrueClient)
        .per_second(30)
        .burst_size(2)
        .finish()
        .ok_or("the limit allows nothing")?;
    let app = Router::new()
        .route("/", get(|| async { "hello\n" }))
        .layer(GovernorLayer::new(limit).error_handler(|error| match error {
            GovernorError::TooManyRequests { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "too many requests\n").into_response()
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }))
        // Around the limit, which would otherwise count what a stranger wrote.
        .layer(ProxyFixLayer::new(config));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
