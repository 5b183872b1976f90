//! The forward proxy: what wsgiprox and its peers were seen to do, and what is right. `forward/cases.jsonl` has the cases as
//! data, the other files of `forward/` those where data does not do; `forward/elsewhere.txt` says where.
//! `forward/ids.txt` lists all of them.

mod forward {
    #[allow(dead_code, reason = "each test uses a part")]
    mod application;
    #[allow(dead_code, reason = "each test uses a part")]
    mod front;
    #[allow(dead_code, reason = "each test uses a part")]
    mod wire;

    #[cfg(unix)]
    mod authority;
    mod basics;
    mod data;
    mod http2;
    mod ids;
    mod others;
    mod proofs;
    mod sockets;
    mod tunnels;
}
