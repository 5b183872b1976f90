//! `--forward`: requests through the server as a proxy.

use std::{fs, io::Write, net::TcpStream, os::unix::fs::PermissionsExt as _, sync::Arc};

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

/// Users are no use if everybody may go past the proxy.
#[test]
fn users() {
    let (up, _) = answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("front.toml");
    let text = format!(
        "[forward]\nprefix = '/replay/'\nusers = ['ada:pw']\n\
         [[proxy]]\nprefix = '/replay'\nurl = 'http://{up}/'\n[[proxy]]\nprefix = '/own'\nurl = 'http://{up}/'\n"
    );
    fs::write(&path, text).unwrap();
    let server = Server::start(&["--config", path.to_str().unwrap()]);
    // The authority is beside the file.
    assert!(folder.path().join("ca/proxyfix-ca.pem").exists());
    let ask = |target: &str, more: &str| {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{more}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        answer(stream)
    };
    let with = "Proxy-Authorization: Basic YWRhOnB3\r\n";
    for (target, more, status) in [
        ("http://a/", "", "407"),
        ("http://a/", with, "200"),
        ("/replay/http://a/", "", "403"),
        ("/repl%61y/http://a/", with, "403"),
        ("/own/x", "", "200"),
    ] {
        let answer = ask(target, more);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
    }
}

/// What follows a CONNECT that is refused is meant for the tunnel.
#[test]
fn after_a_refused_connect() {
    let (up, _) = answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("front.toml");
    let text = format!(
        "[forward]\nprefix = '/r/'\nusers = ['ada:pw']\n[[proxy]]\nprefix = '/'\nurl = 'http://{up}/'\n"
    );
    fs::write(&path, text).unwrap();
    let server = Server::start(&["--config", path.to_str().unwrap()]);
    let mut stream = TcpStream::connect(server.address).unwrap();
    let request = "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let answer = answer(stream);
    assert!(answer.starts_with("HTTP/1.1 407 "), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

/// A client that the proxy in front does not know is one without an address.
#[test]
fn an_unknown_client() {
    let (up, seen) = answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("front.toml");
    let text = format!(
        "trust = 'proxies=loopback for=1'\n[forward]\nprefix = '/r/'\n[[proxy]]\nprefix = '/'\nurl = 'http://{up}/'\n"
    );
    fs::write(&path, text).unwrap();
    let server = Server::start(&["--config", path.to_str().unwrap()]);
    for more in ["", "X-Forwarded-For: unknown\r\n"] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let request =
            format!("GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{more}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let answer = answer(stream);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let head = seen.recv_timeout(PATIENCE).unwrap();
        assert!(!head.contains("x-forwarded-for: 127.0.0.1"), "{head}");
    }
}

/// Who may use the proxy, and who may read the authority's file, is said at the start.
#[test]
fn dangers() {
    let (up, _) = answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("front.toml");
    let authority = folder.path().join("ca/proxyfix-ca.pem");
    let dangers = |address: &str, users: &str, mode: Option<u32>| {
        let text = format!(
            "[forward]\nprefix = '/r/'\n{users}\n[[proxy]]\nprefix = '/'\nurl = 'http://{up}/'\n"
        );
        fs::write(&path, text).unwrap();
        if let Some(mode) = mode {
            fs::set_permissions(&authority, fs::Permissions::from_mode(mode)).unwrap();
        }
        let server = Server::at(address, &["--config", path.to_str().unwrap()]);
        let dangers = server.start.iter().filter_map(|line| line.strip_prefix("DANGER: "));
        dangers.collect::<Vec<_>>().join("\n")
    };
    let users = "users = ['ada:pw']";
    let open =
        "everybody who reaches this address may use the proxy; name its users, or bind 127.0.0.1";
    assert_eq!(dangers("127.0.0.1:0", "", None), "");
    assert_eq!(dangers("0.0.0.0:0", "", None), open);
    assert_eq!(dangers("0.0.0.0:0", users, None), "");
    let exposed = "others may read the authority's file (mode 644); chmod 600 it; \
                   who reads it can pose as every website";
    assert_eq!(dangers("127.0.0.1:0", users, Some(0o644)), exposed);
    assert_eq!(dangers("0.0.0.0:0", "", Some(0o644)), format!("{exposed}\n{open}"));
}

/// Nobody gets the key of the authority by a file.
#[test]
fn an_authority_that_would_be_published() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("front.toml");
    for ca in ["site/ca.pem", "site/later/ca.pem"] {
        fs::create_dir_all(folder.path().join("site")).unwrap();
        let text = format!(
            "[forward]\nprefix = '/r/'\nca = '{ca}'\n[[files]]\nprefix = '/'\npath = 'site'\n"
        );
        fs::write(&path, text).unwrap();
        let output = crate::server::run(&["--check", "--config", path.to_str().unwrap()]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(" would publish "), "{error}");
        assert_eq!(output.status.code(), Some(2));
    }
}
