//! Decisions without a server, a socket or a runtime: `resolve`, `explain`, `fix_request`.
//!
//! ```console
//! $ cargo run --example sans_io
//! 203.0.113.9, says x-forwarded-for, hop 2
//!
//! peer-trusted     the peer is a trusted proxy: its headers are read
//! hop-passed       x-forwarded-for, line 1, hop 1, bytes 22..30 "10.0.0.2": nearer than the trusted count, passed over
//! client           x-forwarded-for, line 1, hop 2, bytes 9..20 "203.0.113.9": at the trusted count: this is the client
//! own-scheme       our own value: no trusted header gives one
//! own-host         our own value: no trusted header gives one
//! own-port         our own value: no trusted header gives one
//! own-prefix       our own value: no trusted header gives one
//! stripped         x-real-ip: a forwarding header that is not trusted, removed
//! resolved         client 203.0.113.9 (x-forwarded-for, hop 2), http://shop.example (scheme: own; host: own; prefix: own)
//!
//! GET http://shop.example/item
//! host: shop.example
//! x-forwarded-for: 203.0.113.9
//! ```

use std::{error::Error, net::IpAddr};

use http::Request;
use proxyfix::{Config, Peer, explain, fix_request, resolve};

fn main() -> Result<(), Box<dyn Error>> {
    // Two proxies append to the header.
    let config: Config = "proxies=10.0.0.0/8 for=2".parse()?;
    let peer = Peer::from(IpAddr::from([10, 0, 0, 1]));
    let mut request = Request::get("/item")
        .header("Host", "shop.example")
        .header("X-Forwarded-For", "6.6.6.6, 203.0.113.9, 10.0.0.2")
        .header("X-Real-IP", "6.6.6.6")
        .extension(peer)
        .body(())?;

    let resolved = resolve(peer, request.headers(), request.uri(), &config)?;
    println!("{}, says {}\n", resolved.client(), resolved.source().client());

    println!("{}\n", explain(peer, request.headers(), request.uri(), &config));

    fix_request(&mut request, &config)?;
    println!("{} {}", request.method(), request.uri());
    for (name, value) in request.headers() {
        println!("{name}: {}", value.to_str()?);
    }
    Ok(())
}
