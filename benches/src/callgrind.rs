//! Counts this program's own instructions, by running it again under callgrind.

use std::process::Command;

/// Runs this program under callgrind with these arguments and variables, and counts instructions:
/// all of them, or those inside the functions whose name fits a pattern.
pub(crate) fn instructions(
    arguments: &[&str],
    variables: &[(&str, &str)],
    within: Option<&str>,
) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(within.map(|pattern| format!("--toggle-collect={pattern}")))
        .arg(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    let (_, collected) = text.rsplit_once("Collected :").expect("a count");
    collected.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
}
