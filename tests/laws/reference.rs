//! A second implementation, slow and obvious, written only from RFC 9110 §5.3, §5.6 and RFC 7239 §4, §6.
//! It joins all lines, reads from the left, collects the elements, and then counts from the right.
//!
//! It gives an answer only if the whole header is well-formed, because the order of reading then makes no
//! difference. A list with an empty element does not count as well-formed: the RFC ignores the element, and we
//! keep its place. A list that is well-formed only after its
//! lines are joined does not count as well-formed either.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an element says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) node: Option<String>,
    pub(crate) proto: Option<String>,
    pub(crate) host: Option<String>,
    /// A parameter occurs twice.
    pub(crate) repeats: bool,
}

/// The elements of a list without quotes, from the left.
pub(crate) fn x_list(lines: &[&[u8]]) -> Option<Vec<String>> {
    let joined = String::from_utf8(lines.join(&b", "[..])).ok()?;
    let elements: Vec<_> =
        joined.split(',').map(|element| element.trim_matches([' ', '\t']).to_owned()).collect();
    elements.iter().all(|element| !element.is_empty()).then_some(elements)
}

/// The elements of `Forwarded`, from the left.
pub(crate) fn forwarded_list(lines: &[&[u8]]) -> Option<Vec<Said>> {
    for line in lines {
        Reader { text: line, at: 0 }.list()?;
    }
    Reader { text: &lines.join(&b", "[..]), at: 0 }.list()
}

/// A line split at the commas outside quoted-strings, read from the left.
pub(crate) fn split(line: &[u8]) -> Vec<Vec<u8>> {
    let mut elements = vec![Vec::new()];
    let (mut quoted, mut escaped) = (false, false);
    for &byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                elements.push(Vec::new());
                continue;
            }
            _ => {}
        }
        elements.last_mut().expect("an element").push(byte);
    }
    elements.iter().map(|element| element.trim_ascii().to_vec()).collect()
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, expected: u8) -> Option<()> {
        (self.peek()? == expected).then(|| self.at += 1)
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// element *( OWS "," OWS element ), to the end
    fn list(mut self) -> Option<Vec<Said>> {
        let mut elements = Vec::new();
        loop {
            self.white_space();
            elements.push(self.element()?);
            self.white_space();
            match self.peek() {
                None => return Some(elements),
                Some(_) => self.take(b',')?,
            }
        }
    }

    /// pair *( ";" pair ), in which some pairs may be missing, but not all
    fn element(&mut self) -> Option<Said> {
        let mut said = Said::default();
        let mut names = Vec::new();
        loop {
            if !matches!(self.peek(), None | Some(b';' | b',' | b' ' | b'\t')) {
                let name = self.token()?.to_ascii_lowercase();
                self.take(b'=')?;
                let value = if self.peek() == Some(b'"') { self.string()? } else { self.token()? };
                said.repeats |= names.contains(&name);
                match name.as_str() {
                    "for" => said.node = Some(value),
                    "proto" => said.proto = Some(value),
                    "host" => said.host = Some(value),
                    _ => {}
                }
                names.push(name);
            }
            if self.peek() != Some(b';') {
                return (!names.is_empty()).then_some(said);
            }
            self.at += 1;
        }
    }

    fn token(&mut self) -> Option<String> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|b| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&b))
        {
            self.at += 1;
        }
        let token = std::str::from_utf8(&self.text[start..self.at]).ok()?;
        (!token.is_empty()).then(|| token.to_owned())
    }

    /// A quoted-string, unescaped. Bytes from 0x80 up become one character each.
    fn string(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut content = String::new();
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(content);
                }
                b'\\' => self.at += 1,
                _ => {}
            }
            let byte = self.peek()?;
            if byte != b'\t' && (byte < b' ' || byte == 0x7f) {
                return None;
            }
            content.push(char::from(byte));
            self.at += 1;
        }
    }
}

/// A node of RFC 7239 §6, in the form that we print; `x` allows IPv6 without brackets.
pub(crate) fn node(text: &str, x: bool) -> Option<String> {
    if x && text == "unix:" {
        return Some("unknown".into());
    }
    if let (true, Some(ip)) = (x, zoned(text)) {
        return Some(print(IpAddr::V6(ip)));
    }
    let (name, port) = match text.rfind(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let name = if let Some(literal) = name.strip_prefix('[') {
        print(IpAddr::V6(zoned(literal.strip_suffix(']')?)?))
    } else if name.eq_ignore_ascii_case("unknown") {
        "unknown".to_owned()
    } else if obfuscated(name) {
        name.to_owned()
    } else {
        let octets: Vec<u8> = name.split('.').map(octet).collect::<Option<_>>()?;
        print(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?).into())
    };
    match port.strip_prefix(':') {
        None => port.is_empty().then_some(name),
        Some(port) if obfuscated(port) => Some(format!("{name}:{port}")),
        Some(port) => port_number(port).map(|port| format!("{name}:{port}")),
    }
}

/// `IPv6address [ "%" ZoneID ]` (RFC 6874 §2), without the zone.
pub(crate) fn zoned(text: &str) -> Option<Ipv6Addr> {
    let (address, zone) = text.split_once('%').unwrap_or((text, "1"));
    let unreserved = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
    let valid = (1..=256).contains(&zone.len()) && zone.chars().all(unreserved);
    valid.then(|| address.parse().ok())?
}

fn print(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// dec-octet of RFC 3986 §3.2.2
fn octet(text: &str) -> Option<u8> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    (digits && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok())?
}

fn obfuscated(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.len() > 1 && text.starts_with('_') && text.chars().all(allowed)
}

fn port_number(text: &str) -> Option<u16> {
    let digits = (1..=5).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

pub(crate) fn scheme(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some("http"),
        "https" | "wss" => Some("https"),
        _ => None,
    }
}

/// `uri-host [ ":" port ]`, without characters that no deployed name has; in lower case, with the port if it
/// is not the scheme's default.
pub(crate) fn authority(text: &str, scheme: &str) -> Option<String> {
    let (host, port) = match text.rfind(':') {
        Some(colon) if !text.ends_with(']') => (&text[..colon], &text[colon + 1..]),
        _ => (text, ""),
    };
    let port = if port.is_empty() { None } else { Some(self::port(port)?) };
    let host = if let Some(literal) = host.strip_prefix('[') {
        let ip: Ipv6Addr = literal.strip_suffix(']')?.parse().ok()?;
        format!("[{ip}]")
    } else {
        let name = host.strip_suffix('.').unwrap_or(host);
        let label = |label: &str| {
            !label.is_empty()
                && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        if name.len() > 255 || !name.split('.').all(label) {
            return None;
        }
        let last = name.rsplit('.').next()?.to_ascii_lowercase();
        let hexadecimal = last.strip_prefix("0x").map(|rest| (rest, 16));
        let (digits, base) = hexadecimal.unwrap_or((&last, 10));
        let octets: Option<Vec<_>> = name.split('.').map(octet).collect();
        if digits.chars().all(|c| c.is_digit(base)) && octets.is_none_or(|o| o.len() != 4) {
            return None;
        }
        name.to_ascii_lowercase()
    };
    let default = if scheme == "https" { 443 } else { 80 };
    Some(match port.filter(|port| *port != default) {
        None => host,
        Some(port) => format!("{host}:{port}"),
    })
}

/// A port of TCP.
pub(crate) fn port(text: &str) -> Option<u16> {
    port_number(text).filter(|port| *port > 0)
}

/// A prefix in `pchar` (RFC 3986 §3.3), without anything that is dangerous in a link, and without trailing
/// slashes.
pub(crate) fn prefix(text: &str) -> Option<&str> {
    let valid = |segment: &str| {
        let mut pieces = segment.split('%');
        let plain = |text: &str| {
            text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c))
        };
        let triplet = |text: &str| {
            let byte = text.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            byte.is_some_and(|b| !b.is_ascii_control() && !b"/\\.".contains(&b))
                && !text.starts_with('+')
                && plain(&text[2..])
        };
        !matches!(segment.split(';').next(), Some("." | ".."))
            && pieces.next().is_some_and(plain)
            && pieces.all(triplet)
    };
    let path = text.strip_prefix('/')?;
    (!path.starts_with('/') && path.split('/').all(valid)).then(|| text.trim_end_matches('/'))
}
