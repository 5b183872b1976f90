//! A tonic server whose handlers see the true client, and a client of it that plays the proxy.
//!
//! ```console
//! $ cargo run --example tonic_app
//! a call from 203.0.113.9, of which tonic says Some(203.0.113.9:0)
//! the service is Serving
//! a call from _hidden, of which tonic says None
//! the service is Serving
//! ```

use std::error::Error;

use proxyfix::{Peer, ProxyFixLayer, Resolved};
use tokio::net::TcpListener;
use tonic::{
    Request, Status,
    service::interceptor::InterceptedService,
    transport::{
        Channel, Endpoint, Server,
        server::{TcpConnectInfo, TcpIncoming},
    },
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// What every handler can do: read the extensions of its request.
fn show(request: Request<()>) -> Result<Request<()>, Status> {
    let resolved: &Resolved =
        request.extensions().get().ok_or_else(|| Status::internal("no ProxyFixLayer"))?;
    let address = request.remote_addr();
    println!("a call from {}, of which tonic says {address:?}", resolved.client());
    Ok(request)
}

fn layer() -> Result<ProxyFixLayer, proxyfix::ConfigError> {
    Ok(ProxyFixLayer::new("proxies=loopback for=1".parse()?)
        .peer_from(|extensions| extensions.get::<TcpConnectInfo>()?.remote_addr().map(Peer::from))
        // Where tonic keeps the peer's address; the proxy's must not pass for the client's.
        .on_resolved(|resolved, extensions| {
            if let Some(connected) = extensions.get_mut::<TcpConnectInfo>() {
                let port = resolved.client_port().unwrap_or_default();
                connected.remote_addr = resolved.client_ip().map(|ip| (ip, port).into());
            }
        }))
}

/// A call as a proxy passes it on.
async fn call(channel: Channel, forwarded_for: &'static str) -> Result<(), Box<dyn Error>> {
    let mut request = Request::new(HealthCheckRequest::default());
    request.metadata_mut().insert("x-forwarded-for", forwarded_for.parse()?);
    let health = HealthClient::new(channel).check(request).await?.into_inner();
    println!("the service is {:?}", health.status());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (_, service) = tonic_health::server::health_reporter();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = Server::builder()
        .layer(layer()?)
        .add_service(InterceptedService::new(service, show))
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(server);

    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    call(channel.clone(), "6.6.6.6, 203.0.113.9").await?;
    call(channel, "_hidden").await
}
