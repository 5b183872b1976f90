//! README, `docs/CLI.md`, `docs/SERVE.md` and the cases of `tests/cmd/` show what the program prints.
//! `TRYCMD=overwrite cargo test -p proxyfix-cli --test documents` updates them.
//!
//! Each configuration in the documents for users is valid and has no warnings except those that its line
//! links to.

use std::{collections::BTreeSet, fs, path::Path};

use assert_cmd::Command;

#[test]
fn as_shown() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .case("README.md")
        .case("../docs/CLI.md")
        .case("../docs/SERVE.md")
        .case("tests/cmd/*.md");
}

/// The configurations in a line: in quotes, as code, or the whole line. A single word is not a configuration
/// but a key, and an ellipsis is something that the reader has to fill in.
fn configurations(line: &str) -> Vec<&str> {
    let parts = line.split(['"', '`']).map(str::trim);
    parts
        .filter(|part| part.starts_with("proxies=") && part.contains(' ') && !part.contains('…'))
        .collect()
}

/// The codes of findings that a line links to.
fn named(line: &str) -> BTreeSet<String> {
    let links = line.split("LINT.md#").skip(1);
    links.map(|link| link.split(')').next().unwrap().to_owned()).collect()
}

/// The codes of the warnings and dangers that the program finds; `Err` if it refuses the configuration.
fn found(configuration: &str) -> Result<BTreeSet<String>, String> {
    let mut program = Command::cargo_bin("proxyfix").unwrap();
    let output = program.args(["lint", "--json", "--config", configuration]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let findings = answer["findings"].as_array().unwrap().iter();
    let grave = findings.filter(|finding| finding["severity"] != "note");
    Ok(grave.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn configurations_in_documents_are_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (document, at_least) in [
        ("README.md", 10),
        ("src/crate.md", 1),
        ("docs/CHOOSING.md", 25),
        ("docs/MIGRATING.md", 25),
        ("docs/PREFIX.md", 1),
    ] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let mut seen = 0;
        for (number, line) in text.lines().enumerate() {
            for configuration in configurations(line) {
                let found = found(configuration)
                    .unwrap_or_else(|refused| panic!("{document}:{}: {refused}", number + 1));
                assert_eq!(found, named(line), "{document}:{}: {configuration}", number + 1);
                seen += 1;
            }
        }
        assert!(seen >= at_least, "{document} has {seen} configurations");
    }
}

/// The files in `docs/SERVE.md` are right, and its table has every argument of `serve`.
#[test]
fn the_manual_of_serve() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("docs/SERVE.md")).unwrap();
    let files: Vec<_> = text.split("```toml\n").skip(1).collect();
    assert!(files.len() >= 2);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("dist")).unwrap();
    fs::write(folder.path().join("dist/index.html"), "").unwrap();
    for file in files {
        let path = folder.path().join("front.toml");
        fs::write(&path, file.split("```").next().unwrap()).unwrap();
        let mut program = Command::cargo_bin("proxyfix").unwrap();
        program.args(["serve", "--check", "--config"]).arg(&path).assert().success();
    }

    let help = Command::cargo_bin("proxyfix").unwrap().args(["serve", "-h"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let known: BTreeSet<_> = arguments(help.lines()).collect();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let shown: BTreeSet<_> = arguments(rows).collect();
    let own = ["color".to_owned(), "help".to_owned()].into();
    assert_eq!(known.difference(&shown).cloned().collect::<BTreeSet<_>>(), own);
    assert_eq!(shown.difference(&known).count(), 0);
}

/// The transcripts in `docs/DOCTOR.md` are what the program prints about the recordings in `tests/doctor/`.
#[test]
fn the_manual_of_the_doctor() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("../docs/DOCTOR.md")).unwrap();
    for (name, status) in [("line", 0), ("fault", 1)] {
        let file = root.join(format!("tests/doctor/{name}.json"));
        let mut program = Command::cargo_bin("proxyfix").unwrap();
        let output = program.args(["doctor", "judge"]).arg(file).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{name}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let start = format!("$ proxyfix doctor judge {name}.json\n");
        let shown = text.split(&start).nth(1).unwrap().split("\n```").next().unwrap();
        for part in shown.split("…\n").flat_map(|part| part.split("\n…")) {
            assert!(
                printed.contains(part.trim_end()),
                "{name}: this is not printed:\n{part}\n\n{printed}"
            );
        }
    }
    let help =
        Command::cargo_bin("proxyfix").unwrap().args(["doctor", "run", "-h"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let own = ["color".to_owned(), "help".to_owned()];
    for argument in arguments(help.lines()).filter(|argument| !own.contains(argument)) {
        assert!(
            text.contains(&format!("--{argument}")),
            "docs/DOCTOR.md does not say --{argument}"
        );
    }
}

/// The long name of the argument that each line begins with.
fn arguments<'a>(lines: impl Iterator<Item = &'a str>) -> impl Iterator<Item = String> {
    lines.filter_map(|line| {
        let line = line.trim_start();
        let line = line.split_once(", --").map_or(line, |(short, _)| &line[short.len() + 2..]);
        let name = line.strip_prefix("--")?;
        Some(name.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next()?.to_owned())
    })
}
