//! The program does what its head says.

#![cfg(unix)]

#[path = "../../../tests/heads/mod.rs"]
mod heads;

#[test]
fn as_its_head_says() {
    let program = env!("CARGO_BIN_EXE_proxyfix-example-actix").as_ref();
    let source = include_str!("../src/main.rs");
    heads::run(program, source, "127.0.0.1:0", &["-p", "proxyfix-example-actix"]);
}
