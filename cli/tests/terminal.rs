//! What reaches a terminal, a pipe and a program: bytes, colours, standard input, exit status.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Stdio},
};

use assert_cmd::Command;

fn proxyfix(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("proxyfix"));
    command.args(arguments).env_remove("PROXYFIX").env_remove("NO_COLOR");
    command
}

const EXPLAIN: [&str; 5] =
    ["explain", "--config", "proxies=10.0.0.0/8 for=1", "--peer", "10.0.0.1"];

/// A head with all bytes that a header value may contain, as a value and in a list.
fn hostile() -> Vec<u8> {
    let bytes: Vec<u8> = (0..=255).filter(|b: &u8| *b == b'\t' || !b.is_ascii_control()).collect();
    let mut head = b"GET /a\xc2\x9b31m HTTP/1.1\r\n".to_vec();
    for name in ["X-Forwarded-For", "X-Real-IP", "Host"] {
        head.extend([name.as_bytes(), b": ", &bytes, b", 203.0.113.9\r\n"].concat());
    }
    head
}

fn printable(output: &[u8]) -> bool {
    let text = std::str::from_utf8(output).expect("UTF-8");
    text.chars().all(|c| matches!(c, ' '..='~' | '\n' | '→' | '…'))
}

#[test]
fn no_control_sequences() {
    for more in [&["-"][..], &["--json", "-"]] {
        let mut command = proxyfix(&EXPLAIN);
        let output = command.args(more).write_stdin(hostile()).output().unwrap();
        assert_ne!(output.status.code(), Some(0));
        assert!(printable(&output.stdout) && printable(&output.stderr), "{output:?}");
    }
    let lines = format!("{{\"headers\":[[\"X-Real-IP\",{:?}]]}}\n", "\u{9b}31m");
    let more = "{\"\\u001b[2J\u{9b}\":1}\n";
    let output = proxyfix(&EXPLAIN).arg("--jsonl").write_stdin(lines + more).output().unwrap();
    assert!(printable(&output.stdout), "{output:?}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn bytes_are_escaped() {
    let head = b"GET / HTTP/1.1\nX-Forwarded-For: \xe9\\, 203.0.113.9\nX-Real-IP: \xff";
    let shown = proxyfix(&EXPLAIN).arg("-").write_stdin(&head[..]).assert().success();
    let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(shown.contains(r"X-Forwarded-For: \xe9\\, 203.0.113.9"), "{shown}");
    assert!(shown.contains(r"X-Real-IP: \xff  not trusted"), "{shown}");
    let said = proxyfix(&EXPLAIN).args(["--json", "-"]).write_stdin(&head[..]).assert().success();
    let said: serde_json::Value = serde_json::from_slice(&said.get_output().stdout).unwrap();
    assert_eq!(said["ignored"], serde_json::json!(["x-real-ip"]));
}

/// Messages about arguments escape them too, because they may be a stranger's.
#[test]
fn arguments_are_escaped() {
    for wrong in [&["-H", "A: \u{1b}[2J"][..], &["--\u{1b}[2J"], &["\u{9b}2J"], &["-H", "\u{202e}"]]
    {
        let output = proxyfix(&EXPLAIN).args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(printable(&output.stderr) && !output.stderr.is_empty(), "{output:?}");
    }
}

/// Output is coloured only on terminals, unless colours are requested.
#[test]
fn colours() {
    let coloured = |more: &[&str], variable: Option<(&str, &str)>| {
        let mut command = proxyfix(&EXPLAIN);
        command.args(["-H", "X-Forwarded-For: 203.0.113.9"]).args(more).envs(variable);
        command.output().unwrap().stdout.contains(&0x1b)
    };
    assert!(!coloured(&[], None));
    assert!(coloured(&["--color", "always"], None));
    assert!(coloured(&[], Some(("CLICOLOR_FORCE", "1"))));
    assert!(!coloured(&["--color", "never"], Some(("CLICOLOR_FORCE", "1"))));
    assert!(!coloured(&["--json", "--color", "always"], None));
}

/// `explain --jsonl`, with pipes.
fn spawned() -> Child {
    std::process::Command::new(assert_cmd::cargo::cargo_bin!("proxyfix"))
        .args(EXPLAIN)
        .arg("--jsonl")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A program that asks line by line gets each answer before it asks again.
#[test]
fn line_by_line() {
    let mut child = spawned();
    let mut ask = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for id in 1..4 {
        writeln!(ask, r#"{{"id":{id},"headers":[["X-Forwarded-For","192.0.2.{id}"]]}}"#).unwrap();
        let answer: serde_json::Value =
            serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!((&answer["id"], &answer["outcome"]), (&id.into(), &"resolved".into()));
        assert_eq!(answer["resolved"]["client"], format!("192.0.2.{id}"));
    }
    drop(ask);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A line that is too long is answered, and the one after it is read.
#[test]
fn long_lines() {
    let input = format!("{}\n{{\"id\":1}}\n", "x".repeat(3 << 20));
    let output = proxyfix(&EXPLAIN).arg("--jsonl").write_stdin(input).output().unwrap();
    let lines: Vec<serde_json::Value> = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["reason"], &lines[1]["id"]), (&"longer than 1 MiB".into(), &1.into()));
}

/// Messages about a line use the terms of JSON.
#[test]
fn lines_that_are_no_requests() {
    let arguments = ["explain", "--config", "proxies=unix for=1", "--jsonl"];
    let output = proxyfix(&arguments).write_stdin("{}\n[1]\n7\n").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].contains(r#"write \"peer\":\"10.0.0.1\" into the request"#), "{text}");
    for line in &lines[1..] {
        assert!(line.contains("expected an object with the fields of a request"), "{line}");
    }
}

/// A head is not read without limit either.
#[test]
fn long_heads() {
    let input = "x".repeat(3 << 20);
    let output = proxyfix(&EXPLAIN).arg("-").write_stdin(input).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let said = "error: -: longer than 1 MiB\n".to_owned();
    assert_eq!((output.status.code(), text), (Some(2), said));
}

/// If a name has many lines, a few are shown.
#[test]
fn many_lines() {
    let values = ["X-Forwarded-For", "X-Real-IP"].map(|name| format!("{name}: 192.0.2.1\n"));
    let values = values.map(|line| line.repeat(2_000)).concat();
    let head = format!("GET / HTTP/1.1\n{values}");
    let output = proxyfix(&EXPLAIN).arg("-").write_stdin(head).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("  1991 more of x-forwarded-for\n"), "{text}");
    assert!(text.contains("  1992 more of x-real-ip\n"));
    assert_eq!(text.matches("X-Forwarded-For: ").count(), 10);
}

/// The configuration may come from the environment.
#[test]
fn environment() {
    let mut command = proxyfix(&["explain", "--unix", "-H", "X-Forwarded-For: 192.0.2.1"]);
    command.env("PROXYFIX", "proxies=unix for=1").assert().code(0);
    let keys = |variables: &[(&str, &str)]| {
        let mut command = proxyfix(&["explain", "--unix", "-H", "X-Forwarded-For: 192.0.2.1"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(keys(&[("PROXYFIX_PROXIES", "unix"), ("PROXYFIX_FOR", "1")]).0, Some(0));
    for (variables, said) in [
        (&[][..], "error: no --config, and no configuration in the environment; write PROXYFIX="),
        (&[("PROXYFIX_FOR", "1")], "error: environment variable PROXYFIX_PROXIES: no trusted"),
        (&[("PROXYFIX_FRO", "\u{9b}")], "error: unknown environment variable \"PROXYFIX_FRO\""),
    ] {
        let (status, text) = keys(variables);
        assert!(status == Some(2) && text.starts_with(said), "{text}");
    }
}

/// A reader may close the pipe early without an error.
#[test]
fn closed_pipe() {
    let mut child = spawned();
    drop(child.stdout.take());
    let _ = child.stdin.take().unwrap().write_all(b"{}\n{}\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

/// The status then still says what was found.
#[cfg(unix)]
#[test]
fn status_behind_a_closed_pipe() {
    use std::os::{fd::OwnedFd, unix::net::UnixStream};

    let explain = |value: &'static str| {
        let mut arguments = EXPLAIN.to_vec();
        arguments.extend(["-H", value]);
        arguments
    };
    let config = ["--config", "proxies=any for=2"];
    for (arguments, status) in [
        (explain("X-Forwarded-For: 192.0.2.1"), 0),
        (explain("X-Forwarded-For: x"), 1),
        ([explain("X-Forwarded-For: x"), vec!["--json"]].concat(), 1),
        ([&["lint"][..], &config].concat(), 1),
        ([&["lint", "--json"][..], &config].concat(), 1),
        ([&["attack", "--style", "nginx"][..], &config].concat(), 1),
        ([&["attack", "--style", "nginx", "--json"][..], &config].concat(), 1),
    ] {
        let (reader, writer) = UnixStream::pair().unwrap();
        drop(reader);
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("proxyfix"));
        command.args(&arguments).env_remove("PROXYFIX");
        command.stdout(OwnedFd::from(writer)).stderr(Stdio::piped());
        let output = command.output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(status), 0), "{arguments:?}");
    }
}

/// The JSON of `attack` has every attack with its verdict, and what to change.
#[test]
fn attacks_as_json() {
    let attack = |config: &str| {
        let output = proxyfix(&["attack", "--config", config, "--style", "nginx", "--json"]);
        let output = { output }.output().unwrap();
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), said)
    };
    let (status, said) = attack("proxies=loopback for=1 proto=1");
    assert_eq!(
        (status, &said["outcome"], &said["help"]),
        (Some(0), &"safe".into(), &serde_json::json!([]))
    );
    let (status, said) = attack("proxies=loopback for=2");
    assert_eq!((status, &said["outcome"]), (Some(1), &"unsafe".into()));
    let proxy = &said["chain"][0];
    assert_eq!((&proxy["style"], &proxy["address"]), (&"nginx".into(), &"127.0.0.1".into()));
    assert_eq!(
        proxy["writes"][0],
        serde_json::json!({"header": "x-forwarded-for", "does": "the address that connects to it, appended"})
    );
    assert_eq!(
        said["headers"],
        serde_json::json!([{"name": "x-forwarded-for", "trusted": "for=2", "written": 1, "too_far": true}])
    );
    assert_eq!(said["misread"][0]["write"], "for=1");
    let attacks = said["attacks"].as_array().unwrap();
    let one = attacks.iter().find(|attack| attack["name"] == "x-forwarded-for: one value").unwrap();
    assert_eq!(one["verdict"], "believed");
    assert_eq!(one["headers"][1], serde_json::json!(["x-forwarded-for", "198.51.100.7"]));
}

/// A few attacks are shown unless `--all` is given, and no control characters.
#[test]
fn attacks_shown() {
    let config = "proxies=unix client-ip=X-Real-IP";
    let few = proxyfix(&["attack", "--config", config, "--style", "h2o"]).output().unwrap();
    let all =
        proxyfix(&["attack", "--config", config, "--style", "h2o", "--all"]).output().unwrap();
    assert!(printable(&few.stdout) && printable(&all.stdout));
    let lines = |output: &[u8]| String::from_utf8_lossy(output).lines().count();
    assert!(lines(&few.stdout) < 30 && lines(&all.stdout) > 45);
}

#[test]
fn help() {
    for (arguments, words) in [
        (&["--help"][..], &["explain", "Exit status"][..]),
        (
            &["attack", "--help"],
            &["Examples:", "--style haproxy,nginx", "Styles: nginx,", "Exit status"],
        ),
        (&["lint", "--help"], &["Examples:", "--allow", "--explain every-peer", "Exit status"]),
        (&["explain", "--help"], &["Examples:", "--jsonl", "-H 'X-Forwarded-For", "Exit status"]),
    ] {
        let output = proxyfix(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}
