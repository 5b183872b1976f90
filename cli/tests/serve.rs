//! `proxyfix serve` over real sockets: what upstream sees, what is logged, how it ends.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use assert_cmd::cargo::CommandCargoExt;

/// Long enough for the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running `proxyfix serve` on a port of its own.
struct Server {
    child: Child,
    address: SocketAddr,
    log: Receiver<String>,
    errors: Receiver<String>,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::cargo_bin("proxyfix")
            .unwrap()
            .args(["serve", "--bind", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = lines(child.stdout.take().unwrap());
        let errors = lines(child.stderr.take().unwrap());
        let address = loop {
            let line = errors.recv_timeout(PATIENCE).unwrap();
            if let Some((_, address)) =
                line.split_once("http://").filter(|_| line.contains("listening on"))
            {
                break address.trim_end_matches('/').parse().unwrap();
            }
        };
        Self { child, address, log, errors }
    }

    fn signal(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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

/// An upstream that answers each connection once, and says what it saw. It waits for `go` before it answers.
fn upstream(go: Option<Receiver<()>>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, seen) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = read_head(&mut stream);
            let _ = sender.send(head);
            if let Some(go) = &go {
                let _ = go.recv_timeout(PATIENCE);
            }
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, seen)
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

fn send(address: SocketAddr, target: &str, fields: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head =
        format!("GET {target} HTTP/1.1\r\nHost: app.example\r\n{fields}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn run(arguments: &[&str]) -> Output {
    Command::cargo_bin("proxyfix").unwrap().arg("serve").args(arguments).output().unwrap()
}

#[test]
fn requests_and_their_lines() {
    let (up, seen) = upstream(None);
    // Nothing listens at port 1 (tcpmux) of any machine that runs tests.
    let closed = "127.0.0.1:1";
    let (api, dead) = (format!("/api=http://{up}/base"), format!("/dead=http://{closed}/"));
    let server = Server::start(&["--proxy", &api, "--proxy", &dead, "--pseudonym", "front"]);

    let got = answer(send(server.address, "/api/x?secret=1", "X-Forwarded-For: 6.6.6.6\r\n"));
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n") && got.ends_with("\r\n\r\nok"), "{got}");
    let head = seen.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("get /base/x?secret=1 http/1.1\r\n"), "{head}");
    for line in [
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host: app.example",
        "x-forwarded-prefix: /api",
        "via: 1.1 front",
    ] {
        assert_eq!(head.lines().filter(|found| *found == line).count(), 1, "{line}: {head}");
    }
    let line = server.log.recv_timeout(PATIENCE).unwrap();
    assert!(line.starts_with(&format!("GET /api/x → http://{up}/base/x 200 ")), "{line}");
    assert!(line.ends_with(" ms"), "{line}");

    let got = answer(send(server.address, "/dead/", ""));
    assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
    assert!(got.contains("\r\nproxy-status: front; error=connection_refused\r\n"), "{got}");
    let line = server.log.recv_timeout(PATIENCE).unwrap();
    assert!(line.contains(" 502 ") && line.contains(" connection_refused: "), "{line}");

    assert!(answer(send(server.address, "/other\x1b[2J", "")).starts_with("HTTP/1.1 4"));
    assert!(answer(send(server.address, "/%1b\\other", "")).starts_with("HTTP/1.1 404 "));
    let line = server.log.recv_timeout(PATIENCE).unwrap();
    assert!(line.starts_with(r"GET /%1b\\other 404 "), "{line}");
}

#[test]
fn lines_in_json() {
    let (up, _seen) = upstream(None);
    let api = format!("/=http://{up}/");
    let server = Server::start(&["--proxy", &api, "--access-log", "json"]);
    answer(send(server.address, "/a", ""));
    let line = server.log.recv_timeout(PATIENCE).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["method"], &line["path"]), (&"GET".into(), &"/a".into()));
    assert_eq!(
        (&line["upstream"], &line["status"]),
        (&format!("http://{up}/a").into(), &200.into())
    );
}

#[test]
fn a_trusted_proxy_is_believed() {
    let (up, seen) = upstream(None);
    let api = format!("/=http://{up}/");
    let server = Server::start(&["--proxy", &api, "--trust", "proxies=loopback for=1"]);
    answer(send(server.address, "/", "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n"));
    let head = seen.recv_timeout(PATIENCE).unwrap();
    assert!(head.contains("\r\nx-forwarded-for: 203.0.113.9, 127.0.0.1\r\n"), "{head}");

    let got = answer(send(server.address, "/", "X-Forwarded-For: no address\r\n"));
    assert!(got.starts_with("HTTP/1.1 400 "), "{got}");
}

#[test]
fn a_signal_lets_requests_finish() {
    let (go, gate) = channel();
    let (up, seen) = upstream(Some(gate));
    let api = format!("/=http://{up}/");
    let mut server = Server::start(&["--proxy", &api]);
    let stream = send(server.address, "/slow", "");
    seen.recv_timeout(PATIENCE).unwrap();
    server.signal();
    let line = server.errors.recv_timeout(PATIENCE).unwrap();
    assert!(line.starts_with("stopping: "), "{line}");
    assert!(TcpStream::connect(server.address).is_err());
    go.send(()).unwrap();
    assert!(answer(stream).ends_with("ok"));
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn a_second_signal_ends_at_once() {
    let (_go, gate) = channel();
    let (up, seen) = upstream(Some(gate));
    let api = format!("/=http://{up}/");
    let mut server = Server::start(&["--proxy", &api]);
    let _stream = send(server.address, "/slow", "");
    seen.recv_timeout(PATIENCE).unwrap();
    server.signal();
    server.errors.recv_timeout(PATIENCE).unwrap();
    server.signal();
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn a_file() {
    let (up, seen) = upstream(None);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("front.toml");
    let text = format!(
        "access-log = \"off\"\nfamily = \"forwarded\"\npseudonym = \"front\"\n[[proxy]]\nprefix = \"/api\"\n\
         url = \"http://{up}/\"\nkeep-prefix = true\nhost = \"client\"\nheaders = [\"X-Tenant: blue\"]\n"
    );
    fs::write(&path, text).unwrap();
    let server = Server::start(&["--config", path.to_str().unwrap()]);
    answer(send(server.address, "/api/x", "X-Tenant: red\r\n"));
    let head = seen.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("get /api/x http/1.1\r\n"), "{head}");
    for line in [
        "host: app.example",
        "x-tenant: blue",
        "forwarded: for=127.0.0.1;proto=http;host=app.example",
    ] {
        assert_eq!(head.lines().filter(|found| *found == line).count(), 1, "{line}: {head}");
    }
    assert!(!head.contains("x-forwarded-") && !head.contains("red"), "{head}");
}

#[test]
fn files_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("front.toml");
    for (text, expected) in [
        (
            "[[proxy]]\nprefix = \"/a\"\n",
            "a [[proxy]] has no url; write url = \"http://127.0.0.1:5001/\"",
        ),
        ("[[proxy]]\nprefix = 7\n", "prefix is no text; write prefix = \"/api\""),
        (
            "[[proxy]]\nprefix = \"/a\"\nurl = \"http://a.example/\"\nbase = 1\n",
            "unknown field `base`",
        ),
        ("binds = \"x\"\n", "line 1"),
        (
            "bind = \"x\"\n[[proxy]]\nprefix = \"/a\"\nurl = \"http://a.example/\"\n",
            "bind: expected an address",
        ),
        ("[[proxy]]\nprefix = \"/a\"\nurl = \"a.example\"\n", "has no scheme http, https or unix"),
        (
            "[[proxy]]\nprefix = \"/a\"\nurl = \"http://a.example/\"\ntimeout = 0\n",
            "no number of seconds",
        ),
        ("", "there is nothing to serve"),
        ("[[proxy]\n", "line 1"),
    ] {
        fs::write(&path, text).unwrap();
        let output = run(&["--config", path.to_str().unwrap()]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(expected), "{text}: {error}");
        assert_eq!(output.status.code(), Some(2), "{text}");
    }
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["--proxy", "/=http://127.0.0.1:9/", "--bind", &address]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&format!("cannot listen on {address}: ")), "{error}");
    assert_eq!(output.status.code(), Some(2));
}

/// What follows `Authorization` or `userinfo` is a secret, whatever is wrong with it.
#[test]
fn secrets_are_not_repeated() {
    for arguments in [
        ["--proxy", "/=http://user:hunter2@a.example/", "--check"],
        ["--proxy", "/=http://a.example/", "--header=Authorization hunter2"],
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(!String::from_utf8(output.stderr).unwrap().contains("hunter2"), "{arguments:?}");
    }
}
