//! Bodies that come in pieces. Upstream sends each piece when the client has the one before, so that a proxy that
//! waits for more waits for ever.

use proxyfix_gateway::ReverseProxy;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::net::{client::Client, front};

/// How the answer says where its body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Close,
    Length,
    Chunked,
}

#[tokio::test]
async fn each_piece_at_once() {
    const PIECES: [&str; 3] = ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"];
    for (framing, field) in [
        (Framing::Close, "Content-Type: text/event-stream"),
        (Framing::Length, "Content-Length: 27"),
        (Framing::Chunked, "Transfer-Encoding: chunked"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let mut client =
            Client::connect(front::serve(ReverseProxy::new(&url).unwrap()).await).await;
        client.send("GET /x HTTP/1.1\r\nHost: app.example\r\n\r\n").await;
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        // The head by itself, before there is any body.
        let head = format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(client.head().await.status, 200);
        let chunk = |piece: &str| format!("{:x}\r\n{piece}\r\n", piece.len());
        for piece in PIECES {
            let is_chunked = framing == Framing::Chunked;
            let sent = if is_chunked { chunk(piece) } else { piece.to_owned() };
            stream.write_all(sent.as_bytes()).await.unwrap();
            let is_chunked = framing != Framing::Length;
            let expected = if is_chunked { chunk(piece) } else { piece.to_owned() };
            let got = client.bytes(expected.len()).await;
            assert_eq!(String::from_utf8_lossy(&got), expected, "{framing:?}");
        }
        match framing {
            Framing::Length => {}
            Framing::Chunked => stream.write_all(b"0\r\n\r\n").await.unwrap(),
            Framing::Close => drop(stream),
        }
        if framing != Framing::Length {
            assert_eq!(client.bytes(5).await, b"0\r\n\r\n", "{framing:?}");
        }
    }
}
