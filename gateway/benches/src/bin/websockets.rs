//! Opens `WebSockets` through a proxy, waits for a line, has each echo, and says when it is done:
//! `websockets HOST:PORT[/PREFIX] COUNT ROUNDS`.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (count, rounds): (usize, usize) =
        (arguments[1].parse().unwrap(), arguments[2].parse().unwrap());
    let url = format!("ws://{}/ws", arguments[0]);
    let mut sockets = Vec::new();
    for _ in 0..count {
        match tokio_tungstenite::connect_async(&url).await {
            Ok((socket, _)) => sockets.push(socket),
            Err(error) => return eprintln!("no upgrade: {error}"),
        }
    }
    println!("open");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    for round in 0..rounds {
        let text = format!("message {round}");
        for socket in &mut sockets {
            socket.send(Message::text(&text)).await.unwrap();
        }
        for socket in &mut sockets {
            let echo = socket.next().await.unwrap().unwrap();
            if echo.to_text().ok() != Some(&text) {
                return eprintln!("a wrong echo: {echo:?}");
            }
        }
    }
    println!("done");
    std::io::stdin().read_line(&mut line).unwrap();
}
