//! A server of the files of a folder, by a library in Rust: `proxyfix-gateway-servers actix-files|tower-http FOLDER
//! [LISTEN]`.
//!
//! `gateway/benches/files.py` says where it listens. Otherwise it writes its port, and ends when its standard input does;
//! `gateway/tests/servers.rs` starts it so.

use std::{
    env,
    io::{self, Read as _, Write as _},
    net::TcpListener,
    path::Path,
    thread,
};

use actix_web::{App, HttpServer};
use axum::Router;
use tower_http::services::ServeDir;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [library, folder, listen @ ..] = arguments.as_slice() else {
        return Err(io::Error::other("which library, and which folder?"));
    };
    let listener = TcpListener::bind(listen.first().map_or("127.0.0.1:0", String::as_str))?;
    if listen.is_empty() {
        println!("{}", listener.local_addr()?.port());
        io::stdout().flush()?;
        thread::spawn(|| {
            let _ = io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(0);
        });
    }
    match library.as_str() {
        "actix-files" => actix_files(listener, folder.clone()),
        "tower-http" => tower_http(listener, Path::new(folder)),
        other => Err(io::Error::other(format!("no library {other}"))),
    }
}

fn actix_files(listener: TcpListener, folder: String) -> io::Result<()> {
    actix_web::rt::System::new().block_on(async {
        let app = move || {
            let files = actix_files::Files::new("/", &folder).index_file("index.html");
            App::new().service(files.try_compressed())
        };
        HttpServer::new(app).workers(1).listen(listener)?.run().await
    })
}

#[tokio::main]
async fn tower_http(listener: TcpListener, folder: &Path) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let files = ServeDir::new(folder).precompressed_gzip().precompressed_br();
    let app: Router = Router::new().fallback_service(files);
    axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await
}
