//! Tests that the head of a program shows what really happens.
//!
//! A head has `console` blocks. `$ cargo run …` starts the program, which prints the lines that follow.
//! Each `$ curl …` sends a request to it, and the response is the lines that follow, where `...` matches
//! any lines. A `text` block has what the program has printed at the end.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

/// A command in a head, and what it prints.
#[derive(Debug, PartialEq)]
struct Step {
    command: Vec<String>,
    prints: Vec<String>,
}

/// The steps in a head, and what the program has printed at the end.
fn head(source: &str) -> (Vec<Step>, Vec<String>) {
    let mut lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let (mut steps, mut log) = (Vec::new(), Vec::new());
    while let Some(line) = lines.next() {
        let block = lines.by_ref().take_while(|line| line.trim() != "```");
        // Every line starts with one space.
        let block = block.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned());
        match line.trim() {
            "```console" => steps.extend(console(block)),
            "```text" => log.extend(block),
            _ => drop(block),
        }
    }
    (steps, log)
}

fn console(block: impl Iterator<Item = String>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut continued = String::new();
    for line in block {
        let line = if continued.is_empty() { line } else { std::mem::take(&mut continued) + &line };
        if let Some(more) = line.strip_suffix('\\') {
            more.clone_into(&mut continued);
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: words(command), prints: Vec::new() });
        } else {
            steps.last_mut().expect("a command before its output").prints.push(line);
        }
    }
    steps
}

/// The words of a command. Some are quoted.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (number, part) in command.split('\'').enumerate() {
        if number % 2 == 1 {
            words.last_mut().unwrap().push_str(part);
            continue;
        }
        for (number, word) in part.split(' ').enumerate() {
            if number > 0 {
                words.push(String::new());
            }
            words.last_mut().unwrap().push_str(word);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn starts_with_proxyfix(variable: &OsStr) -> bool {
    variable.to_string_lossy().starts_with("PROXYFIX")
}

/// A program that ends with its test.
pub(crate) struct Program {
    pub(crate) child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Drop for Program {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Program {
    /// Starts it with the variables in its command.
    fn start(program: &Path, command: &[String], argument: &str) -> Self {
        let variables = command.iter().filter_map(|word| word.split_once('='));
        let mut program = Command::new(program);
        for (own, _) in std::env::vars_os().filter(|(own, _)| starts_with_proxyfix(own)) {
            program.env_remove(own);
        }
        program.arg(argument).envs(variables).stdout(Stdio::piped());
        let mut child = program.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }
}

trait Socket: Read + Write {}
impl<T: Read + Write> Socket for T {}

/// What `curl` prints, for the few options that heads use.
fn curl(arguments: &[String], server: &str) -> Vec<String> {
    let (mut url, mut head) = ("", false);
    let mut lines = vec!["Connection: close".to_owned()];
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-H" => lines.push(words.next().unwrap().clone()),
            "--unix-socket" => drop(words.next()),
            "-i" => head = true,
            word => url = word.strip_prefix("http://").unwrap(),
        }
    }
    let (host, path) = url.split_once('/').unwrap();
    if !lines.iter().any(|line| line.starts_with("Host:")) {
        lines.push(format!("Host: {host}"));
    }
    let mut socket: Box<dyn Socket> = match server.strip_prefix("http://") {
        Some(address) => {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            Box::new(stream)
        }
        None => Box::new(UnixStream::connect(server).unwrap()),
    };
    write!(socket, "GET /{path} HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n")).unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).unwrap();
    let (of_head, body) = response.split_once("\r\n\r\n").expect("a response");
    let printed = if head { response.replace("\r\n", "\n") } else { body.to_owned() };
    assert!(!of_head.to_lowercase().contains("transfer-encoding"), "{of_head}");
    printed.lines().map(str::to_owned).collect()
}

/// Whether lines are as expected, where `...` matches any lines.
fn matches(expected: &[String], found: &[String]) -> bool {
    match expected {
        [] => found.is_empty(),
        [any, rest @ ..] if any == "..." => {
            (0..=found.len()).any(|skipped| matches(rest, &found[skipped..]))
        }
        [line, rest @ ..] => found.first() == Some(line) && matches(rest, &found[1..]),
    }
}

#[track_caller]
fn assert_printed(what: &[String], expected: &[String], found: &[String]) {
    assert!(matches(expected, found), "{what:?}\nexpected: {expected:#?}\nfound: {found:#?}");
}

/// Runs a program as the head of its source says. Its only argument is where it listens.
#[track_caller]
pub(crate) fn run(program: &Path, source: &str, argument: &str, started_by: &[&str]) -> Program {
    let (steps, log) = head(source);
    let (start, requests) = steps.split_first().expect("a command");
    let words: Vec<&str> = start.command.iter().map(String::as_str).collect();
    assert!(words.ends_with(started_by), "{start:?}");
    assert!(!start.prints.is_empty());

    let mut program = Program::start(program, &start.command, argument);
    if requests.is_empty() {
        let mut printed = String::new();
        program.stdout.read_to_string(&mut printed).unwrap();
        assert!(program.child.wait().unwrap().success());
        let printed: Vec<_> = printed.lines().map(str::to_owned).collect();
        assert_printed(&start.command, &start.prints, &printed);
        return program;
    }
    // Only the address differs.
    let line = program.line();
    let server = line.strip_prefix("listening on ").expect("where it listens");
    assert!(matches!(&start.prints[..], [line] if line.starts_with("listening on ")));
    for Step { command, prints } in requests {
        let (program, arguments) = command.split_first().unwrap();
        assert_eq!(program, "curl");
        assert_printed(command, prints, &curl(arguments, server));
    }
    for expected in log {
        assert_eq!(program.line(), expected);
    }
    program
}

#[test]
fn commands_of_a_head() {
    let source = "//! Text.\n//!\n//! ```console\n//! $ A='b c' d \\\n//!    'e'f\n//! one\n//!\n//! two\n//! $ g\n\
                  //! ```\n//! ```text\n//!  log\n//! ```\n\nfn main() {}";
    let step = |command: &[&str], prints: &[&str]| Step {
        command: command.iter().map(ToString::to_string).collect(),
        prints: prints.iter().map(ToString::to_string).collect(),
    };
    let steps = vec![step(&["A=b c", "d", "ef"], &["one", "", "two"]), step(&["g"], &[])];
    assert_eq!(head(source), (steps, vec![" log".to_owned()]));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(matches(&lines("a\n...\nb"), &lines("a\nx\nb\nb")));
    assert!(matches(&lines("...\n"), &lines("")));
    assert!(!matches(&lines("a\n..."), &lines("b\na")));
}
