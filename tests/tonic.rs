//! The layer in tonic, over a real loopback socket.
//!
//! 1. It works in tonic's stack, with TLS and without. It reads the peer from tonic's `TcpConnectInfo`,
//!    which then becomes the client's, or has no address if the client has none. So does `TlsConnectInfo`,
//!    from which tonic would otherwise read the proxy's address.
//! 2. A rejection fails the call.
//!
//! The method has empty messages. It answers with the client's address in its metadata.

#![cfg(feature = "tower")]

mod util;

use std::{future::ready, net::SocketAddr};

use axum::{Router, extract::Request, routing::post};
use proxyfix::{Peer, ProxyFixLayer};
use tokio::net::TcpListener;
use tonic::{
    Code, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{
        Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig,
        server::{TcpConnectInfo, TcpIncoming, TlsConnectInfo},
    },
};
use tower::service_fn;
use util::config;

const METHOD: &str = "/test.Example/WhoAmI";

/// Empty messages.
#[derive(Clone, Copy)]
struct Empty;

impl Codec for Empty {
    type Encode = ();
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Empty {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Empty {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        Ok(Some(()))
    }
}

async fn who_am_i(request: Request) -> http::Response<tonic::body::Body> {
    let answer = service_fn(|request: tonic::Request<()>| {
        let address = format!("{:?}", request.remote_addr());
        let mut response = tonic::Response::new(());
        response.metadata_mut().insert("address", address.parse().unwrap());
        ready(Ok::<_, Status>(response))
    });
    tonic::server::Grpc::new(Empty).unary(answer, request).await
}

async fn ask(channel: &Channel, node: &str) -> Result<String, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = tonic::Request::new(());
    request.metadata_mut().insert("x-forwarded-for", node.parse().unwrap());
    let response = client.unary(request, METHOD.parse().unwrap(), Empty).await?;
    Ok(response.metadata().get("address").unwrap().to_str().unwrap().to_owned())
}

fn layer() -> ProxyFixLayer {
    ProxyFixLayer::new(config("proxies=loopback for=1"))
        .peer_from(|extensions| extensions.get::<TcpConnectInfo>()?.remote_addr().map(Peer::from))
        .on_resolved(|resolved, extensions| {
            let client = |ip| (ip, resolved.client_port().unwrap_or_default()).into();
            let client = resolved.client_ip().map(client);
            if let Some(connected) = extensions.get_mut::<TcpConnectInfo>() {
                connected.remote_addr = client;
            }
            if let Some(connected) = extensions.get_mut::<TlsConnectInfo<TcpConnectInfo>>() {
                connected.get_mut().remote_addr = client;
            }
        })
}

/// Starts a server, and returns its address.
async fn serve(server: Server) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route(METHOD, post(who_am_i)).into();
    let server = server.layer(layer()).add_routes(routes);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

async fn ask_all(channel: &Channel) {
    assert_eq!(ask(channel, "6.6.6.6, 203.0.113.9").await.unwrap(), "Some(203.0.113.9:0)");
    assert_eq!(ask(channel, "203.0.113.9:50").await.unwrap(), "Some(203.0.113.9:50)");
    assert_eq!(ask(channel, "unknown").await.unwrap(), "None");
    // A gRPC client turns status 400 into this code.
    assert_eq!(ask(channel, "203.0.113.256").await.unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn the_remote_address_is_the_clients() {
    let address = serve(Server::builder()).await;
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    ask_all(&endpoint.connect().await.unwrap()).await;
}

#[tokio::test]
async fn the_remote_address_is_the_clients_under_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = ServerTlsConfig::new().identity(Identity::from_pem(&certificate, key));
    let address = serve(Server::builder().tls_config(identity).unwrap()).await;

    let trusted = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(certificate));
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    let endpoint = endpoint.tls_config(trusted.domain_name("localhost")).unwrap();
    ask_all(&endpoint.connect().await.unwrap()).await;
}
