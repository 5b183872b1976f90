//! The keys of a configuration in `--help`: the table of the library's documentation.

/// The documentation of the library, by a symbolic link to the file in `src/`.
const DOCUMENT: &str = include_str!("crate.md");

/// The help of a subcommand, followed by the keys.
pub(crate) fn help(text: &str) -> String {
    let rows = rows().map(|(keys, values, meaning)| format!("  {keys}: {values}\n      {meaning}"));
    format!(
        "{text}\n\nKeys of CONFIG, written KEY=VALUE; several ways in are separated by ' ; ':\n{}",
        rows.collect::<Vec<_>>().join("\n")
    )
}

/// The keys of each row, their values, the default first, and their meaning.
fn rows() -> impl Iterator<Item = (String, String, String)> {
    let rows = DOCUMENT.lines().skip_while(|line| !line.starts_with("| key |")).skip(2);
    rows.map_while(|row| {
        let mut cells = row.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").map(plain);
        Some((cells.next()?, cells.next()?, cells.next()?))
    })
}

/// Text without Markdown syntax, and without a link to a type at its end.
fn plain(cell: &str) -> String {
    let text = cell.split(": [`").next().unwrap_or(cell);
    text.replace(['`', '[', ']'], "")
}

#[cfg(test)]
mod tests {
    use super::rows;

    /// Each key of the library is in the help, and no other is.
    #[test]
    fn all_keys() {
        let error = "no-such-key=".parse::<proxyfix::Config>();
        let error = error.unwrap_err().to_string();
        let (_, known) = error.split_once("expected one of ").unwrap();
        let mut known: Vec<_> = known.split(", ").map(str::to_owned).collect();
        let keys = rows().flat_map(|(keys, ..)| {
            keys.split([' ', ','])
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
        let mut keys: Vec<_> = keys.collect();
        known.sort_unstable();
        keys.sort_unstable();
        assert_eq!(keys, known);
    }
}
