//! The examples of the forward proxy with a real curl: each line that an example prints answers what it says.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

use super::programs::{is_there, run};

/// An example, beside the folder of this test. `cargo test` and `cargo build --examples` make it.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let folder = test.parent().and_then(Path::parent).expect("a folder");
    let path = folder.join("examples").join(name);
    assert!(path.exists(), "{}: run cargo build --all-features --examples before", path.display());
    path
}

/// The example of wsgiprox, as it runs. It is ended with the test.
pub(crate) struct Example {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Example {
    /// With its authority in this folder.
    pub(crate) fn start(folder: &TempDir, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(example("wsgiprox"));
        command.args(["127.0.0.1:0", "127.0.0.1:0"]).arg(folder.path().join("ca/wsgiprox-ca.pem"));
        change(&mut command);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, output }
    }

    /// The first line that it prints: it has its authority.
    pub(crate) fn first(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        line
    }

    /// Runs each line that it prints, and compares what it answers. Says how many there are.
    pub(crate) fn lines(&mut self) -> usize {
        let (mut count, mut lines) = (0, (&mut self.output).lines());
        while let Some(Ok(line)) = lines.next() {
            if line.starts_with("curl") {
                let expected = lines.next().expect("an answer").expect("text");
                // grep fails where it counts nothing.
                let printed = run(Command::new("sh").args(["-c", &format!("{line} || true")]));
                assert_eq!(printed.trim(), expected.trim(), "{line}");
                count += 1;
            } else if line.is_empty() && count > 0 {
                break;
            }
        }
        count
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs curl; .ci/run runs it"]
fn wsgiprox() {
    if !is_there("curl", "curl") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(Example::start(&folder, |_| {}).lines(), 10);
}

#[test]
#[ignore = "needs curl; .ci/run runs it"]
fn mock_https() {
    if !is_there("curl", "curl") {
        return;
    }
    let printed = run(&mut Command::new(example("mock_https")));
    assert_eq!(printed, "{\"id\":7,\"name\":\"Ada\"}\n{\"charged\":3}\n");
    // A host that nobody expects is told of.
    let mut command = Command::new(example("mock_https"));
    command.args(["curl", "--silent", "--fail", "https://other.example/x"]);
    let output = command.output().expect("it runs");
    assert!(!output.status.success());
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed, "nobody expected https://other.example/x\n");
}
