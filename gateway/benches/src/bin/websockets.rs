//! Opens WebSockets through a proxy, waits for a line, has each echo, and says when it is done:
//! `websockets HOST:PORT COUNT ROUNDS`.

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
        sockets.push(tokio_tungstenite::connect_async(&url).await.unwrap().0);
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
            assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap().as_str(), text);
        }
    }
    println!("done");
    std::io::stdin().read_line(&mut line).unwrap();
}
