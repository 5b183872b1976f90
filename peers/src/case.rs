//! The inputs, and the answers recorded for them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The address of the proxy that sends every request. All peers trust 10.0.0.0/8.
pub const PROXY: &str = "10.0.0.1";
/// What the client claims if it lies about its address, host or scheme.
const CLAIMS: [&str; 3] = ["198.51.100.7", "evil.example", "https"];

#[derive(Deserialize)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The name of the test in `tests/peers.rs`.
    pub name: String,
    /// Field lines in the order in which they arrive.
    pub lines: Vec<String>,
    pub truth: String,
    /// Configuration of proxyfix, in its text form.
    pub config: String,
    /// What proxyfix answers.
    pub proxyfix: String,
    /// Recorded answers, by peer and version. Empty if the case differs from the one before it only in
    /// the configuration.
    pub expected: BTreeMap<String, String>,
}

impl Case {
    pub fn parsed_lines(&self) -> Vec<(String, String)> {
        self.lines
            .iter()
            .map(|line| {
                let (name, value) = line.split_once(':').expect("a field line has a colon");
                (name.to_owned(), value.trim().to_owned())
            })
            .collect()
    }

    pub fn verdict(&self, answer: &str) -> &'static str {
        match answer {
            _ if answer == self.truth => "right",
            _ if CLAIMS.contains(&answer) => "WRONG: the client's claim",
            PROXY => "WRONG: the proxy",
            "panic" => "WRONG: a panic",
            "none" | "error" | "400" => "no answer",
            _ => "WRONG: another value",
        }
    }
}

pub fn load() -> Vec<Case> {
    let files = [
        include_str!("../cases/x_forwarded_for.toml"),
        include_str!("../cases/forwarded.toml"),
        include_str!("../cases/host_and_scheme.toml"),
    ];
    let read = |text| toml::from_str::<File>(text).expect("the cases are well-formed").case;
    files.into_iter().flat_map(read).collect()
}
