//! An axum app behind a real proxy, attacked by its own client.
//!
//! ```text
//! client 127.0.0.9  ──►  nginx 127.0.0.1  ──►  app 127.0.0.1
//! what it claims         from 127.0.0.2        ProxyFixLayer, then the handler
//! ```
//!
//! `cargo run -p proxyfix-demo` needs nothing else: without nginx, a small proxy in this process
//! replaces it. Start with `app.rs`, which shows what an application has to do, and `nginx.conf`, which
//! shows what its proxy has to do.

mod answer;
mod app;
mod args;
mod attacks;
mod embedded;
mod error;
mod folder;
mod grid;
mod naive;
mod nginx;
mod proxy;
mod table;

use std::{
    env, future,
    net::{IpAddr, SocketAddr},
    process::ExitCode,
};

use crate::{
    args::{Args, USAGE},
    error::{Context, Result},
    proxy::{Proxy, loopback},
    table::{Row, Truth},
};

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::parse(env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    // The branch that finishes first drops the other one, and that stops nginx.
    let result = tokio::select! {
        result = run(&args) => result,
        result = stopped() => result.map(|()| args.serve || args.before.is_some()),
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
    // Different addresses for the proxy and the client, if the system has them.
    let (proxy_speaks_from, client) = (loopback(2), loopback(9));
    if let Some(app) = args.before {
        let proxy = Proxy::start(args.proxy, app, proxy_speaks_from).await?;
        println!("listening on http://{}", proxy.address);
        return future::pending().await;
    }
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
    println!(
        "! marks what is not true: the client's lie, or the proxy's address for the client.\n"
    );
    let true_answers = rows.iter().filter(|row| row.differences.is_empty()).count();
    println!("{true_answers} of {} answers are the truth", rows.len());
    for (index, row) in rows.iter().enumerate() {
        for difference in &row.differences {
            println!("  request {}: {difference}", index + 1);
        }
    }
    true_answers == rows.len()
}

/// Says how users can send their own requests.
fn invite(app: SocketAddr, proxy: &Proxy, client: IpAddr) {
    let url = format!("http://{}/", proxy.address);
    println!("\nThe proxy listens on {url}. Try:\n");
    println!("  curl {url}");
    println!("  curl -H 'X-Forwarded-For: 198.51.100.7' {url}");
    println!(
        "  curl -H 'X-Forwarded-For: \"198.51.100.7' -H 'X-Forwarded-Host: evil.example' {url}"
    );
    println!("  curl -H 'Forwarded: for=198.51.100.7;proto=https' --interface {client} {url}");
    println!(
        "\nIf you go around the proxy, the app believes you, because `proxies` has this machine. So"
    );
    println!("let nobody except the proxy reach your app:\n");
    println!(
        "  curl -H 'X-Forwarded-For: 198.51.100.7' -H 'X-Forwarded-Proto: https' http://{app}/"
    );
    if let Some(nginx) = &proxy.nginx {
        println!("\nnginx runs in {}", nginx.folder().display());
    }
    println!("\nPress Ctrl-C to stop.");
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
