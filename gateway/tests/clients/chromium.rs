//! Chromium with the authority in its NSS store: two https hosts, a script and an image over HTTP/2, a WebSocket over
//! TLS, credentials, and the download of the certificate. `FORWARD_SCREENSHOT=FILE` keeps a picture of the download page.

use std::{fs, net::SocketAddr, process::Command};

use axum::{
    Router,
    extract::{FromRequestParts as _, Request, WebSocketUpgrade, ws::WebSocket},
    response::{Html, IntoResponse, Response},
};
use http::header::CONTENT_TYPE;
use proxyfix_gateway::{
    CertificateAuthority, Credentials, ForwardProxyBuilder, ForwardProxyLayer, ProxyRequest, serve,
};
use serde_json::Value;
use tokio::{net::TcpListener, task::spawn_blocking};
use tower::Layer as _;

use super::programs::{here, is_there, node, run};

const PAGE: &str = "<!doctype html><title>wait</title><body>\
    <img id=image src='https://cdn.test/dot.svg'><script src='https://cdn.test/app.js'></script>";

const SCRIPT: &str = "
const socket = new WebSocket('wss://page.test/websocket');
socket.onopen = () => socket.send('hello');
socket.onmessage = async (event) => {
  const image = document.getElementById('image');
  await image.decode();
  document.body.append(`the socket said ${event.data}, the image is ${image.naturalWidth} wide`);
  document.title = 'done';
};
";

const IMAGE: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'><circle cx='20' cy='20' r='20'/></svg>";

async fn answer(request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let url = parts.extensions.get::<ProxyRequest>().map(ProxyRequest::url).unwrap_or_default();
    match url.as_str() {
        "https://page.test/start?a=b" => Html(PAGE).into_response(),
        "https://cdn.test/app.js" => timed("text/javascript", SCRIPT),
        "https://cdn.test/dot.svg" => timed("image/svg+xml", IMAGE),
        "https://page.test/websocket" => {
            let upgrade =
                WebSocketUpgrade::from_request_parts(&mut parts, &()).await.expect("a handshake");
            upgrade.on_upgrade(echo)
        }
        // The browser asks for an icon.
        _ => http::StatusCode::NO_CONTENT.into_response(),
    }
}

/// The page may know by which protocol it came.
fn timed(mime: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE.as_str(), mime), ("timing-allow-origin", "*")], text).into_response()
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn start(
    change: impl FnOnce(ForwardProxyBuilder) -> ForwardProxyBuilder,
) -> (SocketAddr, CertificateAuthority) {
    let authority = CertificateAuthority::options().in_memory().expect("an authority");
    let builder = ForwardProxyLayer::builder(authority.clone()).prefix("/prefix/");
    let proxy = change(builder).build().expect("valid");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { serve(listener, proxy.layer(Router::new().fallback(answer))).await });
    (address, authority)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium, certutil and Node; .ci/run runs it"]
async fn chromium() {
    // certutil says no version.
    let has_certutil = Command::new("certutil").output().is_ok();
    if !is_there("chromium", "chromium") || !(has_certutil || is_there("certutil", "libnss3-tools"))
    {
        return;
    }
    let Some(node) = spawn_blocking(node).await.expect("no panic") else { return };
    fs::copy(here().join("chromium.mjs"), node.join("chromium.mjs")).expect("a file");
    let credentials = Credentials::users("the archive", [("ada", "secret")]).expect("valid");
    let (open, open_authority) = start(|builder| builder).await;
    let (closed, closed_authority) = start(|builder| builder.credentials(credentials)).await;
    for (address, authority, user) in
        [(open, open_authority, ["", ""]), (closed, closed_authority, ["ada", "secret"])]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = folder.path().join("ca.pem");
        fs::write(&certificate, authority.certificate_pem()).expect("a file");
        let store = folder.path().join(".pki/nssdb");
        fs::create_dir_all(&store).expect("a folder");
        let store = format!("sql:{}", store.display());
        run(Command::new("certutil").args(["-N", "-d", &store, "--empty-password"]));
        run(Command::new("certutil")
            .args(["-A", "-d", &store, "-n", "proxyfix", "-t", "C,,", "-i"])
            .arg(&certificate));
        let mut command = Command::new("node");
        command
            .arg(node.join("chromium.mjs"))
            .arg(format!("http://{address}"))
            .args(user)
            .arg(folder.path());
        let printed = spawn_blocking(move || run(&mut command)).await.expect("no panic");
        let found: Value = serde_json::from_str(&printed).expect(&printed);
        assert_eq!(found["errors"], serde_json::json!([]), "{printed}");
        assert_eq!(found["text"], "the socket said hello, the image is 40 wide");
        assert_eq!(found["protocols"]["https://cdn.test/app.js"], "h2");
        assert_eq!(found["protocols"]["https://cdn.test/dot.svg"], "h2");
        assert_eq!(found["isSecure"], true);
        assert_eq!(found["name"], "proxyfix-ca.pem");
        assert_eq!(found["pem"], authority.certificate_pem());
        if let Some(file) = std::env::var_os("FORWARD_SCREENSHOT") {
            fs::copy(folder.path().join("download.png"), file).expect("a file");
        }
    }
}
