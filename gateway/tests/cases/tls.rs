//! Targets that speak TLS.

#![cfg(feature = "tls")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use proxyfix::Scheme;
use proxyfix_gateway::{
    Body, ConfigError, Limits, Protocol, ProxyOptions, ReverseProxy, Target, TargetBuilder,
    TransparentProxy,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::service_fn;

use crate::net::{client::Client, front, upstream::Upstream};

const GET: &str = "GET /x HTTP/1.1\r\nHost: app.example\r\n\r\n";

/// A certificate for `up.example`, and the roots that trust it.
fn certificate() -> (ServerConfig, ClientConfig) {
    let signed = rcgen::generate_simple_self_signed(vec!["up.example".to_owned()]).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(signed.cert.pem().as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(signed.signing_key.serialize_pem().as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(chain[0].clone()).unwrap();
    let provider = Arc::new(default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (server, client)
}

/// A server with TLS that says which version it was asked in, and echoes upgraded bytes.
async fn upstream(mut config: ServerConfig, protocols: &[&[u8]]) -> SocketAddr {
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = TowerToHyperService::new(service_fn(answer));
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, std::convert::Infallible> {
    let mut response = Response::new(Body::from(format!("{:?}", request.version())));
    if request.headers().contains_key("upgrade") {
        *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
        *response.body_mut() = Body::empty();
        for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket")] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".parse().unwrap();
        response.headers_mut().insert("sec-websocket-accept", accept);
        tokio::spawn(async move {
            let stream = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
            let (mut read, mut write) = tokio::io::split(stream);
            let _ = tokio::io::copy(&mut read, &mut write).await;
        });
    }
    Ok(response)
}

fn target(address: SocketAddr, client: &ClientConfig) -> TargetBuilder {
    let target = Target::builder(format!("https://{address}/")).tls(Arc::new(client.clone()));
    target.server_name("up.example")
}

async fn front_of(target: TargetBuilder) -> SocketAddr {
    front::serve(ReverseProxy::with_options(target.build().unwrap(), ProxyOptions::new()).unwrap())
        .await
}

#[tokio::test]
async fn versions_by_alpn() {
    let both: &[&[u8]] = &[b"h2", b"http/1.1"];
    for (offered, protocol, version) in [
        (both, Protocol::Auto, "HTTP/2.0"),
        (both, Protocol::Http1, "HTTP/1.1"),
        (&both[1..], Protocol::Auto, "HTTP/1.1"),
        (&[], Protocol::Auto, "HTTP/1.1"),
        (both, Protocol::Http2, "HTTP/2.0"),
    ] {
        let (server, client) = certificate();
        let address = upstream(server, offered).await;
        let front = front_of(target(address, &client).protocol(protocol)).await;
        for _ in 0..2 {
            assert_eq!(Client::once(front, GET).await.text(), version, "{protocol:?}");
        }
    }
}

/// Requests that wait for the only connection hear that it is one of HTTP/2, and carries them too.
#[tokio::test]
async fn one_connection_for_all() {
    let (server, client) = certificate();
    let address = upstream(server, &[b"h2"]).await;
    let limits = Limits::default().connections(1).connect(Duration::from_secs(5));
    let front = front_of(target(address, &client).limits(limits)).await;
    let all: Vec<_> = (0..10).map(|_| tokio::spawn(Client::once(front, GET))).collect();
    for one in all {
        assert_eq!(one.await.unwrap().text(), "HTTP/2.0");
    }
}

/// An upgrade goes over HTTP/1.1, although ALPN offers HTTP/2.
#[tokio::test]
async fn an_upgrade() {
    let (server, client) = certificate();
    let address = upstream(server, &[b"h2", b"http/1.1"]).await;
    let front = front_of(target(address, &client)).await;
    let handshake = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let mut client = Client::connect(front).await;
    client.send(handshake).await;
    assert_eq!(client.head().await.status, 101);
    client.send("hello").await;
    assert_eq!(client.bytes(5).await, b"hello");
}

#[tokio::test]
async fn certificates_that_are_wrong() {
    let (server, client) = certificate();
    let address = upstream(server, &[b"http/1.1"]).await;
    let other = certificate().1;
    for (target, error) in [
        (target(address, &other), Some("tls_certificate_error")),
        (target(address, &client).server_name("other.example"), Some("tls_certificate_error")),
        (target(address, &other).danger_accept_invalid_certificates(true), None),
    ] {
        let answer = Client::once(front_of(target).await, GET).await;
        assert_eq!(answer.error().as_deref(), error);
        assert_eq!(answer.status, if error.is_some() { 502 } else { 200 });
    }
}

/// The older version of TLS has signatures of its own.
#[tokio::test]
async fn tls12() {
    let signed = rcgen::generate_simple_self_signed(vec!["up.example".to_owned()]).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(signed.cert.pem().as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(signed.signing_key.serialize_pem().as_bytes()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let address = upstream(server, &[b"h2", b"http/1.1"]).await;
    let other = certificate().1;
    let accepting = target(address, &other).danger_accept_invalid_certificates(true);
    assert_eq!(Client::once(front_of(accepting).await, GET).await.text(), "HTTP/2.0");
    assert_eq!(Client::once(front_of(target(address, &other)).await, GET).await.status, 502);
}

/// Without a configuration, the system's certificates are trusted, if it has some.
#[test]
fn certificates_of_the_system() {
    // Another test may have installed it.
    let _ = default_provider().install_default();
    match Target::parse("https://up.example/") {
        Ok(target) => assert_eq!(target.to_string(), "https://up.example/"),
        Err(error) => assert!(error.to_string().contains("certificates"), "{error}"),
    }
}

/// An upstream without TLS is told apart from one that is slow.
#[tokio::test]
async fn an_upstream_without_tls() {
    let plain = Upstream::answering("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let client = certificate().1;
    let short = Duration::from_millis(200);
    // The test's upstream waits for the end of a head, which no handshake has; a real server answers at once.
    let front = front_of(target(plain.address, &client).timeout(short)).await;
    let answer = Client::once(front, GET).await;
    assert_eq!((answer.status, answer.error().as_deref()), (504, Some("connection_timeout")));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Bytes::from_static(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &answer).await;
        }
    });
    let front = front_of(target(address, &client)).await;
    let answer = Client::once(front, GET).await;
    assert_eq!((answer.status, answer.error().as_deref()), (502, Some("tls_protocol_error")));

    let forced = TransparentProxy::builder()
        .force_host(address.to_string())
        .force_scheme(Scheme::Https)
        .target_options(move |target| target.tls(Arc::new(client)))
        .build()
        .unwrap();
    let answer = Client::once(front::serve(forced).await, GET).await;
    assert_eq!((answer.status, answer.error().as_deref()), (502, Some("tls_protocol_error")));
}

#[test]
fn names_that_no_certificate_has() {
    let client = Arc::new(certificate().1);
    let target = Target::builder("https://127.0.0.1/").tls(client).server_name("a b").build();
    assert!(matches!(target, Err(ConfigError::Tls { .. })));
}
