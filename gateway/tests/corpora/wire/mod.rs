//! What the tests against others share: a proxy on a real socket, an upstream that records every byte, and a client
//! that sends exactly what it is told to.
//!
//! Text made of foreign bytes is Latin-1 here: one character for each byte.

pub(crate) mod client;
#[path = "../../net/front.rs"]
pub(crate) mod front;
pub(crate) mod recorder;

/// Bytes as text, one character for each.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// The opposite of [`latin1`]. Other characters become UTF-8.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}

/// Where the first head in these bytes ends: after its empty line.
pub(crate) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The field lines of a head, in order: names in lower case, values without white space around them.
pub(crate) fn fields(head: &[u8]) -> Vec<(String, String)> {
    let text = latin1(head);
    let lines = text.split("\r\n").skip(1).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.trim_matches([' ', '\t']);
            (name.to_ascii_lowercase(), value.to_owned())
        })
        .collect()
}

/// What a chunked body holds: its content, its trailers, and how many bytes it takes. `None` if it is not
/// complete or not well-formed. Only the grammar of RFC 9112 §7.1 is understood, without extensions.
pub(crate) fn dechunk(mut bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>, usize)> {
    let whole = bytes.len();
    let mut content = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..end]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        bytes = &bytes[end + 2..];
        if size == 0 {
            break;
        }
        content.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size..)?.strip_prefix(b"\r\n")?;
    }
    // The trailers are lines too, so they end with the line end of the last chunk or with an empty line.
    let trailers = match bytes.strip_prefix(b"\r\n") {
        Some(rest) => {
            bytes = rest;
            Vec::new()
        }
        None => {
            let end = end_of_head(bytes)?;
            let trailers = bytes[..end - 2].to_vec();
            bytes = &bytes[end..];
            trailers
        }
    };
    Some((content, trailers, whole - bytes.len()))
}
