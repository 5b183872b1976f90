//! Starts the other proxies, and ends them when it is dropped.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use super::Oracle;

/// The running programs.
pub(crate) struct Programs {
    pub(crate) addresses: Vec<(Oracle, SocketAddr)>,
    children: Vec<Child>,
}

impl Drop for Programs {
    fn drop(&mut self) {
        for child in &mut self.children {
            // They end when their standard input does. This is for those that hang.
            drop(child.stdin.take());
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts them, each in front of an upstream of its own.
pub(crate) fn start(upstreams: [SocketAddr; 4]) -> Programs {
    let mut programs = Programs { addresses: Vec::new(), children: Vec::new() };
    let authorities = upstreams.map(|upstream| upstream.to_string());
    let script = here().join("originals.py");
    let line = programs.line(Command::new("python3").arg(script).args(&authorities[..3]));
    let ports: BTreeMap<String, u16> = serde_json::from_str(&line).expect("ports");
    for oracle in [Oracle::Werkzeug, Oracle::Paste, Oracle::Transparent] {
        programs.addresses.push((oracle, SocketAddr::from(([127, 0, 0, 1], ports[oracle.name()]))));
    }
    match go() {
        Some(binary) => {
            let line =
                programs.line(Command::new(binary).arg(format!("http://{}/base/", authorities[3])));
            let port: u16 = line.trim().parse().expect("a port");
            programs.addresses.push((Oracle::Go, SocketAddr::from(([127, 0, 0, 1], port))));
        }
        None if env::var_os("GATEWAY_ALL_PROGRAMS").is_some_and(|value| value == "1") => {
            panic!("go is not installed (Debian: golang-go)");
        }
        None => println!("go is not installed: its reverse proxy is not compared"),
    }
    programs
}

/// Gives these lines to a script of this folder, and returns one line for each.
pub(crate) fn lines_of(script: &str, lines: &[String]) -> Vec<String> {
    let mut child = Command::new("python3")
        .arg(here().join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(lines.join("\n").as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let outcomes = String::from_utf8(output.stdout).expect("text");
    let outcomes: Vec<_> = outcomes.lines().map(str::to_owned).collect();
    assert_eq!(outcomes.len(), lines.len());
    outcomes
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles")
}

/// Go's program, built.
fn go() -> Option<PathBuf> {
    Command::new("go").arg("version").stdout(Stdio::null()).status().ok()?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
    let binary = folder.join("reverse");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&binary).arg(here().join("reverse.go"));
    build.env("GOCACHE", folder.join("cache")).env("GOPROXY", "off").env("GOFLAGS", "-mod=mod");
    assert!(build.status().expect("go starts").success(), "go build");
    Some(binary)
}

impl Programs {
    /// Starts a program, and reads the line that it writes when it listens.
    fn line(&mut self, command: &mut Command) -> String {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout: ChildStdout = child.stdout.take().expect("a pipe");
        self.children.push(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "{command:?} ended");
        line
    }
}
