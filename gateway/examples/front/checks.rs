//! What is tried, and what is right.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{field, raw, request, status},
    table::Row,
    upstream::Upstream,
};

/// Tries everything.
pub(crate) async fn all(front: SocketAddr, api: &Upstream, files: Option<SocketAddr>) -> Vec<Row> {
    let mut rows = honest(front, api).await;
    rows.extend(streams(front, api).await);
    rows.extend(attacks(front, api).await);
    if files.is_some() {
        rows.extend(nginx(front).await);
    }
    rows
}

fn row(what: &'static str, got: (String, String), truth: (&str, &str)) -> Row {
    let truth = (truth.0.to_owned(), truth.1.to_owned());
    Row { what, upstream: got.0, client: got.1, truth }
}

async fn get(front: SocketAddr, target: &str, fields: &str) -> String {
    request(front, &format!("GET {target}"), fields).await.unwrap_or_default()
}

async fn honest(front: SocketAddr, api: &Upstream) -> Vec<Row> {
    let told = "for=127.0.0.1 host=app.example prefix=/api";
    let mut rows = Vec::new();
    let answer = get(front, "/", "").await;
    let got = (api.seen(), status(&answer));
    rows.push(row("GET / of the application", got, ("nothing", "200")));

    let answer = get(front, "/api/users/7?full=1", "").await;
    let got = (api.seen(), format!("{}, {}", status(&answer), field(&answer, "set-cookie")));
    let saw = format!("/base/users/7?full=1 {told}");
    rows.push(row("GET under the prefix", got, (&saw, "200, id=1; Path=/api")));

    let answer = get(front, "/api/a%2Fb//caf%C3%A9?x=%zz&y", "").await;
    let saw = format!("/base/a%2Fb//caf%C3%A9?x=%zz&y {told}");
    rows.push(row("a path goes on byte for byte", (api.seen(), status(&answer)), (&saw, "200")));

    let answer = get(front, "/apix", "").await;
    rows.push(row("a prefix is whole segments", (api.seen(), status(&answer)), ("nothing", "404")));

    let answer = get(front, "/api/redirect", "").await;
    let got = (api.seen(), format!("{}, {}", status(&answer), field(&answer, "location")));
    rows.push(row("a redirect that names upstream", got, ("nothing", "302, /api/login")));
    rows
}

async fn streams(front: SocketAddr, api: &Upstream) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut upload =
        b"POST /api/upload HTTP/1.1\r\nHost: app.example\r\nTransfer-Encoding: chunked\r\n\
        Trailer: x-sum\r\nConnection: close\r\n\r\n"
            .to_vec();
    for _ in 0..16 {
        upload.extend_from_slice(b"100000\r\n");
        upload.resize(upload.len() + (1 << 20), b'x');
        upload.extend_from_slice(b"\r\n");
    }
    upload.extend_from_slice(b"0\r\nx-sum: 42\r\n\r\n");
    let answer = raw(front, &upload).await.unwrap_or_default();
    let truth = ("16777216 bytes in pieces, x-sum 42", "200");
    rows.push(row("an upload of 16 MiB with a trailer", (api.seen(), status(&answer)), truth));

    let answer = get(front, "/api/download", "").await;
    let length = answer.bytes().filter(|&byte| byte == b'x').count();
    let got = (api.seen(), format!("{}, {} MiB", status(&answer), length >> 20));
    rows.push(row("a download of 16 MiB", got, ("nothing", "200, 16 MiB")));

    rows.push(row(
        "server-sent events",
        (api.seen(), events(front).await),
        ("nothing", "each when it was sent"),
    ));

    let answer = get(front, "/api/trailers", "TE: trailers\r\n").await;
    let sum =
        answer.lines().find(|line| line.starts_with("x-sum: ")).unwrap_or("no trailer").to_owned();
    rows.push(row("a trailer of the response", (api.seen(), sum), ("nothing", "x-sum: 42")));

    let echoed = websocket(front).await.unwrap_or_else(|error| error);
    rows.push(row("a WebSocket", (api.seen(), echoed), ("a WebSocket", "the echo of hello")));
    rows
}

/// Reads three events. The second may not come with the first.
async fn events(front: SocketAddr) -> String {
    let read = async {
        let mut stream = TcpStream::connect(front).await?;
        let head = b"GET /api/events HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n";
        stream.write_all(head).await?;
        let (mut pieces, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok::<_, std::io::Error>(pieces),
                read => {
                    pieces.push(String::from_utf8_lossy(&buffer[..read]).matches("data: ").count());
                }
            }
        }
    };
    match timeout(Duration::from_secs(10), read).await {
        Ok(Ok(pieces))
            if pieces.iter().sum::<usize>() == 3 && pieces.iter().all(|&events| events < 2) =>
        {
            "each when it was sent".to_owned()
        }
        other => format!("{other:?}"),
    }
}

async fn websocket(front: SocketAddr) -> Result<String, String> {
    let url = format!("ws://{front}/api/socket");
    let connect = tokio_tungstenite::connect_async(url);
    let (mut socket, _) = connect.await.map_err(|error| error.to_string())?;
    socket.send(Message::text("hello")).await.map_err(|error| error.to_string())?;
    let answer =
        timeout(Duration::from_secs(10), socket.next()).await.map_err(|error| error.to_string())?;
    Ok(format!("the echo of {}", answer.ok_or("closed")?.map_err(|error| error.to_string())?))
}

/// Each kind of attack. Except in the first two, nothing may reach upstream.
async fn attacks(front: SocketAddr, api: &Upstream) -> Vec<Row> {
    let saw = "/base/x for=127.0.0.1 host=app.example prefix=/api";
    let mut rows = Vec::new();
    let forged = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil.example\r\nForwarded: for=6.6.6.6\r\n\
        X-Forwarded-Prefix: /evil\r\n";
    let answer = get(front, "/api/x", forged).await;
    rows.push(row("forged forwarding headers", (api.seen(), status(&answer)), (saw, "200")));
    let answer = get(front, "/api/x", "X_Forwarded_For: 6.6.6.6\r\n").await;
    rows.push(row("a forged name with underscores", (api.seen(), status(&answer)), (saw, "200")));

    let refused: [(&'static str, &[u8], &str); 9] = [
        ("a dot segment", b"GET /api/../secret HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("an encoded dot segment", b"GET /api/%2e%2E/secret HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("a Host that adds a parameter", b"GET /api/x HTTP/1.1\r\nHost: a\";for=6.6.6.6\r\n\r\n", "400"),
        ("two Host lines", b"GET /api/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        (
            "Connection names Cookie",
            b"GET /api/x HTTP/1.1\r\nHost: a\r\nConnection: close, Cookie\r\nCookie: a=1\r\n\r\n",
            "400",
        ),
        (
            "two lengths",
            b"POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nhello",
            "400",
        ),
        (
            "an encoded request body",
            b"POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "501",
        ),
        ("a tunnel to somewhere else", b"CONNECT db.internal:5432 HTTP/1.1\r\nHost: db.internal:5432\r\n\r\n", "501"),
        ("TRACE", b"TRACE /api/x HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\n\r\n", "405"),
    ];
    for (what, bytes, code) in refused {
        let answer = raw(front, bytes).await.unwrap_or_default();
        rows.push(row(what, (api.seen(), status(&answer)), ("nothing", code)));
    }
    rows
}

async fn nginx(front: SocketAddr) -> Vec<Row> {
    let upstream = || "nginx".to_owned();
    let mut rows = Vec::new();
    let answer = get(front, "/files/ten.txt", "").await;
    let etag = field(&answer, "etag");
    rows.push(row("a file of nginx", (upstream(), status(&answer)), ("nginx", "200")));
    let answer = get(front, "/files/ten.txt", "Range: bytes=2-4\r\n").await;
    let got = format!("{}, {}", status(&answer), answer.rsplit("\r\n").next().unwrap_or_default());
    rows.push(row("a part of it", (upstream(), got), ("nginx", "206, 234")));
    let answer = get(front, "/files/ten.txt", &format!("If-None-Match: {etag}\r\n")).await;
    rows.push(row("the file unchanged", (upstream(), status(&answer)), ("nginx", "304")));
    let answer = get(front, "/files/folder", "").await;
    let got = format!("{}, {}", status(&answer), field(&answer, "location"));
    rows.push(row("nginx's own redirect", (upstream(), got), ("nginx", "301, /files/folder/")));
    rows
}
