//! A client that writes exactly what it is told to, which no HTTP library does.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Sends these bytes, and reads until the server closes or a second passes without a byte.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read) = timeout(Duration::from_secs(1), stream.read(&mut buffer)).await {
        match read? {
            0 => break,
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Sends a request with `Connection: close`, and reads all of the answer.
pub(crate) async fn request(address: SocketAddr, line: &str, fields: &str) -> io::Result<String> {
    let head = format!("{line} HTTP/1.1\r\nHost: app.example\r\n{fields}Connection: close\r\n\r\n");
    raw(address, head.as_bytes()).await
}

/// The status code of an answer.
pub(crate) fn status(answer: &str) -> String {
    answer.split(' ').nth(1).unwrap_or("none").to_owned()
}

/// The value of a field, or nothing.
pub(crate) fn field(answer: &str, name: &str) -> String {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut values = fields.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.to_owned()).unwrap_or_default()
}
