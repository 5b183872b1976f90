//! Helpers for several test files: requests made from field lines, behind a proxy at 10.0.0.1.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{net::IpAddr, sync::LazyLock};

use http::{HeaderName, HeaderValue, Request};
use proxyfix::{Config, Error, ErrorKind, Peer, Resolved, fix_request};

pub(crate) const PROXY: &str = "10.0.0.1";

#[track_caller]
pub(crate) fn config(text: &str) -> Config {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
pub(crate) fn peer(ip: &str) -> Peer {
    Peer::from(ip.parse::<IpAddr>().expect("an address"))
}

/// A request with these field lines, `Name: value`, from this peer.
#[track_caller]
pub(crate) fn request(from: &str, target: &str, lines: &[impl AsRef<[u8]>]) -> Request<()> {
    let mut request = Request::get(target).extension(peer(from)).body(()).expect("a target");
    for line in lines {
        let line = line.as_ref();
        let colon = line.iter().position(|&b| b == b':').expect("a colon");
        let name = HeaderName::from_bytes(&line[..colon]).expect("a name");
        let value = line[colon + 1..].trim_ascii();
        request.headers_mut().append(name, HeaderValue::from_bytes(value).expect("a value"));
    }
    request
}

/// Fixes a request with these field lines from the proxy at 10.0.0.1.
#[track_caller]
pub(crate) fn fix(configuration: &str, lines: &[impl AsRef<[u8]>]) -> Result<Request<()>, Error> {
    let mut request = request(PROXY, "/", lines);
    fix_request(&mut request, &config(configuration)).map(|()| request)
}

/// What is believed about such a request.
#[track_caller]
pub(crate) fn resolved(configuration: &str, lines: &[impl AsRef<[u8]>]) -> Result<Resolved, Error> {
    fix(configuration, lines).map(|request| of(&request).clone())
}

/// The `Resolved` in a fixed request.
#[track_caller]
pub(crate) fn of(request: &Request<()>) -> &Resolved {
    request.extensions().get().expect("a fixed request")
}

/// The client of such a request, as text.
#[track_caller]
pub(crate) fn client(configuration: &str, lines: &[impl AsRef<[u8]>]) -> Result<String, ErrorKind> {
    let resolved = resolved(configuration, lines);
    resolved.map(|resolved| resolved.client().to_string()).map_err(|error| error.kind())
}

/// Compares every row of a table before it fails, and names the rows that differ.
#[track_caller]
pub(crate) fn table<I, T>(rows: impl IntoIterator<Item = (I, T)>, actual: impl Fn(&I) -> T)
where
    I: std::fmt::Debug,
    T: std::fmt::Debug + PartialEq,
{
    let mut wrong = Vec::new();
    for (input, expected) in rows {
        let actual = actual(&input);
        if actual != expected {
            wrong.push(format!("{input:?}: expected {expected:?}, got {actual:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The known forwarding headers, in lower case, from the list in the documentation of the crate. A test in
/// `src/config/names.rs` checks that the crate agrees with that list.
pub(crate) static KNOWN: LazyLock<Vec<String>> = LazyLock::new(|| {
    let document = include_str!("../../src/crate.md");
    let section = document.split("\n# ").find(|text| text.starts_with("Forwarding headers\n"));
    let list = section.and_then(|text| text.trim_end().rsplit("\n\n").next()).expect("a list");
    list.split('`').skip(1).step_by(2).map(str::to_lowercase).collect()
});
