//! An axum app with a server behind it, tried with honest and hostile requests.
//!
//! ```text
//! client 127.0.0.1  ──►  axum app with ReverseProxyLayer  ──►  /api    a server in this process
//!                                                         ──►  /files  nginx, if it is installed
//! ```
//!
//! `cargo run -p proxyfix-gateway --example front --features axum` prints what upstream saw and what the client got,
//! beside the truth. It exits with 0 only if all is right.
//!
//! Start with `app` below: that is all an application has to do.

mod checks;
mod client;
mod nginx;
mod table;
mod upstream;

use std::{error::Error, fs, net::SocketAddr, process::ExitCode};

use axum::{Router, routing::get};
use proxyfix_gateway::{ConfigError, ReverseProxyLayer, Target};
use tokio::net::TcpListener;

/// The application. What is under `/api` and `/files` goes to other servers.
fn app(api: SocketAddr, files: Option<SocketAddr>) -> Result<Router, ConfigError> {
    let target = |address: SocketAddr, path: &str| {
        let target = Target::builder(format!("http://{address}{path}")).remove_prefix(true);
        target.rewrite_location(true).rewrite_cookies(true).build()
    };
    let mut front = ReverseProxyLayer::builder().target("/api", target(api, "/base/")?);
    if let Some(files) = files {
        front = front.target("/files", target(files, "/")?);
    }
    let own = Router::new().route("/", get(|| async { "the application" }));
    Ok(own.layer(front.build()?))
}

async fn run() -> Result<bool, Box<dyn Error>> {
    let api = upstream::start().await?;
    let nginx = nginx::start(|folder| {
        fs::create_dir_all(folder.join("html/folder"))?;
        fs::write(folder.join("html/ten.txt"), "0123456789")?;
        Ok(format!("root {}/html;", folder.display()))
    })
    .await?;
    let files = nginx.as_ref().map(nginx::Nginx::address);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let front = listener.local_addr()?;
    let app = app(api.address, files)?.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    println!("client  ──►  app http://{front}  ──►  /api    http://{}/base/", api.address);
    match files {
        Some(files) => {
            println!(
                "                                             /files  nginx http://{files}/\n"
            );
        }
        None => println!("(nginx is not installed, so nothing is under /files)\n"),
    }
    let rows = checks::all(front, &api, files).await;
    Ok(table::print("upstream saw", &rows))
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
