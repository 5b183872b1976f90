//! One site made of an axum app, an older app under `/admin`, and files, tried with honest and hostile requests.
//!
//! ```text
//! client  ──►  nginx, which strips /shop  ──►  /admin       an app that knows nothing of its path
//!              (if it is installed)            /static      ./dist
//!                                              /assets      files inside the program
//!                                              /robots.txt  a file
//!                                              the rest     the axum app
//! ```
//!
//! `cargo run -p proxyfix-gateway --example site --features axum,files` prints who answered and what the client got, beside
//! the truth. It exits with 0 only if all is right.
//!
//! Start with `site` below: that is all a program has to do.

mod checks;
#[path = "../front/nginx.rs"]
mod nginx;
#[path = "../front/table.rs"]
mod table;

use std::{error::Error, fs, net::SocketAddr, path::Path, process::ExitCode};

use axum::{
    Router,
    http::header::SET_COOKIE,
    response::{AppendHeaders, Redirect},
    routing::get,
};
use proxyfix::{Config, PrefixLayer, ProxyFixLayer, extract::ExternalUrl};
use proxyfix_gateway::{Dir, EmbeddedFiles, File, FilesLayer, Mount};
use tokio::net::TcpListener;
use tower::Layer;

/// The older application. Its redirects and cookies begin with `/`.
fn admin() -> Router {
    Router::new()
        .route("/", get(async || "the admin's start"))
        .route("/old", get(async || Redirect::to("/users?all")))
        .route("/users", get(async |ExternalUrl(url): ExternalUrl| format!("users at {url}")))
        .route("/login", get(async || (AppendHeaders([(SET_COOKIE, "id=1; Path=/")]), "welcome")))
}

/// The application.
fn own() -> Router {
    Router::new()
        .route("/", get(async || "home"))
        .route("/static/about", get(async || "about"))
        .fallback(async || "the application's own page")
}

/// The site.
fn site(folder: &Path, config: Config) -> Result<Router, Box<dyn Error>> {
    let mut assets = EmbeddedFiles::new();
    assets.insert("logo.svg", &b"<svg/>"[..]);
    let dist =
        Dir::open(folder.join("dist"))?.index("index.html").redirect(true).precompressed(true);
    let files = FilesLayer::builder()
        .export("/static", dist)
        .export("/robots.txt", File::open(folder.join("robots.txt"))?)
        .embedded("/assets", assets)
        .immutable("*-????????.*")
        .disallow(["*.map"])
        .build()?;
    let site =
        Mount::new().at("/admin", PrefixLayer::new().layer(admin())).fallback(own()).build()?;
    Ok(Router::new().fallback_service(site).layer(files).layer(ProxyFixLayer::new(config)))
}

/// The files of the site, and one outside that nobody may see.
fn write_files(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder.join("dist/docs"))?;
    for (name, content) in [
        ("dist/app-0a1b2c3d.js", "start()"),
        ("dist/app-0a1b2c3d.js.br", "BROTLI"),
        ("dist/app-0a1b2c3d.js.map", "SECRET"),
        ("dist/docs/index.html", "<p>docs"),
        ("dist/.env", "SECRET"),
        ("robots.txt", "User-agent: *"),
        ("secret.txt", "SECRET"),
    ] {
        fs::write(folder.join(name), content)?;
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../secret.txt", folder.join("dist/link.txt"))?;
        std::process::Command::new("mkfifo").arg(folder.join("dist/fifo")).status()?;
    }
    Ok(())
}

async fn run() -> Result<bool, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    write_files(folder.path())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let site_address = listener.local_addr()?;
    let nginx = nginx::start(|_| {
        Ok(format!(
            "location /shop/ {{ proxy_pass http://{site_address}/; proxy_redirect off;
             proxy_set_header Host $host:$server_port; proxy_set_header X-Forwarded-For $remote_addr;
             proxy_set_header X-Forwarded-Prefix /shop; }}"
        ))
    })
    .await?;
    let (front, prefix, config) = match &nginx {
        Some(nginx) => {
            (nginx.address(), "/shop", "proxies=loopback for=1 prefix=1 hosts=127.0.0.1")
        }
        None => (site_address, "", "proxies=none for=1 hosts=127.0.0.1"),
    };
    let app = site(folder.path(), config.parse()?)?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    match &nginx {
        Some(_) => {
            println!("client  ──►  nginx http://{front}/shop/  ──►  site http://{site_address}\n");
        }
        None => println!("client  ──►  site http://{front}  (nginx is not installed)\n"),
    }
    let rows = checks::all(&checks::Site { front, itself: site_address, prefix }).await;
    Ok(table::print("who answered", &rows))
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
