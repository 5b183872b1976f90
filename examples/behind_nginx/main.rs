//! An axum app behind a real proxy, attacked by its own client.
//!
//! ```text
//! client 127.0.0.9  ──►  nginx 127.0.0.1  ──►  app 127.0.0.1
//! what it claims         from 127.0.0.2        ProxyFixLayer, then the handler
//! ```
//!
//! `cargo run --example behind_nginx` needs nothing else: without nginx, a small proxy in this
//! process takes its place. Start reading at `app.rs`, which is what an application has to do, and
//! `nginx.conf`, which is what its proxy has to do.

mod app;
mod attacks;
mod embedded;
mod error;
mod naive;
mod nginx;
mod proxy;
mod table;

use std::{
    future,
    net::{IpAddr, SocketAddr},
    process::ExitCode,
};

use clap::Parser;

use crate::{
    error::{Context, Result},
    proxy::{Choice, Proxy, loopback},
    table::{Row, Truth},
};

/// Starts an axum app behind a proxy, sends it honest and lying requests, and shows who believes
/// the lies.
///
/// The app is wrapped in `ProxyFixLayer` and told which proxy to believe. Each request goes over
/// real sockets: from the client, through the proxy, to the app. The table has a line for each:
/// what was sent, what two common ways to read the headers make of it, what the app believes, and
/// which header written by whom vouches for that.
#[derive(Debug, Parser)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Exits with 0 if every answer of the app is the truth, else with 1.

Examples:
  cargo run --example behind_nginx
  cargo run --example behind_nginx -- --proxy nginx    # for CI: no nginx is an error
  cargo run --example behind_nginx -- --serve          # then lie with your own curl"
)]
struct Args {
    /// Which proxy stands in front of the app
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    proxy: Choice,

    /// After the table, keep app and proxy running for your own requests, until Ctrl-C
    #[arg(long)]
    serve: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    // Whichever ends first drops the other, and what is dropped ends nginx.
    let result = tokio::select! {
        result = run(&args) => result,
        result = stopped() => result.map(|()| args.serve),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether every answer was the truth.
async fn run(args: &Args) -> Result<bool> {
    // Different addresses for proxy and client, where the system has them.
    let (proxy_speaks_from, client) = (loopback(2), loopback(9));
    let app = app::start().await?;
    let proxy = Proxy::start(args.proxy, app, proxy_speaks_from).await?;
    let truth = Truth { client, host: "app.example", port: proxy.address.port() };
    introduce(app, &proxy, proxy_speaks_from, &truth);

    let mut rows = Vec::new();
    for attack in attacks::all() {
        let reply = attacks::send(&attack, client, proxy.address, &truth.authority()).await;
        let reply = reply.context(format_args!("request {}", rows.len() + 1))?;
        rows.push(Row::new(&attack, reply, &truth));
    }
    let all_true = conclude(&rows);

    if args.serve {
        invite(app, &proxy, client);
        future::pending::<()>().await;
    }
    Ok(all_true)
}

fn introduce(app: SocketAddr, proxy: &Proxy, proxy_speaks_from: IpAddr, truth: &Truth) {
    println!("app      axum with ProxyFixLayer on {app}");
    println!(
        "proxy    {} on {}, reaches the app from {proxy_speaks_from}",
        proxy.name, proxy.address
    );
    println!("client   {}, asks for {}", truth.client, truth.url());
    println!("\nThe app's configuration:\n\n    {}", app::CONFIG);
    println!("\nWhat the proxy does, in nginx's words:\n");
    for line in nginx::location(app).lines() {
        println!("    {line}");
    }
    println!();
}

/// Prints the table, and returns whether every answer was the truth.
fn conclude(rows: &[Row]) -> bool {
    println!("{}", table::render(rows));
    println!("! is not true: the client's lie, or the proxy in the client's place.\n");
    let true_answers = rows.iter().filter(|row| row.differences.is_empty()).count();
    println!("{true_answers} of {} answers are the truth", rows.len());
    for (index, row) in rows.iter().enumerate() {
        for difference in &row.differences {
            println!("  request {}: {difference}", index + 1);
        }
    }
    true_answers == rows.len()
}

/// Says how to send requests of one's own.
fn invite(app: SocketAddr, proxy: &Proxy, client: IpAddr) {
    let url = format!("http://{}/", proxy.address);
    println!("\nThe proxy listens on {url}. Try:\n");
    println!("  curl {url}");
    println!("  curl -H 'X-Forwarded-For: 198.51.100.7' {url}");
    println!(
        "  curl -H 'X-Forwarded-For: \"198.51.100.7' -H 'X-Forwarded-Host: evil.example' {url}"
    );
    println!("  curl -H 'Forwarded: for=198.51.100.7;proto=https' --interface {client} {url}");
    println!("\nPast the proxy you are believed, as this machine is one of its `proxies`. So let");
    println!("nobody but the proxy reach your app:\n");
    println!(
        "  curl -H 'X-Forwarded-For: 198.51.100.7' -H 'X-Forwarded-Proto: https' http://{app}/"
    );
    if let Some(nginx) = &proxy.nginx {
        println!("\nnginx runs in {}", nginx.folder().display());
    }
    println!("\nCtrl-C ends it.");
}

/// Waits for Ctrl-C, or for the signal that service managers send.
async fn stopped() -> Result<()> {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            result = interrupted => result?,
            _ = terminated.recv() => {}
        }
    }
    #[cfg(not(unix))]
    interrupted.await?;
    Ok(())
}
