//! No subcommand prints any byte of a secret in any form, and each decides what the library decides with the
//! true secret.

use std::{fs, path::PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// The secret, in parts that occur nowhere else.
const SECRET: &str = "Zq9xK7-vWJ3pB-8fQ2c";
const CONFIG: &str = "proxies=any for=1 secret-header=X-Origin-Secret";

fn proxyfix(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("proxyfix"));
    command.args(arguments).env_remove("PROXYFIX").envs(variables.iter().copied());
    command
}

/// Checks that the output contains no part of the secret, and returns it.
fn printed(mut command: Command, input: &str) -> (Option<i32>, String) {
    let output = command.write_stdin(input).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    for part in ["Zq9", "xK7", "vWJ", "3pB"] {
        assert!(!text.contains(part), "{text}");
    }
    (output.status.code(), text)
}

fn explained(lines: &[&str], variables: &[(&str, &str)]) -> Value {
    let mut arguments = vec![
        "explain",
        "--config",
        CONFIG,
        "--peer",
        "192.0.2.1",
        "--json",
        "-H",
        "X-Forwarded-For: 203.0.113.9",
    ];
    arguments.extend(lines.iter().flat_map(|line| ["-H", line]));
    let (_, text) = printed(proxyfix(&arguments, variables), "");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn client(answer: &Value) -> &str {
    answer["resolved"]["client"].as_str().unwrap()
}

#[test]
fn explain_compares_with_the_true_secret() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("secrets");
    fs::write(&file, format!("another-one-that-is-right\n{SECRET}\n")).unwrap();
    let right = format!("X-Origin-Secret: {SECRET}");
    let wrong = format!("X-Origin-Secret: {SECRET}x");
    let alias = format!("X_Origin_Secret: {SECRET}");
    for known in [("PROXYFIX_SECRET", SECRET), ("PROXYFIX_SECRET_FILE", file.to_str().unwrap())] {
        for (lines, client_is) in [
            (&[right.as_str()][..], "203.0.113.9"),
            (&[&wrong], "unknown"),
            (&[&alias], "unknown"),
            (&[&right, &right], "unknown"),
            (&[&right, &wrong], "unknown"),
            (&[&right, &alias], "203.0.113.9"),
            (&[], "unknown"),
        ] {
            let answer = explained(lines, &[known]);
            assert_eq!(client(&answer), client_is, "{lines:?}");
            assert!(answer["note"].is_null());
            let hinted = answer["hints"][0]["code"] == "secret";
            assert_eq!(hinted, client_is == "unknown", "{answer}");
        }
    }
    // Without the secret, any single line is right.
    for (lines, client_is) in [
        (&[wrong.as_str()][..], "203.0.113.9"),
        (&[&alias], "unknown"),
        (&[&right, &wrong], "unknown"),
        (&[], "unknown"),
    ] {
        let answer = explained(lines, &[]);
        assert_eq!(client(&answer), client_is, "{lines:?}");
        assert!(answer["note"].as_str().unwrap().contains("any single line of x-origin-secret"));
    }
}

#[test]
fn no_form_shows_a_secret() {
    let known = [("PROXYFIX_SECRET", SECRET)];
    let line = format!("X-Origin-Secret: {SECRET}");
    let spelt = format!("x_origin-Secret: {SECRET}");
    let explain = |config: &str, more: &[&str], variables: &[(&str, &str)], input: &str| {
        let arguments = ["explain", "--config", config, "--peer", "192.0.2.1"];
        printed(proxyfix(&[&arguments, more].concat(), variables), input)
    };
    let keep = "proxies=any for=1 secret-header=X-Origin-Secret headers=keep missing=reject";
    let listed = "proxies=10.0.0.1 for=1 secret-header=X-Origin-Secret ; proxies=unix for=1";
    for config in [CONFIG, keep, listed] {
        for variables in [&known[..], &[]] {
            for form in [&[][..], &["--json"]] {
                for lines in [&[line.as_str()][..], &[&spelt], &[&line, &line], &[&line, &spelt]] {
                    let lines = lines.iter().flat_map(|line| ["-H", line]);
                    let more: Vec<_> = lines.chain(form.iter().copied()).collect();
                    let (status, text) = explain(config, &more, variables, "");
                    assert!(status < Some(2), "{text}");
                }
            }
            let requests = [
                format!(
                    r#"{{"headers":[["X-Origin-Secret","{SECRET}"],["x_origin_secret","{SECRET}"]]}}"#
                ),
                format!(r#"{{"headers":{{"X-Origin-Secret":["{SECRET}","{SECRET}"]}}}}"#),
            ];
            let (status, text) = explain(config, &["--jsonl"], variables, &requests.join("\n"));
            assert!(status < Some(2) && text.lines().count() == 2, "{text}");
        }
    }
    for (arguments, status) in [
        (&["lint", "--config", CONFIG][..], 0),
        (&["lint", "--config", CONFIG, "--json"], 0),
        (&["attack", "--style", "nginx", "--config", CONFIG], 0),
        (&["attack", "--style", "nginx", "--config", CONFIG, "--json", "--all"], 0),
    ] {
        assert_eq!(printed(proxyfix(arguments, &known), "").0, Some(status));
        assert_eq!(printed(proxyfix(arguments, &[]), "").0, Some(status));
        let whole = [("PROXYFIX", CONFIG), known[0]];
        let keys = [
            ("PROXYFIX_PROXIES", "any"),
            ("PROXYFIX_FOR", "1"),
            ("PROXYFIX_SECRET_HEADER", "X-Origin-Secret"),
            known[0],
        ];
        let without: Vec<_> =
            arguments.iter().copied().filter(|text| !["--config", CONFIG].contains(text)).collect();
        assert_eq!(printed(proxyfix(&without, &whole), "").0, Some(status));
        assert_eq!(printed(proxyfix(&without, &keys), "").0, Some(status));
        let (status, text) = printed(proxyfix(&without, &whole[..1]), "");
        assert!(status == Some(2) && text.contains("PROXYFIX_SECRET"), "{text}");
    }
}

/// A refused argument is not repeated if it may be a secret.
#[test]
fn no_message_shows_a_secret() {
    let explain = ["explain", "--config", CONFIG, "--peer", "192.0.2.1"];
    let line = format!("X-Origin-Secret: {SECRET}");
    let close = format!("X-Origin-Secret:{SECRET}");
    let bad = format!("X-Origin-Secret: {SECRET}\u{7f}");
    let bare = format!("X-Origin-Secret {SECRET}");
    for more in [
        &["-H", bad.as_str()][..],
        &["-H", &bare],
        &[&line],
        &[&close],
        &["-", &line],
        &["-H", "A: b", "--", &close, "x"],
    ] {
        let (status, text) = printed(proxyfix(&[&explain, more].concat(), &[]), "A: b");
        assert!(status == Some(2) && text.contains("error: "), "{text}");
    }
    let value = format!("{SECRET}\u{7f}");
    for (name, value) in
        [("PROXYFIX_SECRET", value.as_str()), ("PROXYFIX_SECRET", &format!("{SECRET},"))]
    {
        let (status, text) = printed(proxyfix(&explain, &[(name, value)]), "");
        assert!(status == Some(2) && text.contains("a secret"), "{text}");
    }
    let head = format!("GET / HTTP/1.1\nX-Origin-Secret : {SECRET}\n");
    assert_eq!(printed(proxyfix(&[&explain[..], &["-"]].concat(), &[]), &head).0, Some(2));
    let lines = [
        format!(r#"{{"headers":"X-Origin-Secret: {SECRET}"}}"#),
        format!(r#"{{"headers":["X-Origin-Secret: {SECRET}"]}}"#),
        format!(r#"{{"headers":[["X-Origin-Secret","{SECRET}\u007f"]]}}"#),
        format!(r#"{{"headers":[["X-Origin-Secret","{SECRET}\u0100"]]}}"#),
        format!(r#"{{"headers":{{"X-Origin-Secret":{{"{SECRET}":"{SECRET}"}}}}}}"#),
        format!(r#"{{"headers":{{"X-Origin-Secret":[["{SECRET}"]]}}}}"#),
    ];
    let (status, text) =
        printed(proxyfix(&[&explain[..], &["--jsonl"]].concat(), &[]), &lines.join("\n"));
    assert!(status == Some(2) && text.lines().count() == lines.len(), "{text}");
    for line in text.lines() {
        assert!(line.contains(r#""outcome":"unreadable""#), "{text}");
    }
}
