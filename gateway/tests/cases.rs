//! What the originals and other proxies were seen to do with a request, and what is right: `cases/reverse.jsonl` and
//! `cases/mounts.jsonl` as data, the other files of `cases/` where data does not do, and `cases/elsewhere.txt` where another test has the
//! case. `cases/ids.txt` lists all of them.

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
    mod loops;
    mod mapping;
    mod mounts;
    mod streams;
    mod targets;
    mod tls;
    mod upgrades;
}
