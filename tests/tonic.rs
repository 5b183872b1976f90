//! The layer in tonic, over a real socket of the loopback.
//!
//! 1. It stands in tonic's stack. The peer is read from tonic's `TcpConnectInfo`, which becomes the
//!    client's, or says nothing where the client is no address.
//! 2. A rejection fails the call.
//!
//! The method has messages of no content, and answers with the client's address in its metadata.

#![cfg(feature = "tower")]

mod util;

use std::future::ready;

use axum::{Router, extract::Request, routing::post};
use proxyfix::{Peer, ProxyFixLayer};
use tokio::net::TcpListener;
use tonic::{
    Code, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{
        Channel, Endpoint, Server,
        server::{TcpConnectInfo, TcpIncoming},
    },
};
use tower::service_fn;
use util::config;

const METHOD: &str = "/test.Example/WhoAmI";

/// Messages of no bytes.
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

#[tokio::test]
async fn the_remote_address_is_the_clients() {
    let layer = ProxyFixLayer::new(config("proxies=loopback for=1"))
        .peer_from(|extensions| extensions.get::<TcpConnectInfo>()?.remote_addr().map(Peer::from))
        .on_resolved(|resolved, extensions| {
            let client = |ip| (ip, resolved.client_port().unwrap_or_default()).into();
            if let Some(connected) = extensions.get_mut::<TcpConnectInfo>() {
                connected.remote_addr = resolved.client_ip().map(client);
            }
        });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route(METHOD, post(who_am_i)).into();
    let server = Server::builder().layer(layer).add_routes(routes);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    assert_eq!(ask(&channel, "6.6.6.6, 203.0.113.9").await.unwrap(), "Some(203.0.113.9:0)");
    assert_eq!(ask(&channel, "203.0.113.9:50").await.unwrap(), "Some(203.0.113.9:50)");
    assert_eq!(ask(&channel, "unknown").await.unwrap(), "None");
    // A gRPC client makes this of status 400.
    assert_eq!(ask(&channel, "203.0.113.256").await.unwrap_err().code(), Code::Internal);
}
