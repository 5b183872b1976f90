//! actix-web uses the types of `http` 0.2 and types of its own. A middleware copies the head of a
//! request into the types of `http` 1, calls `fix_parts`, and copies the result back.
//!
//! ```console
//! $ cargo run -p proxyfix-example-actix
//! listening on http://127.0.0.1:3000
//! ```
//!
//! This machine is a trusted proxy, so curl plays the proxy here. The first address is a lie that the
//! client wrote.
//!
//! ```console
//! $ curl -H 'X-Forwarded-For: 6.6.6.6, 203.0.113.9' -H 'X-Forwarded-Proto: https' \
//!        -H 'Host: shop.example' -H 'Forwarded: for=6.6.6.6' http://127.0.0.1:3000/item?id=1
//! 203.0.113.9 asked for https://shop.example/item?id=1
//! actix-web reads the same: 203.0.113.9, https, shop.example, peer 203.0.113.9:0
//! $ curl http://127.0.0.1:3000/
//! an unknown client asked for http://127.0.0.1:3000/
//! actix-web reads the same: nobody, http, 127.0.0.1:3000, no peer
//! $ curl -i -H 'X-Forwarded-For: nobody' http://127.0.0.1:3000/
//! HTTP/1.1 400 Bad Request
//! ...
//! cache-control: no-store
//! ...
//! x-forwarded-for, hop 1, byte 0: malformed node, expected an address with an optional port, unknown, or _identifier (IPv6 in brackets if a port follows, and in Forwarded)
//! ```

mod proxyfix_middleware;

use actix_web::{App, HttpMessage, HttpRequest, HttpServer, middleware::from_fn, web};
use proxyfix::{Config, Resolved};

use crate::proxyfix_middleware::fix;

async fn whoami(request: HttpRequest) -> String {
    let client = request.extensions().get().and_then(Resolved::client_ip);
    let client = client.map_or_else(|| "an unknown client".to_owned(), |ip| ip.to_string());
    let info = request.connection_info();
    let peer = request.peer_addr();
    format!(
        "{client} asked for {}\nactix-web reads the same: {}, {}, {}, {}\n",
        request.uri(),
        info.realip_remote_addr().unwrap_or("nobody"),
        info.scheme(),
        info.host(),
        peer.map_or_else(|| "no peer".to_owned(), |peer| format!("peer {peer}")),
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config: Config = "proxies=loopback for=1 proto=1".parse()?;
    let app = move || {
        App::new()
            .app_data(web::Data::new(config.clone()))
            .default_service(web::to(whoami))
            // Added last, so it is around everything else.
            .wrap(from_fn(fix))
    };
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let server = HttpServer::new(app).bind(address)?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    actix_web::rt::System::new().block_on(server.run())?;
    Ok(())
}
