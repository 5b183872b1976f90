//! The files that the benches write below the target folder.

use std::{collections::BTreeMap, fs, path::PathBuf};

use proxyfix_benches::Answer;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{reads_forwarded, title, workloads};

/// The target folder.
pub fn target() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../target");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| own.into(), PathBuf::from)
}

/// How many times everything is measured.
pub const PASSES: usize = 10;

/// The name of a pass. criterion calls it a baseline.
pub fn pass(pass: usize) -> String {
    format!("pass-{pass}")
}

/// Nanoseconds by workload and subject.
pub type Times = BTreeMap<(String, String), f64>;

#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: String,
}

/// The least of the medians that criterion wrote, one for each pass.
///
/// # Panics
/// If it wrote none.
pub fn times() -> Times {
    let root = target().join("criterion");
    let folders = fs::read_dir(&root).expect("results: run cargo bench first").flatten();
    let functions = folders.filter_map(|folder| fs::read_dir(folder.path()).ok()).flatten();
    let mut times = Times::new();
    let passes = functions
        .flatten()
        .flat_map(|function| (0..PASSES).map(move |number| function.path().join(pass(number))));
    for folder in passes {
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let (Some(benchmark), Some(estimates)) = (read("benchmark.json"), read("estimates.json"))
        else {
            continue;
        };
        let of: Benchmark = serde_json::from_str(&benchmark).expect("criterion's own file");
        let estimates: Value = serde_json::from_str(&estimates).expect("criterion's own file");
        let median = estimates["median"]["point_estimate"].as_f64().expect("a median");
        let least = times.entry((of.group_id, of.function_id)).or_insert(median);
        *least = least.min(median);
    }
    times
}

fn requests_file() -> PathBuf {
    target().join("requests.json")
}

/// Writes the requests to a file, for benches that are not written in Rust.
///
/// # Panics
/// If the file cannot be written.
pub fn write_requests() {
    let requests: Vec<Value> = workloads()
        .filter(|workload| !reads_forwarded(workload) && workload.count().is_some())
        .map(|workload| {
            let headers = workload.headers();
            let lines: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
                .collect();
            let Answer { client, scheme, host } = workload.truth.clone();
            json!({
                "name": title(&workload),
                "lines": lines,
                "for": workload.count(),
                "others": usize::from(workload.trust.contains("proto=")),
                "truth": [client, scheme, host],
            })
        })
        .collect();
    fs::create_dir_all(target()).expect("a target folder");
    fs::write(requests_file(), json!(requests).to_string()).expect("a file");
}

/// The results of `werkzeug_bench.py`, if it has run.
#[derive(Deserialize)]
pub struct Foreign {
    pub name: String,
    /// Nanoseconds by workload, and whether the answer was right.
    pub times: BTreeMap<String, (f64, bool)>,
}

/// # Panics
/// If its file is malformed.
pub fn werkzeug() -> Option<Foreign> {
    let text = fs::read_to_string(target().join("werkzeug.json")).ok()?;
    Some(serde_json::from_str(&text).expect("the file of werkzeug_bench.py"))
}
