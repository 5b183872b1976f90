//! The parts of `docs/PERFORMANCE.md` and `gateway/docs/PERFORMANCE.md` that programs write.

use std::{fs, path::PathBuf};

use tabled::{builder::Builder, settings::Style};

/// The document that has a part of this name.
fn path(name: &str) -> PathBuf {
    PathBuf::from(match name {
        "gateway" => concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/docs/PERFORMANCE.md"),
        _ => concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/PERFORMANCE.md"),
    })
}

/// The text of the document between `<!-- name -->` and `<!-- /name -->`.
///
/// # Panics
/// If the document, or this part of it, does not exist.
pub fn part(name: &str) -> String {
    split(name).1
}

/// Replaces the text of the document there.
///
/// # Panics
/// If the document, or this part of it, does not exist or cannot be written.
pub fn replace(name: &str, text: &str) {
    let (before, _, after) = split(name);
    fs::write(path(name), format!("{before}{text}{after}")).expect("the document takes text");
}

fn split(name: &str) -> (String, String, String) {
    let document = fs::read_to_string(path(name)).expect("the document");
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let parts = document.split_once(&open).and_then(|(before, rest)| {
        let (part, after) = rest.split_once(&close)?;
        Some((format!("{before}{open}"), part.to_owned(), format!("{close}{after}")))
    });
    parts.unwrap_or_else(|| panic!("docs/PERFORMANCE.md has no part {name}"))
}

/// A table in Markdown, with blank lines around it.
pub fn table<R: IntoIterator<Item = String>>(rows: impl IntoIterator<Item = R>) -> String {
    let mut builder = Builder::default();
    rows.into_iter().for_each(|row| builder.push_record(row));
    format!("\n{}\n\n", builder.build().with(Style::markdown()))
}

/// A number with commas.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
