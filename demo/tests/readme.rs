//! README's first section shows what really runs: its program is `hello`, its nginx lines are those of
//! the demo and of the recipe, and its commands print what README says.

#![cfg(target_os = "linux")] // `--interface` needs several loopback addresses.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{IpAddr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

const APP: &str = "127.0.0.1:3000";
const PROXY: &str = "127.0.0.1:80";

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The first code block in this language in a document.
fn block(document: &str, language: &str) -> String {
    let text = text(document);
    let start = format!("\n```{language}\n");
    let (_, rest) =
        text.split_once(&start).unwrap_or_else(|| panic!("no {language} in {document}"));
    rest.split_once("```").expect("an end").0.to_owned()
}

/// The location block of a configuration of nginx, without its indentation.
fn location(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with("location"));
    lines.take_while(|line| *line != "}").collect()
}

/// A program that prints the address on which it listens. It ends with the test.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let mut child =
            Command::new(program).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").expect("an address");
        Self { address: address.parse().unwrap(), child }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A killed demo would leave its nginx behind.
        _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        _ = self.child.wait();
    }
}

/// The body that `curl` prints.
async fn get(from: IpAddr, server: SocketAddr, lines: &[String]) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    let mut stream = socket.connect(server).await.unwrap();
    let host = format!("Host: {server}");
    let always = ["GET / HTTP/1.1", &host, "Connection: close"];
    let lines: Vec<&str> = always.into_iter().chain(lines.iter().map(String::as_str)).collect();
    let head = lines.join("\r\n") + "\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split_once("\r\n\r\n").expect("a response").1.to_owned()
}

#[test]
fn the_program_is_hello() {
    let hello = text("src/bin/hello.rs");
    let (_, hello) = hello.split_once("\n\n").expect("a head");
    let argument = format!(
        "    let address = std::env::args().nth(1).unwrap_or_else(|| \"{APP}\".to_owned());\n"
    );
    assert!(hello.contains(&argument));
    let shown = hello.replace(&argument, "").replace("bind(address)", &format!("bind(\"{APP}\")"));
    assert_eq!(block("../README.md", "rust,no_run"), shown);
}

#[test]
fn the_lines_of_nginx_are_those_that_run() {
    let readme = block("../README.md", "nginx");
    let shown = location(&readme);
    let demo = text("src/nginx.conf").replace("@APP@", APP);
    assert_eq!(location(&demo), shown);
    assert_eq!(location(&block("../docs/recipes/nginx.md", "nginx x-forwarded")), shown);
    let in_documentation = block("../src/crate.md", "nginx");
    assert_eq!(in_documentation.lines().collect::<Vec<_>>(), shown[2..]);
}

#[tokio::test]
async fn the_commands_print_what_is_shown() {
    let app = Server::start(env!("CARGO_BIN_EXE_hello"), &["127.0.0.1:0"]);
    let before = ["--before", &app.address.to_string()];
    let proxy = Server::start(env!("CARGO_BIN_EXE_proxyfix-demo"), &before);

    let console = block("../README.md", "console");
    let mut lines = console.lines();
    let mut through = 0;
    while let Some(command) = lines.next() {
        let command = command.strip_prefix("$ curl ").expect("a command");
        // Quotes are only around whole words.
        let mut words = command.split('\'').enumerate().flat_map(|(number, part)| {
            let quoted = number % 2 == 1;
            if quoted { vec![part] } else { part.split_whitespace().collect() }
        });
        let (mut from, mut server, mut fields) = (IpAddr::from([127, 0, 0, 1]), None, Vec::new());
        while let Some(word) = words.next() {
            match word {
                "--interface" => from = words.next().unwrap().parse().unwrap(),
                "-H" => fields.push(words.next().unwrap().to_owned()),
                url => server = url.strip_prefix("http://").and_then(|url| url.strip_suffix('/')),
            }
        }
        let server = match server {
            Some(PROXY) => proxy.address,
            Some(APP) => app.address,
            other => panic!("{other:?} in {command}"),
        };
        through += usize::from(server == proxy.address);
        let shown = lines.next().expect("an answer");
        assert_eq!(get(from, server, &fields).await, format!("{shown}\n"), "{command}");
    }
    assert!(through > 1, "README must send an honest request and a lie through the proxy");
}
