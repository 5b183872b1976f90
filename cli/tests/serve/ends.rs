//! Signals, and addresses that are taken.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    process::{Command, Stdio},
    sync::mpsc::channel,
};

use assert_cmd::cargo::CommandCargoExt;

use crate::server::{OK, PATIENCE, Server, answer, answering, request, run, send, upstream};

#[test]
fn a_signal_lets_requests_finish() {
    for signal in ["-TERM", "-INT"] {
        let (go, gate) = channel();
        let (up, seen) = upstream(move |stream| {
            gate.recv_timeout(PATIENCE).unwrap_or_default();
            let _ = stream.write_all(OK.as_bytes());
        });
        let mut server = Server::start(&["--proxy", &format!("/=http://{up}/")]);
        let stream = send(server.address, "/slow", "");
        seen.recv_timeout(PATIENCE).unwrap();
        server.signal(signal);
        let line = server.error();
        assert!(line.starts_with("stopping: "), "{line}");
        assert!(TcpStream::connect(server.address).is_err());
        go.send(()).unwrap();
        assert!(answer(stream).ends_with("ok"));
        assert!(server.child.wait().unwrap().success());
        assert_eq!(server.error(), "stopped");
        assert!(server.line().starts_with("GET /slow → "));
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let (_go, gate) = channel::<()>();
    let (up, seen) = upstream(move |_| gate.recv_timeout(PATIENCE).unwrap_or_default());
    let mut server = Server::start(&["--proxy", &format!("/=http://{up}/")]);
    let mut stream = send(server.address, "/slow", "");
    seen.recv_timeout(PATIENCE).unwrap();
    server.signal("-TERM");
    server.error();
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
    assert_eq!(server.error(), "stopped: requests that were open are cut");
    assert_eq!(stream.read(&mut [0]).unwrap_or_default(), 0);
    // The request has its line.
    let line = server.line();
    assert!(line.starts_with("GET /slow ") && line.ends_with(" ms the server stopped"), "{line}");
}

/// A connection that is kept open for a next request does not hold the end up.
#[test]
fn open_connections_without_requests() {
    let (up, _seen) = answering(OK);
    let mut server = Server::start(&["--proxy", &format!("/=http://{up}/")]);
    let silent = TcpStream::connect(server.address).unwrap();
    let mut kept = TcpStream::connect(server.address).unwrap();
    kept.write_all(b"GET /x HTTP/1.1\r\nHost: app.example\r\n\r\n").unwrap();
    server.line();
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
    server.error();
    assert_eq!(server.error(), "stopped");
    drop((silent, kept));
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["--proxy", "/=http://127.0.0.1:9/", "--bind", &address]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with(&format!("error: cannot listen on {address}: ")), "{error}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_socket_of_unix() {
    let (up, seen) = answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("front.sock");
    let bind = format!("unix:{}", path.display());
    let arguments = ["--bind", &bind, "--proxy", &format!("/=http://{up}/")];
    // A program that was killed leaves its socket behind.
    drop(UnixListener::bind(&path).unwrap());
    let mut child = Command::cargo_bin("proxyfix")
        .unwrap()
        .arg("serve")
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = child.stderr.take().unwrap();
    let mut said = Vec::new();
    while !said.ends_with(format!("listening on {bind}\n").as_bytes()) {
        let mut byte = [0];
        errors.read_exact(&mut byte).unwrap();
        said.push(byte[0]);
    }
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(request("/x", "").as_bytes()).unwrap();
    assert!(answer(stream).ends_with("ok"));
    let head = seen.recv_timeout(PATIENCE).unwrap();
    // The other end of a socket has no address.
    assert!(head.contains("\r\nx-forwarded-for: unix:\r\n"), "{head}");

    // One that is in use is left alone, and so is a file that is no socket.
    let output = run(&arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with(&format!("error: cannot listen on {bind}: ")), "{error}");
    assert!(UnixStream::connect(&path).is_ok());
    let other = folder.path().join("text");
    fs::write(&other, "mine").unwrap();
    let output = run(&["--bind", &format!("unix:{}", other.display()), "--proxy", arguments[3]]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_to_string(&other).unwrap(), "mine");

    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    assert!(!path.exists());
}

/// The socket of a program that took over is not ours to remove.
#[test]
fn a_socket_of_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("front.sock");
    let bind = format!("unix:{}", path.display());
    let (up, _seen) = answering(OK);
    let mut child = Command::cargo_bin("proxyfix")
        .unwrap()
        .args(["serve", "--bind", &bind, "--proxy", &format!("/=http://{up}/")])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while UnixStream::connect(&path).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    assert!(
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success()
    );
    assert!(child.wait().unwrap().success());
    UnixStream::connect(&path).unwrap();
    drop(other);
}
