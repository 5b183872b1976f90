//! Runs the cases of `cases.jsonl`.
//!
//! `E` is the tag of the file, `L` its date. `*` is any value, `!name` no such field, `app` the inner service. Each case runs
//! twice: the second time, the file is in memory.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderValue, Request, Version};
use proxyfix_gateway::{Dir, File, FilesBuilder, FilesLayer, Symlinks};
use serde::Deserialize;

use super::fixture::{APP, Answer, MODIFIED, Tree, ask, embedded};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    variant: Option<String>,
    exports: Option<Vec<(String, String)>>,
    #[serde(default)]
    dir: Options,
    #[serde(default)]
    disallow: Vec<String>,
    cache: Option<bool>,
    timeout: Option<f64>,
    #[serde(default)]
    immutable: Vec<String>,
    #[serde(default)]
    rules: Vec<(String, String)>,
    fallback: Option<String>,
    request: String,
    version: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// What to send to learn the tag.
    #[serde(default)]
    etag_with: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    expect: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    dotfiles: bool,
    index: Option<String>,
    redirect: bool,
    precompressed: bool,
    symlinks: Option<String>,
}

impl Case {
    fn layer(&self, tree: &Tree) -> FilesLayer {
        let usual = vec![("/".to_owned(), "root".to_owned())];
        let mut builder = FilesLayer::builder();
        for (prefix, source) in self.exports.as_ref().unwrap_or(&usual) {
            builder = self.export(builder, prefix, source, tree);
        }
        builder = builder.disallow(self.disallow.clone()).cache(self.cache.unwrap_or(true));
        if let Some(timeout) = self.timeout {
            builder = builder.cache_timeout(Duration::from_secs_f64(timeout));
        }
        if let Some(fallback) = &self.fallback {
            builder = builder.fallback_mimetype(fallback);
        }
        for pattern in &self.immutable {
            builder = builder.immutable(pattern);
        }
        for (pattern, value) in &self.rules {
            builder = builder.cache_control(pattern, value);
        }
        // A type that is in no test.
        builder.mime("bin", "application/octet-stream").build().unwrap()
    }

    fn export(
        &self,
        builder: FilesBuilder,
        prefix: &str,
        source: &str,
        tree: &Tree,
    ) -> FilesBuilder {
        match source {
            "embedded" => builder.embedded(prefix, embedded()),
            "single" => builder.export(prefix, File::open(tree.path("single.txt")).unwrap()),
            name => {
                let mut dir = Dir::open(tree.path(name))
                    .unwrap()
                    .dotfiles(self.dir.dotfiles)
                    .redirect(self.dir.redirect)
                    .precompressed(self.dir.precompressed);
                if let Some(index) = &self.dir.index {
                    dir = dir.index(index);
                }
                dir = match self.dir.symlinks.as_deref() {
                    None => dir,
                    Some("any") => dir.symlinks(Symlinks::Any),
                    Some("none") => dir.symlinks(Symlinks::None),
                    Some(other) => panic!("{other}"),
                };
                builder.export(prefix, dir)
            }
        }
    }

    fn request(&self, method: &str, headers: &[(String, String)], etag: &str) -> Request<String> {
        let (_, target) = self.request.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            let value = match value.as_str() {
                value if value.starts_with('L') => value.replacen('L', &date(), 1),
                // In a list of tags, `E` stands by itself.
                value => value
                    .split(' ')
                    .map(|word| match word.trim_matches(['\t', ',']) {
                        "E" | "W/E" | "w/E" => word.replacen('E', etag, 1),
                        _ => word.to_owned(),
                    })
                    .collect::<Vec<_>>()
                    .join(" "),
            };
            request = request.header(name, HeaderValue::from_str(&value).unwrap());
        }
        if self.version.is_some() {
            request = request.version(Version::HTTP_10);
        }
        request.body(self.body.clone()).unwrap()
    }

    fn check(&self, answer: &Answer, etag: &str) -> Result<(), String> {
        for expected in &self.expect {
            let is_right = match expected.split_once(": ") {
                None if expected == "app" => answer.status == APP,
                None => match expected.strip_prefix('!') {
                    Some(name) => answer.field(name).is_none(),
                    None if expected == "body:" => answer.body.is_empty(),
                    None => expected == &answer.status.to_string(),
                },
                Some(("body", text)) => answer.is_whole && answer.text() == text,
                Some(("multipart", parts)) => multipart(answer).as_deref() == Some(parts),
                Some((name, "*")) => answer.field(name).is_some(),
                Some((name, "E")) => answer.field(name) == Some(etag),
                Some((name, "L")) => answer.field(name) == Some(&date()),
                Some((name, "now")) => is_now(answer.field(name)),
                Some((name, value)) => answer.field(name) == Some(value),
            };
            if !is_right {
                return Err(format!("{expected}, but {} {answer:?}", answer.text()));
            }
        }
        // A length is that of the body.
        let length = answer.field("content-length").map(|length| length.parse::<usize>().unwrap());
        let has_body = !self.request.starts_with("HEAD ") && answer.status != APP;
        match length {
            Some(length) if has_body && length != answer.body.len() => {
                Err(format!("{length} bytes, but {answer:?}"))
            }
            _ => Ok(()),
        }
    }
}

fn date() -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(MODIFIED))
}

fn is_now(value: Option<&str>) -> bool {
    let date = httpdate::parse_http_date(value.unwrap()).unwrap();
    date.elapsed().is_ok_and(|age| age < Duration::from_secs(60))
}

/// The ranges of a multipart body, each with its content.
fn multipart(answer: &Answer) -> Option<String> {
    let boundary = answer.field("content-type")?.strip_prefix("multipart/byteranges; boundary=")?;
    let text = answer.text();
    let text = text.strip_suffix(&format!("\r\n--{boundary}--\r\n"))?;
    let mut parts = Vec::new();
    for part in format!("\r\n{text}").split(&format!("\r\n--{boundary}\r\n")).skip(1) {
        let (head, content) = part.split_once("\r\n\r\n")?;
        assert!(head.starts_with("Content-Type: "), "{head}");
        let (_, range) = head.split_once("Content-Range: bytes ")?;
        parts.push(format!("{range}={content}"));
    }
    Some(parts.join(" "))
}

#[tokio::test]
async fn cases() {
    let tree = Tree::new();
    // What was written just now is not kept in memory.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let mut wrong = Vec::new();
    for line in include_str!("cases.jsonl").lines() {
        let case: Case = serde_json::from_str(line).expect(line);
        let layer = case.layer(&tree);
        let (method, _) = case.request.split_once(' ').unwrap();
        let known = ask(&layer, case.request("GET", &case.etag_with, "")).await;
        let etag = known.field("etag").unwrap_or_default().to_owned();
        for round in 1..=2 {
            let answer = ask(&layer, case.request(method, &case.headers, &etag)).await;
            if let Err(reason) = case.check(&answer, &etag) {
                wrong.push(format!("{} {:?} ({round}): {reason}", case.id, case.variant));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
