//! Lists the public API in a file of rustdoc's JSON, one item to a line, for `.ci/api`.

use std::{env, error::Error, io::Write};

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args_os().nth(1).ok_or("usage: list-api FILE")?;
    // `tests/auto_traits.rs` checks the auto traits.
    let api = public_api::Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    let mut out = std::io::stdout().lock();
    for item in api.items() {
        writeln!(out, "{item}")?;
    }
    Ok(())
}
