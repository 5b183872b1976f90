//! `--forward`: requests through the server as a proxy.

use std::{fs, io::Write, net::TcpStream, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::server::{OK, PATIENCE, Server, answer, answering, read_head};

/// A server with an authority in a folder of its own.
fn start(up: std::net::SocketAddr) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca/test.pem");
    let proxy = format!("/replay=http://{up}/");
    let arguments = [
        "--keep-prefix",
        "--proxy",
        &proxy,
        "--forward",
        "/replay/",
        "--ca",
        authority.to_str().unwrap(),
    ];
    (Server::start(&arguments), folder)
}

#[test]
fn without_a_tunnel() {
    let (up, seen) = answering(OK);
    let (server, folder) = start(up);
    let path = folder.path().join("ca/test.pem");
    let told = server.start.join("\n");
    assert!(told.contains(&format!("the certificate authority is {}", path.display())), "{told}");
    assert!(told.contains("http://wsgiprox/download/"), "{told}");
    assert!(told.contains(&format!("curl -x http://{}", server.address)), "{told}");
    assert!(!told.contains("PRIVATE"), "{told}");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let request =
        "GET http://a.example/x?y HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let answer = answer(stream);
    assert!(answer.ends_with("ok"), "{answer}");
    let head = seen.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("get /replay/http://a.example/x?y http/1.1"), "{head}");
    assert!(head.contains("x-forwarded-host: a.example\r\n"), "{head}");
    assert!(head.contains("x-forwarded-for: 127.0.0.1\r\n"), "{head}");
    assert!(server.line().starts_with(&format!(
        "GET http://a.example/x → http://{up}/replay/http://a.example/x 200 "
    )));
}

#[test]
fn in_a_tunnel() {
    let (up, seen) = answering(OK);
    let (server, folder) = start(up);
    let pem = fs::read(folder.path().join("ca/test.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n").unwrap();
    assert!(read_head(&mut stream).starts_with("http/1.1 200 "));
    assert!(server.line().starts_with("CONNECT a.example:443 200 "));
    let connection =
        ClientConnection::new(Arc::new(config), "a.example".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    stream.write_all(b"GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").unwrap();
    let answer = answer(stream);
    assert!(answer.ends_with("ok"), "{answer}");
    let head = seen.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("get /replay/https://a.example/x http/1.1"), "{head}");
    assert!(head.contains("x-forwarded-proto: https\r\n"), "{head}");
    assert!(server.line().starts_with(&format!(
        "GET https://a.example/x → http://{up}/replay/https://a.example/x 200 "
    )));
}

/// A tunnel without a request ends with the server.
#[test]
fn at_the_end() {
    let (up, _seen) = answering(OK);
    let (mut server, _folder) = start(up);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n").unwrap();
    assert!(read_head(&mut stream).starts_with("http/1.1 200 "));
    stream.write_all(b"GET /replay HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    assert!(read_head(&mut stream).starts_with("http/1.1 200 "));
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
}
