//! Static files beside what nobody here wrote.
//!
//! 1. `suites`: requests of nginx-tests and of Go's tests, restated in `files/suites/`. Each difference of ours has a
//!    reason in `servers/suites.rs`. `suites_there` sends the same requests to a real nginx and to Go: they answer as the
//!    lines say.
//! 2. `beside`: some hundred requests to ours and to eleven other servers of the same folder. What most of them answer
//!    otherwise has a name and a reason in `servers/names.rs`, and each name occurs. `SERVERS_SEED=7` makes other
//!    requests.
//! 3. `redbot`: what redbot says of our answers. No note is bad, and each warning has a reason in `servers/redbot.rs`.
//! 4. `spelling`: on a file system that ignores case, a name has one spelling.
//!
//! `cargo test -p proxyfix-gateway --features files --test servers -- --ignored --nocapture` prints what was counted. A
//! server that is not installed is not compared, and the output says so; with `GATEWAY_ALL_PROGRAMS=1` that is an error.

#![cfg(unix)]

#[path = "servers/beside.rs"]
mod beside;
#[path = "servers/facts.rs"]
mod facts;
#[path = "servers/names.rs"]
mod names;
#[path = "clients/programs.rs"]
#[allow(dead_code, reason = "each test uses a part")]
mod programs;
#[path = "servers/redbot.rs"]
mod redbot;
#[path = "servers/requests.rs"]
mod requests;
#[path = "servers/running.rs"]
mod running;
#[path = "servers/spelling.rs"]
mod spelling;
#[path = "servers/suites.rs"]
mod suites;
#[path = "servers/tree.rs"]
mod tree;
#[path = "corpora/wire/mod.rs"]
#[allow(dead_code, reason = "each test uses a part")]
mod wire;

use std::time::Duration;

use self::tree::Tree;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn suites() {
    let tree = Tree::new();
    let server = suites::ours(&tree).await;
    let (nginx, go) = (suites::lines(suites::NGINX), suites::lines(suites::GO));
    let wrong = [suites::wrong(&nginx, server).await, suites::wrong(&go, server).await];
    let differing = suites::differing(&wrong);
    for suite in ["range", "range_if_range", "not_modified"] {
        println!("nginx-tests {suite}: {} checks", suites::checks_of(&nginx, suite));
    }
    println!(
        "nginx-tests: {} requests, {} are answered otherwise; Go: {} and {}; {differing} by name",
        nginx.len(),
        wrong[0].len(),
        go.len(),
        wrong[1].len(),
    );
}

#[tokio::test]
#[ignore = "needs nginx and Go; .ci/run runs it"]
async fn suites_there() {
    let tree = Tree::new();
    let nginx = running::nginx(&tree, "nginx-suites.conf");
    let servers = [("nginx", suites::NGINX, nginx), ("Go", suites::GO, running::go(&tree, true))];
    for (name, table, server) in servers {
        let Some(server) = server else { continue };
        let lines = suites::lines(table);
        let wrong = suites::wrong(&lines, server.address()).await;
        assert!(wrong.is_empty(), "{name} answers otherwise: {wrong:#?}");
        println!("{name} answers all {} requests as they say", lines.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the other servers, crates.io and npm; .ci/run runs it"]
async fn beside() {
    let seed = std::env::var("SERVERS_SEED").ok().and_then(|seed| seed.parse().ok());
    beside::compare(seed).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python 3.11 and PyPI; .ci/run runs it"]
async fn redbot() {
    redbot::check().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs rclone and FUSE; .ci/run runs it"]
async fn spelling() {
    spelling::check().await;
}
