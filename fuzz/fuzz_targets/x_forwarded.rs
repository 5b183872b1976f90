#![no_main]

#[path = "../../tests/laws/mod.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    laws::x_forwarded(data);
    laws::x_scalars(data);
    laws::x_edge(data);
});
