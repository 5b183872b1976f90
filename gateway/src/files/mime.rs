//! Types by the end of the name.
//!
//! 1. The table is here, and nothing of the machine is read. So the type of a file is the same everywhere.
//! 2. The last extension counts, in any case: `x.tar.gz` is gzip. A name that only begins with a dot has none.
//! 3. Types of text have `charset=utf-8`: `text/…`, XML and JavaScript. JSON has none (RFC 8259 §11).

use std::collections::HashMap;

use http::HeaderValue;

use crate::common::error::ConfigError;

/// Extension and type, by kind. From the IANA registry, RFC 9239 (JavaScript) and the WHATWG's MIME Sniffing.
const TABLE: &[(&str, &str)] = &[
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ics", "text/calendar"),
    ("js", "text/javascript"),
    ("log", "text/plain"),
    ("md", "text/markdown"),
    ("mjs", "text/javascript"),
    ("cjs", "text/javascript"),
    ("txt", "text/plain"),
    ("vtt", "text/vtt"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("atom", "application/atom+xml"),
    ("rss", "application/rss+xml"),
    ("xhtml", "application/xhtml+xml"),
    ("xml", "application/xml"),
    ("xsl", "application/xslt+xml"),
    ("svg", "image/svg+xml"),
    ("geojson", "application/geo+json"),
    ("json", "application/json"),
    ("jsonld", "application/ld+json"),
    ("map", "application/json"),
    ("ndjson", "application/x-ndjson"),
    ("webmanifest", "application/manifest+json"),
    ("wasm", "application/wasm"),
    ("apng", "image/apng"),
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("gif", "image/gif"),
    ("ico", "image/vnd.microsoft.icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("jxl", "image/jxl"),
    ("png", "image/png"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("webp", "image/webp"),
    ("otf", "font/otf"),
    ("ttf", "font/ttf"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("eot", "application/vnd.ms-fontobject"),
    ("aac", "audio/aac"),
    ("flac", "audio/flac"),
    ("m4a", "audio/mp4"),
    ("mid", "audio/midi"),
    ("mp3", "audio/mpeg"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("avi", "video/x-msvideo"),
    ("m4v", "video/mp4"),
    ("mkv", "video/matroska"),
    ("mov", "video/quicktime"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("ogv", "video/ogg"),
    ("ts", "video/mp2t"),
    ("webm", "video/webm"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("mpd", "application/dash+xml"),
    ("7z", "application/x-7z-compressed"),
    ("br", "application/x-brotli"),
    ("bz2", "application/x-bzip2"),
    ("gz", "application/gzip"),
    ("jar", "application/java-archive"),
    ("tar", "application/x-tar"),
    ("tgz", "application/gzip"),
    ("xz", "application/x-xz"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("epub", "application/epub+zip"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("pdf", "application/pdf"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("rtf", "application/rtf"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("glb", "model/gltf-binary"),
    ("gltf", "model/gltf+json"),
    ("bin", "application/octet-stream"),
    ("dmg", "application/octet-stream"),
    ("exe", "application/octet-stream"),
];

/// The types of an export.
#[derive(Clone, Debug)]
pub(super) struct Types {
    by_extension: HashMap<String, HeaderValue>,
    fallback: HeaderValue,
}

impl Types {
    /// The table, with the types of the configuration before it.
    pub(super) fn new(own: &[(String, String)], fallback: &str) -> Result<Self, ConfigError> {
        let mut by_extension = HashMap::new();
        let table = TABLE.iter().map(|(extension, mime)| (*extension, *mime));
        let own = own.iter().map(|(extension, mime)| (extension.as_str(), mime.as_str()));
        for (extension, mime) in table.chain(own) {
            let extension = extension.trim_start_matches('.').to_ascii_lowercase();
            by_extension.insert(extension, value(mime)?);
        }
        Ok(Self { by_extension, fallback: value(fallback)? })
    }

    /// The type of a file with this name.
    pub(super) fn of(&self, name: &[u8]) -> HeaderValue {
        self.known(name).unwrap_or(&self.fallback).clone()
    }

    fn known(&self, name: &[u8]) -> Option<&HeaderValue> {
        let file = name.rsplit(|&byte| byte == b'/').next()?;
        let dot = file.iter().rposition(|&byte| byte == b'.').filter(|dot| *dot > 0)?;
        let extension = std::str::from_utf8(file.get(dot.saturating_add(1)..)?).ok()?;
        self.by_extension.get(&extension.to_ascii_lowercase())
    }
}

/// A type as a field value (rule 3).
fn value(mime: &str) -> Result<HeaderValue, ConfigError> {
    let invalid = || ConfigError::InvalidMimeType { mime: mime.to_owned() };
    let essence = mime.split(';').next().unwrap_or_default().trim();
    let (kind, subtype) = essence.split_once('/').ok_or_else(invalid)?;
    let is_token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    if !is_token(kind) || !is_token(subtype) {
        return Err(invalid());
    }
    let is_text = kind == "text"
        || subtype == "xml"
        || subtype.ends_with("+xml")
        || essence == "application/javascript";
    let text = if is_text && !mime.contains(';') {
        format!("{mime}; charset=utf-8")
    } else {
        mime.to_owned()
    };
    HeaderValue::try_from(text).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::Types;

    #[test]
    fn types() {
        let own = [("wasm", "application/x-own"), (".Foo", "text/foo")]
            .map(|(a, b)| (a.into(), b.into()));
        let types = Types::new(&own, "text/plain").expect("valid");
        for (name, mime) in [
            ("app.js", "text/javascript; charset=utf-8"),
            ("m.mjs", "text/javascript; charset=utf-8"),
            ("d.x/UPPER.HTML", "text/html; charset=utf-8"),
            ("x.json", "application/json"),
            ("x.map", "application/json"),
            ("x.xml", "application/xml; charset=utf-8"),
            ("x.svg", "image/svg+xml; charset=utf-8"),
            ("x.tar.gz", "application/gzip"),
            ("x.ts", "video/mp2t"),
            ("x.wasm", "application/x-own"),
            ("x.foo", "text/foo; charset=utf-8"),
            ("noext", "text/plain; charset=utf-8"),
            ("d.html/noext", "text/plain; charset=utf-8"),
            (".env", "text/plain; charset=utf-8"),
            (".html", "text/plain; charset=utf-8"),
            ("x.", "text/plain; charset=utf-8"),
            ("x.unknown", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(types.of(name.as_bytes()), mime, "{name}");
        }
        assert_eq!(types.of(b"\xff.css"), "text/css; charset=utf-8");
        let latin = Types::new(&[], "text/plain; charset=latin1").expect("valid");
        assert_eq!(latin.of(b"noext"), "text/plain; charset=latin1");
        for mime in ["", "text", "text/", "/plain", "te xt/plain", "text/plain\n"] {
            assert!(Types::new(&[], mime).is_err(), "{mime:?}");
        }
    }
}
