//! The program as it runs, a client, and a server behind it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use assert_cmd::cargo::CommandCargoExt;

/// Long enough for the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What the server behind answers, in the simplest case.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// A running `proxyfix serve` on a port of its own.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    log: Option<Receiver<String>>,
    pub(crate) errors: Option<Receiver<String>>,
    /// What it said before it listened.
    pub(crate) start: Vec<String>,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::at("127.0.0.1:0", arguments)
    }

    /// On another address.
    pub(crate) fn at(address: &str, arguments: &[&str]) -> Self {
        let mut child = Command::cargo_bin("proxyfix")
            .unwrap()
            .args(["serve", "--bind", address])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = lines(child.stdout.take().unwrap());
        let errors = lines(child.stderr.take().unwrap());
        let mut start = Vec::new();
        let address = loop {
            let line = errors.recv_timeout(PATIENCE).unwrap();
            if let Some(address) = line.strip_prefix("listening on http://") {
                break address.trim_end_matches('/').parse().unwrap();
            }
            start.push(line);
        };
        Self { child, address, log: Some(log), errors: Some(errors), start }
    }

    /// The next line of a request.
    pub(crate) fn line(&self) -> String {
        self.log.as_ref().unwrap().recv_timeout(PATIENCE).unwrap()
    }

    /// The next line of standard error.
    pub(crate) fn error(&self) -> String {
        self.errors.as_ref().unwrap().recv_timeout(PATIENCE).unwrap()
    }

    /// All lines of requests. The program must have ended.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.as_ref().unwrap().iter().collect()
    }

    /// Closes the ends of both pipes.
    pub(crate) fn stop_reading(&mut self) {
        (self.log, self.errors) = (None, None);
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a pipe. The pipe is closed at the first line after the receiver is.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            if line.is_err() || sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A server that gives each connection to a function, with the head of its request.
pub(crate) fn upstream(
    mut answer: impl FnMut(&mut TcpStream) + Send + 'static,
) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, seen) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = sender.send(read_head(&mut stream));
            answer(&mut stream);
        }
    });
    (address, seen)
}

/// A server that answers always the same.
pub(crate) fn answering(text: &'static str) -> (SocketAddr, Receiver<String>) {
    upstream(|stream| stream.write_all(text.as_bytes()).unwrap_or_default())
}

/// A head, in lower case.
pub(crate) fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

/// A head has each line once.
pub(crate) fn assert_has(head: &str, lines: &[&str]) {
    for line in lines {
        assert_eq!(head.lines().filter(|found| found == line).count(), 1, "{line}: {head}");
    }
}

/// Sends a request, on a connection of its own.
pub(crate) fn send(address: SocketAddr, target: &str, fields: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request(target, fields).as_bytes()).unwrap();
    stream
}

pub(crate) fn request(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: app.example\r\n{fields}Connection: close\r\n\r\n")
}

/// All that comes until the connection ends.
pub(crate) fn answer(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Sends a request and returns the answer.
pub(crate) fn get(address: SocketAddr, target: &str, fields: &str) -> String {
    answer(send(address, target, fields))
}

/// Runs the subcommand to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::cargo_bin("proxyfix").unwrap().arg("serve").args(arguments).output().unwrap()
}
