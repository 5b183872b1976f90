//! The examples of the forward proxy with a real curl: each line that an example prints answers what it says.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::programs::{is_there, run};

/// An example, beside the folder of this test. `cargo test` and `cargo build --examples` make it.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let folder = test.parent().and_then(Path::parent).expect("a folder");
    let path = folder.join("examples").join(name);
    assert!(path.exists(), "{}: run cargo build --all-features --examples before", path.display());
    path
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs curl; .ci/run runs it"]
fn wsgiprox() {
    if !is_there("curl", "curl") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca/wsgiprox-ca.pem");
    let mut command = Command::new(example("wsgiprox"));
    command.args(["127.0.0.1:0", "127.0.0.1:0"]).arg(&file).stdout(Stdio::piped());
    let mut running = Running(command.spawn().expect("it starts"));
    let mut lines = BufReader::new(running.0.stdout.take().expect("a pipe")).lines();
    let mut count = 0;
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
    assert_eq!(count, 10);
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
