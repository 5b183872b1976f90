//! An inner proxy gets requests from the address of the proxy in front, as if that relayed everything
//! that a client sends.
//!
//! 1. It does not accept an upgrade to HTTP/2 by `Upgrade: h2c`, in any spelling, and does not pass it on.
//!    Otherwise the client would write every header itself, from a trusted address.
//! 2. It does not answer CONNECT with a 2xx, even one from the application, and then read a second
//!    request. The proxy in front takes that request for the inside of a tunnel.
//! 3. It resolves a target with another host.
//! 4. If it keeps an answer, it does so for one scheme, host and port, as the proxy in front states them.
//!    It keeps no answer that does not say that it may be kept.

use crate::{
    Result,
    app::SILENT,
    arrived::Arrives,
    attacks,
    cell::{Cell, Seen, Verdict},
    certificate,
    client::{Client, Reply},
    program::Program,
    recipe::Recipe,
    request::{Mode, Request, Target},
    setup::{CLIENT, Hop, Listens, Setup},
    truth::Truth,
};

/// The results of the requests.
///
/// # Errors
///
/// If something does not start, the recipe is missing, or nothing answers.
pub async fn relayed(program: &'static Program) -> Result<Seen> {
    let recipe = Recipe::read(program.name)?;
    let words = ["x-forwarded", "inner"];
    // The client is the proxy in front.
    let text = recipe.required(&words)?.replace("10.0.0.2", &CLIENT.to_string());
    let hop = Hop { text: &text, debian: true, ..Hop::new(program, &recipe, &words)? };
    let setup = Setup::start(&[hop], Listens::OnTcp("proxies=loopback for=1")).await?;
    let arrives = Arrives::default().and_upgrades([program.name].into_iter())?;
    let client = Client { arrives, ..setup.client(Mode::Plain)? };
    let all = ask(&client).await;
    Seen::of(&setup, all)
}

async fn ask(client: &Client) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for request in passed_on() {
        let reply = client.send(&request, Mode::Plain).await?;
        let truth = Truth::of(&request, client, Mode::Plain);
        cells.push(cell(request.name, Verdict::of(reply, &truth)));
    }
    let tunnel = attacks::tunnel("https");
    cells.push(cell(
        tunnel.name,
        match client.send(&tunnel, Mode::Plain).await? {
            Reply::Refused(status) => Verdict::Refused(status),
            Reply::Rejected(reason) => Verdict::Rejected(reason),
            Reply::Answer(_) | Reply::Foreign => {
                Verdict::Wrong(vec!["a 2xx, and then a second request is read".to_owned()])
            }
            Reply::Tunnel => Verdict::Wrong(vec!["a tunnel to what stands behind".to_owned()]),
        },
    ));
    let by = |scheme, host, port| {
        [("X-Forwarded-Proto", scheme), ("X-Forwarded-Host", host), ("X-Forwarded-Port", port)]
    };
    let usual = by("http", "a", "80");
    for (name, path, other) in [
        ("kept for one scheme", "/kept/1", by("https", "a", "80")),
        ("kept for one host", "/kept/2", by("http", "b", "80")),
        ("kept for one port", "/kept/3", by("http", "a", "81")),
    ] {
        cells.push(cell(name, differ(client, path, [usual, other]).await?));
    }
    cells.push(cell("kept without leave", differ(client, SILENT, [usual, usual]).await?));
    Ok(cells)
}

fn cell(request: &'static str, verdict: Verdict) -> Cell {
    Cell { mode: Mode::Plain, request, honest: false, verdict, resets: false }
}

/// What a client may send and a proxy may pass on.
fn passed_on() -> Vec<Request> {
    // With the name in lower case, the client does not go on in HTTP/2, so a 101 shows.
    let lines = |connection, upgrade| {
        [("Connection", connection), ("upgrade", upgrade), ("HTTP2-Settings", "AAMAAABkAAQAAP__")]
            .map(|(name, value): (_, &str)| (name, value.to_owned()))
            .to_vec()
    };
    let all = "Upgrade, HTTP2-Settings";
    vec![
        Request { name: "an upgrade to HTTP/2", lines: lines(all, "h2c"), ..Request::honest() },
        Request {
            name: "an upgrade to HTTP/2, its settings not named",
            lines: lines("Upgrade", "h2c"),
            ..Request::honest()
        },
        Request {
            name: "capitals in an upgrade to HTTP/2",
            lines: lines(all, "H2C"),
            ..Request::honest()
        },
        Request {
            name: "WebSocket or an upgrade to HTTP/2",
            lines: lines(all, "websocket, h2c"),
            ..Request::honest()
        },
        Request { name: "a URI with both", target: Target::OtherUri, ..Request::honest() },
    ]
}

/// Checks that each of two requests with these lines gets its own answer.
async fn differ(
    client: &Client,
    path: &'static str,
    both: [[(&'static str, &str); 3]; 2],
) -> Result<Verdict> {
    for (number, lines) in ["1", "2"].into_iter().zip(both) {
        let number = ("X-Number", number.to_owned());
        let lines = lines.map(|(name, value)| (name, value.to_owned()));
        let request = Request {
            target: Target::Path(path),
            host: Some(certificate::NAME.to_owned()),
            lines: [lines.to_vec(), vec![number.clone()]].concat(),
            ..Request::honest()
        };
        let reply = client.send(&request, Mode::Plain).await?;
        let Reply::Answer(answer) = reply else {
            return Ok(Verdict::Wrong(vec![format!("no answer: {reply:?}")]));
        };
        let own = ("x-number".to_owned(), number.1);
        if !answer.headers.contains(&own) {
            return Ok(Verdict::Wrong(vec!["the answer is another's".to_owned()]));
        }
    }
    Ok(Verdict::True)
}
