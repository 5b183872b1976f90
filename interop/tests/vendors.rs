//! The recipes that cannot be run here. Their documents have fixtures, taken from what the vendors publish.
//!
//! For each line of proxyfix's configuration, such a document has request heads as the application
//! receives them, at least one honest and one attacked. Beside each head is the truth about it. Forged
//! values are recognizable: addresses in 198.51.100.0/24, names with `evil`, the port 6666.

use std::{collections::BTreeMap, fs, net::SocketAddr};

use axum::http::Request;
use proxyfix::{Config, ConfigBuilder, Peer, Resolved, fix_request};
use proxyfix_interop::recipe::{self, Recipe};
use serde::Deserialize;

const VENDORS: [&str; 30] = [
    "apisix",
    "aws",
    "aws-serverless",
    "azure",
    "azure-container-apps",
    "cloudflare",
    "coolify",
    "digitalocean",
    "edge",
    "envoy-gateway",
    "fastly",
    "fly",
    "forward-auth",
    "google-cloud",
    "google-serverless",
    "heroku",
    "home-assistant",
    "ingress-nginx",
    "istio",
    "kong",
    "netlify",
    "nginx-proxy-manager",
    "openshift",
    "oracle",
    "railway",
    "render",
    "scaleway",
    "sozu",
    "tailscale",
    "traefik",
];

/// The start of such a document, below its title.
const MARK: &str = "\n\nFrom the vendor's documentation; not run here.";

const FORGED: [&str; 3] = ["198.51.100.", "evil", "6666"];

/// The secret that the heads have, for a line with `secret-header=`.
const SECRET: &str = "55ce4ed1-4b06-4bf1-b40e-4638452104da";

/// The configuration of a line.
fn config(line: &str) -> Result<Config, proxyfix::ConfigError> {
    let builder: ConfigBuilder = line.parse()?;
    if line.contains(" secret-header=") { builder.secret(SECRET).build() } else { builder.build() }
}

/// What is true of a request from this peer, or why it is rejected.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged, deny_unknown_fields)]
enum Truth {
    Rejected {
        peer: SocketAddr,
        /// The kind of error.
        rejected: String,
    },
    Believed {
        peer: SocketAddr,
        /// As a node (RFC 7239 §6).
        client: String,
        scheme: String,
        host: String,
        port: u16,
        #[serde(default)]
        prefix: String,
        /// What the handler sees in these headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
}

impl Truth {
    fn peer(&self) -> SocketAddr {
        match *self {
            Self::Rejected { peer, .. } | Self::Believed { peer, .. } => peer,
        }
    }

    /// The names of the headers in it.
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Rejected { .. } => Vec::new(),
            Self::Believed { headers, .. } => headers.keys().map(String::as_str).collect(),
        }
    }
}

/// The request whose head is in a block.
fn request(head: &str) -> Request<()> {
    let text = format!("{}\r\n\r\n", head.lines().collect::<Vec<_>>().join("\r\n"));
    let mut headers = [httparse::EMPTY_HEADER; 40];
    let mut parsed = httparse::Request::new(&mut headers);
    assert!(parsed.parse(text.as_bytes()).expect("a head").is_complete());
    assert_eq!(parsed.version, Some(1), "HTTP/1.1");
    let mut request = Request::builder().method(parsed.method.unwrap()).uri(parsed.path.unwrap());
    for header in parsed.headers {
        request = request.header(header.name, header.value);
    }
    request.body(()).expect("a request")
}

/// What the application believes, with the headers of these names, and the forged text that its handler
/// sees.
fn answer(
    mut request: Request<()>,
    peer: SocketAddr,
    config: &Config,
    names: &[&str],
) -> (Truth, Vec<String>) {
    request.extensions_mut().insert(Peer::from(peer));
    if let Err(error) = fix_request(&mut request, config) {
        return (Truth::Rejected { peer, rejected: format!("{:?}", error.kind()) }, Vec::new());
    }
    let resolved: &Resolved = request.extensions().get().expect("resolved");
    let believed = Truth::Believed {
        peer,
        client: resolved.client().to_string(),
        scheme: resolved.scheme().to_string(),
        host: resolved.host().unwrap_or_default().to_owned(),
        port: resolved.port(),
        prefix: resolved.prefix().to_owned(),
        headers: names
            .iter()
            .filter_map(|name| request.headers().get(*name).map(|value| (*name, value)))
            .map(|(name, value)| (name.to_owned(), value.to_str().expect("text").to_owned()))
            .collect(),
    };
    let lines = request.headers().iter().map(|(name, value)| format!("{name}: {value:?}"));
    let seen = lines.chain([request.uri().to_string()]).filter(|line| is_forged(line)).collect();
    (believed, seen)
}

fn is_forged(text: &str) -> bool {
    FORGED.iter().any(|forged| text.contains(forged))
}

/// The blocks in a language, by their words. Each list of words occurs once.
fn by_words<'a>(recipe: &'a Recipe, language: &str) -> BTreeMap<&'a [String], &'a str> {
    let mut blocks = BTreeMap::new();
    for (words, text) in recipe.blocks(language) {
        assert!(
            blocks.insert(words, text).is_none(),
            "two blocks `{language} {}`",
            words.join(" ")
        );
    }
    blocks
}

#[test]
fn every_such_document_is_tested() {
    let mut marked: Vec<String> = fs::read_dir(recipe::folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| fs::read_to_string(path).unwrap().contains(MARK))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    marked.sort();
    assert_eq!(marked, VENDORS);
}

#[test]
fn every_document_cites_its_source() {
    for vendor in VENDORS {
        let text = fs::read_to_string(recipe::folder().join(vendor).with_extension("md")).unwrap();
        let (title, rest) = text.split_once(MARK).expect(vendor);
        assert!(title.starts_with("# ") && title.lines().count() == 1, "{vendor}: {title}");
        let (introduction, _) = rest.split_once("\n## ").expect(vendor);
        assert!(introduction.contains("https://"), "{vendor} cites no source at its head");
    }
}

#[test]
fn every_line_has_an_honest_and_an_attacked_head() {
    for vendor in VENDORS {
        let recipe = Recipe::read(vendor).unwrap();
        let (lines, heads) = (by_words(&recipe, "text"), by_words(&recipe, "http"));
        assert!(!lines.is_empty(), "{vendor} has no line");
        for words in lines.keys() {
            for kind in ["honest", "attacked"] {
                let has = heads.keys().any(|name| match name.split_last() {
                    Some((last, rest)) => rest == *words && last.starts_with(kind),
                    None => false,
                });
                assert!(has, "{vendor}: `text {}` has no {kind} head", words.join(" "));
            }
        }
    }
}

#[test]
fn every_head_leads_to_the_truth() {
    let mut wrong = Vec::new();
    for vendor in VENDORS {
        let recipe = Recipe::read(vendor).unwrap();
        let lines = by_words(&recipe, "text");
        let (heads, truths) = (by_words(&recipe, "http"), by_words(&recipe, "json"));
        assert!(heads.keys().eq(truths.keys()), "{vendor}: some head or truth has no partner");
        for ((words, head), truth) in heads.iter().zip(truths.values()) {
            let name = format!("{vendor}: {}", words.join(" "));
            let (last, rest) = words.split_last().expect("a name");
            let line = lines.get(rest).unwrap_or_else(|| panic!("{name} belongs to no line"));
            let config = config(line).unwrap_or_else(|error| panic!("{name}: {error}"));
            let truth: Truth =
                serde_json::from_str(truth).unwrap_or_else(|e| panic!("{name}: {e}"));

            let is_attack = last.starts_with("attacked");
            assert!(
                is_attack || last.starts_with("honest"),
                "{name} is neither honest nor attacked"
            );
            assert_eq!(is_forged(head), is_attack, "{name}: forged values must be recognizable");

            let (answer, seen) = answer(request(head), truth.peer(), &config, &truth.names());
            if answer != truth {
                wrong.push(format!("{name}: {answer:?}, not {truth:?}"));
            }
            wrong.extend(seen.into_iter().map(|line| format!("{name}: the handler sees {line}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
