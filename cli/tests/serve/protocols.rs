//! HTTP/2, upgrades and TLS.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivatePkcs8KeyDer};

use crate::server::{OK, PATIENCE, Server, answering, get, read_head, send, upstream};

#[tokio::test]
async fn http_2_without_tls() {
    let (up, seen) = answering(OK);
    let server = Server::start(&["--proxy", &format!("/api=http://{up}/")]);
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    for _ in 0..2 {
        let request = Request::get("http://app.example/api/x").body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
        let head = seen.recv_timeout(PATIENCE).unwrap();
        assert!(head.contains("\r\nx-forwarded-host: app.example\r\n"), "{head}");
        assert!(server.line().starts_with(&format!("GET /api/x → http://{up}/x 200 ")));
    }
}

/// The key and its answer are those of RFC 6455 §1.3.
#[test]
fn a_web_socket() {
    let (up, _seen) = upstream(|stream| {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).unwrap();
        bytes.reverse();
        stream.write_all(&bytes).unwrap();
    });
    let server = Server::start(&["--proxy", &format!("/ws=http://{up}/")]);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "GET /ws/x HTTP/1.1\r\nHost: app.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(server.line().starts_with(&format!("GET /ws/x → http://{up}/x 101 ")));
    stream.write_all(b"ping").unwrap();
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"gnip");
}

/// A server with a certificate of its own, in PEM.
fn tls() -> (SocketAddr, String) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            if read_head(&mut stream).ends_with("\r\n\r\n") {
                let _ = stream.write_all(OK.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (address, own.cert.pem())
}

#[test]
fn certificates() {
    let (up, pem) = tls();
    let target = format!("/=https://localhost:{}/", up.port());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.pem");
    fs::write(&path, pem).unwrap();

    let server = Server::start(&["--proxy", &target]);
    let got = get(server.address, "/", "");
    assert!(got.contains("error=tls_certificate_error"), "{got}");
    let line = server.line();
    assert!(line.contains(" 502 ") && line.contains(" tls_certificate_error: "), "{line}");

    let server = Server::start(&["--proxy", &target, "--cacert", path.to_str().unwrap()]);
    assert!(get(server.address, "/", "").ends_with("ok"));

    let server = Server::start(&["--proxy", &target, "--insecure"]);
    assert!(server.start[0].ends_with("  DANGER: every certificate is accepted"));
    assert!(get(server.address, "/", "").ends_with("ok"));
}

/// A slow server is waited for, until the limit.
#[test]
fn a_server_that_is_too_slow() {
    let (_go, gate) = std::sync::mpsc::channel::<()>();
    let (up, _seen) = upstream(move |_| gate.recv_timeout(PATIENCE).unwrap_or_default());
    let server = Server::start(&["--proxy", &format!("/=http://{up}/"), "--timeout", "0.2"]);
    let mut got = String::new();
    send(server.address, "/", "").read_to_string(&mut got).unwrap();
    assert!(got.starts_with("HTTP/1.1 504 "), "{got}");
    assert!(server.line().contains(" http_response_timeout: "));
}
