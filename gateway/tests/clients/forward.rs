//! Clients that nobody here wrote, through the forward proxy, with the authority as what they trust: Python's requests,
//! websockets and strict mode, Node, Java, OpenSSL and NSS.

use std::{fs, net::SocketAddr, path::PathBuf, process::Command};

use axum::{
    Router,
    body::Bytes,
    extract::{FromRequestParts as _, Request, WebSocketUpgrade, ws::WebSocket},
    response::{IntoResponse as _, Response},
};
use proxyfix_gateway::{CertificateAuthority, ForwardProxyLayer, ProxyRequest, serve};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::spawn_blocking};
use tower::Layer as _;

use super::{
    examples::Example,
    programs::{here, is_there, node, python, run},
};

async fn answer(request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let url = parts.extensions.get::<ProxyRequest>().map(ProxyRequest::url).unwrap_or_default();
    if url.ends_with("/websocket") {
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
        return upgrade.expect("a handshake").on_upgrade(echo);
    }
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    format!("{url} {}", body.len()).into_response()
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// A proxy, and a folder with its certificate in each form.
async fn start() -> (SocketAddr, TempDir) {
    let authority = CertificateAuthority::options().in_memory().expect("an authority");
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("ca.pem"), authority.certificate_pem()).expect("a file");
    fs::write(folder.path().join("ca.p12"), authority.certificate_pkcs12()).expect("a file");
    let proxy = ForwardProxyLayer::builder(authority).build().expect("valid");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { serve(listener, proxy.layer(Router::new().fallback(answer))).await });
    (address, folder)
}

fn file(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

async fn output(mut command: Command) -> String {
    spawn_blocking(move || run(&mut command)).await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python; .ci/run runs it"]
async fn python_clients() {
    let Some(python) = spawn_blocking(python).await.expect("no panic") else { return };
    let (address, folder) = start().await;
    let mut command = Command::new(python);
    command
        .arg(here().join("forward.py"))
        .arg(format!("http://{address}"))
        .arg(file(&folder, "ca.pem"));
    let long = format!("{}.{}.example", "a".repeat(60), "b".repeat(60));
    let expected = format!(
        "http://example.com/a 100000\nhttps://example.com/a 100000\nhttps://192.0.2.1:8443/a 100000\n\
         https://xn--bcher-kva.example/a 100000\nws://example.com/websocket hello\nwss://example.com/websocket hello\n\
         https://example.com/strict 0\nhttps://192.0.2.1/strict 0\nhttps://{long}/strict 0\n"
    );
    assert_eq!(output(command).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node; .ci/run runs it"]
async fn node_client() {
    if spawn_blocking(node).await.expect("no panic").is_none() {
        return;
    }
    let (address, folder) = start().await;
    let mut command = Command::new("node");
    command
        .arg(here().join("forward.mjs"))
        .args([address.ip().to_string(), address.port().to_string()]);
    command.arg(file(&folder, "ca.pem"));
    assert_eq!(output(command).await, "https://example.com/a 0\nhttps://192.0.2.1/a 0\n");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Java; .ci/run runs it"]
async fn java_client() {
    // A runtime without a compiler cannot run a source.
    if !is_there("javac", "default-jdk-headless") || !is_there("java", "default-jdk-headless") {
        return;
    }
    let (address, folder) = start().await;
    let mut command = Command::new("java");
    for scheme in ["http", "https"] {
        command.arg(format!("-D{scheme}.proxyHost={}", address.ip()));
        command.arg(format!("-D{scheme}.proxyPort={}", address.port()));
    }
    command.arg(format!("-Djavax.net.ssl.trustStore={}", file(&folder, "ca.p12").display()));
    command.args(["-Djavax.net.ssl.trustStoreType=PKCS12", "-Djavax.net.ssl.trustStorePassword="]);
    command.arg(here().join("Forward.java")).args(["https://example.com/a", "https://192.0.2.1/a"]);
    let expected = "HTTP_2 https://example.com/a 0\nHTTP_2 https://192.0.2.1/a 0\n";
    assert_eq!(output(command).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs OpenSSL and NSS; .ci/run runs it"]
async fn openssl_and_nss() {
    if !Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success())
    {
        is_there("openssl", "openssl");
        return;
    }
    let (address, folder) = start().await;
    let (pem, p12) = (file(&folder, "ca.pem"), file(&folder, "ca.p12"));
    for (host, check) in [("example.com", "-verify_hostname"), ("192.0.2.1", "-verify_ip")] {
        let mut command = Command::new("openssl");
        command.args([
            "s_client",
            "-proxy",
            &address.to_string(),
            "-connect",
            &format!("{host}:443"),
        ]);
        command
            .args(["-verify_return_error", "-x509_strict", "-brief", check, host, "-CAfile"])
            .arg(&pem);
        output(command).await;
    }
    let mut command = Command::new("openssl");
    command.args(["pkcs12", "-passin", "pass:", "-in"]).arg(&p12);
    command.args(["-nodes", "-info"]);
    let printed = output(command).await;
    assert_eq!(printed.matches("BEGIN CERTIFICATE").count(), 1, "{printed}");
    assert!(!printed.contains("KEY"), "{printed}");
    if Command::new("certutil").output().is_err() {
        is_there("certutil", "libnss3-tools");
        return;
    }
    let store = format!("sql:{}", folder.path().display());
    run(Command::new("certutil").args(["-N", "-d", &store, "--empty-password"]));
    run(Command::new("pk12util").args(["-d", &store, "-K", "", "-W", "", "-i"]).arg(&p12));
    let listed = run(Command::new("certutil").args(["-L", "-d", &store]));
    assert!(listed.contains("proxyfix forward proxy CA"), "{listed}");
}

/// A library that ends the process when it connects, or looks a name up.
const NO_NETWORK: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
int connect(int s, const struct sockaddr *a, socklen_t l) { fprintf(stderr, "connect\n"); abort(); }
int getaddrinfo(const char *n, const char *s, const void *h, void *r) { fprintf(stderr, "getaddrinfo\n"); abort(); }
"#;

/// A whole server whose process may not connect to anything: the example of wsgiprox, with all of its lines.
#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs curl and a C compiler; .ci/run runs it"]
fn nothing_is_dialled() {
    if !is_there("curl", "curl") || !is_there("cc", "gcc") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (source, library) = (folder.path().join("no.c"), folder.path().join("no.so"));
    fs::write(&source, NO_NETWORK).expect("a file");
    run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]));
    // It works: curl itself may not connect with it.
    let mut control = Command::new("curl");
    let control = control.env("LD_PRELOAD", &library).arg("http://127.0.0.1:1/").output();
    assert!(String::from_utf8_lossy(&control.expect("it runs").stderr).contains("connect\n"));
    let mut example = Example::start(&folder, |command| _ = command.env("LD_PRELOAD", &library));
    assert_eq!(example.lines(), 10);
    assert!(example.is_running());
}

/// A library that writes down what reaches the disk, in which order.
const DISK: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static void note(const char *what) { FILE *f = fopen(getenv("DISK"), "a"); fputs(what, f); fclose(f); }
int fsync(int fd) { note("fsync\n"); return syscall(SYS_fsync, fd); }
int linkat(int a, const char *from, int b, const char *to, int f) { note("link\n"); return syscall(SYS_linkat, a, from, b, to, f); }
"#;

/// A new authority is on the disk before it has its place, and its place before it is used.
#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs a C compiler; .ci/run runs it"]
fn the_authority_is_on_the_disk() {
    if !is_there("cc", "gcc") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (source, library) = (folder.path().join("disk.c"), folder.path().join("disk.so"));
    fs::write(&source, DISK).expect("a file");
    run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]));
    let notes = folder.path().join("notes");
    let mut example = Example::start(&folder, |command| {
        command.env("LD_PRELOAD", &library).env("DISK", &notes);
    });
    assert!(example.first().starts_with("the authority is "));
    assert_eq!(fs::read_to_string(&notes).expect("notes"), "fsync\nlink\nfsync\n");
}
