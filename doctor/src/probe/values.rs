//! The lies: what each header of a probe contains.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::HeaderName;
use proxyfix::Scheme;
use proxyfix_lint::settings::{SINGLE_ADDRESS, is_switch};

use super::{Marker, Shape};
use crate::arrived::Field;

/// The name of the header that names others.
pub(super) const CONNECTION: &str = "Connection";

/// What stands for the line of the PROXY protocol as if it were a header, and the address in it: the last one of a
/// documentation range (RFC 5737), which no other marker has.
pub(crate) const PROXY: &str = "the PROXY protocol";
pub(super) const CLAIMED: &str = "203.0.113.254";

/// How much junk a long value is. Servers take at least as much in one line by default (nginx
/// `large_client_header_buffers`, Apache `LimitRequestFieldSize`: 8 KiB), less what the name takes.
const LONG: usize = 8 * 1024 - 64;

/// What kind of value a header contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Address,
    AddressAndPort,
    Element,
    Scheme,
    Switch,
    Visitor,
    Host,
    Port,
    Path,
    Word,
}

impl Value {
    /// What a known forwarding header contains, by its name.
    fn of(name: &str) -> Self {
        let header = HeaderName::try_from(name);
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        match name {
            "forwarded" => Self::Element,
            "cloudfront-viewer-address" => Self::AddressAndPort,
            "cf-visitor" => Self::Visitor,
            _ if SINGLE_ADDRESS.contains(&name) || name.ends_with("for") => Self::Address,
            _ if header.is_ok_and(|name| is_switch(&name)) || name.ends_with("-ssl") => {
                Self::Switch
            }
            _ if has(&["proto", "scheme"]) && !name.ends_with("protocol-version") => Self::Scheme,
            _ if has(&["port"]) => Self::Port,
            _ if has(&["host", "server"]) => Self::Host,
            _ if has(&["path", "uri", "url", "prefix", "script", "context"]) => Self::Path,
            _ => Self::Word,
        }
    }
}

/// A value of a header, as it is sent, and the marker in it.
fn lie(name: &str, number: u16, scheme: Scheme) -> (String, Marker) {
    let value = Value::of(name);
    let text = match value {
        Value::Address | Value::Element | Value::AddressAndPort => address(number),
        Value::Scheme => scheme.to_string(),
        Value::Switch => if scheme == Scheme::Https { "on" } else { "off" }.to_owned(),
        Value::Visitor => format!("{{\"scheme\":\"{scheme}\"}}"),
        Value::Host | Value::Word => format!("m{number}.example"),
        // Above the ports that servers listen on, and below the ephemeral ones (RFC 6335 §6).
        Value::Port => 20_000_u16.saturating_add(number).to_string(),
        Value::Path => format!("/m{number}"),
    };
    let sent = match value {
        Value::AddressAndPort => format!("{text}:4711"),
        Value::Element if text.contains(':') => {
            format!("for=\"[{text}]\";proto={scheme};host=m{number}.example")
        }
        Value::Element => format!("for={text};proto={scheme};host=m{number}.example"),
        _ => text.clone(),
    };
    let is_common = matches!(value, Value::Scheme | Value::Switch | Value::Visitor);
    (sent, Marker { header: name.to_owned(), text, is_common })
}

/// A marker of its own: the last addresses of 192.0.2.0/24 and 198.51.100.0/24, then those of `2001:db8::/32`. Hosts in
/// examples and laboratories have the first addresses.
fn address(number: u16) -> String {
    let of = |net: [u8; 3], last: u16| {
        let [a, b, c] = net;
        let last = u8::try_from(last).unwrap_or(u8::MAX);
        Ipv4Addr::new(a, b, c, last).to_string()
    };
    match number {
        0..200 => of([198, 51, 100], number.saturating_add(50)),
        200..400 => of([192, 0, 2], number.saturating_sub(150)),
        _ => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0xd0c, number).to_string(),
    }
}

/// The field lines and markers of a lie in this header. `numbers` gives a new number each time.
pub(super) fn lies(
    name: &str,
    shape: Shape,
    scheme: Scheme,
    numbers: &mut impl FnMut() -> u16,
) -> (Vec<Field>, Vec<Marker>) {
    let mut one = || lie(name, numbers(), scheme);
    let field = |value: &str| Field::new(name, value);
    let (first, marker) = one();
    match shape {
        Shape::Once | Shape::Nominated | Shape::Second => (vec![field(&first)], vec![marker]),
        Shape::Twice => {
            let (second, other) = one();
            (vec![field(&first), field(&second)], vec![marker, other])
        }
        Shape::List => {
            let (second, other) = one();
            (vec![field(&format!("{first}, {second}"))], vec![marker, other])
        }
        Shape::Empty => {
            (vec![field("")], vec![Marker { text: String::new(), is_common: true, ..marker }])
        }
        Shape::OpenQuote if name == "forwarded" => {
            (vec![field(&format!("for=\"{}", marker.text))], vec![marker])
        }
        Shape::OpenQuote => (vec![field(&format!("\"{first}"))], vec![marker]),
        Shape::Long => {
            let times = LONG.checked_div(first.len().saturating_add(2)).unwrap_or_default();
            (vec![field(&vec![first.as_str(); times.max(1)].join(", "))], vec![marker])
        }
        Shape::Underscore => (vec![Field::new(name.replace('-', "_"), &first)], vec![marker]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Value, address};

    #[test]
    fn addresses_are_unique_and_documented() {
        let all: BTreeSet<_> = (0..2000).map(address).collect();
        assert_eq!(all.len(), 2000);
        assert_eq!((address(0), address(199)), ("198.51.100.50".into(), "198.51.100.249".into()));
        assert_eq!((address(200), address(399)), ("192.0.2.50".into(), "192.0.2.249".into()));
        assert_eq!(address(400), "2001:db8::d0c:190");
    }

    #[test]
    fn values_by_name() {
        for (name, value) in [
            ("x-forwarded-for", Value::Address),
            ("cf-connecting-ip", Value::Address),
            ("forwarded", Value::Element),
            ("x-forwarded-proto", Value::Scheme),
            ("x-forwarded-ssl", Value::Switch),
            ("x-forwarded-host", Value::Host),
            ("x-forwarded-server", Value::Host),
            ("x-forwarded-port", Value::Port),
            ("x-forwarded-prefix", Value::Path),
            ("x-original-url", Value::Path),
            ("x-forwarded-method", Value::Word),
        ] {
            assert_eq!(Value::of(name), value, "{name}");
        }
    }
}
