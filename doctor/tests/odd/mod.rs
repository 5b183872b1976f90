//! A small proxy between the prober and the receiver, which does one odd thing.

#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use proxyfix_doctor::{
    infer::{Report, infer},
    listen::Listener,
    prober::{Settings, Url, probe},
    receiver::{Doctor, Token},
    record::Recording,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// What a proxy does with a head.
pub(crate) enum Act {
    /// Passes it on, to the receiver of this number, from this last byte of its address.
    Pass(String, usize, u8),
    /// The same, but its answer does not say that the connection ends.
    Kept(String, usize, u8),
    /// Answers itself.
    Answer(String),
    /// Answers itself, and keeps the connection.
    Stall(String),
    /// Never answers.
    Hang,
    /// Passes the head on, and then every byte of both sides.
    Tunnel(String),
}

/// A head as text, with a line that the proxy appends to `X-Forwarded-For` and one that it sets.
pub(crate) fn usual(head: &str, client: SocketAddr) -> String {
    let mut list = Vec::new();
    let mut lines = Vec::new();
    for line in head.trim_end().split("\r\n") {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("x-forwarded-for: ") {
            list.push(value.to_owned());
        } else if !lower.starts_with("x-forwarded-proto:") && !lower.starts_with("x-forwarded-for:")
        {
            lines.push(line.to_owned());
        }
    }
    list.push(client.ip().to_string());
    lines.push(format!("X-Forwarded-For: {}", list.join(", ")));
    lines.push("X-Forwarded-Proto: http".to_owned());
    lines.push("Connection: close".to_owned());
    format!("{}\r\n\r\n", lines.join("\r\n"))
}

pub(crate) fn refuse(status: &str, more: &str) -> Act {
    Act::Answer(format!("HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\n\r\n"))
}

pub(crate) async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8(head).ok()
}

pub(crate) async fn proxy(
    act: impl Fn(&str, SocketAddr) -> Act + Send + Sync + 'static,
    to: Vec<SocketAddr>,
) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    serve(listener, act, to);
    address
}

pub(crate) fn serve(
    listener: TcpListener,
    act: impl Fn(&str, SocketAddr) -> Act + Send + Sync + 'static,
    to: Vec<SocketAddr>,
) {
    let act = Arc::new(act);
    tokio::spawn(async move {
        while let Ok((mut stream, client)) = listener.accept().await {
            let (act, to) = (Arc::clone(&act), to.clone());
            tokio::spawn(async move {
                let head = head(&mut stream).await?;
                match act(&head, client) {
                    Act::Stall(answer) => {
                        stream.write_all(answer.as_bytes()).await.ok()?;
                        std::future::pending::<()>().await;
                    }
                    Act::Hang => std::future::pending().await,
                    Act::Answer(answer) => stream.write_all(answer.as_bytes()).await.ok()?,
                    Act::Tunnel(head) => {
                        let mut upstream = TcpStream::connect(to[0]).await.ok()?;
                        upstream.write_all(head.as_bytes()).await.ok()?;
                        tokio::io::copy_bidirectional(&mut stream, &mut upstream).await.ok()?;
                    }
                    Act::Pass(head, number, last) => {
                        let answer = upstream(&head, to[number], last).await?;
                        stream.write_all(&answer).await.ok()?;
                    }
                    Act::Kept(head, number, last) => {
                        let answer = upstream(&head, to[number], last).await?;
                        let answer = String::from_utf8(answer).ok()?;
                        let kept = answer.replacen("connection: close\r\n", "", 1);
                        stream.write_all(kept.as_bytes()).await.ok()?;
                    }
                }
                Some(())
            });
        }
    });
}

async fn upstream(head: &str, to: SocketAddr, last: u8) -> Option<Vec<u8>> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).ok()?;
    let mut upstream = socket.connect(to).await.ok()?;
    upstream.write_all(head.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await.ok()?;
    Some(answer)
}

/// What the doctor says behind such a proxy, with so many receivers that share a token.
pub(crate) async fn ask(
    receivers: usize,
    change: impl FnOnce(&mut Settings),
    act: impl Fn(&str, SocketAddr) -> Act + Send + Sync + 'static,
) -> Report {
    infer(&record(receivers, change, act).await)
}

pub(crate) async fn record(
    receivers: usize,
    change: impl FnOnce(&mut Settings),
    act: impl Fn(&str, SocketAddr) -> Act + Send + Sync + 'static,
) -> Recording {
    let token = Token::random().unwrap();
    let mut to = Vec::new();
    for _ in 0..receivers {
        let doctor = Doctor::with(token.clone(), Duration::from_secs(60)).unwrap();
        let listener = Listener::tcp((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        to.push(listener.address().unwrap());
        tokio::spawn(async move { listener.serve(doctor).await });
    }
    let address = proxy(act, to).await;
    let url: Url = format!("http://app.example:{}/", address.port()).parse().unwrap();
    let mut settings = Settings::new(vec![url], token);
    settings.resolve = vec![("app.example".to_owned(), address.port(), address.ip())];
    settings.timeout = Duration::from_secs(3);
    change(&mut settings);
    probe(&settings, |_| ()).await.unwrap()
}

pub(crate) fn has(report: &Report, code: &str) -> bool {
    report.findings.iter().any(|finding| finding.code == code)
}

pub(crate) fn line(report: &Report) -> Option<&str> {
    report.line.as_ref().map(|line| line.text.as_str())
}

pub(crate) const LINE: Option<&str> = Some("proxies=loopback for=1 proto=1");
