//! `benches/counts.toml` and `benches/gateway.toml`: the recorded counts, and the tools that they were
//! counted with.

use std::{fs, process::Command};

use serde::{Deserialize, Serialize};

use crate::Workload;

/// A file of counts, and the program that writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    Core,
    Gateway,
}

impl File {
    fn path(self) -> &'static str {
        match self {
            Self::Core => concat!(env!("CARGO_MANIFEST_DIR"), "/counts.toml"),
            Self::Gateway => concat!(env!("CARGO_MANIFEST_DIR"), "/gateway.toml"),
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Core => "counts",
            Self::Gateway => "gateway",
        }
    }
}

/// The counts that the gate compares with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub with: With,
    pub counts: Vec<Row>,
    pub steps: Vec<Step>,
}

/// What the number of instructions depends on, apart from the code and `Cargo.lock`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct With {
    pub rustc: String,
    pub target: String,
    /// The C library. It chooses `memcpy` and similar functions for the processor.
    pub libc: String,
    pub avx2: bool,
}

/// The cost of a subject on a workload.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub subject: String,
    pub workload: String,
    pub beside: String,
    pub instructions: u64,
    pub allocations: u64,
    /// The cost of the first probe of the cheapest correct code, if it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
}

/// The cost of a part of the work: the difference between two configurations.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub step: String,
    pub instructions: i64,
    pub allocations: i64,
}

impl Row {
    pub fn new(subject: &str, workload: &Workload, instructions: u64, allocations: u64) -> Self {
        let (beside, name) = (workload.beside.name(), &workload.name);
        let limit = limit(name).filter(|_| subject == "resolve" && beside == "ten");
        Self {
            subject: subject.to_owned(),
            workload: name.clone(),
            beside: beside.to_owned(),
            instructions,
            allocations,
            limit,
            ratio: limit.map(|limit| ratio(instructions, limit)),
        }
    }

    pub fn is_for(&self, other: &Self) -> bool {
        let key = |row: &Self| (row.subject.clone(), row.workload.clone(), row.beside.clone());
        key(self) == key(other)
    }
}

/// The first probe's instructions, with ten headers beside the forwarding ones.
fn limit(workload: &str) -> Option<u64> {
    Some(match workload {
        "none" => 319,
        "one" => 1_116,
        "lines-count" => 1_349,
        "forwarded" => 3_236,
        "xff-junk:65536" => 748,
        "forwarded-junk:65536" => 1_542,
        _ => return None,
    })
}

/// With two decimal places.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn ratio(ours: u64, theirs: u64) -> f64 {
    (ours as f64 / theirs as f64 * 100.0).round() / 100.0
}

impl With {
    /// # Panics
    /// If there is no compiler.
    pub fn here() -> Self {
        let say = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output();
            let text = output.map_or_else(|_| "unknown".into(), |output| output.stdout);
            String::from_utf8_lossy(&text).trim().to_owned()
        };
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        Self {
            rustc: say(&rustc, &["--version"]),
            target: format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
            libc: say("getconf", &["GNU_LIBC_VERSION"]),
            #[cfg(target_arch = "x86_64")]
            avx2: std::is_x86_feature_detected!("avx2"),
            #[cfg(not(target_arch = "x86_64"))]
            avx2: false,
        }
    }
}

impl Counts {
    /// # Panics
    /// If the file does not exist or is malformed.
    pub fn read() -> Self {
        Self::of(File::Core)
    }

    /// # Panics
    /// If the file does not exist or is malformed.
    pub fn of(file: File) -> Self {
        let path = file.path();
        let text = fs::read_to_string(path).expect(path);
        toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// # Panics
    /// If the file cannot be written.
    pub fn write(&self, file: File) {
        let text = format!(
            "# Written by `cargo run --release --locked -p proxyfix-benches --bin {} -- --write`.\n\
             # `limit`, in instructions, is what the first probe of the cheapest correct code took.\n\
             \nwith = {}\n\ncounts = [\n{}]\n\nsteps = [\n{}]\n",
            file.program(),
            inline(&self.with),
            lines(&self.counts),
            lines(&self.steps),
        );
        fs::write(file.path(), text).expect("the file takes text");
    }

    /// # Panics
    /// If there is no such row.
    pub fn row(&self, subject: &str, workload: &str, beside: &str) -> &Row {
        let found = self.find(subject, workload, beside);
        found.unwrap_or_else(|| panic!("no count of {subject}, {workload}, {beside}"))
    }

    pub fn find(&self, subject: &str, workload: &str, beside: &str) -> Option<&Row> {
        self.counts.iter().find(|row| {
            (&*row.subject, &*row.workload, &*row.beside) == (subject, workload, beside)
        })
    }
}

/// A line for each row.
fn lines<T: Serialize>(rows: &[T]) -> String {
    let lines: Vec<String> = rows.iter().map(|row| format!("  {},\n", inline(row))).collect();
    lines.concat()
}

/// An inline table.
fn inline<T: Serialize>(row: &T) -> String {
    let fields = toml::to_string(row).expect("plain values");
    format!("{{ {} }}", fields.trim().replace('\n', ", "))
}
