//! Two HTTPS services of others, answered by axum handlers, for a program that is not changed: as a test would.
//!
//! `cargo run -p proxyfix-gateway --example mock_https --features forward` runs curl. With a command, it runs that one:
//! `… -- python3 shop.py`. The program gets the proxy and the certificate by environment variables that most HTTP
//! clients know. Whatever it asks of another host is 502, and is printed.
//!
//! Start with `run` below. In a test, the lines until `Command` are all that is needed.

use std::{
    error::Error,
    process::ExitCode,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use http::StatusCode;
use proxyfix_gateway::{
    CertificateAuthority, ForwardProxyLayer, ForwardTarget, ProxyRequest, serve,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, process::Command};
use tower::Layer as _;

/// What is run if nothing else is said.
const SHOP: &str = "\
curl --silent --fail https://api.example/users/7 && echo &&
curl --silent --fail --json '{\"amount\": 3}' https://pay.example/v1/charges && echo
";

/// `https://api.example/`.
fn users() -> Router {
    let user = async |Path(id): Path<u32>| Json(json!({ "id": id, "name": "Ada" }));
    Router::new().route("/users/{id}", get(user))
}

/// `https://pay.example/`.
fn payments() -> Router {
    let charge = async |Json(asked): Json<Value>| {
        (StatusCode::CREATED, Json(json!({ "charged": asked["amount"] })))
    };
    Router::new().route("/v1/charges", post(charge))
}

async fn run() -> Result<bool, Box<dyn Error>> {
    let others = Arc::new(Mutex::new(Vec::new()));
    let unexpected = Arc::clone(&others);
    let proxy = ForwardProxyLayer::builder(CertificateAuthority::options().in_memory()?)
        .app("api.example", users())
        .app("pay.example", payments())
        .resolver(move |request: &ProxyRequest| {
            if let Ok(mut urls) = unexpected.lock() {
                urls.push(request.url());
            }
            ForwardTarget::refuse(StatusCode::BAD_GATEWAY)
        })
        .build()?;
    let folder = tempfile::tempdir()?;
    let certificate = folder.path().join("ca.pem");
    std::fs::write(&certificate, proxy.authority().certificate_pem())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { serve(listener, proxy.layer(Router::new())).await });

    let mut arguments = std::env::args().skip(1);
    let mut command = match arguments.next() {
        Some(program) => Command::new(program),
        None => Command::new("sh"),
    };
    if std::env::args().len() > 1 {
        command.args(arguments);
    } else {
        command.args(["-c", SHOP]);
    }
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
        command.env(name, &address);
    }
    command.env_remove("no_proxy").env_remove("NO_PROXY").env("NODE_USE_ENV_PROXY", "1");
    for name in ["CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        command.env(name, &certificate);
    }
    let is_success = command.status().await?.success();
    let urls = others.lock().map_err(|_| "a resolver failed")?;
    for url in urls.iter() {
        println!("nobody expected {url}");
    }
    Ok(is_success && urls.is_empty())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
