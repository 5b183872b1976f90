//! A tonic server with TLS. Its handlers see the true client. The client here plays the proxy.
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
        Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig,
        server::{TcpConnectInfo, TcpIncoming, TlsConnectInfo},
    },
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Reads the extensions of a request, as every handler can.
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
        // tonic keeps the peer's address in one place, and with TLS in a second one too. Both hold the
        // proxy's address, which must not pass for the client's.
        .on_resolved(|resolved, extensions| {
            let port = resolved.client_port().unwrap_or_default();
            let client = resolved.client_ip().map(|ip| (ip, port).into());
            if let Some(connected) = extensions.get_mut::<TcpConnectInfo>() {
                connected.remote_addr = client;
            }
            // Leave this out if tonic is built without a TLS feature: then it does not have this type.
            if let Some(connected) = extensions.get_mut::<TlsConnectInfo<TcpConnectInfo>>() {
                connected.get_mut().remote_addr = client;
            }
        }))
}

/// Makes a call as a proxy passes it on.
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
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = Identity::from_pem(&certificate, key);
    let server = Server::builder()
        .tls_config(ServerTlsConfig::new().identity(identity))?
        .layer(layer()?)
        .add_service(InterceptedService::new(service, show))
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(server);

    let authority = Certificate::from_pem(certificate);
    let tls = ClientTlsConfig::new().ca_certificate(authority).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls)?;
    let channel = endpoint.connect().await?;
    call(channel.clone(), "6.6.6.6, 203.0.113.9").await?;
    call(channel, "_hidden").await
}
