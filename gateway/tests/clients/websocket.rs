//! Python's `websockets` and npm's `ws`, each as client and as server: what they say to each other through the proxy
//! is what they say without it.

use std::{net::SocketAddr, path::PathBuf, process::Command};

use proxyfix_gateway::ReverseProxy;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{
    programs::{Server, here, node, python, run},
    wire::front,
};

/// One of the two libraries.
#[derive(Clone, Debug)]
enum Side {
    Python(PathBuf),
    Node(PathBuf),
}

impl Side {
    fn command(&self) -> Command {
        match self {
            Self::Python(python) => {
                let mut command = Command::new(python);
                command.arg(here().join("websocket.py"));
                command
            }
            Self::Node(folder) => {
                let mut command = Command::new("node");
                command.arg(here().join("websocket.mjs")).arg(folder);
                command
            }
        }
    }

    /// What this client saw of a server there.
    async fn talk(&self, address: SocketAddr) -> Value {
        let mut command = self.command();
        command.args(["talk", &format!("ws://{address}/chat?room=1")]);
        let text = spawn_blocking(move || run(&mut command)).await.expect("no panic");
        serde_json::from_str(&text).expect("JSON")
    }
}

/// What a client must see.
fn expected() -> Value {
    let mut expected = json!({
        "subprotocol": "chat",
        "compressed": true,
        "path": "/chat?room=1",
        "text": "häl\u{2603}lo",
        "fragmented": "fragmented",
        "pieces": "one two three",
        "pong": true,
        "thousand": true,
        "close": [1000, "done"],
        "uncompressed": ["plain", false],
        "closed 4001": [4001, "bye now"],
        "closed 1011": [1011, "broken"],
        "crowd": true,
    });
    for size in [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 5 << 20] {
        expected[format!("binary {size}")] = json!(true);
    }
    expected
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python, PyPI, Node.js and npm; .ci/run runs it"]
async fn websockets() {
    let found = spawn_blocking(|| (python(), node())).await.expect("no panic");
    let (Some(python), Some(node)) = found else { return };
    let sides = [Side::Python(python), Side::Node(node)];
    for server in &sides {
        let mut command = server.command();
        let upstream = Server::start(command.arg("serve"));
        let proxy = ReverseProxy::new(&format!("http://{}/", upstream.address));
        let front = front::serve(proxy.expect("a target")).await;
        for client in &sides {
            let about = format!("{client:?} to {server:?}");
            assert_eq!(client.talk(upstream.address).await, expected(), "{about}, without a proxy");
            assert_eq!(client.talk(front).await, expected(), "{about}");
        }
    }
}
