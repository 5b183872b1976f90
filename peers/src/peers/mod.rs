//! The peers. Each is called through its own public entry point, behind a proxy at 10.0.0.1. It trusts
//! 10.0.0.0/8, if it has a setting for that.

mod axum_side;
mod frameworks;
mod parsers;
mod walkers;

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, Request};

use crate::case::PROXY;

pub type Lines = [(String, String)];

pub struct Peer {
    pub package: &'static str,
    pub version: &'static str,
    /// The value that it is asked for. Empty for the client's address.
    pub value: &'static str,
    /// Its entry point.
    pub call: &'static str,
    pub ask: fn(&Lines) -> String,
}

impl Peer {
    /// The name of its answers in `cases/`.
    pub fn label(&self) -> String {
        format!("{} {} {}", self.package, self.version, self.value).trim_end().to_owned()
    }

    /// A failure if the version named here is not the one that was built.
    pub fn check_version(&self) -> Option<String> {
        let entry = format!("name = \"{}\"\nversion = \"{}\"\n", self.package, self.version);
        let built = include_str!("../../Cargo.lock").contains(&entry);
        (!built).then(|| format!("{} {} is not in Cargo.lock", self.package, self.version))
    }
}

pub fn all() -> Vec<Peer> {
    let mut peers = Vec::new();
    peers.extend(axum_side::PEERS);
    peers.extend(frameworks::PEERS);
    peers.extend(parsers::PEERS);
    peers.extend(walkers::PEERS);
    peers
}

fn proxy_ip() -> IpAddr {
    PROXY.parse().expect("an address")
}

fn proxy_socket() -> SocketAddr {
    SocketAddr::new(proxy_ip(), 40000)
}

fn header_map(lines: &Lines) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a field name");
            let value: HeaderValue = value.parse().expect("a field value");
            (name, value)
        })
        .collect()
}

fn request(lines: &Lines) -> Request<()> {
    let mut request = Request::new(());
    *request.headers_mut() = header_map(lines);
    request
}

/// All lines with one name, joined as RFC 9110 section 5.3 allows, for peers that take one string.
fn joined(lines: &Lines, name: &str) -> Option<String> {
    let values: Vec<&str> = lines
        .iter()
        .filter(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn ip_or_error<E>(answer: Result<IpAddr, E>) -> String {
    answer.map_or_else(|_| "error".to_owned(), |ip| ip.to_string())
}

fn text_or_none(answer: Option<impl ToString>) -> String {
    answer.map_or_else(|| "none".to_owned(), |value| value.to_string())
}
