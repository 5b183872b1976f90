//! What the originals and other proxies were seen to do with a request, and what is right: `cases/reverse.jsonl` as data,
//! `cases/hooks.rs`, `cases/upgrades.rs`, `cases/http2.rs` and `cases/tls.rs` where data does not do, and `cases/elsewhere.txt` where
//! another test has the case. `cases/ids.txt` lists all of them.

#[path = "laws/capture.rs"]
mod capture;
mod net;

mod cases {
    mod check;
    mod data;
    mod framing;
    mod hooks;
    mod http2;
    mod ids;
    mod mapping;
    mod targets;
    mod tls;
    mod upgrades;
}
