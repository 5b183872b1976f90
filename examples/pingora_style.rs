//! A framework with its own types, such as Pingora. It lends the head of a request to a filter, which
//! calls `fix_parts` on it.
//!
//! ```console
//! $ cargo run --example pingora_style
//! 203.0.113.9 asks for https://shop.example/item, and the upstream gets x-forwarded-for: 203.0.113.9
//! rejected with 400: x-forwarded-for, hop 1, byte 9: malformed node, expected an address with an optional port, unknown, or _identifier (IPv6 in brackets if a port follows, and in Forwarded)
//! ```
//!
//! A framework may have no `http::request::Parts`. Then make them with
//! `http::Request::new(()).into_parts()`, fill in the method, target, version and headers, and copy the
//! target and headers back. In the repository, `examples/actix` does that.

use std::{error::Error, net::SocketAddr};

use http::{Request, StatusCode, request::Parts};
use proxyfix::{Config, Peer, Resolved, fix_parts};

/// What the framework knows about a request. The body is somewhere else.
struct Session {
    client_addr: SocketAddr,
    head: Parts,
}

impl Session {
    fn head_mut(&mut self) -> &mut Parts {
        &mut self.head
    }
}

/// Runs before anything else. On `Err` the framework answers with that status.
fn early_filter(session: &mut Session, config: &Config) -> Result<(), StatusCode> {
    let peer = Peer::from(session.client_addr);
    let head = session.head_mut();
    head.extensions.insert(peer);
    fix_parts(head, config).map_err(|error| {
        println!("rejected with {}: {error}", error.status().as_u16());
        error.status()
    })
}

/// Sends the request on, and believes every header in it.
fn upstream(session: &Session) -> Result<(), Box<dyn Error>> {
    let Parts { uri, headers, extensions, .. } = &session.head;
    let resolved: &Resolved = extensions.get().ok_or("not fixed")?;
    let list = headers.get("x-forwarded-for").ok_or("not there")?.to_str()?;
    println!("{} asks for {uri}, and the upstream gets x-forwarded-for: {list}", resolved.client());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let config: Config = "proxies=10.0.0.0/8 for=1 proto=1".parse()?;
    for list in ["6.6.6.6, 203.0.113.9", "6.6.6.6, nobody"] {
        let request = Request::get("/item")
            .header("Host", "shop.example")
            .header("X-Forwarded-For", list)
            .header("X-Forwarded-Proto", "https")
            .body(())?;
        let (head, ()) = request.into_parts();
        let mut session = Session { client_addr: "10.0.0.1:4711".parse()?, head };
        if early_filter(&mut session, &config).is_ok() {
            upstream(&session)?;
        }
    }
    Ok(())
}
