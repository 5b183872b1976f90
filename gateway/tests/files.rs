//! Static files: what Werkzeug's `SharedDataMiddleware` and other servers were seen to do, and what is right.
//! `files/cases.jsonl` has the cases as data, the other files of `files/` those where data does not do;
//! `files/elsewhere.txt` says where. `files/ids.txt` lists all of them.

#![cfg(unix)]

mod files {
    mod data;
    mod fixture;
    mod ids;
    mod laws;
    mod places;
    mod races;
    mod reference;
    mod serving;
    mod trees;
    mod visibility;
}
