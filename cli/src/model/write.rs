//! How a proxy's value gets into a header.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use proxyfix::{Family, Hop, Scheme, WriteMode};

use super::{
    Seen,
    style::{How, What, Write},
};

/// The port of a client's connection, if a proxy writes it.
const CLIENT_PORT: u16 = 50001;

/// Writes the values that are written before `Connection` is obeyed.
pub(super) fn early(headers: &mut HeaderMap, writes: &[Write], seen: &Seen, came: &HeaderMap) {
    for write in writes.iter().filter(|write| write.how == How::SetEarly) {
        put(headers, write, seen, came);
    }
}

/// Writes the other values.
pub(super) fn late(headers: &mut HeaderMap, writes: &[Write], seen: &Seen, came: &HeaderMap) {
    for write in writes.iter().filter(|write| write.how != How::SetEarly) {
        put(headers, write, seen, came);
    }
}

/// Writes what a line of the operator sets.
pub(super) fn more(headers: &mut HeaderMap, sets: &[(HeaderName, What)], seen: &Seen) {
    for (name, what) in sets {
        if let Some(value) = value(*what, seen, &HeaderMap::new()) {
            headers.insert(name, value);
        }
    }
}

/// Writes what `proxyfix::write` writes, without a host that is invalid.
pub(super) fn library(headers: &mut HeaderMap, family: Family, mode: WriteMode, seen: &Seen) {
    let hop = Hop::new(seen.from).scheme(seen.scheme).port(seen.scheme.default_port());
    let hop = hop.clone().host(&seen.host).unwrap_or(hop);
    // It fails only if the header map is full.
    let _ = proxyfix::write(headers, &hop, family, mode);
}

fn put(headers: &mut HeaderMap, write: &Write, seen: &Seen, came: &HeaderMap) {
    let name = HeaderName::from_static(write.header);
    let lines: Vec<HeaderValue> = headers.get_all(&name).iter().cloned().collect();
    match (write.how, value(write.what, seen, came)) {
        (How::Remove, _) => {
            headers.remove(name);
        }
        (How::Restore, _) => {
            headers.remove(&name);
            for line in came.get_all(&name) {
                headers.append(&name, line.clone());
            }
        }
        (_, None) => {}
        (How::IfAbsent, Some(_)) if !lines.is_empty() => {}
        (How::Set | How::SetEarly | How::IfAbsent, Some(value)) => {
            headers.insert(name, value);
        }
        (How::NewLine, Some(value)) => {
            headers.append(name, value);
        }
        (How::Join(separator), Some(value)) => {
            let all = [lines, vec![value]].concat();
            headers.insert(name, join(&all, separator));
        }
        (How::LastLine, Some(value)) => {
            headers.remove(&name);
            let earlier = lines.len().saturating_sub(1);
            for line in &lines[..earlier] {
                headers.append(&name, line.clone());
            }
            let last: Vec<_> = lines.into_iter().skip(earlier).chain([value]).collect();
            headers.append(name, join(&last, ", "));
        }
    }
}

fn join(lines: &[HeaderValue], separator: &str) -> HeaderValue {
    let lines: Vec<_> = lines.iter().map(HeaderValue::as_bytes).collect();
    // Valid values are also valid when joined.
    HeaderValue::from_bytes(&lines.join(separator.as_bytes()))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The elements of the incoming `X-Forwarded-For` as they stand in `Forwarded`, each with its comma.
fn earlier_clients(came: &HeaderMap) -> String {
    let lines = came.get_all("x-forwarded-for").iter();
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    let nodes = lines.iter().flat_map(|line| line.split(','));
    nodes.flat_map(|node| ["for=", node.trim(), ","]).collect()
}

/// The value; `None` leaves the header as it is.
fn value(what: What, seen: &Seen, came: &HeaderMap) -> Option<HeaderValue> {
    let ip = seen.from.ip();
    let address = ip.map_or_else(|| "unix:".to_owned(), |ip| ip.to_string());
    let text = match what {
        What::Address => address,
        What::AddressPort => match ip {
            Some(IpAddr::V6(ip)) => format!("[{ip}]:{CLIENT_PORT}"),
            _ => format!("{address}:{CLIENT_PORT}"),
        },
        What::BareAddressPort => format!("{address}:{CLIENT_PORT}"),
        What::AddressAndOwn => format!("{address}, {}", seen.own),
        What::Scheme => seen.scheme.as_str().to_owned(),
        What::Switch => if seen.scheme == Scheme::Https { "on" } else { "off" }.to_owned(),
        What::Prefix(prefix) => prefix.to_owned(),
        What::User => "alice".to_owned(),
        What::Port => seen.scheme.default_port().to_string(),
        What::Element => {
            let node = match ip {
                Some(IpAddr::V6(ip)) => format!("\"[{ip}]\""),
                Some(IpAddr::V4(ip)) => ip.to_string(),
                None => "unknown".to_owned(),
            };
            format!("for={node};proto={}", seen.scheme)
        }
        What::BareElement => {
            let host = match String::from_utf8_lossy(&seen.host) {
                host if host.is_empty() => String::new(),
                host => format!("host={host};"),
            };
            let earlier = earlier_clients(came);
            format!("by={};{earlier}for={address};{host}proto={}", seen.own, seen.scheme)
        }
        What::HostIfAny if seen.host.is_empty() => return None,
        What::Host | What::HostIfAny => return HeaderValue::from_bytes(&seen.host).ok(),
        What::LastFor => {
            let last = came.get_all("x-forwarded-for").iter().next_back()?;
            let last = last.as_bytes().rsplit(|&b| b == b',').next()?;
            return HeaderValue::from_bytes(last.trim_ascii()).ok();
        }
        What::Copy(header) => return came.get_all(header).iter().next_back().cloned(),
    };
    HeaderValue::try_from(text).ok()
}
