//! What is compared of a response.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{
    PATIENCE,
    wire::{bytes, client::Response, client::ask, end_of_head, fields, latin1},
};

/// What a server says of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tags {
    tag: Option<String>,
    date: Option<String>,
}

impl Tags {
    /// Asks for the file, with these field lines.
    pub(crate) async fn of(server: SocketAddr, target: &str, lines: &str) -> Self {
        let text = format!(
            "HEAD {target} HTTP/1.1\r\nHost: files.example\r\n{lines}Connection: close\r\n\r\n"
        );
        let Some(response) = ask(server, &[&bytes(&text)], "HEAD", PATIENCE).await else {
            return Self::default();
        };
        let value = |name| response.value(name).map(str::to_owned);
        Self { tag: value("etag"), date: value("last-modified") }
    }

    /// Puts them in the place of `{tag}`, `{strong}` and `{date}`. `None` if the server has none.
    pub(crate) fn insert(&self, value: &str) -> Option<String> {
        let mut value = value.to_owned();
        let strong = self.tag.as_ref().map(|tag| tag.trim_start_matches("W/").to_owned());
        for (place, own) in [("{tag}", &self.tag), ("{strong}", &strong), ("{date}", &self.date)] {
            if value.contains(place) {
                value = value.replace(place, own.as_ref()?);
            }
        }
        Some(value)
    }

    /// A request with this line, and with these fields, in whose values they are.
    pub(crate) fn request(&self, line: String, fields: &[(String, String)]) -> Option<String> {
        let mut text = line + "Host: files.example\r\nConnection: close\r\n";
        for (name, value) in fields {
            text.extend([name, ": ", &self.insert(value)?, "\r\n"]);
        }
        Some(text + "\r\n")
    }
}

/// The parts of a multipart body: `Content-Range` and content. `None` if it is none, or is malformed.
pub(crate) fn parts(response: &Response) -> Option<Vec<(String, Vec<u8>)>> {
    let kind = response.value("content-type")?;
    let boundary = kind.strip_prefix("multipart/byteranges")?.split_once("boundary=")?.1;
    let delimiter = format!("\r\n--{}", boundary.trim_matches('"'));
    // The first delimiter need not have a line end before it.
    let mut rest: &[u8] = &[b"\r\n", &response.body[..]].concat();
    let mut parts = Vec::new();
    let find = |bytes: &[u8]| {
        bytes.windows(delimiter.len()).position(|window| window == delimiter.as_bytes())
    };
    rest = &rest[find(rest)? + delimiter.len()..];
    while !rest.starts_with(b"--") {
        let end = find(rest)?;
        let (part, after) = rest.split_at(end);
        let (head, content) = part.split_at(end_of_head(part)?);
        let range = fields(head).into_iter().find(|(name, _)| name == "content-range")?.1;
        parts.push((range, content.to_vec()));
        rest = &after[delimiter.len()..];
    }
    Some(parts)
}

/// The facts of a response that are compared. Of a failure, that is its status: what else it says is each server's own.
pub(crate) fn facts(response: &Response, method: &str) -> BTreeMap<&'static str, String> {
    let value = |name: &str| response.value(name).unwrap_or_default().to_owned();
    let mut facts = BTreeMap::from([("status", response.status.to_string())]);
    match response.status {
        200 | 206 => {
            let parts = parts(response);
            // The length of a multipart body depends on the boundary, and of chunks, on nothing.
            let is_framed = parts.is_some() || response.value("transfer-encoding").is_some();
            let length = if is_framed { "its own".to_owned() } else { value("content-length") };
            facts.insert("content-length", length);
            let kind = value("content-type").to_ascii_lowercase();
            let base = kind.split(';').next().unwrap_or_default();
            facts.insert("content-type", base.trim().to_owned());
            for name in ["accept-ranges", "content-encoding", "content-range", "last-modified"] {
                facts.insert(name, value(name));
            }
            let body = match parts {
                Some(parts) => format!("{parts:?}"),
                None if response.is_complete => latin1(&response.body),
                None => "cut".to_owned(),
            };
            if method != "HEAD" {
                facts.insert("body", body);
            }
        }
        301 | 302 | 303 | 307 | 308 => {
            let location = value("location").replacen("http://files.example", "", 1);
            facts.insert("location", location);
        }
        416 => {
            facts.insert("content-range", value("content-range"));
        }
        _ => {}
    }
    if matches!(response.status, 200 | 206 | 304) {
        let has_tag = response.value("etag").is_some();
        facts.insert("etag", if has_tag { "yes" } else { "no" }.to_owned());
        let vary = value("vary").to_ascii_lowercase().contains("accept-encoding");
        facts.insert("vary", if vary { "accept-encoding" } else { "no" }.to_owned());
    }
    facts
}
