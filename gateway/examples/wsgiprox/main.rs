//! What wsgiprox's own example does, as an axum application: every URL under a prefix, a proxy host, an application for
//! another one, downloads of the certificate, and a resolver of one's own.
//!
//! `cargo run -p proxyfix-gateway --example wsgiprox --features forward` serves until Ctrl-C, and prints lines to
//! try in another terminal, each with what it answers. Other ports and another file of the authority:
//! `… -- 127.0.0.1:8080 127.0.0.1:8081 ca/wsgiprox-ca.pem`
//!
//! Start with `app` and `proxy` below: that is all an application has to do.

use std::{error::Error, io::Write as _, path::Path, process::ExitCode};

use axum::{
    Router,
    extract::{Request, WebSocketUpgrade, ws::WebSocket},
    routing::{any, get},
};
use proxyfix_gateway::{
    CertificateAuthority, ConfigError, ForwardProxyLayer, ForwardTarget, ProxyRequest, serve,
};
use tokio::{net::TcpListener, signal::ctrl_c};
use tower::Layer as _;

/// The application. It knows nothing of TLS, tunnels or certificates.
fn app() -> Router {
    Router::new()
        .route("/", get(async || "the application itself\n"))
        .route("/prefix/{*url}", any(replay))
        .route("/websocket", any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)))
        .fallback(async |request: Request| format!("{} {}\n", request.method(), request.uri()))
}

/// Answers a URL of another website, as an archive would.
async fn replay(request: Request) -> String {
    let Some(proxied) = request.extensions().get::<ProxyRequest>() else {
        return "not through the proxy\n".to_owned();
    };
    format!(
        "{} {} is {} here\n",
        request.method(),
        proxied.url(),
        request.uri().path().split('/').nth(1).unwrap_or_default()
    )
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// The proxy: `WSGIProxMiddleware(app, '/prefix/', proxy_host='wsgiprox', proxy_apps={'proxy-app-1': …, 'proxy-alias': None})`.
fn proxy(authority: CertificateAuthority) -> Result<ForwardProxyLayer, ConfigError> {
    let own = Router::new().route("/", get(async || "an application of its own host\n"));
    ForwardProxyLayer::builder(authority)
        .prefix("/prefix/")
        .proxy_host("wsgiprox")
        .app("proxy-app-1", own)
        .alias("proxy-alias")
        .build()
}

/// The same with a resolver of one's own: `IPResolver` of wsgiprox's README.
fn by_client(authority: CertificateAuthority) -> Result<ForwardProxyLayer, ConfigError> {
    let resolver = |request: &ProxyRequest| {
        let ip = request.client().and_then(|client| client.ip());
        let ip = ip.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string());
        ForwardTarget::path(format!("/{ip}/{}", request.url()))
    };
    ForwardProxyLayer::builder(authority).resolver(resolver).build()
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let fixed = TcpListener::bind(next("127.0.0.1:8080")).await?;
    let other = TcpListener::bind(next("127.0.0.1:8081")).await?;
    let authority = CertificateAuthority::open(next("ca/wsgiprox-ca.pem"))?;
    print(&authority, &fixed.local_addr()?.to_string(), &other.local_addr()?.to_string())?;
    let stop = || async { _ = ctrl_c().await };
    let first = proxy(authority.clone())?.layer(app());
    let second = by_client(authority)?.layer(app());
    tokio::try_join!(async { serve(fixed, first).with_graceful_shutdown(stop()).await }, async {
        serve(other, second).with_graceful_shutdown(stop()).await
    },)?;
    Ok(())
}

/// Prints the lines to try, and what each answers.
fn print(authority: &CertificateAuthority, fixed: &str, other: &str) -> Result<(), Box<dyn Error>> {
    let path = authority.path().unwrap_or_else(|| Path::new("")).display();
    let mut out = std::io::stdout().lock();
    writeln!(out, "the authority is {path}, SHA-256 {}\n", authority.fingerprint())?;
    let curl = format!("curl -s -x http://{fixed} --cacert {path}");
    for (line, answer) in [
        (
            format!("{curl} http://example.com/path?a=b"),
            "GET http://example.com/path?a=b is prefix here",
        ),
        (format!("{curl} https://example.com/path"), "GET https://example.com/path is prefix here"),
        (
            format!("{curl} -d x=1 https://192.0.2.1:8443/form"),
            "POST https://192.0.2.1:8443/form is prefix here",
        ),
        (format!("{curl} https://wsgiprox/path"), "GET /path"),
        (format!("{curl} https://proxy-alias/path"), "GET /path"),
        (format!("{curl} https://proxy-app-1/"), "an application of its own host"),
        (format!("{curl} http://wsgiprox/download/pem | grep -c 'PRIVATE KEY'"), "0"),
        (
            format!("{curl} -p http://example.com/tunnel"),
            "GET http://example.com/tunnel is prefix here",
        ),
        (format!("curl -s http://{fixed}/"), "the application itself"),
        (
            format!("curl -s -x http://{other} --cacert {path} https://example.com/path"),
            "GET /127.0.0.1/https://example.com/path",
        ),
    ] {
        writeln!(out, "{line}\n  {answer}")?;
    }
    writeln!(out)?;
    Ok(out.flush()?)
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
