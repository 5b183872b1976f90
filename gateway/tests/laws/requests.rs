//! The requests that the bytes of a connection are (RFC 9112), read slowly.
//!
//! 1. Where a recipient may be lenient without another reading being possible, this is: lines of a head may end
//!    with LF alone, and empty lines may come before a head (§2.2).
//! 2. `Transfer-Encoding: chunked` beside `Content-Length` is chunked, and the last request of the connection (§6.1).
//! 3. Where two recipients may differ about where a request ends, it is in doubt, and so is what follows it.

/// A request, or the start of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
}

/// How a request ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// As its framing says.
    Whole,
    /// The bytes end before it does.
    Cut,
    /// Nobody can say where.
    #[default]
    Doubt,
}

/// All requests, up to the first one that is not whole.
pub(crate) fn requests(mut bytes: &[u8]) -> Vec<Asked> {
    let mut all = Vec::new();
    loop {
        bytes = without_empty_lines(bytes);
        if bytes.is_empty() {
            return all;
        }
        let mut asked = Asked::default();
        let (end, rest) = read(&mut asked, bytes);
        asked.end = end;
        all.push(asked);
        if end != End::Whole {
            return all;
        }
        bytes = rest;
    }
}

/// What follows the empty lines before a head.
pub(crate) fn without_empty_lines(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b"\r\n").or_else(|| bytes.strip_prefix(b"\n")) {
        bytes = rest;
    }
    bytes
}

/// Reads one request. Returns what follows it.
fn read<'a>(asked: &mut Asked, bytes: &'a [u8]) -> (End, &'a [u8]) {
    let Some((lines, rest)) = head(bytes) else { return (End::Cut, bytes) };
    let words: Vec<_> = lines.first().map_or("", String::as_str).split(' ').collect();
    let &[method, target, version] = words.as_slice() else { return (End::Doubt, rest) };
    (asked.method, asked.target) = (method.to_owned(), target.to_owned());
    if !is_token(method) || !["HTTP/1.1", "HTTP/1.0"].contains(&version) {
        return (End::Doubt, rest);
    }
    let Some(fields) = fields(&lines[1..]) else { return (End::Doubt, rest) };
    match (values(&fields, "transfer-encoding").as_slice(), &*values(&fields, "content-length")) {
        ([], []) => (End::Whole, rest),
        ([], lengths) => sized(&mut asked.body, lengths, rest),
        ([coding], lengths) if version == "HTTP/1.1" && coding.eq_ignore_ascii_case("chunked") => {
            let (end, rest) = chunks(&mut asked.body, rest);
            (end, if lengths.is_empty() { rest } else { b"" })
        }
        _ => (End::Doubt, rest),
    }
}

/// The lines of a head, and what follows it. `None` if it does not end.
pub(crate) fn head(bytes: &[u8]) -> Option<(Vec<String>, &[u8])> {
    let (mut lines, mut rest) = (Vec::new(), bytes);
    loop {
        let (line, after) = line(rest)?;
        rest = after;
        if line.is_empty() {
            return Some((lines, rest));
        }
        lines.push(String::from_utf8_lossy(line).into_owned());
    }
}

/// The names, in lower case, and the values of field lines. `None` if one of them is no field line.
pub(crate) fn fields(lines: &[String]) -> Option<Vec<(String, &str)>> {
    let mut fields = Vec::new();
    for line in lines {
        // A line that continues another one begins with a space, which is in no name.
        let (name, value) = line.split_once(':').filter(|(name, _)| is_token(name))?;
        if value.chars().any(|c| c.is_ascii_control() && c != '\t') {
            return None;
        }
        fields.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t'])));
    }
    Some(fields)
}

/// All values of a field.
pub(crate) fn values<'a>(fields: &[(String, &'a str)], name: &str) -> Vec<&'a str> {
    fields.iter().filter(|(found, _)| found == name).map(|(_, value)| *value).collect()
}

/// Reads a body of a stated length. Several lengths that are equal are one (RFC 9110 §8.6).
pub(crate) fn sized<'a>(body: &mut Vec<u8>, lengths: &[&str], rest: &'a [u8]) -> (End, &'a [u8]) {
    let numbers: Vec<_> = lengths.iter().map(|length| number(length)).collect();
    match numbers[0] {
        Some(length) if numbers.iter().all(|number| *number == numbers[0]) => {
            let here = length.min(rest.len());
            body.extend_from_slice(&rest[..here]);
            (if here < length { End::Cut } else { End::Whole }, &rest[here..])
        }
        _ => (End::Doubt, rest),
    }
}

/// Reads a chunked body. Its lines end with CRLF alone.
pub(crate) fn chunks<'a>(body: &mut Vec<u8>, mut rest: &'a [u8]) -> (End, &'a [u8]) {
    loop {
        let Some((line, after)) = strict_line(rest) else {
            return (if rest.contains(&b'\n') { End::Doubt } else { End::Cut }, rest);
        };
        let (size, extension) =
            line.split_at(line.iter().position(|&byte| byte == b';').unwrap_or(line.len()));
        let digits = String::from_utf8_lossy(size.trim_ascii_end()).into_owned();
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let Some(size) = usize::from_str_radix(&digits, 16).ok().filter(|_| is_number) else {
            return (End::Doubt, rest);
        };
        if extension.contains(&b'\r') || extension.contains(&b'\n') {
            return (End::Doubt, rest);
        }
        rest = after;
        if size == 0 {
            break;
        }
        let here = size.min(rest.len());
        body.extend_from_slice(&rest[..here]);
        rest = &rest[here..];
        match (rest.get(..2), rest) {
            (Some(b"\r\n"), _) => rest = &rest[2..],
            (None, [] | b"\r") => return (End::Cut, rest),
            _ => return (End::Doubt, rest),
        }
    }
    // The trailers. An LF alone ends no line of them, although some recipients say so.
    loop {
        let Some(at) = rest.iter().position(|&byte| byte == b'\r') else {
            return (End::Cut, rest);
        };
        match rest.get(at + 1) {
            Some(b'\n') => rest = &rest[at + 2..],
            Some(_) => return (End::Doubt, rest),
            None => return (End::Cut, rest),
        }
        if at == 0 {
            return (End::Whole, rest);
        }
    }
}

/// A line that ends with CRLF or LF. A CR elsewhere stays in it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == b'\n')?;
    let line = &bytes[..at];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[at + 1..]))
}

/// A line that ends with CRLF. None with another end.
fn strict_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == b'\n')?;
    Some((bytes[..at].strip_suffix(b"\r")?, &bytes[at + 1..]))
}

/// A decimal number, with zeros before it or not.
fn number(digits: &str) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

fn is_token(text: &str) -> bool {
    let is_in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_in_token)
}
