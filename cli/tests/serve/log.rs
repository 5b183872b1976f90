//! A line for each request.

use std::{
    io::{Read, Write},
    sync::mpsc::channel,
};

use crate::server::{OK, PATIENCE, Server, answering, get, send, upstream};

#[test]
fn lines() {
    let (up, _seen) = answering(OK);
    // Nothing listens at port 1 (tcpmux) of any machine that runs tests.
    let dead = "/dead=http://127.0.0.1:1/";
    let server = Server::start(&["--proxy", &format!("/api=http://{up}/base"), "--proxy", dead]);

    get(server.address, "/api/x?secret=1", "");
    let line = server.line();
    let time = line.strip_prefix(&format!("GET /api/x → http://{up}/base/x 200 "));
    let time = time.and_then(|line| line.strip_suffix(" ms 2 B"));
    assert!(time.is_some_and(|time| time.parse::<u32>().is_ok()), "{line}");

    let got = get(server.address, "/dead/", "");
    assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
    let line = server.line();
    assert!(line.starts_with("GET /dead/ → http://127.0.0.1:1/ 502 "), "{line}");
    assert!(line.contains(" connection_refused: "), "{line}");

    let got = get(server.address, "/%1b\\other", "");
    assert!(got.starts_with("HTTP/1.1 404 ") && got.ends_with("\r\n\r\n404 Not Found\n"), "{got}");
    let line = server.line();
    assert!(line.starts_with(r"GET /%1b\\other 404 "), "{line}");
}

/// No control character gets into a line, and no line is longer than a screen.
#[test]
fn what_a_stranger_wrote() {
    let (up, _seen) = answering(OK);
    let server = Server::start(&["--proxy", &format!("/api=http://{up}/")]);
    // What hyper does not read as a request has no line.
    assert!(get(server.address, "/other\x1b[2J", "").starts_with("HTTP/1.1 400 "));
    get(server.address, &format!("/{}", "é".repeat(5000)), "");
    let line = server.line();
    assert!(line.starts_with(r"GET /\xc3\xa9\xc3") && line.len() < 300, "{line}");
}

#[test]
fn in_json() {
    let (up, _seen) = answering(OK);
    let api = format!("/api=http://{up}/");
    let dead = "/dead=http://127.0.0.1:1/";
    let server = Server::start(&["--proxy", &api, "--proxy", dead, "--access-log", "json"]);
    let mut objects = ["/api/a", "/dead/", "/x"].map(|target| {
        get(server.address, target, "");
        serde_json::from_str::<serde_json::Value>(&server.line()).unwrap()
    });
    for object in &mut objects {
        let object = object.as_object_mut().unwrap();
        assert!(object.remove("time").unwrap().as_f64().unwrap() > 1.7e9);
        assert!(object.remove("milliseconds").unwrap().is_u64());
        let peer = object.remove("peer").unwrap();
        assert!(peer.as_str().unwrap().starts_with("127.0.0.1"), "{peer}");
        // Its text is the system's.
        if let Some(cause) = object.remove("cause") {
            assert!(cause.as_str().unwrap().starts_with("connection_refused: "), "{cause}");
        }
    }
    let up = format!("http://{up}/a");
    let expected = serde_json::json!([
        {"method": "GET", "path": "/api/a", "upstream": up, "status": 200, "bytes": 2},
        {"method": "GET", "path": "/dead/", "upstream": "http://127.0.0.1:1/", "status": 502, "bytes": 16,
         "error": "connection_refused"},
        {"method": "GET", "path": "/x", "status": 404, "bytes": 14},
    ]);
    assert_eq!(serde_json::json!(objects), expected);
}

/// A client that goes away before the answer has a line, without a status.
#[test]
fn a_client_that_goes_away() {
    let (go, gate) = channel::<()>();
    let (up, seen) = upstream(move |_| gate.recv_timeout(PATIENCE).unwrap_or_default());
    let server = Server::start(&["--proxy", &format!("/=http://{up}/")]);
    let stream = send(server.address, "/slow", "");
    seen.recv_timeout(PATIENCE).unwrap();
    drop(stream);
    let line = server.line();
    assert!(line.starts_with("GET /slow "), "{line}");
    assert!(line.ends_with(" ms the client went away"), "{line}");
    drop(go);
}

/// A client that goes away within the answer.
#[test]
fn a_client_that_has_enough() {
    let (up, _seen) = upstream(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[0; 4096]).is_ok() {}
    });
    let server = Server::start(&["--proxy", &format!("/=http://{up}/")]);
    let mut stream = send(server.address, "/endless", "");
    // More than the head.
    stream.read_exact(&mut [0; 10_000]).unwrap();
    drop(stream);
    let line = server.line();
    assert!(line.starts_with(&format!("GET /endless → http://{up}/endless 200 ")), "{line}");
    assert!(line.ends_with(" B the client went away"), "{line}");
}

/// The answer began, and is not whole.
#[test]
fn an_answer_that_breaks_off() {
    let (up, _seen) =
        answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nok");
    let server = Server::start(&["--proxy", &format!("/=http://{up}/")]);
    let mut got = Vec::new();
    let _ = send(server.address, "/half", "").read_to_end(&mut got);
    let line = server.line();
    assert!(line.starts_with(&format!("GET /half → http://{up}/half 200 ")), "{line}");
    assert!(line.contains(" 2 B ") && line.contains("incomplete"), "{line}");
}

/// What has no body is whole without it.
#[test]
fn heads_alone() {
    let (up, _seen) = answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    let server = Server::start(&["--proxy", &format!("/api=http://{up}/")]);
    for (target, status) in [("/api/x", 200), ("/other", 404)] {
        let mut stream = send_method(server.address, "HEAD", target);
        let mut got = String::new();
        stream.read_to_string(&mut got).unwrap();
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
        let line = server.line();
        assert!(line.contains(&format!(" {status} ")) && line.ends_with(" ms"), "{line}");
    }
}

fn send_method(address: std::net::SocketAddr, method: &str, target: &str) -> std::net::TcpStream {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head =
        format!("{method} {target} HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn off() {
    let (up, _seen) = answering(OK);
    let mut server = Server::start(&["--proxy", &format!("/=http://{up}/"), "--access-log", "off"]);
    assert!(get(server.address, "/", "").ends_with("ok"));
    server.signal("-INT");
    assert!(server.child.wait().unwrap().success());
    assert_eq!(server.lines(), [""; 0]);
}

/// Requests are served if nobody reads what is printed.
#[test]
fn nobody_reads() {
    let (up, seen) = answering(OK);
    let mut server = Server::start(&["--proxy", &format!("/=http://{up}/")]);
    server.stop_reading();
    for _ in 0..3 {
        assert!(get(server.address, "/", "").ends_with("ok"));
        seen.recv_timeout(PATIENCE).unwrap();
    }
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
}
