//! What clients keep in memory that ask for a file and take nothing of it. The memory of the whole process is measured, so
//! the test is alone in this file.

#![cfg(target_os = "linux")]

use std::{fs, time::Duration};

use axum::Router;
use proxyfix_gateway::{Dir, FilesLayer};
use tokio::{
    io::AsyncWriteExt,
    net::TcpSocket,
    time::{sleep, timeout},
};

const LENGTH: usize = 1 << 20;
const CLIENTS: usize = 100;

/// What is read of a file at once.
const PIECE: usize = 256 << 10;

/// Two pieces, and what a connection has besides. hyper takes a second one while the first is on its way.
const MOST: usize = 2 * PIECE + MOST_SHARED;

/// What a connection has besides, where all of them share one content.
const MOST_SHARED: usize = 64 << 10;

/// The resident memory, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// A socket of which the kernel keeps little.
fn socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    socket.set_send_buffer_size(4 << 10).unwrap();
    socket
}

#[tokio::test]
async fn clients_that_take_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..=CLIENTS {
        fs::write(folder.path().join(number.to_string()), vec![1; LENGTH]).unwrap();
    }
    // The content of a file that was just written is not kept.
    sleep(Duration::from_millis(2_100)).await;
    // From memory, which all share, and from the disk. What is given back is used again, so the larger one is last.
    for (memory, is_shared, least, most) in
        [(64 << 20, true, 0, MOST_SHARED), (0, false, PIECE, MOST)]
    {
        let dir = Dir::open(folder.path()).unwrap();
        let files = FilesLayer::builder().export("/", dir).memory(memory).build().unwrap();
        let listener = socket();
        listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = listener.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback_service(files.service());
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let (mut clients, mut before) = (Vec::new(), 0);
        for number in 0..=CLIENTS {
            let mut client = socket().connect(address).await.unwrap();
            let name = if is_shared { 0 } else { number };
            let request = format!("GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
            timeout(Duration::from_secs(10), client.readable()).await.unwrap().unwrap();
            clients.push(client);
            if number == 0 {
                // It stands for what the first one needs of all.
                sleep(Duration::from_millis(100)).await;
                before = resident();
            }
        }
        sleep(Duration::from_millis(500)).await;
        let each = resident().saturating_sub(before) / CLIENTS;
        println!("memory {memory}: {} KiB for each client", each >> 10);
        assert!((least..=most).contains(&each), "memory {memory}: {each} bytes for each client");
        drop(clients);
        server.abort();
        sleep(Duration::from_millis(200)).await;
    }
}
