//! The memory of the receiver under a flood of probes, of connections that send nothing, and of wrong tokens.

#![cfg(target_os = "linux")]

use std::{fs, net::Ipv4Addr, time::Duration};

use proxyfix_doctor::{listen::Listener, receiver::Doctor};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays() {
    let doctor = Doctor::new().unwrap();
    let listener = Listener::tcp((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let address = listener.address().unwrap();
    let path = doctor.path();
    tokio::spawn(async move { listener.serve(doctor).await });
    let before = peak();
    // Connections that send nothing, until all places are taken and the others wait.
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let junk = "x".repeat(7000);
    let mut tasks = Vec::new();
    for number in 0..16 {
        let (path, junk) = (path.clone(), junk.clone());
        tasks.push(tokio::spawn(async move {
            let mut answered = 0;
            for turn in 0..60 {
                let Ok(mut stream) = TcpStream::connect(address).await else { continue };
                let path = if turn % 2 == 0 { path.as_str() } else { "/proxyfix-doctor/wrong/" };
                let head = format!("GET {path}p/{number}-{turn} HTTP/1.1\r\nHost: a\r\nX-A: {junk}\r\nX-B: {junk}\r\nConnection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).await.ok();
                let mut answer = Vec::new();
                let read = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
                answered += usize::from(read.is_ok() && answer.starts_with(b"HTTP/1.1 "));
            }
            answered
        }));
    }
    let mut answered = 0;
    for task in tasks {
        answered += task.await.unwrap();
    }
    let grown = peak() - before;
    assert!(answered > 900, "{answered}");
    assert!(grown < 48 * 1024, "{grown} KiB");
}
