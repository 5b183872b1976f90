//! README's first command.

use std::{
    collections::BTreeSet,
    process::{Command, Output},
};

#[track_caller]
fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let printed = String::from_utf8(stdout).unwrap();
    assert!(status.success(), "{printed}\n{}", String::from_utf8_lossy(&stderr));
    printed
}

/// It exits with 0 only if each answer is the truth.
#[test]
fn the_app_is_not_fooled_and_a_leftmost_reader_is() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_proxyfix-demo"));
    let printed = output(demo.args(["--proxy", "embedded"]));
    assert!(printed.contains("198.51.100.7 !"), "{printed}");
}

/// A fresh clone answers soon only if there is little to compile. Before you raise the bound, measure
/// with an empty target directory, and correct the time that README states.
#[test]
fn has_few_dependencies() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    let tree =
        ["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let printed = output(cargo.args(tree));
    let packages: BTreeSet<_> = printed.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!((20..=50).contains(&packages.len()), "{packages:#?}");
}
